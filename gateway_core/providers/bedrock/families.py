"""How the families of models want a text to be continued: every maker has a form of its own."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway_core.providers.base import ParamTable, Translated, translate_params
from gateway_core.providers.bedrock import family_params as params_of
from gateway_core.providers.bedrock.claude import settle_claude
from gateway_core.providers.bedrock.models import base_id
from gateway_core.types import CompletionRequest

Body = dict[str, Any]

DEFAULT_MAX_TOKENS = 4096
"""For Claude, which must be given a limit."""
HUMAN, ASSISTANT = "\n\nHuman:", "\n\nAssistant:"


@dataclass(frozen=True, slots=True)
class Family:
    """What one family is sent. ``body`` makes it of a prompt and the translated parameters."""

    who: str
    known: ParamTable
    body: Callable[[str, Body], Body]
    streaming: Mapping[str, Any] = field(default_factory=dict)
    """What a body says in addition to have the answer streamed."""
    streams: bool = True


def family_of(model: str) -> Family | None:
    """The family of ``model``; ``None`` for one that is asked through Converse."""
    name = base_id(model)
    return next((family for pattern, family in FAMILIES.items() if re.match(pattern, name)), None)


def completion_body(request: CompletionRequest, family: Family, model: str) -> Translated:
    """The body by which ``model`` of ``family`` continues the prompt of ``request``."""
    asked = params_of.meant(request.params, model)
    lost = settle_claude(asked, model, thinks=False)
    said = translate_params(asked, family.known, provider=family.who)
    streaming = family.streaming if request.stream else {}
    whole = f"{family.who} does not stream: its answer comes in one piece"
    remarks = (whole,) if request.stream and not family.streams else ()
    body = {**family.body(request.prompt, said.body), **streaming}
    return Translated(body, (*said.warnings, *lost), remarks)


def _prompt(prompt: str, params: Body) -> Body:
    return {"prompt": prompt, **params}


def _user(prompt: str, params: Body) -> Body:
    return {"messages": [{"role": "user", "content": prompt}], **params}


def _message(prompt: str, params: Body) -> Body:
    return {"message": prompt, **params}


def _titan(prompt: str, params: Body) -> Body:
    return {"inputText": prompt, **({"textGenerationConfig": params} if params else {})}


def _claude_text(prompt: str, params: Body) -> Body:
    """Claude 1 and 2 refuse a prompt that is not written as a turn of the human."""
    if prompt.startswith(f"{HUMAN.strip()} "):
        prompt = f"\n\n{prompt}"
    if not prompt.startswith(HUMAN):
        prompt = f"{HUMAN} {prompt}"
    if not prompt.endswith(ASSISTANT):
        prompt += ASSISTANT
    stops = [*(stop for stop in params.get("stop_sequences", ()) if stop != HUMAN), HUMAN]
    return {"prompt": prompt, "max_tokens_to_sample": DEFAULT_MAX_TOKENS, **params, "stop_sequences": stops}


def _claude(prompt: str, params: Body) -> Body:
    version = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": DEFAULT_MAX_TOKENS}
    return {**version, **_user(prompt, params)}


FAMILIES: Mapping[str, Family] = {
    r"anthropic\.claude-(v1|v2|instant)": Family(
        "Claude's text completion", params_of.CLAUDE_TEXT, _claude_text
    ),
    r"anthropic\.": Family("Claude", params_of.CLAUDE, _claude),
    r"amazon\.titan-(text|tg1)": Family("Titan", params_of.TITAN, _titan),
    r"ai21\.(j2|jurassic)": Family("Jurassic-2", params_of.JURASSIC, _prompt, streams=False),
    r"ai21\.": Family("Jamba", params_of.JAMBA, _user),
    r"cohere\.command-r": Family("Command R", params_of.COMMAND_R, _message),
    r"cohere\.command": Family("Command", params_of.COMMAND, _prompt, streaming={"stream": True}),
    r"meta\.llama": Family("Llama", params_of.LLAMA, _prompt),
    r"mistral\.(mistral-(7b|large-2402|small-2402)|mixtral)": Family("Mistral", params_of.MISTRAL, _prompt),
}
"""By the beginning of a model's id; the first that fits counts."""
