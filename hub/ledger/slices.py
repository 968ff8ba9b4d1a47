"""Periods: slices of time that every posting belongs to exactly one of.

A transaction that will post reads the open period under a shared advisory lock; closing takes the same lock alone, so
that it waits for the batches under way and delays the next ones by no more than itself. Share locks on a row would
starve the closer.
"""

from datetime import UTC, datetime

from hub.ledger.types import Period
from hub.storage import Question, Work

# Any constant does, as long as it is used for nothing else in the database.
_PERIOD_LOCK = 7_201_002
_MARK = "ledger.period"


def enter(work: Work) -> None:
    """Stamp the open period on this transaction; the first lock of any transaction that will post. Safe to repeat.

    Sent with the next statement that is waited for, and before it.
    """
    if _MARK in work.marks:
        return
    work.ask("SELECT pg_advisory_xact_lock_shared(%s)", (_PERIOD_LOCK,))
    # In a statement of its own: one that waited for the lock would still see what was open before.
    work.marks[_MARK] = work.ask("SELECT number FROM ledger_period WHERE closed_at IS NULL")


def entered(work: Work) -> int:
    """The period that everything in this transaction posts into."""
    asked = work.marks.get(_MARK)
    assert isinstance(asked, Question), "enter(work) comes before everything else"
    return int(work.answer(asked)[0][0])


def close_period(work: Work, *, now: datetime) -> Period:
    """Close the open period and open the next one; the next one. Costs nothing per posting.

    Waits for the batches under way. Not in a transaction that posts: it holds the lock this waits for.
    """
    assert _MARK not in work.marks, "a transaction that entered a period cannot close it"
    work.run("SELECT pg_advisory_xact_lock(%s)", (_PERIOD_LOCK,))
    number, opened_at = work.fetch("SELECT number, opened_at FROM ledger_period WHERE closed_at IS NULL")[0]
    closed_at = max(now.astimezone(UTC), opened_at)
    work.run("UPDATE ledger_period SET closed_at = %s WHERE number = %s", (closed_at, number))
    work.run("INSERT INTO ledger_period (number, opened_at) VALUES (%s, %s)", (number + 1, closed_at))
    return Period(number + 1, closed_at, None)


def period(work: Work) -> Period:
    """The open period. For information only: what a transaction posts into is stamped by `enter`."""
    rows = work.fetch("SELECT number, opened_at, closed_at FROM ledger_period WHERE closed_at IS NULL")
    return Period(*rows[0])


def periods(work: Work) -> list[Period]:
    """Every period, oldest first; the last one is open. The first one reaches back to 1970."""
    rows = work.fetch("SELECT number, opened_at, closed_at FROM ledger_period ORDER BY number")
    return [Period(*row) for row in rows]
