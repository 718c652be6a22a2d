"""What MLflow's own gateway does to a request for Bedrock: it depends on who made the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from gateway_core.providers.base import MlflowFacts
from gateway_core.providers.bedrock.models import maker
from gateway_core.providers.mlflow28 import Mlflow28Facts

ONE_ANSWER = "'candidate_count' must be '1' for the Anthropic provider. Received value: '{}'."
OTHERS = Mlflow28Facts(takes_model=True, sends_defaults=False, finish_reasons="none", counts=False)
FACTS: Mapping[str, Mlflow28Facts] = {
    "amazon": replace(OTHERS, temperature_factor_today=0.5),
    "anthropic": replace(
        OTHERS,
        temperature_factor_today=0.5,
        one_candidate=True,
        refused={"llm/v1/completions": ("top_p",)},
        max_tokens={"llm/v1/completions": 8191},
        finish_reasons="ours",
        words={"llm/v1/completions": {"candidate_count": ONE_ANSWER}},
        most_tokens=8191,
        max_tokens_limit=1_000_000,
        refuses_stream=True,
        stops=("stop_sequence", "end_turn"),
    ),
    "cohere": replace(
        OTHERS,
        temperature_factor=5.0,
        temperature_factor_today=2.5,
        refused={"llm/v1/completions": ("num_generations", "stop_sequences")},
        refused_status={"llm/v1/completions": 400},
    ),
}
"""By maker. 2.8 left out a temperature of 0 even when it was asked for: that is not told here."""


def facts_of(model: str | None) -> MlflowFacts:
    """The facts for ``model``."""
    return FACTS.get(maker(model or "") or "", OTHERS)
