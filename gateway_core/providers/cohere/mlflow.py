"""What MLflow's own gateway does to a request for Cohere."""

from __future__ import annotations

from gateway_core.providers.mlflow28 import Mlflow28Facts

FACTS = Mlflow28Facts(
    temperature_factor=5.0,
    temperature_factor_today=2.5,
    refused={
        "llm/v1/completions": ("num_generations", "stop_sequences"),
        "llm/v1/embeddings": ("texts",),
    },
    refused_status={"llm/v1/completions": 400},
    finish_reasons="none",
    counts=False,
)
