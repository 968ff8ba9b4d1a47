"""The sections of a declarative brand's profile, read to the last key; what contradicts itself is refused.

Knows the sections `[wire]`, `[answer]`, `[refusal]`, `[words]`, `[statuses]`, `[reasons]` and one for each verb. Does
not know the rest of a profile, and calls nobody.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from partners.base import Reason, Verb
from partners.declarative.meanings import MEMBER_VERBS, STATUSES, answer_of, meanings_of, not_found_of, pointer_in
from partners.declarative.pointers import Pointer, crossing
from partners.declarative.spec import (
    AMOUNT_FIELDS,
    AmountForm,
    AnswerSpec,
    CallSpec,
    Constant,
    DeclarativeSpec,
    Field,
    Method,
)
from partners.profile_table import ProfileTable

_PATH = re.compile(r"(/([A-Za-z0-9._~:@!$&'()*+,;=%-]|\{[a-z_]+\})*)+")
_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")
_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")
_HEADER_TEXT = re.compile(r"[\x20-\x7e]{1,256}")
_QUERY_NAME = re.compile(r"[A-Za-z0-9_.\[\]-]{1,64}")
# Headers that the session or HTTP itself writes.
_TAKEN_HEADERS = frozenset(
    [
        "authorization",
        "content-digest",
        "content-length",
        "content-type",
        "connection",
        "cookie",
        "host",
        "signature",
        "signature-input",
        "traceparent",
        "transfer-encoding",
        "user-agent",
    ]
)

_MOVES = (Verb.DEBIT, Verb.CREDIT, Verb.REVERSE)
_MOVE_FIELDS = frozenset({Field.KEY, Field.MEMBERSHIP, Field.AMOUNT, Field.UNIT, Field.CURRENCY})
_ORIGINALS = frozenset({Field.ORIGINAL_KEY, Field.ORIGINAL_REFERENCE})
_FIELDS: Mapping[Verb, frozenset[Field]] = {
    Verb.DEBIT: _MOVE_FIELDS,
    Verb.CREDIT: _MOVE_FIELDS | {Field.BASE, Field.BONUS},
    Verb.REVERSE: _MOVE_FIELDS | _ORIGINALS,
    Verb.INQUIRE: frozenset({Field.KEY}),
    Verb.BALANCE: frozenset({Field.MEMBERSHIP}),
    Verb.VALIDATE_MEMBER: frozenset({Field.MEMBERSHIP, Field.NAME}),
}
# What may stand in a path: names and amounts belong into bodies, since paths end up in logs.
_PATH_FIELDS = frozenset({Field.KEY, Field.MEMBERSHIP}) | _ORIGINALS


@dataclass(frozen=True, slots=True)
class Stated:
    """What the rest of the profile states. units: code -> scale. keys: whether keys are honoured."""

    verbs: frozenset[Verb]
    by_credit: bool
    keys: bool
    units: Mapping[str, int]


def read_declared(top: ProfileTable, stated: Stated) -> DeclarativeSpec:
    """The declarative sections of a profile. Raises: ProfileInvalid."""
    if Verb.CREDIT_MANY in stated.verbs:
        raise top.refusal("capabilities", 'verb "credit_many" needs an adapter.py: no profile can declare it')
    if "wire" not in top:
        raise top.refusal("adapter", "is missing: name a class, or declare the protocol, beginning with [wire]")
    wire = top.table("wire")
    form = wire.choice("amount", AmountForm)
    key_header = _header_name(wire, "key_header") if "key_header" in wire else ""
    headers = _headers(wire.table_or_none("headers"), key_header)
    units = _units(wire.table_or_none("units"), stated)
    wire.finish()
    shared = _Shared(
        answer=pointer_in(top.table("answer"), Verb.DEBIT),
        refusal=pointer_in(refusal, Verb.DEBIT) if (refusal := top.table_or_none("refusal")) else None,
        words=_words(top.table_or_none("words")),
        statuses=_statuses(top.table("statuses")),
    )
    reasons = _reasons(top.table("reasons"))
    calls = {}
    for verb in Verb:
        table = top.table_or_none(verb)
        if table is not None and verb not in stated.verbs:
            raise top.refusal(verb, f'has a section, but capabilities.verbs does not state "{verb}"')
        if table is not None:
            calls[verb] = _call(verb, table, shared, stated, key_header=key_header, form=form)
        elif verb in stated.verbs and not (verb is Verb.REVERSE and stated.by_credit):
            raise top.refusal(verb, f'capabilities.verbs states "{verb}", but there is no section [{verb}]')
    if Verb.INQUIRE not in calls and any(call.meanings.pending_statuses for call in calls.values()):
        raise top.refusal("statuses", 'says what means pending, but without the verb "inquire" nobody learns the end')
    if stated.by_credit and Verb.REVERSE not in calls:
        if Verb.CREDIT not in calls:
            raise top.refusal("capabilities", 'reverse = "by_credit" needs the verb "credit" or a section [reverse]')
        calls[Verb.REVERSE] = replace(calls[Verb.CREDIT], verb=Verb.REVERSE)
    return DeclarativeSpec(form, key_header, headers, units, reasons, calls)


@dataclass(frozen=True, slots=True)
class _Shared:
    """What all calls that move points, and inquiries, have in common unless a verb says otherwise."""

    answer: AnswerSpec
    refusal: AnswerSpec | None
    words: Mapping[str, tuple[str, ...]]
    statuses: Mapping[str, tuple[int, ...]]


def _call(
    verb: Verb, table: ProfileTable, shared: _Shared, stated: Stated, *, key_header: str, form: AmountForm
) -> CallSpec:
    moves = verb in _MOVES
    method = table.choice("method", Method)
    if moves and method is Method.GET:
        raise table.refusal("method", "moves points, so it must not be GET")
    path = _path(verb, table)
    request, constants = _request(verb, table, method), _constants(table, method)
    if (crossed := crossing([*request, *constants])) is not None:
        raise table.refusal("request", f"writes to /{'/'.join(crossed)} twice, or through a value")
    answer, refusal = answer_of(verb, table, shared.answer, shared.refusal)
    words, statuses = _words(table.table_or_none("words")), _statuses(table.table_or_none("statuses"))
    if verb in MEMBER_VERBS:
        statuses = {**{name: some for name, some in shared.statuses.items() if name != "pending"}, **statuses}
    else:
        words, statuses = {**shared.words, **words}, {**shared.statuses, **statuses}
    meanings = meanings_of(table, answer, refusal, words, statuses)
    call = CallSpec(verb, method, path, request, constants, answer, refusal, meanings, not_found_of(verb, table))
    _check_sent(table, call, stated, key_header=key_header)
    _check_told(table, call, stated, form=form, key_sent=_sends(call, Field.KEY) or (moves and bool(key_header)))
    table.finish()
    return call


def _path(verb: Verb, table: ProfileTable) -> str:
    path = table.text("path", _PATH)
    if any(piece in (".", "..") for piece in path.split("/")):
        raise table.refusal("path", "must not climb: no piece of it is . or ..")
    allowed = sorted(_FIELDS[verb] & _PATH_FIELDS)
    for name in _PLACEHOLDER.findall(path):
        if name not in allowed:
            raise table.refusal("path", f"{{{name}}} is not substituted here; only {', '.join(allowed)} are")
    return path


def _request(verb: Verb, table: ProfileTable, method: Method) -> dict[Pointer, Field]:
    inner = table.table_or_none("request")
    found: dict[Pointer, Field] = {}
    for place in inner.names() if inner else ():
        assert inner is not None
        field = inner.choice(place, Field)
        if field not in _FIELDS[verb]:
            raise inner.refusal(place, f"{field} is not known to {verb}; {', '.join(sorted(_FIELDS[verb]))} are")
        found[_place(inner, place, method)] = field
    return found


def _constants(table: ProfileTable, method: Method) -> dict[Pointer, Constant]:
    inner = table.table_or_none("constants")
    found: dict[Pointer, Constant] = {}
    for place in inner.names() if inner else ():
        assert inner is not None
        value = inner.take(place)
        if not isinstance(value, str | int | bool):
            raise inner.refusal(place, "must be a text, a whole number, true or false")
        found[_place(inner, place, method)] = value
    return found


def _place(table: ProfileTable, place: str, method: Method) -> Pointer:
    if method is Method.GET:
        if not _QUERY_NAME.fullmatch(place):
            raise table.refusal(place, "is not a name for the query of a GET")
        return (place,)
    return table.pointer_named(place)


def _check_sent(table: ProfileTable, call: CallSpec, stated: Stated, *, key_header: str) -> None:
    """Everything that the partner must be told is told."""
    verb = call.verb
    if verb in _MOVES:
        if stated.keys and not (key_header or _sends(call, Field.KEY)):
            raise table.refusal("request", "sends the key nowhere, but capabilities.keys says that keys are honoured")
        written = set(call.request.values()) & AMOUNT_FIELDS
        if Field.AMOUNT not in written and written != {Field.BASE, Field.BONUS}:
            raise table.refusal("request", "must write the amount, or both base and bonus")
        if len(stated.units) > 1 and not _sends(call, Field.UNIT):
            raise table.refusal("request", "must write the unit: the brand has several")
        if verb is Verb.REVERSE and not stated.by_credit and not any(_sends(call, one) for one in _ORIGINALS):
            raise table.refusal("request", "must write original_key or original_reference: what is to be undone")
        if verb is Verb.REVERSE and any(_sends(call, one) for one in _ORIGINALS):
            return
    wanted = Field.KEY if verb is Verb.INQUIRE else Field.MEMBERSHIP
    if not _sends(call, wanted):
        raise table.refusal("request", f"sends the {wanted} nowhere, neither in the path nor in the request")


def _check_told(table: ProfileTable, call: CallSpec, stated: Stated, *, form: AmountForm, key_sent: bool) -> None:
    """Answers say what a yes cannot do without."""
    answer = call.answer
    needed: dict[str, Pointer | None] = {}
    if call.verb in _MOVES:
        needed = {"reference": answer.reference, "amount": answer.amount}
    elif call.verb is Verb.INQUIRE:
        needed = {"reference": answer.reference}
        if form is not AmountForm.WHOLE and len(set(stated.units.values())) > 1:
            needed["unit"] = answer.unit
    elif call.verb is Verb.BALANCE:
        needed = {"balance": answer.balance}
    if key_sent:
        needed["key"] = answer.key
    for name, pointer in needed.items():
        if pointer is None:
            raise table.refusal("answer", f"does not say where the {name} stands, in [{call.verb}.answer] or [answer]")


def _sends(call: CallSpec, field: Field) -> bool:
    return field in call.request.values() or f"{{{field}}}" in call.path


def _headers(table: ProfileTable | None, key_header: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for key in table.names() if table else ():
        assert table is not None
        name = key.lower()
        if not _HEADER.fullmatch(key) or name in _TAKEN_HEADERS or name == key_header or name in found:
            raise table.refusal(key, "cannot be set: it is no header name, or it is written already")
        found[name] = table.text(key, _HEADER_TEXT)
    return found


def _header_name(table: ProfileTable, key: str) -> str:
    name = table.text(key, _HEADER).lower()
    if name in _TAKEN_HEADERS:
        raise table.refusal(key, f"{name} is written already")
    return name


def _units(table: ProfileTable | None, stated: Stated) -> dict[str, str]:
    if table is None:
        return {}
    found = {unit: table.text(unit) for unit in sorted(stated.units)}
    if len(set(found.values())) != len(found):
        raise table.refusal("", "gives two units one word")
    table.finish()
    return found


def _words(table: ProfileTable | None) -> dict[str, tuple[str, ...]]:
    if table is None:
        return {}
    found = {meaning: table.texts(meaning) for meaning in ("done", "pending", "refused") if meaning in table}
    every = [word for words in found.values() for word in words]
    if len(set(every)) != len(every):
        raise table.refusal("", "gives one word two meanings")
    table.finish()
    return found


def _statuses(table: ProfileTable | None) -> dict[str, tuple[int, ...]]:
    if table is None:
        return {}
    found = {}
    for meaning, allowed in STATUSES.items():
        if meaning not in table:
            continue
        found[meaning] = table.wholes(meaning, 200, 499)
        for status in found[meaning]:
            if status not in allowed:
                raise table.refusal(meaning, f"{status} never means that an instruction was {meaning}")
    table.finish()
    return found


def _reasons(table: ProfileTable) -> dict[str, Reason]:
    found: dict[str, Reason] = {}
    for word in table.names():
        reason = table.choice(word, Reason)
        if reason is Reason.KEY_REUSED:
            raise table.refusal(word, "key_reused is no refusal: a key used otherwise is looked into by a person")
        found[word] = reason
    if not found:
        raise table.refusal("", "must map at least one word of the partner to a reason of the hub")
    return found
