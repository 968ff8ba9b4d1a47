"""TOML tables whose keys are taken one by one, so that every mistake is told by file, line and key.

Knows TOML and what sorts of values there are. Does not know what a profile says.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from hub.kernel.errors import HubError
from partners.declarative.pointers import Pointer, parse_pointer

_LINE = re.compile(r"line (\d+)")
_HEADER = re.compile(r"\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(?:#.*)?")
_KEY = r"""(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')"""
_ASSIGNMENT = re.compile(rf"\s*({_KEY}(?:\s*\.\s*{_KEY})*)\s*=")
_PIECE = re.compile(_KEY)

_Choice = TypeVar("_Choice", bound=StrEnum)
# From the top to a key: names, and places in arrays of tables.
KeyPath = tuple[str, ...]


class ProfileInvalid(HubError):
    """A brand's profile that cannot be used; names the file, the key and, where it is known, the line."""

    code = "profile_invalid"


class Lines:
    """Where each key of a TOML text stands. An array of tables counts its tables: `units[0]`."""

    def __init__(self, text: str) -> None:
        self._lines: dict[KeyPath, int] = {}
        table: KeyPath = ()
        counts: dict[KeyPath, int] = {}
        inside = ""  # the quotes of a text over many lines that has begun and not ended
        for number, line in enumerate(text.splitlines(), start=1):
            if inside:
                inside = "" if inside in line else inside
                continue
            header, assignment = _HEADER.fullmatch(line), _ASSIGNMENT.match(line)
            if header:
                table = _pieces(header[2])
                if header[1] == "[[":
                    place = counts.get(table, 0)
                    counts[table] = place + 1
                    table = (*table[:-1], f"{table[-1]}[{place}]")
                self._lines.setdefault(table, number)
            elif assignment:
                self._lines.setdefault((*table, *_pieces(assignment[1])), number)
                inside = next((quotes for quotes in ('"""', "'''") if line.count(quotes) % 2), "")

    def of(self, path: KeyPath) -> int | None:
        """The line of a key; of the nearest table around it when the key itself stands nowhere."""
        for end in range(len(path), 0, -1):
            if path[:end] in self._lines:
                return self._lines[path[:end]]
        return None


class ProfileTable:
    """One table of a profile, whose keys are taken one by one; what is left at the end is unknown."""

    def __init__(self, file: Path, path: KeyPath, table: object, lines: Lines) -> None:
        self._file, self._path, self._lines = file, path, lines
        if not isinstance(table, dict):
            raise self.refusal("", "must be a table")
        self._rest: dict[str, object] = dict(table)

    def refusal(self, key: str, what: str) -> ProfileInvalid:
        """The refusal that names file, line, table and key."""
        path = (*self._path, key) if key else self._path
        line = self._lines.of(path)
        table = f" [{'.'.join(self._path)}]" if self._path else ""
        where = f"{self._file}{f':{line}' if line else ''}{table}"
        message = f"{where} {key + ': ' if key else ''}{what}."
        return ProfileInvalid(message, file=str(self._file), key=".".join(path) or "the file", line=line)

    def __contains__(self, key: str) -> bool:
        """Whether the key is there and has not been taken."""
        return key in self._rest

    def names(self) -> tuple[str, ...]:
        """The keys that have not been taken, in the file's order."""
        return tuple(self._rest)

    def take(self, key: str) -> object:
        """The value of a required key."""
        if key not in self._rest:
            raise self.refusal(key, "is missing")
        return self._rest.pop(key)

    def table(self, key: str) -> "ProfileTable":
        """A required table."""
        return ProfileTable(self._file, (*self._path, key), self.take(key), self._lines)

    def table_or_none(self, key: str) -> "ProfileTable | None":
        """An optional table."""
        return self.table(key) if key in self._rest else None

    def tables(self, key: str) -> list["ProfileTable"]:
        """A required array of tables with at least one."""
        found = self.take(key)
        if not isinstance(found, list) or not found:
            raise self.refusal(key, "must be a list of at least one table")
        return [
            ProfileTable(self._file, (*self._path, f"{key}[{place}]"), item, self._lines)
            for place, item in enumerate(found)
        ]

    def tables_or_none(self, key: str) -> list["ProfileTable"]:
        """An optional array of tables."""
        return self.tables(key) if key in self._rest else []

    def text(self, key: str, pattern: re.Pattern[str] | None = None) -> str:
        """A required string, not empty, that matches `pattern` if there is one."""
        value = self.take(key)
        if not isinstance(value, str) or not value.strip():
            raise self.refusal(key, "must be a text that is not empty")
        if pattern is not None and not pattern.fullmatch(value):
            raise self.refusal(key, f"{value[:60]!r} does not match {pattern.pattern}")
        return value

    def text_or(self, key: str, otherwise: str, pattern: re.Pattern[str] | None = None) -> str:
        """An optional string."""
        return self.text(key, pattern) if key in self._rest else otherwise

    def texts(self, key: str) -> tuple[str, ...]:
        """A required list of strings, none empty, none twice."""
        value = self.take(key)
        if not isinstance(value, list) or not value or not all(isinstance(item, str) and item for item in value):
            raise self.refusal(key, "must be a list of at least one text")
        if len(set(value)) != len(value):
            raise self.refusal(key, "names a text twice")
        return tuple(value)

    def whole(self, key: str, low: int, high: int) -> int:
        """A required whole number within bounds."""
        value = self.take(key)
        if type(value) is not int or not low <= value <= high:
            raise self.refusal(key, f"must be a whole number from {low} to {high}")
        return value

    def whole_or(self, key: str, otherwise: int, low: int, high: int) -> int:
        """An optional whole number within bounds."""
        return self.whole(key, low, high) if key in self._rest else otherwise

    def wholes(self, key: str, low: int, high: int) -> tuple[int, ...]:
        """A required list of whole numbers within bounds, none twice."""
        value = self.take(key)
        items = value if isinstance(value, list) else []
        if not items or not all(type(item) is int and low <= item <= high for item in items):
            raise self.refusal(key, f"must be a list of whole numbers from {low} to {high}")
        if len(set(items)) != len(items):
            raise self.refusal(key, "names a number twice")
        return tuple(items)

    def flag(self, key: str) -> bool:
        """A required true or false."""
        value = self.take(key)
        if not isinstance(value, bool):
            raise self.refusal(key, "must be true or false")
        return value

    def flag_or(self, key: str, *, otherwise: bool) -> bool:
        """An optional true or false."""
        return self.flag(key) if key in self._rest else otherwise

    def choice(self, key: str, kind: type[_Choice]) -> _Choice:
        """A required word of a closed list."""
        return self._word(key, self.take(key), kind)

    def choice_or(self, key: str, otherwise: _Choice) -> _Choice:
        """An optional word of a closed list."""
        return self._word(key, self.take(key), type(otherwise)) if key in self._rest else otherwise

    def choice_or_none(self, key: str, kind: type[_Choice]) -> _Choice | None:
        """An optional word of a closed list, or None."""
        return self.choice(key, kind) if key in self._rest else None

    def choices(self, key: str, kind: type[_Choice]) -> frozenset[_Choice]:
        """A required list of words of a closed list, none twice."""
        value = self.take(key)
        if not isinstance(value, list) or not value:
            raise self.refusal(key, "must be a list of at least one word")
        words = [self._word(key, item, kind) for item in value]
        if len(set(words)) != len(words):
            raise self.refusal(key, "names a word twice")
        return frozenset(words)

    def pointer(self, key: str) -> Pointer:
        """A required JSON pointer, such as `/receipt/number`."""
        found = parse_pointer(self.text(key))
        if found is None:
            raise self.refusal(key, "is not a JSON pointer such as /receipt/number (~1 for / and ~0 for ~)")
        return found

    def pointer_named(self, key: str) -> Pointer:
        """The JSON pointer that a key itself is."""
        found = parse_pointer(key)
        if found is None:
            raise self.refusal(key, "is not a JSON pointer such as /receipt/number (~1 for / and ~0 for ~)")
        return found

    def finish(self) -> None:
        """Refuse what nobody asked for."""
        for key in sorted(self._rest):
            raise self.refusal(key, "is not a key of a profile")

    def _word(self, key: str, value: object, kind: type[_Choice]) -> _Choice:
        known: Mapping[str, _Choice] = {str(word): word for word in kind}
        if not isinstance(value, str) or value not in known:
            raise self.refusal(key, f"must be one of {', '.join(sorted(known))}")
        return known[value]


def read_table(file: Path) -> ProfileTable:
    """The top table of a TOML file. Raises: ProfileInvalid."""
    try:
        text = file.read_text(encoding="utf-8")
        return ProfileTable(file, (), tomllib.loads(text), Lines(text))
    except (OSError, UnicodeDecodeError) as fault:
        raise ProfileInvalid(f"{file} cannot be read as UTF-8 text.", file=str(file)) from fault
    except tomllib.TOMLDecodeError as fault:
        found = _LINE.search(str(fault))
        line = int(found[1]) if found else None
        where = f"{file}{f':{line}' if line else ''}"
        raise ProfileInvalid(f"{where} is not TOML: {fault}.", file=str(file), line=line) from fault


def _pieces(dotted: str) -> KeyPath:
    found: Sequence[str] = _PIECE.findall(dotted)
    return tuple(piece.strip("\"'") for piece in found)
