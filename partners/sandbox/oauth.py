"""The token endpoint of a simulated partner: client credentials in, short-lived bearer tokens out.

Knows client_secret_basic, client_secret_post and private_key_jwt (RFC 6749 §2.3.1, RFC 7523 §3). Tokens live in memory.
"""

import base64
import binascii
import hmac
import secrets
import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import parse_qs, unquote_plus

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey

from hub.kernel.clock import Clock, SystemClock
from partners.sandbox.face import Answer, Call, json_answer

TOKEN_PATH = "/oauth/token"  # noqa: S105 (an address, no secret)

_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
# An assertion may say that it lives long; none that lives longer than this is taken.
_ASSERTION_SECONDS_MAX = 3_600 + 60


@dataclass(frozen=True, slots=True)
class Credentials:
    """What hub and partner prove themselves with, all of it PEM but the first two; any key may be empty.

    private_key and public_key: the client's, P-256, for assertions. signing_key and signing_public_key: the client's,
    for signed requests. webhook_key and webhook_public_key: the partner's, for what it sends.
    """

    client_id: str
    client_secret: str = field(repr=False)
    private_key: str = field(default="", repr=False)
    public_key: str = ""
    signing_key: str = field(default="", repr=False)
    signing_public_key: str = ""
    webhook_key: str = field(default="", repr=False)
    webhook_public_key: str = ""

    @classmethod
    def fresh(cls, client_id: str) -> "Credentials":
        """New random ones, good for every way of authentication."""
        pairs = (ECKey.generate_key("P-256"), OKPKey.generate_key("Ed25519"), OKPKey.generate_key("Ed25519"))
        texts = [key.as_pem(private=private).decode("ascii") for key in pairs for private in (True, False)]
        return cls(client_id, secrets.token_urlsafe(32), *texts)

    def secrets(self) -> dict[str, str]:
        """What the hub's side holds, as `partners.base.Connection` takes it. A static API key is the client secret."""
        return {
            "client_secret": self.client_secret,
            "private_key": self.private_key,
            "api_key": self.client_secret,
            "signing_key": self.signing_key,
            "webhook_public_key": self.webhook_public_key,
        }


class TokenDesk:
    """Issues, knows and revokes the tokens of one partner. Safe between threads."""

    def __init__(self, clock: Clock, credentials: Credentials, *, audience: str, life: timedelta) -> None:
        self._clock = clock
        self._credentials = credentials
        self._audience = audience
        self._life = life
        self._lock = threading.Lock()
        self._tokens: dict[str, datetime] = {}
        self._seen: set[str] = set()
        self._issued = 0
        self._public_key = ECKey.import_key(credentials.public_key) if credentials.public_key else None

    @property
    def issued(self) -> int:
        """How many tokens were issued so far."""
        with self._lock:
            return self._issued

    def issue(self, call: Call) -> Answer:
        """The answer of the token endpoint (RFC 6749 §4.4.3, §5.2)."""
        form = {name: values[0] for name, values in parse_qs(call.body.decode("utf-8", "replace")).items()}
        if form.get("grant_type") != "client_credentials":
            return json_answer(400, {"error": "unsupported_grant_type"})
        if not self._proven(call, form):
            return json_answer(401, {"error": "invalid_client"})
        token = secrets.token_urlsafe(24)
        with self._lock:
            self._tokens[token] = self._clock.now() + self._life
            self._issued += 1
        life_seconds = int(self._life.total_seconds())
        return json_answer(200, {"access_token": token, "token_type": "Bearer", "expires_in": life_seconds})

    def valid(self, authorization: str) -> bool:
        """Whether the header carries a token that lives."""
        with self._lock:
            expires_at = self._tokens.get(authorization.removeprefix("Bearer "))
        return expires_at is not None and self._clock.now() < expires_at

    def key_holds(self, key: str) -> bool:
        """Whether `key` is the static API key of the client."""
        return hmac.compare_digest(key.encode(), self._credentials.client_secret.encode())

    def revoke(self, authorization: str) -> None:
        """End a token before its time."""
        with self._lock:
            self._tokens.pop(authorization.removeprefix("Bearer "), None)

    def _proven(self, call: Call, form: dict[str, str]) -> bool:
        if form.get("client_assertion_type") == _ASSERTION_TYPE:
            return self._assertion_holds(form.get("client_assertion", ""))
        client_id, secret = form.get("client_id", ""), form.get("client_secret", "")
        kind, _, encoded = call.headers.get("authorization", "").partition(" ")
        if kind == "Basic":
            try:
                text = base64.b64decode(encoded, validate=True).decode("utf-8")
            except (binascii.Error, UnicodeDecodeError):
                return False
            client_id, _, secret = (unquote_plus(part) for part in text.partition(":"))
        known = self._credentials
        same = hmac.compare_digest(secret.encode(), known.client_secret.encode())
        return same and client_id == known.client_id

    def _assertion_holds(self, assertion: str) -> bool:
        if self._public_key is None:
            return False
        try:
            claims = jwt.decode(assertion, self._public_key, algorithms=["ES256"]).claims
        except (JoseError, ValueError):
            return False
        # Authlib dates assertions by the machine's clock, whatever clock the books of a simulation keep.
        expires, jti, now = claims.get("exp"), claims.get("jti"), SystemClock().now().timestamp()
        right = claims.get("iss") == claims.get("sub") == self._credentials.client_id
        meant = self._audience in (claims.get("aud"), *_listed(claims.get("aud")))
        timely = type(expires) is int and now < expires <= now + _ASSERTION_SECONDS_MAX
        if not (right and meant and timely and isinstance(jti, str)):
            return False
        with self._lock:
            fresh = jti not in self._seen
            self._seen.add(jti)
        return fresh


def _listed(audience: object) -> list[object]:
    return audience if isinstance(audience, list) else []
