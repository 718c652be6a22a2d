"""What 2.8 refuses, and what it makes of the rest for the provider of a route."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway_core.providers.mlflow28 import Mlflow28Facts
from gateway_core.routes import Route
from gateway_core.server.dialects.base import Refusal
from gateway_core.server.dialects.bodies import message_of, params_of
from gateway_core.server.dialects.mlflow_facts import facts_of, refuse_model
from gateway_core.types import ChatRequest, CompletionRequest, EmbeddingRequest, Request, RouteType

INSTEAD: Mapping[str, str] = {
    "num_generations": "candidate_count",
    "numResults": "candidate_count",
    "candidateCount": "candidate_count",
    "stop_sequences": "stop",
    "stopSequences": "stop",
    "maxTokens": "max_tokens",
    "maxOutputTokens": "max_tokens",
    "max_new_tokens": "max_tokens",
    "inputs": "text",
    "texts": "text",
}
"""What to write for a provider's own name."""
WORDS: Mapping[str, str] = {
    "n": "Invalid parameter `n`. Use `candidate_count` instead.",
    "top_p": "Cannot set both 'temperature' and 'top_p' parameters. Please use only the temperature "
    "parameter for your query.",
}
ONE = "'candidate_count' must be '1' for the provider of this route. Received value: '{}'."
TOO_MANY = "Invalid value for max_tokens: cannot exceed {}."
ROLE = "An invalid request structure was submitted. Invalid role {} inputted. Must be one of {}, or {}."
NO_STREAM = "Setting the 'stream' parameter to 'true' is not supported with the MLflow Gateway."
STREAM_ELSEWHERE = "There are no streams here: ask /endpoints/ or /v1/ for a stream."
OURS = frozenset(("messages", "prompt", "text", "stream", "model", "temperature", "candidate_count"))


def facts28_of(route: Route) -> Mlflow28Facts:
    """What 2.8 does for the provider of ``route``, and nothing more where nobody says."""
    known = facts_of(route)
    if isinstance(known, Mlflow28Facts):
        return known
    return Mlflow28Facts(**{name: getattr(known, name) for name in type(known).__slots__})


def request_of(route: Route, given: Mapping[str, Any]) -> Request:
    """The request in ``given``, which has the right shape. Raises `Refusal` for what 2.8 does not take."""
    facts, route_type = facts28_of(route), route.route_type
    _refuse_route(route, facts)
    _refuse_stream(given, facts)
    if given.get("model") is not None and not facts.takes_model:
        raise refuse_model()
    _refuse_names(given, facts, route_type)
    _refuse_values(given, facts, route_type)
    params = params_of(given, without=OURS, status=422)
    if (model := given.get("model")) is not None:
        params["model"] = model
    if route_type == "llm/v1/embeddings":
        text = given["text"]
        return EmbeddingRequest((text,) if isinstance(text, str) else tuple(text), params)
    _add_defaults(given, params, facts, route_type)
    if route_type == "llm/v1/chat":
        return ChatRequest(tuple(map(message_of, given["messages"])), params, stream=False)
    return CompletionRequest(given["prompt"], params, stream=False)


def _refuse_route(route: Route, facts: Mlflow28Facts) -> None:
    """A route of a kind that the provider has not: it is in the file, and whoever asks it is told."""
    if route.route_type not in route.provider.route_types:
        usual = f"{route.config.model.provider} does not offer {route.route_type}"
        raise Refusal(facts.lacking.get(route.route_type, usual), status=404)


def _refuse_stream(given: Mapping[str, Any], facts: Mlflow28Facts) -> None:
    stream = given.get("stream")
    if stream == "true" and facts.refuses_stream:
        raise Refusal(NO_STREAM, status=422, param="stream")
    if str(stream).lower() == "true":
        raise Refusal(STREAM_ELSEWHERE, status=422, param="stream")


def _refuse_names(given: Mapping[str, Any], facts: Mlflow28Facts, route_type: RouteType) -> None:
    for name in facts.refused.get(route_type, ()):
        if given.get(name) is not None:
            usual = WORDS.get(name) or f"Invalid parameter {name}. Use {INSTEAD.get(name)} instead."
            sentence = facts.words.get(route_type, {}).get(name, usual)
            raise Refusal(sentence, status=facts.refused_status.get(route_type, 422), param=name)


def _refuse_values(given: Mapping[str, Any], facts: Mlflow28Facts, route_type: RouteType) -> None:
    limit = facts.max_tokens_limit
    if limit is not None and (given.get("max_tokens") or 0) > limit:
        raise Refusal(TOO_MANY.format(limit), status=422, param="max_tokens")
    count = given.get("candidate_count", 1)
    if facts.one_candidate and count != 1:
        sentence = facts.words.get(route_type, {}).get("candidate_count", ONE).format(count)
        raise Refusal(sentence, status=422, param="candidate_count")
    for message in given.get("messages", ()) if facts.roles else ():
        if (role := message["role"]) not in facts.roles:
            *most, last = map(repr, facts.roles)
            raise Refusal(ROLE.format(role, ", ".join(most), last), status=422, param="messages")


def _add_defaults(
    given: Mapping[str, Any], params: dict[str, Any], facts: Mlflow28Facts, route_type: RouteType
) -> None:
    """Temperature, number and length of answers as 2.8 sends them, in the words of the core."""
    if facts.sends_defaults or "temperature" in given:
        params["temperature"] = facts.temperature_factor * given.get("temperature", 0.0)
    count = given.get("candidate_count", 1)
    if facts.sends_defaults or count != 1:
        params.setdefault(facts.candidates_as, count)
    if limit := facts.max_tokens.get(route_type):
        params.setdefault("max_tokens", limit)
    if facts.most_tokens is not None and "max_tokens" in params:
        params["max_tokens"] = min(params["max_tokens"], facts.most_tokens)
