"""Access tokens for one partner: kept by a port, renewed once for everybody, before they expire.

Knows OAuth client credentials and when a token is renewed. Does not know what is called with it. Nothing here raises
for what a network or a partner does.
"""

import hashlib
import logging
import threading
from collections.abc import Mapping
from datetime import datetime, timedelta

import requests
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from partners.base import Connection, Ports, Token, Unknown
from partners.profile import AuthKind, HttpProfile
from partners.transport import CONNECT_SECONDS, Transport

_log = logging.getLogger("partners")

# A token is renewed this early, or at 10 % of its life if that is earlier, but never before half of its life.
_RENEW_EARLY = timedelta(seconds=60)
# Life of a token whose answer does not say one (RFC 6749 §5.1 only recommends it), and the longest that is believed.
_LIFE_DEFAULT_SECONDS = 300
_LIFE_MAX_SECONDS = 86_400


class AccessTokens:
    """The tokens of one partner and scope. Safe between threads."""

    def __init__(self, connection: Connection, http: HttpProfile, ports: Ports, transport: Transport) -> None:
        self._connection = connection
        self._http = http
        self._ports = ports
        self._transport = transport
        # A token for another address or another client is none: it would only be told to whom it is not for.
        holder = f"{connection.base_url} {connection.client_id}"
        self._holder = hashlib.sha256(holder.encode()).hexdigest()[:16]
        self._lock = threading.Lock()
        self._failures = 0
        self._failure = Unknown("no token", called=False)

    def value(self, *, refused: str) -> str | Unknown:
        """A token's value. refused: the value that the partner has just answered 401 to; empty for none."""
        partner, scope = self._connection.code, self._http.scope
        found = self._kept(refused)
        if found is not None and self._ports.clock.now() < found.renew_at:
            return found.value
        with self._lock:
            failures = self._failures
        with self._ports.tokens.renewing(partner, scope):
            # Another thread or process may have renewed it while this one waited for its turn ...
            token, now = self._kept(refused), self._ports.clock.now()
            if token is not None and now < token.renew_at:
                return token.value
            renewed = self._renewed_or_failed(failures, now)
            if isinstance(renewed, Token):
                self._ports.tokens.put(partner, scope, renewed)
                return renewed.value
        if token is not None and now < token.expires_at:
            return token.value  # it was to be renewed early; the old one still serves
        return renewed

    def _kept(self, refused: str) -> Token | None:
        token = self._ports.tokens.get(self._connection.code, self._http.scope)
        return token if token is not None and token.holder == self._holder and token.value != refused else None

    def _renewed_or_failed(self, failures: int, now: datetime) -> Token | Unknown:
        """A fresh token, asked for unless somebody else failed to get one after `failures` failures were counted."""
        with self._lock:
            if self._failures > failures:
                # ... or have tried in vain: all who waited for it share its failure, so that a dead token endpoint
                # costs them one timeout and not one each.
                return self._failure
        renewed = self._renewed(now)
        if isinstance(renewed, Unknown):
            with self._lock:
                self._failures, self._failure = self._failures + 1, renewed
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
                timeout=(CONNECT_SECONDS, connection.timeout_seconds),
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
        if not isinstance(value, str) or not sendable(value) or str(kind).lower() != "bearer":
            return self._no_token("no bearer token in the answer")
        life_seconds = answer.get("expires_in", _LIFE_DEFAULT_SECONDS)
        if type(life_seconds) is not int or life_seconds <= 0:
            life_seconds = _LIFE_DEFAULT_SECONDS
        life = timedelta(seconds=min(life_seconds, _LIFE_MAX_SECONDS))
        early = min(max(_RENEW_EARLY, life / 10), life / 2)
        return Token(value=value, renew_at=now + life - early, expires_at=now + life, holder=self._holder)

    def _no_token(self, why: str) -> Unknown:
        _log.warning("no token from partner", extra={"partner": self._connection.code, "why": why})
        return Unknown(f"no token: {why}", called=False)


def sendable(value: str) -> bool:
    """Whether a secret can stand in a header as it is."""
    return value.isascii() and value.isprintable() and " " not in value and 0 < len(value) <= 8_192
