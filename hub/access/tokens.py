"""Access tokens as RFC 9068 writes them: ES256 JWTs that say who calls, for which partner, and for what.

Knows claims and signatures. Does not know where keys are kept, nor what was revoked.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet

from hub.access.scopes import MEMBER_SCOPES
from hub.access.types import CallerKind, Principal, SigningKey
from hub.kernel.errors import HubError

# Ten minutes: long enough not to be asked for all the time, short enough to end by itself.
TOKEN_SECONDS = 600

# Characters of a bearer token; ours have about 700.
TOKEN_CHARS_MAX = 4_096

# Clocks of our own machines may be this far apart.
_LEEWAY_SECONDS = 10


class TokenInvalid(HubError):
    """A token that is malformed, foreign, expired or revoked."""

    code = "token_invalid"


def verification_keys(keys: Sequence[SigningKey]) -> KeySet:
    """Public halves, ready for `verify_token`."""
    return KeySet([ECKey.import_key(json.loads(key.public)) for key in keys])


def published_keys(keys: Sequence[SigningKey]) -> dict[str, list[dict[str, str]]]:
    """The JWK set for `/jwks.json`: active, next and retired keys, public halves only."""
    return {"keys": [json.loads(key.public) for key in keys]}


def sign_token(key: SigningKey, principal: Principal, *, issuer: str, audience: str, now: datetime) -> str:
    """An access token for `principal` for `TOKEN_SECONDS` from now. Source: RFC 9068 §2, RFC 9449 §6.1."""
    issued = int(now.timestamp())
    claims: dict[str, object] = {
        "iss": issuer,
        "aud": audience,
        "sub": principal.subject,
        "client_id": principal.client_id,
        "scope": " ".join(sorted(principal.scopes)),
        "jti": principal.jti,
        "iat": issued,
        "exp": issued + TOKEN_SECONDS,
        "kind": str(principal.kind),
        "partner": principal.partner,
        "live": principal.live,
    }
    if principal.grant:
        claims["grant"] = principal.grant
    if principal.bound_to:
        claims["cnf"] = {"jkt": principal.bound_to}
    header = {"alg": "ES256", "typ": "at+jwt", "kid": key.id}
    return jwt.encode(header, claims, ECKey.import_key(json.loads(key.private)), algorithms=["ES256"])


def verify_token(keys: KeySet, token: str, *, issuer: str, audience: str, now: datetime) -> tuple[Principal, datetime]:
    """Who calls, and until when this token is good.

    Raises: TokenInvalid, always with the same sentence, so that nobody learns from it how to forge one.
    """
    try:
        if len(token) > TOKEN_CHARS_MAX or not token.isascii():
            raise ValueError("not a token of ours")
        decoded = jwt.decode(token, keys, algorithms=["ES256"])
        return _principal(decoded.header, decoded.claims, issuer=issuer, audience=audience, now=now)
    except (JoseError, ValueError, KeyError, TypeError, OverflowError) as fault:
        raise TokenInvalid("This token is not valid here or not any more; get a new one.") from fault


def _principal(
    header: dict[str, object], claims: dict[str, object], *, issuer: str, audience: str, now: datetime
) -> tuple[Principal, datetime]:
    issued, expires, live = claims["iat"], claims["exp"], claims["live"]
    # A list is never equal to a string, so a list-valued `iss` or `aud` is refused here.
    foreign = claims["iss"] != issuer or claims["aud"] != audience
    if foreign or header.get("typ") not in ("at+jwt", "application/at+jwt"):
        raise ValueError("issued elsewhere, or for somebody else")
    if type(issued) is not int or type(expires) is not int or not isinstance(live, bool):
        raise ValueError("claims of another shape")
    until = datetime.fromtimestamp(expires, UTC)
    if until <= now or issued > now.timestamp() + _LEEWAY_SECONDS:
        raise ValueError("expired, or not yet good")
    if until > now + timedelta(seconds=TOKEN_SECONDS + _LEEWAY_SECONDS):
        raise ValueError("lives longer than ours do")
    kind = CallerKind(_text(claims, "kind"))
    scopes = frozenset(_text(claims, "scope").split())
    if (kind is CallerKind.MEMBER and not scopes <= MEMBER_SCOPES) or (
        kind is not CallerKind.MEMBER and scopes & MEMBER_SCOPES
    ):
        raise ValueError("scopes of another kind of caller")
    return (
        Principal(
            client_id=_text(claims, "client_id"),
            partner=_text(claims, "partner"),
            scopes=scopes,
            live=live,
            jti=_text(claims, "jti"),
            kind=kind,
            subject=_text(claims, "sub"),
            grant=_text(claims, "grant") if "grant" in claims else "",
            bound_to=_bound_to(claims),
        ),
        until,
    )


def _bound_to(claims: dict[str, object]) -> str:
    """The thumbprint a token is bound to; a binding of another sort is none that we can check."""
    if "cnf" not in claims:
        return ""
    confirmed = claims["cnf"]
    if not isinstance(confirmed, dict) or set(confirmed) != {"jkt"} or not confirmed["jkt"]:
        raise ValueError("bound in a way that is not ours")
    return _text(confirmed, "jkt")


def _text(claims: dict[str, object], name: str) -> str:
    value = claims[name]
    if not isinstance(value, str):
        raise ValueError("a claim of another shape")
    return value
