"""Strict reading of what came in: JSON without surprises, queries without strangers, headers of one form.

Knows Flask's request and marshmallow's schemas. Every fault of the sender is a refusal here, never a fault of ours.
"""

import json
import re
from collections.abc import Collection, Mapping
from datetime import datetime
from enum import StrEnum
from typing import NoReturn, TypeVar

from flask import request
from marshmallow import Schema, ValidationError

from hub.gateway.refusals import (
    BodyTooLarge,
    IdempotencyKeyInvalid,
    IdempotencyKeyMissing,
    JsonInvalid,
    MediaTypeUnsupported,
    NotFound,
    ValidationFailed,
)
from hub.kernel.clock import parse_rfc3339
from hub.kernel.limits import (
    BODY_BYTES_MAX,
    IDEMPOTENCY_KEY_CHARS_MAX,
    JSON_DEPTH_MAX,
    PAGE_ROWS_DEFAULT,
    PAGE_ROWS_MAX,
)
from schemas.base import FieldProblem, field_problems

Word = TypeVar("Word", bound=StrEnum)

_ID = re.compile(r"[a-z]{1,16}_[0-9a-z]{26}")
_KEY = re.compile(rf"[\x21-\x7e]{{1,{IDEMPOTENCY_KEY_CHARS_MAX}}}")
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
# More digits than any length we take; a number of thousands of digits is not even read.
_LENGTH_DIGITS_MAX = 10

_WORD = re.compile(r"[A-Za-z0-9._:-]{1,80}")

# Parameters that name one kind of thing look like it.
_FORMS = {"partner": re.compile(r"[a-z0-9_]{1,40}")}


def json_body(*, bytes_max: int = BODY_BYTES_MAX) -> object:
    """The body as strict JSON. Raises: MediaTypeUnsupported, BodyTooLarge, JsonInvalid."""
    return parse_json(raw_body(bytes_max=bytes_max))


def raw_body(*, bytes_max: int) -> bytes:
    """The bytes of a body that says it is JSON. Raises: MediaTypeUnsupported, BodyTooLarge."""
    environ = request.environ
    if environ.get("CONTENT_TYPE") != "application/json" and request.mimetype != "application/json":
        raise MediaTypeUnsupported("Send the body as Content-Type: application/json.")
    length = environ.get("CONTENT_LENGTH", "")
    if not (length.isascii() and length.isdigit()):
        request.max_content_length = bytes_max  # the length is not said, so Flask counts while it reads
        return request.get_data(cache=False)
    if len(length) > _LENGTH_DIGITS_MAX or int(length) > bytes_max:
        raise BodyTooLarge(f"A body here may have {bytes_max} bytes.")
    found: bytes = environ["wsgi.input"].read(int(length))
    return found


def parse_json(body: bytes) -> object:
    """`body` as strict JSON: UTF-8, no NaN or Infinity, no name twice, bounded depth. Raises: JsonInvalid."""
    try:
        text = body.decode("utf-8")
        value: object = _DECODER.decode(text)
        if body.count(b"{") + body.count(b"[") > JSON_DEPTH_MAX:
            _check_depth(value)
        if "\\u" in text:
            _check_texts(text, value)
    except RecursionError as fault:
        raise JsonInvalid(f"JSON here may be nested {JSON_DEPTH_MAX} deep.") from fault
    except (UnicodeDecodeError, ValueError) as fault:
        raise JsonInvalid(f"The body is not strict JSON: {str(fault)[:160]}.") from fault
    return value


def loaded(schema: Schema, value: object) -> dict[str, object]:
    """`value` as `schema` says. Raises: ValidationFailed."""
    try:
        found: dict[str, object] = schema.load(value)  # type: ignore[arg-type]
    except ValidationError as refusal:
        raise ValidationFailed(field_problems(refusal.messages)) from None
    return found


def idempotency_key(environ: Mapping[str, object]) -> str:
    """The Idempotency-Key, bare or as a quoted string. Raises: IdempotencyKeyMissing, IdempotencyKeyInvalid."""
    sent = environ.get("HTTP_IDEMPOTENCY_KEY")
    if not sent:
        raise IdempotencyKeyMissing("Send an Idempotency-Key with every request that moves or creates something.")
    key = str(sent)
    if len(key) > 2 and key[0] == key[-1] == '"':
        key = key[1:-1]
    if not _KEY.fullmatch(key):
        raise IdempotencyKeyInvalid(
            f"An Idempotency-Key has 1 to {IDEMPOTENCY_KEY_CHARS_MAX} visible ASCII characters."
        )
    return key


def checked_id(text: str) -> str:
    """An id from a path. Raises: NotFound, since no other text ever names anything."""
    if not _ID.fullmatch(text):
        raise NotFound("There is nothing with this id.")
    return text


def query(allowed: Collection[str]) -> dict[str, str]:
    """The query's parameters, each once and of those allowed. Raises: ValidationFailed."""
    found: dict[str, str] = {}
    problems = []
    for name, values in request.args.lists():
        if name not in allowed:
            problems.append(FieldProblem(f"?{name[:40]}", "unknown_field", "This list has no such parameter."))
        elif len(values) > 1:
            problems.append(FieldProblem(f"?{name}", "repeated", "Give this parameter once."))
        elif name != "cursor" and not _FORMS.get(name, _WORD).fullmatch(values[0].replace("+", ":")):
            problems.append(FieldProblem(f"?{name}", "invalid", "This parameter has characters that nothing here has."))
        else:
            found[name] = values[0]
    if problems:
        raise ValidationFailed(problems)
    return found


def page_limit(found: Mapping[str, str]) -> int:
    """How many rows were asked for. Raises: ValidationFailed."""
    text = found.get("limit", str(PAGE_ROWS_DEFAULT))
    if not (text.isascii() and text.isdigit() and len(text) <= 3 and 1 <= int(text) <= PAGE_ROWS_MAX):
        raise ValidationFailed([FieldProblem("?limit", "invalid", f"A whole number from 1 to {PAGE_ROWS_MAX}.")])
    return int(text)


def chosen(found: Mapping[str, str], name: str, words: type[Word]) -> Word | None:
    """One of `words` from the query, None if it was not given. Raises: ValidationFailed."""
    if name not in found:
        return None
    if found[name] not in list(words):
        raise ValidationFailed([FieldProblem(f"?{name}", "invalid", f"One of {', '.join(words)}.")])
    return words(found[name])


def instant(found: Mapping[str, str], name: str) -> datetime | None:
    """A time from the query, None if it was not given. Raises: ValidationFailed."""
    if name not in found:
        return None
    try:
        return parse_rfc3339(found[name].replace(" ", "+"))
    except (ValueError, OverflowError):
        problem = FieldProblem(f"?{name}", "invalid_time", "A time such as 2026-11-22T09:30:00Z.")
        raise ValidationFailed([problem]) from None


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name occurs twice in one object")
    return found


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant)


def _check_depth(value: object) -> None:
    level = [value]
    for _ in range(JSON_DEPTH_MAX):
        below: list[object] = []
        for one in level:
            if isinstance(one, dict):
                below.extend(one.values())
            elif isinstance(one, list):
                below.extend(one)
        if not below:
            return
        level = below
    raise ValueError(f"it is nested more than {JSON_DEPTH_MAX} deep")


def _check_texts(text: str, value: object) -> None:
    """Escapes can spell what neither UTF-8 nor PostgreSQL can hold: half of a surrogate pair, and U+0000."""
    shown = json.dumps(value, ensure_ascii=False)
    shown.encode("utf-8")
    if "\\u0000" in text and _NUL.search(shown):
        raise ValueError("a text holds U+0000")


def as_sent(body: Mapping[str, object]) -> dict[str, object]:
    """A loaded body with times as text again, so that it can be compared with a later one."""
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in body.items()}
