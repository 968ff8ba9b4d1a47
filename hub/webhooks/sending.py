"""Sends one request to an address that somebody else chose, and trusts nothing of it.

The name is resolved here, every address of it is judged, and the connection goes to one that was judged: a name that
leads elsewhere a moment later (DNS rebinding) finds nobody asking. Host, SNI and certificate stay those of the name. No
redirects, no proxies, no cookies, bounded time, and of the answer a bounded head. Knows requests. Does not know events.
"""

import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3 import PoolManager, Timeout
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError, NewConnectionError, ReadTimeoutError, SSLError
from urllib3.response import BaseHTTPResponse
from urllib3.util import parse_url

from hub.kernel.log import redact
from hub.webhooks.deadlines import Deadlines
from hub.webhooks.delivering import DELIVERED, GONE
from hub.webhooks.destinations import Destinations, first_refused
from hub.webhooks.types import Sent

# Source: Standard Webhooks 1.0.0 ("15-30s"), and svix.com/docs for the shorter one.
CONNECT_SECONDS = 5
TOTAL_SECONDS = 15

# Of an answer: more is not read, and its connection is not used again.
_BODY_BYTES_MAX = 4_096
_LOGGED_CHARS_MAX = 2_000
_HEADER_CHARS_MAX = 200
# The rest may hold cookies and tokens of the receiver, which are nobody's business here.
_LOGGED_HEADERS = ("content-type", "content-length", "date", "location", "retry-after", "server", "via", "x-request-id")

_HEADERS = {"accept-encoding": "identity"}
# A third address would be past the time that one attempt has.
_ADDRESSES_MAX = 2
# Wrappings of one fault by the library and the guard; four are usual.
_CAUSES_MAX = 12

# Connections kept open in one process: hosts, and to each of them.
_POOL_HOSTS = 256
_POOL_CONNECTIONS = 24

Resolve = Callable[[str, int], Sequence[str]]
"""Addresses of a name, best first. Raises: OSError."""


class AddressRefused(OSError):
    """A name leads to an address that the hub must not call."""


def resolved(host: str, port: int) -> list[str]:
    """What the system's resolver says, each address once. Raises: OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return list(dict.fromkeys(str(one[4][0]) for one in found))


class Sender:
    """The connections of one process to all its receivers. Safe between threads; none is made before the first post.

    ca_file: certificates to trust instead of the usual ones; empty for those. total_seconds: of one attempt, whatever
    the receiver does; the system's resolver has limits of its own. resolve: how names become addresses.
    """

    def __init__(
        self,
        destinations: Destinations,
        *,
        ca_file: str = "",
        total_seconds: float = TOTAL_SECONDS,
        connect_seconds: float = CONNECT_SECONDS,
        resolve: Resolve = resolved,
    ) -> None:
        self._timeout = Timeout(connect=connect_seconds, read=total_seconds)
        self._total_seconds = total_seconds
        self._guard = _Guard(destinations, resolve)
        self._pools = _guarded_pools(self._guard, ca_file or DEFAULT_CA_BUNDLE_PATH)

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Sent:
        """One attempt and what became of it. outcome: `delivered`, `gone` (410), `redirected`, `refused` (any other
        status), `timeout`, `unreachable`, `tls_invalid` or `address_refused`.
        """
        with self._guard.deadlines.errand(self._total_seconds) as errand:
            self._guard.moment.errand = errand
            try:
                target = parse_url(url)
                # Straight to the pool: half the processor's time of a session of `requests`, which adds nothing here.
                response = self._pools.connection_from_host(target.host, target.port, target.scheme).urlopen(
                    "POST",
                    target.request_uri,
                    body=body,
                    headers={**headers, **_HEADERS},
                    retries=False,
                    redirect=False,
                    timeout=self._timeout,
                    preload_content=False,
                    decode_content=False,
                )
                # A head that was cut short by the end of the time reads like a whole one.
                return Sent("timeout") if errand.is_late else _sent(response)
            except HTTPError as fault:
                return Sent(_word(fault, late=errand.is_late))

    def close(self) -> None:
        """Close the connections that are idle."""
        self._pools.clear()


class _Guard:
    """Makes the connections. moment: `errand`, what this thread is at."""

    def __init__(self, destinations: Destinations, resolve: Resolve) -> None:
        self._destinations = destinations
        self._resolve = resolve
        self.deadlines = Deadlines()
        self.moment = threading.local()

    def connect(self, host: str, port: int, timeout: float, *, plainly: bool) -> socket.socket:
        """A connection to one of the addresses of `host`, all of which may be called. Raises: OSError."""
        addresses = self._resolve(host, port)
        refused = first_refused(addresses, self._destinations, plainly=plainly)
        if refused is not None:
            raise AddressRefused(f"{host} leads to {refused}")
        fault = OSError(f"{host} has no address")
        for one in addresses[:_ADDRESSES_MAX]:
            try:
                made = socket.create_connection((one, port), timeout=timeout)
            except OSError as failed:
                fault = failed
                continue
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return made
        raise fault

    def watch(self, connection: socket.socket) -> None:
        """This thread's errand goes on over `connection`. Raises: TimeoutError."""
        self.deadlines.watch(self.moment.errand, connection)


class _Connecting(HTTPConnection):
    """Connects through the guard, and can be shut from outside, in a handshake as in a trickle."""

    guard: ClassVar[_Guard]
    plainly: ClassVar[bool] = True
    # A second handle of the same connection: TLS takes the first one over and may be at work in it.
    _handle: socket.socket | None = None
    _pieces: list[bytes] | None = None

    def _new_conn(self) -> socket.socket:
        seconds = self.timeout if isinstance(self.timeout, int | float) else CONNECT_SECONDS
        try:
            made = self.guard.connect(self._dns_host, self.port, seconds, plainly=self.plainly)
            self._handle = made.dup()
            self.guard.watch(self._handle)
        except OSError as fault:
            raise NewConnectionError(self, f"no connection: {fault}") from fault
        return made

    def putrequest(self, *arguments: Any, **options: Any) -> None:
        """Begin a request, on a new connection or on one that was used before."""
        if self._handle is not None:
            self.guard.watch(self._handle)
        super().putrequest(*arguments, **options)

    def request(self, *arguments: Any, **options: Any) -> None:
        """Send head and body as one piece: two are two packets, and wake the receiver twice."""
        self._pieces = []
        try:
            super().request(*arguments, **options)
            whole = b"".join(self._pieces)
        finally:
            self._pieces = None
        self.send(whole)

    def send(self, data: Any) -> None:
        """Keep a piece of a request until it is whole."""
        if self._pieces is None:
            super().send(data)
        else:
            self._pieces.append(data)

    def close(self) -> None:
        """Close both handles."""
        super().close()
        if self._handle is not None:
            self.guard.deadlines.close(self._handle)
            self._handle = None


class _ConnectingSafely(_Connecting, HTTPSConnection):
    """The same under TLS."""

    plainly = False


def _guarded_pools(guard: _Guard, certificates: str) -> PoolManager:
    """Pools of guarded connections; there are no others. certificates: a file of those to trust."""
    pools = PoolManager(
        num_pools=_POOL_HOSTS, maxsize=_POOL_CONNECTIONS, cert_reqs="CERT_REQUIRED", ca_certs=certificates
    )
    plain = type("_Plain", (_Connecting,), {"guard": guard})
    safe = type("_Safe", (_ConnectingSafely,), {"guard": guard})
    pools.pool_classes_by_scheme = {
        "http": type("_PlainPool", (HTTPConnectionPool,), {"ConnectionCls": plain}),
        "https": type("_SafePool", (HTTPSConnectionPool,), {"ConnectionCls": safe}),
    }
    return pools


def _sent(response: BaseHTTPResponse) -> Sent:
    """What an answer means. Its status is the word of the receiver, even if the rest never comes."""
    status = response.status
    if 200 <= status < 300:
        outcome = DELIVERED
    elif status == 410:
        outcome = GONE
    else:
        outcome = "redirected" if 300 <= status < 400 else "refused"
    head = [f"{status} {response.reason or ''}"[:_HEADER_CHARS_MAX].rstrip()]
    known = response.headers
    head += [f"{name}: {known[name][:_HEADER_CHARS_MAX]}" for name in _LOGGED_HEADERS if name in known]
    body = _start_of(response).decode("utf-8", "replace")
    text = "\n".join(head) + ("\n\n" + body if body else "")
    return Sent(outcome, status, _shown(text), response.headers.get("retry-after", "")[:_HEADER_CHARS_MAX])


def _start_of(raw: BaseHTTPResponse) -> bytes:
    """The first bytes of the body, as they came over the wire; what did come, if it breaks off."""
    taken = b""
    try:
        while len(taken) <= _BODY_BYTES_MAX:
            chunk = raw.read1(_BODY_BYTES_MAX, decode_content=False)
            if not chunk:
                break
            taken += chunk
    except (HTTPError, OSError):
        pass
    finally:
        # An answer that was read to its end has given its connection back by now; any other takes it along.
        raw.close()
    return taken[:_BODY_BYTES_MAX]


def _shown(text: str) -> str:
    """For the log: without what looks like a secret, and without what a table or a terminal cannot take."""
    plain = "".join(one if one.isprintable() or one == "\n" else "�" for one in redact(text))
    return plain[:_LOGGED_CHARS_MAX]


def _word(fault: Exception, *, late: bool) -> str:
    """What went wrong, in one word."""
    causes = list(_causes(fault))
    if any(isinstance(one, AddressRefused) for one in causes):
        return "address_refused"
    if late or any(isinstance(one, TimeoutError | ReadTimeoutError) for one in causes):
        return "timeout"
    return "tls_invalid" if isinstance(fault, SSLError) else "unreachable"


def _causes(fault: BaseException | None) -> Iterator[BaseException]:
    """A fault and everything it wraps, as chain, reason or argument."""
    for _ in range(_CAUSES_MAX):
        if fault is None:
            return
        yield fault
        inner = getattr(fault, "reason", None) or fault.__cause__ or next(iter(fault.args), None)
        fault = inner if isinstance(inner, BaseException) else fault.__context__
