"""A renewed certificate is shown to whoever connects from then on, and a broken one to nobody."""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives import serialization

from gateway_core.errors import BackendUnavailable
from gateway_core.server.certificates import Certificates, following
from gateway_core.server.loading import Routes
from gateway_core.server.pages import Pages
from gateway_core.server.settings import ServerSettings
from tests.server.edits import WAYS

CA = trustme.CA()
NAME = "localhost"


def pair() -> tuple[str, str]:
    """A certificate with its chain, and its key; another one each time."""
    made = CA.issue_cert(NAME)
    chain = b"".join(blob.bytes() for blob in made.cert_chain_pems)
    return chain.decode(), made.private_key_pem.bytes().decode()


def shown_by(certificates: Certificates, name: str | None = NAME, most: ssl.TLSVersion | None = None) -> str:
    """The number of the certificate that a client is shown, after a handshake in memory."""
    trust = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    CA.configure_trust(trust)
    trust.check_hostname = name is not None
    if most is not None:
        trust.maximum_version = most
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = trust.wrap_bio(to_client, to_server, server_hostname=name)
    server = certificates.context.wrap_bio(to_server, to_client, server_side=True)
    waiting = [client, server]
    for _ in range(10):
        for side in list(waiting):
            try:
                side.do_handshake()
                waiting.remove(side)
            except ssl.SSLWantReadError:
                continue
    assert waiting == []
    found = client.getpeercert()
    assert found is not None
    return str(found["serialNumber"])


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    chain, key = pair()
    certificate, private = tmp_path / "server.pem", tmp_path / "server.key"
    certificate.write_text(chain)
    private.write_text(key)
    return certificate, private


@pytest.fixture
def certificates(files: tuple[Path, Path]) -> Certificates:
    return Certificates(*map(str, files))


def settle(certificates: Certificates) -> str | None:
    """The two looks that a change needs."""
    assert certificates.check() is None
    return certificates.check()


def test_a_renewed_certificate_with_its_key_is_shown(files, certificates):
    first = shown_by(certificates)
    renew(*files)
    told = settle(certificates)
    assert told is not None
    assert told.startswith(f"{files[0]}: in use for new connections (")
    assert shown_by(certificates) != first


@pytest.mark.parametrize("way", WAYS)
def test_both_in_one_file_are_followed_however_it_is_renewed(tmp_path, way):
    both = tmp_path / "both.pem"
    both.write_text("".join(pair()))
    certificates = Certificates(str(both))
    first = shown_by(certificates)
    way(both, "".join(pair()))
    assert settle(certificates) is not None
    assert shown_by(certificates) != first


@pytest.mark.parametrize(
    ("name", "most"), [(NAME, ssl.TLSVersion.TLSv1_2), (None, ssl.TLSVersion.TLSv1_3), (None, None)]
)
def test_every_kind_of_client_is_shown_the_new_one(files, certificates, name, most):
    first = shown_by(certificates, name, most)
    renew(*files)
    settle(certificates)
    assert shown_by(certificates, name, most) not in (first, None)


def renew(certificate: Path, key: Path) -> None:
    for file, text in zip((certificate, key), pair(), strict=True):
        file.write_text(text)


def cut_short(certificate: Path, key: Path) -> None:
    certificate.write_text(certificate.read_text()[:100])


def gone(certificate: Path, key: Path) -> None:
    key.unlink()


def of_another_key(certificate: Path, key: Path) -> None:
    key.write_text(pair()[1])


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (cut_short, "no usable certificate and key in server.pem and server.key ("),
        (gone, "there is no server.key"),
        (of_another_key, "(key values mismatch)"),
    ],
)
def test_a_broken_pair_keeps_the_old_one_and_says_why(files, certificates, spoil, why):
    first = shown_by(certificates)
    spoil(*files)
    told = settle(certificates)
    assert told is not None
    assert why in told
    assert told.endswith("not used; the certificate loaded before stays in use")
    assert certificates.status.state == "broken"
    assert shown_by(certificates) == first


def test_a_missing_certificate_keeps_the_old_one(files, certificates):
    first = shown_by(certificates)
    files[0].unlink()
    assert settle(certificates) is not None
    assert certificates.status.state == "missing"
    assert shown_by(certificates) == first


def test_half_a_renewal_waits_for_the_other_half(files, certificates):
    first = shown_by(certificates)
    chain, key = pair()
    files[0].write_text(chain)
    settle(certificates)
    between = shown_by(certificates)
    files[1].write_text(key)
    settle(certificates)
    assert between == first
    assert (certificates.status.state, shown_by(certificates) != first) == ("ok", True)


def test_a_key_with_a_password_is_refused_in_one_sentence(files):
    key = serialization.load_pem_private_key(files[1].read_bytes(), None)
    closed = serialization.BestAvailableEncryption(b"secret")
    pem = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8)
    files[1].write_bytes(key.private_bytes(*pem, closed))
    with pytest.raises(BackendUnavailable, match="the key has a password; nobody is there to type it"):
        Certificates(*map(str, files))


def test_a_file_that_cannot_be_read_is_refused_in_one_sentence(tmp_path):
    with pytest.raises(BackendUnavailable, match=r"^--tls-cert, --tls-key: "):
        Certificates(str(tmp_path))


def looks(times: int) -> Callable[[float], bool]:
    """Waits so many times, without taking any time."""
    left = iter([False] * times)
    return lambda _seconds: next(left, True)


def test_it_tells_once_what_became_of_a_change(files, certificates):
    told: list[str] = []
    renew(*files)
    certificates.follow(lambda **said: told.append(said["problem"]), looks(6)).join()
    assert [line.partition(" (")[0] for line in told] == [f"{files[0]}: in use for new connections"]


def test_health_names_a_broken_pair_without_saying_where_it_lies(tmp_path, files, certificates):
    routes = Routes(None, "the built-in routes")
    routes.beside["tls"] = lambda: certificates.status
    before = json.loads(Pages(routes).health().body)["tls"]
    gone(*files)
    settle(certificates)
    after = json.loads(Pages(routes).health().body)["tls"]
    assert (before["state"], before["problems"]) == ("ok", [])
    assert (after["state"], after["problems"]) == ("broken", ["server.pem: there is no server.key"])
    assert after["version"] == before["version"]


def test_without_a_certificate_nothing_is_encrypted_or_told():
    routes = Routes(None, "the built-in routes")
    assert following(ServerSettings(None, ""), routes, lambda **said: None) is None
    assert "tls" not in json.loads(Pages(routes).health().body)
