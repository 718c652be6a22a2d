"""Every case that MLflow AI Gateway 2.8.0 was recorded with, put to our service.

The provider must be asked the same and the client be answered the same, but for what `different28` lists.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.server.dialects.different28 import ANSWERS, SENDS, TELLS, Answers, Sends, Tells
from tests.server.dialects.recorded28 import Case, Provider, cases, provider, routes, without_date
from tests.server.running import Running, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")

CASES = cases()
PLAIN = "Internal Server Error"
MARKS_OF_A_CHOICE = ("str", "list[str]")


@dataclass(repr=False)
class Stage:
    """Our service with all recorded routes, and the provider behind them."""

    service: Running
    provider: Provider

    async def play(self, case: Case) -> httpx.Response:
        """Our answer to the case."""
        self.provider.reply = case.said["reply"]
        self.provider.asked.clear()
        url, headers = f"/gateway/{case.route}/invocations", {"content-type": "application/json"}
        return await self.service.http.post(url, content=case.body, headers=headers)

    def sent(self, case: Case) -> list[dict[str, Any]]:
        """What the provider got, in the form of the recording."""
        names = case.said["sent"]["headers"] if case.said["sent"] else ()
        return [
            {
                "path": one["path"],
                "headers": {name: without_date(one["headers"].get(name, "")) for name in names},
                "body": one["body"],
            }
            for one in self.provider.asked
        ]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    async with provider() as told, serving(tmp_path_factory.mktemp("28"), *routes(told.url)) as service:
        yield Stage(service, told)


def otherwise(case: Case) -> Answers | None:
    """The row of our own answer to the case, if there is one."""
    return next((row for row in ANSWERS if row.concerns(str(case))), None)


def is_asked(case: Case) -> bool:
    """Whether the provider is to be asked."""
    row = otherwise(case)
    return case.said["sent"] is not None if row is None or row.asked is None else row.asked


def sends(case: Case) -> list[dict[str, Any]]:
    """What the provider is to get from us, where 2.8 asks it too."""
    if not is_asked(case):
        return []
    sent = case.said["sent"]
    for row in SENDS:
        if row.concerns(str(case)):
            sent = row.instead(sent)
    return [sent]


def check_answer(case: Case, answer: httpx.Response) -> None:
    """Status and body are those of 2.8."""
    told, said, theirs = case.answer, answer.json(), case.answer.get("detail")
    for row in TELLS:
        if row.concerns(str(case)):
            told = row.instead(told)
    assert answer.status_code == case.status
    if isinstance(theirs, list) and case.said["sent"] is None:
        assert places(said["detail"]) == places(theirs)
    else:
        assert said == told


def places(detail: list[dict[str, Any]]) -> set[tuple[str, ...]]:
    """Where the flaws of a body are; in which words they are told depends on the release of pydantic."""
    return {tuple(str(part) for part in flaw["loc"] if part not in MARKS_OF_A_CHOICE) for flaw in detail}


def check_cause(case: Case, answer: httpx.Response) -> None:
    """Where 2.8 says no more than that it failed: an answer, or what went wrong."""
    said, theirs = answer.json(), case.said["reply"]["status"]
    if answer.status_code == 200:
        assert theirs == 200
        assert said["candidates"][0]
        return
    assert answer.status_code == (502 if theirs == 200 else theirs)
    assert isinstance(said["detail"], str)
    assert said["detail"] not in ("", PLAIN)


@pytest.mark.parametrize("case", [case for case in CASES if otherwise(case) is None], ids=str)
async def test_the_provider_is_asked_and_the_client_answered_as_by_2_8(stage: Stage, case: Case):
    answer = await stage.play(case)

    assert stage.sent(case) == sends(case)
    if case.answer is None:
        check_cause(case, answer)
    else:
        check_answer(case, answer)


@pytest.mark.parametrize("case", [case for case in CASES if otherwise(case)], ids=str)
async def test_what_is_answered_otherwise_is_answered_as_listed(stage: Stage, case: Case):
    answer = await stage.play(case)

    row = otherwise(case)
    assert row is not None
    assert len(stage.provider.asked) == is_asked(case)
    if case.said["sent"] is not None:  # else there is nothing of 2.8 to compare it with
        assert stage.sent(case) == sends(case)
    assert answer.json() != case.answer
    assert answer.status_code == row.status
    assert any(said in answer.text for said in row.says.split("|"))


@pytest.mark.parametrize(
    "row", [*SENDS, *TELLS, *ANSWERS], ids=lambda row: f"{type(row).__name__} {row.cases}"
)
async def test_no_row_is_in_vain(row: Sends | Tells | Answers):
    concerned = [case for case in CASES if row.concerns(str(case)) and concerns(row, case)]

    assert concerned
    for case in concerned:
        if isinstance(row, Sends):
            assert row.instead(case.said["sent"]) != case.said["sent"], case
        elif isinstance(row, Tells):
            assert row.instead(case.answer) != case.answer, case


def concerns(row: Sends | Tells | Answers, case: Case) -> bool:
    """Whether the case has what the row changes, and no other row comes first."""
    if isinstance(row, Sends):
        return case.said["sent"] is not None and is_asked(case)
    return otherwise(case) is (row if isinstance(row, Answers) else None)


async def test_the_recording_is_large_and_of_every_provider():
    assert len(CASES) == len({str(case) for case in CASES}) > 850
    assert {case.of for case in CASES} == {
        *("ai21labs", "anthropic", "azure", "azuread", "bedrock", "cohere", "huggingface_tgi"),
        *("mlflow_model_serving", "mosaicml", "openai", "palm"),
    }
