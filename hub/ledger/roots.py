"""One Merkle root per account and closed period, so that a partner can check that its statement is complete.

A leaf is one entry: version, amount, balance after, and a salted hash of its posting, which shows nothing of the other
side. Versions without gaps prove that nothing was left out. Built after the period closed, never while it closes.
"""

import hashlib
import secrets
import uuid
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

from hub.ledger.merkle import inclusion_proof, leaf_hash, tree_root, verify_proof
from hub.ledger.types import AccountMissing, Difference, PeriodOpen
from hub.storage import Work

_SALT_BYTES = 32
_ROWS_AT_ONCE = 5_000


@dataclass(frozen=True, slots=True)
class Root:
    """The root over all entries of one account in one period.

    version_first: of its first entry, which follows the last one of the period before. size: number of entries. salt:
    of the postings' hashes; the hub's secret, shown only to settle a dispute.
    """

    account: str
    period: int
    version_first: int
    size: int
    salt: bytes
    root: bytes


@dataclass(frozen=True, slots=True)
class Leaf:
    """What a partner is shown of one entry. posting: salted hash of the posting it belongs to."""

    version: int
    amount: int
    balance_after: int
    posting: bytes

    def encoded(self) -> bytes:
        """The bytes that the tree is built over."""
        return f"{self.version}\n{self.amount}\n{self.balance_after}\n{self.posting.hex()}".encode()


@dataclass(frozen=True, slots=True)
class Proof:
    """That a leaf is one of the entries under a root. index: 0 for the first entry of the period."""

    leaf: Leaf
    index: int
    size: int
    path: tuple[bytes, ...]
    root: bytes

    def holds(self) -> bool:
        """Whether it proves what it says."""
        return verify_proof(self.leaf.encoded(), index=self.index, size=self.size, proof=self.path, root=self.root)


def seal_period(
    work: Work,
    period: int,
    accounts: Collection[str],
    *,
    salt: Callable[[], bytes] = lambda: secrets.token_bytes(_SALT_BYTES),
) -> list[Root]:
    """Build and store the roots of these accounts for a closed period; those that exist stay. Sorted by account.

    salt: gives 32 new random bytes per root. Raises: PeriodOpen, AccountMissing.
    """
    _check_closed(work, period)
    known = dict(work.fetch("SELECT code, id FROM ledger_account WHERE code = ANY(%s)", (list(accounts),)))
    for code in sorted(accounts):
        if code not in known:
            raise AccountMissing("This account was never opened.", account=code)
    sealed = {found.account for found in roots(work, period, accounts)}
    for code in sorted(set(accounts) - sealed):
        first, size = _versions(work, known[code], period)
        fresh = salt()
        found = tree_root(leaf.encoded() for leaf in _leaves(work, known[code], first, size, fresh))
        work.run(
            "INSERT INTO ledger_root (account, period, version_first, size, salt, root) "
            "VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (account, period) DO NOTHING",
            (known[code], period, first, size, fresh, found),
        )
    return roots(work, period, accounts)


def roots(work: Work, period: int, accounts: Collection[str]) -> list[Root]:
    """The stored roots of these accounts for a period, sorted by account; absent where not built yet."""
    rows = work.fetch(
        "SELECT a.code, r.period, r.version_first, r.size, r.salt, r.root FROM ledger_root r "
        "JOIN ledger_account a ON a.id = r.account WHERE r.period = %s AND a.code = ANY(%s) ORDER BY a.code",
        (period, list(accounts)),
    )
    return [Root(row[0], row[1], row[2], row[3], bytes(row[4]), bytes(row[5])) for row in rows]


def leaves(work: Work, root: Root) -> Iterator[Leaf]:
    """The entries under a root as their partner may see them, oldest first; a stream."""
    account = work.fetch("SELECT id FROM ledger_account WHERE code = %s", (root.account,))[0][0]
    return _leaves(work, account, root.version_first, root.size, root.salt)


def leaves_after(work: Work, root: Root, *, version: int, limit: int) -> list[Leaf]:
    """The entries under a root with a version above this one, oldest first, at most `limit`."""
    assert limit > 0, "a page has room"
    account = work.fetch("SELECT id FROM ledger_account WHERE code = %s", (root.account,))[0][0]
    first = max(version + 1, root.version_first)
    size = min(limit, root.version_first + root.size - first)
    return list(_leaves(work, account, first, size, root.salt)) if size > 0 else []


def prove(work: Work, root: Root, version: int) -> Proof:
    """The proof that the entry with this version lies under the root. version: one of the root's."""
    shown = list(leaves(work, root))
    index = version - root.version_first
    path = inclusion_proof([leaf_hash(leaf.encoded()) for leaf in shown], index)
    return Proof(shown[index], index, root.size, tuple(path), root.root)


def verify_complete(root: bytes, version_first: int, shown: Sequence[Leaf], balance_before: int) -> bool:
    """Whether these are all entries under a root: no gap in versions, each balance follows, and the root is theirs.

    Pure: a partner runs it on its statement. balance_before: the closing balance of the period before.
    """
    balance = balance_before
    for place, leaf in enumerate(shown):
        balance += leaf.amount
        if leaf.version != version_first + place or leaf.balance_after != balance:
            return False
    return tree_root(leaf.encoded() for leaf in shown) == root


def root_differences(work: Work) -> Iterator[Difference]:
    """Stored roots that do not follow from the stored entries."""
    rows = work.fetch(
        "SELECT r.account, r.period, r.version_first, r.size, r.salt, r.root FROM ledger_root r "
        "ORDER BY r.account, r.period"
    )
    for account, period, first, size, salt, stored in rows:
        expected = tree_root(leaf.encoded() for leaf in _leaves(work, account, first, size, bytes(salt)))
        if (first, size) != _versions(work, account, period) or bytes(stored) != expected:
            yield Difference("a root covers its entries", f"{account} {period}", bytes(stored).hex(), expected.hex())


def _check_closed(work: Work, period: int) -> None:
    rows = work.fetch("SELECT closed_at FROM ledger_period WHERE number = %s", (period,))
    if not rows or rows[0][0] is None:
        raise PeriodOpen("Only a closed period has roots.", period=period)


def _versions(work: Work, account: int, period: int) -> tuple[int, int]:
    """First version and number of entries of an account in a period, from the turnover: no scan of entries."""
    rows = work.fetch(
        "SELECT coalesce(sum(count) FILTER (WHERE period < %s), 0)::bigint + 1, "
        "coalesce(sum(count) FILTER (WHERE period = %s), 0)::bigint FROM ledger_turnover "
        "WHERE account = %s AND period <= %s",
        (period, period, account, period),
    )
    return rows[0][0], rows[0][1]


def _leaves(work: Work, account: int, first: int, size: int, salt: bytes) -> Iterator[Leaf]:
    with work.raw.cursor(name=f"leaves_{uuid.uuid4().hex}") as cursor:
        cursor.itersize = _ROWS_AT_ONCE
        cursor.execute(
            "SELECT e.version, e.amount, e.balance_after, e.posting, p.content FROM ledger_entry e "
            "JOIN ledger_posting p ON p.id = e.posting WHERE e.account = %s AND e.version >= %s AND e.version < %s "
            "ORDER BY e.version",
            (account, first, first + size),
        )
        for version, amount, after, posting, content in cursor:
            hidden = hashlib.sha256(salt + posting.bytes + bytes(content)).digest()
            yield Leaf(version, amount, after, hidden)
