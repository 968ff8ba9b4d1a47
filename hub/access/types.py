"""Clients, keys and callers as data."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class AuthMethod(StrEnum):
    """How a client proves who it is."""

    SECRET = "secret"  # noqa: S105 - a word, not a secret: client_secret_basic or client_secret_post
    PRIVATE_KEY_JWT = "private_key_jwt"  # a signed assertion, RFC 7523; the default for partners
    NONE = "none"  # not at all: an app on a member's own device, which cannot keep a secret


class CallerKind(StrEnum):
    """On whose behalf a call is made. No caller is of two kinds, and no scope of members is one of the others."""

    PARTNER = "partner"  # a partner's program, for that partner
    MEMBER = "member"  # a member, through an app the member allowed
    OPERATOR = "operator"  # one of the hub's own people, or a program of theirs


class Profile(StrEnum):
    """How strict the hub is with a client."""

    BASELINE = "baseline"  # PKCE always; everything else as the client was registered
    FAPI2 = "fapi2"  # FAPI 2.0 Security Profile: pushed requests, private_key_jwt, tokens bound to a key


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
    """A program that calls the hub. partner: whose it is; empty for the hub's own.

    secret_hashes: SHA-256 of each secret that is good now, two right after a rotation; empty unless `auth` is `secret`.
    jwks: its public keys as JSON text; empty unless `private_key_jwt`. live: real points or test ones, never both.
    people: who signs in to let it act for them, `member` or `operator`; None for a program that acts for itself.
    name: what people read when it asks for their consent. dpop: whether its tokens must be bound to a key.
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
    name: str = ""
    people: CallerKind | None = None
    profile: Profile = Profile.BASELINE
    dpop: bool = False
    redirect_uris: tuple[str, ...] = ()

    @property
    def kind(self) -> CallerKind:
        """As whom it calls."""
        return self.people or (CallerKind.PARTNER if self.partner else CallerKind.OPERATOR)


@dataclass(frozen=True, slots=True)
class ClientDraft:
    """A client to be added; the fields are those of `Client`. jwks: JSON text, empty unless `private_key_jwt`."""

    partner: str
    auth: AuthMethod
    scopes: tuple[str, ...]
    live: bool
    jwks: str = ""
    name: str = ""
    people: CallerKind | None = None
    profile: Profile = Profile.BASELINE
    dpop: bool = False
    redirect_uris: tuple[str, ...] = ()

    @property
    def kind(self) -> CallerKind:
        """As whom it will call."""
        return self.people or (CallerKind.PARTNER if self.partner else CallerKind.OPERATOR)


@dataclass(frozen=True, slots=True)
class NewClient:
    """A client just added, or its secret just rotated. secret: shown this once; empty for `private_key_jwt`."""

    id: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SigningKey:
    """An ES256 key. public: JWK as JSON text with `kid`, `alg`, `use`. private: JWK as JSON text.

    created_at: since when it is published. retired_at: since when it signs no more; None while it may.
    """

    id: str
    state: KeyState
    public: str
    private: str = field(repr=False)
    created_at: datetime
    retired_at: datetime | None


@dataclass(frozen=True, slots=True)
class Grant:
    """What one person allowed one app. Everything issued from it is one family and ends with it.

    bound_to: thumbprint of the key its tokens are bound to; empty for none. expires_at: the last moment of the family.
    """

    id: str
    client: str
    kind: CallerKind
    subject: str
    scopes: tuple[str, ...]
    bound_to: str
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is calling, as its token says.

    kind: on whose behalf. subject: the member or operator who signed in; the client's own id where nobody did.
    partner: whose client it is; empty for the hub's own, which alone never means an operator: ask `kind`.
    jti: the token's id. grant: the family it belongs to; empty for a client of its own. bound_to: thumbprint of the key
    that every request must be proven with (RFC 9449); empty for a bearer token.
    """

    client_id: str
    partner: str
    scopes: frozenset[str]
    live: bool
    jti: str
    kind: CallerKind
    subject: str
    grant: str = ""
    bound_to: str = ""

    @property
    def member(self) -> str:
        """The member who signed in; empty for everybody else."""
        return self.subject if self.kind is CallerKind.MEMBER else ""

    @property
    def actor(self) -> str:
        """What the audit log calls it."""
        return self.client_id if self.subject == self.client_id else f"{self.kind}:{self.subject}"

    @property
    def scope_of_keys(self) -> str:
        """Whose idempotency keys these are: the member's or the partner's, never the client's, which rotates."""
        if self.kind is CallerKind.MEMBER:
            return f"member:{self.subject}"
        return f"partner:{self.partner}" if self.partner else "hub"
