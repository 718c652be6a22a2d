"""Translations of parameters that are asked for again and again, as programs do that call a service."""

from __future__ import annotations

from collections.abc import Callable

from gateway_core.providers.base import Translated
from gateway_core.types import Request

MOST_KNOWN = 256
_PLAIN = frozenset((int, float, bool, str))


class Remembered:
    """What one provider made of parameters before. What it makes of them must depend on nothing else."""

    def __init__(self) -> None:
        self._known: dict[object, Translated] = {}

    def of(self, request: Request, translate: Callable[[Request], Translated]) -> Translated:
        """What ``translate`` makes of the parameters of ``request``; its ``body`` is not to be changed."""
        params = request.params
        if not _PLAIN.issuperset([type(value) for value in params.values()]):
            return translate(request)
        # 1, 1.0 and True are equal, and travel differently.
        key = (type(request), *[(name, type(value), value) for name, value in params.items()])
        if (known := self._known.get(key)) is None:
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            known = self._known[key] = translate(request)
        return known
