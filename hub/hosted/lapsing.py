"""Letting points lapse, and warning before they do: in bounded batches, each a transaction that can be repeated.

What is due is found again from the rows each time, so a run that was killed goes on where it was, and nothing lapses
or is warned of twice. Points that are reserved never lapse; what is left of them does when they are given back.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import LiteralString

from hub import chart, ledger
from hub.hosted.expiry import last_day, warns_from
from hub.hosted.lots import LotBook
from hub.hosted.points import unit_accounts
from hub.hosted.store import lock_due_lots, write_lots
from hub.hosted.types import HostedProgramme, Place, ProgrammePort
from hub.kernel.ids import new_id
from hub.ledger import Posted, Posting, Transfer
from hub.outbox.events import Event, announce_events
from hub.storage import Work
from partners.hosted.programme import ExpiryKind

POINTS_EXPIRING = "hosted.points_expiring"
POINTS_LAPSED = "hosted.points_lapsed"

# Any constant does, as long as it is used for nothing else in the database.
_WARNING_LOCK = 7_201_401

_EXPIRING_LOTS: LiteralString = (
    "SELECT m.id, l.expires_at, sum(l.remaining - l.held)::bigint FROM hosted_lot l "
    "JOIN hosted_membership m ON m.unit = l.unit AND m.number = l.number "
    "WHERE l.unit = %s AND l.remaining > l.held AND l.expires_at > %s AND l.expires_at <= %s "
    "AND NOT EXISTS (SELECT 1 FROM hosted_warning w "
    "WHERE w.membership = m.id AND w.lapses_at = l.expires_at AND w.days <= %s) "
    "GROUP BY m.id, l.expires_at ORDER BY l.expires_at, m.id LIMIT %s"
)
_EXPIRING_MEMBERS: LiteralString = (
    "SELECT m.id, m.lapses_at, sum(l.remaining - l.held)::bigint FROM hosted_membership m "
    "JOIN hosted_lot l ON l.unit = m.unit AND l.number = m.number AND l.remaining > l.held AND l.expires_at IS NULL "
    "WHERE m.unit = %s AND m.lapses_at > %s AND m.lapses_at <= %s "
    "AND NOT EXISTS (SELECT 1 FROM hosted_warning w "
    "WHERE w.membership = m.id AND w.lapses_at = m.lapses_at AND w.days <= %s) "
    "GROUP BY m.id, m.lapses_at ORDER BY m.lapses_at, m.id LIMIT %s"
)


@dataclass(frozen=True, slots=True)
class Lapsed:
    """What one batch did. found: memberships or lots that were due; 0 when nothing is left to do."""

    found: int
    memberships: int
    lots: int
    points: int


def lapse_due(work: Work, programmes: ProgrammePort, *, now: datetime, limit: int) -> Lapsed:
    """Let what is due lapse, for the memberships of at most `limit` lots that are; a posting for each membership."""
    ledger.enter(work)
    places = _due(work, now=now, limit=limit)
    if not places:
        return Lapsed(0, 0, 0, 0)
    lots = lock_due_lots(work, programmes, places, now=now)
    accounts = [account for unit in sorted({unit for unit, _ in places}) for account in unit_accounts(unit)]
    ledger.open_accounts(work, accounts, now=now)
    postings: list[Posting] = []
    for place in sorted(lots.members):
        key = f"lapse:{new_id('lps', now)}"
        amount = lots.lapse(key, place)
        if amount:
            transfer = Transfer(chart.member(*place), chart.lapsed(place[0]), amount)
            postings.append(Posting(key, "hosted_lapse", (transfer,), now))
    codes = {code for one in postings for code in (one.transfers[0].debit, one.transfers[0].credit)}
    book = ledger.lock(work, codes=codes, keys=[one.key for one in postings], now=now)
    for one in postings:
        answer = book.post(one)
        assert isinstance(answer, Posted), f"lots and ledger disagree about {one.transfers[0].debit}: {answer}"
    book.write()
    write_lots(work, lots)
    announce_events(work, _lapsed_events(lots, postings), now=now)
    points = sum(one.transfers[0].amount for one in postings)
    return Lapsed(len(places), len(postings), len(lots.made), points)


def _lapsed_events(lots: LotBook, postings: Sequence[Posting]) -> list[Event]:
    """One for each programme and part, as a year's end would bury its partner otherwise: each membership's history
    tells what it lost.
    """
    of_unit: dict[str, list[Posting]] = {}
    programmes = {unit: member.programme for (unit, _), member in lots.members.items()}
    for one in postings:
        of_unit.setdefault(one.transfers[0].credit, []).append(one)
    return [
        Event(
            type=POINTS_LAPSED,
            subject=unit,
            partners=(programme.partner,),
            data={
                "unit": unit,
                "memberships": len(of_unit[chart.lapsed(unit)]),
                "amount": sum(one.transfers[0].amount for one in of_unit[chart.lapsed(unit)]),
            },
            live=programme.live,
        )
        for unit, programme in sorted(programmes.items())
        if chart.lapsed(unit) in of_unit
    ]


def count_due(work: Work, *, now: datetime) -> int:
    """How many lots are due to lapse; for a progress bar."""
    rows = work.fetch(
        "SELECT (SELECT count(*) FROM hosted_lot WHERE expires_at <= %s AND remaining > held) + "
        "(SELECT count(*) FROM hosted_membership m JOIN hosted_lot l ON l.unit = m.unit AND l.number = m.number "
        "WHERE m.lapses_at <= %s AND l.expires_at IS NULL AND l.remaining > l.held)",
        (now, now),
    )
    return int(rows[0][0])


def _due(work: Work, *, now: datetime, limit: int) -> list[Place]:
    """Memberships with something due, at most of so many lots and so many memberships whose activity is long ago."""
    rows = work.fetch(
        "SELECT unit, number FROM (SELECT unit, number FROM hosted_lot WHERE expires_at <= %s AND remaining > held "
        "ORDER BY expires_at, unit, number LIMIT %s) AS lot UNION "
        "SELECT unit, number FROM (SELECT unit, number FROM hosted_membership WHERE lapses_at <= %s "
        "ORDER BY lapses_at LIMIT %s) AS member",
        (now, limit, now, limit),
    )
    return [(unit, number) for unit, number in rows]


def warn_due(work: Work, programmes: ProgrammePort, units: Sequence[str], *, now: datetime, limit: int) -> int:
    """Announce which points lapse soon; how many warnings were written, at most `limit`.

    Each group of lots that lapse together is announced once for each of the programme's days before; of several that
    are due at once, only the nearest is.
    """
    # One run at a time, so that none is told twice.
    work.run("SELECT pg_advisory_xact_lock(%s)", (_WARNING_LOCK,))
    written = 0
    for unit in sorted(units):
        programme = programmes.programme(unit)
        for days in sorted(programme.rules.expiry.warn_days):
            if written < limit:
                written += _warn(work, programme, days, now=now, limit=limit - written)
    return written


def _warn(work: Work, programme: HostedProgramme, days: int, *, now: datetime, limit: int) -> int:
    """One of the programme's warnings, for those who had neither it nor a nearer one."""
    by_lot = programme.rules.expiry.kind is ExpiryKind.FIXED
    # A day more than is asked for, since days end at the programme's own midnight, and looked at again below.
    rows = [
        row
        for row in work.fetch(
            _EXPIRING_LOTS if by_lot else _EXPIRING_MEMBERS,
            (programme.unit, now, now + timedelta(days=days + 1), days, limit),
        )
        if warns_from(row[1], days, programme.zone) <= now
    ]
    work.copy_in(
        "hosted_warning",
        ("membership", "lapses_at", "days", "amount", "warned_at"),
        [(member, lapses, days, amount, now) for member, lapses, amount in rows],
    )
    announce_events(work, [_event(programme, *row, days=days) for row in rows], now=now)
    return len(rows)


def _event(programme: HostedProgramme, membership: str, lapses: datetime, amount: int, *, days: int) -> Event:
    return Event(
        type=POINTS_EXPIRING,
        subject=membership,
        partners=(programme.partner,),
        data={
            "unit": programme.unit,
            "amount": amount,
            "last_day": last_day(lapses, programme.zone).isoformat(),
            "days": days,
        },
        live=programme.live,
    )
