"""One OpenAPI 3.1 document for a route table: every path of every dialect, accurate for each route.

It says more than the models do: which names a route's provider refuses, how many answers it gives at once,
and which routes there are to choose from.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from gateway_core.routes import Route, RouteTable
from gateway_core.server.dialects.mlflow_facts import facts_of
from gateway_core.server.dialects.openapi.components import components
from gateway_core.server.dialects.openapi.operations import (
    ABSENT,
    PAGE_TOKEN,
    Operation,
    Schema,
    narrowed,
    path_parameter,
)
from gateway_core.types import RouteType

__all__ = ["document"]

TAGS: Mapping[str, str] = {
    "Routes": "Ask a route in the form of MLflow AI Gateway 2.8.",
    "Endpoints": "Ask a route in the form of today's MLflow; streams are possible.",
    "OpenAI": "What clients of OpenAI call; model names a route.",
    "Anthropic": "What clients of Anthropic call; model names a chat route.",
    "Lists": "Which routes there are, and whether the service is well.",
}
MLFLOW28: Mapping[RouteType, tuple[str, str]] = {
    "llm/v1/chat": ("Mlflow28ChatRequest", "Mlflow28ChatAnswer"),
    "llm/v1/completions": ("Mlflow28CompletionRequest", "Mlflow28CompletionAnswer"),
    "llm/v1/embeddings": ("Mlflow28EmbeddingRequest", "Mlflow28EmbeddingAnswer"),
}
TODAY: Mapping[RouteType, tuple[str, str]] = {
    "llm/v1/chat": ("MlflowChatRequest", "ChatCompletion"),
    "llm/v1/completions": ("MlflowCompletionRequest", "TextCompletion"),
    "llm/v1/embeddings": ("MlflowEmbeddingRequest", "Vectors"),
}
OPENAI: tuple[tuple[str, RouteType, str, str], ...] = (
    ("/v1/chat/completions", "llm/v1/chat", "OpenAIChatRequest", "ChatCompletion"),
    ("/v1/completions", "llm/v1/completions", "OpenAICompletionRequest", "TextCompletion"),
    ("/v1/embeddings", "llm/v1/embeddings", "OpenAIEmbeddingRequest", "Vectors"),
)
CHAT_EXAMPLE: Schema = {"messages": [{"role": "user", "content": "hello world"}], "max_tokens": 64}
EXAMPLES: Mapping[RouteType, Schema] = {
    "llm/v1/chat": CHAT_EXAMPLE,
    "llm/v1/completions": {"prompt": "hello", "max_tokens": 64},
    "llm/v1/embeddings": {"input": ["hello", "world"]},
}
EXAMPLES_OF_28: Mapping[RouteType, Schema] = {**EXAMPLES, "llm/v1/embeddings": {"text": ["hello", "world"]}}


def document(
    table: RouteTable, *, title: str, version: str, security: Mapping[str, Mapping[str, Any]] | None = None
) -> dict[str, Any]:
    """The OpenAPI document of everything that ``table`` can be asked.

    ``security`` maps names to security schemes, any one of which lets a caller in; how the service is,
    everybody may know.
    """
    paths = dict((*_invocations(table), *_routes(table), *_endpoints(table), *_v1(table), *_health()))
    said: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version},
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "paths": paths,
        "components": {"schemas": components()},
    }
    if security:
        said["components"]["securitySchemes"] = dict(security)
        said["security"] = [{name: []} for name in security]
        paths["/health"]["get"]["security"] = []
    return said


def _invocations(table: RouteTable) -> Iterator[tuple[str, Schema]]:
    """Two paths for every route: one speaks 2.8, the other today's form."""
    for route in table:
        kind, word = route.route_type, _word(route)
        asks, answers = MLFLOW28[kind]
        example = EXAMPLES_OF_28[kind]
        limits = _limits_of_28(route)
        yield (
            f"/gateway/{route.name}/invocations",
            _post(
                Operation(
                    f"gateway_{route.name}",
                    "Routes",
                    f"Ask {route.name}, a route for {word}",
                    answers,
                    "MlflowFailure",
                    narrowed(asks, limits),
                    {name: value for name, value in example.items() if limits.get(name) != ABSENT},
                )
            ),
        )
        asks, answers = TODAY[kind]
        yield (
            f"/endpoints/{route.name}/invocations",
            _post(
                Operation(
                    f"endpoints_{route.name}",
                    "Endpoints",
                    f"Ask {route.name}, an endpoint for {word}",
                    answers,
                    "MlflowFailure",
                    narrowed(asks, {"model": ABSENT}),
                    EXAMPLES[kind],
                    streams=kind != "llm/v1/embeddings",
                )
            ),
        )


def _limits_of_28(route: Route) -> dict[str, Schema]:
    """What 2.8 holds a request for this route to, beside its kind."""
    facts = facts_of(route)
    limits: dict[str, Schema] = dict.fromkeys(facts.refused.get(route.route_type, ()), ABSENT)
    if not facts.takes_model:
        limits["model"] = ABSENT
    limits["stream"] = {"enum": [False, None]}
    if facts.one_candidate and route.route_type != "llm/v1/embeddings":
        limits["candidate_count"] = {"const": 1}
    return limits


def _routes(table: RouteTable) -> Iterator[tuple[str, Schema]]:
    named = path_parameter("name", "A route.", table.names)
    limited = path_parameter("route", "A route.", table.names)
    lists = Operation("routes", "Lists", "All routes, as in MLflow 2.8", "Mlflow28Routes", "MlflowFailure")
    yield "/api/2.0/gateway/routes/", _get(lists, PAGE_TOKEN)
    one = Operation("route", "Lists", "One route, as in MLflow 2.8", "Mlflow28Route", "MlflowFailure")
    yield "/api/2.0/gateway/routes/{name}", _get(one, named)
    limits = Operation("limits", "Lists", "Not offered, as in MLflow 2.8", "MlflowFailure", "MlflowFailure")
    yield "/api/2.0/gateway/limits/{route}", _get(limits.with_status("501"), limited)
    asks = narrowed("Mlflow28LimitsRequest", {})
    set_limits = Operation(
        "set_limits", "Lists", "Not offered, as in MLflow 2.8", "MlflowFailure", "MlflowFailure", asks
    )
    yield "/api/2.0/gateway/limits/", _post(set_limits.with_status("501"))


def _endpoints(table: RouteTable) -> Iterator[tuple[str, Schema]]:
    named = path_parameter("name", "An endpoint.", table.names)
    lists = Operation(
        "endpoints", "Lists", "All routes, as today's MLflow lists them", "MlflowEndpoints", "MlflowFailure"
    )
    yield "/api/2.0/endpoints/", _get(lists, PAGE_TOKEN)
    one = Operation("endpoint", "Lists", "One of them", "MlflowEndpoint", "MlflowFailure")
    yield "/api/2.0/endpoints/{name}", _get(one, named)


def _v1(table: RouteTable) -> Iterator[tuple[str, Schema]]:
    """The paths of OpenAI and Anthropic; ``model`` is one of the routes of the right kind."""
    for path, kind, asks, answers in OPENAI:
        names = _names(table, kind)
        operation = Operation(
            path.removeprefix("/v1/").replace("/", "_"),
            "OpenAI",
            f"Ask a route for {kind.rpartition('/')[2]}",
            answers,
            "OpenAIFailure",
            _choosing(asks, names),
            {"model": next(iter(names), "route"), **EXAMPLES[kind]},
            streams=kind != "llm/v1/embeddings",
        )
        yield path, _post(operation)
    models = Operation("models", "OpenAI", "All routes, as models", "Models", "OpenAIFailure")
    yield "/v1/models", _get(models)
    model = Operation("model", "OpenAI", "One of them", "Model", "OpenAIFailure")
    yield "/v1/models/{model}", _get(model, path_parameter("model", "A route.", table.names))
    names = _names(table, "llm/v1/chat")
    example = {"model": next(iter(names), "route"), **CHAT_EXAMPLE}
    message = Operation(
        "messages",
        "Anthropic",
        "Ask a route for chat",
        "AnthropicMessage",
        "AnthropicFailure",
        _choosing("AnthropicMessageRequest", names),
        example,
        streams=True,
    )
    yield "/v1/messages", _post(message)
    count = Operation(
        "count_tokens",
        "Anthropic",
        "Count the tokens of a request",
        "AnthropicTokenCount",
        "AnthropicFailure",
        _choosing("AnthropicCountRequest", names),
        {name: value for name, value in example.items() if name != "max_tokens"},
    )
    yield "/v1/messages/count_tokens", _post(count)


def _health() -> Iterator[tuple[str, Schema]]:
    yield "/health", _get(Operation("health", "Lists", "Whether the service is well", "Health", "Health"))


def _choosing(asks: str, names: list[str]) -> Schema:
    return narrowed(asks, {"model": {"enum": names}} if names else {})


def _names(table: RouteTable, kind: RouteType) -> list[str]:
    return [route.name for route in table if route.route_type == kind]


def _word(route: Route) -> str:
    return route.route_type.rpartition("/")[2]


def _post(operation: Operation) -> Schema:
    return {"post": operation.written()}


def _get(operation: Operation, *parameters: Schema) -> Schema:
    return {"get": replace(operation, parameters=parameters).written()}
