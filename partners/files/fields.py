"""Fields as text, a whole column at once: reading and writing are each other's inverse.

Knows kinds, widths, signs and dates; every number is exact. Working by columns keeps the cost of a record at a few
operations in C. Does not know records or files.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time
from functools import lru_cache
from typing import cast

from partners.files.codes import FieldUnfit
from partners.files.layout import Field, FieldKind

Value = str | int | date | time | None

# The longest number that fits into the ledger's 64 bits whatever its digits.
DIGITS_MAX = 18

# The zone of the last digit carries the sign (IBM Enterprise COBOL Language Reference, "USAGE DISPLAY", signed
# external decimal): `{` and A to I are +0 to +9, `}` and J to R are -0 to -9; a plain digit is positive.
_POSITIVE, _NEGATIVE = "{ABCDEFGHI", "}JKLMNOPQR"
_OVERPUNCH: Mapping[str, tuple[str, int]] = {
    **{str(digit): (str(digit), 1) for digit in range(10)},
    **{sign: (str(digit), 1) for digit, sign in enumerate(_POSITIVE)},
    **{sign: (str(digit), -1) for digit, sign in enumerate(_NEGATIVE)},
}
_DECIMAL = re.compile(r"(-?)([0-9]+)(?:\.([0-9]+))?", re.ASCII)
_TOKENS = {"YYYY": "%Y", "YY": "%y", "MM": "%m", "DD": "%d", "hh": "%H", "mm": "%M", "ss": "%S"}
_TOKEN = re.compile("YYYY|YY|MM|DD|hh|mm|ss|[A-Za-z]")


def read_column(field: Field, texts: Sequence[str]) -> list[Value]:
    """The values of one field of many records. Raises ValueError when any of them is none; ask `read_one` which."""
    if not field.blank and field.kind is FieldKind.NUMBER:
        joined = "".join(texts)
        if joined.isascii() and joined.isdigit() and (field.width or max(map(len, texts)) <= DIGITS_MAX):
            return list(map(int, texts))
        raise ValueError
    if not field.blank and field.kind is FieldKind.TEXT:
        stripped: list[Value] = [text.lstrip(" ") for text in texts] if field.right else [t.rstrip(" ") for t in texts]
        if "" in stripped:
            raise ValueError
        return stripped
    if not field.blank and field.kind is FieldKind.WORD and field.words is not None:
        try:
            return list(map(field.words.__getitem__, [text.rstrip(" ") for text in texts]))
        except KeyError as fault:
            raise ValueError from fault
    read = _READERS[field.kind]
    return [read(field, text) for text in texts]


def read_one(field: Field, text: str) -> Value:
    """The value of one field of one record. Raises ValueError."""
    return _READERS[field.kind](field, text)


def write_column(field: Field, values: Sequence[Value]) -> list[str]:
    """The texts of one field of many records, padded in fixed width. Raises: FieldUnfit."""
    width = field.width
    try:
        texts = _written(field, values)
    except (ValueError, TypeError, KeyError, OverflowError) as fault:
        raise FieldUnfit(field.name, f"a value is no {field.kind}") from fault
    if width and texts and max(map(len, texts)) > width:
        raise FieldUnfit(field.name, f"a value is longer than {width} characters")
    return texts


def _written(field: Field, values: Sequence[Value]) -> list[str]:
    """The texts of a column; the kinds that details are full of are rendered without a call for each."""
    if field.kind in (FieldKind.CONSTANT, FieldKind.FILLER):
        return [field.value.ljust(field.width)] * len(values)
    if field.kind in (FieldKind.NUMBER, FieldKind.LINE) and set(map(type, values)) == {int}:
        numbers = cast("Sequence[int]", values)
        if min(numbers) < 0 or max(numbers) >= 10**DIGITS_MAX:
            raise ValueError("below zero, or too long")
        form = f"0{field.width}d" if field.width else "d"
        return [format(number, form) for number in numbers]
    if field.kind is FieldKind.WORD:
        theirs = _theirs(field)
        return [theirs[value].ljust(field.width) for value in values]
    write = _WRITERS[field.kind]
    return [write(field, value) for value in values]


def _theirs(field: Field) -> dict[Value, str]:
    """The partner's word for each of ours; the first listed where several mean the same."""
    assert field.words is not None, "the declaration was checked"
    found: dict[Value, str] = {None: ""} if field.blank else {}
    for theirs, ours in field.words.items():
        found.setdefault(ours, theirs)
    return found


def strptime_format(field_format: str) -> str | None:
    """Python's format for one made of YYYY, YY, MM, DD, hh, mm, ss and punctuation; None for any other."""
    tokens = _TOKEN.findall(field_format)
    if not tokens or any(token not in _TOKENS for token in tokens) or len(set(tokens)) != len(tokens):
        return None
    return _TOKEN.sub(lambda match: _TOKENS[match[0]], field_format.replace("%", "%%"))


def _read_text(field: Field, text: str) -> Value:
    stripped = text.lstrip(" ") if field.right else text.rstrip(" ")
    if not stripped and not field.blank:
        raise ValueError("empty")
    return stripped


def _read_number(field: Field, text: str) -> Value:
    if field.blank and not text.strip(" "):
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > DIGITS_MAX:
        raise ValueError("no number")
    return int(text)


def _read_decimal(field: Field, text: str) -> Value:
    bare = text.strip(" ")
    if field.blank and not bare:
        return None
    match = _DECIMAL.fullmatch(bare)
    digits = (match[3] or "") if match else ""
    if match is None or len(digits) > field.decimals or len(match[2]) + field.decimals > DIGITS_MAX:
        raise ValueError("no decimal number")
    amount = int(match[2] + digits.ljust(field.decimals, "0"))
    return -amount if match[1] else amount


def _read_zoned(field: Field, text: str) -> Value:
    if field.blank and not text.strip(" "):
        return None
    last, sign = _OVERPUNCH.get(text[-1:], ("", 0))
    digits = text[:-1] + last
    if not sign or not (digits.isascii() and digits.isdigit()) or len(digits) > DIGITS_MAX:
        raise ValueError("no zoned number")
    return sign * int(digits)


def _read_date(field: Field, text: str) -> Value:
    found = _moment(field, text)
    return found.date() if found else None


def _read_time(field: Field, text: str) -> Value:
    found = _moment(field, text)
    return found.time() if found else None


def _moment(field: Field, text: str) -> datetime | None:
    if field.blank and not text.strip(" 0"):
        return None
    return _parsed(text, field.format)


@lru_cache(maxsize=4_096)
def _parsed(text: str, field_format: str) -> datetime:
    spelled = strptime_format(field_format)
    assert spelled is not None, "the declaration was checked"
    found = datetime.strptime(text, spelled)  # noqa: DTZ007 - a day or a time of day, in the partner's own zone
    # The library forgives missing zeros and spaces; a file is exact or wrong.
    if found.strftime(spelled) != text:
        raise ValueError("no such moment")
    return found


def _read_word(field: Field, text: str) -> Value:
    assert field.words is not None, "the declaration was checked"
    bare = text.rstrip(" ")
    if not bare and field.blank:
        return None
    if bare not in field.words:
        raise ValueError("no listed word")
    return field.words[bare]


def _read_nothing(_field: Field, _text: str) -> Value:
    return None


def _write_text(field: Field, value: Value) -> str:
    if value is None or value == "":
        if not field.blank:
            raise ValueError("empty")
        return " " * field.width
    if not isinstance(value, str) or not value.isprintable():
        raise ValueError("not a printable text")
    # What is padded on reading is taken off, so a value may not begin or end with it there.
    if value[0] == " " if field.right else value[-1] == " ":
        raise ValueError("a space at its end")
    return value.rjust(field.width) if field.right else value.ljust(field.width)


def _whole(value: Value) -> int:
    if type(value) is not int:
        raise ValueError("no whole number")
    return value


def _write_number(field: Field, value: Value) -> str:
    if value is None and field.blank:
        return " " * field.width
    number = _whole(value)
    if not 0 <= number < 10**DIGITS_MAX:
        raise ValueError("below zero, or too long")
    return f"{number:0{field.width}d}" if field.width else str(number)


def _write_decimal(field: Field, value: Value) -> str:
    if value is None and field.blank:
        return " " * field.width
    number = _whole(value)
    digits = f"{abs(number):0{field.decimals + 1}d}"
    if len(digits) > DIGITS_MAX:
        raise ValueError("too long")
    point = len(digits) - field.decimals
    text = ("-" if number < 0 else "") + digits[:point] + (f".{digits[point:]}" if field.decimals else "")
    return text.rjust(field.width)


def _write_zoned(field: Field, value: Value) -> str:
    if value is None and field.blank:
        return " " * field.width
    number = _whole(value)
    digits = f"{abs(number):0{field.width}d}"
    if len(digits) > DIGITS_MAX:
        raise ValueError("too long")
    return digits[:-1] + (_NEGATIVE if number < 0 else _POSITIVE)[int(digits[-1])]


def _write_moment(field: Field, value: Value) -> str:
    if value is None and field.blank:
        return " " * field.width
    if not isinstance(value, date if field.kind is FieldKind.DATE else time):
        raise ValueError("no moment")
    spelled = strptime_format(field.format)
    assert spelled is not None, "the declaration was checked"
    text = value.strftime(spelled)
    return text if value == _READERS[field.kind](field, text) else _unfaithful()


def _unfaithful() -> str:
    raise ValueError("the format does not hold it")


_READERS: Mapping[FieldKind, Callable[[Field, str], Value]] = {
    FieldKind.TEXT: _read_text,
    FieldKind.NUMBER: _read_number,
    FieldKind.DECIMAL: _read_decimal,
    FieldKind.ZONED: _read_zoned,
    FieldKind.DATE: _read_date,
    FieldKind.TIME: _read_time,
    FieldKind.WORD: _read_word,
    FieldKind.LINE: _read_number,
    FieldKind.CONSTANT: _read_nothing,
    FieldKind.FILLER: _read_nothing,
}
_WRITERS: Mapping[FieldKind, Callable[[Field, Value], str]] = {
    FieldKind.TEXT: _write_text,
    FieldKind.NUMBER: _write_number,
    FieldKind.DECIMAL: _write_decimal,
    FieldKind.ZONED: _write_zoned,
    FieldKind.DATE: _write_moment,
    FieldKind.TIME: _write_moment,
    FieldKind.LINE: _write_number,
}
