"""Facts about OpenAI's parameters and models that decide how they are asked; others build on the tables.

To be kept up as models come and go.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from gateway_core.providers.base import Param, ParamTable, Translated
from gateway_core.providers.openai_params import Quirk, as_is, how_many, translate, unsupported
from gateway_core.suggest import listed
from gateway_core.types import ChatRequest, CompletionRequest, EmbeddingRequest, Params, Request

__all__ = [
    "CHAT",
    "ELSEWHERE_ONLY",
    "EMBEDDING",
    "QUIRKS",
    "SAMPLING_ONLY",
    "TEXT",
    "Quirk",
    "as_is",
    "completes_by_chat",
    "family",
    "how_many",
    "misplaced",
    "reasons",
    "translate",
    "unsupported",
]

ELSEWHERE_ONLY = ("top_k", "min_p", "repeat_penalty", "repetition_penalty")
"""What other servers with this wire format have, and OpenAI has not."""

CHAT: ParamTable = {
    "max_tokens": Param("max_tokens", low=1),
    "max_completion_tokens": Param("max_completion_tokens", low=1),
    "temperature": Param("temperature", low=0, high=2),
    "top_p": Param("top_p", low=0, high=1),
    "n": Param("n", low=1, high=128),
    "stop": Param("stop", most=4),
    "presence_penalty": Param("presence_penalty", low=-2, high=2),
    "frequency_penalty": Param("frequency_penalty", low=-2, high=2),
    "top_logprobs": Param("top_logprobs", low=0, high=20),
    **as_is("seed", "logprobs", "logit_bias", "response_format", "reasoning_effort", "user"),
    **as_is("tools", "tool_choice", "parallel_tool_calls"),
    **unsupported("dimensions", *ELSEWHERE_ONLY),
}
TEXT: ParamTable = {
    **CHAT,
    "max_completion_tokens": Param("max_tokens", low=1),
    "logprobs": Param("logprobs", low=0, high=5, convert=how_many),
    "top_logprobs": Param("logprobs", low=0, high=5),
    **unsupported("tools", "tool_choice", "parallel_tool_calls", "response_format", "reasoning_effort"),
}
"""The old endpoint counts alternatives in ``logprobs`` itself."""
EMBEDDING: ParamTable = {**unsupported(*CHAT), "dimensions": Param("dimensions", low=1), **as_is("user")}

CHAT_MODELS = re.compile(r"(gpt-3\.?5-turbo|gpt-[4-9]|gpt-chat|chatgpt-|o\d)(?!.*instruct)")
"""What a completions route reaches through chat; every other name has ``/completions``."""

SAMPLING = ("temperature", "top_p", "presence_penalty", "frequency_penalty")
SAMPLING_ONLY = unsupported(*SAMPLING, "logit_bias", "logprobs", "top_logprobs")


def reasons(params: Params) -> bool:
    """Whether a model that may also do without is to reason."""
    return params.get("reasoning_effort") != "none"


QUIRKS = (
    Quirk(r"o\d|gpt-[5-9]", {"max_tokens": Param("max_completion_tokens", low=1)}),
    Quirk(r"(o\d|gpt-5(?!\.))(?!.*chat)", SAMPLING_ONLY),
    Quirk(r"(gpt-5\.|gpt-[6-9])(?!.*chat)", SAMPLING_ONLY, reasons, ", while it reasons,"),
    Quirk(r"o3(?!-mini)|o4-mini|gpt-5(?!\.[5-9])(?!.*chat)", unsupported("stop")),
)
"""Models that reason refuse ``max_tokens``, and to be sampled otherwise than by default while they do.

``stop`` is refused by o3 and o4-mini, as their reference says, and by gpt-5 up to gpt-5.4, as those found
who tried: "Unsupported parameter: 'stop' is not supported with this model".
"""


def family(model: str | None) -> str:
    """A model's name without who tuned or resells it, as in ``ft:gpt-4o:us`` and ``openai/gpt-4o``."""
    return (model or "").lower().removeprefix("ft:").rpartition("/")[2]


TABLES: Mapping[type, ParamTable] = {ChatRequest: CHAT, CompletionRequest: TEXT, EmbeddingRequest: EMBEDDING}


def translated(request: Request, model: str | None, older: tuple[Quirk, ...] = ()) -> Translated:
    """The parameters of ``request`` for a model of OpenAI; ``older`` is what its version takes otherwise."""
    who = "an embedding" if isinstance(request, EmbeddingRequest) else "OpenAI"
    quirks = (*QUIRKS, *older)
    return translate(request.params, TABLES[type(request)], model=family(model), quirks=quirks, who=who)


def completes_by_chat(model: str | None) -> bool:
    """True when a prompt for ``model`` goes to chat as one user message."""
    return CHAT_MODELS.match(family(model)) is not None


def misplaced(params: Params) -> tuple[str, ...]:
    """What to say about parameters that OpenAI has not, when it may be another server that is asked."""
    lost = [name for name in ELSEWHERE_ONLY if name in params]
    return (f"provider openai-compatible would send {listed(lost)} to this server",) if lost else ()
