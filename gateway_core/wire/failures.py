"""What went wrong on the way to a server and back, as our errors, in a sentence each."""

from __future__ import annotations

import os
import ssl
from http import HTTPStatus
from urllib.parse import urlsplit

from gateway_core.errors import ConnectFailed, GatewayError, InvalidRequest, ProtocolError, StreamInterrupted
from gateway_core.keys import process_environment
from gateway_core.wire.addresses import Address
from gateway_core.wire.deadlines import Deadlines, SentMark
from gateway_core.wire.trust import advice
from gateway_core.wire.unpacking import CannotUnpack


class HungUp(OSError):
    """The server closed the connection before its answer was complete."""


class NotHttp(ValueError):
    """What came is no answer in HTTP."""


_HUNG_UP = "{peer} closed the connection without an answer"


def label(url: str) -> str:
    """Host and port of ``url`` for people; never its path, query or credentials."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "the address"
    return f"{parts.hostname or 'the address'}{port}"


def dialing_errors() -> tuple[type[Exception], ...]:
    """What opening a connection raises; asked for only where that is loaded."""
    from aiohttp import ClientError

    return (OSError, ValueError, ClientError)


def no_address(host: str) -> InvalidRequest:
    """No request can go there."""
    return InvalidRequest(f"no request can be sent to {host}: that is not a valid http(s) address")


def no_answer(exc: Exception, limits: Deadlines, mark: SentMark, address: Address) -> GatewayError:
    """Our error for what went wrong before there was an answer."""
    if isinstance(exc, TimeoutError):
        return limits.ran_out()
    if mark.sent_s is None:
        return _not_connected(exc, address)
    if isinstance(exc, NotHttp):
        return ProtocolError(f"{address.label} does not answer in HTTP")
    return ConnectFailed(_HUNG_UP.format(peer=address.label))


def _not_connected(exc: Exception, address: Address) -> GatewayError:
    import aiohttp

    host, proxy = address.label, address.proxy
    if isinstance(exc, aiohttp.ClientHttpProxyError) and proxy is not None:
        return refused(exc.status, address)
    # Not every ValueError is about the address: an untrusted certificate is one too.
    if isinstance(exc, ValueError | aiohttp.NonHttpUrlClientError) and not isinstance(
        exc, ssl.CertificateError
    ):
        return no_address(host)
    peer = f"the proxy {proxy.label} for {host}" if proxy is not None else host
    if isinstance(exc, aiohttp.ClientResponseError):
        return ProtocolError(f"{peer} does not answer in HTTP")
    certificate = getattr(exc, "certificate_error", None)
    if isinstance(certificate, ssl.SSLCertVerificationError):
        what_to_do = advice(certificate, process_environment())
        sentence = f"the certificate of {_presenter(exc, host)} is not trusted: {_reason(exc)}{what_to_do}"
        return ConnectFailed(sentence, retryable=False)
    sentences: tuple[tuple[type[Exception], str], ...] = (
        (aiohttp.ClientProxyConnectionError, "{peer} cannot be reached: {why}"),
        (aiohttp.ClientSSLError, "no secure connection to {presenter}: {why}"),
        (aiohttp.ClientConnectorDNSError, "the name of {peer} cannot be looked up: {why}"),
        (aiohttp.ServerDisconnectedError, _HUNG_UP),
    )
    otherwise = "no connection to {peer}: {why}"
    sentence = next((words for kind, words in sentences if isinstance(exc, kind)), otherwise)
    return ConnectFailed(sentence.format(peer=peer, presenter=_presenter(exc, host), why=_reason(exc)))


def refused(status: int, address: Address) -> ConnectFailed:
    """The proxy said no; that is its answer, and asking again only helps when it is broken for now."""
    words = f"{status} {HTTPStatus(status).phrase}" if status in list(HTTPStatus) else str(status)
    hint = ""
    if status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        hint = " (name and password go in front of its address: http://name:password@proxy:3128)"
    label = address.proxy.label if address.proxy is not None else ""
    return ConnectFailed(
        f"the proxy {label} refused to connect to {address.label}: {words}{hint}", retryable=status >= 500
    )


def interruption(exc: Exception, limits: Deadlines) -> GatewayError:
    """Our error for what went wrong while the body was read."""
    if isinstance(exc, TimeoutError):
        return limits.ran_out()
    if isinstance(exc, CannotUnpack):
        return ProtocolError(f"the packed answer of {limits.host} cannot be unpacked")
    return StreamInterrupted(f"{limits.host} broke off in the middle of its answer")


def _presenter(exc: Exception, host: str) -> str:
    """Who was spoken to when ``exc`` happened: with a proxy that has a certificate, that may be it."""
    found, port = getattr(exc, "host", None), getattr(exc, "port", None)
    return host if not found or found == host.partition(":")[0] else f"the proxy {found}:{port}"


def _reason(exc: Exception) -> str:
    """The system's own words for ``exc``, on one line."""
    inner = getattr(exc, "certificate_error", None) or getattr(exc, "os_error", None) or exc
    if isinstance(inner, ssl.SSLError):
        words = getattr(inner, "verify_message", None) or (inner.reason or "").replace("_", " ").lower()
    else:
        number = getattr(inner, "errno", None) or 0
        # asyncio writes "Connect call failed"; name lookups have negative numbers and words of their own.
        words = os.strerror(number) if number > 0 else getattr(inner, "strerror", None)
    return " ".join(str(words or inner).split()) or type(exc).__name__
