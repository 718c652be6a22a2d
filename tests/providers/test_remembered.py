"""What became of parameters before is remembered, and nothing else is taken for it."""

from __future__ import annotations

import pytest

from gateway_core.providers.base import Translated
from gateway_core.providers.remembered import MOST_KNOWN, Remembered
from gateway_core.types import ChatRequest, CompletionRequest, Request


class Translating:
    """Notes what it is asked for."""

    def __init__(self) -> None:
        self.asked: list[Request] = []

    def __call__(self, request: Request) -> Translated:
        self.asked.append(request)
        return Translated(dict(request.params))


def test_the_same_parameters_are_translated_once():
    translating, remembered = Translating(), Remembered()
    both = [remembered.of(ChatRequest((), {"n": 2, "user": "u"}), translating) for _ in range(2)]
    assert both[0] is both[1]
    assert len(translating.asked) == 1


@pytest.mark.parametrize(
    "other",
    [
        ChatRequest((), {"n": 1.0}),
        ChatRequest((), {"n": True}),
        ChatRequest((), {"n": 1, "seed": 1}),
        ChatRequest((), {"seed": 1}),
        CompletionRequest("", {"n": 1}),
    ],
    ids=repr,
)
def test_what_is_only_equal_is_not_the_same(other: Request):
    translating, remembered = Translating(), Remembered()
    remembered.of(ChatRequest((), {"n": 1}), translating)
    assert repr(remembered.of(other, translating).body) == repr(dict(other.params))
    assert len(translating.asked) == 2


def test_what_may_be_changed_from_outside_is_not_remembered():
    translating, remembered = Translating(), Remembered()
    for _ in range(2):
        remembered.of(ChatRequest((), {"stop": ["a"]}), translating)
    assert len(translating.asked) == 2


def test_only_so_much_is_remembered():
    translating, remembered = Translating(), Remembered()
    for number in range(MOST_KNOWN + 1):
        remembered.of(ChatRequest((), {"seed": number}), translating)
    remembered.of(ChatRequest((), {"seed": 0}), translating)
    assert len(translating.asked) == MOST_KNOWN + 2
