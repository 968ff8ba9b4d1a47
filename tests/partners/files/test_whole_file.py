"""What is wrong with a file as a whole is found before any record counts, and said by name."""

from collections.abc import Callable
from pathlib import Path

import pytest

from partners.files.codes import FILE_MEANINGS, RECORD_MEANINGS, FileCode, FileRefused, RecordCode
from partners.files.layout import LineEnd, Shape
from partners.files.reading import Reader, verify
from partners.registry import BRANDS_FOLDER
from tests.partners.files.builders import small
from tests.partners.files.test_format import Row, written

ROWS: list[Row] = [{"card": f"400000{number:04}", "amount": number * 10, "note": "é"} for number in range(1, 6)]
Edit = Callable[[bytes], bytes]


def _lines(edit: Callable[[list[bytes]], list[bytes]]) -> Edit:
    return lambda data: b"".join(line + b"\n" for line in edit(data.split(b"\n")[:-1]))


def _swapped(first: int, second: int) -> Edit:
    def swap(lines: list[bytes]) -> list[bytes]:
        lines[first], lines[second] = lines[second], lines[first]
        return lines

    return _lines(swap)


def _replaced(old: bytes, new: bytes) -> Edit:
    def replace(data: bytes) -> bytes:
        assert data.count(old) == 1
        return data.replace(old, new)

    return replace


# One thing done to a good file -> what it is refused for.
BROKEN: dict[str, tuple[Edit, FileCode]] = {
    "nothing in it": (lambda data: b"", FileCode.EMPTY_FILE),
    "cut in the middle of a record": (lambda data: data[: len(data) // 2], FileCode.TRUNCATED),
    "cut after a record": (_lines(lambda lines: lines[:-2]), FileCode.TRUNCATED),
    "without its trailer": (_lines(lambda lines: lines[:-1]), FileCode.TRUNCATED),
    "only a header": (_lines(lambda lines: lines[:1]), FileCode.TRUNCATED),
    "two records exchanged": (_swapped(2, 4), FileCode.REORDERED),
    "trailer in the middle": (_swapped(3, -1), FileCode.REORDERED),
    "header at the end": (_swapped(0, -1), FileCode.REORDERED),
    "a record twice": (_lines(lambda lines: [*lines[:3], *lines[2:]]), FileCode.REORDERED),
    "a record lost": (_lines(lambda lines: [*lines[:3], *lines[4:]]), FileCode.REORDERED),
    "the whole content twice": (lambda data: data * 2, FileCode.REORDERED),
    "another count": (_replaced(b"20260406000005", b"20260406000006"), FileCode.COUNT_DIFFERS),
    "another count of lines": (_replaced(b" 000007\n", b" 000008\n"), FileCode.COUNT_DIFFERS),
    "another total": (_replaced(b"00000000015{", b"00000000015A"), FileCode.TOTAL_DIFFERS),
    "another hash total": (_replaced(b"15{0000000015", b"15{0000000016"), FileCode.HASH_DIFFERS),
    "an amount changed": (_replaced(b"00000002{", b"00000003{"), FileCode.TOTAL_DIFFERS),
    "an unreadable amount": (_replaced(b"00000002{", b"0000000 {"), FileCode.TOTAL_DIFFERS),
    "a control that is no number": (_replaced(b"20260406000005", b"20260406  five"), FileCode.CONTROL_UNREADABLE),
    "in another charset": (lambda data: data.decode().encode("latin-1"), FileCode.WRONG_CHARSET),
    "in UTF-16": (lambda data: data.decode().encode("utf-16"), FileCode.WRONG_CHARSET),
    "with a byte order mark": (lambda data: b"\xef\xbb\xbf" + data, FileCode.WRONG_CHARSET),
    "with a NUL": (lambda data: data.replace(b"TD000003", b"TD\x00\x00\x00\x00\x00\x03"), FileCode.WRONG_CHARSET),
    "with other line ends": (lambda data: data.replace(b"\n", b"\r\n"), FileCode.WRONG_LINE_END),
    "an empty line": (_lines(lambda lines: [*lines[:3], b"", *lines[3:]]), FileCode.WRONG_RECORD),
    "a longer record": (_lines(lambda lines: [*lines[:3], lines[3] + b" ", *lines[4:]]), FileCode.WRONG_RECORD),
    "a record of another type": (_replaced(b"TD000003", b"TX000003"), FileCode.WRONG_RECORD),
    "a page of HTML": (lambda data: b"<html><body>Service unavailable</body></html>", FileCode.WRONG_TYPE),
    "another header": (lambda data: b"XX" + data[2:], FileCode.WRONG_TYPE),
    "another sequence than its name": (_replaced(b"TH0007", b"TH0008"), FileCode.WRONG_NAME),
}


@pytest.mark.parametrize("what", list(BROKEN))
def test_a_broken_file_is_refused_as_a_whole(tmp_path: Path, what: str) -> None:
    edit, code = BROKEN[what]
    facts = written(small(), tmp_path, ROWS)
    path = tmp_path / facts.name
    path.write_bytes(edit(path.read_bytes()))

    with pytest.raises(FileRefused) as refused:
        verify(small(), path)

    assert refused.value.reason is code, refused.value
    assert "4000000" not in refused.value.detail, "nothing of the content is told"


@pytest.mark.parametrize("shape", [Shape.DELIMITED, Shape.CSV])
@pytest.mark.parametrize(
    ("edit", "code"),
    [
        (lambda data: data[: data.index(b"4000000004")], FileCode.TRUNCATED),
        (_lines(lambda lines: lines[:-1]), FileCode.TRUNCATED),
        (_swapped(2, 4), FileCode.REORDERED),
        (lambda data: data.replace(b"\xc3\xa9", b"\xe9"), FileCode.WRONG_CHARSET),
        (lambda data: data.replace(b"TH", b"TH;"), FileCode.WRONG_TYPE),
    ],
)
def test_the_same_holds_for_delimited_files(tmp_path: Path, shape: Shape, edit: Edit, code: FileCode) -> None:
    facts = written(small(shape), tmp_path, ROWS)
    path = tmp_path / facts.name
    path.write_bytes(edit(path.read_bytes()))

    with pytest.raises(FileRefused) as refused:
        verify(small(shape), path)

    assert refused.value.reason is code


def test_a_quoted_line_end_is_no_record(tmp_path: Path) -> None:
    facts = written(small(Shape.CSV), tmp_path, ROWS)
    path = tmp_path / facts.name
    path.write_bytes(path.read_bytes().replace("é".encode(), b'"a\nb"', 1))

    with pytest.raises(FileRefused) as refused:
        verify(small(Shape.CSV), path)

    assert refused.value.reason is FileCode.WRONG_RECORD


def test_a_good_file_proves_to_be_whole(tmp_path: Path) -> None:
    facts = written(small(), tmp_path, ROWS)

    assert verify(small(), tmp_path / facts.name) == facts


def test_the_last_line_end_may_be_missing(tmp_path: Path) -> None:
    facts = written(small(), tmp_path, ROWS)
    path = tmp_path / facts.name
    path.write_bytes(path.read_bytes()[:-1])

    assert verify(small(), path).records == 5


def test_records_without_line_ends_are_cut_by_their_width(tmp_path: Path) -> None:
    base = small()
    layout = small(
        line_end=LineEnd.NONE,
        headers=(),
        trailers=(),
        detail=base.detail,
    )
    facts = written(layout, tmp_path, ROWS)

    assert verify(layout, tmp_path / facts.name).records == 5


@pytest.mark.parametrize("empty", [True, False])
def test_a_file_without_records_is_good_only_where_declared(tmp_path: Path, empty: bool) -> None:
    facts = written(small(empty=True), tmp_path, [])

    if empty:
        assert verify(small(empty=True), tmp_path / facts.name).records == 0
    else:
        with pytest.raises(FileRefused) as refused:
            verify(small(empty=False), tmp_path / facts.name)
        assert refused.value.reason is FileCode.EMPTY_FILE


def test_a_record_that_cannot_be_read_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    rows: list[Row] = [{"card": "1", "amount": 0, "note": ""}, {"card": "2", "amount": 5, "note": ""}]
    facts = written(small(), tmp_path, rows)
    path = tmp_path / facts.name
    path.write_bytes(path.read_bytes().replace(b"00000000{", b"0000000 {"))

    batches = list(Reader(small(), path).batches())

    assert [(batch.columns["amount"], dict(batch.faults)) for batch in batches] == [([None, 5], {0: "amount"})]


def test_titles_name_the_fields_of_a_file_without_a_header(tmp_path: Path) -> None:
    layout = small(Shape.CSV, titles=True, headers=(), trailers=())
    facts = written(layout, tmp_path, ROWS)
    path = tmp_path / facts.name

    assert path.read_text().splitlines()[0] == "type,line,card,amount,note"
    assert verify(layout, path).records == 5
    path.write_text(path.read_text().replace("card", "member", 1))
    with pytest.raises(FileRefused) as refused:
        verify(layout, path)
    assert refused.value.reason is FileCode.WRONG_TYPE


def test_every_code_has_a_meaning() -> None:
    assert set(FILE_MEANINGS) == set(FileCode)
    assert set(RECORD_MEANINGS) == set(RecordCode)
    page = (BRANDS_FOLDER.parent / "docs" / "partners" / "files.md").read_text(encoding="utf-8")
    for code, meaning in (*FILE_MEANINGS.items(), *RECORD_MEANINGS.items()):
        assert f"| `{code}` | {meaning} |" in page
