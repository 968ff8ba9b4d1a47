"""Access tokens as RFC 9068 writes them: ES256 JWTs that say who calls, for which partner, and for what.

Knows claims and signatures. Does not know where keys are kept, nor what was revoked.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet

from hub.access.types import Client, Principal, SigningKey
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


def sign_token(
    key: SigningKey, client: Client, *, scopes: Sequence[str], issuer: str, audience: str, jti: str, now: datetime
) -> str:
    """An access token of `client` for `TOKEN_SECONDS` from now. Source: RFC 9068 §2."""
    issued = int(now.timestamp())
    claims: dict[str, str | int | bool] = {
        "iss": issuer,
        "aud": audience,
        "sub": client.id,
        "client_id": client.id,
        "scope": " ".join(scopes),
        "jti": jti,
        "iat": issued,
        "exp": issued + TOKEN_SECONDS,
        "partner": client.partner,
        "live": client.live,
    }
    header = {"alg": "ES256", "typ": "at+jwt", "kid": key.id}
    return jwt.encode(header, dict(claims), ECKey.import_key(json.loads(key.private)), algorithms=["ES256"])


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
    typ, client, partner = header.get("typ"), claims["client_id"], claims["partner"]
    scope, live, jti = claims["scope"], claims["live"], claims["jti"]
    issued, expires = claims["iat"], claims["exp"]
    # A list is never equal to a string, so a list-valued `iss` or `aud` is refused here.
    if typ not in ("at+jwt", "application/at+jwt") or claims["iss"] != issuer or claims["aud"] != audience:
        raise ValueError("issued elsewhere, or for somebody else")
    texts = isinstance(client, str) and isinstance(partner, str) and isinstance(scope, str) and isinstance(jti, str)
    if not texts or type(issued) is not int or type(expires) is not int or not isinstance(live, bool):
        raise ValueError("claims of another shape")
    until = datetime.fromtimestamp(expires, UTC)
    if "cnf" in claims or until <= now or issued > now.timestamp() + _LEEWAY_SECONDS:
        raise ValueError("expired, not yet good, or bound to a key that was not shown")
    if until > now + timedelta(seconds=TOKEN_SECONDS + _LEEWAY_SECONDS):
        raise ValueError("lives longer than ours do")
    assert isinstance(client, str)
    assert isinstance(partner, str)
    assert isinstance(jti, str)
    principal = Principal(client, partner, frozenset(str(scope).split()), live, jti)
    return principal, until
