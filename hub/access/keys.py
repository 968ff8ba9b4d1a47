"""Signing keys and hub secrets: made on first use, sealed at rest, rotated without a gap.

Knows `access_keys` and `access_secrets`. Does not know tokens.
"""

import json
import secrets as randomness
from datetime import datetime, timedelta

from joserfc.jwk import ECKey

from hub.access.tokens import TOKEN_SECONDS
from hub.access.types import KeyState, SigningKey
from hub.access.vault import Vault
from hub.audit.service import record
from hub.kernel.clock import rfc3339
from hub.kernel.errors import HubError
from hub.kernel.ids import new_id
from hub.storage import Work

# Bytes of a hub secret: as long as the HMAC-SHA256 it keys.
_SECRET_BYTES = 32

# Good secrets of one name at a time: the one that signs and the one before it.
_SECRETS_KEPT = 2

# Everybody has read a published key set again after this long: caches of others are told 300 s, ours keep it for 60 s.
PUBLISHED_SECONDS = 1_200

# A retired key stays published for its last token and for caches of the key set.
_RETIRED_SECONDS = TOKEN_SECONDS + PUBLISHED_SECONDS

# Any constant, used for nothing else in the database: one process makes keys, the others wait and find them.
_MAKING_LOCK = 7_201_005


class KeyTooFresh(HubError):
    """A signing key that was published too recently: who has not read the key set since would refuse its tokens."""

    code = "key_too_fresh"


def signing_keys(work: Work, vault: Vault, *, now: datetime) -> list[SigningKey]:
    """The published keys: active first, then next, then retired; the first two are made if they are missing.

    Raises: MasterKeyInvalid.
    """
    keys = _read_keys(work, vault)
    if {key.state for key in keys} >= {KeyState.ACTIVE, KeyState.NEXT}:
        return keys
    work.run("SELECT pg_advisory_xact_lock(%s)", (_MAKING_LOCK,))
    known = {key.state for key in _read_keys(work, vault)}
    for state in (KeyState.ACTIVE, KeyState.NEXT):
        if state not in known:
            _make_key(work, vault, state, now=now)
    return _read_keys(work, vault)


def rotate_keys(work: Work, vault: Vault, *, actor: str, now: datetime, compromised: bool = False) -> list[SigningKey]:
    """The next key signs from now on, the active one retires, a new next one is made; old retired ones go.

    compromised: somebody else may have the active key: it and the retired ones are not published for another moment,
    their tokens end within a minute, and the next key signs however fresh it is. Raises: KeyTooFresh.
    """
    signing_keys(work, vault, now=now)
    work.run("SELECT pg_advisory_xact_lock(%s)", (_MAKING_LOCK,))
    ((active, following),) = work.fetch(
        "SELECT max(id) FILTER (WHERE state = 'active'), max(id) FILTER (WHERE state = 'next') FROM access_keys"
    )
    if compromised:
        work.run("DELETE FROM access_keys WHERE state <> 'next'")
    else:
        _check_published(work, following, now=now)
        work.run("UPDATE access_keys SET state = 'retired', retired_at = %s WHERE state = 'active'", (now,))
    drop_retired(work, now=now)
    work.run("UPDATE access_keys SET state = 'active' WHERE state = 'next'")
    _make_key(work, vault, KeyState.NEXT, now=now)
    facts = {"before": str(active), "compromised": str(compromised).lower()}
    record(work, actor=actor, action="keys.rotated", subject=following, facts=facts, now=now)
    return _read_keys(work, vault)


def drop_retired(work: Work, *, now: datetime) -> int:
    """Publish retired keys no more once nothing they signed is good; how many there were."""
    old = now - timedelta(seconds=_RETIRED_SECONDS)
    return work.run("DELETE FROM access_keys WHERE state = 'retired' AND retired_at < %s", (old,))


def _check_published(work: Work, key: str, *, now: datetime) -> None:
    published = work.fetch("SELECT created_at FROM access_keys WHERE id = %s", (key,))[0][0]
    ready = published + timedelta(seconds=PUBLISHED_SECONDS)
    if now < ready:
        raise KeyTooFresh(
            f"The next key signs from {rfc3339(ready)} on, when everybody has read it; at once only with --compromised."
        )


def secrets(work: Work, vault: Vault, name: str, *, now: datetime) -> list[bytes]:
    """The hub's secrets of this name, newest first: the first signs, all verify. Made on first use.

    Raises: MasterKeyInvalid.
    """
    found = _read_secrets(work, vault, name)
    if found:
        return found
    work.run("SELECT pg_advisory_xact_lock(%s)", (_MAKING_LOCK,))
    return _read_secrets(work, vault, name) or [_make_secret(work, vault, name, now=now)]


def rotate_secrets(work: Work, vault: Vault, name: str, *, now: datetime) -> list[bytes]:
    """A new secret signs from now on; the one before it still verifies, older ones do not."""
    secrets(work, vault, name, now=now)
    _make_secret(work, vault, name, now=now)
    work.run(
        "DELETE FROM access_secrets WHERE name = %s AND id NOT IN (SELECT id FROM access_secrets WHERE name = %s"
        " ORDER BY created_at DESC, id DESC LIMIT %s)",
        (name, name, _SECRETS_KEPT),
    )
    return _read_secrets(work, vault, name)


def _read_keys(work: Work, vault: Vault) -> list[SigningKey]:
    rows = work.fetch(
        "SELECT id, state, public, sealed, created_at, retired_at FROM access_keys ORDER BY created_at DESC, id DESC"
    )
    order = [KeyState.ACTIVE, KeyState.NEXT, KeyState.RETIRED]
    keys = [
        SigningKey(id, KeyState(state), public, vault.open(sealed, label=f"signing key {id}").decode(), *times)
        for id, state, public, sealed, *times in rows
    ]
    return sorted(keys, key=lambda key: order.index(key.state))


def _make_key(work: Work, vault: Vault, state: KeyState, *, now: datetime) -> None:
    id = new_id("key", now)
    key = ECKey.generate_key("P-256", {"kid": id, "use": "sig", "alg": "ES256"})
    sealed = vault.seal(json.dumps(key.as_dict(private=True)).encode(), label=f"signing key {id}")
    work.run(
        "INSERT INTO access_keys (id, state, public, sealed, created_at) VALUES (%s, %s, %s, %s, %s)",
        (id, state, json.dumps(key.as_dict(private=False)), sealed, now),
    )


def _read_secrets(work: Work, vault: Vault, name: str) -> list[bytes]:
    rows = work.fetch(
        "SELECT id, sealed FROM access_secrets WHERE name = %s ORDER BY created_at DESC, id DESC LIMIT %s",
        (name, _SECRETS_KEPT),
    )
    return [vault.open(sealed, label=f"secret {name} {id}") for id, sealed in rows]


def _make_secret(work: Work, vault: Vault, name: str, *, now: datetime) -> bytes:
    id = new_id("sec", now)
    content = randomness.token_bytes(_SECRET_BYTES)
    work.run(
        "INSERT INTO access_secrets (id, name, sealed, created_at) VALUES (%s, %s, %s, %s)",
        (id, name, vault.seal(content, label=f"secret {name} {id}"), now),
    )
    return content
