"""Calls through a proxy, and to servers with certificates of a private authority, all on this machine."""

import asyncio
import base64
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest
import trustme

from gateway_core.config.model import Timeouts
from gateway_core.errors import ConnectFailed, GatewayError, ProtocolError, TimedOut
from gateway_core.providers.base import HttpRequest
from gateway_core.wire.http import HttpTransport
from gateway_core.wire.proxies import Proxies, Proxy
from gateway_core.wire.trust import bundled, trust_store
from tests.core.loopback import Peer, Script, Server, serving

PATIENT = Timeouts(10, 10, 10, 10)
OK = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"
HOST = "model.corp.example"
PASSWORD = "p@ss/w#rd"
LOGIN = "me:p%40ss%2Fw%23rd@"


@pytest.fixture
async def transport() -> AsyncIterator[HttpTransport]:
    transport = HttpTransport()
    yield transport
    await transport.aclose()


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def trusted(authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of the private authority, named as OpenSSL wants it."""
    file = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(file)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    return file


def tls_of(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    return context


async def answer_all(peer: Peer) -> None:
    while True:
        await peer.request()
        await peer.send(OK)


@dataclass
class Tunnels:
    """A proxy that leads every ``CONNECT`` to one server of this machine, whatever name it is asked for."""

    to: Server
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    """The line of each request, and the name and password it came with."""

    async def __call__(self, peer: Peer) -> None:
        request = await peer.request()
        login = request.headers.get("proxy-authorization", "").removeprefix("Basic ")
        self.asked.append((request.line, base64.b64decode(login).decode() or None))
        port = int(self.to.url.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        ways = {
            asyncio.create_task(_carry(peer.reader, writer)),
            asyncio.create_task(_carry(reader, peer.writer)),
        }
        try:
            await peer.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            writer.close()
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()


def refusing(status: str) -> Script:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(f"HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n".encode())

    return script


async def hang_up(peer: Peer) -> None:
    await peer.request()


async def speak_ssh(peer: Peer) -> None:
    await peer.request()
    await peer.send(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")


async def body_of(transport: HttpTransport, url: str, timeouts: Timeouts = PATIENT) -> bytes:
    async with transport.exchange(HttpRequest(url, b"{}"), timeouts=timeouts) as reply:
        return (await reply.whole(1000))[1]


async def failure_of(transport: HttpTransport, url: str, timeouts: Timeouts = PATIENT) -> GatewayError:
    with pytest.raises(GatewayError) as caught:
        await body_of(transport, url, timeouts)
    said = "\n".join(_chain(caught.value))
    assert not [part for part in (PASSWORD, "p%40ss", "w%23rd") if part in said]
    return caught.value


def _chain(error: BaseException | None) -> Iterator[str]:
    while error is not None:
        yield f"{error} {vars(error)}" if isinstance(error, GatewayError) else str(error)
        error = error.__cause__ or error.__context__


def label(server: Server) -> str:
    return server.url.partition("//")[2]


def proxy_at(server: Server, login: str = "", scheme: str = "http") -> str:
    return f"{scheme}://{login}{label(server)}"


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
@pytest.mark.usefixtures("trusted")
async def test_a_secure_server_is_reached_through_a_tunnel(
    transport: HttpTransport, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch, variable: str
):
    async with serving(answer_all, tls_of(authority, HOST)) as server:
        tunnels = Tunnels(server)
        async with serving(tunnels) as proxy:
            monkeypatch.setenv(variable, proxy_at(proxy, LOGIN))
            bodies = [await body_of(transport, f"https://{HOST}/v1/chat") for _ in range(2)]
            await transport.aclose()

    assert bodies == [b"{}", b"{}"]
    assert tunnels.asked == [(f"CONNECT {HOST}:443 HTTP/1.1", f"me:{PASSWORD}")]
    assert [r.line for r in server.requests] == ["POST /v1/chat HTTP/1.1"] * 2
    assert not any("proxy-authorization" in r.headers for r in server.requests)


@pytest.mark.usefixtures("trusted")
async def test_a_proxy_may_have_a_certificate_itself(
    transport: HttpTransport, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch
):
    async with (
        serving(answer_all, tls_of(authority, HOST)) as server,
        serving(Tunnels(server), tls_of(authority, "127.0.0.1")) as proxy,
    ):
        monkeypatch.setenv("HTTPS_PROXY", proxy_at(proxy, LOGIN, "https"))
        assert await body_of(transport, f"https://{HOST}/v1/chat") == b"{}"
        await transport.aclose()


async def test_a_plain_server_is_asked_of_the_proxy_with_its_whole_address(
    transport: HttpTransport, monkeypatch: pytest.MonkeyPatch
):
    async with serving(answer_all) as proxy, serving(answer_all) as server:
        monkeypatch.setenv("http_proxy", proxy_at(proxy, LOGIN).removeprefix("http://"))
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")

        await body_of(transport, f"http://{HOST}/v1")
        await body_of(transport, server.url)

    login = base64.b64encode(f"me:{PASSWORD}".encode()).decode()
    assert [r.line for r in proxy.requests] == [f"POST http://{HOST}/v1 HTTP/1.1"]
    assert proxy.requests[0].headers["proxy-authorization"] == f"Basic {login}"
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("status", "said", "retryable"),
    [
        (
            "407 Proxy Authentication Required",
            "407 Proxy Authentication Required (name and password go in front of its address: "
            "http://name:password@proxy:3128)",
            False,
        ),
        ("403 No", "403 Forbidden", False),
        ("503 Later", "503 Service Unavailable", True),
        ("599 Odd", "599", True),
    ],
)
async def test_a_proxy_that_refuses_is_quoted(
    transport: HttpTransport, monkeypatch: pytest.MonkeyPatch, status: str, said: str, retryable: bool
):
    async with serving(refusing(status)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy_at(proxy, LOGIN))
        error = await failure_of(transport, f"https://{HOST}/v1?key=hidden")

    assert type(error) is ConnectFailed
    assert str(error) == f"the proxy {label(proxy)} refused to connect to {HOST}: {said}"
    assert error.retryable is retryable


async def test_a_proxy_that_wants_a_password_for_a_plain_server_is_not_taken_for_the_server(
    transport: HttpTransport, monkeypatch: pytest.MonkeyPatch
):
    async with serving(refusing("407 Who?")) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy_at(proxy, LOGIN))
        error = await failure_of(transport, f"http://{HOST}/v1")

    assert type(error) is ConnectFailed
    assert f"the proxy {label(proxy)} refused to connect to {HOST}: 407" in str(error)


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_where_nobody_listens_is_named(
    transport: HttpTransport, monkeypatch: pytest.MonkeyPatch, scheme: str
):
    async with serving(answer_all) as proxy:
        pass
    monkeypatch.setenv("ALL_PROXY", proxy_at(proxy, LOGIN))
    error = await failure_of(transport, f"{scheme}://{HOST}/v1")

    assert type(error) is ConnectFailed
    assert str(error) == f"the proxy {label(proxy)} for {HOST} cannot be reached: Connection refused"
    assert error.retryable


async def test_a_proxy_whose_name_nobody_knows_is_named(
    transport: HttpTransport, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("HTTPS_PROXY", f"http://{LOGIN}no-such-proxy.invalid:3128")
    error = await failure_of(transport, f"https://{HOST}/v1")

    assert str(error).startswith(
        f"the name of the proxy no-such-proxy.invalid:3128 for {HOST} cannot be looked up: "
    )


@pytest.mark.parametrize(
    ("script", "kind", "said"),
    [
        (hang_up, ConnectFailed, "closed the connection without an answer"),
        (speak_ssh, ProtocolError, "does not answer in HTTP"),
    ],
)
async def test_a_proxy_that_does_not_behave_like_one_is_named(
    transport: HttpTransport,
    monkeypatch: pytest.MonkeyPatch,
    script: Script,
    kind: type[GatewayError],
    said: str,
):
    async with serving(script) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy_at(proxy, LOGIN))
        error = await failure_of(transport, f"https://{HOST}/v1")

    assert type(error) is kind
    assert str(error) == f"the proxy {label(proxy)} for {HOST} {said}"


async def test_a_proxy_that_hangs_runs_into_the_time_limit_of_connecting(
    transport: HttpTransport, monkeypatch: pytest.MonkeyPatch
):
    async with serving(lambda peer: peer.gone()) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy_at(proxy, LOGIN))
        error = await failure_of(transport, f"https://{HOST}/v1", Timeouts(0.05, 10, 10, 10))
        await asyncio.wait_for(proxy.hung_up.wait(), 5)

    assert isinstance(error, TimedOut)
    assert error.phase == "connect"


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("socks5://me:p%40ss@proxy:1080", "is none that speaks HTTP, the only kind that can be used"),
        ("http://me:12#rd@proxy:3128", "is not an address such as http://proxy:3128"),
        ("http://me:p/w@proxy:3128", "is not an address such as http://proxy:3128"),
        ("http://proxy:many", "is not an address such as http://proxy:3128"),
        ("http://", "is not an address such as http://proxy:3128"),
    ],
)
async def test_a_proxy_that_cannot_be_used_is_told_without_its_password(
    transport: HttpTransport, monkeypatch: pytest.MonkeyPatch, written: str, said: str
):
    monkeypatch.setenv("HTTPS_PROXY", written)
    error = await failure_of(transport, f"https://{HOST}/v1")

    assert type(error) is ConnectFailed
    assert not error.retryable
    assert str(error).startswith(f"the proxy set for {HOST} {said}")
    assert str(error).endswith(": correct HTTPS_PROXY, HTTP_PROXY or ALL_PROXY")
    assert "me" not in str(error).replace("name", "")


@pytest.mark.parametrize(
    ("exceptions", "url", "direct"),
    [
        (HOST, f"https://{HOST}/v1", True),
        ("corp.example", f"https://{HOST}/v1", True),
        (".corp.example", f"https://{HOST}/v1", True),
        ("other, *.corp.example", f"https://{HOST.upper()}/v1", True),
        ("other  CORP.example", f"https://{HOST}/v1", True),
        ("*", f"https://{HOST}/v1", True),
        ("orp.example", f"https://{HOST}/v1", False),
        ("*.", f"https://{HOST}/v1", False),
        (f"{HOST}:8443", f"https://{HOST}:8443/v1", True),
        (f"{HOST}:443", f"https://{HOST}/v1", True),
        (f"{HOST}:8443", f"https://{HOST}/v1", False),
        ("10.0.0.0/8", "https://10.1.2.3/v1", True),
        ("10.0.0.0/8", "https://11.1.2.3/v1", False),
        ("10.0.0.0/8", f"https://{HOST}/v1", False),
        ("corp.example", "https://10.1.2.3/v1", False),
        ("10.1.2.3:443", "https://10.1.2.3/v1", True),
        ("fd00::/8", "https://[fd00::1]:8443/v1", True),
        ("[fd00::1]", "https://[fd00::1]/v1", True),
        ("", f"https://{HOST}/v1", False),
        ("", "https://localhost/v1", True),
        ("", "https://api.localhost:9/v1", True),
        ("", "https://127.1.2.3/v1", True),
        ("", "https://[::1]/v1", True),
    ],
)
@pytest.mark.parametrize("variable", ["NO_PROXY", "no_proxy"])
def test_what_no_proxy_names_and_this_machine_are_asked_directly(
    monkeypatch: pytest.MonkeyPatch, variable: str, exceptions: str, url: str, direct: bool
):
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
    monkeypatch.setenv(variable, exceptions)

    assert Proxies().of(url) == (None if direct else Proxy("http://proxy:3128", "proxy:3128"))


async def test_a_server_that_no_proxy_names_is_looked_up_and_not_asked_of_the_proxy(
    transport: HttpTransport, monkeypatch: pytest.MonkeyPatch
):
    async with serving(answer_all) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy_at(proxy))
        monkeypatch.setenv("NO_PROXY", "direct.invalid")
        error = await failure_of(transport, "http://direct.invalid/v1")

    assert "the name of direct.invalid cannot be looked up" in str(error)
    assert proxy.requests == []


def test_a_proxy_does_not_print_its_password(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HTTPS_PROXY", f"http://{LOGIN}proxy:3128")
    proxy = Proxies().of(f"https://{HOST}")

    assert proxy is not None
    assert proxy.headers
    assert repr(proxy) == "Proxy(url='http://proxy:3128', label='proxy:3128')"


def into_file(authority: trustme.CA, folder: Path) -> dict[str, str]:
    authority.cert_pem.write_to_path(folder / "ca.pem")
    return {"SSL_CERT_FILE": str(folder / "ca.pem")}


def into_folder(authority: trustme.CA, folder: Path) -> dict[str, str]:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("the openssl program, which says how a file of such a folder is called, is not installed")
    file = into_file(authority, folder)["SSL_CERT_FILE"]
    told = subprocess.run(
        [openssl, "x509", "-hash", "-noout", "-in", file], check=True, capture_output=True, text=True
    )
    Path(file).rename(folder / f"{told.stdout.strip()}.0")
    return {"SSL_CERT_DIR": str(folder)}


def into_bundle_of_requests(authority: trustme.CA, folder: Path) -> dict[str, str]:
    return {"REQUESTS_CA_BUNDLE": into_file(authority, folder)["SSL_CERT_FILE"]}


def into_folder_of_requests(authority: trustme.CA, folder: Path) -> dict[str, str]:
    return {"REQUESTS_CA_BUNDLE": into_folder(authority, folder)["SSL_CERT_DIR"]}


@pytest.mark.parametrize(
    "named",
    [into_file, into_folder, into_bundle_of_requests, into_folder_of_requests],
    ids=lambda f: f.__name__,
)
async def test_a_private_authority_is_trusted_where_it_is_named(
    transport: HttpTransport,
    authority: trustme.CA,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    named: Callable[[trustme.CA, Path], dict[str, str]],
):
    for variable, value in named(authority, tmp_path).items():
        monkeypatch.setenv(variable, value)
    async with serving(answer_all, tls_of(authority, "127.0.0.1")) as server:
        assert await body_of(transport, server.url) == b"{}"
        await transport.aclose()


@pytest.mark.parametrize(
    ("environ", "advice"),
    [
        ({}, "(a certificate authority of your own goes into SSL_CERT_FILE)"),
        (
            {"SSL_CERT_FILE": "/nowhere/ca.pem"},
            "(SSL_CERT_FILE names /nowhere/ca.pem, which is not there)",
        ),
        (
            {"REQUESTS_CA_BUNDLE": "/nowhere/ca.pem"},
            "(REQUESTS_CA_BUNDLE names /nowhere/ca.pem, which is not there)",
        ),
    ],
)
async def test_a_certificate_that_nobody_vouches_for_is_said_with_what_to_do(
    transport: HttpTransport,
    authority: trustme.CA,
    monkeypatch: pytest.MonkeyPatch,
    environ: dict[str, str],
    advice: str,
):
    for variable, value in environ.items():
        monkeypatch.setenv(variable, value)
    async with serving(answer_all, tls_of(authority, "127.0.0.1")) as server:
        error = await failure_of(transport, server.url)

    assert type(error) is ConnectFailed
    assert not error.retryable
    assert str(error).startswith(f"the certificate of {label(server)} is not trusted: ")
    assert str(error).endswith(advice)


@pytest.mark.usefixtures("trusted")
async def test_a_trusted_certificate_of_another_name_is_refused(
    transport: HttpTransport, authority: trustme.CA
):
    async with serving(answer_all, tls_of(authority, "other.example")) as server:
        error = await failure_of(transport, server.url)

    assert str(error).startswith(f"the certificate of {label(server)} is not trusted: IP address mismatch")
    assert "SSL_CERT_FILE" not in str(error)


async def test_an_untrusted_server_behind_a_proxy_is_told_from_an_untrusted_proxy(
    transport: HttpTransport, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch
):
    tls = tls_of(authority, HOST, "127.0.0.1")
    async with (
        serving(answer_all, tls) as server,
        serving(Tunnels(server)) as plain_proxy,
        serving(Tunnels(server), tls) as secure_proxy,
    ):
        monkeypatch.setenv("HTTPS_PROXY", proxy_at(plain_proxy, LOGIN))
        behind = await failure_of(transport, f"https://{HOST}/v1")
        monkeypatch.setenv("HTTPS_PROXY", proxy_at(secure_proxy, LOGIN, "https"))
        in_between = await failure_of(transport, f"https://other.{HOST}/v1")

    assert str(behind).startswith(f"the certificate of {HOST} is not trusted: ")
    assert str(in_between).startswith(f"the certificate of the proxy {label(secure_proxy)} is not trusted: ")


def test_where_the_system_trusts_nobody_the_bundled_certificates_are_used(monkeypatch: pytest.MonkeyPatch):
    nowhere = SimpleNamespace(cafile=None, capath=None)
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: nowhere)

    own = ssl.create_default_context(cafile=bundled())
    context = trust_store({})

    assert context.get_ca_certs() == own.get_ca_certs() != []
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
