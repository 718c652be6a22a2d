"""What is counted of requests, and how Prometheus is told (text format 0.0.4).

Names follow Prometheus' own advice: base units, ``_total`` for counters. Labels are few and bounded: routes
and callers are of the configuration, the rest are short lists.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from gateway_core.server.dialects.base import Asked
from gateway_core.server.metrics_file import GAUGE, CountsFile
from gateway_core.server.seams import Handled, Incoming

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_LATENCY_S = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0)
_TTFT_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)

Kind = Literal["counter", "gauge", "histogram"]


@dataclass(frozen=True, slots=True)
class Metric:
    """One family. ``bounds`` are the upper ends of a histogram's buckets."""

    name: str
    kind: Kind
    doc: str
    labels: tuple[str, ...]
    bounds: tuple[float, ...] = ()


REQUESTS = Metric(
    "gateway_requests_total",
    "counter",
    "Requests that ended, by what was answered; status 499 is a client that left before.",
    ("route", "dialect", "caller", "status"),
)
DURATION = Metric(
    "gateway_request_duration_seconds",
    "histogram",
    "From the head of a request for an answer of a model to the last byte of it.",
    ("route",),
    _LATENCY_S,
)
TTFT = Metric(
    "gateway_time_to_first_token_seconds",
    "histogram",
    "From the request to the provider to the first content of its streamed answer.",
    ("route",),
    _TTFT_S,
)
TOKENS = Metric(
    "gateway_tokens_total",
    "counter",
    "Tokens that went in and came out, as providers count them or as estimated.",
    ("route", "caller", "direction"),
)
COST = Metric(
    "gateway_cost_usd_total",
    "counter",
    "US dollars that answers cost, as far as their prices are known.",
    ("route", "caller"),
)
FAILURES = Metric(
    "gateway_call_failures_total",
    "counter",
    "Calls of routes that failed, by the type of the error.",
    ("route", "type"),
)
IN_FLIGHT = Metric("gateway_calls_in_flight", "gauge", "Calls of routes under way.", ("route",))

METRICS = (REQUESTS, DURATION, TTFT, TOKENS, COST, FAILURES, IN_FLIGHT)


class Metrics:
    """Counts requests: it sees calls begin, and is an `Observer`.

    ``route`` is the one that was asked; tokens, cost and failures are those of the route that served.
    """

    def __init__(self, counts: CountsFile) -> None:
        self._counts = counts
        self._under_way: dict[int, int] = {}
        """Where the calls under way of its route are counted, by the call."""
        self._places: dict[tuple[str, ...], int] = {}

    def admit(self, incoming: Incoming, asked: Asked) -> None:
        """A call begins."""
        place = self._under_way[id(incoming)] = self._place(IN_FLIGHT, asked.route.name)
        self._counts.add(place, 1.0)

    def finished(self, handled: Handled) -> None:
        """Count what came of a request."""
        begun = self._under_way.pop(id(handled.incoming), None)
        if begun is not None:
            self._counts.add(begun, -1.0)
        caller = handled.incoming.caller or ""
        asked, result = handled.asked, handled.result
        route = asked.route.name if asked else ""
        self._add(REQUESTS, 1.0, route, handled.dialect or "", caller, str(handled.status))
        if result is None:
            return
        self._observe(DURATION, handled.ended_s - handled.incoming.began_s, route)
        serving = result.served_by.route if result.served_by else route
        if result.error is not None:
            self._add(FAILURES, 1.0, serving, result.error.error_type)
        if result.timing.ttft_ms is not None:
            self._observe(TTFT, result.timing.ttft_ms / 1000, serving)
        if (usage := result.response.usage) is not None:
            self._add(TOKENS, float(usage.input_tokens or 0), serving, caller, "input")
            self._add(TOKENS, float(usage.output_tokens or 0), serving, caller, "output")
        if result.cost is not None:
            self._add(COST, float(result.cost.usd), serving, caller)

    def exposition(self) -> bytes:
        """The numbers of all processes of this service, as Prometheus reads them."""
        return exposed(self._counts.sums())

    def close(self) -> None:
        """Let go of the file."""
        self._counts.close()

    def _add(self, metric: Metric, amount: float, *labels: str) -> None:
        self._counts.add(self._place(metric, *labels), amount)

    def _observe(self, metric: Metric, value: float, *labels: str) -> None:
        """A histogram is a number for each bucket, one for what is above them all, and the sum."""
        place = self._place(metric, *labels)
        self._counts.add(place + bisect_left(metric.bounds, value), 1.0)
        self._counts.add(place + len(metric.bounds) + 1, value)

    def _place(self, metric: Metric, *labels: str) -> int:
        mine = (metric.name, *labels)
        if (known := self._places.get(mine)) is None:
            mark = GAUGE if metric.kind == "gauge" else ""
            count = len(metric.bounds) + 2 if metric.bounds else 1
            known = self._places[mine] = self._counts.place(mark + json.dumps(mine), count)
        return known


def exposed(sums: Mapping[str, tuple[float, ...]]) -> bytes:
    """``sums`` by key in the text format."""
    by_metric: dict[str, list[tuple[list[str], tuple[float, ...]]]] = {}
    for key, numbers in sums.items():
        name, *labels = json.loads(key.removeprefix(GAUGE))
        by_metric.setdefault(name, []).append((labels, numbers))
    lines: list[str] = []
    for metric in METRICS:
        lines += [f"# HELP {metric.name} {metric.doc}", f"# TYPE {metric.name} {metric.kind}"]
        for labels, numbers in sorted(by_metric.get(metric.name, ())):
            named = list(zip(metric.labels, labels, strict=False))
            lines += (
                _histogram(metric, named, numbers)
                if metric.bounds
                else [_line(metric.name, named, numbers[0])]
            )
    return ("\n".join(lines) + "\n").encode("utf-8", "replace")


def _histogram(metric: Metric, named: list[tuple[str, str]], numbers: tuple[float, ...]) -> Iterator[str]:
    so_far = 0.0
    for bound, number in zip((*(f"{b:g}" for b in metric.bounds), "+Inf"), numbers, strict=False):
        so_far += number
        yield _line(f"{metric.name}_bucket", [*named, ("le", bound)], so_far)
    yield _line(f"{metric.name}_sum", named, numbers[-1])
    yield _line(f"{metric.name}_count", named, so_far)


def _line(name: str, named: list[tuple[str, str]], value: float) -> str:
    said = ",".join(f'{label}="{_escaped(text)}"' for label, text in named)
    number = str(int(value)) if value == int(value) else repr(value)
    return f"{name}{{{said}}} {number}" if said else f"{name} {number}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
