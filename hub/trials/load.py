"""A lean HTTP load generator: one thread, many keep-alive connections, requests rendered beforehand.

A measuring client must cost less than the server it measures. This one writes prepared bytes and reads only the status
and the length of each answer; it speaks just the HTTP/1.1 that such answers need. Loopback only, bounded in requests
and time.
"""

import json
import selectors
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

_READ_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Load:
    """What came of a run.

    seconds: from the first byte sent to the last answer. latencies_ms: sorted, one per request.
    """

    requests: int
    seconds: float
    statuses: Mapping[int, int]
    latencies_ms: list[float] = field(repr=False)
    first_error: str = ""

    @property
    def per_second(self) -> float:
        """Answers per second."""
        return self.requests / self.seconds if self.seconds else 0.0

    def percentile(self, share: float) -> float:
        """Milliseconds that `share` of the answers did not exceed."""
        return self.latencies_ms[min(len(self.latencies_ms) - 1, int(len(self.latencies_ms) * share))]


class _Connection:
    __slots__ = ("buffer", "sent_at", "socket")

    def __init__(self, host: str, port: int) -> None:
        self.socket = socket.create_connection((host, port), timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.sent_at = 0.0


def render_post(path: str, host: str, document: object, headers: Mapping[str, str]) -> bytes:
    """The bytes of one JSON POST on a keep-alive connection."""
    body = json.dumps(document, separators=(",", ":")).encode()
    lines = [f"POST {path} HTTP/1.1", f"Host: {host}", "Content-Type: application/json", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def drive(
    host: str, port: int, *, connections: int, seconds_max: float, next_request: Callable[[], bytes | None]
) -> Load:
    """Send what `next_request` gives over `connections` until it gives None or time is up, one open request each."""
    assert host in ("127.0.0.1", "::1", "localhost"), "load goes to this machine only"
    selector = selectors.DefaultSelector()
    statuses: dict[int, int] = {}
    latencies: list[float] = []
    first_error = ""
    start = time.perf_counter()
    deadline = start + seconds_max
    live = 0
    for _ in range(connections):
        request = next_request()
        if request is None:
            break
        connection = _Connection(host, port)
        selector.register(connection.socket, selectors.EVENT_READ, connection)
        connection.sent_at = time.perf_counter()
        connection.socket.sendall(request)
        live += 1
    while live:
        for key, _ in selector.select(timeout=10):
            connection = key.data
            chunk = connection.socket.recv(_READ_BYTES)
            connection.buffer += chunk
            status = _complete(connection)
            if status is None and chunk:
                continue
            if status is not None:
                latencies.append((time.perf_counter() - connection.sent_at) * 1000)
                statuses[status] = statuses.get(status, 0) + 1
                if status >= 400 and not first_error:
                    first_error = connection.buffer[-600:].decode(errors="replace")
            connection.buffer = b""
            request = next_request() if chunk and time.perf_counter() < deadline else None
            if request is None:
                selector.unregister(connection.socket)
                connection.socket.close()
                live -= 1
                continue
            connection.sent_at = time.perf_counter()
            connection.socket.sendall(request)
    seconds = time.perf_counter() - start
    return Load(len(latencies), seconds, statuses, sorted(latencies), first_error)


def _complete(connection: _Connection) -> int | None:
    """The status of the answer in the buffer if it is there in full."""
    head, found, body = connection.buffer.partition(b"\r\n\r\n")
    if not found:
        return None
    lowered = head.lower()
    at = lowered.find(b"content-length:")
    if at < 0:
        # Chunked: our servers send one chunk and the closing one.
        return int(head[9:12]) if body.endswith(b"0\r\n\r\n") else None
    length = int(lowered[at + 15 :].split(b"\r\n", 1)[0])
    return int(head[9:12]) if len(body) >= length else None
