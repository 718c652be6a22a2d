"""What is worked out after an answer is complete: token estimates where none were reported, and cost.

It may load tokenizers and price lists, so it runs beside the network loop, never in it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from gateway_core import pricing, tokens
from gateway_core.calls import CallResult, Cost
from gateway_core.events import Response
from gateway_core.routes import Route
from gateway_core.types import Request, Usage


def is_quick(response: Response, route: Route) -> bool:
    """True when `settled` loads nothing and counts nothing, so that it may run in the network loop."""
    usage = response.usage
    if usage is None or not _is_whole(usage, response):
        return False
    return route.config.price is not None or route.provider.priced_as is None or pricing.is_loaded()


def settle(result: CallResult, route: Route, request: Request, at: datetime) -> CallResult:
    """``result`` with usage (estimated if the provider gave none) and cost, as far as they can be known."""
    response, cost = settled(result.response, route, request, at)
    return replace(result, response=response, cost=cost)


def settled(response: Response, route: Route, request: Request, at: datetime) -> tuple[Response, Cost | None]:
    """``response`` with its usage, and what it cost."""
    usage = _usage(response, route, request)
    cost = _cost(response, usage, route, at)
    return (response if usage is response.usage else replace(response, usage=usage)), cost


def _usage(response: Response, route: Route, request: Request) -> Usage:
    usage = response.usage
    if usage is not None and _is_whole(usage, response):
        return usage
    sent = route.with_defaults(request)
    estimate = tokens.estimate_usage(route.model_name, sent, response, tokenizer=route.config.tokenizer)
    return estimate if usage is None else replace(estimate.merged(usage), source="estimated")


def _is_whole(usage: Usage, response: Response) -> bool:
    """Vectors have no output tokens, so nothing is missing there."""
    has_output = usage.output_tokens is not None or bool(response.embeddings)
    return usage.input_tokens is not None and has_output


def _cost(response: Response, usage: Usage, route: Route, at: datetime) -> Cost | None:
    """By the name the answer gives its model, or, where the list has none such, by the name asked for."""
    if route.config.price is None and route.provider.priced_as is None:
        return None
    for model in dict.fromkeys((response.model, route.model_name)):
        found = pricing.cost(
            model=model, provider=route.provider.priced_as, usage=usage, at=at, price=route.config.price
        )
        if found is not None:
            return found
    return None
