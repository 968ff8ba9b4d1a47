"""Clients, keys and callers as data."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class AuthMethod(StrEnum):
    """How a client proves who it is."""

    SECRET = "secret"  # noqa: S105 - a word, not a secret: client_secret_basic or client_secret_post
    PRIVATE_KEY_JWT = "private_key_jwt"  # a signed assertion, RFC 7523; the default for partners


class ClientState(StrEnum):
    """Whether a client may get tokens and use those it has."""

    ACTIVE = "active"  # may call
    STOPPED = "stopped"  # may not; its tokens end within seconds


class KeyState(StrEnum):
    """Where a signing key is in its life. All three are published."""

    NEXT = "next"  # published ahead, so that everybody has it before it signs
    ACTIVE = "active"  # signs
    RETIRED = "retired"  # signs no more; published until its last token expired


@dataclass(frozen=True, slots=True)
class Client:
    """A program that calls the hub. partner: whose it is; empty for the hub's own operators.

    secret_hashes: SHA-256 of each secret that is good now, two right after a rotation; empty for `private_key_jwt`.
    jwks: its public keys as JSON text; empty for `secret`. live: real points or test ones, never both.
    """

    id: str
    partner: str
    auth: AuthMethod
    secret_hashes: tuple[bytes, ...] = field(repr=False)
    jwks: str
    scopes: tuple[str, ...]
    live: bool
    state: ClientState
    created_at: datetime


@dataclass(frozen=True, slots=True)
class NewClient:
    """A client just added, or its secret just rotated. secret: shown this once; empty for `private_key_jwt`."""

    id: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SigningKey:
    """An ES256 key. public: JWK as JSON text with `kid`, `alg`, `use`. private: JWK as JSON text."""

    id: str
    state: KeyState
    public: str
    private: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is calling, as its token says. partner: empty for the hub's own operators. jti: the token's id."""

    client_id: str
    partner: str
    scopes: frozenset[str]
    live: bool
    jti: str

    @property
    def scope_of_keys(self) -> str:
        """Whose idempotency keys these are: the partner's, never the client's, which rotates."""
        return f"partner:{self.partner}" if self.partner else "hub"
