"""A reply read by a declared call: a yes, a no, not yet, or no proof.

Knows words, statuses and pointers as they are declared. What they do not declare is no proof.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from hub.kernel.limits import AMOUNT_LEDGER_MAX
from partners.base import Done, Instruction, Outcome, Refused, Unknown
from partners.declarative.pointers import Pointer, value_at
from partners.declarative.spec import AmountForm, AnswerSpec, CallSpec, DeclarativeSpec
from partners.replies import amount_of, no_proof, reference_of, unfamiliar, word
from partners.session import Reply


@dataclass(frozen=True, slots=True)
class Reading:
    """What reading needs of a brand.

    scales: unit code -> decimal digits. surviving: keeps a text that is a number of the brand, else gives an empty one.
    """

    spec: DeclarativeSpec
    scales: Mapping[str, int]
    surviving: Callable[[str], str]

    def moved(self, call: CallSpec, reply: Reply, document: Mapping[str, object], instruction: Instruction) -> Outcome:
        """What the answer to an instruction that moves points means."""
        judged, answer = self.judged(call, reply, document, scale=instruction.scale)
        if isinstance(judged, Unknown) and not judged.pending:
            return judged
        return self._wrong_echo(answer, document, instruction) or judged

    def inquired(self, call: CallSpec, reply: Reply, document: Mapping[str, object], key: str) -> Outcome:
        """What the answer to an inquiry means. The amount is compared by the caller, who knows what was instructed."""
        missing = call.not_found
        told = value_at(document, call.answer.key) if call.answer.key else None
        absent = missing is not None and reply.status == missing.status
        if missing is not None and absent and value_at(document, missing.pointer) == missing.word:
            return Unknown("key not found", not_found=True) if told in (None, key) else Unknown("wrong echo: key")
        judged, answer = self.judged(call, reply, document, scale=self._scale(call, document))
        if isinstance(judged, Unknown) and not judged.pending:
            return judged
        if answer.key is not None and value_at(document, answer.key) != key:
            return Unknown("wrong echo: key")
        return judged

    def judged(
        self, call: CallSpec, reply: Reply, document: Mapping[str, object], *, scale: int | None
    ) -> tuple[Outcome, AnswerSpec]:
        """Yes, no, not yet or no proof, and where the answer said it. scale: None when the amount cannot be read."""
        answer, refusal, means = call.answer, call.refusal, call.meanings
        said = word_in(document, answer.result)
        reference = reference_of(text_in(document, answer.reference))
        if reply.status in means.done_statuses and _says(answer, said, means.done_words):
            if answer.reference is not None and not reference:
                return Unknown(f"http {reply.status}, no reference"), answer
            return self._done(answer, document, reference, scale), answer
        if reply.status in means.pending_statuses and _says(answer, said, means.pending_words):
            return Unknown(f"{word(said) or 'accepted'} by the partner", pending=True), answer
        no, why = word_in(document, refusal.result), word_in(document, refusal.reason)
        if reply.status in means.refused_statuses and _says(refusal, no, means.refused_words):
            reason = self.spec.reasons.get(why)
            return (Refused(reason, word(why)) if reason else unfamiliar(reply, why)), refusal
        if 200 <= reply.status < 300:
            return unfamiliar(reply, said or why), answer
        return no_proof(reply, why or said), answer

    def amount(self, document: Mapping[str, object], pointer: Pointer | None, scale: int | None) -> int | None:
        """Smallest units at a pointer, in the brand's form and nothing else; None when they cannot be read."""
        value = value_at(document, pointer) if pointer is not None else None
        return amount_in(value, scale, self.spec.amount_form) if scale is not None else None

    def _done(self, answer: AnswerSpec, document: Mapping[str, object], reference: str, scale: int | None) -> Done:
        return Done(
            reference=reference,
            membership=self.surviving(text_in(document, answer.surviving)),
            balance=self.amount(document, answer.balance, scale),
            amount=self.amount(document, answer.amount, scale),
        )

    def _wrong_echo(
        self, answer: AnswerSpec, document: Mapping[str, object], instruction: Instruction
    ) -> Unknown | None:
        expected: tuple[tuple[str, Pointer | None, object], ...] = (
            ("key", answer.key, instruction.key),
            ("membership", answer.membership, instruction.membership),
            ("unit", answer.unit, self.spec.units.get(instruction.unit, instruction.unit)),
        )
        for name, pointer, value in expected:
            if pointer is not None and value_at(document, pointer) != value:
                return Unknown(f"wrong echo: {name}")
        told = self.amount(document, answer.amount, instruction.scale)
        return Unknown("wrong echo: amount") if answer.amount is not None and told != instruction.amount else None

    def _scale(self, call: CallSpec, document: Mapping[str, object]) -> int | None:
        """The digits of the unit that an answer names; of the only scale there is when it names none."""
        if call.answer.unit is None:
            return next(iter(self.scales.values())) if len(set(self.scales.values())) == 1 else 0
        told = value_at(document, call.answer.unit)
        return next((scale for unit, scale in self.scales.items() if self.spec.units.get(unit, unit) == told), None)


def amount_in(value: object, scale: int, form: AmountForm) -> int | None:
    """Smallest units of a value in exactly this form; None when it is in any other."""
    if isinstance(value, bool):
        return None
    match form:
        case AmountForm.WHOLE:
            return value if isinstance(value, int) and abs(value) <= AMOUNT_LEDGER_MAX else None
        case AmountForm.DECIMAL_TEXT:
            return _signed(value, scale) if isinstance(value, str) else None
        case AmountForm.DECIMAL_NUMBER:
            return _signed(str(value), scale) if isinstance(value, int | Decimal) else None


def text_in(document: Mapping[str, object], pointer: Pointer | None) -> str:
    """The text at a pointer, numbers as they are written; empty when there is none."""
    value = value_at(document, pointer) if pointer is not None else None
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= AMOUNT_LEDGER_MAX:
        return str(value)
    return value if isinstance(value, str) else ""


def word_in(document: Mapping[str, object], pointer: Pointer | None) -> str:
    """As `text_in`; true and false are the words `true` and `false`."""
    value = value_at(document, pointer) if pointer is not None else None
    return str(value).lower() if isinstance(value, bool) else text_in(document, pointer)


def _says(answer: AnswerSpec, said: str, words: tuple[str, ...]) -> bool:
    """Whether the word is one of these; where no word is declared, the status has decided."""
    return answer.result is None or said in words


def _signed(text: str, scale: int) -> int | None:
    amount = amount_of(text.removeprefix("-"), scale)
    return -amount if amount is not None and text.startswith("-") else amount
