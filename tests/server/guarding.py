"""Asking a guard as the service does."""

from collections.abc import Awaitable


async def asked_at(asking: Awaitable[None] | None) -> None:
    """Wait for what a guard said, where there is anything to wait for."""
    if asking is not None:
        await asking
