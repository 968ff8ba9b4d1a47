"""Reads balances, entries, postings and turnover; locks nothing.

A balance is one row, a balance as of a moment a binary search along the account's versions: nothing scans a history.
"""

import uuid
from collections.abc import Collection
from datetime import datetime
from typing import Any

from hub.kernel.limits import LEDGER_PAGE_ROWS_MAX
from hub.ledger.lines import storable
from hub.ledger.locking import transfers_of_entries
from hub.ledger.types import AccountMissing, Balance, Entry, PostingRecord, Turnover
from hub.storage import Work

# Sorts after every code that starts with a prefix, in the collation "C" of codes.
_AFTER = "\U0010ffff"


def balances(work: Work, codes: Collection[str]) -> dict[str, Balance]:
    """Balances by code; codes that were never opened are absent."""
    rows = work.fetch(
        "SELECT a.code, a.unit, b.posted, b.held, b.floor, b.version FROM ledger_account a "
        "JOIN ledger_balance b ON b.account = a.id WHERE a.code = ANY(%s)",
        ([code for code in codes if storable(code)],),
    )
    return {row[0]: Balance(*row) for row in rows}


def accounts(work: Work, prefix: str) -> list[Balance]:
    """Balances of every account whose code starts with `prefix`, sorted by code."""
    rows = work.fetch(
        "SELECT a.code, a.unit, b.posted, b.held, b.floor, b.version FROM ledger_account a "
        "JOIN ledger_balance b ON b.account = a.id WHERE a.code >= %s AND a.code < %s ORDER BY a.code",
        (prefix, prefix + _AFTER),
    )
    return [Balance(*row) for row in rows]


def balance_at(work: Work, code: str, at: datetime) -> int:
    """The posted balance after the last entry recorded at or before `at`; 0 before the first one.

    Raises: AccountMissing.
    """
    account, version = _account(work, code)
    rows = work.fetch(
        "WITH RECURSIVE search (low, high) AS (SELECT 0::bigint, %s::bigint UNION ALL "
        "SELECT CASE WHEN p.recorded_at <= %s THEN e.version ELSE s.low END, "
        "CASE WHEN p.recorded_at <= %s THEN s.high ELSE e.version - 1 END "
        "FROM search s JOIN ledger_entry e ON e.account = %s AND e.version = (s.low + s.high + 1) / 2 "
        "JOIN ledger_posting p ON p.id = e.posting WHERE s.low < s.high) "
        "SELECT e.balance_after FROM search s JOIN ledger_entry e ON e.account = %s AND e.version = s.low "
        "WHERE s.low = s.high",
        (version, at, at, account, account),
    )
    return int(rows[0][0]) if rows else 0


def entries(work: Work, code: str, *, after: int, limit: int) -> list[Entry]:
    """Entries with a version above `after`, oldest first, at most `limit`.

    Raises: AccountMissing.
    """
    account, _ = _account(work, code)
    rows = work.fetch(
        "SELECT e.version, e.amount, e.balance_after, e.label, e.posting, p.key, p.kind, p.period, p.effective_at, "
        "p.recorded_at, p.reference FROM ledger_entry e JOIN ledger_posting p ON p.id = e.posting "
        "WHERE e.account = %s AND e.version > %s ORDER BY e.version LIMIT %s",
        (account, after, _page(limit)),
    )
    return [Entry(code, *row) for row in rows]


def latest_entries(work: Work, code: str, *, before: int | None, limit: int) -> list[Entry]:
    """Entries with a version below `before`, or all with None, newest first, at most `limit`.

    Raises: AccountMissing.
    """
    account, version = _account(work, code)
    rows = work.fetch(
        "SELECT e.version, e.amount, e.balance_after, e.label, e.posting, p.key, p.kind, p.period, p.effective_at, "
        "p.recorded_at, p.reference FROM ledger_entry e JOIN ledger_posting p ON p.id = e.posting "
        "WHERE e.account = %s AND e.version < %s ORDER BY e.version DESC LIMIT %s",
        (account, version + 1 if before is None else before, _page(limit)),
    )
    return [Entry(code, *row) for row in rows]


def keys_of(work: Work, ids: Collection[uuid.UUID]) -> dict[uuid.UUID, str]:
    """Keys of the postings with these ids; those that do not exist are absent."""
    return dict(work.fetch("SELECT id, key FROM ledger_posting WHERE id = ANY(%s)", (list(ids),)))


def postings(work: Work, period: int, *, after: uuid.UUID | None, limit: int) -> list[PostingRecord]:
    """Postings of a period by id, which is by time, starting after the id `after`; at most `limit`."""
    rows = work.fetch(
        "SELECT p.id, p.key, p.kind, p.period, p.effective_at, p.recorded_at, p.reverses, p.reference, p.metadata, "
        "sides.codes, sides.amounts, sides.labels FROM (SELECT * FROM ledger_posting WHERE period = %s AND id > %s "
        "ORDER BY id LIMIT %s) p, LATERAL (SELECT array_agg(a.code ORDER BY e.line) AS codes, "
        "array_agg(e.amount ORDER BY e.line) AS amounts, array_agg(e.label ORDER BY e.line) AS labels "
        "FROM ledger_entry e JOIN ledger_account a ON a.id = e.account WHERE e.posting = p.id) sides ORDER BY p.id",
        (period, after or uuid.UUID(int=0), _page(limit)),
    )
    return [_record(row) for row in rows]


def posting(work: Work, key: str) -> PostingRecord | None:
    """The posting under this key; None if there is none, for example because it is still a hold."""
    if not storable(key):
        return None
    rows = work.fetch(
        "SELECT p.id, p.key, p.kind, p.period, p.effective_at, p.recorded_at, p.reverses, p.reference, p.metadata, "
        "array_agg(a.code ORDER BY e.line), array_agg(e.amount ORDER BY e.line), array_agg(e.label ORDER BY e.line) "
        "FROM ledger_posting p JOIN ledger_entry e ON e.posting = p.id JOIN ledger_account a ON a.id = e.account "
        "WHERE p.key = %s GROUP BY p.id",
        (key,),
    )
    return _record(rows[0]) if rows else None


def turnover(work: Work, period: int, *, prefix: str = "") -> list[Turnover]:
    """Sums of a period by account and label, for accounts whose code starts with `prefix`, sorted by both."""
    rows = work.fetch(
        "SELECT t.period, a.code, nullif(t.label, ''), t.debits, t.credits, t.count FROM ledger_turnover t "
        "JOIN ledger_account a ON a.id = t.account WHERE t.period = %s AND a.code >= %s AND a.code < %s "
        "ORDER BY a.code, t.label",
        (period, prefix, prefix + _AFTER),
    )
    return [Turnover(row[0], row[1], row[2], int(row[3]), int(row[4]), row[5]) for row in rows]


def balance_before(work: Work, code: str, period: int) -> tuple[int, int]:
    """How many entries an account has from before a period, and what they come to; from the turnover, no scan of them.

    Only while the periods before it are closed is this what it will always be. Raises: AccountMissing.
    """
    account, _ = _account(work, code)
    rows = work.fetch(
        "SELECT coalesce(sum(count), 0)::bigint, coalesce(sum(credits - debits), 0) FROM ledger_turnover "
        "WHERE account = %s AND period < %s",
        (account, period),
    )
    return rows[0][0], int(rows[0][1])


def _account(work: Work, code: str) -> tuple[int, int]:
    """Id of the account and how many entries it has. Raises: AccountMissing."""
    rows = (
        work.fetch(
            "SELECT a.id, b.version FROM ledger_account a JOIN ledger_balance b ON b.account = a.id WHERE a.code = %s",
            (code,),
        )
        if storable(code)
        else []
    )
    if not rows:
        raise AccountMissing("This account was never opened.", account=code)
    return rows[0][0], rows[0][1]


def _page(limit: int) -> int:
    assert 0 < limit <= LEDGER_PAGE_ROWS_MAX, "a page is bounded"
    return limit


def _record(row: tuple[Any, ...]) -> PostingRecord:
    identity, key, kind, period, effective_at, recorded_at, reverses, reference, metadata, *sides = row
    transfers = transfers_of_entries(*sides)
    return PostingRecord(
        identity, key, kind, transfers, period, effective_at, recorded_at, reverses, reference, metadata
    )
