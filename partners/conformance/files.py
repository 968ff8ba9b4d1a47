"""Checks of a brand that speaks files: what its layouts can carry, and what is refused as a whole.

Knows layouts, the writer, the reader and the simulator of the same declaration. How the hub numbers files and acts on
answers is its own work, held by its own tests.
"""

import tempfile
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from hub.kernel.clock import SystemClock
from partners.base import Verb
from partners.conformance.types import Check, ContractBroken, Group, NotApplicable, check
from partners.files.codes import FieldUnfit, FileRefused, RecordCode
from partners.files.declaration import FilesProfile
from partners.files.faults import in_order
from partners.files.fields import Value
from partners.files.layout import Field, FieldKind, FileLayout
from partners.files.reading import Reader, verify
from partners.files.simulator import FileSimulator
from partners.files.writing import Writer
from partners.profile import Profile
from partners.sandbox.books import Books, SimulatedMember

_ROWS = 5
_RICH = 10**9
_SEQUENCE = 7
# Longest key that the hub gives an instruction: `leg_` and 26 characters.
_KEY = "leg_01ARZ3NDEKTSV4RRFFQ69G5FAV"


@dataclass(frozen=True, slots=True)
class FileBench:
    """The layouts of a brand that speaks files."""

    profile: Profile
    files: FilesProfile


@check("files.carry", Group.FILES, "Records have room for the hub's keys, the brand's numbers and the largest amount.")
def records_have_room(bench: FileBench) -> None:
    """A key, a member and the largest amount fit."""
    detail = bench.files.instructions.detail
    largest = max(unit.amounts.amount_max for unit in bench.profile.units)
    values: dict[str, tuple[Value, str]] = {
        "key": (_KEY, "the hub's keys have 30 characters"),
        "membership": (bench.profile.member.example, "the example of a membership number"),
        "amount": (largest, "the largest amount that the profile allows"),
    }
    for name, (value, what) in values.items():
        row = {**_row(bench, 1), name: value}
        try:
            with tempfile.TemporaryDirectory() as folder:
                _write(bench, bench.files.instructions, [row], Path(folder))
        except FieldUnfit as fault:
            raise ContractBroken(
                f"The field {name} of a detail cannot carry {value!r} ({what}): {fault}",
                f"wide enough; it has {getattr(detail.field(name), 'width', 0)} characters",
                "Widen the field as the partner allows, or lower the limit in the profile",
            ) from fault


@check("files.round_trip", Group.FILES, "What is written to a file is read back, to the last value.")
def files_are_read_back(bench: FileBench) -> None:
    """What is written is read back, to the last value."""
    for layout in (bench.files.instructions, bench.files.answers):
        rows = [_row(bench, number, layout) for number in range(1, _ROWS + 1)]
        with tempfile.TemporaryDirectory() as folder:
            path = _write(bench, layout, rows, Path(folder))
            read = list(Reader(layout, path).batches())
        told = [{name: batch.columns[name][place] for name in rows[0]} for batch in read for place in range(batch.size)]
        if told != rows:
            raise ContractBroken(
                f"What was written to {path.name} was read back as something else",
                "the same values",
                "Compare kinds, widths and words of the fields",
            )


@check("files.whole", Group.FILES, "A file that is cut, repeated, empty or something else is refused as a whole.")
def spoilt_files_are_refused(bench: FileBench) -> None:
    """Cut, repeated, exchanged, changed: each is refused before any record counts."""
    layout = bench.files.answers
    with tempfile.TemporaryDirectory() as folder:
        path = _write(bench, layout, [_row(bench, number, layout) for number in range(1, _ROWS + 1)], Path(folder))
        good = path.read_bytes()
        verify(layout, path)
        for what, content in _spoilt(layout, good).items():
            path.write_bytes(content)
            try:
                verify(layout, path)
            except FileRefused:
                continue
            raise ContractBroken(
                f"A file of answers that {what} was taken for whole",
                "refused as a whole",
                "Declare the count, the totals or the record numbers that the partner writes, as controls",
            )


@check("files.exchange", Group.FILES, "A file of instructions is answered record by record, and once.")
def instructions_are_answered(bench: FileBench) -> None:
    """What goes out is booked, answered under the same keys, and not booked again when it comes again."""
    number, exchange = bench.profile.member.numbered, bench.files.exchange
    balances = {unit.code: _RICH for unit in bench.profile.units}
    members = [SimulatedMember(number(100 + row), balances=balances) for row in range(1, _ROWS)]
    books = Books(SystemClock(), key_life=timedelta(days=1), inquiry_lag=timedelta(0))
    books.open_members(members)
    with tempfile.TemporaryDirectory() as folder:
        unit = bench.profile.units[0].code
        shop = FileSimulator(bench.profile, Path(folder), SystemClock(), in_order(), books, unit=unit)
        rows = [_row(bench, row) for row in range(1, _ROWS + 1)]
        answered: list[dict[str, Value]] = []
        for _ in range(2):
            _write(bench, bench.files.instructions, rows, Path(folder, exchange.deliver))
            try:
                answers = [Path(folder, exchange.fetch, name) for name in shop.turn()]
            except FieldUnfit as fault:
                raise ContractBroken(
                    f"An answer cannot be written as declared: {fault}",
                    "fields that hold every answer, and a word for every refusal",
                    "Complete the words of the field result as the partner documents them",
                ) from fault
            answered += [row for path in answers for row in _told(bench.files.answers, path)]
    told = {str(row["key"]): str(row["result"]) for row in answered}
    wanted = {str(row["key"]): "done" for row in rows[:-1]} | {str(rows[-1]["key"]): "member_unknown"}
    if told != wanted or books.totals()["movements"] != _ROWS - 1:
        raise ContractBroken(
            f"{_ROWS} instructions, the last one for nobody, and the same file again, came to {sorted(told.values())}",
            "done for each but the last, whose member is unknown, and no movement twice",
            "Compare the words of the field result, and let answers repeat key, membership and amount",
        )


@check("files.receipts", Group.FILES, "Every code that the hub gives a record has a word in its receipts.")
def receipts_say_every_code(bench: FileBench) -> None:
    """A receipt carries each code, also of records of which nothing could be read."""
    layout = bench.files.receipts
    if layout is None:
        raise NotApplicable(f"{bench.profile.name} wants no receipts")
    blank: dict[str, Value] = {field.name: None for field in layout.detail.valued if field.kind != "line"}
    with tempfile.TemporaryDirectory() as folder:
        path = _write(bench, layout, [{**blank, "code": str(code)} for code in RecordCode], Path(folder))
        told = [row["code"] for row in _told(layout, path)]
    if told != list(map(str, RecordCode)):
        raise ContractBroken(
            f"The codes of a receipt were read back as {told}",
            "one word for each code",
            "Give each code a word of its own",
        )


FILE_CHECKS: tuple[Check[FileBench], ...] = (
    records_have_room,
    files_are_read_back,
    spoilt_files_are_refused,
    instructions_are_answered,
    receipts_say_every_code,
)


def _told(layout: FileLayout, path: Path) -> list[dict[str, Value]]:
    """The records of a file, by field name."""
    batches = list(Reader(layout, path).batches())
    return [
        {name: column[place] for name, column in batch.columns.items()}
        for batch in batches
        for place in range(batch.size)
    ]


def _spoilt(layout: FileLayout, good: bytes) -> dict[str, bytes]:
    """What may be wrong with a file -> one with which it is."""
    lines = good.splitlines(keepends=True)
    lead = len(layout.headers) + (1 if layout.titles else 0)
    return {
        "is cut in the middle": good[: len(good) // 2],
        "lacks its last record": b"".join([*lines[:-2], *lines[-1:]] if layout.trailers else lines[:-1]),
        "has a record twice": b"".join([*lines[: lead + 1], *lines[lead:]]),
        "is empty": b"",
        "is a page of HTML": b"<html><body>Service unavailable</body></html>",
    }


def _row(bench: FileBench, number: int, layout: FileLayout | None = None) -> dict[str, Value]:
    """One detail record of trial values, by field name."""
    detail = (layout or bench.files.instructions).detail
    step = bench.profile.units[0].amounts.amount_step
    amount = max(bench.profile.units[0].amounts.amount_min, step) + number * step
    known: dict[str, Value] = {
        "key": f"{_KEY[:-2]}{number:02d}",
        "membership": bench.profile.member.numbered(100 + number),
        "amount": amount,
        "bonus": 0,
        "original_key": "",
        "unit": bench.profile.units[0].code,
        "operation": Verb.CREDIT.value,
        "result": "done",
        "reference": f"R{number}",
        "surviving": "",
    }
    return {field.name: known.get(field.name, _filler(field)) for field in detail.valued if field.kind != "line"}


def _filler(field: Field) -> Value:
    if field.words:
        return next(iter(field.words.values()))
    made = datetime(2026, 4, 6, 22, 0)  # noqa: DTZ001 - a wall clock in a file has no zone of its own
    values: dict[FieldKind, Value] = {FieldKind.DATE: made.date(), FieldKind.TIME: made.time(), FieldKind.TEXT: ""}
    return values.get(field.kind, 0)


def _write(bench: FileBench, layout: FileLayout, rows: list[dict[str, Value]], folder: Path) -> Path:
    made = datetime(2026, 4, 6, 22, 0, tzinfo=bench.files.exchange.zone)
    frame: dict[str, Value] = {field.name: _framed(field) for record in layout.framing for field in record.valued}
    with Writer(layout, folder, sequence=_SEQUENCE, made=made) as writer:
        writer.add({name: [row[name] for row in rows] for name in rows[0]}, len(rows))
        return folder / writer.finish(frame).name


def _framed(field: Field) -> Value:
    return _SEQUENCE if field.name in ("answers", "receipt_of") else _filler(field)
