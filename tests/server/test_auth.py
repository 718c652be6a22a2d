"""Who may enter: tokens and passwords, in the headers of every client, and what they are told who may not."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway_core.config.access import MAX_CREDENTIALS
from gateway_core.config.model import Auth, Credential
from gateway_core.errors import ConfigError
from gateway_core.server.auth import MOST_WAITING, Register, shown
from gateway_core.server.door import Door
from gateway_core.server.seams import NotAdmitted
from gateway_core.server.tokens import (
    hashes_in,
    new_token,
    password_fits,
    password_hash,
    token_hash,
)
from tests.server.guarding import asked_at
from tests.server.scenes import NOON, OTHER_TOKEN, TOKEN, Time, asked, basic, bearer, incoming, table

# Of the password "correct horse", with parameters that take no time.
QUICK = "scrypt:10:1:1:c2FsdHNhbHRzYWx0c2FsdA:Tf2v_O-XNjurweDC74rfrJVPMpklmBsABP0EWP2pIbA"
PASSWORD = "correct horse"


def register(time: Time | None = None, **more: Any) -> Register:
    token = Credential("ci", token_hash(TOKEN), **more)
    users = (Credential("ann", QUICK), Credential("bob", QUICK.replace("Tf2v", "Tf3v")))
    return Register(Auth((token,), users), time or Time())


async def name_of(known: Register, **headers: str) -> str:
    return (await known.identify(incoming(**headers).raw_headers)).name


async def refusal(known: Register, **headers: str) -> NotAdmitted:
    with pytest.raises(NotAdmitted) as caught:
        await name_of(known, **headers)
    return caught.value


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": bearer(TOKEN)},
        {"authorization": f"bearer  {TOKEN} "},
        {"x_api_key": TOKEN},
        {"api_key": TOKEN},
        {"authorization": basic("whoever", TOKEN)},
        {"authorization": bearer(TOKEN), "x_api_key": "of another kind"},
        {"x_api_key": TOKEN, "api_key": TOKEN},
    ],
)
async def test_a_token_is_known_wherever_a_client_puts_it(headers: dict[str, str]):
    assert await name_of(register(), **headers) == "ci"


async def test_a_password_is_known_again_and_again():
    known = register()
    assert [await name_of(known, authorization=basic("ann", PASSWORD)) for _ in range(3)] == ["ann"] * 3


@pytest.mark.parametrize(
    ("headers", "sentence"),
    [
        ({}, "say who asks: send a token as Authorization: Bearer"),
        ({"authorization": bearer(OTHER_TOKEN)}, "the token is not known here"),
        ({"authorization": bearer("")}, "the Authorization header must be Bearer with a token, or Basic"),
        ({"authorization": "Digest abc"}, "the Authorization header must be Bearer with a token, or Basic"),
        ({"authorization": "Basic §"}, "what follows Basic in the Authorization header is not base64"),
        ({"authorization": "Basic YW5u"}, "what follows Basic in the Authorization header holds no colon"),
        ({"authorization": basic("ann", "wrong")}, "the user or the password is not known here"),
        ({"authorization": basic("bob", PASSWORD)}, "the user or the password is not known here"),
        ({"authorization": basic("nobody", PASSWORD)}, "the user or the password is not known here"),
        ({"authorization": basic("ci", "")}, "the user or the password is not known here"),
        ({"x_api_key": TOKEN, "api_key": OTHER_TOKEN}, "the request says twice, and not the same"),
        ({"authorization": bearer("x" * 5000)}, "the token is far too long to be one"),
        ({"authorization": bearer("\udcff")}, "the token is not known here"),
    ],
)
async def test_whoever_is_not_known_gets_a_401_that_says_what_to_send(headers: dict[str, str], sentence: str):
    raw = [(k.replace("_", "-").encode(), v.encode("utf-8", "surrogateescape")) for k, v in headers.items()]
    with pytest.raises(NotAdmitted) as caught:
        await register().identify(raw)
    assert caught.value.message.startswith(sentence)
    assert caught.value.status == 401
    assert caught.value.headers["www-authenticate"].startswith('Bearer realm="gateway", Basic ')


async def test_two_different_authorization_headers_are_refused():
    raw = [(b"authorization", bearer(TOKEN).encode()), (b"authorization", bearer(OTHER_TOKEN).encode())]
    with pytest.raises(NotAdmitted, match="says twice"):
        await register().identify(raw)


async def test_a_token_is_good_until_it_expires():
    time = Time()
    known = register(time, expires=NOON + timedelta(minutes=1))
    assert await name_of(known, authorization=bearer(TOKEN)) == "ci"
    time.pass_s(60)
    error = await refusal(known, authorization=bearer(TOKEN))
    assert error.message == "ci expired on 2026-11-23 12:01 UTC"


async def test_a_flood_of_wrong_passwords_is_put_off_and_stops_nobody_who_is_known():
    known = register()
    await name_of(known, authorization=basic("ann", PASSWORD))
    guesses = [refusal(known, authorization=basic("ann", f"guess {n}")) for n in range(MOST_WAITING + 3)]
    errors = await asyncio.gather(*guesses)
    assert sorted(error.status for error in errors) == [401] * MOST_WAITING + [429] * 3
    assert {error.retry_after for error in errors if error.status == 429} == {1.0}
    assert await name_of(known, authorization=basic("ann", PASSWORD)) == "ann"


async def test_a_wrong_password_stays_wrong_and_costs_once(monkeypatch: pytest.MonkeyPatch):
    known = register()
    await refusal(known, authorization=basic("ann", "wrong"))
    monkeypatch.setattr("gateway_core.server.auth.password_fits", lambda password, kept: True)
    assert (await refusal(known, authorization=basic("ann", "wrong"))).status == 401
    assert await name_of(known, authorization=basic("ann", "not asked before")) == "ann"


async def test_only_so_many_passwords_are_remembered(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("gateway_core.server.auth.REMEMBERED", 1)
    known = register()
    for guess in ("one", "two"):
        await refusal(known, authorization=basic("ann", guess))
    assert len(known._passwords._wrong) == 1


async def test_where_there_are_no_users_every_password_is_wrong():
    known = Register(Auth((Credential("ci", token_hash(TOKEN)),)), Time())
    assert (await refusal(known, authorization=basic("ci", PASSWORD))).status == 401


async def test_a_secret_is_in_no_refusal_and_no_repr():
    for headers in ({"authorization": bearer(OTHER_TOKEN)}, {"authorization": basic("ann", OTHER_TOKEN[4:])}):
        error = await refusal(register(), **headers)
        assert OTHER_TOKEN[4:] not in repr(error) + str(error) + str(error.headers)
        assert OTHER_TOKEN[4:] not in repr(shown(incoming(**headers).raw_headers))
    assert "sha256" not in repr(Credential("ci", token_hash(TOKEN)))


@given(
    st.lists(st.tuples(st.sampled_from([b"authorization", b"x-api-key", b"host"]), st.binary(max_size=60)))
)
def test_whatever_the_headers_hold_it_is_read_or_refused(headers: list[tuple[bytes, bytes]]):
    with suppress(NotAdmitted):
        shown(headers)


def door(auth: dict[str, Any] | None, **more: Any) -> Door:
    routes = table("chat", "other", auth=auth)
    nothing: Any = None
    return Door(lambda: routes.config, now=Time(), counts=nothing, places=nothing, **more)


AUTH = {
    "tokens": [
        {"name": "ci", "hash": token_hash(TOKEN), "routes": ["chat"]},
        {"name": "all", "hash": token_hash(OTHER_TOKEN)},
    ]
}
USERS = [{"name": "ann", "password_hash": QUICK}]


async def test_only_the_health_of_the_service_is_told_to_everybody():
    locked = door(AUTH)
    await asked_at(locked.enter(incoming("/health")))
    for path in ("/", "/docs", "/openapi.json", "/metrics", "/v1/models", "/health/", "/HEALTH"):
        with pytest.raises(NotAdmitted) as caught:
            await asked_at(locked.enter(incoming(path)))
        assert caught.value.status == 401


async def test_a_token_reaches_its_own_routes_and_no_other():
    locked, routes = door(AUTH), table("chat", "other")
    given = incoming(authorization=bearer(TOKEN))
    await asked_at(locked.enter(given))
    assert given.caller == "ci"
    await asked_at(locked.admit(given, asked(routes, "chat")))
    with pytest.raises(NotAdmitted, match="the route other is not for ci") as caught:
        await asked_at(locked.admit(given, asked(routes, "other")))
    assert caught.value.status == 403
    with pytest.raises(NotAdmitted, match="may use only some routes") as caught:
        await asked_at(locked.enter(incoming("/metrics", authorization=bearer(TOKEN))))
    assert caught.value.status == 403
    await asked_at(locked.enter(incoming("/metrics", authorization=bearer(OTHER_TOKEN))))


async def test_a_service_that_names_nobody_is_open_only_where_that_is_meant():
    given = incoming()
    await asked_at(door(None).enter(given))
    assert given.caller is None
    with pytest.raises(NotAdmitted, match="it names nobody"):
        await asked_at(door(None, open_to_all=False).enter(incoming()))


@pytest.mark.parametrize(
    ("auth", "schemes"),
    [
        (None, set()),
        ({"tokens": AUTH["tokens"]}, {"bearer", "key"}),
        ({"users": USERS}, {"password"}),
        ({**AUTH, "users": USERS}, {"bearer", "key", "password"}),
    ],
)
def test_the_document_says_how_callers_show_who_they_are(auth: Any, schemes: set[str]):
    assert set(door(auth).security()) == schemes


async def test_tokens_of_the_command_line_stand_beside_those_of_the_file():
    more = Auth((Credential("mine", token_hash(OTHER_TOKEN)),))
    for auth, token, name in ((None, OTHER_TOKEN, "mine"), ({"tokens": AUTH["tokens"][:1]}, TOKEN, "ci")):
        given = incoming(authorization=bearer(token))
        await asked_at(door(auth, more=more).enter(given))
        assert given.caller == name


async def test_a_token_taken_out_of_the_file_is_of_no_use_from_then_on():
    config = table("chat", auth=AUTH).config
    current = [config]
    nothing: Any = None
    following = Door(lambda: current[0], now=Time(), counts=nothing, places=nothing)
    given = incoming(authorization=bearer(TOKEN))
    await asked_at(following.enter(given))
    assert config.auth is not None
    current[0] = replace(config, auth=Auth(config.auth.tokens[1:]))
    with pytest.raises(NotAdmitted, match="ci is not known here any more"):
        await asked_at(following.admit(given, asked(table("chat"))))
    with pytest.raises(NotAdmitted, match="the token is not known here"):
        await asked_at(following.enter(incoming(authorization=bearer(TOKEN))))


def test_tokens_are_long_random_and_start_alike():
    tokens = {new_token() for _ in range(50)}
    assert len(tokens) == 50
    assert all(token.startswith("gtk_") and len(token) == 47 for token in tokens)


def test_a_password_fits_its_own_hash_and_no_other():
    kept = password_hash("naïve ☂", salt=b"0123456789abcdef")
    assert kept.startswith("scrypt:15:8:3:MDEyMzQ1Njc4OWFiY2RlZg:")
    assert password_fits("naïve ☂", kept)
    assert not password_fits("naive", kept)
    assert not password_fits("naïve ☂", "scrypt:99:8:3:MDEyMzQ1Njc4OWFiY2RlZg:" + "A" * 43)


def test_a_token_file_holds_tokens_or_their_hashes_by_name():
    text = f"# who\nci {TOKEN}\n\nann {token_hash(OTHER_TOKEN)}  # hers\n{new_token()}\n"
    found = dict(hashes_in(text))
    assert list(found) == ["ci", "ann", "token-5"]
    assert (found["ci"], found["ann"]) == (token_hash(TOKEN), token_hash(OTHER_TOKEN))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (f"ci {TOKEN}\nci {OTHER_TOKEN}", "line 2: the name ci is already taken"),
        ("ci secret", "line 1: a token of 6 characters is too easily guessed"),
        (f"my token {TOKEN}", "line 1 must be a name"),
    ],
)
def test_a_token_file_is_refused_by_line_and_without_repeating_it(text: str, sentence: str):
    with pytest.raises(ValueError, match=sentence) as caught:
        hashes_in(text)
    assert "secret" not in str(caught.value)


def test_who_may_ask_is_read_from_the_configuration():
    auth = table(
        "chat",
        auth={
            "tokens": [
                {
                    "name": "ci",
                    "hash": token_hash(TOKEN),
                    "expires": "2026-12-31",
                    "routes": "chat",
                    "limits": {"calls": 5, "renewal_period": "minute", "tokens": 1000, "usd_per_day": 2.5},
                }
            ],
            "users": [{"name": "ann", "password_hash": QUICK, "expires": "2027-01-01T12:00+02:00"}],
        },
    ).config.auth
    assert auth is not None
    (token,), (user,) = auth.tokens, auth.users
    assert token.expires is not None
    assert token.expires.isoformat() == "2027-01-01T00:00:00+00:00"
    assert token.routes == ("chat",)
    assert 0 < token.line < user.line
    assert token.limit is not None
    assert (token.limit.calls, token.limit.period_s, token.limit.tokens) == (5, 60.0, 1000)
    assert str(token.limit.usd_per_day) == "2.5"
    assert user.expires is not None
    assert user.expires.isoformat() == "2027-01-01T12:00:00+02:00"


@pytest.mark.parametrize(
    ("auth", "sentence"),
    [
        ({}, '"auth" names nobody: add a token'),
        ({"tokens": []}, '"auth" names nobody: add a token'),
        ({"token": [{"name": "ci"}]}, '"auth" names nobody: add a token'),
        ({"tokens": [TOKEN]}, "token 1 must be a mapping, not text"),
        ({"tokens": ["x"] * (MAX_CREDENTIALS + 1)}, f"there are more than {MAX_CREDENTIALS} tokens"),
        ({"tokens": [{"name": "ci"}]}, 'token 1 needs "hash"'),
        (
            {"tokens": [{"name": "ci", "hash": TOKEN}]},
            '"hash" must be a hash, never the secret itself: as gateway-tui token new prints it',
        ),
        (
            {"users": [{"name": "ann", "password_hash": "scrypt:31:8:1:c2FsdHNhbHRzYWx0c2FsdA:" + "A" * 43}]},
            '"password_hash" must be a hash',
        ),
        ({"tokens": [{"name": "a", "hash": token_hash(TOKEN)}] * 2}, 'the name "a" is already taken'),
        (
            {"tokens": [{"name": n, "hash": token_hash(TOKEN)} for n in "ab"]},
            'the "hash" of b is already taken: first on line ',
        ),
        (
            {"tokens": [{"name": "a", "hash": token_hash(TOKEN), "expires": "2026-02-30"}]},
            '"expires" must be a day such as 2026-12-31',
        ),
        (
            {"tokens": [{"name": "a", "hash": token_hash(TOKEN), "expires": "2026-02-20T10:00"}]},
            '"expires" must be a day such as 2026-12-31, or a moment such as 2026-12-31T12:00Z',
        ),
        (
            {"tokens": [{"name": "a", "hash": token_hash(TOKEN), "limit": {"tokens": 5}}]},
            '"limit" needs "calls" or "tokens" and "renewal_period", or neither',
        ),
    ],
)
def test_what_is_wrong_with_auth_is_said_with_its_line_and_without_the_secret(
    auth: dict[str, Any], sentence: str
):
    with pytest.raises(ConfigError) as caught:
        table("chat", auth=auth)
    assert sentence in caught.value.message
    assert caught.value.message.startswith("config.yaml:")
    assert TOKEN not in caught.value.message


def test_a_token_for_a_route_that_is_not_there_is_warned_of():
    auth = {"tokens": [{"name": "ci", "hash": token_hash(TOKEN), "routes": ["chatt"]}]}
    warnings = [str(problem) for problem in table("chat", auth=auth).config.warnings]
    assert any('token 1: there is no route "chatt": did you mean "chat"?' in warning for warning in warnings)
