"""The way to one partner: a token, a breaker, one call, one reply.

Knows OAuth client credentials and when a token is renewed. Does not know brands: bodies and words are the adapter's.
Nothing here raises for what a network or a partner does, and nothing here repeats a call but once after a 401.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType

import requests
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from partners.base import Connection, Ports, Token, Unknown
from partners.profile import AuthKind, HttpProfile
from partners.transport import CUT_HEADER, Transport, never_left

_log = logging.getLogger("partners")

# Seconds to wait for a connection: a partner that needs longer is down.
_CONNECT_SECONDS = 3
# A token is renewed this early, or at 10 % of its life if that is earlier, but never before half of its life.
_RENEW_EARLY = timedelta(seconds=60)
# Life of a token whose answer does not say one (RFC 6749 §5.1 only recommends it), and the longest that is believed.
_LIFE_DEFAULT_SECONDS = 300
_LIFE_MAX_SECONDS = 86_400
_NO_HEADERS: Mapping[str, str] = MappingProxyType({})
_COMMON_HEADERS: Mapping[str, str] = MappingProxyType(
    {"accept": "application/json, application/xml;q=0.9", "user-agent": "coalition-hub"}
)


@dataclass(frozen=True, slots=True)
class Reply:
    """What a partner answered. headers: names in lower case. cut: the body was longer than is read: no proof."""

    status: int
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    cut: bool = False


class PartnerSession:
    """Calls one partner. Safe between threads; one for each partner and process is enough."""

    def __init__(self, connection: Connection, http: HttpProfile, ports: Ports, transport: Transport) -> None:
        self._connection = connection
        self._http = http
        self._ports = ports
        self._transport = transport

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
        self, path: str, body: bytes, *, trace: str = "", headers: Mapping[str, str] = _NO_HEADERS
    ) -> Reply | Unknown:
        """The reply to a POST of an XML document in UTF-8. trace: W3C traceparent, empty for none."""
        return self.send(
            "POST", path, body, {"content-type": "application/xml; charset=utf-8", **_traced(trace), **headers}
        )

    def send(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Reply | Unknown:
        """One call with a token; after a 401 once more with a new one.

        path: absolute, escaped by the caller. Unknown: no answer, and why; `called` is False when nothing was sent.
        """
        partner = self._connection.code
        if not self._ports.breaker.closed(partner):
            return Unknown("breaker open", called=False)
        reply = self._authorized(method, path, body, headers)
        healthy = isinstance(reply, Reply) and reply.status < 500 and reply.status != 401
        self._ports.breaker.record(partner, healthy=healthy)
        return reply

    def _authorized(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Reply | Unknown:
        token = self._token(refused="")
        if isinstance(token, Unknown):
            return token
        reply = self._exchange(method, path, body, headers, token)
        if not isinstance(reply, Reply) or reply.status != 401:
            return reply
        renewed = self._token(refused=token)
        if isinstance(renewed, Unknown):
            # The first call was answered, with a no to the token: that is not "nothing was sent".
            return Unknown(f"http 401, {renewed.why}")
        return self._exchange(method, path, body, headers, renewed)

    def _exchange(self, method: str, path: str, body: bytes, headers: Mapping[str, str], token: str) -> Reply | Unknown:
        try:
            response = self._transport.exchange(
                method,
                self._connection.base_url + path,
                body,
                {**_COMMON_HEADERS, **headers, "authorization": f"Bearer {token}"},
                (_CONNECT_SECONDS, self._connection.timeout_seconds),
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

    def _token(self, *, refused: str) -> str | Unknown:
        """A token's value. refused: the value that the partner has just answered 401 to; empty for none."""
        tokens, partner, scope = self._ports.tokens, self._connection.code, self._http.scope
        token = tokens.get(partner, scope)
        if token is not None and token.value != refused and self._ports.clock.now() < token.renew_at:
            return token.value
        with tokens.renewing(partner, scope):
            # Another thread or process may have renewed it while this one waited for its turn.
            token = tokens.get(partner, scope)
            now = self._ports.clock.now()
            if token is not None and token.value != refused and now < token.renew_at:
                return token.value
            renewed = self._renewed(now)
            if isinstance(renewed, Token):
                tokens.put(partner, scope, renewed)
                return renewed.value
        if token is not None and token.value != refused and now < token.expires_at:
            return token.value  # it was to be renewed early; the old one still serves
        return renewed

    def _renewed(self, now: datetime) -> Token | Unknown:
        """A fresh token. A new OAuth session each time: Authlib's is not safe between threads, and it keeps a `jti`."""
        connection = self._connection
        try:
            client = self._client()
            self._transport.mount(client)
            answer = client.fetch_token(
                connection.token_url,
                grant_type="client_credentials",
                timeout=(_CONNECT_SECONDS, connection.timeout_seconds),
                allow_redirects=False,
                **({"scope": self._http.scope} if self._http.scope else {}),
            )
        except requests.HTTPError as fault:
            status = fault.response.status_code if fault.response is not None else 0
            return self._no_token(f"http {status}")
        except requests.RequestException:
            return self._no_token("no answer")
        except OAuthError:
            return self._no_token("refused")
        except (ValueError, JoseError):
            return self._no_token("unreadable answer or key")
        return self._read_token(answer, now)

    def _client(self) -> OAuth2Session:
        connection, secrets = self._connection, self._connection.secrets
        method = self._http.auth.value
        if self._http.auth is AuthKind.PRIVATE_KEY_JWT:
            key = ECKey.import_key(secrets.get("private_key", ""))
            client = OAuth2Session(connection.client_id, key, token_endpoint_auth_method=method)
            audience = connection.audience or self._http.audience or connection.token_url
            client.register_client_auth_method(
                PrivateKeyJWT(connection.token_url, claims={"aud": audience}, alg="ES256")
            )
            return client
        secret = secrets.get("client_secret", "")
        return OAuth2Session(connection.client_id, secret, token_endpoint_auth_method=method)

    def _read_token(self, answer: Mapping[str, object], now: datetime) -> Token | Unknown:
        value, kind = answer.get("access_token"), answer.get("token_type", "Bearer")
        if not isinstance(value, str) or not _sendable(value) or str(kind).lower() != "bearer":
            return self._no_token("no bearer token in the answer")
        life_seconds = answer.get("expires_in", _LIFE_DEFAULT_SECONDS)
        if type(life_seconds) is not int or life_seconds <= 0:
            life_seconds = _LIFE_DEFAULT_SECONDS
        life = timedelta(seconds=min(life_seconds, _LIFE_MAX_SECONDS))
        early = min(max(_RENEW_EARLY, life / 10), life / 2)
        return Token(value=value, renew_at=now + life - early, expires_at=now + life)

    def _no_token(self, why: str) -> Unknown:
        _log.warning("no token from partner", extra={"partner": self._connection.code, "why": why})
        return Unknown(f"no token: {why}", called=False)


def _traced(trace: str) -> Mapping[str, str]:
    return {"traceparent": trace} if trace else _NO_HEADERS


def _sendable(value: str) -> bool:
    return value.isascii() and value.isprintable() and " " not in value and 0 < len(value) <= 8_192
