"""Cuts files of instructions: gathers the legs that wait for one, and numbers what goes out.

Knows times of the day, the order of lines and how large a file may be. What was cut is fixed; writing it comes later
and may be done twice.
"""

from datetime import datetime, timedelta

from hub.exchange import store
from hub.exchange.states import Series
from hub.exchange.types import FilePartner
from hub.kernel.ids import new_id
from hub.legs.decision import verb_of
from hub.legs.states import LegRole
from hub.storage import Work
from partners.files.declaration import Exchange


def last_cut(exchange: Exchange, now: datetime) -> datetime:
    """The newest of the times at which files are cut, today or yesterday, by the partner's own clock."""
    today = now.astimezone(exchange.zone).date()
    days = (today - timedelta(days=1), today)
    times = [datetime.combine(day, at, tzinfo=exchange.zone) for day in days for at in exchange.cut_at]
    return max(instant for instant in times if instant <= now)


def cut(work: Work, partner: FilePartner, *, now: datetime, at_once: bool) -> list[str]:
    """Cut what waits, if a time to do so has come since the last one; ids of the new files.

    at_once: whatever the time is. A leg stands in one file, ever, unless the partner refused that file as a whole.
    """
    exchange = partner.files.exchange
    due = last_cut(exchange, now)
    sequence, cut_at = store.lock_series(work, partner.code, Series.INSTRUCTIONS, begun_at=due)
    if cut_at >= due and not at_once:
        return []
    files: list[str] = []
    while True:
        id_ = new_id("fout", now)
        lines = _gather(work, partner, id_)
        if not lines and (files or not exchange.send_empty):
            break
        sequence += 1
        store.add_out(
            work, id_, partner.code, Series.INSTRUCTIONS, sequence=sequence, about="", records=lines, made_at=now
        )
        files.append(id_)
        if lines < exchange.records_max:
            break
    store.move_series(work, partner.code, Series.INSTRUCTIONS, sequence=sequence, cut_at=due)
    return files


def number_receipt(work: Work, partner: str, about: str, *, records: int, now: datetime) -> None:
    """A receipt for a file of the partner, in the transaction that ends that file."""
    sequence, _ = store.lock_series(work, partner, Series.RECEIPTS, begun_at=now)
    store.add_out(
        work,
        new_id("fout", now),
        partner,
        Series.RECEIPTS,
        sequence=sequence + 1,
        about=about,
        records=records,
        made_at=now,
    )
    store.move_series(work, partner, Series.RECEIPTS, sequence=sequence + 1)


def _gather(work: Work, partner: FilePartner, file: str) -> int:
    """Put legs that wait for a file into this one, oldest first; how many. One statement, whatever their number."""
    ways = [
        (role.value, undoes, str(verb))
        for role in LegRole
        for undoes in (False, True)
        if (verb := verb_of(role, undoes=undoes, profile=partner.legs)) is not None
    ]
    roles, undoing, operations = map(list, zip(*ways, strict=True))
    return work.run(
        "INSERT INTO file_line (leg, partner, file, number, operation, membership, unit, amount, bonus, original_key) "
        "SELECT leg.id, leg.partner, %s, row_number() OVER (ORDER BY leg.id), way.operation, leg.membership, leg.unit, "
        "leg.amount + CASE WHEN leg.bonus_apart THEN 0 ELSE leg.bonus END, "
        "CASE WHEN leg.bonus_apart THEN 0 ELSE leg.bonus END, leg.original "
        "FROM leg JOIN unnest(%s::text[], %s::bool[], %s::text[]) AS way (role, undoes, operation) "
        "ON way.role = leg.role AND way.undoes = (leg.original <> '') "
        "WHERE leg.state = 'open' AND leg.pending AND leg.partner = %s "
        "AND NOT EXISTS (SELECT 1 FROM file_line WHERE file_line.leg = leg.id) ORDER BY leg.id LIMIT %s",
        (file, roles, undoing, operations, partner.code, partner.files.exchange.records_max),
    )
