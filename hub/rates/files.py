"""Files of routes and campaigns as rows, and the list of everything that is wrong with them.

Knows CSV as programmes and spreadsheets write it. Does not know what rows mean.
"""

import csv
import io
from collections.abc import Mapping

from hub.rates.refusals import RatesFileInvalid

# The real file has 81 rows; a million would be no file of routes.
ROWS_MAX = 100_000
_BYTES_MAX = 32 * 1024 * 1024
# Reasons named in one refusal; more would be no help to a person.
_REASONS_MAX = 200

# Key under which `csv_rows` keeps the line a row starts on; no column of a file is called like this.
LINE = "#line"


class Reasons:
    """Collects what is wrong, by line, so that all of it can be said at once."""

    def __init__(self) -> None:
        self._found: list[tuple[int, str]] = []

    def add(self, line: int, reason: str) -> None:
        """Line 1 is the header."""
        self._found.append((line, reason))

    def lines(self) -> set[int]:
        """Lines with anything wrong."""
        return {line for line, _ in self._found}

    def refuse_if_any(self) -> None:
        """Raises: RatesFileInvalid, with one fact `line_<number>` for every broken line."""
        if not self._found:
            return
        facts: dict[str, str] = {}
        for line, reason in sorted(self._found)[:_REASONS_MAX]:
            name = f"line_{line}"
            facts[name] = f"{facts[name]}; {reason}" if name in facts else reason
        listed = " ".join(f"Line {name[5:]}: {reason}." for name, reason in facts.items())
        raise RatesFileInvalid(f"Nothing was imported. {listed}", errors=len(self._found), **facts)


def csv_rows(data: bytes) -> list[dict[str, str]]:
    """Rows of a comma-separated file in UTF-8, with or without a byte order mark, with any line ends.

    Each row has its line number under `LINE`. Raises: RatesFileInvalid.
    """
    reasons = Reasons()
    try:
        text = data[: _BYTES_MAX + 1].decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        reasons.add(data.count(b"\n", 0, fault.start) + 1, "this is not UTF-8 text")
        reasons.refuse_if_any()
        raise
    if len(data) > _BYTES_MAX or "\x00" in text:
        reasons.add(1, "this is no file of rows, or far too large")
    reasons.refuse_if_any()
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    rows: list[dict[str, str]] = []
    try:
        for row in reader:
            rows.append({**row, LINE: str(reader.line_num)})
            if len(rows) > ROWS_MAX:
                reasons.add(reader.line_num, f"more than {ROWS_MAX} rows")
                break
    except csv.Error as fault:
        reasons.add(reader.reader.line_num, f"this is no valid row: {fault}")
    reasons.refuse_if_any()
    return rows


def line_of(row: Mapping[str, str], index: int) -> int:
    """The line of a row: the one it was read from, else its place below a header. index: from 0."""
    return int(row.get(LINE) or index + 2)


def cells(row: Mapping[str, str], columns: tuple[str, ...], line: int, reasons: Reasons) -> dict[str, str] | None:
    """The cells of `columns`, trimmed; None after noting that one is missing or that there are too many."""
    named = {str(name).removeprefix("\ufeff").strip(): value for name, value in row.items() if name is not None}
    missing = [column for column in columns if named.get(column) is None]
    if missing:
        reasons.add(line, f"no column {', '.join(missing)}")
        return None
    if len(named) != len(row):
        reasons.add(line, "more cells than columns")
        return None
    return {column: named[column].strip() for column in columns}
