"""``gateway-tui serve``: the routes as a service over HTTP, for the programs that use them."""

from __future__ import annotations

import argparse
import shutil
from dataclasses import replace
from importlib.util import find_spec

from gateway_core.errors import BackendUnavailable
from gateway_core.server.settings import MIB, Bounds, ServerSettings
from gateway_core.server.sockets import listen
from gateway_core.server.supervisor import Supervisor
from tui.commands.attendance import add_options, wishes_of
from tui.commands.output import fail, say
from tui.config_search import ConfigSource, find_config
from tui.workbench.neutral import neutralise

NEEDED = ("pydantic", "orjson")
MOST_WORKERS = 256
EPILOG = (
    "Speaks MLflow AI Gateway 2.8 (/gateway/NAME/invocations), today's MLflow (/endpoints/NAME/invocations), "
    "OpenAI (/v1) and Anthropic (/v1/messages). Edits of the configuration are live within two seconds, "
    "without a request lost; a file with errors changes nothing. Exit codes: 0 stopped as asked, "
    "2 bad usage or configuration."
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``serve``."""
    from tui.cli import add_common

    add_common(parser)
    add_options(parser)
    parser.epilog = EPILOG
    parser.add_argument("--host", default="localhost", help="address to listen on (default: %(default)s)")
    parser.add_argument(
        "--port", type=int, default=5000, help="port to listen on; 0 takes a free one (default: %(default)s)"
    )
    parser.add_argument(
        "--workers", type=int, default=2, metavar="N", help="processes to serve with (default: %(default)s)"
    )
    parser.add_argument("--tls-cert", metavar="FILE", help="certificate (chain) in PEM; serves https")
    parser.add_argument("--tls-key", metavar="FILE", help="its key, where that is a file of its own")
    parser.add_argument(
        "--no-auth", action="store_true", help="answer everybody, also on addresses others can reach"
    )
    parser.add_argument(
        "--max-body-mb",
        type=float,
        default=32,
        metavar="MB",
        help="longest body taken (default: %(default)s)",
    )
    parser.add_argument(
        "--drain", type=float, default=30, metavar="SECONDS",
        help="time for requests under way once the end is asked for (default: %(default)s)",
    )  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Serve until told to stop; the exit code."""
    if missing := [name for name in NEEDED if find_spec(name) is None]:
        return fail(
            f"serving needs {' and '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not "
            'installed: pip install "gateway-tui[server]"'
        )
    if (problem := _flaw(args)) is not None:
        return fail(problem)
    source = find_config(args.config)
    try:
        wishes = wishes_of(args, source.path)
    except BackendUnavailable as error:
        return fail(error.message)
    try:
        return _serve(replace(_settings(args, source), wishes=wishes))
    finally:
        shutil.rmtree(wishes.run, ignore_errors=True)


def _serve(settings: ServerSettings) -> int:
    try:
        sockets = listen(settings.host, settings.port)
    except BackendUnavailable as error:
        return fail(error.message)
    return Supervisor(settings, sockets, lambda text: say(_shown(text))).run()


def _flaw(args: argparse.Namespace) -> str | None:
    """What is wrong with the options, in one sentence."""
    if not 1 <= args.workers <= MOST_WORKERS:
        return f"--workers {args.workers}: take a number from 1 to {MOST_WORKERS}"
    if args.tls_key and not args.tls_cert:
        return "--tls-key needs the certificate it belongs to: --tls-cert FILE"
    if not args.max_body_mb > 0:
        return f"--max-body-mb {args.max_body_mb:g}: take a number above 0"
    return None if args.drain >= 0 else f"--drain {args.drain:g}: take a number of seconds from 0 up"


def _settings(args: argparse.Namespace, source: ConfigSource) -> ServerSettings:
    return ServerSettings(
        config=None if source.path is None else str(source.path),
        label=source.label,
        host=args.host,
        port=args.port,
        workers=args.workers,
        tls_cert=args.tls_cert,
        tls_key=args.tls_key,
        open_to_all=args.no_auth,
        drain_s=args.drain,
        bounds=Bounds(body_bytes=int(args.max_body_mb * MIB)),
    )


def _shown(text: str) -> str:
    """``text`` without anything that would steer the terminal."""
    return "\n".join(neutralise(line) for line in text.splitlines())
