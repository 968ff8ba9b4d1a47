"""The family's contract as checks that any brand must pass, against its simulator over real HTTP.

Knows what outcomes must follow from what happened at the partner. Knows no brand, and no test framework: a check
returns when the contract holds and raises `ContractBroken` when it does not.
"""

import logging
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType

from partners.adapter import BrandAdapter
from partners.base import Done, Instruction, Member, Outcome, Reason, Refused, Unknown, Verb
from partners.profile import ReverseKind, UnitProfile
from partners.sandbox.bench import (
    MEMBER_NAME,
    NUMBER_BLOCKED,
    NUMBER_CLOSED,
    NUMBER_DECEASED,
    NUMBER_MERGED,
    NUMBER_NOBODY,
    NUMBER_POOR,
    NUMBER_SURVIVING,
    OPENING_BALANCE,
    Bench,
    amount_in,
)
from partners.sandbox.faults import MAGIC_AMOUNTS, FaultKind

# A partner that answers "pending" is asked again this often, this many times.
_POLL_SECONDS = 0.02
_POLLS_MAX = 150

_REASON_OF_NUMBER: Mapping[int, Reason] = MappingProxyType(
    {
        NUMBER_CLOSED: Reason.MEMBER_CLOSED,
        NUMBER_BLOCKED: Reason.MEMBER_BLOCKED,
        NUMBER_DECEASED: Reason.MEMBER_DECEASED,
        NUMBER_NOBODY: Reason.MEMBER_UNKNOWN,
    }
)
_MOVES: tuple[Verb, ...] = (Verb.DEBIT, Verb.CREDIT)

Check = Callable[[Bench], None]


class ContractBroken(AssertionError):
    """A brand does not keep the family's contract; the text says what was expected and what came."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found. detail: empty when it passed."""

    check: str
    passed: bool
    detail: str


def run_all(bench: Bench) -> list[Finding]:
    """Every check in order, each with its finding; one failure does not stop the others."""
    findings = []
    for name, check in CHECKS.items():
        try:
            check(bench)
        except ContractBroken as broken:
            findings.append(Finding(name, passed=False, detail=str(broken)))
        else:
            findings.append(Finding(name, passed=True, detail=""))
    return findings


def every_stated_verb_exists(bench: Bench) -> None:
    """Each verb of the profile is overridden by the adapter, and none that it does not state."""
    for verb in Verb:
        if verb is Verb.CREDIT_MANY:
            continue  # no brand in the family has it yet; it has no place in the contract's class
        own = getattr(type(bench.adapter), verb) is not getattr(BrandAdapter, verb)
        _expect(own == (verb in bench.profile.capabilities.verbs), f"{verb}: stated and existing differ")


def members_are_validated(bench: Bench) -> None:
    """An active member is Done, a merged one names the survivor, others are refused each for its own reason."""
    if Verb.VALIDATE_MEMBER not in bench.profile.capabilities.verbs:
        return
    active = bench.adapter.validate_member(Member(bench.member(100), MEMBER_NAME))
    _done(active.outcome)
    _expect(active.name in ("", MEMBER_NAME), "validation gives another name")
    merged = _done(bench.adapter.validate_member(Member(bench.member(NUMBER_MERGED))).outcome)
    _expect(merged.membership == bench.member(NUMBER_SURVIVING), "a merged member does not name the survivor")
    for number, reason in _REASON_OF_NUMBER.items():
        _refused(bench.adapter.validate_member(Member(bench.member(number))).outcome, reason)
    other = bench.adapter.validate_member(Member(bench.member(100), "Somebody Else")).outcome
    if not isinstance(other, Done):
        _refused(other, Reason.NAME_MISMATCH)


def debits_and_credits_move_points(bench: Bench) -> None:
    """In every unit: Done, booked once, the bonus within the amount, and the balance follows."""
    for unit in bench.profile.units:
        amount = _plain_amount(unit)
        debit, credit = _instruction(bench, unit, amount), _instruction(bench, unit, amount)
        _done(_settled(bench, Verb.DEBIT, debit))
        _expect(bench.moved(debit.key) == [-amount], f"a debit of {amount} booked {bench.moved(debit.key)}")
        _done(_settled(bench, Verb.CREDIT, replace(credit, bonus=unit.amounts.amount_step)))
        _expect(bench.moved(credit.key) == [amount], f"a credit of {amount} booked {bench.moved(credit.key)}")


def balances_are_told(bench: Bench) -> None:
    """The verb `balance` says what the books say, in the profile's first unit or, with one unit, in that."""
    if Verb.BALANCE not in bench.profile.capabilities.verbs:
        return
    told = bench.adapter.balance(bench.member(199))
    _done(told.outcome)
    _expect(told.amount == OPENING_BALANCE, f"balance is {told.amount} instead of {OPENING_BALANCE}")
    _refused(bench.adapter.balance(bench.member(NUMBER_NOBODY)).outcome, Reason.MEMBER_UNKNOWN)


def the_same_key_moves_once(bench: Bench) -> None:
    """A repeat is answered as the first time: Done with the same reference, booked once."""
    for verb in _MOVES:
        instruction = _instruction(bench, bench.profile.units[0], None)
        first = _done(_settled(bench, verb, instruction))
        again = _done(_settled(bench, verb, instruction))
        _expect(again.reference == first.reference, f"a repeated {verb} has another reference")
        _booked_once(bench, instruction)


def a_key_used_otherwise_is_no_proof(bench: Bench) -> None:
    """The same key with another amount moves nothing and is Unknown: that is ours to look into."""
    unit = bench.profile.units[0]
    instruction = _instruction(bench, unit, None)
    _done(_settled(bench, Verb.CREDIT, instruction))
    other = replace(instruction, amount=instruction.amount + 2 * unit.amounts.amount_step)
    _unknown(_call(bench, Verb.CREDIT, other))
    _booked_once(bench, instruction)


def too_little_is_refused_for_good(bench: Bench) -> None:
    """A debit beyond the balance is refused by name, books nothing, and stays refused under its key."""
    instruction = _instruction(bench, bench.profile.units[0], None, number=NUMBER_POOR)
    _refused(_settled(bench, Verb.DEBIT, instruction), Reason.INSUFFICIENT_POINTS)
    _refused(_settled(bench, Verb.DEBIT, instruction), Reason.INSUFFICIENT_POINTS)
    _refused(_inquired(bench, instruction.key), Reason.INSUFFICIENT_POINTS)
    _expect(bench.moved(instruction.key) == [], "a refused debit was booked")


def members_that_may_not_are_refused_by_name(bench: Bench) -> None:
    """Closed, blocked, deceased and unknown members are told apart, at both ends."""
    for verb in _MOVES:
        for number, reason in _REASON_OF_NUMBER.items():
            instruction = _instruction(bench, bench.profile.units[0], None, number=number)
            _refused(_settled(bench, verb, instruction), reason)


def merged_members_are_followed(bench: Bench) -> None:
    """A movement on a merged membership is Done and names the surviving one."""
    instruction = _instruction(bench, bench.profile.units[0], None, number=NUMBER_MERGED)
    done = _done(_settled(bench, Verb.CREDIT, instruction))
    _expect(done.membership == bench.member(NUMBER_SURVIVING), "the surviving membership is not named")


def debits_are_given_back(bench: Bench) -> None:
    """A debit is undone in parts up to the whole; a native reversal refuses more than that."""
    reverse = bench.profile.capabilities.reverse
    if reverse is ReverseKind.NONE:
        return
    unit = bench.profile.units[0]
    debit = _instruction(bench, unit, None)
    original = _done(_settled(bench, Verb.DEBIT, debit))
    part = unit.amounts.amount_step * max(1, debit.amount // unit.amounts.amount_step // 3)
    for amount in (part, debit.amount - part):
        back = _given_back(bench, debit, original, amount)
        _done(_settled(bench, Verb.REVERSE, back))
        _expect(bench.moved(back.key) == [amount], "a give-back did not book its amount")
    if reverse is ReverseKind.NATIVE:
        beyond = _given_back(bench, debit, original, part)
        _refused(_settled(bench, Verb.REVERSE, beyond), Reason.NOT_REVERSIBLE)


def an_unheard_key_is_not_found(bench: Bench) -> None:
    """An inquiry about a key that never arrived is Unknown and says not found; it is never a no."""
    outcome = _unknown(bench.adapter.inquire("never-sent-1"))
    _expect(outcome.not_found, f"an unheard key is answered {outcome}")


def inquiries_tell_the_amount(bench: Bench) -> None:
    """After an inquiry only the caller can compare, so Done says what was applied."""
    instruction = _instruction(bench, bench.profile.units[0], None)
    _settled(bench, Verb.CREDIT, instruction)
    told = _done(_inquired(bench, instruction.key))
    _expect(told.amount in (None, instruction.amount), f"an inquiry tells {told.amount}")


def a_fault_has_the_right_outcome(bench: Bench, kind: FaultKind) -> None:
    """For debit and credit: the first outcome fits the fault, and inquiry and the same key again end it once."""
    ending = next(number for number, magic in MAGIC_AMOUNTS.items() if magic is kind)
    for verb in _MOVES:
        for unit in bench.profile.units:
            amount = amount_in(unit, ending)
            if amount is None:
                continue
            instruction = _instruction(bench, unit, amount)
            before = bench.simulator.fault_counts()[kind]
            first = _call(bench, verb, instruction)
            _expect(bench.simulator.fault_counts()[kind] == before + 1, f"{kind} did not happen")
            _FAULT_CHECKS[kind](bench, verb, instruction, first)
            _booked_once(bench, instruction)


def silence_is_unknown(bench: Bench) -> None:
    """A partner that cannot be reached is Unknown, and known not to have been called."""
    outcome = _unknown(bench.unreachable.debit(_instruction(bench, bench.profile.units[0], None)))
    _expect(not outcome.called, f"no connection is answered {outcome}")


def secrets_stay_secret(bench: Bench) -> None:
    """Neither logs nor representations carry a secret or a token, whatever the level."""
    unit = bench.profile.units[0]
    amount = amount_in(unit, next(n for n, kind in MAGIC_AMOUNTS.items() if kind is FaultKind.TOKEN_EXPIRED))
    with _listening() as lines:
        outcome = _settled(bench, Verb.DEBIT, _instruction(bench, unit, amount))
        inquired = bench.adapter.inquire("never-sent-2")
    lines += [repr(shown) for shown in (bench.adapter, vars(bench.adapter), bench.connection, bench.ports)]
    lines += [repr(outcome), repr(inquired)]
    hidden = [secret for secret in bench.connection.secrets.values() if secret]
    token = bench.ports.tokens.get(bench.profile.code, bench.profile.http.scope)
    _expect(token is not None, "no token was used")
    if token is not None:
        hidden.append(token.value)
        lines.append(repr(token))
    for line in lines:
        _expect(not any(secret in line for secret in hidden), "a secret was written or shown")


def _not_applied_then_repeated(bench: Bench, verb: Verb, instruction: Instruction, first: Outcome) -> None:
    _unknown(first)
    _expect(_unknown(bench.adapter.inquire(instruction.key)).not_found, "what was not applied is found")
    _done(_settled(bench, verb, instruction))


def _applied_and_told_later(bench: Bench, verb: Verb, instruction: Instruction, first: Outcome) -> None:
    _unknown(first)
    told = _done(_inquired(bench, instruction.key))
    again = _done(_settled(bench, verb, instruction))
    _expect(told.reference == again.reference, "inquiry and repeat have different references")


def _answered_at_once(bench: Bench, verb: Verb, instruction: Instruction, first: Outcome) -> None:
    del verb
    _done(_ended(bench, instruction.key, first))


def _in_the_open(bench: Bench, verb: Verb, instruction: Instruction, first: Outcome) -> None:
    _unknown(first)
    told = _inquired(bench, instruction.key)
    _expect(isinstance(told, Done) or (isinstance(told, Unknown) and told.not_found), f"inquiry tells {told}")
    _done(_settled(bench, verb, instruction))


_FAULT_CHECKS: Mapping[FaultKind, Callable[[Bench, Verb, Instruction, Outcome], None]] = MappingProxyType(
    {
        FaultKind.TIMEOUT_BEFORE: _not_applied_then_repeated,
        FaultKind.TIMEOUT_AFTER: _applied_and_told_later,
        FaultKind.SERVER_ERROR_THEN_SUCCESS: _not_applied_then_repeated,
        FaultKind.DUPLICATE_APPLICATION: _answered_at_once,
        FaultKind.WRONG_ECHO: _applied_and_told_later,
        FaultKind.TOKEN_EXPIRED: _answered_at_once,
        FaultKind.SLOW_ANSWER: _answered_at_once,
        FaultKind.UNKNOWN_WORD: _in_the_open,
    }
)

CHECKS: Mapping[str, Check] = MappingProxyType(
    {
        check.__name__: check
        for check in (
            every_stated_verb_exists,
            members_are_validated,
            debits_and_credits_move_points,
            balances_are_told,
            the_same_key_moves_once,
            a_key_used_otherwise_is_no_proof,
            too_little_is_refused_for_good,
            members_that_may_not_are_refused_by_name,
            merged_members_are_followed,
            debits_are_given_back,
            an_unheard_key_is_not_found,
            inquiries_tell_the_amount,
            silence_is_unknown,
            secrets_stay_secret,
        )
    }
    | {f"the_fault_{kind}_is_survived": partial(a_fault_has_the_right_outcome, kind=kind) for kind in FaultKind}
)


def _expect(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ContractBroken(otherwise)


def _done(outcome: Outcome) -> Done:
    if not isinstance(outcome, Done):
        raise ContractBroken(f"Done was expected, not {outcome}")
    return outcome


def _refused(outcome: Outcome, reason: Reason) -> None:
    _expect(isinstance(outcome, Refused) and outcome.reason is reason, f"{reason} was expected, not {outcome}")


def _unknown(outcome: Outcome) -> Unknown:
    if not isinstance(outcome, Unknown):
        raise ContractBroken(f"Unknown was expected, not {outcome}")
    return outcome


def _booked_once(bench: Bench, instruction: Instruction) -> None:
    moved = bench.moved(instruction.key)
    _expect([abs(amount) for amount in moved] == [instruction.amount], f"{instruction.amount} was booked as {moved}")


def _plain_amount(unit: UnitProfile) -> int:
    """An amount that is allowed and asks for no fault."""
    return amount_in(unit, 600) or unit.amounts.amount_step * -(-unit.amounts.amount_min // unit.amounts.amount_step)


def _instruction(bench: Bench, unit: UnitProfile, amount: int | None, *, number: int = 100) -> Instruction:
    return Instruction(
        key=f"trial-{secrets.token_hex(8)}",
        membership=bench.member(number),
        unit=unit.code,
        amount=amount or _plain_amount(unit),
        scale=unit.scale,
    )


def _given_back(bench: Bench, debit: Instruction, original: Done, amount: int) -> Instruction:
    back = _instruction(bench, bench.profile.units[0], amount)
    return replace(back, original_key=debit.key, original_reference=original.reference)


def _call(bench: Bench, verb: Verb, instruction: Instruction) -> Outcome:
    match verb:
        case Verb.DEBIT:
            return bench.adapter.debit(instruction)
        case Verb.CREDIT:
            return bench.adapter.credit(instruction)
        case _:
            return bench.adapter.reverse(instruction)


def _settled(bench: Bench, verb: Verb, instruction: Instruction) -> Outcome:
    """The outcome of a call, waited for where the partner tells later."""
    return _ended(bench, instruction.key, _call(bench, verb, instruction))


def _inquired(bench: Bench, key: str) -> Outcome:
    return _ended(bench, key, bench.adapter.inquire(key))


def _ended(bench: Bench, key: str, outcome: Outcome) -> Outcome:
    for _ in range(_POLLS_MAX):
        if not (isinstance(outcome, Unknown) and outcome.pending):
            return outcome
        time.sleep(_POLL_SECONDS)
        outcome = bench.adapter.inquire(key)
    return outcome


class _Lines(logging.Handler):
    """Keeps every line and every extra field that anything logs."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.getMessage()} {vars(record)}")


@contextmanager
def _listening() -> Iterator[list[str]]:
    """Everything that is logged meanwhile, from the lowest level on."""
    root, handler = logging.getLogger(), _Lines()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield handler.lines
    finally:
        root.setLevel(level)
        root.removeHandler(handler)
