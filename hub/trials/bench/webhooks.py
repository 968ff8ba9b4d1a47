"""How many events a second reach endpoints, and whether sick endpoints slow down the healthy ones."""

import asyncio
import contextlib
import multiprocessing
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

from hub.agreements import service as agreements
from hub.agreements.types import NewPartner
from hub.outbox.events import Event, announce_events
from hub.trials.bench.figures import Figure
from hub.trials.bench.ground import bench_hub
from hub.webhooks import service as webhooks
from hub.webhooks.types import EndpointDraft
from hub.wiring import Hub

_LATENCY_MS = 50
_NETWORKS = "127.0.0.0/8"
_WAIT_SECONDS_MAX = 600

# As many threads as two cores keep busy; the default of 64 waits for the processor, not for receivers.
_THREADS_FEW = 16
_THREADS_MANY = 64
_HEALTHY, _HANGING, _FAILING = 40, 5, 5
_EVENTS_EACH = 200

_METHOD = (
    f"{_HEALTHY} endpoints at addresses of their own on loopback, in another process, that answer 204 after "
    f"{_LATENCY_MS} ms; {_HEALTHY * _EVENTS_EACH:,} events announced before one worker starts over `memory://`, timed "
    "from there to the last delivery: numbered, fanned out, claimed, signed, sent over kept connections, answers "
    "committed; embedded PostgreSQL with durable commits. "
)
_METHOD_FAST = _METHOD + f"{_THREADS_FEW} threads; the baseline is threads ÷ latency."
_METHOD_SICK = _METHOD + (
    f"{_THREADS_MANY} threads; {_HEALTHY * _EVENTS_EACH:,} of {(_HEALTHY + _HANGING + _FAILING) * _EVENTS_EACH:,} "
    f"events to {_HEALTHY} healthy of {_HEALTHY + _HANGING + _FAILING} endpoints, of which {_HANGING} never answer and "
    f"{_FAILING} answer 500; the baseline is the same without the sick ones, in the same run."
)


def measure_webhooks(progress: Callable[[str], None]) -> list[Figure]:
    """Deliveries a second of a worker that waits for its receivers, and of one among sick receivers."""
    with _receivers() as port:
        progress("delivering to healthy endpoints")
        fast, milliseconds = _rate(port, threads=_THREADS_FEW, sick=False)
        well, _ = _rate(port, threads=_THREADS_MANY, sick=False)
        progress("delivering among sick endpoints")
        among, _ = _rate(port, threads=_THREADS_MANY, sick=True)
    allowed = _THREADS_FEW * 1_000 / _LATENCY_MS
    most = _THREADS_MANY * 1_000 / _LATENCY_MS
    return [
        Figure(
            "webhooks",
            fast,
            "deliveries/s",
            allowed,
            fast / allowed,
            0.8,
            _METHOD_FAST,
            f"({milliseconds:.2f} ms of the worker's processor time for each, the database's apart)",
        ),
        Figure(
            "webhooks_sick",
            among,
            "deliveries/s",
            well,
            among / well,
            0.9,
            _METHOD_SICK,
            f"(÷ threads ÷ latency: {among / most:.2f} among sick ones, {well / most:.2f} without)",
        ),
    ]


def _rate(port: int, *, threads: int, sick: bool) -> tuple[float, float]:
    """Deliveries a second to the healthy endpoints, and milliseconds of this process's processor time for each."""
    with bench_hub(webhook_networks=_NETWORKS, worker_threads=threads, broker_url="memory://") as hub:
        paths = ["ok"] * _HEALTHY + (["hang"] * _HANGING + ["fail"] * _FAILING if sick else [])
        partners = [f"bench_{number:02}" for number in range(len(paths))]
        _prepare(hub, {code: f"http://127.0.0.{number + 2}:{port}/{path}" for number, (code, path) in
                       enumerate(zip(partners, paths, strict=True))})  # fmt: skip
        _announce(hub, partners)
        worker = hub.worker()
        count = _HEALTHY * _EVENTS_EACH
        started, used = time.monotonic(), time.process_time()
        worker.start()
        try:
            _await(hub, count)
            return count / (time.monotonic() - started), (time.process_time() - used) * 1_000 / count
        finally:
            worker.stop()


def _prepare(hub: Hub, urls: dict[str, str]) -> None:
    """A test partner for each address, with an endpoint there."""
    now = hub.clock.now()
    with hub.database.work() as work:
        for code, url in urls.items():
            agreements.add_partner(work, NewPartner(code, code, "shop", "sandbox"), actor="bench", now=now)
            made = webhooks.add_endpoint(
                work, code, EndpointDraft(url), hub.destinations, live=False, actor="bench", now=now
            )
            webhooks.issue(work, hub.vault, made, now=now)


def _announce(hub: Hub, partners: list[str]) -> None:
    for number in range(_EVENTS_EACH):
        events = [Event("webhook.endpoint_disabled", f"cnv_{number}", (code,), {"endpoint": "none", "reason": "bench"},
                        False) for code in partners]  # fmt: skip
        with hub.database.work() as work:
            announce_events(work, events, now=hub.clock.now())


def _await(hub: Hub, count: int) -> None:
    deadline = time.monotonic() + _WAIT_SECONDS_MAX
    while True:
        with hub.database.read() as work:
            done = work.fetch("SELECT count(*) FROM webhook_delivery WHERE state = 'delivered'")[0][0]
        if done >= count:
            return
        assert time.monotonic() < deadline, f"{done} of {count} deliveries after {_WAIT_SECONDS_MAX} s"
        time.sleep(0.05)


@contextmanager
def _receivers() -> Iterator[int]:
    """Receivers in a process of their own, at one port of many loopback addresses; that port."""
    context = multiprocessing.get_context("fork")
    receiving, sending = context.Pipe(duplex=False)
    process = context.Process(target=_serve, args=(sending,), daemon=True)
    process.start()
    try:
        yield int(receiving.recv())
    finally:
        process.terminate()
        process.join()


def _serve(sending: Connection) -> None:
    asyncio.run(_listen(sending))


async def _listen(sending: Connection) -> None:
    first = await asyncio.start_server(_answer, "127.0.0.2", 0)
    port = first.sockets[0].getsockname()[1]
    rest = [f"127.0.0.{number + 2}" for number in range(1, _HEALTHY + _HANGING + _FAILING)]
    others = await asyncio.start_server(_answer, rest, port)
    sending.send(port)
    await asyncio.gather(first.serve_forever(), others.serve_forever())


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Read requests of one connection and answer each as its path says."""
    with contextlib.suppress(OSError, asyncio.IncompleteReadError):
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(_length(head))
            path = head.split(b" ", 2)[1]
            if path == b"/hang":
                await reader.read(1)
                break
            await asyncio.sleep(_LATENCY_MS / 1_000)
            status = b"204 No Content" if path == b"/ok" else b"500 Internal Server Error\r\ncontent-length: 0"
            writer.write(b"HTTP/1.1 " + status + b"\r\n\r\n")
            await writer.drain()
    writer.close()


def _length(head: bytes) -> int:
    found: Any = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    return int(found.split(b":")[1])
