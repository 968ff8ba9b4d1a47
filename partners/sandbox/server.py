"""A real HTTP server that plays many partners at once, for tests, demonstrations and partners' own trials.

Knows connections and addresses: the first piece of a path names the partner, `_sim` is the way in for those who watch.
What a partner does stands in `desk.py`. It has no defence and listens on the loopback address only.
"""

import logging
import socket
import threading
from collections.abc import Sequence
from datetime import timedelta
from socketserver import StreamRequestHandler, TCPServer
from types import TracebackType

from hub.kernel.clock import Clock, SystemClock
from partners.base import Connection
from partners.sandbox.books import Books
from partners.sandbox.courier import Courier
from partners.sandbox.desk import Desk, Heard, Shared, Strike
from partners.sandbox.desk import SimulatedPartner as SimulatedPartner
from partners.sandbox.face import Answer, Call, Face, json_answer
from partners.sandbox.faults import FaultKind, FaultPlan, Faults, NoticeFault
from partners.sandbox.oauth import TOKEN_PATH, Credentials, TokenDesk
from partners.sandbox.watch import watch

_log = logging.getLogger("partners.sandbox")

# Bytes of one request: opening some thousands of members at once is the largest there is.
_BODY_BYTES_MAX = 4 * 1024 * 1024
# Bytes of the first line or one header, and how many headers there may be.
_LINE_BYTES_MAX = 16 * 1024
_HEADERS_MAX = 64
# Seconds that an idle connection is kept.
_IDLE_SECONDS = 60
_REASONS = {200: "OK", 201: "Created", 202: "Accepted", 404: "Not Found"}


class RunningSimulator:
    """Partners that answer now. A context manager; `stop` may be called twice."""

    def __init__(self, server: "_Server", shared: Shared, clock: Clock) -> None:
        self._server, self._shared, self._clock = server, shared, clock
        self._thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="simulator", daemon=True)
        self._thread.start()

    def __enter__(self) -> "RunningSimulator":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """The base of all partners' addresses: `http://127.0.0.1:<port>`."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    def add(self, partner: SimulatedPartner) -> None:
        """Play one more partner, or one again from an empty book."""
        books = Books(
            self._clock,
            key_life=timedelta(seconds=partner.key_life_seconds),
            inquiry_lag=timedelta(seconds=partner.inquiry_lag_seconds),
        )
        books.open_members(partner.members)
        tokens = TokenDesk(
            self._clock,
            partner.credentials,
            audience=f"{self.url}/{partner.code}{TOKEN_PATH}",
            life=timedelta(seconds=partner.token_seconds),
        )
        address = f"{self.url}/{partner.code}"
        self._shared.desks[partner.code] = Desk(partner, books, tokens, self._shared, address=address)

    def connection(self, code: str, credentials: Credentials, *, timeout_seconds: int) -> Connection:
        """How the hub reaches the simulated partner `code`."""
        base = f"{self.url}/{code}"
        return Connection(
            code=code,
            base_url=base,
            token_url=base + TOKEN_PATH,
            client_id=credentials.client_id,
            secrets=credentials.secrets(),
            timeout_seconds=timeout_seconds,
            audience=base + TOKEN_PATH,
        )

    def books(self, code: str) -> Books:
        """The books of a partner that is played."""
        return self._shared.desks[code].books

    def tokens_issued(self, code: str) -> int:
        """How many tokens a partner has issued."""
        return self._shared.desks[code].tokens.issued

    def fault_counts(self) -> dict[FaultKind, int]:
        """How often each kind of fault was done."""
        return self._shared.faults.counts()

    def notice_counts(self) -> dict[NoticeFault, int]:
        """How often each kind of fault was done to a notice."""
        return self._shared.faults.notice_counts()

    def strike(self, code: str, *strikes: Strike | None) -> None:
        """What the next calls of a partner meet, in order, whatever the plan says."""
        self._shared.desks[code].strike(*strikes)

    def heard(self, code: str) -> list[Heard]:
        """The newest calls of a partner that was asked to remember them, oldest first."""
        return self._shared.desks[code].heard()

    def forget_heard(self, code: str) -> None:
        """Remember none of a partner's calls so far."""
        self._shared.desks[code].forget_heard()

    def face(self, code: str) -> Face:
        """The dialect of a partner that is played."""
        return self._shared.desks[code].face

    def notify(self, code: str, url: str) -> None:
        """Send a partner's notices to this address from now on; empty for nowhere."""
        self._shared.desks[code].notify_url = url

    @property
    def connections_made(self) -> int:
        """How many connections have been opened to it so far."""
        return self._server.connections_made

    @property
    def plan(self) -> FaultPlan:
        """The plan in force."""
        return self._shared.faults.plan

    def set_plan(self, plan: FaultPlan) -> None:
        """Let things go wrong by another plan from now on."""
        self._shared.faults.plan = plan

    def stop(self) -> None:
        """Answer nobody any more; waits for calls that are under way."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
            self._server.finish()
            self._shared.courier.stop()


def serve(
    host: str, port: int, partners: Sequence[SimulatedPartner], plan: FaultPlan, clock: Clock | None = None
) -> RunningSimulator:
    """Play `partners` at `host` and `port` (0 for any free one) until stopped. clock: the machine's own when None."""
    clock = clock or SystemClock()
    shared = Shared(Faults(plan), Courier(clock), clock)
    running = RunningSimulator(_Server((host, port), shared), shared, clock)
    for partner in partners:
        running.add(partner)
    return running


class _Server(TCPServer):
    """One thread for each connection. It remembers them all, so that stopping leaves neither threads nor sockets."""

    allow_reuse_address = True
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], shared: Shared) -> None:
        self.shared = shared
        self._lock = threading.Lock()
        self._open: dict[socket.socket, threading.Thread] = {}
        self.connections_made = 0
        super().__init__(address, _Handler)

    def process_request(self, request: object, client_address: object) -> None:
        """Hand the connection to a thread of its own."""
        assert isinstance(request, socket.socket)
        thread = threading.Thread(target=self._work, args=(request, client_address), daemon=True)
        with self._lock:
            self._open[request] = thread
            self.connections_made += 1
        thread.start()

    def finish(self) -> None:
        """Close every connection and wait for its thread."""
        self.server_close()
        with self._lock:
            left = dict(self._open)
        for connection in left:
            try:
                connection.shutdown(socket.SHUT_RD)
            except OSError:
                continue  # it went by itself
        for thread in left.values():
            thread.join()

    def handle_error(self, request: object, client_address: object) -> None:
        """A fault of a simulator ends its connection; the caller sees no answer."""
        del request, client_address
        _log.exception("a simulated partner failed")

    def _work(self, connection: socket.socket, client_address: object) -> None:
        try:
            self.finish_request(connection, client_address)
        except (ConnectionError, TimeoutError):
            pass  # the caller went away, as callers do
        except Exception:
            self.handle_error(connection, client_address)
        finally:
            self.shutdown_request(connection)
            with self._lock:
                self._open.pop(connection, None)


class _Handler(StreamRequestHandler):
    """HTTP/1.1 with connections kept open; each answer leaves in one write, since Nagle's wait would cost 40 ms.

    Lines and headers are read by hand: the parser of `http.server` takes longer than everything a partner does.
    """

    disable_nagle_algorithm = True
    timeout = _IDLE_SECONDS
    server: _Server

    def handle(self) -> None:
        """Answer call after call until either side ends the connection."""
        while self._answered_one():
            pass

    def _answered_one(self) -> bool:
        """Whether another call may follow."""
        first = self.rfile.readline(_LINE_BYTES_MAX).split()
        if len(first) != 3:
            return False
        headers = self._read_headers()
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length) > _BODY_BYTES_MAX or "transfer-encoding" in headers:
            self._write(json_answer(413, {"error": "too_large"}), last=True)
            return False
        body = self.rfile.read(int(length))
        answer = self._ask(first[0].decode("latin-1"), first[1].decode("latin-1"), headers, body)
        if answer is None:
            return False
        last = answer.cut or headers.get("connection", "").lower() == "close"
        self._write(answer, last=last)
        return not last

    def _read_headers(self) -> dict[str, str]:
        headers: dict[str, str] = {}
        for _ in range(_HEADERS_MAX):
            line = self.rfile.readline(_LINE_BYTES_MAX).decode("latin-1").strip()
            if not line:
                break
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        return headers

    def _ask(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Answer | None:
        code, _, rest = target.lstrip("/").partition("/")
        path, _, query = rest.partition("?")
        call = Call(method, "/" + path, headers, body, query)
        shared = self.server.shared
        if code == "_sim":
            return watch(shared, call)
        desk = shared.desks.get(code)
        return json_answer(404, {"error": "no_such_partner"}) if desk is None else desk.answer(call)

    def _write(self, answer: Answer, *, last: bool) -> None:
        lines = [
            f"HTTP/1.1 {answer.status} {_REASONS.get(answer.status, '-')}",
            f"content-type: {answer.content_type}",
            f"content-length: {len(answer.body)}",
            *(f"{name}: {value}" for name, value in answer.headers.items()),
            *(["connection: close"] if last else []),
        ]
        body = answer.body[: len(answer.body) // 2] if answer.cut else answer.body
        self.wfile.write("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)
