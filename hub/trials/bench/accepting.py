"""How many conversions a second the HTTP door accepts, against a bare JSON echo on the same server and client."""

import itertools
import multiprocessing
from collections.abc import Callable, Sequence

from hub.access import service as access
from hub.access.scopes import PARTNER_SCOPES
from hub.access.types import AuthMethod
from hub.kernel.ids import new_id
from hub.members import service as members
from hub.members.types import NewLink
from hub.rates.types import PriceRequest
from hub.trials.bench.figures import Figure
from hub.trials.bench.ground import bench_hub, serving
from hub.trials.client import ApiClient
from hub.trials.load import Load, drive, render_post
from hub.trials.stage import set_stage
from hub.wiring import Hub
from partners.base import Done, MemberValidation

CONNECTIONS = 64
_SECONDS = 12.0
_WARM_SECONDS = 3.0
_SINGLES = 60_000
_BATCH_ITEMS = 100
_BATCHES = 500
_MEMBERS = 200
_SOURCE, _TARGET, _AMOUNT = "amex_mr", "singapore", 1_000

_METHOD = (
    f"Granian with HUB_API_PROCESSES × HUB_API_THREADS, {CONNECTIONS} keep-alive connections from one client process "
    f"on the same machine, {_SECONDS:.0f} s after {_WARM_SECONDS:.0f} s of warming up; embedded PostgreSQL with "
    "durable commits; every request on the same pair of partners, with its own signed quote and Idempotency-Key, "
    "OAuth token check, links, hold, outbox, commit; no worker running."
)


def measure_accepting(progress: Callable[[str], None]) -> list[Figure]:
    """Accepting one by one and in batches of 100, each against the echo."""
    with bench_hub() as hub:
        progress("setting the stage")
        set_stage(hub)
        client, cast = cast_for(hub)
        progress("signing quotes")
        quotes = signed_quotes(hub, cast, _SINGLES + _BATCHES * _BATCH_ITEMS)
        with serving(hub.settings, "hub.wiring:wsgi", "/healthz") as port:
            host = f"127.0.0.1:{port}"
            token = ApiClient(f"http://{host}", *client).token()
            head = {"Authorization": f"Bearer {token}"}
            sample = render_post("/echo", host, _single(*quotes[0]), head)
            progress("accepting one by one")
            singles = [
                render_post("/v1/conversions", host, _single(*pair), {**head, "Idempotency-Key": f"single-{index}"})
                for index, pair in enumerate(quotes[:_SINGLES])
            ]
            one = _run(port, singles)
            progress("accepting in batches")
            batches = [
                render_post("/v1/conversion-batches", host, _batch(quotes[_SINGLES:], index), head)
                for index in range(_BATCHES)
            ]
            many = _run(port, batches)
        with serving(hub.settings, "hub.trials.echo:create_echo", "/") as port:
            progress("echoing")
            echo = _run(port, itertools.repeat(sample, 1_000_000))
    single_rate, batch_rate = one.per_second, many.per_second * _BATCH_ITEMS
    return [
        Figure(
            "accept_http",
            single_rate,
            "conversions/s",
            echo.per_second,
            single_rate / echo.per_second,
            0.25,
            _METHOD,
            _said(one),
        ),
        Figure(
            "accept_http_batch",
            batch_rate,
            "conversions/s",
            echo.per_second,
            batch_rate / echo.per_second,
            1.0,
            f"As accept_http, {_BATCH_ITEMS} conversions in a request, against echo requests a second.",
            _said(many),
        ),
    ]


def _said(load: Load) -> str:
    statuses = ", ".join(f"{count} × {status}" for status, count in sorted(load.statuses.items()))
    return f"(answers {statuses}; p50 {load.percentile(0.5):.0f} ms, p99 {load.percentile(0.99):.0f} ms)"


def _run(port: int, requests: "Sequence[bytes] | itertools.repeat[bytes]") -> Load:
    """Drive the load from a process of its own, after a warm-up with the first of the same requests."""
    context = multiprocessing.get_context("fork")
    receiving, sending = context.Pipe(duplex=False)
    process = context.Process(target=_drive, args=(port, requests, sending))
    process.start()
    load: Load = receiving.recv()
    process.join()
    assert load.requests > 0, f"nothing was answered: {load.first_error}"
    return load


def _drive(port: int, requests: "Sequence[bytes] | itertools.repeat[bytes]", sending: object) -> None:
    source = iter(requests)
    give = lambda: next(source, None)  # noqa: E731 - one line says it
    drive("127.0.0.1", port, connections=CONNECTIONS, seconds_max=_WARM_SECONDS, next_request=give)
    load = drive("127.0.0.1", port, connections=CONNECTIONS, seconds_max=_SECONDS, next_request=give)
    sending.send(load)  # type: ignore[attr-defined]


def cast_for(hub: Hub) -> tuple[tuple[str, str], list[str]]:
    """A client of the source partner and members with active links at both partners."""
    now = hub.clock.now()
    cast = []
    with hub.database.work() as work:
        added = access.add_client(
            work,
            partner=_SOURCE,
            auth=AuthMethod.SECRET,
            jwks="",
            scopes=PARTNER_SCOPES,
            live=False,
            actor="bench",
            now=now,
        )
        for index in range(_MEMBERS):
            member = members.add_member(work, reference=f"bench-{index}", partner=_SOURCE, now=now)
            for partner in (_SOURCE, _TARGET):
                wanted = NewLink(member, partner, f"{partner}-{index}", ".+", recorded_by="bench")
                link = members.open_link(work, wanted, now=now)
                members.record_validation(work, link.id, MemberValidation(Done("bench")), now=now)
            cast.append(member)
    return (added.id, added.secret), cast


def signed_quotes(hub: Hub, cast: Sequence[str], count: int) -> list[tuple[str, str]]:
    """Signed quotes with the member each is for."""
    now = hub.clock.now()
    with hub.database.read() as work:
        catalogue = hub.catalogues.get(work)
    request = PriceRequest(f"{_SOURCE}.point", f"{_TARGET}.point", _AMOUNT)
    made = []
    for index in range(count):
        member = cast[index % len(cast)]
        quote = hub.quoter.quote(
            catalogue, request, member=member, client_partner=_SOURCE, at=now, id=new_id("quo", now)
        )
        made.append((hub.quoter.seal(quote), member))
    return made


def _single(quote: str, member: str) -> dict[str, str]:
    return {"quote": quote, "member": member}


def _batch(quotes: Sequence[tuple[str, str]], index: int) -> dict[str, object]:
    start = index * _BATCH_ITEMS
    items = [
        {**_single(*pair), "idempotency_key": f"batch-{start + at}"}
        for at, pair in enumerate(quotes[start : start + _BATCH_ITEMS])
    ]
    return {"items": items}
