"""Rows of clients, and what makes their credentials good. Knows `access_clients`; does not know who asks."""

import hashlib
import json
import re
import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from hub.access.types import AuthMethod, CallerKind, Client, ClientState, Profile
from hub.kernel.errors import HubError
from hub.storage import Work

# Public keys one client may have at a time: old, new and some to spare.
_KEYS_MAX = 8

# Characters of a modulus of 2,048 bits in base 64; a shorter key is not even read.
_RSA_CHARS_MIN = 342
_JWKS_CHARS_MAX = 32_768

_REDIRECTS_MAX = 10
_REDIRECT = re.compile(r"[a-z][a-z0-9.+-]{1,40}:[!-~]{1,500}")

_COLUMNS = (
    "id, partner, auth, secret_hash, previous_hash, previous_until, coalesce(jwks, ''), scopes, live, state,"
    " created_at, name, people, profile, dpop, redirect_uris"
)


class ClientMissing(HubError):
    """There is no client with this id."""

    code = "client_missing"


class JwksInvalid(HubError):
    """A set of public keys that cannot be used."""

    code = "jwks_invalid"


class RedirectInvalid(HubError):
    """An address that an app cannot be answered at."""

    code = "redirect_invalid"


def new_secret() -> tuple[str, bytes]:
    """A secret of 256 random bits, URL-safe so that every client library sends it unchanged, and its SHA-256.

    So much chance needs no slow hash.
    """
    text = secrets.token_urlsafe(32)
    return text, hash_of(text)


def hash_of(secret: str) -> bytes:
    """SHA-256 of a secret as sent."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def checked_jwks(text: str) -> str:
    """`text` as compact JSON if it is a set of public keys for ES256, PS256 or EdDSA. Raises: JwksInvalid."""
    try:
        if len(text) > _JWKS_CHARS_MAX:
            raise JwksInvalid(f"A key set may have {_JWKS_CHARS_MAX} characters.")
        value = json.loads(text)
        if any(one["kty"] not in ("EC", "RSA", "OKP") for one in value["keys"]):
            raise JwksInvalid("Only public keys of type EC, RSA or OKP.")
        if any(one["kty"] == "RSA" and len(one["n"]) < _RSA_CHARS_MIN for one in value["keys"]):
            raise JwksInvalid("An RSA key needs 2,048 bits or more.")
        keys = KeySet.import_key_set(value)
        if not 1 <= len(keys.keys) <= _KEYS_MAX:
            raise JwksInvalid(f"A client has 1 to {_KEYS_MAX} public keys.")
        for key in keys.keys:
            if key.is_private:
                raise JwksInvalid("Only the public halves; keep the private ones to yourself.")
            if key.key_type != "RSA" and key.as_dict(private=False).get("crv") not in ("P-256", "Ed25519"):
                raise JwksInvalid("An EC key is on P-256, an OKP key is Ed25519.")
    except (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as fault:
        raise JwksInvalid('A key set is JSON such as {"keys": [{"kty": "EC", "crv": "P-256", ...}]}.') from fault
    return json.dumps(value, separators=(",", ":"))


def checked_redirects(uris: Sequence[str], *, public: bool) -> tuple[str, ...]:
    """Addresses that an app may be answered at, compared to the character later on.

    https, or http on the machine itself; an app on a member's device (public) may have a scheme of its own, which is a
    domain turned round (RFC 8252 §7.1). Raises: RedirectInvalid.
    """
    if not 1 <= len(uris) <= _REDIRECTS_MAX or any(not _REDIRECT.fullmatch(uri) for uri in uris):
        raise RedirectInvalid(f"An app has 1 to {_REDIRECTS_MAX} redirect addresses of plain ASCII.")
    for uri in uris:
        parts = urlsplit(uri)
        own = public and "." in parts.scheme and not parts.netloc
        secure = parts.scheme == "https" and bool(parts.hostname)
        local = parts.scheme == "http" and parts.hostname in ("127.0.0.1", "::1", "localhost")
        if not (own or secure or local) or "#" in uri or parts.username is not None or "\\" in uri:
            raise RedirectInvalid("A redirect address is https://, without user name and fragment.")
    return tuple(sorted(set(uris)))


def read_client(work: Work, id: str, *, now: datetime) -> Client:
    """The client with this id. Raises: ClientMissing."""
    rows = work.fetch(f"SELECT {_COLUMNS} FROM access_clients WHERE id = %s", (id,))  # noqa: S608 - fixed column names
    if not rows:
        raise ClientMissing(f"There is no client {id[:64]!r}.")
    return _client(rows[0], now)


def read_clients(work: Work, *, now: datetime) -> list[Client]:
    """Every client, by id."""
    rows = work.fetch(f"SELECT {_COLUMNS} FROM access_clients ORDER BY id")  # noqa: S608 - fixed column names
    return [_client(row, now) for row in rows]


def _client(row: tuple[Any, ...], now: datetime) -> Client:
    id, partner, auth, hashed, previous, until, jwks, scopes, live, state, created_at, *app = row
    name, people, profile, dpop, redirect_uris = app
    hashes = [bytes(hashed)] if hashed is not None else []
    if previous is not None and until is not None and until > now:
        hashes.append(bytes(previous))
    return Client(
        id=id,
        partner=partner,
        auth=AuthMethod(auth),
        secret_hashes=tuple(hashes),
        jwks=jwks,
        scopes=tuple(scopes),
        live=live,
        state=ClientState(state),
        created_at=created_at,
        name=name,
        people=CallerKind(people) if people else None,
        profile=Profile(profile),
        dpop=dpop,
        redirect_uris=tuple(redirect_uris),
    )
