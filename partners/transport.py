"""HTTP to partners with every bound set: no redirects, no proxies, no cookies, no endless replies, no hidden retries.

Knows requests. Does not know tokens, brands or what an answer means.
"""

import io
import time
from collections.abc import Callable, Mapping

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import ConnectTimeoutError, HTTPError, MaxRetryError, NewConnectionError
from urllib3.response import BaseHTTPResponse

from hub.kernel.limits import PARTNER_REPLY_BYTES_MAX
from partners.signatures import SignedRequest

# Connections kept open in one process, over all partners at one host; the worker calls with 64 threads by default.
_POOL_HOSTS = 64
_POOL_CONNECTIONS = 128
_CHUNK_BYTES = 16 * 1024


CUT_HEADER = "x-hub-cut"
# Seconds to wait for a connection: a partner that needs longer is down.
CONNECT_SECONDS = 3

# What a request gets beside its own headers once its address and body stand.
Signer = Callable[[SignedRequest], Mapping[str, str]]


class BoundedAdapter(HTTPAdapter):
    """Reads the whole reply before it hands it on, up to a number of bytes and a moment.

    A timeout of requests counts only the silence between two bytes; a partner that trickles would hold a thread for
    ever. What is longer than the cap is cut there and marked by the header `CUT_HEADER`.
    """

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: float | tuple[float, float] | tuple[float, None] | None = None,
        verify: bool | str = True,
        cert: bytes | str | tuple[bytes | str, bytes | str] | None = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """One exchange. timeout: (connect, whole) seconds. Raises: requests.RequestException."""
        del stream, proxies
        assert isinstance(timeout, tuple), "a partner call without a timeout"
        until = time.monotonic() + (timeout[1] or 0)
        try:
            response = super().send(request, stream=True, timeout=timeout, verify=verify, cert=cert, proxies={})
        except HTTPError as fault:  # requests translates most of urllib3's, not all
            raise requests.ConnectionError("no reply", request=request) from fault
        raw: BaseHTTPResponse = response.raw
        try:
            body, cut = _read(raw, until)
        except HTTPError as fault:
            raise requests.ConnectionError("the reply broke off", request=request) from fault
        finally:
            # A reply that was read to its end has given its connection back by now; any other takes it along.
            raw.close()
        response.headers.pop(CUT_HEADER, None)
        if cut:
            response.headers[CUT_HEADER] = "1"
        response.raw = io.BytesIO(body)
        return response


def _read(raw: BaseHTTPResponse, until: float) -> tuple[bytes, bool]:
    """The decoded body and whether it was cut. until: monotonic seconds at which patience ends."""
    chunks: list[bytes] = []
    size = 0
    while size <= PARTNER_REPLY_BYTES_MAX:
        if time.monotonic() > until:
            raise HTTPError("the reply took too long")
        chunk = raw.read1(_CHUNK_BYTES, decode_content=True)
        if not chunk:
            return b"".join(chunks), False
        chunks.append(chunk)
        size += len(chunk)
    return b"".join(chunks)[:PARTNER_REPLY_BYTES_MAX], True


class Transport:
    """The connections of one process to all its partners. Safe between threads; none is made before the first call."""

    def __init__(self) -> None:
        self._adapter = BoundedAdapter(pool_connections=_POOL_HOSTS, pool_maxsize=_POOL_CONNECTIONS, max_retries=0)

    def exchange(
        self,
        method: str,
        url: str,
        body: bytes,
        headers: Mapping[str, str],
        timeout: tuple[float, float],
        signer: Signer | None = None,
    ) -> requests.Response:
        """One request and its reply; no session, hence no cookies, no redirects, no settings of the environment.

        timeout: seconds for the connection and for the reply. signer: None where nothing is signed; it is shown the
        address as it goes out, escaped and in lower case. Raises: requests.RequestException.
        """
        request = requests.Request(method, url, headers=dict(headers), data=body or None).prepare()
        if signer is not None:
            request.headers.update(signer(SignedRequest(method, str(request.url), dict(headers), body)))
        return self._adapter.send(request, timeout=timeout)

    def mount(self, session: requests.Session) -> requests.Session:
        """`session`, made to use these connections and nothing of the environment; for requests that Authlib makes."""
        session.trust_env = False
        session.mount("https://", self._adapter)
        session.mount("http://", self._adapter)
        return session

    def close(self) -> None:
        """Close the connections that are idle."""
        self._adapter.close()


def never_left(fault: requests.RequestException) -> bool:
    """Whether no connection came about, so that nothing can have reached the partner."""
    if isinstance(fault, requests.ConnectTimeout):
        return True
    cause = fault.args[0] if fault.args else None
    reason = cause.reason if isinstance(cause, MaxRetryError) else cause
    return isinstance(reason, NewConnectionError | ConnectTimeoutError)
