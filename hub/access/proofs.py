"""Proofs of possession (DPoP): who sends a token also holds the key that it is bound to.

Knows RFC 9449's proof and which ones were used. Does not know tokens or HTTP; addresses are handed in as the hub
knows itself, never as a request names it.
"""

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import unquote, urlsplit

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry

from hub.access.algorithms import ALGORITHMS, REGISTRY
from hub.access.clients import JwksInvalid, checked_jwks
from hub.kernel.errors import HubError
from hub.storage import Work

PROOF_ALGORITHMS = ALGORITHMS

# How old a proof may be, and how far ahead the sender's clock (FAPI 2.0: take 10 s, refuse 60 s).
_AGE_SECONDS_MAX = 60
_AHEAD_SECONDS_MAX = 30

_PROOF_CHARS_MAX = 4_096
_JTI_CHARS_MAX = 255
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "k", "oth"})


class ProofInvalid(HubError):
    """A proof of possession that is missing, malformed, for something else, too old or used before."""

    code = "proof_invalid"


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof that holds. key: thumbprint (RFC 7638). until: the moment it would be refused for its age anyway."""

    key: str
    jti: str
    until: datetime


def read_proof(text: str, *, method: str, url: str, token: str, now: datetime) -> Proof:
    """What a DPoP header proves. url: of this request as the hub knows itself. token: sent along; empty for none.

    Raises: ProofInvalid. Source: RFC 9449 §4.3.
    """
    try:
        # Several headers arrive joined by a comma, which no compact JWT contains.
        if not 0 < len(text) <= _PROOF_CHARS_MAX or "," in text:
            raise ValueError("not one proof")
        jwk = _header(text)
        key = JWKRegistry.import_key(jwk)
        decoded = jwt.decode(text, key, algorithms=list(PROOF_ALGORITHMS), registry=REGISTRY)
        until, jti = _checked(decoded.claims, method=method, url=url, token=token, now=now)
        return Proof(key.thumbprint(), jti, until)
    except (JoseError, JwksInvalid, ValueError, KeyError, TypeError, OverflowError, RecursionError) as fault:
        raise ProofInvalid("The DPoP proof is not valid for this request.") from fault


def use_proof(work: Work, proof: Proof) -> None:
    """Remember that this proof was used, for all processes. Raises: ProofInvalid, for a second use."""
    hashed = hashlib.sha256(f"{proof.key} {proof.jti}".encode()).digest()
    touched = work.run(
        "INSERT INTO access_proofs (hash, expires_at) VALUES (%s, %s) ON CONFLICT DO NOTHING", (hashed, proof.until)
    )
    if touched != 1:
        raise ProofInvalid("The DPoP proof was used before.")


def _header(text: str) -> dict[str, str | list[str]]:
    """The public key of the proof's header, before anything was verified."""
    first = text.split(".")[0]
    try:
        header = json.loads(base64.urlsafe_b64decode(first + "=" * (-len(first) % 4)))
    except (binascii.Error, UnicodeDecodeError) as fault:
        raise ValueError("no header") from fault
    jwk = header["jwk"]
    if header["typ"] != "dpop+jwt" or header["alg"] not in PROOF_ALGORITHMS or not isinstance(jwk, dict):
        raise ValueError("no proof")
    if _PRIVATE & set(jwk):
        raise ValueError("a private key, which is private no more")
    checked_jwks(json.dumps({"keys": [jwk]}))
    return jwk


def _checked(claims: dict[str, object], *, method: str, url: str, token: str, now: datetime) -> tuple[datetime, str]:
    jti, issued = claims["jti"], claims["iat"]
    if claims["htm"] != method or _place(claims["htu"]) != _place(url):
        raise ValueError("for another request")
    if not isinstance(jti, str) or not 0 < len(jti) <= _JTI_CHARS_MAX:
        raise ValueError("no id")
    if type(issued) is not int:
        raise ValueError("no time")
    seconds = now.timestamp()
    if not seconds - _AGE_SECONDS_MAX <= issued <= seconds + _AHEAD_SECONDS_MAX:
        raise ValueError("not of this moment")
    if token and claims["ath"] != thumb_of_token(token):
        raise ValueError("for another token")
    return datetime.fromtimestamp(issued, UTC) + timedelta(seconds=_AGE_SECONDS_MAX + 1), jti


def thumb_of_token(token: str) -> str:
    """`ath`: SHA-256 of a token, in base 64 without padding. Source: RFC 9449 §4.2."""
    digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _place(url: object) -> tuple[str, str, int, str]:
    """What of an address counts: not the query, not the fragment; a default port is the same as none."""
    if not isinstance(url, str):
        raise TypeError("no address")
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme.lower() == "https" else 80)
    return parts.scheme.lower(), (parts.hostname or "").lower(), port, unquote(parts.path) or "/"
