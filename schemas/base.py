"""Fields and rules that every shape shares: unknown fields refused, amounts whole, times with an offset.

Knows marshmallow. Does not know what any amount or text means.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar

from marshmallow import RAISE, Schema, ValidationError, fields, validate

AMOUNT_MAX = 2**53 - 1

_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)

# marshmallow tells what is wrong in sentences; ours and its own, by the code that an answer carries.
_CODES = {
    "Missing data for required field.": "missing",
    "Unknown field.": "unknown_field",
    "Field may not be null.": "null",
    "Not a valid string.": "not_a_string",
    "Not a valid list.": "not_a_list",
    "Not a valid mapping type.": "not_an_object",
    "Invalid input type.": "not_an_object",
    "Not a valid boolean.": "not_a_boolean",
}


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One thing that is wrong with one field. pointer: JSON pointer (RFC 6901) into the body, `#` for the whole."""

    pointer: str
    code: str
    detail: str


class StrictSchema(Schema):
    """A shape that refuses what it does not know."""

    class Meta:
        """Options of marshmallow."""

        unknown = RAISE


class Whole(fields.Field[int]):
    """A whole number from `low` to `high`; booleans, floats and strings are refused."""

    def __init__(self, low: int, high: int, *, required: bool = False, nullable: bool = False) -> None:
        super().__init__(
            required=required,
            allow_none=nullable,
            metadata={"type": "integer", "format": "int64", "minimum": low, "maximum": high},
        )
        self.low = low
        self.high = high

    def _deserialize(self, value: object, *_: object, **__: object) -> int:
        if type(value) is not int or not self.low <= value <= self.high:
            raise ValidationError(f"A whole number from {self.low} to {self.high}, as a JSON integer.")
        return value


class Flag(fields.Field[bool]):
    """true or false, and nothing that other languages take for them."""

    def __init__(self, *, required: bool = False) -> None:
        super().__init__(required=required, metadata={"type": "boolean"})

    def _deserialize(self, value: object, *_: object, **__: object) -> bool:
        if not isinstance(value, bool):
            raise ValidationError("Not a valid boolean.")
        return value


class Amount(Whole):
    """An amount in the smallest unit: 1 to 2^53 - 1."""

    def __init__(self, *, required: bool = False, nullable: bool = False) -> None:
        super().__init__(1, AMOUNT_MAX, required=required, nullable=nullable)


class Text(fields.String):
    """A string of bounded length, optionally of one form. pattern: matched as a whole."""

    def __init__(self, longest: int, *, shortest: int = 1, pattern: str = "", required: bool = False) -> None:
        self.pattern = pattern
        self._form = re.compile(pattern) if pattern else None
        shape = {"pattern": f"^{pattern}$"} if pattern else {}
        super().__init__(
            required=required,
            validate=validate.Length(min=shortest, max=longest),
            metadata=shape,
        )

    def _deserialize(self, value: object, *_: object, **__: object) -> str:
        if not isinstance(value, str):
            raise ValidationError("Not a valid string.")
        if self._form is not None and not self._form.fullmatch(value):
            raise ValidationError(f"This needs the form {self.pattern}.")
        return value


class Time(fields.Field[datetime]):
    """An instant by RFC 3339 with an offset; becomes aware and UTC."""

    def __init__(self, *, required: bool = False, nullable: bool = False) -> None:
        super().__init__(required=required, allow_none=nullable, metadata={"type": "string", "format": "date-time"})

    def _deserialize(self, value: object, *_: object, **__: object) -> datetime:
        if not isinstance(value, str) or not _TIME.fullmatch(value):
            raise ValidationError("A time such as 2026-11-22T09:30:00Z.")
        try:
            return datetime.fromisoformat(value.upper()).astimezone(UTC)
        except (ValueError, OverflowError) as fault:
            raise ValidationError("There is no such instant.") from fault


class Traits(fields.Dict):
    """A few named words, such as the member's tier."""

    entries_max: ClassVar[int] = 8

    def __init__(self) -> None:
        super().__init__(
            keys=fields.String(validate=validate.Length(1, 40)),
            values=fields.String(validate=validate.Length(1, 80)),
            validate=validate.Length(max=self.entries_max),
        )


def field_problems(messages: object, pointer: str = "#") -> list[FieldProblem]:
    """What marshmallow found, flat, in the order it found it. messages: `ValidationError.messages`."""
    if isinstance(messages, Mapping):
        found: list[FieldProblem] = []
        for name, below in messages.items():
            step = "" if name in ("_schema", "key", "value") else f"/{_escaped(str(name))}"
            found += field_problems(below, pointer + step)
        return found
    if isinstance(messages, Sequence) and not isinstance(messages, str):
        return [problem for message in messages for problem in field_problems(message, pointer)]
    return [FieldProblem(pointer, _code_of(str(messages)), str(messages))]


def _code_of(message: str) -> str:
    if message in _CODES:
        return _CODES[message]
    if message.startswith("A whole number"):
        return "invalid_amount"
    if message.startswith(("A time", "There is no such instant")):
        return "invalid_time"
    return "invalid_length" if message.startswith(("Shorter", "Longer", "Length")) else "invalid"


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")[:80]
