"""The simulator of a declarative brand: the same declaration, read from the other side.

It proves that a profile hangs together, and lets the hub be tried before the partner has a sandbox. It does not prove
that the partner really speaks so: replies recorded from the partner, and its own sandbox, do.
"""

import json
import re
import secrets
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from urllib.parse import parse_qsl, unquote

from partners.base import Reason, Verb
from partners.declarative.pointers import Pointer, put, value_at
from partners.declarative.reading import amount_in
from partners.declarative.spec import AnswerSpec, CallSpec, DeclarativeSpec, Field, Method
from partners.declarative.writing import json_text, written_amount
from partners.profile import Profile
from partners.sandbox.books import Answered, Applied, Conflict, Found, MemberView, Missing, Move, MoveKind, Rejected
from partners.sandbox.face import Answer, Call, Face, Inquiry, Lookup, Task, Unheard, json_answer

# From acceptance to the result, where a brand says that results come later.
_SETTLES_AFTER = timedelta(milliseconds=40)
_KINDS = {Verb.DEBIT: MoveKind.DEBIT, Verb.CREDIT: MoveKind.CREDIT, Verb.REVERSE: MoveKind.REVERSE}
_VERBS = {kind: verb for verb, kind in _KINDS.items()}
# What a brand says that has no word for a reason of ours.
_NEXT_BEST = (Reason.MEMBER_INELIGIBLE, Reason.MEMBER_CLOSED, Reason.MEMBER_BLOCKED, Reason.MEMBER_UNKNOWN)
_UNFAMILIAR = "queued_for_synergy"


class DeclarativeFace(Face):
    """Speaks what a profile declares."""

    def __init__(self, profile: Profile) -> None:
        assert profile.declared is not None, "only declarative brands are simulated from their profile"
        self._profile = profile
        self.key_life_hours = profile.capabilities.key_life_hours
        self._spec: DeclarativeSpec = profile.declared
        self._paths = {verb: _pattern(call.path) for verb, call in self._spec.calls.items()}
        self._reasons = {reason: word for word, reason in reversed(list(self._spec.reasons.items()))}

    def read(self, call: Call) -> Task:
        """What the call asks for: the first declared call whose method, path and constants it has."""
        document = _document(call)
        for verb, spec in self._spec.calls.items():
            fields = self._fields(spec, call, document)
            if fields is not None:
                return self._task(verb, fields)
        return Unheard(404, "no_such_resource")

    def moved(self, result: Answered) -> Answer:
        """The declared yes, no or not yet; 409 for a key that stands for something else."""
        call = self._spec.calls[_VERBS[result.move.kind]]
        if isinstance(result, Conflict):
            return self._answer(409, call.refusal, {"result": "key_reused", "reason": "key_reused"}, result.move)
        return self._told(call, result)

    def found(self, result: Found) -> Answer:
        """What was answered before, or that there is no such key."""
        call = self._spec.calls[Verb.INQUIRE]
        assert call.not_found is not None, "an inquiry says how it finds nothing"
        if isinstance(result, Missing):
            document: dict[str, object] = {}
            put(document, call.not_found.pointer, call.not_found.word)
            return _json(call.not_found.status, document)
        return self._told(call, result)

    def member(self, lookup: Lookup, view: MemberView | None, refusal: Reason | None) -> Answer:
        """What the brand says about a member."""
        call = self._spec.calls[Verb.BALANCE if lookup.wants_balance else Verb.VALIDATE_MEMBER]
        means, told = call.meanings, {"membership": lookup.membership}
        if view is None or refusal is not None:
            reason = self._word(refusal or Reason.MEMBER_UNKNOWN)
            facts = {**told, "result": _first(means.refused_words), "reason": reason}
            return self._answer(means.refused_statuses[0], call.refusal, facts, None)
        unit = self._profile.units[0]
        facts = {**told, "result": _first(means.done_words), "name": view.name, "tier": view.tier}
        written = written_amount(view.balances.get(unit.code, 0), unit.scale, self._spec.amount_form)
        facts |= {"surviving": view.surviving, "balance": written}  # type: ignore[dict-item]
        return self._answer(means.done_statuses[0], call.answer, facts, None)

    def muddled(self, move: Move) -> Answer:
        """A yes in a word that is not declared; where no word decides, with a status that is not."""
        call = self._spec.calls[_VERBS[move.kind]]
        means = call.meanings
        status = means.done_statuses[0]
        if call.answer.result is None:
            known = {*means.done_statuses, *means.pending_statuses, *means.refused_statuses}
            status = next(number for number in range(299, 199, -1) if number not in known)
        return self._answer(status, call.answer, {"result": _UNFAMILIAR, "reference": "Q1"}, move)

    def _told(self, call: CallSpec, result: Applied | Rejected) -> Answer:
        means, move = call.meanings, result.move
        if means.pending_statuses and result.age < _SETTLES_AFTER:
            facts: dict[str, object] = {"result": _first(means.pending_words), "reference": "P1"}
            return self._answer(means.pending_statuses[0], call.answer, facts, move)
        if isinstance(result, Rejected):
            facts = {"result": _first(means.refused_words), "reason": self._word(result.reason)}
            return self._answer(means.refused_statuses[0], call.refusal, facts, move)
        words = means.done_words
        facts = {
            "result": words[-1] if result.replayed and words else _first(words),
            "reference": result.reference,
            "surviving": result.surviving,
            "balance": written_amount(result.balance, self._scale(move.unit), self._spec.amount_form),
        }
        return self._answer(means.done_statuses[0], call.answer, facts, move)

    def _answer(self, status: int, told: AnswerSpec, facts: Mapping[str, object], move: Move | None) -> Answer:
        """An answer with each fact at its declared place; facts that have none are left out."""
        if move is not None:
            amount = written_amount(move.amount, self._scale(move.unit), self._spec.amount_form)
            unit = self._spec.units.get(move.unit, move.unit)
            facts = {"key": move.key, "membership": move.membership, "amount": amount, "unit": unit, **facts}
        document: dict[str, object] = {}
        for name, value in facts.items():
            pointer: Pointer | None = getattr(told, name)
            if pointer is not None:
                put(document, pointer, value)
        return _json(status, document)

    def _fields(self, spec: CallSpec, call: Call, document: Mapping[str, object]) -> dict[Field, object] | None:
        """What the call writes, by field; None when it is another call."""
        match = self._paths[spec.verb].fullmatch(call.path)
        if call.method != spec.method or match is None:
            return None
        for place, constant in spec.constants.items():
            told = value_at(document, place)
            if told != constant and not (spec.method is Method.GET and told == str(constant).lower()):
                return None
        found: dict[Field, object] = {Field(name): unquote(text) for name, text in match.groupdict().items()}
        found |= {field: value_at(document, place) for place, field in spec.request.items()}
        if self._spec.key_header in call.headers and spec.verb in _KINDS:
            found[Field.KEY] = call.headers[self._spec.key_header]
        return found

    def _task(self, verb: Verb, fields: Mapping[Field, object]) -> Task:
        texts = {field: str(value) for field, value in fields.items() if isinstance(value, str)}
        membership = texts.get(Field.MEMBERSHIP, "")
        match verb:
            case Verb.INQUIRE:
                return Inquiry(texts.get(Field.KEY, ""))
            case Verb.BALANCE:
                return Lookup(membership, wants_balance=True)
            case Verb.VALIDATE_MEMBER:
                return Lookup(membership, texts.get(Field.NAME, ""))
        unit = self._unit(texts.get(Field.UNIT))
        scale, form = self._scale(unit), self._spec.amount_form
        parts = [fields[one] for one in (Field.AMOUNT, Field.BASE, Field.BONUS) if one in fields]
        if Field.AMOUNT in fields:
            parts = parts[:1]
        amounts = [amount_in(part, scale, form) for part in parts]
        key = texts.get(Field.KEY) if Field.KEY in fields else secrets.token_hex(8)
        if not key or not amounts or None in amounts:
            return Unheard(400, "malformed")
        return Move(
            kind=_KINDS[verb],
            key=key,
            membership=membership,
            unit=unit,
            amount=sum(amount for amount in amounts if amount is not None),
            original_key=texts.get(Field.ORIGINAL_KEY, ""),
            original_reference=texts.get(Field.ORIGINAL_REFERENCE, ""),
        )

    def _unit(self, word: str | None) -> str:
        return next(
            (unit for unit, told in self._spec.units.items() if told == word), word or self._profile.units[0].code
        )

    def _scale(self, unit: str) -> int:
        known = self._profile.unit(unit)
        return known.scale if known is not None else self._profile.units[0].scale

    def _word(self, reason: Reason) -> str:
        words = (self._reasons[one] for one in (reason, *_NEXT_BEST) if one in self._reasons)
        return next(words, next(iter(self._spec.reasons)))


def _pattern(path: str) -> re.Pattern[str]:
    pieces = re.split(r"\{([a-z_]+)\}", path)
    return re.compile(
        "".join(f"(?P<{piece}>[^/]+)" if place % 2 else re.escape(piece) for place, piece in enumerate(pieces))
    )


def _document(call: Call) -> Mapping[str, object]:
    if call.method == Method.GET:
        return dict(parse_qsl(call.query, keep_blank_values=True))
    try:
        found = json.loads(call.body, parse_float=Decimal)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _json(status: int, document: Mapping[str, object]) -> Answer:
    return Answer(status, json_text(document).encode(), json_answer(status, {}).content_type)


def _first(words: tuple[str, ...]) -> str:
    return words[0] if words else ""
