"""What a declarative brand declares: its calls, where answers say what, and which words and statuses mean it.

Data only. How it is read from a profile stands in `reader.py`, what is done with it in `adapter.py` and `face.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from partners.base import Reason, Verb
from partners.declarative.pointers import Pointer

Constant = str | int | bool


class Field(StrEnum):
    """What of an instruction may be written into a request."""

    KEY = "key"
    MEMBERSHIP = "membership"
    NAME = "name"
    AMOUNT = "amount"
    # The amount without the campaign's bonus, and the bonus alone.
    BASE = "base"
    BONUS = "bonus"
    # The unit in the partner's word if [wire.units] gives one, else its code in the hub.
    UNIT = "unit"
    CURRENCY = "currency"
    ORIGINAL_KEY = "original_key"
    ORIGINAL_REFERENCE = "original_reference"


AMOUNT_FIELDS = frozenset({Field.AMOUNT, Field.BASE, Field.BONUS})


class AmountForm(StrEnum):
    """How amounts are written and read."""

    # An integer of smallest units: 1250.
    WHOLE = "whole"
    # A decimal string with the unit's digits: "12.50".
    DECIMAL_TEXT = "decimal_text"
    # A JSON number with the unit's digits, exact: 12.50.
    DECIMAL_NUMBER = "decimal_number"


class Method(StrEnum):
    """HTTP methods of calls. GET carries its request in the query, the others in a JSON body."""

    GET = "GET"
    POST = "POST"
    PUT = "PUT"
    PATCH = "PATCH"


@dataclass(frozen=True, slots=True)
class AnswerSpec:
    """Where an answer says what, each as a pointer; None where it does not say it.

    result: the word that decides. key, membership, amount, unit: the echo, compared with what was instructed.
    """

    result: Pointer | None = None
    reference: Pointer | None = None
    reason: Pointer | None = None
    key: Pointer | None = None
    membership: Pointer | None = None
    amount: Pointer | None = None
    unit: Pointer | None = None
    balance: Pointer | None = None
    surviving: Pointer | None = None
    name: Pointer | None = None
    tier: Pointer | None = None


@dataclass(frozen=True, slots=True)
class Meanings:
    """Which words and which HTTP statuses mean what. Words are empty where the statuses alone decide."""

    done_words: tuple[str, ...]
    pending_words: tuple[str, ...]
    refused_words: tuple[str, ...]
    done_statuses: tuple[int, ...]
    pending_statuses: tuple[int, ...]
    refused_statuses: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class NotFoundSpec:
    """How an inquiry says that there is no such key: a status, and a word at a place of the body."""

    status: int
    pointer: Pointer
    word: str


@dataclass(frozen=True, slots=True)
class CallSpec:
    """One verb's call and what its answers mean.

    path: with `{placeholders}` of fields. request: place -> field; places are pointers into the body, or names of the
    query for GET. refusal: where refusals say what; the same as `answer` unless declared.
    """

    verb: Verb
    method: Method
    path: str
    request: Mapping[Pointer, Field]
    constants: Mapping[Pointer, Constant]
    answer: AnswerSpec
    refusal: AnswerSpec
    meanings: Meanings
    not_found: NotFoundSpec | None = None


@dataclass(frozen=True, slots=True)
class DeclarativeSpec:
    """A declarative brand's protocol.

    units: the hub's unit code -> the partner's word for it; empty where the partner is told no unit. key_header: the
    header that carries the key; empty for none. headers: sent with every call. reasons: the partner's word -> ours.
    """

    amount_form: AmountForm
    key_header: str
    headers: Mapping[str, str]
    units: Mapping[str, str]
    reasons: Mapping[str, Reason]
    calls: Mapping[Verb, CallSpec]
