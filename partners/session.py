"""The way to one partner: a breaker, a token, a signature, one call, one reply.

Knows when a call goes out and what it carries. Does not know brands: bodies and words are the adapter's. Nothing here
raises for what a network or a partner does, and nothing here repeats a call but once after a 401.
"""

import json
import logging
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import requests

from partners.base import Connection, Ports, Unknown
from partners.profile import AuthKind, HttpProfile, SigningKind
from partners.signatures import SignedRequest, SigningKey, SigningKeyInvalid
from partners.tokens import AccessTokens, sendable
from partners.transport import CONNECT_SECONDS, CUT_HEADER, Transport, never_left

_log = logging.getLogger("partners")

# Who calls, as partners see it.
USER_AGENT = "coalition-hub"
# Random bytes of a signature's nonce.
_NONCE_BYTES = 16
_NO_HEADERS: Mapping[str, str] = MappingProxyType({})
_COMMON_HEADERS: Mapping[str, str] = MappingProxyType(
    {"accept": "application/json, application/xml;q=0.9", "user-agent": USER_AGENT}
)


@dataclass(frozen=True, slots=True)
class Reply:
    """What a partner answered. headers: names in lower case. cut: the body was longer than is read: no proof."""

    status: int
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    cut: bool = False


def answers_sensibly(reply: Reply) -> bool:
    """Whether a partner that answers so is well: a refusal is sensible, a failure of its own is not."""
    return reply.status < 500 and reply.status != 401


class PartnerSession:
    """Calls one partner. Safe between threads; one for each partner and process is enough."""

    def __init__(self, connection: Connection, http: HttpProfile, ports: Ports, transport: Transport) -> None:
        self._connection = connection
        self._http = http
        self._ports = ports
        self._transport = transport
        self._tokens = AccessTokens(connection, http, ports, transport)
        self._key = self._signing_key()

    def get(self, path: str, *, headers: Mapping[str, str] = _NO_HEADERS) -> Reply | Unknown:
        """The reply to a GET of `path` below the base URL, or Unknown when there is none."""
        return self.send("GET", path, b"", headers)

    def post_json(
        self, path: str, document: Mapping[str, object], *, trace: str = "", headers: Mapping[str, str] = _NO_HEADERS
    ) -> Reply | Unknown:
        """The reply to a POST of `document` as JSON. trace: W3C traceparent, empty for none."""
        body = json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode("utf-8")
        return self.send("POST", path, body, {"content-type": "application/json", **_traced(trace), **headers})

    def post_xml(
        self,
        path: str,
        body: bytes,
        *,
        trace: str = "",
        headers: Mapping[str, str] = _NO_HEADERS,
        sensible: Callable[[Reply], bool] | None = None,
    ) -> Reply | Unknown:
        """The reply to a POST of an XML document in UTF-8. trace: W3C traceparent, empty for none."""
        typed = {"content-type": "application/xml; charset=utf-8", **_traced(trace), **headers}
        return self.send("POST", path, body, typed, sensible=sensible)

    def send(
        self,
        method: str,
        path: str,
        body: bytes,
        headers: Mapping[str, str],
        *,
        sensible: Callable[[Reply], bool] | None = None,
    ) -> Reply | Unknown:
        """One call with a token; after a 401 once more with a new one.

        path: absolute, escaped by the caller. sensible: what tells the breaker that the partner is well; None for
        `answers_sensibly`. Unknown: no answer, and why; `called` is False when nothing was sent.
        """
        partner = self._connection.code
        if not self._ports.breaker.closed(partner):
            return Unknown("breaker open", called=False)
        reply = self._authorized(method, path, body, headers)
        healthy = isinstance(reply, Reply) and (sensible or answers_sensibly)(reply)
        self._ports.breaker.record(partner, healthy=healthy)
        return reply

    def _authorized(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Reply | Unknown:
        if self._http.auth is AuthKind.NONE:
            return self._exchange(method, path, body, headers, "")
        if self._http.auth is AuthKind.API_KEY:
            key = self._connection.secrets.get(self._http.api_key_secret, "")
            if not sendable(key):
                return Unknown("no api key", called=False)
            return self._exchange(method, path, body, {**headers, self._http.api_key_header: key}, "")
        token = self._tokens.value(refused="")
        if isinstance(token, Unknown):
            return token
        reply = self._exchange(method, path, body, headers, token)
        if not isinstance(reply, Reply) or reply.status != 401:
            return reply
        renewed = self._tokens.value(refused=token)
        if isinstance(renewed, Unknown):
            # The first call was answered, with a no to the token: that is not "nothing was sent".
            return Unknown(f"http 401, {renewed.why}")
        return self._exchange(method, path, body, headers, renewed)

    def _exchange(self, method: str, path: str, body: bytes, headers: Mapping[str, str], token: str) -> Reply | Unknown:
        if token:
            headers = {**headers, "authorization": f"Bearer {token}"}
        if self._http.signing is SigningKind.RFC9421 and self._key is None:
            return Unknown("no signature: unreadable key", called=False)
        try:
            response = self._transport.exchange(
                method,
                self._connection.base_url + path,
                body,
                {**_COMMON_HEADERS, **headers},
                (CONNECT_SECONDS, self._connection.timeout_seconds),
                self._signature if self._key is not None else None,
            )
        except requests.Timeout as fault:
            return Unknown("no answer in time", called=not never_left(fault))
        except requests.RequestException as fault:
            called = not never_left(fault)
            return Unknown("no answer" if called else "no connection", called=called)
        return Reply(
            status=response.status_code,
            body=response.content,
            headers={name.lower(): value for name, value in response.headers.items()},
            cut=CUT_HEADER in response.headers,
        )

    def _signature(self, request: SignedRequest) -> Mapping[str, str]:
        assert self._key is not None, "only asked where there is a key"
        nonce = secrets.token_urlsafe(
            _NONCE_BYTES
        )  # nobody ever asks for it again, so it need not be told from outside
        return self._key.sign(request, created=self._ports.clock.now(), nonce=nonce)

    def _signing_key(self) -> SigningKey | None:
        """The key that requests are signed with; None when they are not, or when it cannot be read."""
        if self._http.signing is SigningKind.NONE:
            return None
        held = self._connection.secrets
        try:
            return SigningKey(held.get("signing_key", ""), held.get("signing_key_id", ""))
        except SigningKeyInvalid:
            _log.warning("no key to sign requests with", extra={"partner": self._connection.code})
            return None


def _traced(trace: str) -> Mapping[str, str]:
    return {"traceparent": trace} if trace else _NO_HEADERS
