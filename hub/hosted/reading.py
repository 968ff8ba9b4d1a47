"""Answers about memberships: what is in them, what lapses when, what happened. Only reads.

Knows lots and the ledger's entries. Does not know who may ask.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from hub import chart, ledger
from hub.hosted.store import LOT
from hub.hosted.types import Expiring, HistoryLine, Lot, Membership, Statement
from hub.storage import Work

# What a member would call it, by the kind of the ledger's posting.
_SHOWN: Mapping[str, str] = {
    "conversion_debit": "convert_out",
    "conversion_posted": "convert_in",
    "conversion_bonus_credit": "convert_bonus",
    "reversal": "reverse",
    "leg_debit": "convert_out",
    "leg_credit": "credit",
    "leg_reverse": "reverse",
}

LOTS_SHOWN_MAX = 500


def statement(work: Work, member: Membership, *, now: datetime) -> Statement:
    """What is in a membership, lot by lot. Sums count every lot; of the lots the first 500 to lapse are shown."""
    rows = work.fetch(
        f"SELECT {LOT} FROM hosted_lot l WHERE l.unit = %s AND l.number = %s AND l.remaining > 0 "  # noqa: S608 - fixed
        "ORDER BY l.expires_at NULLS LAST, l.earned_at, l.id",
        member.place,
    )
    lots = [Lot(*row) for row in rows]
    good = [lot for lot in lots if not _is_over(lot, member, now)]
    return Statement(
        membership=member,
        balance=sum(lot.remaining for lot in lots),
        held=sum(lot.held for lot in lots),
        available=sum(lot.remaining - lot.held for lot in good),
        lots=tuple(lots[:LOTS_SHOWN_MAX]),
        expiring=_expiring(good, member),
    )


def history(work: Work, member: Membership, *, before: int | None, limit: int) -> list[HistoryLine]:
    """Entries of a membership's account, newest first. before: number of the last one seen; None for the newest."""
    found = ledger.latest_entries(work, chart.member(*member.place), before=before, limit=limit)
    return [
        HistoryLine(
            number=one.version,
            posting=str(one.posting),
            kind=_SHOWN.get(one.kind, one.kind.removeprefix("hosted_")),
            amount=one.amount,
            balance_after=one.balance_after,
            reference=one.reference or "",
            at=one.recorded_at,
        )
        for one in found
    ]


def _expiring(lots: Sequence[Lot], member: Membership) -> tuple[Expiring, ...]:
    """What lapses when, without what is reserved; the first to lapse first."""
    sums: dict[datetime, int] = {}
    for lot in lots:
        ends = lot.expires_at or member.lapses_at
        if ends is not None and lot.remaining > lot.held:
            sums[ends] = sums.get(ends, 0) + lot.remaining - lot.held
    return tuple(Expiring(ends, sums[ends]) for ends in sorted(sums))


def _is_over(lot: Lot, member: Membership, now: datetime) -> bool:
    ends = lot.expires_at or member.lapses_at
    return ends is not None and ends <= now
