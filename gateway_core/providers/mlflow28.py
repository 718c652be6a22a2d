"""What MLflow AI Gateway 2.8.0 does on the way to a provider, and back, that today's MLflow does not.

The facts were taken from that release as it runs: tests/server/dialects/mlflow28_recorded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway_core.providers.base import MlflowFacts
from gateway_core.types import RouteType


@dataclass(frozen=True, slots=True)
class Mlflow28Facts(MlflowFacts):
    """Read by the dialect of 2.8 alone. Its sentences are kept, because clients may look for them."""

    words: Mapping[RouteType, Mapping[str, str]] = field(default_factory=dict)
    """How it refuses a parameter, where it does not as usual; ``{}`` is what the parameter was."""
    lacking: Mapping[RouteType, str] = field(default_factory=dict)
    """How it says that the provider has no such route, for those that we do not have either."""
    roles: tuple[str, ...] = ()
    """The only roles it takes in a chat, where it does not take any."""
    most_tokens: int | None = None
    """What it asks for at most, whatever ``max_tokens`` says."""
    max_tokens_limit: int | None = None
    """Above which it refuses ``max_tokens``."""
    refuses_stream: bool = False
    """Whether it refuses a ``stream`` that is the text ``true``."""
    stops: tuple[str, ...] = ()
    """The provider's words for an end that it calls ``stop``, where it calls every other ``length``."""
    speaker: str = "assistant"
    """The role that its answers have."""
    counts: bool = True
    """Whether it tells how many tokens a call took, as far as the provider does."""
