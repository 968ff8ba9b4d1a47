"""Layouts for tests: small ones written out, and any that hypothesis can think of."""

import string
from collections.abc import Mapping
from datetime import date, time
from pathlib import Path

from hypothesis import strategies as st

from partners.files.fields import Value
from partners.files.layout import Control, Encoding, Field, FieldKind, FileLayout, LineEnd, RecordLayout, Shape

K = FieldKind


def small(shape: Shape = Shape.FIXED, **changes: object) -> FileLayout:
    """Header with count, total and hash, details with number, key and signed points, and a trailer."""
    fixed = shape is Shape.FIXED

    def field(name: str, kind: FieldKind, width: int, **more: object) -> Field:
        return Field(name, kind, width if fixed else 0, **more)  # type: ignore[arg-type]

    amount = K.ZONED if fixed else K.DECIMAL
    header = RecordLayout(
        (
            field("type", K.CONSTANT, 2, value="TH"),
            field("sequence", K.NUMBER, 4, control=Control.SEQUENCE),
            field("day", K.DATE, 8, format="YYYYMMDD", control=Control.CREATED_ON),
            field("records", K.NUMBER, 6, control=Control.COUNT),
            field("points", amount, 12, control=Control.TOTAL, of="amount"),
            field("cards", K.NUMBER, 10, control=Control.HASH, of="card"),
        )
    )
    detail = RecordLayout(
        (
            field("type", K.CONSTANT, 2, value="TD"),
            field("line", K.LINE, 6),
            field("card", K.TEXT, 10),
            field("amount", amount, 9),
            field("note", K.TEXT, 15, blank=True),
        )
    )
    trailer = RecordLayout(
        (
            field("type", K.CONSTANT, 2, value="TT"),
            field("rest", K.FILLER, 34),
            field("lines", K.NUMBER, 6, control=Control.LINES),
        )
    )
    known: dict[str, object] = {
        "name": "S{sequence:04}.txt",
        "shape": shape,
        "encoding": Encoding.UTF_8,
        "line_end": LineEnd.LF,
        "delimiter": "%%" if shape is Shape.DELIMITED else ",",
        "titles": False,
        "empty": False,
        "headers": (header,),
        "detail": detail,
        "trailers": (trailer,),
    }
    return FileLayout(**(known | changes))  # type: ignore[arg-type]


def lines_of(path: Path, layout: FileLayout) -> list[str]:
    """A file's lines without their ends."""
    return path.read_bytes().decode(layout.encoding).split(layout.line_end.characters)[:-1]


_FREE = st.text(string.ascii_letters + string.digits + " -'%", min_size=1, max_size=12).map(str.strip)


def _values(field: Field) -> st.SearchStrategy[Value]:
    most = 10 ** (field.width or 12) - 1
    found: st.SearchStrategy[Value]
    match field.kind:
        case K.NUMBER:
            found = st.integers(0, most)
        case K.ZONED:
            found = st.integers(-most, most)
        case K.DECIMAL:
            most = 10 ** ((field.width - 2) if field.width else 12) - 1
            found = st.integers(-most, most)
        case K.DATE:
            found = st.dates(date(1970, 1, 1), date(2068, 12, 31))
        case K.TIME:
            found = st.times(time(0), time(23, 59, 59)).map(lambda one: one.replace(microsecond=0))
        case K.WORD:
            found = st.sampled_from(["done", "member_closed"])
        case _:
            empty: Value = ""
            texts = _FREE.filter(lambda text: bool(text) and "%%" not in text and text[0] != "%" and text[-1] != "%")
            return texts | st.just(empty) if field.blank else texts
    return found | st.none() if field.blank else found


def _field(draw: st.DrawFn, name: str, *, fixed: bool) -> Field:
    kinds = [K.TEXT, K.NUMBER, K.DECIMAL, K.DATE, K.TIME, K.WORD, *([K.ZONED, K.FILLER] if fixed else [])]
    kind = draw(st.sampled_from(kinds))
    width = draw(st.integers(12, 18)) if fixed else 0
    return Field(
        name,
        kind,
        width={K.DATE: 8, K.TIME: 6}.get(kind, width) if fixed else 0,
        decimals=draw(st.integers(0, 4)) if kind is K.DECIMAL else 0,
        format={K.DATE: "YYYYMMDD", K.TIME: "hhmmss"}.get(kind, ""),
        words={"00": "done", "01": "member_closed"} if kind is K.WORD else None,
        # A blank time would be written as spaces and a midnight as zeros; a brand that allows one gives up the other.
        blank=draw(st.booleans()) and kind not in (K.TIME, K.FILLER),
        right=draw(st.booleans()) and kind is K.TEXT and fixed,
    )


@st.composite
def files(draw: st.DrawFn) -> tuple[FileLayout, list[Mapping[str, Value]]]:
    """Any layout, and any records that fit into it."""
    shape = draw(st.sampled_from(list(Shape)))
    fixed = shape is Shape.FIXED
    fields = tuple(_field(draw, f"f{place}", fixed=fixed) for place in range(draw(st.integers(1, 5))))
    base = small(shape)
    detail = RecordLayout((*base.detail.fields[:4], *fields))
    layout = small(
        shape,
        detail=detail,
        encoding=draw(st.sampled_from(list(Encoding))),
        line_end=draw(st.sampled_from([LineEnd.LF, LineEnd.CRLF])),
        empty=True,
        trailers=base.trailers if draw(st.booleans()) else (),
    )
    own = (detail.field("card"), detail.field("amount"), *fields)
    row = st.fixed_dictionaries({one.name: _values(one) for one in own if one is not None and one.kind is not K.FILLER})
    rows = st.lists(row.map(lambda one: {**one, "card": str(one["card"])[:10].strip(" %") or "0"}), max_size=20)
    return layout, draw(rows)
