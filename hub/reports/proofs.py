"""What lets a partner check a statement by itself: every entry under its Merkle roots, and the signature.

Knows which entries a statement's roots stand for and how they are written. An entry is what is hashed into the tree and
nothing else: it shows neither the other side nor the member. Source: RFC 6962, section 2.1; RFC 8032.
"""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass

from hub import ledger
from hub.access.statement_keys import Signature
from hub.kernel.clock import rfc3339
from hub.ledger import Leaf
from hub.settlement.types import Statement
from hub.storage import Work

_ENTRIES_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class Proven:
    """One entry under a statement's roots. place: of its root among them, from 0."""

    place: int
    account: str
    slice: int
    leaf: Leaf


def proven_entries(work: Work, statement: Statement, *, after: tuple[int, int], limit: int) -> list[Proven]:
    """Entries in the order of the statement's roots, at most `limit`. after: place and number of the last one seen.

    Reads the whole ledger: whoever asks has shown before that the statement is theirs.
    """
    found: list[Proven] = []
    for place, named in enumerate(json.loads(statement.document)["roots"]):
        if place < after[0] or len(found) == limit:
            continue
        account, period = named["account"], named["slice"]
        for root in ledger.roots(work, period, [account]):
            version = after[1] if place == after[0] else 0
            shown = ledger.leaves_after(work, root, version=version, limit=limit - len(found))
            found += [Proven(place, account, period, leaf) for leaf in shown]
    return found


def all_entries(work: Work, statement: Statement) -> Iterator[Proven]:
    """Every entry under a statement's roots, some at a time."""
    after = (0, 0)
    while found := proven_entries(work, statement, after=after, limit=_ENTRIES_AT_ONCE):
        yield from found
        after = (found[-1].place, found[-1].leaf.version)


def entry_view(one: Proven) -> dict[str, object]:
    """An entry for the world. amount, balance_after: whole units of the account's last digit, as text."""
    return {
        "account": one.account,
        "slice": one.slice,
        "entry": one.leaf.version,
        "amount": str(one.leaf.amount),
        "balance_after": str(one.leaf.balance_after),
        "posting": one.leaf.posting.hex(),
    }


def signature_view(statement: Statement, signature: Signature) -> dict[str, object]:
    """A signature for the world; its value in base64url without padding, as JOSE writes it."""
    return {
        "statement": statement.id,
        "sha256": statement.digest.hex(),
        "algorithm": "Ed25519",
        "key": signature.key,
        "value": base64.urlsafe_b64encode(signature.value).rstrip(b"=").decode(),
        "signed_at": rfc3339(signature.signed_at),
    }
