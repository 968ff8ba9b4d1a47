"""What it costs to know who is asking, as a part of what accepting a conversion costs the door."""

import io
import json
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any

from hub.access.guard import Guard
from hub.access.scopes import Scope
from hub.access.service import get_client
from hub.access.types import Client, Principal
from hub.gateway.authorising import authorised
from hub.trials.bench.accepting import cast_for, signed_quotes
from hub.trials.bench.figures import Figure
from hub.trials.bench.ground import bench_hub
from hub.trials.stage import set_stage
from hub.wiring import Hub

_REQUESTS = 1_500
_WARM_REQUESTS = 200
_NEW_TOKENS = 1_000
_CHECKS = 50_000

_METHOD = (
    "CPU time of one process (time.process_time, so that what else the machine does counts little): accepting one by "
    "one through the application itself without a server, and the token check of the same request alone. Measured is "
    "accepting as it is, baseline is accepting less the check of a token that this process has seen before; a token "
    "that is new to it costs a signature once."
)


def measure_authenticating(
    progress: Callable[[str], None], *, requests: int = _REQUESTS, tokens: int = _NEW_TOKENS, checks: int = _CHECKS
) -> list[Figure]:
    """Accepting with and without its token check; new and known tokens apart."""
    with bench_hub() as hub:
        progress("setting the stage")
        set_stage(hub)
        (client_id, _), cast = cast_for(hub)
        with hub.database.read() as work:
            client = get_client(work, client_id, now=hub.clock.now())
        progress("checking tokens")
        new, known = _checking(hub, client, tokens, checks)
        progress("accepting")
        quotes = signed_quotes(hub, cast, _WARM_REQUESTS + requests)
        whole = _accepting(hub, client, quotes)
    return [
        Figure(
            "authentication",
            1 / whole,
            "conversions/s of CPU",
            1 / (whole - known),
            (whole - known) / whole,
            0.98,
            _METHOD,
            f"(a new token {new * 1e6:.0f} µs, one seen before {known * 1e6:.1f} µs, a whole request"
            f" {whole * 1e6:.0f} µs of CPU)",
        )
    ]


def _checking(hub: Hub, client: Client, tokens: int, checks: int) -> tuple[float, float]:
    """Seconds of CPU that a new token takes, and one that was checked before."""
    guard = _guard(hub)
    headers = [f"Bearer {guard.issue(client, client.scopes)}" for _ in range(tokens)]
    scope, fresh = str(Scope.CONVERSIONS_WRITE), _guard(hub)
    authorised(fresh, f"Bearer {guard.issue(client, client.scopes)}", scope, _no_proof)  # it reads the keys
    started = time.process_time()
    for header in headers:
        authorised(fresh, header, scope, _no_proof)
    new = (time.process_time() - started) / tokens
    started = time.process_time()
    for _ in range(checks):
        authorised(fresh, headers[0], scope, _no_proof)
    return new, (time.process_time() - started) / checks


def _accepting(hub: Hub, client: Client, quotes: list[tuple[str, str]]) -> float:
    """Seconds of CPU that one accepted request takes, the first ones left out."""
    app, token = hub.gateway(), _guard(hub).issue(client, client.scopes)
    environs = [_environ(hub, token, index, *pair) for index, pair in enumerate(quotes)]
    for environ in environs[:_WARM_REQUESTS]:
        _ask(app, environ)
    started = time.process_time()
    for environ in environs[_WARM_REQUESTS:]:
        _ask(app, environ)
    return (time.process_time() - started) / (len(environs) - _WARM_REQUESTS)


def _ask(app: Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]], environ: dict[str, Any]) -> None:
    said: list[str] = []
    body = b"".join(app(environ, lambda status, _headers, _fault=None: said.append(status)))
    assert said[0].startswith("202"), body


def _environ(hub: Hub, token: str, index: int, quote: str, member: str) -> dict[str, Any]:
    body = json.dumps({"quote": quote, "member": member}).encode()
    return {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/v1/conversions",
        "QUERY_STRING": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": str(hub.settings.api_port),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_AUTHORIZATION": f"Bearer {token}",
        "HTTP_IDEMPOTENCY_KEY": f"authentication-{index}",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }


def _guard(hub: Hub) -> Guard:
    """As a process has it that has just started."""
    return Guard(hub.database, hub.vault, hub.clock, issuer=hub.settings.public_url)


def _no_proof(_principal: Principal, _token: str) -> None:
    """These tokens are bound to no key."""
