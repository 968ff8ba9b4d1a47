"""What happens to clients and tokens: added, rotated, stopped, revoked, assertions used once.

Knows rows of `access`. Does not know HTTP or OAuth's wire forms.
"""

import re
from collections.abc import Collection
from datetime import datetime, timedelta

from hub.access.clients import (
    ClientMissing,
    checked_jwks,
    checked_redirects,
    new_secret,
    read_client,
    read_clients,
)
from hub.access.keys import drop_retired
from hub.access.scopes import checked_scopes
from hub.access.tokens import TOKEN_SECONDS
from hub.access.types import AuthMethod, CallerKind, Client, ClientDraft, ClientState, NewClient, Profile
from hub.audit.service import record
from hub.kernel.errors import HubError
from hub.kernel.ids import new_id
from hub.storage import Work

# After a rotation the old secret stays good this long, so that a partner can change it without a gap.
SECRET_OVERLAP_SECONDS = 24 * 3_600

# Rows of a grant and its codes stay this long after they ended: longer than anything issued from them can be good.
GRANT_KEPT_SECONDS = 24 * 3_600

_JTI_CHARS_MAX = 255

_NAME = re.compile(r"[^\W_][\w .'&-]{0,59}")


class ClientInvalid(HubError):
    """A client whose sort, way to authenticate and profile do not go together."""

    code = "client_invalid"


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
    """Add a program that acts for itself. partner: empty for operators. jwks: JSON text, empty for `secret`.

    Raises: ScopeUnknown, ScopeNotAllowed, JwksInvalid.
    """
    draft = ClientDraft(partner=partner, auth=auth, jwks=jwks, scopes=tuple(scopes), live=live)
    return register_client(work, draft, actor=actor, now=now)


def register_client(work: Work, draft: ClientDraft, *, actor: str, now: datetime) -> NewClient:
    """Add a client of any sort; its secret, if it has one, is shown this once.

    Raises: ClientInvalid, ScopeUnknown, ScopeNotAllowed, JwksInvalid, RedirectInvalid.
    """
    _check_sort(draft)
    allowed = checked_scopes(draft.scopes, kind=draft.kind)
    public = draft.auth is AuthMethod.NONE
    redirects = checked_redirects(draft.redirect_uris, public=public) if draft.people else ()
    text, hashed = new_secret() if draft.auth is AuthMethod.SECRET else ("", None)
    keys = checked_jwks(draft.jwks) if draft.auth is AuthMethod.PRIVATE_KEY_JWT else None
    bound = draft.dpop or draft.profile is Profile.FAPI2
    app = (draft.name, draft.people or "", draft.profile, bound, list(redirects))
    id = new_id("client", now)
    work.run(
        "INSERT INTO access_clients (id, partner, auth, secret_hash, jwks, scopes, live, state, created_at, updated_at,"
        " name, people, profile, dpop, redirect_uris)"
        " VALUES (%s, %s, %s, %s, %s, %s::text[], %s, 'active', %s, %s, %s, %s, %s, %s, %s::text[])",
        (id, draft.partner, draft.auth, hashed, keys, list(allowed), draft.live, now, now, *app),
    )
    facts = {
        "partner": draft.partner,
        "auth": str(draft.auth),
        "scopes": " ".join(allowed),
        "live": str(draft.live).lower(),
        "people": str(draft.people or ""),
        "profile": str(draft.profile),
        "dpop": str(bound).lower(),
    }
    record(work, actor=actor, action="client.added", subject=id, facts=facts, now=now)
    return NewClient(id, text)


def _check_sort(draft: ClientDraft) -> None:
    """Raises: ClientInvalid, for a combination that makes no client."""
    if (draft.people is None) != (not draft.redirect_uris):
        raise ClientInvalid("An app that people sign in to has redirect addresses, another program has none.")
    if draft.people is CallerKind.PARTNER or (draft.people is CallerKind.OPERATOR and draft.partner):
        raise ClientInvalid("Members sign in to any app, operators to the hub's own.")
    if draft.auth is AuthMethod.NONE and draft.people is None:
        raise ClientInvalid("A program that acts for itself has to authenticate.")
    if draft.profile is Profile.FAPI2 and draft.auth is not AuthMethod.PRIVATE_KEY_JWT:
        raise ClientInvalid("The profile fapi2 needs private_key_jwt.")
    if draft.people is not None and not _NAME.fullmatch(draft.name):
        raise ClientInvalid("An app needs a name of 1 to 60 letters, digits, spaces and .'&- for people to read.")


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

    Raises: ClientMissing, ClientInvalid, JwksInvalid.
    """
    keys = checked_jwks(jwks)
    if read_client(work, id, now=now).auth is AuthMethod.NONE:
        raise ClientInvalid("A public app has no keys; register another client.")
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
    """Ids of revoked tokens that have not expired, of stopped clients and people, and of grants that ended lately."""
    rows = work.fetch(
        "SELECT jti FROM access_revoked WHERE expires_at > %s"
        " UNION ALL SELECT id FROM access_clients WHERE state = 'stopped'"
        " UNION ALL SELECT id FROM access_people WHERE state = 'stopped'"
        " UNION ALL SELECT id FROM access_grants WHERE ended_at > %s",
        (now, now - timedelta(seconds=TOKEN_SECONDS + 60)),
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
    """Drop everything of access that has expired; how many rows there were.

    A grant goes with what was issued from it, a while after its end so that nothing of it can still be good.
    """
    old = now - timedelta(seconds=GRANT_KEPT_SECONDS)
    count = drop_retired(work, now=now)
    count += work.run("DELETE FROM access_grants WHERE expires_at < %s OR ended_at < %s", (old, old))
    count += work.run("DELETE FROM access_revoked WHERE expires_at < %s", (now,))
    count += work.run("DELETE FROM access_assertions WHERE expires_at < %s", (now,))
    count += work.run("DELETE FROM access_codes WHERE expires_at < %s", (old,))
    count += work.run("DELETE FROM access_refresh WHERE expires_at < %s", (now,))
    count += work.run("DELETE FROM access_requests WHERE expires_at < %s", (now,))
    count += work.run("DELETE FROM access_proofs WHERE expires_at < %s", (now,))
    count += work.run("DELETE FROM access_enrolments WHERE expires_at < %s", (now,))
    count += work.run("DELETE FROM access_challenges WHERE expires_at < %s", (now,))
    count += work.run("DELETE FROM access_sessions WHERE expires_at < %s", (now,))
    return count + work.run("DELETE FROM access_attempts WHERE expires_at < %s", (now,))


def _move(work: Work, id: str, to: ClientState, *, actor: str, now: datetime) -> None:
    touched = work.run(
        "UPDATE access_clients SET state = %s, updated_at = %s WHERE id = %s AND state <> %s", (to, now, id, to)
    )
    if touched:
        record(work, actor=actor, action=f"client.{to}", subject=id, facts={}, now=now)
    elif not work.fetch("SELECT 1 FROM access_clients WHERE id = %s", (id,)):
        raise ClientMissing(f"There is no client {id[:64]!r}.")
