"""A declared call put into a method, a path, headers and a body.

Knows how fields are written. Does not send anything, and does not know answers.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from hub.kernel.amounts import decimal_text
from partners.base import Instruction
from partners.declarative.pointers import put
from partners.declarative.spec import AMOUNT_FIELDS, AmountForm, CallSpec, Constant, DeclarativeSpec, Field, Method

_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request without its token. path: escaped, with its query."""

    method: str
    path: str
    body: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class DecimalNumber:
    """A JSON number that is written as this text, so that no binary fraction comes between."""

    text: str


def request_of(call: CallSpec, spec: DeclarativeSpec, values: Mapping[Field, str | int], *, scale: int) -> Request:
    """The request of a call. values: of the fields that it writes. scale: decimal digits of the amounts among them."""
    path = _PLACEHOLDER.sub(lambda found: quote(str(values[Field(found[1])]), safe=""), call.path)
    written: dict[tuple[str, ...], object] = dict(call.constants)
    for place, field in call.request.items():
        value: str | int = values[field]
        written[place] = written_amount(int(value), scale, spec.amount_form) if field in AMOUNT_FIELDS else value
    headers = dict(spec.headers)
    if spec.key_header and Field.AMOUNT in values:
        headers[spec.key_header] = str(values[Field.KEY])
    if call.method is Method.GET:
        query = urlencode({name: _plain(value) for (name,), value in written.items()})
        return Request(call.method, path + (f"?{query}" if query else ""), b"", headers)
    document: dict[str, object] = {}
    for place, told in written.items():
        put(document, place, told)
    return Request(call.method, path, json_text(document).encode(), {"content-type": "application/json", **headers})


def climbs(call: CallSpec, values: Mapping[Field, str | int]) -> bool:
    """Whether a value for the path is empty or dots alone: no escaping keeps such a piece from changing the path."""
    return any(not str(values[Field(name)]).strip(".") for name in _PLACEHOLDER.findall(call.path))


def values_of(instruction: Instruction, spec: DeclarativeSpec, currency: str) -> dict[Field, str | int]:
    """What an instruction says, by field."""
    return {
        Field.KEY: instruction.key,
        Field.MEMBERSHIP: instruction.membership,
        Field.AMOUNT: instruction.amount,
        Field.BASE: instruction.amount - instruction.bonus,
        Field.BONUS: instruction.bonus,
        Field.UNIT: spec.units.get(instruction.unit, instruction.unit),
        Field.CURRENCY: currency,
        Field.ORIGINAL_KEY: instruction.original_key,
        Field.ORIGINAL_REFERENCE: instruction.original_reference,
    }


def json_text(value: object) -> str:
    """`value` as JSON without spaces; `DecimalNumber` as it is."""
    if isinstance(value, DecimalNumber):
        return value.text
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{json.dumps(str(name))}:{json_text(inner)}" for name, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(json_text, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def written_amount(amount: int, scale: int, form: AmountForm) -> object:
    """An amount of smallest units as it stands in a document."""
    match form:
        case AmountForm.WHOLE:
            return amount
        case AmountForm.DECIMAL_TEXT:
            return decimal_text(amount, scale)
        case AmountForm.DECIMAL_NUMBER:
            return DecimalNumber(decimal_text(amount, scale))


def _plain(value: object) -> str | Constant:
    if isinstance(value, DecimalNumber):
        return value.text
    if isinstance(value, bool):
        return "true" if value else "false"
    assert isinstance(value, str | int)
    return value
