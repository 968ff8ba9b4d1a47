"""Files of card transactions of any size: read in parts, each taken in one transaction, resumed where it ended.

Knows files, checkpoints and handbacks. What becomes of a row is decided by `intake`, the same way as for rows that come
over HTTP. Memory does not grow with the file; while the database stores one part the next one is read.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import polars as pl
import psycopg

from hub import ledger
from hub.agreements.roster import Roster, roster
from hub.earning import csvfile
from hub.earning.codec import LINE_DIGITS, accrual_head
from hub.earning.columns import columns_of
from hub.earning.csvfile import Head, Part
from hub.earning.desk import Desk, desk_of
from hub.earning.frames import TEXT_COLUMNS, Reading, checked
from hub.earning.intake import Taken, take
from hub.earning.refusals import SpendFileBusy, SpendFileInvalid
from hub.earning.tokens import has_registered
from hub.earning.types import Counts, FileFormat, Ruleset
from hub.kernel.clock import Clock
from hub.kernel.ids import new_id
from hub.kernel.limits import BATCH_REPEATS_MAX
from hub.storage import Database, Work
from hub.storage.batcher import is_repeatable

# About 40,000 rows of 100 bytes: large enough that a fixed cost does not count, small enough for memory.
PART_BYTES = 4 << 20
_HASH_BYTES = 1 << 20

Progress = Callable[[int, int], None]
"""Bytes read, and bytes of the file."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What a file came to, over all attempts at it. resumed: it was begun by an earlier attempt that did not end."""

    file: str
    counts: Counts
    resumed: bool
    stopped: bool
    handback: Path


@dataclass(frozen=True, slots=True)
class _Place:
    """Where reading of a file stands. counts: of everything before it."""

    id: str
    offset: int
    line: int
    handback_bytes: int
    counts: Counts
    resumed: bool


@dataclass(frozen=True, slots=True)
class _Checked:
    """A part that was read and checked, and waits for its transaction."""

    part: Part
    frame: pl.DataFrame


class FileImport:
    """One attempt at one file of one bank. linking: None to decide by what the rules and the bank's tokens say."""

    def __init__(self, database: Database, clock: Clock, path: Path, *, bank: str, linking: bool | None) -> None:
        self._database, self._clock, self._path, self._bank = database, clock, path, bank
        self._linking = linking
        self._part_bytes = PART_BYTES
        self._stopped = False

    def run(self, handback: Path, *, progress: Progress, part_bytes: int = PART_BYTES) -> Imported:
        """Take the file. Raises: SpendFileInvalid, SpendFileBusy, BankNotReady, EarnRulesMissing."""
        self._part_bytes = part_bytes
        with self._database.read() as work:
            desk = desk_of(work, roster(work), self._bank, now=self._clock.now())
            linking = self._decide_linking(work, desk)
        declared = _declared(desk.rulesets)
        head = csvfile.read_head(self._path, declared.delimiter)
        columns = columns_of(head.names, declared)
        place = self._begin(_hash_of(self._path), head)
        with _Handback(handback, place.handback_bytes) as written:
            place = replace(place, handback_bytes=written.size)
            place = self._parts(desk.reading(), head, columns, place, written, linking, progress, declared.delimiter)
        self._end(place)
        return Imported(place.id, place.counts, place.resumed, self._stopped, handback)

    def _decide_linking(self, work: Work, desk: Desk) -> bool:
        """Tokens of a test bank that links none itself are linked as they come, unless somebody said otherwise."""
        if desk.live:
            return False
        if self._linking is not None:
            return self._linking
        said = next((one.link_unknown for one in reversed(desk.rulesets) if one.link_unknown is not None), None)
        return not has_registered(work, self._bank) if said is None else said

    def _parts(
        self,
        reading: Reading,
        head: Head,
        columns: dict[str, str],
        place: _Place,
        written: "_Handback",
        linking: bool,
        progress: Progress,
        delimiter: str,
    ) -> _Place:
        parts = csvfile.read_parts(
            self._path, head, delimiter, offset=place.offset, line=place.line, bytes_max=self._part_bytes
        )
        # Known rows are looked for from the first part on that has one; a new file has none.
        fresh = not place.resumed
        with ThreadPoolExecutor(1, thread_name_prefix="spend-reading") as pool:
            ahead = _ahead(pool, (_Checked(part, _checked(part, columns, reading)) for part in parts))
            for one in ahead:
                place, fresh = self._take(one, place, written, linking=linking, fresh=fresh)
                progress(place.offset, head.size)
        return place

    def _take(
        self, one: _Checked, place: _Place, written: "_Handback", *, linking: bool, fresh: bool
    ) -> tuple[_Place, bool]:
        for attempt in range(BATCH_REPEATS_MAX):
            now = self._clock.now()
            try:
                with self._database.work() as work:
                    ledger.enter(work)
                    desk = desk_of(work, _roster_of(work), self._bank, now=now)
                    taken = take(work, desk, one.frame, source=place.id, linking=linking, fresh=fresh)
                    written.write(taken, at=place.handback_bytes)
                    moved = _moved(place, one.part, taken, written.size)
                    _checkpoint(work, place, moved)
                self._stopped = self._stopped or taken.stopped
                return moved, fresh
            except psycopg.errors.UniqueViolation:
                if not fresh and attempt == BATCH_REPEATS_MAX - 1:
                    raise
                fresh = False
            except Exception as fault:
                if attempt == BATCH_REPEATS_MAX - 1 or not is_repeatable(fault):
                    raise
        raise AssertionError("unreachable: the last attempt raises")

    def _begin(self, digest: str, head: Head) -> _Place:
        """Where to begin: where an earlier attempt at the same content ended, else at the first record."""
        now = self._clock.now()
        with self._database.work() as work:
            rows = work.fetch(
                "SELECT id, place, line, handback_bytes, counts FROM earn_file "
                "WHERE bank = %s AND sha256 = %s AND state = 'open' FOR UPDATE",
                (self._bank, digest),
            )
            if rows:
                id, offset, line, size, counts = rows[0]
                return _Place(id, offset, line, size, Counts(**counts), resumed=True)
            id = new_id("fil", now)
            row = (id, self._bank, digest, self._path.name[:200], head.offset, 2, now)
            work.run(
                "INSERT INTO earn_file (id, bank, sha256, name, state, place, line, handback_bytes, counts, started_at)"
                " VALUES (%s, %s, %s, %s, 'open', %s, %s, 0, '{}'::jsonb, %s)",
                row,
            )
        return _Place(id, head.offset, 2, 0, Counts(), resumed=False)

    def _end(self, place: _Place) -> None:
        if place.counts.rows == 0:
            raise SpendFileInvalid("The file has a header and no records.")
        with self._database.work() as work:
            work.run(
                "UPDATE earn_file SET state = 'done', finished_at = %s WHERE id = %s", (self._clock.now(), place.id)
            )


def _roster_of(work: Work) -> Roster:
    return roster(work)


def _declared(rulesets: object) -> FileFormat:
    """How the newest rules say that files are written."""
    assert isinstance(rulesets, list | tuple)
    newest: Ruleset = rulesets[-1]
    return newest.file


def _checked(part: Part, columns: dict[str, str], reading: Reading) -> pl.DataFrame:
    return checked(csvfile.texts_of(part, columns, TEXT_COLUMNS), reading)


def _ahead(pool: ThreadPoolExecutor, parts: Iterator[_Checked]) -> Iterator[_Checked]:
    """The parts, one being read while the one before it is used."""

    def following() -> _Checked | None:
        return next(parts, None)

    waiting = pool.submit(following)
    while (one := waiting.result()) is not None:
        waiting = pool.submit(following)
        yield one


def _moved(place: _Place, part: Part, taken: Taken, handback_bytes: int) -> _Place:
    return replace(
        place,
        offset=part.offset,
        line=part.line,
        handback_bytes=handback_bytes,
        counts=place.counts.plus(taken.counts),
    )


def _checkpoint(work: Work, before: _Place, after: _Place) -> None:
    """Keep where the file stands, in the transaction of its rows. Raises: SpendFileBusy."""
    counted = {name: value if isinstance(value, int) else dict(value) for name, value in asdict(after.counts).items()}
    moved = work.run(
        "UPDATE earn_file SET place = %s, line = %s, handback_bytes = %s, counts = %s::jsonb "
        "WHERE id = %s AND state = 'open' AND place = %s",
        (after.offset, after.line, after.handback_bytes, json.dumps(counted), after.id, before.offset),
    )
    if moved != 1:
        raise SpendFileBusy("Somebody else imports this very file right now; wait, and ask again.")


def _hash_of(path: Path) -> str:
    found = hashlib.sha256()
    with path.open("rb") as file:
        while data := file.read(_HASH_BYTES):
            found.update(data)
    return found.hexdigest()


class _Handback:
    """The file that says what became of each record. What an attempt wrote beyond its last checkpoint is cut off."""

    _HEADER = b"line,transaction_id,code,points,unit,accrual\n"

    def __init__(self, path: Path, kept_bytes: int) -> None:
        self._path, self._kept = path, kept_bytes
        self.size = kept_bytes

    def __enter__(self) -> "_Handback":
        # Without what an earlier attempt wrote, it is begun anew and lists what is left to do.
        whole = self._kept > 0 and self._path.exists() and self._path.stat().st_size >= self._kept
        self.size = self._kept if whole else 0
        self._file = self._path.open("r+b" if whole else "w+b")
        self._file.truncate(self.size)
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, taken: Taken, *, at: int) -> None:
        """Write the results of a part at a place; what stood there is replaced."""
        chunks = taken.frame["chunk"].drop_nulls().unique().to_list()
        heads = pl.col("chunk").replace_strict(chunks, [accrual_head(one) for one in chunks], return_dtype=pl.String)
        lines = pl.col("place").cast(pl.String).str.zfill(LINE_DIGITS)
        shown = taken.frame.select("line", "id", "code", "points", "unit", (heads + lines).alias("accrual"))
        self._file.seek(at)
        self._file.truncate()
        if at == 0:
            self._file.write(self._HEADER)
        shown.write_csv(self._file, include_header=False)
        self._file.flush()
        os.fsync(self._file.fileno())
        self.size = self._file.tell()
