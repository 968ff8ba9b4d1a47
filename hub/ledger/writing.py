"""Writes a decided batch: a fixed number of statements, whatever its size.

Keys are claimed first and sorted, so that two processes with the same keys meet there and one of them repeats. Knows
the tables; decides nothing.
"""

from collections.abc import Mapping
from typing import LiteralString

from hub.ledger.batch import Batch, seal_hash
from hub.ledger.lines import escape
from hub.ledger.state import AccountState
from hub.storage import Work

BOOK_MARK = "ledger.book"

_POSTING = (
    "id",
    "key",
    "content",
    "kind",
    "period",
    "effective_at",
    "recorded_at",
    "reverses",
    "reference",
    "metadata",
    "seal",
)
_ENTRY = ("posting", "line", "account", "amount", "version", "balance_after", "unit", "label")
_HOLD = ("key", "content", "kind", "reference", "metadata", "transfers", "state", "seal")
_REFUSAL = ("key", "content", "code", "detail", "facts", "seal")
_REVERSAL = ("key", "posting", "share_numerator", "share_denominator", "parts", "seal")


def write_batch(work: Work, batch: Batch, accounts: Mapping[str, AccountState]) -> None:
    """Store the batch, its balances, turnover and seal. Nothing decided, nothing written."""
    work.marks.pop(BOOK_MARK, None)
    block = batch.block
    if block.is_empty():
        return
    work.append("ledger_key", ("key",), [f"{escape(key)}\n" for key in sorted(batch.keys)])
    work.append("ledger_posting", _POSTING, block.postings)
    work.append("ledger_entry", _ENTRY, block.entries)
    work.append("ledger_hold", _HOLD, block.holds)
    work.append("ledger_refusal", _REFUSAL, block.refusals)
    work.append("ledger_reversal", _REVERSAL, block.reversals)
    _end_holds(work, batch)
    _update_balances(work, batch, accounts)
    _add_turnover(work, batch)
    stamp = batch.stamp
    work.run_later(
        "INSERT INTO ledger_seal (id, writer, number, recorded_at, hash) VALUES (%s, %s, %s, %s, %s)",
        (stamp.seal, stamp.writer, stamp.number, stamp.recorded_at, seal_hash(stamp, block)),
    )


def _end_holds(work: Work, batch: Batch) -> None:
    if not batch.ended:
        return
    ended = sorted(batch.ended, key=lambda hold: hold.key)
    # An array of arrays must be rectangular; texts of arrays need not be.
    posted = [None if hold.posted is None else "{" + ",".join(map(str, hold.posted)) + "}" for hold in ended]
    work.run_later(
        "UPDATE ledger_hold h SET state = new.state, posted = new.posted::bigint[], ended_seal = %s "
        "FROM unnest(%s::text[], %s::text[], %s::text[]) AS new (key, state, posted) "
        "WHERE h.key = new.key AND h.state = 'pending'",
        (batch.stamp.seal, [hold.key for hold in ended], [str(hold.state) for hold in ended], posted),
        rows=len(ended),  # fewer: a hold ended twice
    )


_UPDATE_BALANCES: LiteralString = (
    "UPDATE ledger_balance b SET posted = new.posted, held = new.held, version = new.version, floor = new.floor, "
    "recorded_at = CASE WHEN new.recorded THEN %s ELSE b.recorded_at END "
    "FROM unnest(%s::int[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bool[]) "
    "AS new (account, posted, held, version, floor, recorded) WHERE b.account = new.account"
)


def _update_balances(work: Work, batch: Batch, accounts: Mapping[str, AccountState]) -> None:
    changed = [account for account in accounts.values() if account.changed or account.recorded]
    if not changed:
        return
    work.run_later(
        _UPDATE_BALANCES,
        (
            batch.stamp.recorded_at,
            [account.id for account in changed],
            [account.posted for account in changed],
            [account.held for account in changed],
            [account.version for account in changed],
            [account.floor for account in changed],
            [account.recorded for account in changed],
        ),
        rows=len(changed),
    )


def _add_turnover(work: Work, batch: Batch) -> None:
    if not batch.turnover:
        return
    rows = sorted(batch.turnover.items())
    work.run_later(
        "INSERT INTO ledger_turnover AS t (period, account, label, debits, credits, count) "
        "SELECT %s, * FROM unnest(%s::int[], %s::text[], %s::numeric[], %s::numeric[], %s::bigint[]) "
        "ON CONFLICT (period, account, label) DO UPDATE SET debits = t.debits + excluded.debits, "
        "credits = t.credits + excluded.credits, count = t.count + excluded.count",
        (
            batch.stamp.period,
            [account for (account, _), _ in rows],
            [label for (_, label), _ in rows],
            [sums[0] for _, sums in rows],
            [sums[1] for _, sums in rows],
            [sums[2] for _, sums in rows],
        ),
    )
