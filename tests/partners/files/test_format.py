"""Writing and reading files are each other's inverse, exactly, whatever the shape."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings

from partners.files.codes import FieldUnfit
from partners.files.fields import Value, read_one, write_column
from partners.files.layout import Encoding, Field, FieldKind, FileLayout, LineEnd, Shape
from partners.files.names import file_name, name_is_good, read_name
from partners.files.reading import FileFacts, Reader, verify
from partners.files.writing import Writer
from tests.partners.files.builders import files, lines_of, small

MADE = datetime(2026, 4, 6, 22, 0, tzinfo=UTC)
Row = Mapping[str, Value]


def written(layout: FileLayout, folder: Path, rows: list[Row], *, sequence: int = 7, pieces: int = 3) -> FileFacts:
    """A file of these rows, handed over in some pieces."""
    with Writer(layout, folder, sequence=sequence, made=MADE) as writer:
        for at in range(0, len(rows), pieces):
            part = rows[at : at + pieces]
            writer.add({name: [row[name] for row in part] for name in part[0]}, len(part))
        return writer.finish({})


def read_back(layout: FileLayout, path: Path) -> list[dict[str, Value]]:
    """The rows of a file, without record numbers."""
    rows: list[dict[str, Value]] = []
    for batch in Reader(layout, path).batches():
        assert batch.faults == {}
        names = [name for name in batch.columns if name != "line"]
        rows += [
            dict(zip(names, row, strict=True)) for row in zip(*(batch.columns[name] for name in names), strict=True)
        ]
    return rows


@settings(max_examples=120, deadline=None)
@given(files())
def test_what_is_written_is_read_back(made: tuple[FileLayout, list[Row]]) -> None:
    layout, rows = made
    with TemporaryDirectory() as folder:
        facts = written(layout, Path(folder), rows)

        again = verify(layout, Path(folder) / facts.name)

        assert read_back(layout, Path(folder) / facts.name) == rows
        assert again == facts
        assert [path.name for path in Path(folder).iterdir()] == [facts.name]


ROWS: list[Row] = [
    {"card": "4000000001", "amount": 1_250, "note": 'Zoë, "again"'},
    {"card": "4000000002", "amount": -75, "note": ""},
]


def test_a_fixed_file_looks_as_declared(tmp_path: Path) -> None:
    layout = small(encoding=Encoding.LATIN_1, line_end=LineEnd.CRLF)

    facts = written(layout, tmp_path, ROWS)

    assert lines_of(tmp_path / facts.name, layout) == [
        "TH000720260406000002" + "00000000117E" + "8000000003",
        "TD000001" + "4000000001" + "00000125{" + 'Zoë, "again"   ',
        "TD000002" + "4000000002" + "00000007N" + " " * 15,
        "TT" + " " * 34 + "000004",
    ]


def test_csv_is_quoted_where_it_must_be(tmp_path: Path) -> None:
    layout = small(Shape.CSV)

    facts = written(layout, tmp_path, ROWS)

    assert lines_of(tmp_path / facts.name, layout)[1:3] == [
        'TD,1,4000000001,1250,"Zoë, ""again"""',
        "TD,2,4000000002,-75,",
    ]


def test_delimiters_may_be_longer_than_one_character(tmp_path: Path) -> None:
    layout = small(Shape.DELIMITED)

    facts = written(layout, tmp_path, [{"card": "1", "amount": 5, "note": "a%b"}])

    assert lines_of(tmp_path / facts.name, layout)[1] == "TD%%1%%1%%5%%a%b"
    assert read_back(layout, tmp_path / facts.name) == [{"card": "1", "amount": 5, "note": "a%b"}]


@pytest.mark.parametrize(("card", "note"), [("1", "a%%b"), ("1%", "ab"), ("%%", "ab")])
def test_a_value_that_would_move_a_delimiter_is_not_written(tmp_path: Path, card: str, note: str) -> None:
    with pytest.raises(FieldUnfit):
        written(small(Shape.DELIMITED), tmp_path, [{"card": card, "amount": 5, "note": note}])

    assert list(tmp_path.iterdir()) == []


def test_the_sign_stands_in_the_last_digit_in_ebcdic_too(tmp_path: Path) -> None:
    layout = small(encoding=Encoding.CP037)

    facts = written(
        layout, tmp_path, [{"card": "1", "amount": -10, "note": ""}, {"card": "2", "amount": 13, "note": ""}]
    )

    assert b"\xf0\xf1\xd0" in (tmp_path / facts.name).read_bytes(), "-10 is 1 and a minus zero"
    assert [row["amount"] for row in read_back(layout, tmp_path / facts.name)] == [-10, 13]


ZONED = Field("points", FieldKind.ZONED, 4)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "000{"), (1, "000A"), (-1, "000J"), (10, "001{"), (-10, "001}"), (9999, "999I")],
)
def test_overpunched_numbers(value: int, text: str) -> None:
    assert write_column(ZONED, [value]) == [text]
    assert read_one(ZONED, text) == value


def test_a_zoned_number_without_a_sign_is_positive() -> None:
    assert read_one(ZONED, "0125") == 125


@pytest.mark.parametrize("text", ["00A0", "  1A", "012?", "+12A", "¹00A", "----"])
def test_what_is_no_zoned_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        read_one(ZONED, text)


DECIMAL = Field("money", FieldKind.DECIMAL, decimals=2)


@pytest.mark.parametrize(("text", "value"), [("12.50", 1250), ("-0.05", -5), ("7", 700), ("0012.50", 1250)])
def test_decimals_are_whole_smallest_units(text: str, value: int) -> None:
    assert read_one(DECIMAL, text) == value


@pytest.mark.parametrize("text", ["", "1.234", "1,5", "1e3", ".5", "5.", "--1", "1.5 0", "٣", "inf", "1" * 19])
def test_what_is_no_decimal_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        read_one(DECIMAL, text)


@pytest.mark.parametrize(
    ("kind", "form", "text", "value"),
    [
        (FieldKind.DATE, "YYYYMMDD", "20240229", date(2024, 2, 29)),
        (FieldKind.DATE, "DD/MM/YYYY", "01/12/2026", date(2026, 12, 1)),
        (FieldKind.DATE, "YYMMDD", "260406", date(2026, 4, 6)),
        (FieldKind.TIME, "hh:mm", "22:05", time(22, 5)),
    ],
)
def test_days_and_times_by_format(kind: FieldKind, form: str, text: str, value: Value) -> None:
    field = Field("when", kind, format=form)

    assert read_one(field, text) == value
    assert write_column(field, [value]) == [text]


@pytest.mark.parametrize("text", ["20260230", "2026040", "2026 406", "20261301", "00000000"])
def test_a_day_that_does_not_exist_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        read_one(Field("when", FieldKind.DATE, format="YYYYMMDD"), text)


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ({"card": "12345678901", "amount": 1, "note": ""}, "card"),
        ({"card": "", "amount": 1, "note": ""}, "card"),
        ({"card": "1", "amount": 10**9, "note": ""}, "amount"),
        ({"card": "1", "amount": True, "note": ""}, "amount"),
        ({"card": "1", "amount": 1.0, "note": ""}, "amount"),
        ({"card": "1", "amount": 1, "note": "two\nlines"}, "note"),
        ({"card": "1", "amount": 1, "note": "ends in space "}, "note"),
        ({"card": "1", "amount": 1}, "note"),
    ],
)
def test_a_value_that_does_not_fit_stops_the_whole_file(tmp_path: Path, row: Row, field: str) -> None:
    with pytest.raises(FieldUnfit) as refused:
        written(small(), tmp_path, [row])

    assert refused.value.field == field
    assert list(tmp_path.iterdir()) == []


def test_a_character_outside_the_encoding_stops_the_whole_file(tmp_path: Path) -> None:
    with pytest.raises(FieldUnfit):
        written(small(encoding=Encoding.ASCII), tmp_path, ROWS)

    assert list(tmp_path.iterdir()) == []


def test_names_carry_sequence_and_day() -> None:
    pattern = "AIRM{sequence:04}_{date}.txt"

    assert file_name(pattern, sequence=11, day=MADE.date()) == "AIRM0011_20260406.txt"
    assert read_name(pattern, "AIRM0011_20260406.txt") == (11, date(2026, 4, 6))
    assert read_name(pattern, file_name(pattern, sequence=123_456, day=MADE.date())) == (123_456, date(2026, 4, 6))
    assert read_name(pattern, "AIRM0011_20261306.txt") is None
    assert read_name(pattern, "../AIRM0011_20260406.txt") is None


@pytest.mark.parametrize("pattern", ["", "plain.txt", "../{sequence:04}", "a/{sequence:04}", ".{sequence:04}"])
def test_a_pattern_that_is_no_file_name_is_refused(pattern: str) -> None:
    assert not name_is_good(pattern)
