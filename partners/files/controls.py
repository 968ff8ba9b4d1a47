"""What header and trailer state about a file, kept while its records go by. Pure sums, always exact.

Knows counts, totals and hash totals. Does not know how records stand in a file.
"""

import re
from collections.abc import Mapping, Sequence
from typing import cast

from partners.files.codes import FileCode
from partners.files.fields import DIGITS_MAX, Value
from partners.files.layout import Control, Field, FileLayout

_NOT_DIGITS = re.compile(r"[^0-9]+")


class Tally:
    """Running controls of one file of this layout."""

    def __init__(self, layout: FileLayout) -> None:
        fields = [field for record in layout.framing for field in record.fields]
        self._layout = layout
        self._totals = {field.of: 0 for field in fields if field.control is Control.TOTAL}
        self._hashes = {field.of: 0 for field in fields if field.control is Control.HASH}
        self.records = 0

    def add(self, columns: Mapping[str, Sequence[Value]], size: int) -> None:
        """Count these detail records; values that could not be read count as nothing."""
        self.records += size
        for name in self._totals:
            self._totals[name] += _sum(columns[name])
        for name in self._hashes:
            self._hashes[name] += sum(map(_hashed, columns[name]))

    def value(self, field: Field) -> int:
        """What a field with one of the controls count, lines, total or hash has to state."""
        match field.control:
            case Control.COUNT:
                return self.records
            case Control.LINES:
                return self.records + len(self._layout.framing)
            case Control.TOTAL:
                return self._totals[field.of]
            case _:
                assert field.control is Control.HASH, f"{field.control} is not counted"
                places: int = field.width or DIGITS_MAX
                return self._hashes[field.of] % int(10**places)


# What a stated control that differs from the counted one is called.
DIFFERENCES: Mapping[Control | None, FileCode] = {
    Control.COUNT: FileCode.COUNT_DIFFERS,
    Control.LINES: FileCode.COUNT_DIFFERS,
    Control.TOTAL: FileCode.TOTAL_DIFFERS,
    Control.HASH: FileCode.HASH_DIFFERS,
}


def _sum(column: Sequence[Value]) -> int:
    if None in column:
        return sum(value for value in column if isinstance(value, int))
    return sum(cast("Sequence[int]", column))


def _hashed(value: Value) -> int:
    if isinstance(value, str):
        return int(_NOT_DIGITS.sub("", value) or "0")
    return abs(value) if isinstance(value, int) else 0
