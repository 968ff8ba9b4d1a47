"""Partners that do what they are told, and whose books can be read: for tests at the border of the legs."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from hub.legs.types import LegProfile
from partners.base import (
    Done,
    Instruction,
    Member,
    MemberBalance,
    MemberValidation,
    Outcome,
    Reason,
    Refused,
    Unknown,
    Verb,
)

ALL_VERBS = frozenset({Verb.VALIDATE_MEMBER, Verb.DEBIT, Verb.CREDIT, Verb.REVERSE, Verb.INQUIRE})

PROFILE = LegProfile(
    key_life_seconds=8 * 3600,
    inquiry_lag_seconds=30,
    keys=True,
    verbs=ALL_VERBS,
    reverse="native",
    bonus_apart=False,
    retry_first_seconds=1,
    retry_factor=2,
    retry_ceiling_seconds=60,
)


def profile(**changes: object) -> LegProfile:
    """The profile of a partner that can do everything, but for these."""
    return replace(PROFILE, **changes)  # type: ignore[arg-type]


class Crash(BaseException):
    """The process dies here."""


@dataclass
class FakePartner:
    """A partner with books. script: what happens to the next calls, in order; `ok` when it is empty.

    `ok`: applied and answered. `lost`: neither. `deaf`: applied, but the answer is lost. `pending`: applied later, by
    `settle_pending`. `crash`: applied, and the caller dies. `odd`: not applied, an unfamiliar word. `silent`: an
    inquiry gets no answer. `absent`: an inquiry finds nothing, whatever there is. A `Reason`: refused. A `Done`:
    applied, answered so. applied: by key, what was done, how often. booked: (sign, membership, amount) in order.
    """

    keys: bool = True
    script: deque[object] = field(default_factory=deque)
    answers: dict[str, Outcome] = field(default_factory=dict)
    effects: dict[str, int] = field(default_factory=dict)
    booked: list[tuple[int, str, int]] = field(default_factory=list)
    calls: list[tuple[str, str]] = field(default_factory=list)
    waiting: dict[str, tuple[int, Instruction]] = field(default_factory=dict)
    known_members: dict[str, Outcome] = field(default_factory=dict)

    def then(self, *events: object) -> "FakePartner":
        """What happens to the next calls."""
        self.script.extend(events)
        return self

    def moved(self, membership: str) -> int:
        """Points that this membership won or lost so far."""
        return sum(sign * amount for sign, number, amount in self.booked if number == membership)

    def total(self) -> int:
        """Points that all memberships won or lost so far."""
        return sum(sign * amount for sign, _, amount in self.booked)

    def settle_pending(self) -> None:
        """Apply what was accepted and not done yet."""
        for sign, instruction in self.waiting.values():
            self._apply(sign, instruction)
        self.waiting.clear()

    def validate_member(self, member: Member) -> MemberValidation:
        """Ask about a membership."""
        event = self.script.popleft() if self.script else "ok"
        if event == "silent":
            return MemberValidation(Unknown("no answer"))
        return MemberValidation(self.known_members.get(member.membership, Done("seen")), name="A. Person")

    def balance(self, membership: str) -> MemberBalance:
        """Ask for a balance."""
        return MemberBalance(Done("seen"), self.moved(membership))

    def debit(self, instruction: Instruction) -> Outcome:
        """Take points."""
        return self._call("debit", -1, instruction)

    def credit(self, instruction: Instruction) -> Outcome:
        """Give points."""
        return self._call("credit", 1, instruction)

    def credit_many(self, instructions: Sequence[Instruction]) -> list[Outcome]:
        """Give points to many; the script says for each what happens to it."""
        self.calls.append(("credit_many", str(len(instructions))))
        return [self._call("credit", 1, instruction) for instruction in instructions]

    def reverse(self, instruction: Instruction) -> Outcome:
        """Give debited points back."""
        return self._call("reverse", 1, instruction)

    def inquire(self, key: str) -> Outcome:
        """Ask what became of a key."""
        self.calls.append(("inquire", key))
        event = self.script.popleft() if self.script else "ok"
        if event in ("silent", "lost", "deaf"):
            return Unknown("no answer")
        if event == "crash":
            raise Crash
        if event == "absent":
            return Unknown("not found", not_found=True)
        if key in self.waiting:
            return Unknown("pending", pending=True)
        return self.answers.get(key, Unknown("not found", not_found=True))

    def _call(self, verb: str, sign: int, instruction: Instruction) -> Outcome:
        self.calls.append((verb, instruction.key))
        event = self.script.popleft() if self.script else "ok"
        if self.keys and instruction.key in self.answers:
            return self.answers[instruction.key] if event not in ("lost", "deaf") else Unknown("no answer")
        if self.keys and instruction.key in self.waiting:
            # Accepted before under this key, and one key has one effect.
            return Unknown("accepted", pending=True) if event not in ("lost", "deaf") else Unknown("no answer")
        if isinstance(event, Reason):
            return self.answers.setdefault(instruction.key, Refused(event, event.value))
        if event in ("lost", "silent"):
            return Unknown("no answer")
        if event == "odd":
            return Unknown("http 503", retry_after_seconds=7)
        if event == "pending":
            self.waiting[instruction.key] = (sign, instruction)
            return Unknown("accepted", pending=True)
        done = self._apply(sign, instruction, event if isinstance(event, Done) else None)
        if event == "deaf":
            return Unknown("no answer")
        if event == "crash":
            raise Crash
        return done

    def _apply(self, sign: int, instruction: Instruction, answer: Done | None = None) -> Outcome:
        self.effects[instruction.key] = self.effects.get(instruction.key, 0) + 1
        self.booked.append((sign, instruction.membership, instruction.amount))
        done = answer or Done(reference=f"ref-{len(self.booked)}")
        self.answers[instruction.key] = done
        return done


@dataclass
class FakeDirectory:
    """Partners by code, with their profiles."""

    partners: Mapping[str, FakePartner]
    profiles: dict[str, LegProfile]

    def adapter(self, partner: str) -> FakePartner:
        """How to call this partner."""
        return self.partners[partner]

    def profile(self, partner: str) -> LegProfile:
        """What calling it has to respect."""
        return self.profiles[partner]
