"""What happens to clients and tokens: added, rotated, stopped, revoked, assertions used once.

Knows rows of `access`. Does not know HTTP or OAuth's wire forms.
"""

from collections.abc import Collection
from datetime import datetime, timedelta

from hub.access.clients import ClientMissing, checked_jwks, new_secret, read_client, read_clients
from hub.access.scopes import checked_scopes
from hub.access.types import AuthMethod, Client, ClientState, NewClient
from hub.audit.service import record
from hub.kernel.errors import HubError
from hub.kernel.ids import new_id
from hub.storage import Work

# After a rotation the old secret stays good this long, so that a partner can change it without a gap.
SECRET_OVERLAP_SECONDS = 24 * 3_600

_JTI_CHARS_MAX = 255


class ClientHasNoSecret(HubError):
    """A client that signs with its own key has no secret to rotate."""

    code = "client_has_no_secret"


def add_client(
    work: Work,
    *,
    partner: str,
    auth: AuthMethod,
    jwks: str,
    scopes: Collection[str],
    live: bool,
    actor: str,
    now: datetime,
) -> NewClient:
    """Add a client; its secret is shown this once. partner: empty for operators. jwks: JSON text, empty for `secret`.

    Raises: ScopeUnknown, ScopeNotAllowed, JwksInvalid.
    """
    allowed = checked_scopes(scopes, partner=partner)
    text, hashed = new_secret() if auth is AuthMethod.SECRET else ("", None)
    keys = checked_jwks(jwks) if auth is AuthMethod.PRIVATE_KEY_JWT else None
    id = new_id("client", now)
    work.run(
        "INSERT INTO access_clients (id, partner, auth, secret_hash, jwks, scopes, live, state, created_at, updated_at)"
        " VALUES (%s, %s, %s, %s, %s, %s::text[], %s, 'active', %s, %s)",
        (id, partner, auth, hashed, keys, list(allowed), live, now, now),
    )
    facts = {"partner": partner, "auth": str(auth), "scopes": " ".join(allowed), "live": str(live).lower()}
    record(work, actor=actor, action="client.added", subject=id, facts=facts, now=now)
    return NewClient(id, text)


def rotate_secret(work: Work, id: str, *, actor: str, now: datetime) -> NewClient:
    """A new secret, shown this once; the old one stays good for `SECRET_OVERLAP_SECONDS`.

    Raises: ClientMissing, ClientHasNoSecret.
    """
    if read_client(work, id, now=now).auth is not AuthMethod.SECRET:
        raise ClientHasNoSecret("This client signs with its own key; give the hub a new key set instead.")
    text, hashed = new_secret()
    work.run(
        "UPDATE access_clients SET previous_hash = secret_hash, previous_until = %s, secret_hash = %s, updated_at = %s"
        " WHERE id = %s",
        (now + timedelta(seconds=SECRET_OVERLAP_SECONDS), hashed, now, id),
    )
    record(work, actor=actor, action="client.rotated", subject=id, facts={}, now=now)
    return NewClient(id, text)


def replace_jwks(work: Work, id: str, jwks: str, *, actor: str, now: datetime) -> None:
    """The client signs with these keys from now on, whatever it did before; an old secret ends at once.

    Raises: ClientMissing, JwksInvalid.
    """
    keys = checked_jwks(jwks)
    read_client(work, id, now=now)
    work.run(
        "UPDATE access_clients SET auth = 'private_key_jwt', jwks = %s, secret_hash = NULL, previous_hash = NULL,"
        " previous_until = NULL, updated_at = %s WHERE id = %s",
        (keys, now, id),
    )
    record(work, actor=actor, action="client.keyed", subject=id, facts={}, now=now)


def get_client(work: Work, id: str, *, now: datetime) -> Client:
    """The client with this id. Raises: ClientMissing."""
    return read_client(work, id, now=now)


def list_clients(work: Work, *, now: datetime) -> list[Client]:
    """Every client, by id; without secrets."""
    return read_clients(work, now=now)


def stop_client(work: Work, id: str, *, actor: str, now: datetime) -> None:
    """No more tokens for this client, and those it has end within seconds. Safe to repeat. Raises: ClientMissing."""
    _move(work, id, ClientState.STOPPED, actor=actor, now=now)


def start_client(work: Work, id: str, *, actor: str, now: datetime) -> None:
    """The client may call again. Safe to repeat. Raises: ClientMissing."""
    _move(work, id, ClientState.ACTIVE, actor=actor, now=now)


def revoke_token(work: Work, jti: str, *, expires_at: datetime, now: datetime) -> None:
    """This token is good no more, on every process within seconds. Safe to repeat."""
    work.run(
        "INSERT INTO access_revoked (jti, expires_at, revoked_at) VALUES (%s, %s, %s) ON CONFLICT (jti) DO NOTHING",
        (jti, expires_at, now),
    )


def denied(work: Work, *, now: datetime) -> frozenset[str]:
    """Ids of revoked tokens that have not expired, and of stopped clients."""
    rows = work.fetch(
        "SELECT jti FROM access_revoked WHERE expires_at > %s"
        " UNION ALL SELECT id FROM access_clients WHERE state = 'stopped'",
        (now,),
    )
    return frozenset(str(row[0]) for row in rows)


def use_assertion(work: Work, client: str, jti: str, *, expires_at: datetime) -> bool:
    """Whether this client's assertion is used for the first time; remembered until it has expired."""
    if not 0 < len(jti) <= _JTI_CHARS_MAX or "\0" in jti:
        return False
    touched = work.run(
        "INSERT INTO access_assertions (client, jti, expires_at) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
        (client, jti, expires_at),
    )
    return touched == 1


def forget_expired(work: Work, *, now: datetime) -> int:
    """Drop revocations and used assertions that have expired; how many there were."""
    count = work.run("DELETE FROM access_revoked WHERE expires_at < %s", (now,))
    return count + work.run("DELETE FROM access_assertions WHERE expires_at < %s", (now,))


def _move(work: Work, id: str, to: ClientState, *, actor: str, now: datetime) -> None:
    touched = work.run(
        "UPDATE access_clients SET state = %s, updated_at = %s WHERE id = %s AND state <> %s", (to, now, id, to)
    )
    if touched:
        record(work, actor=actor, action=f"client.{to}", subject=id, facts={}, now=now)
    elif not work.fetch("SELECT 1 FROM access_clients WHERE id = %s", (id,)):
        raise ClientMissing(f"There is no client {id[:64]!r}.")
