"""What is plain is right, and is taken as it stands."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway_core.server.dialects.openai import bodies
from gateway_core.server.dialects.openai.plain import is_plain_chat

HI = [{"role": "user", "content": "hi"}]
NAMES = sorted(
    {"max_tokens", "max_completion_tokens", "temperature", "top_p", "n", "seed", "frequency_penalty"}
    | {"presence_penalty", "stream", "stop", "tools", "user", "logprobs", "unknown"}
)
VALUES = (
    st.none()
    | st.booleans()
    | st.integers(-130, 130)
    | st.sampled_from([0.0, 1.0, 2.0, -2.0, 0.3, 2.1, -0.1, 1e300])
    | st.text(max_size=3)
    | st.lists(st.integers(), max_size=2)
)
MESSAGES = st.lists(
    st.dictionaries(st.sampled_from(["role", "content", "name"]), VALUES, max_size=3)
    | st.fixed_dictionaries({"role": st.text(max_size=3), "content": st.text(max_size=3)}),
    max_size=3,
)


@given(
    st.fixed_dictionaries(
        {"model": st.just("chat") | VALUES, "messages": st.just(HI) | MESSAGES | VALUES},
        optional=dict.fromkeys(NAMES, VALUES),
    )
)
def test_what_is_plain_is_taken_unchanged_by_the_whole_check(body: dict[str, Any]):
    if is_plain_chat(body):
        taken = bodies.CHAT.validate_json(json.dumps(body))
        assert taken == body
        assert [type(value) for value in taken.values()] == [type(value) for value in body.values()]


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"max_tokens": 1, "max_completion_tokens": 5, "n": 128, "seed": -7, "stream": True},
        {"temperature": 0.0, "top_p": 1.0, "frequency_penalty": -2.0, "presence_penalty": 2.0},
    ],
)
def test_what_most_programs_send_is_plain(more: dict[str, Any]):
    assert is_plain_chat({"model": "chat", "messages": HI, **more})


@pytest.mark.parametrize(
    "odd",
    [
        [],
        {"messages": HI},
        {"model": "chat"},
        {"model": 1, "messages": HI},
        {"model": "chat", "messages": []},
        {"model": "chat", "messages": "hi"},
        {"model": "chat", "messages": ["hi"]},
        {"model": "chat", "messages": [{"role": "user"}]},
        {"model": "chat", "messages": [{"role": "user", "content": None}]},
        {"model": "chat", "messages": [{"role": "user", "content": "hi", "name": "ann"}]},
        {"model": "chat", "messages": HI, "temperature": 1},
        {"model": "chat", "messages": HI, "temperature": 2.1},
        {"model": "chat", "messages": HI, "n": True},
        {"model": "chat", "messages": HI, "stop": "x"},
    ],
)
def test_anything_else_is_left_to_the_whole_check(odd: Any):
    assert not is_plain_chat(odd)
