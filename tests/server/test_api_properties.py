"""The service is what its /openapi.json says: schemathesis asks it everything the document allows, and more.

The examples are the same in every run. By hand, with more of them::

    API_EXAMPLES=100 python -m pytest tests/server/test_api_properties.py
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from schemathesis import Case
from schemathesis.checks import CheckFunction, not_a_server_error
from schemathesis.specs.openapi.checks import (
    allow_header_conformance,
    content_type_conformance,
    ignored_auth,
    missing_required_header,
    negative_data_rejection,
    positive_data_acceptance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from gateway_core.config.model import Auth, Config, Credential
from gateway_core.server.door import Door
from gateway_core.server.tokens import token_hash
from tests.core.loopback import serving as upstream_serving
from tests.server.running import Running, scripted, serving
from tests.server.scenes import TOKEN, Time, bearer
from tests.server.upstreams import GARBAGE, failing, in_turn, routes_to, well

pytest_plugins = ["schemathesis.pytest.plugin"]
pytestmark = pytest.mark.no_cover
"""What it covers, other tests do on purpose; and thousands of requests take half the time without."""

EXAMPLES = int(os.environ.get("API_EXAMPLES", "1"))
"""How many times as many as in CI."""
ALWAYS: list[CheckFunction] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    missing_required_header,
    unsupported_method,
    allow_header_conformance,
]
"""Nothing here is made and deleted, so there is no use after that to be checked."""
SCRIPTED = (
    scripted("chat"),
    scripted("text", "llm/v1/completions"),
    scripted("vectors", "llm/v1/embeddings"),
)
FAILED_UPSTREAM = [502, 503, 504]
NOT_OFFERED = [501]


@contextmanager
def in_background(make: Callable[[], AbstractAsyncContextManager[Running]]) -> Iterator[Running]:
    """What ``make`` makes, living in an event loop of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def do(waiting: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(waiting, loop).result(20)

    made = make()
    try:
        running = do(made.__aenter__())
        try:
            yield running
        finally:
            do(made.__aexit__(None, None, None))
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def described(
    running: Running, examples: int, *, failures: list[int] | None = None, edges: bool = False, **headers: str
) -> Any:
    """The document of a running service; ``failures`` are statuses of 500 and more that are no fault.

    With ``edges`` also what lies at the edge of what each field allows is asked, and every other method.
    """
    fine = ["2xx", "3xx", "4xx", *(failures or [])]
    taken = ["2xx", *(failures or [])]
    limits = ["2xx", "4xx", *NOT_OFFERED]
    config = {
        "generation": {
            "mode": "all",
            "max-examples": max(1, examples * EXAMPLES),
            "deterministic": True,
            "database": "none",
        },
        "phases": {
            "coverage": {"enabled": edges},
            # What one answer says must not change what is asked next.
            "fuzzing": {"error-feedback": {"enabled": False}, "extra-data-sources": {"responses": False}},
        },
        "checks": {
            "not_a_server_error": {"expected-statuses": fine},
            "positive_data_acceptance": {"expected-statuses": taken},
        },
        "operations": [
            {
                "include-path-regex": "/limits/",
                "checks": {
                    "not_a_server_error": {"expected-statuses": limits},
                    "positive_data_acceptance": {"expected-statuses": NOT_OFFERED},
                },
            },
            {  # Any text may be a token of a page, but few are.
                "include-path-regex": "/(routes|endpoints)/$",
                "checks": {"positive_data_acceptance": {"expected-statuses": ["2xx", 400]}},
            },
        ],
    }
    url = f"http://127.0.0.1:{running.port}/openapi.json"
    return schemathesis.openapi.from_url(url, config=schemathesis.Config.from_dict(config), headers=headers)


@asynccontextmanager
async def providers(folder: Path, script: Any) -> AsyncIterator[Running]:
    """A service whose routes lead to a provider that plays ``script``."""
    async with upstream_serving(script) as provider, serving(folder, *routes_to(provider.url)) as gateway:
        yield gateway


@asynccontextmanager
async def locked(folder: Path) -> AsyncIterator[Running]:
    """A service that lets in only who has `TOKEN`."""
    nothing: Any = None
    auth = Auth((Credential("ci", token_hash(TOKEN)),))
    door = Door(lambda: Config("x", (), auth=auth), now=Time(), counts=nothing, places=nothing)
    async with serving(folder, *SCRIPTED, guard=door) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    return lambda: tmp_path_factory.mktemp("service")


@pytest.fixture(scope="module")
def scripted_api(folder):
    with in_background(lambda: serving(folder(), *SCRIPTED)) as running:
        yield described(running, 5, edges=True)


@pytest.fixture(scope="module")
def good_api(folder):
    with in_background(lambda: providers(folder(), well)) as running:
        yield described(running, 6, failures=NOT_OFFERED)


@pytest.fixture(scope="module")
def failing_api(folder):
    with in_background(lambda: providers(folder(), failing())) as running:
        yield described(running, 2, failures=[500, *FAILED_UPSTREAM, *NOT_OFFERED])


@pytest.fixture(scope="module")
def garbled_api(folder):
    with in_background(lambda: providers(folder(), in_turn(*GARBAGE))) as running:
        yield described(running, 2, failures=[*FAILED_UPSTREAM, *NOT_OFFERED])


@pytest.fixture(scope="module")
def locked_api(folder):
    with in_background(lambda: locked(folder())) as running:
        yield described(running, 2, authorization=bearer(TOKEN))


def whole_fraction(value: Any) -> bool:
    """True when a number in ``value`` is written as a fraction but is whole: JSON schema takes it for an
    integer, this service does not.
    """
    if isinstance(value, Mapping):
        return any(map(whole_fraction, value.values()))
    if isinstance(value, list):
        return any(map(whole_fraction, value))
    return isinstance(value, float) and value.is_integer()


def always(case: Case[Any]) -> list[CheckFunction]:
    """`ALWAYS`; but no texts at all, which MLflow 2.8 sends on, may be too little for an answer."""
    if isinstance(case.body, Mapping) and case.body.get("text") == []:
        return [check for check in ALWAYS if check is not not_a_server_error]
    return ALWAYS


@schemathesis.pytest.from_fixture("scripted_api").parametrize()
def test_what_the_document_allows_is_answered_as_it_says_and_the_rest_is_refused(case: Case[Any]):
    checks = list(always(case))
    if checks == ALWAYS and not whole_fraction(case.body):
        checks.append(positive_data_acceptance)
    if not case.path.startswith("/gateway/"):  # MLflow 2.8 takes "0.5" and true for numbers
        checks.append(negative_data_rejection)
    case.call_and_validate(checks=checks)


@schemathesis.pytest.from_fixture("good_api").include(method="POST").parametrize()
def test_no_request_is_too_odd_for_a_provider_that_answers_well(case: Case[Any]):
    case.call_and_validate(checks=always(case))


@schemathesis.pytest.from_fixture("failing_api").include(method="POST").parametrize()
def test_the_failures_of_a_provider_are_told_as_the_document_says(case: Case[Any]):
    case.call_and_validate(checks=always(case))


@schemathesis.pytest.from_fixture("garbled_api").include(method="POST").parametrize()
def test_the_garbage_of_a_provider_is_told_as_the_document_says(case: Case[Any]):
    case.call_and_validate(checks=always(case))


@schemathesis.pytest.from_fixture("locked_api").parametrize()
def test_nothing_is_told_without_a_token(case: Case[Any]):
    case.call_and_validate(checks=[*always(case), ignored_auth], headers={"Authorization": bearer(TOKEN)})
