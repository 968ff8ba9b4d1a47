"""One brand on trial: instructions are made, asked for, and what the partner heard and booked is kept beside them.

Knows the bench and the adapter's verbs. What must follow from what stands in the checks.
"""

import secrets
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from partners.base import (
    Done,
    Instruction,
    Member,
    MemberBalance,
    MemberValidation,
    Outcome,
    Refused,
    Unknown,
    Verb,
)
from partners.conformance.listening import Ear
from partners.conformance.types import ContractBroken, NotApplicable
from partners.profile import Profile, ReverseKind, UnitProfile
from partners.sandbox.bench import MEMBER_NAME, Bench, amount_in
from partners.sandbox.books import Move
from partners.sandbox.desk import Heard, Strike
from partners.sandbox.face import Moves, Unheard

# A partner that answers "pending" is asked again this often, this many times.
_POLL_SECONDS = 0.02
_POLLS_MAX = 150
# Trial members that are active and rich, taken in turn.
_MEMBERS = range(100, 199)


@dataclass(frozen=True, slots=True)
class Asked:
    """One call of the adapter. heard: the calls that the partner heard meanwhile, in order."""

    verb: Verb
    instruction: Instruction
    outcome: Outcome
    heard: tuple[Heard, ...]

    @property
    def calls(self) -> tuple[Heard, ...]:
        """The calls that were let in."""
        return tuple(one for one in self.heard if one.task is not None)

    @property
    def moves(self) -> tuple[Move, ...]:
        """What was asked of the partner, in order, a call with many unpacked."""
        found: list[Move] = []
        for one in self.calls:
            if isinstance(one.task, Move):
                found.append(one.task)
            elif isinstance(one.task, Moves):
                found += one.task.moves
        return tuple(found)

    @property
    def unheard(self) -> Unheard | None:
        """What the partner could not make out, if there was any."""
        return next((one.task for one in self.calls if isinstance(one.task, Unheard)), None)

    def shown(self) -> str:
        """The outcome as a sentence shows it."""
        return f"{self.verb} answered {shown(self.outcome)}"


def shown(outcome: object) -> str:
    """An outcome in words."""
    match outcome:
        case Done():
            return f"Done (reference {outcome.reference or 'none'})"
        case Refused():
            return f"Refused ({outcome.reason})"
        case Unknown():
            facts = [name for name in ("not_found", "pending") if getattr(outcome, name)]
            return f"Unknown ({', '.join([outcome.why, *facts])})"
    return repr(outcome)[:120]


class Trial:
    """A bench with memory. ear: what was said so far. folder: of the brand. toured: whether all was provoked once."""

    def __init__(self, bench: Bench, folder: Path) -> None:
        self.bench = bench
        self.folder = folder
        self.ear = Ear()
        self.keys_used: set[str] = set()
        self.toured = False
        self._next_member = 0

    @property
    def profile(self) -> Profile:
        """What the brand declares."""
        return self.bench.profile

    @property
    def unit(self) -> UnitProfile:
        """The brand's first unit."""
        return self.profile.units[0]

    def offers(self, verb: Verb) -> bool:
        """Whether the profile states the verb."""
        return verb in self.profile.capabilities.verbs

    def need(self, *verbs: Verb) -> None:
        """Raises: NotApplicable, unless the profile states all of these."""
        for verb in verbs:
            if not self.offers(verb):
                raise NotApplicable(f"the profile does not state the verb {verb}")

    def moves_offered(self) -> tuple[Verb, ...]:
        """Of debit and credit, those that the profile states."""
        return tuple(verb for verb in (Verb.DEBIT, Verb.CREDIT) if self.offers(verb))

    def some_move(self) -> Verb:
        """A verb that moves points. Raises: NotApplicable."""
        offered = self.moves_offered()
        if not offered:
            raise NotApplicable("the profile states neither debit nor credit")
        return offered[0]

    def member(self) -> str:
        """Another active member every time."""
        number = _MEMBERS[self._next_member % len(_MEMBERS)]
        self._next_member += 1
        return self.bench.member(number)

    def instruction(
        self,
        amount: int | None = None,
        *,
        unit: UnitProfile | None = None,
        membership: str = "",
        number: int | None = None,
        bonus: int = 0,
    ) -> Instruction:
        """A new instruction under a key of its own; of an active member unless one is named."""
        unit = unit or self.unit
        if not membership:
            membership = self.member() if number is None else self.bench.member(number)
        return Instruction(
            # As long as a key may be, with every sort of character that may stand in one.
            key=f"Trial_-{secrets.token_hex(28)}Z",
            membership=membership,
            unit=unit.code,
            amount=amount or plain_amount(unit),
            scale=unit.scale,
            bonus=bonus,
            trace="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        )

    def ask(self, verb: Verb, instruction: Instruction, *strikes: Strike) -> Asked:
        """Call the adapter once. strikes: what the partner's next calls meet. Raises: ContractBroken if it raises."""
        simulator, code = self.bench.simulator, self.profile.code
        simulator.strike(code, *strikes)
        simulator.forget_heard(code)
        outcome = self._answer(verb, instruction)
        simulator.strike(code)
        heard = tuple(simulator.heard(code))
        self._note(heard, outcome)
        self.keys_used.add(instruction.key)
        return Asked(verb, instruction, outcome, heard)

    def ask_many(self, instructions: Sequence[Instruction], *strikes: Strike) -> tuple[list[Outcome], Asked]:
        """`credit_many` once; its outcomes, and what was heard."""
        simulator, code = self.bench.simulator, self.profile.code
        simulator.strike(code, *strikes)
        simulator.forget_heard(code)
        outcomes = self.guarded(Verb.CREDIT_MANY, lambda: self.bench.adapter.credit_many(instructions))
        simulator.strike(code)
        heard = tuple(simulator.heard(code))
        if not isinstance(outcomes, list):
            raise ContractBroken(f"credit_many answered {outcomes!r:.80}", "a list of outcomes", "Return a list.")
        for outcome in outcomes:
            self._note(heard, outcome)
        first = outcomes[0] if outcomes else Unknown("nothing was asked")
        return outcomes, Asked(Verb.CREDIT_MANY, instructions[0] if instructions else self.instruction(), first, heard)

    def validate(self, membership: str, name: str = "", *strikes: Strike) -> tuple[MemberValidation, Asked]:
        """`validate_member` once."""
        self.bench.simulator.forget_heard(self.profile.code)
        self.bench.simulator.strike(self.profile.code, *strikes)
        member = Member(membership, name)
        found = self.guarded(Verb.VALIDATE_MEMBER, lambda: self.bench.adapter.validate_member(member))
        if not isinstance(found, MemberValidation):
            raise _no_outcome(Verb.VALIDATE_MEMBER, found, "a MemberValidation")
        return found, self._looked_up(Verb.VALIDATE_MEMBER, membership, found.outcome)

    def balance(self, membership: str, *strikes: Strike) -> tuple[MemberBalance, Asked]:
        """`balance` once."""
        self.bench.simulator.forget_heard(self.profile.code)
        self.bench.simulator.strike(self.profile.code, *strikes)
        found = self.guarded(Verb.BALANCE, lambda: self.bench.adapter.balance(membership))
        if not isinstance(found, MemberBalance):
            raise _no_outcome(Verb.BALANCE, found, "a MemberBalance")
        return found, self._looked_up(Verb.BALANCE, membership, found.outcome)

    def settled(self, verb: Verb, instruction: Instruction) -> Asked:
        """A call, waited for where the partner tells later."""
        asked = self.ask(verb, instruction)
        return replace(asked, outcome=self.ended(instruction, asked.outcome))

    def inquired(self, instruction: Instruction) -> Asked:
        """An inquiry, waited for where the partner tells later."""
        asked = self.ask(Verb.INQUIRE, instruction)
        return replace(asked, outcome=self.ended(instruction, asked.outcome))

    def ended(self, instruction: Instruction, outcome: Outcome) -> Outcome:
        """`outcome`, or what inquiries tell once it is no longer pending."""
        for _ in range(_POLLS_MAX):
            if not (isinstance(outcome, Unknown) and outcome.pending):
                return outcome
            time.sleep(_POLL_SECONDS)
            outcome = self.ask(Verb.INQUIRE, instruction).outcome
        return outcome

    def at_once(self, calls: Sequence[Callable[[], Outcome]]) -> list[Outcome]:
        """The outcomes of calls that start together, each in a thread of its own."""
        gate, outcomes = threading.Barrier(len(calls)), [Unknown("not asked")] * len(calls)
        found: list[object] = list(outcomes)

        def run(place: int) -> None:
            gate.wait()
            try:
                found[place] = calls[place]()
            except Exception as fault:
                found[place] = fault

        self.bench.simulator.forget_heard(self.profile.code)
        threads = [threading.Thread(target=run, args=(place,)) for place in range(len(calls))]
        with self.ear.listening():
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        return [self._outcome("the adapter", one) for one in found]

    def judged(self, verb: Verb, instruction: Instruction, call: Callable[[Instruction], object]) -> Outcome:
        """The outcome of a call of another adapter than the bench's own."""
        return self._outcome(verb, self.guarded(verb, lambda: call(instruction)))

    def booked(self, instruction: Instruction) -> list[int]:
        """What the partner has booked under the instruction's key: signed amounts, one for each time."""
        return self.bench.moved(instruction.key)

    def undoing(self, original: Asked, amount: int) -> Instruction:
        """An instruction that undoes so much of an earlier one."""
        done = original.outcome
        reference = done.reference if isinstance(done, Done) else ""
        unit = next(one for one in self.profile.units if one.code == original.instruction.unit)
        back = self.instruction(amount, unit=unit, membership=original.instruction.membership)
        return replace(back, original_key=original.instruction.key, original_reference=reference)

    def reversible(self, amount: int | None = None) -> Asked:
        """A debit that is done and can be undone. Raises: NotApplicable, ContractBroken."""
        if self.profile.capabilities.reverse is ReverseKind.NONE:
            raise NotApplicable("the profile says that nothing can be undone")
        self.need(Verb.DEBIT, Verb.REVERSE)
        asked = self.settled(Verb.DEBIT, self.instruction(amount))
        if not isinstance(asked.outcome, Done):
            raise ContractBroken(f"a plain {asked.shown()}", "Done", "See the happy paths first.")
        return asked

    def guarded(self, verb: Verb, call: Callable[[], object]) -> object:
        """What a call returns, heard meanwhile. Raises: ContractBroken, if it raises."""
        with self.ear.listening():
            try:
                return call()
            except Exception as fault:
                raise raised(verb, fault) from fault

    def _answer(self, verb: Verb, instruction: Instruction) -> Outcome:
        adapter = self.bench.adapter
        calls: dict[Verb, Callable[[], object]] = {
            Verb.DEBIT: lambda: adapter.debit(instruction),
            Verb.CREDIT: lambda: adapter.credit(instruction),
            Verb.REVERSE: lambda: adapter.reverse(instruction),
            Verb.INQUIRE: lambda: adapter.inquire(instruction.key),
        }
        return self._outcome(verb, self.guarded(verb, calls[verb]))

    def _outcome(self, verb: str, found: object) -> Outcome:
        if isinstance(found, Exception):
            raise raised(verb, found)
        if not isinstance(found, Done | Refused | Unknown):
            raise _no_outcome(verb, found, "Done, Refused or Unknown")
        self.ear.answered.append(repr(found))
        return found

    def _looked_up(self, verb: Verb, membership: str, outcome: Outcome) -> Asked:
        self.bench.simulator.strike(self.profile.code)
        heard = tuple(self.bench.simulator.heard(self.profile.code))
        self._note(heard, outcome)
        return Asked(verb, replace(self.instruction(membership=membership)), outcome, heard)

    def _note(self, heard: tuple[Heard, ...], outcome: Outcome) -> None:
        self.ear.answered.append(repr(outcome))
        for one in heard:
            kind, _, token = one.call.headers.get("authorization", "").partition(" ")
            if kind == "Bearer" and token:
                self.ear.tokens.add(token)


def raised(verb: str, fault: Exception) -> ContractBroken:
    """An adapter that raised."""
    return ContractBroken(
        f"{verb} raised {type(fault).__name__}: {str(fault)[:160]}",
        "an outcome, whatever the partner does",
        "Read replies with partners.replies, and answer Unknown where there is no proof",
    )


def _no_outcome(verb: str, found: object, must: str) -> ContractBroken:
    return ContractBroken(f"{verb} answered {found!r:.80}", must, "Return an outcome on every path")


def plain_amount(unit: UnitProfile) -> int:
    """An amount that the unit allows; a third of it can be undone where the unit allows that."""
    return amount_in(unit, 600) or unit.amounts.amount_step * -(-unit.amounts.amount_min // unit.amounts.amount_step)


NAME = MEMBER_NAME
