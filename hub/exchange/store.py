"""Files, lines and parts as rows: lock, write back, page through; many at once.

Knows the tables. Does not decide anything.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from hub.exchange.states import IN_MOVES, OUT_MOVES, InState, LineOutcome, OutState, Series
from hub.exchange.types import FileIn, FileOut, Line
from hub.storage import Database, Work

# Lines of a file that are in memory at once while it is written.
_LINES_AT_ONCE = 5_000
_DETAIL_CHARS_MAX = 500

_OUT = (
    "id, partner, kind, sequence, about, made_at, state, name, records, size, sha256, deliveries, delivered_at, "
    "answered_at, reason"
)
_IN = (
    "id, partner, name, sha256, size, removed, sequence, answers, state, reason, detail, records, accepted, rejected, "
    "received_at, ended_at"
)
_WRITTEN_COLUMNS = ("operation", "membership", "unit", "amount", "bonus", "original_key")


def lock_series(work: Work, partner: str, kind: Series, *, begun_at: datetime) -> tuple[int, datetime]:
    """Lock a series; its last sequence and the newest cut. begun_at: what counts as cut when it is new."""
    work.run(
        "INSERT INTO file_series (partner, kind, cut_at) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
        (partner, kind.value, begun_at),
    )
    [(sequence, cut_at)] = work.fetch(
        "SELECT sequence, cut_at FROM file_series WHERE partner = %s AND kind = %s FOR UPDATE", (partner, kind.value)
    )
    return sequence, cut_at


def move_series(work: Work, partner: str, kind: Series, *, sequence: int, cut_at: datetime | None = None) -> None:
    """Write a locked series back. cut_at: None leaves it."""
    work.run(
        "UPDATE file_series SET sequence = %s, cut_at = coalesce(%s, cut_at) WHERE partner = %s AND kind = %s",
        (sequence, cut_at, partner, kind.value),
    )


def add_out(
    work: Work, id: str, partner: str, kind: Series, *, sequence: int, about: str, records: int, made_at: datetime
) -> None:
    """A new file of ours whose content is fixed."""
    work.run(
        "INSERT INTO file_out (id, partner, kind, sequence, about, records, made_at) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s)",
        (id, partner, kind.value, sequence, about, records, made_at),
    )


def open_out(work: Work, partner: str) -> list[FileOut]:
    """Files of ours that were not handed over yet, oldest first."""
    rows = work.fetch(
        f"SELECT {_OUT} FROM file_out WHERE partner = %s AND state IN ('cut', 'written') "  # noqa: S608 - fixed names
        "ORDER BY made_at, kind, sequence",
        (partner,),
    )
    return list(map(_file_out, rows))


def newest_out(work: Work, partner: str | None, *, limit: int) -> list[FileOut]:
    """Files of ours, newest first; of one partner, or of all with None."""
    rows = work.fetch(
        f"SELECT {_OUT} FROM file_out WHERE %s::text IS NULL OR partner = %s "  # noqa: S608 - fixed names
        "ORDER BY made_at DESC, id DESC LIMIT %s",
        (partner, partner, limit),
    )
    return list(map(_file_out, rows))


def newest_in(work: Work, partner: str | None, *, limit: int) -> list[FileIn]:
    """Files of partners, newest first; of one partner, or of all with None."""
    rows = work.fetch(
        f"SELECT {_IN} FROM file_in WHERE %s::text IS NULL OR partner = %s "  # noqa: S608 - fixed names
        "ORDER BY received_at DESC, id DESC LIMIT %s",
        (partner, partner, limit),
    )
    return list(map(_file_in, rows))


def out_of(work: Work, partner: str, kind: Series, sequence: int) -> FileOut | None:
    """One file of ours by its number, locked."""
    rows = work.fetch(
        f"SELECT {_OUT} FROM file_out WHERE partner = %s AND kind = %s AND sequence = %s FOR UPDATE",  # noqa: S608
        (partner, kind.value, sequence),
    )
    return _file_out(rows[0]) if rows else None


def out_by_id(work: Work, id: str) -> FileOut | None:
    """One file of ours, locked."""
    rows = work.fetch(f"SELECT {_OUT} FROM file_out WHERE id = %s FOR UPDATE", (id,))  # noqa: S608 - fixed names
    return _file_out(rows[0]) if rows else None


def move_out(work: Work, file: FileOut, to: OutState, *, reason: str = "") -> None:
    """Let a file of ours be in another state."""
    assert to in OUT_MOVES[file.state], f"a file cannot go from {file.state} to {to}"
    work.run("UPDATE file_out SET state = %s, reason = %s WHERE id = %s", (to.value, reason, file.id))


def write_down(work: Work, file: FileOut, *, name: str, size: int, sha256: str) -> None:
    """The bytes of a file of ours are fixed from here on."""
    work.run(
        "UPDATE file_out SET state = 'written', name = %s, size = %s, sha256 = %s WHERE id = %s AND state = 'cut'",
        (name, size, sha256, file.id),
    )


def hand_over(work: Work, file: FileOut, *, now: datetime) -> None:
    """A file of ours lies in its partner's folder."""
    work.run(
        "UPDATE file_out SET state = 'delivered', deliveries = deliveries + 1, delivered_at = %s "
        "WHERE id = %s AND state = 'written'",
        (now, file.id),
    )


def note_answer(work: Work, id: str, *, now: datetime) -> None:
    """A file of ours has an answer, perhaps not for all of its lines."""
    work.run("UPDATE file_out SET answered_at = coalesce(answered_at, %s) WHERE id = %s", (now, id))


def late_out(work: Work, partner: str, *, before: datetime) -> list[FileOut]:
    """Files of instructions delivered before that instant with lines that have no answer."""
    rows = work.fetch(
        f"SELECT {_OUT} FROM file_out WHERE partner = %s AND state = 'delivered' AND kind = 'instructions' "  # noqa: S608
        "AND delivered_at < %s AND EXISTS (SELECT 1 FROM file_line WHERE file = file_out.id AND outcome = '') "
        "ORDER BY sequence",
        (partner, before),
    )
    return list(map(_file_out, rows))


def line_batches(database: Database, file: str) -> Iterator[dict[str, list[Any]]]:
    """The lines of a file of ours in order, as columns; a bounded number at once, each in a transaction of its own."""
    last = 0
    while True:
        with database.read() as work:
            rows = work.fetch(
                "SELECT number, leg, operation, membership, unit, amount, bonus, original_key FROM file_line "
                "WHERE file = %s AND number > %s ORDER BY number LIMIT %s",
                (file, last, _LINES_AT_ONCE),
            )
        if not rows:
            return
        last = rows[-1][0]
        columns = list(map(list, zip(*rows, strict=True)))
        yield dict(zip(("number", "key", *_WRITTEN_COLUMNS), columns, strict=True))


def lock_lines(work: Work, partner: str, keys: Sequence[str]) -> dict[str, Line]:
    """Lines of these keys in files to this partner, locked in sorted order."""
    rows = work.fetch(
        "SELECT l.leg, l.file, l.operation, l.membership, l.amount, l.outcome, l.reason, o.state NOT IN "
        "('cut', 'written') OR o.deliveries > 0 FROM file_line l JOIN file_out o ON o.id = l.file "
        "WHERE l.leg = ANY(%s::text[]) AND l.partner = %s ORDER BY l.leg FOR UPDATE OF l",
        (sorted(set(keys)), partner),
    )
    return {row[0]: Line(*(*row[:5], LineOutcome(row[5]), *row[6:])) for row in rows}


def answer_lines(work: Work, answered: Mapping[str, tuple[LineOutcome, str, str, str]], *, by: str) -> None:
    """Keep what was answered: outcome, reason, reference and surviving number by key. by: the file that says so."""
    if not answered:
        return
    keys = sorted(answered)
    work.run(
        "UPDATE file_line SET outcome = new.outcome, reason = new.reason, reference = new.reference, "
        "surviving = new.surviving, answered_by = %s FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], "
        "%s::text[]) AS new (leg, outcome, reason, reference, surviving) WHERE file_line.leg = new.leg",
        (by, keys, *([answered[key][place] for key in keys] for place in range(4))),
    )


def add_in(work: Work, id: str, partner: str, *, name: str, sha256: str, size: int, now: datetime) -> None:
    """A file of a partner is the hub's."""
    work.run(
        "INSERT INTO file_in (id, partner, name, sha256, size, received_at) VALUES (%s, %s, %s, %s, %s, %s)",
        (id, partner, name, sha256, size, now),
    )


def unremoved(work: Work, partner: str, name: str) -> FileIn | None:
    """The file of that name that was taken and not yet removed from its partner's folder."""
    rows = work.fetch(
        f"SELECT {_IN} FROM file_in WHERE partner = %s AND name = %s AND NOT removed",  # noqa: S608 - fixed names
        (partner, name),
    )
    return _file_in(rows[0]) if rows else None


def note_removed(work: Work, id: str) -> None:
    """A file of a partner is gone from its folder."""
    work.run("UPDATE file_in SET removed = true WHERE id = %s", (id,))


def open_in(work: Work, partner: str) -> list[FileIn]:
    """Files of a partner that are not finished, in the order of their names as they arrived."""
    rows = work.fetch(
        f"SELECT {_IN} FROM file_in WHERE partner = %s AND state IN ('taken', 'accepted') "  # noqa: S608 - fixed names
        "ORDER BY state, received_at, name, id",
        (partner,),
    )
    return list(map(_file_in, rows))


def in_by_id(work: Work, id: str) -> FileIn | None:
    """One file of a partner."""
    rows = work.fetch(f"SELECT {_IN} FROM file_in WHERE id = %s", (id,))  # noqa: S608 - fixed names
    return _file_in(rows[0]) if rows else None


def lock_in(work: Work, id: str) -> FileIn:
    """One file of a partner that there is, locked: what another turn may have done to it meanwhile is seen."""
    rows = work.fetch(f"SELECT {_IN} FROM file_in WHERE id = %s FOR UPDATE", (id,))  # noqa: S608 - fixed names
    return _file_in(rows[0])


def taken_before(work: Work, file: FileIn) -> bool:
    """Whether the same content was accepted from this partner before."""
    return bool(
        work.fetch(
            "SELECT 1 FROM file_in WHERE partner = %s AND sha256 = %s AND id <> %s AND state IN ('accepted', 'done')",
            (file.partner, file.sha256, file.id),
        )
    )


def refuse_in(work: Work, file: FileIn, *, sequence: int, reason: str, detail: str, now: datetime) -> None:
    """A file of a partner is refused as a whole."""
    assert InState.REFUSED in IN_MOVES[file.state], "a file is refused before it is accepted"
    work.run(
        "UPDATE file_in SET state = 'refused', sequence = %s, reason = %s, detail = %s, ended_at = %s WHERE id = %s",
        (sequence, reason, detail[:_DETAIL_CHARS_MAX], now, file.id),
    )


def accept_in(work: Work, file: FileIn, *, sequence: int, answers: str, records: int) -> None:
    """A file of a partner is whole and new."""
    assert InState.ACCEPTED in IN_MOVES[file.state], "a file is accepted once"
    work.run(
        "UPDATE file_in SET state = 'accepted', sequence = %s, answers = %s, records = %s WHERE id = %s",
        (sequence, answers, records, file.id),
    )


def end_in(work: Work, file: FileIn, *, now: datetime) -> None:
    """Every record of a file has its code: count them."""
    assert InState.DONE in IN_MOVES[file.state], "what is done was accepted"
    work.run(
        "UPDATE file_in SET state = 'done', ended_at = %s, accepted = counted.good, rejected = counted.bad FROM ("
        "SELECT count(*) FILTER (WHERE code IN ('accepted', 'repeated')) AS good, "
        "count(*) FILTER (WHERE code NOT IN ('accepted', 'repeated')) AS bad "
        "FROM file_part, unnest(codes) AS code WHERE file = %s) AS counted WHERE id = %s",
        (now, file.id, file.id),
    )


def parts_done(work: Work, file: str) -> set[int]:
    """The first record numbers of the parts of a file that are applied."""
    return {row[0] for row in work.fetch("SELECT first FROM file_part WHERE file = %s", (file,))}


def add_part(work: Work, file: str, first: int, codes: Sequence[str]) -> None:
    """A part of a file is applied."""
    work.run("INSERT INTO file_part (file, first, codes) VALUES (%s, %s, %s)", (file, first, list(codes)))


def copy_is_needed(work: Work, id: str) -> bool:
    """Whether a partner's file is still read: it has not ended, or its receipt was not handed over."""
    rows = work.fetch(
        "SELECT 1 FROM file_in WHERE id = %s AND state IN ('taken', 'accepted') "
        "UNION ALL SELECT 1 FROM file_out WHERE about = %s AND state IN ('cut', 'written')",
        (id, id),
    )
    return bool(rows)


def codes_of(database: Database, file: str, *, first: int, size: int) -> list[str]:
    """The codes of `size` records from `first` on, which begin a part."""
    with database.read() as work:
        rows = work.fetch(
            "SELECT codes FROM file_part WHERE file = %s AND first >= %s AND first < %s ORDER BY first",
            (file, first, first + size),
        )
    return [code for (codes,) in rows for code in codes]


def unanswered(work: Work, file: str) -> int:
    """How many lines of a file of ours wait for an answer."""
    return int(work.fetch("SELECT count(*) FROM file_line WHERE file = %s AND outcome = ''", (file,))[0][0])


def _file_out(row: tuple[Any, ...]) -> FileOut:
    return FileOut(*(*row[:2], Series(row[2]), *row[3:6], OutState(row[6]), *row[7:]))


def _file_in(row: tuple[Any, ...]) -> FileIn:
    return FileIn(*(*row[:8], InState(row[8]), *row[9:]))
