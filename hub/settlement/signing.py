"""Signatures of statements: detached, over exactly the bytes that are kept, one for each.

Knows `settlement_signature`. The bytes say what was agreed; the signature says that the hub stands by them.
"""

from datetime import datetime

from hub.access.statement_keys import Signature, sign_documents
from hub.access.vault import Vault
from hub.settlement.refusals import StatementMissing
from hub.storage import Work

# Statements of one transaction.
_AT_ONCE = 500


def sign_statements(work: Work, vault: Vault, *, now: datetime, limit: int = _AT_ONCE) -> int:
    """Sign statements that have no signature, oldest first; how many were signed.

    They have none when they were just written, were written by a hub that did not sign, or lost it with its key.
    Raises: MasterKeyInvalid.
    """
    rows = work.fetch(
        "SELECT s.id, s.document FROM settlement_statement s WHERE NOT EXISTS "
        "(SELECT 1 FROM settlement_signature g WHERE g.statement = s.id) ORDER BY s.stated_at, s.id LIMIT %s",
        (limit,),
    )
    if rows:
        made = sign_documents(work, vault, [bytes(document) for _, document in rows], now=now)
        work.fetch(
            "INSERT INTO settlement_signature (statement, key, value, signed_at) "
            "SELECT * FROM unnest(%s::text[], %s::text[], %s::bytea[], %s::timestamptz[]) "
            "ON CONFLICT (statement) DO NOTHING RETURNING statement",
            (
                [id for id, _ in rows],
                [one.key for one in made],
                [one.value for one in made],
                [one.signed_at for one in made],
            ),
        )
    return len(rows)


def signature(work: Work, statement: str) -> Signature:
    """The signature of a statement that the reader may see. Raises: StatementMissing."""
    rows = work.fetch("SELECT key, value, signed_at FROM settlement_signature WHERE statement = %s", (statement,))
    if not rows:
        raise StatementMissing("This statement is not signed yet; ask again in a minute.")
    key, value, signed_at = rows[0]
    return Signature(key, bytes(value), signed_at)
