"""Reads the declaration of a brand's files from the `[files]` part of its profile, and checks it to the last key.

Every mistake is refused with the file and the path of the key. Knows which keys there are and how they must agree; the
meaning of layouts stands in `layout.py`, that of the exchange in `Exchange` below.
"""

import re
from dataclasses import dataclass
from datetime import time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from partners.base import Reason
from partners.files.codes import RecordCode
from partners.files.fields import DIGITS_MAX, strptime_format
from partners.files.layout import Control, Encoding, Field, FieldKind, FileLayout, LineEnd, RecordLayout, Shape
from partners.files.names import name_is_good
from partners.profile_table import ProfileTable

_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,12}")
_NUMERIC = (FieldKind.NUMBER, FieldKind.DECIMAL, FieldKind.ZONED)
_WIDTH_MAX = 1_000
_RECORDS_MAX = 5_000_000

DONE_WORD = "done"
# What a partner may say about a whole file of ours.
FILE_WORDS = ("accepted", "refused", "duplicate")
OPERATIONS = ("debit", "credit", "reverse")


class Ready(StrEnum):
    """How one side knows that a file of the other is complete."""

    RENAME = "rename"  # it gets its name when it is
    MARKER = "marker"  # an empty file with `marker` behind its name lies beside it


class Resend(StrEnum):
    """How a file that the partner refused as a whole is sent again."""

    SAME_SEQUENCE = "same_sequence"  # under its own number: the refused one does not count
    NEW_SEQUENCE = "new_sequence"  # as the next file: the refused number is used up


class Answering(StrEnum):
    """What answers a file of instructions."""

    PER_FILE = "per_file"  # one handback for each file of ours, named in its header by `answers`
    AS_THEY_COME = "as_they_come"  # whatever is ready that day


@dataclass(frozen=True, slots=True)
class Exchange:
    """How files go back and forth.

    zone and cut_at: a file is cut at these times of the partner's day. send_empty: also when nothing waits.
    answer_within: after that long without an answer, cases are opened. records_max: of one file; the rest goes into the
    next. ready and marker: see `Ready`. fetch and deliver: the two folders at the partner, below its address.
    """

    zone: ZoneInfo
    cut_at: tuple[time, ...]
    send_empty: bool
    answer_within: timedelta
    records_max: int
    ready: Ready
    marker: str
    resend: Resend
    answering: Answering
    deliver: str
    fetch: str


@dataclass(frozen=True, slots=True)
class FilesProfile:
    """Everything that a brand which speaks files declares. receipts: None where it wants none."""

    exchange: Exchange
    instructions: FileLayout
    answers: FileLayout
    receipts: FileLayout | None


def read_files(table: ProfileTable) -> FilesProfile:
    """The declaration in a profile's `[files]`. Raises: ProfileInvalid."""
    receipts = table.table_or_none("receipts")
    profile = FilesProfile(
        exchange=_exchange(table.table("exchange")),
        instructions=read_layout(table.table("instructions")),
        answers=read_layout(table.table("answers")),
        receipts=None if receipts is None else read_layout(receipts),
    )
    _require_roles(table, profile)
    table.finish()
    return profile


def read_layout(table: ProfileTable) -> FileLayout:
    """One layout: `[files.instructions]` and its like. Raises: ProfileInvalid."""
    shape = table.choice("shape", Shape)
    layout = FileLayout(
        name=table.text("name"),
        shape=shape,
        encoding=table.choice("encoding", Encoding),
        line_end=table.choice("line_end", LineEnd),
        delimiter=table.text("delimiter") if shape is Shape.DELIMITED else ",",
        titles=table.flag_or("titles", otherwise=False),
        empty=table.flag_or("empty", otherwise=False),
        headers=tuple(_record(one, shape, details=False) for one in table.tables_or_none("header")),
        detail=_record(table.table("detail"), shape, details=True),
        trailers=tuple(_record(one, shape, details=False) for one in table.tables_or_none("trailer")),
    )
    _require_agreement(table, layout)
    table.finish()
    return layout


def _exchange(table: ProfileTable) -> Exchange:
    ready = table.choice("ready", Ready)
    exchange = Exchange(
        zone=_zone(table),
        cut_at=_times(table),
        send_empty=table.flag("send_empty"),
        answer_within=timedelta(hours=table.whole("answer_within_hours", 1, 24 * 60)),
        records_max=table.whole("records_max", 1, _RECORDS_MAX),
        ready=ready,
        marker=table.text("marker", _SUFFIX) if ready is Ready.MARKER else "",
        resend=table.choice("resend", Resend),
        answering=table.choice("answering", Answering),
        deliver=table.text("deliver", _NAME),
        fetch=table.text("fetch", _NAME),
    )
    if exchange.deliver == exchange.fetch:
        raise table.refusal("fetch", "is the folder that the hub delivers to")
    table.finish()
    return exchange


def _zone(table: ProfileTable) -> ZoneInfo:
    name = table.text("zone")
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as fault:
        raise table.refusal("zone", "is no time zone such as Europe/Paris") from fault


def _times(table: ProfileTable) -> tuple[time, ...]:
    found = table.texts("cut_at")
    if not all(map(_CLOCK.fullmatch, found)):
        raise table.refusal("cut_at", 'must be a list of times such as "22:00"')
    return tuple(sorted(map(time.fromisoformat, found)))


def _record(table: ProfileTable, shape: Shape, *, details: bool) -> RecordLayout:
    fields = tuple(_field(one, shape, details=details) for one in table.tables("fields"))
    names = [field.name for field in fields]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise table.refusal("fields", f"has {twice[0]} twice")
    table.finish()
    return RecordLayout(fields)


def _field(table: ProfileTable, shape: Shape, *, details: bool) -> Field:
    kind = table.choice("kind", FieldKind)
    fixed = shape is Shape.FIXED
    field = Field(
        name=table.text("name", _NAME),
        kind=kind,
        width=table.whole("width", 1, _WIDTH_MAX) if fixed else 0,
        decimals=table.whole_or("decimals", 0, 0, 12) if kind in _NUMERIC else 0,
        format=_format(table) if kind in (FieldKind.DATE, FieldKind.TIME) else "",
        value=table.text("value") if kind is FieldKind.CONSTANT else "",
        words=_words(table) if kind is FieldKind.WORD else None,
        blank=table.flag_or("blank", otherwise=False),
        right=table.flag_or("right", otherwise=False) if kind is FieldKind.TEXT else False,
        control=None if details else table.choice_or_none("control", Control),
        of=table.text_or("of", "", _NAME),
    )
    _require_fit(table, field)
    table.finish()
    return field


def _format(table: ProfileTable) -> str:
    found = table.text("format")
    if strptime_format(found) is None:
        raise table.refusal("format", "is made of YYYY, YY, MM, DD, hh, mm, ss and punctuation, none twice")
    return found


def _words(table: ProfileTable) -> dict[str, str]:
    found = table.take("words")
    if not isinstance(found, dict) or not found or not all(isinstance(ours, str) and ours for ours in found.values()):
        raise table.refusal("words", "must be a table of the partner's word and ours")
    return dict(found)


def _require_fit(table: ProfileTable, field: Field) -> None:
    numeric = field.kind in (*_NUMERIC, FieldKind.LINE)
    if numeric and field.width > DIGITS_MAX + (2 if field.kind is FieldKind.DECIMAL else 0):
        raise table.refusal("width", f"is more than the {DIGITS_MAX} digits of any amount")
    if field.kind is FieldKind.ZONED and not field.width:
        raise table.refusal("kind", "zoned stands in fixed width only")
    longest = [field.value, *(field.words or ())]
    if field.width and max(map(len, longest)) > field.width:
        raise table.refusal("width", "is less than a text that stands in it")
    if any(not text.isprintable() or text != text.strip() for text in longest):
        raise table.refusal("value" if field.value else "words", "must be printable, without spaces around it")
    if (field.control in (Control.TOTAL, Control.HASH)) != bool(field.of):
        raise table.refusal("of", "names a detail field exactly where control is total or hash")
    wanted = {Control.CREATED_ON: (FieldKind.DATE,), Control.CREATED_AT: (FieldKind.TIME,), None: tuple(FieldKind)}
    if field.kind not in wanted.get(field.control, _NUMERIC):
        raise table.refusal("kind", f"cannot hold the control {field.control}")


def _require_agreement(table: ProfileTable, layout: FileLayout) -> None:
    """Refuse what no single key is wrong about."""
    if not name_is_good(layout.name):
        raise table.refusal("name", "must be a file name with {sequence:0N} in it, and perhaps {date}")
    if layout.line_end is LineEnd.NONE and layout.shape is not Shape.FIXED:
        raise table.refusal("line_end", "none goes with fixed width only")
    if layout.titles and (layout.shape is Shape.FIXED or layout.headers):
        raise table.refusal("titles", "stand in delimited and CSV files without a header record")
    widths = {record.width for record in (*layout.framing, layout.detail)}
    if layout.line_end is LineEnd.NONE and len(widths) > 1:
        raise table.refusal("line_end", "none needs records of one width")
    names = [field.name for record in layout.framing for field in record.valued]
    if len(set(names)) != len(names):
        raise table.refusal("header", "and trailer use a field name twice")
    for record in layout.framing:
        for field in record.fields:
            about = layout.detail.field(field.of) if field.of else None
            if field.of and (about is None or (field.control is Control.TOTAL and about.kind not in _NUMERIC)):
                raise table.refusal("header", f"field {field.name} is about {field.of}, which is no number of detail")
            if about is not None and field.control is Control.TOTAL and about.decimals != field.decimals:
                raise table.refusal("header", f"field {field.name} has other decimals than {field.of}")


def _require_roles(table: ProfileTable, profile: FilesProfile) -> None:
    """Refuse layouts that lack what the exchange needs from them."""
    for name, layout, fields in (
        ("instructions", profile.instructions, {"key", "operation", "membership", "amount"}),
        ("answers", profile.answers, {"key", "result", "membership", "amount"}),
    ):
        missing = sorted(field for field in fields if layout.detail.field(field) is None)
        if missing:
            raise table.refusal(f"{name}.detail", f"has no field {missing[0]}")
        if layout.control(Control.COUNT) is None:
            raise table.refusal(name, 'states no count of its records: give a field control = "count"')
    operation, result = profile.instructions.detail.field("operation"), profile.answers.detail.field("result")
    assert operation is not None, "it was just looked for"
    assert result is not None, "it was just looked for"
    _require_words(table, "instructions.detail", operation, OPERATIONS)
    _require_words(table, "answers.detail", result, (DONE_WORD, *map(str, Reason)))
    if profile.receipts is not None:
        _require_receipts(table, profile.receipts)
    status = next((one for record in profile.answers.headers if (one := record.field("file_result"))), None)
    if status is not None:
        _require_words(table, "answers.header", status, FILE_WORDS)
    if profile.exchange.answering is Answering.PER_FILE and not any(
        record.field("answers") for record in profile.answers.headers
    ):
        raise table.refusal("answers.header", "has no field answers, the sequence of the file that is answered")


def _require_receipts(table: ProfileTable, layout: FileLayout) -> None:
    """A receipt says a code for each record, and must be able to echo one that could not be read."""
    code = layout.detail.field("code")
    if code is None:
        raise table.refusal("receipts.detail", "has no field code")
    _require_words(table, "receipts.detail", code, tuple(map(str, RecordCode)))
    missing = sorted(set(map(str, RecordCode)) - set((code.words or {}).values()))
    if missing:
        raise table.refusal("receipts.detail", f"field code has no word for {missing[0]}")
    for field in layout.detail.valued:
        if field.name != "code" and field.kind is not FieldKind.LINE and not field.blank:
            raise table.refusal("receipts.detail", f"field {field.name} must be blank = true: it may be unreadable")
    if not layout.empty:
        raise table.refusal("receipts.empty", "must be true: a file that is refused as a whole has no records")


def _require_words(table: ProfileTable, key: str, field: Field, ours: tuple[str, ...]) -> None:
    if field.words is None or not set(field.words.values()) <= set(ours):
        raise table.refusal(key, f"field {field.name} must be of kind word, and mean some of: {', '.join(ours)}")
