"""Keys that sign documents which are kept for years: Ed25519, one at a time, published for as long as they are trusted.

Knows `access_statement_keys`. Does not know what is signed. A key that is replaced forgets its private half and stays
published, since what it signed stays good; one that somebody else may have goes, with every signature it made.
Source: RFC 8032 for the signatures, RFC 8037 and RFC 9864 for how their keys are written.
"""

import json
from dataclasses import dataclass
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from joserfc.util import urlsafe_b64encode

from hub.access.vault import Vault
from hub.audit.service import record
from hub.kernel.ids import new_id
from hub.storage import Work

# Any constant, used for nothing else in the database: one process makes a key, the others wait and find it.
_MAKING_LOCK = 7_201_009


@dataclass(frozen=True, slots=True)
class StatementKey:
    """The public half of a key. public: JWK as JSON text. retired_at: since when it signs no more; None if it does."""

    id: str
    public: str
    created_at: datetime
    retired_at: datetime | None


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature over bytes that are kept elsewhere. key: id of the key. value: 64 bytes."""

    key: str
    value: bytes
    signed_at: datetime


def statement_keys(work: Work) -> list[StatementKey]:
    """The published keys, newest first; none before the first signature."""
    rows = work.fetch(
        "SELECT id, public, created_at, retired_at FROM access_statement_keys ORDER BY created_at DESC, id DESC"
    )
    return [StatementKey(*row) for row in rows]


def published_statement_keys(keys: list[StatementKey]) -> dict[str, list[dict[str, str]]]:
    """They as a JWK set."""
    return {"keys": [json.loads(key.public) for key in keys]}


def sign_documents(work: Work, vault: Vault, documents: list[bytes], *, now: datetime) -> list[Signature]:
    """One signature for each, over exactly its bytes, with the key of the day, which is made on first use.

    Raises: MasterKeyInvalid.
    """
    id, sealed = _active(work) or _make(work, vault, now=now)
    private = Ed25519PrivateKey.from_private_bytes(vault.open(sealed, label=f"statement key {id}"))
    return [Signature(id, private.sign(document), now) for document in documents]


def rotate_statement_keys(
    work: Work, vault: Vault, *, actor: str, now: datetime, compromised: bool = False
) -> list[StatementKey]:
    """A new key signs from now on; the one before stays published and can sign nothing any more.

    compromised: somebody else may have it: it is published no more, and what it signed has no signature until the
    settlement task signs it again. Raises: MasterKeyInvalid.
    """
    work.run("SELECT pg_advisory_xact_lock(%s)", (_MAKING_LOCK,))
    active = _active(work)
    if active and compromised:
        work.run("DELETE FROM access_statement_keys WHERE id = %s", (active[0],))
    elif active:
        work.run("UPDATE access_statement_keys SET sealed = NULL, retired_at = %s WHERE id = %s", (now, active[0]))
    id, _ = _make(work, vault, now=now)
    facts = {"before": active[0] if active else "", "compromised": str(compromised).lower()}
    record(work, actor=actor, action="statement_key.rotated", subject=id, facts=facts, now=now)
    return statement_keys(work)


def _active(work: Work) -> tuple[str, bytes] | None:
    """The key that signs; nobody replaces it while this transaction lasts."""
    rows = work.fetch("SELECT id, sealed FROM access_statement_keys WHERE retired_at IS NULL FOR SHARE")
    return (rows[0][0], bytes(rows[0][1])) if rows else None


def _make(work: Work, vault: Vault, *, now: datetime) -> tuple[str, bytes]:
    work.run("SELECT pg_advisory_xact_lock(%s)", (_MAKING_LOCK,))
    known = _active(work)
    if known:
        return known  # somebody else made it while we waited
    id, private = new_id("key", now), Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    jwk = {"kty": "OKP", "crv": "Ed25519", "alg": "Ed25519", "use": "sig", "kid": id}
    jwk["x"] = urlsafe_b64encode(public).decode()
    raw = private.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
    sealed = vault.seal(raw, label=f"statement key {id}")
    work.run(
        "INSERT INTO access_statement_keys (id, public, sealed, created_at) VALUES (%s, %s, %s, %s)",
        (id, json.dumps(jwk), sealed, now),
    )
    return id, sealed
