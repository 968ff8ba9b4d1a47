"""Checks of many credits at once: one outcome for each, in order, each by itself."""

from dataclasses import replace

from partners.base import Done, Instruction, Outcome, Reason, Verb
from partners.conformance import expecting
from partners.conformance.trial import Asked, Trial, shown
from partners.conformance.types import ContractBroken, Group, NotApplicable, check
from partners.sandbox.bench import NUMBER_CLOSED
from partners.sandbox.faults import Fault, FaultKind

# More than any partner takes in one call, so that a batch has to be cut.
_MANY = 230


def _need_many(trial: Trial) -> None:
    if not trial.offers(Verb.CREDIT_MANY):
        raise NotApplicable("the profile does not state credit_many")


def _credits(trial: Trial, count: int) -> list[Instruction]:
    step = trial.unit.amounts.amount_step
    plain = [trial.instruction() for _ in range(count)]
    return [
        replace(one, amount=one.amount + place * step) if trial.unit.amounts.allow(one.amount + place * step) else one
        for place, one in enumerate(plain)
    ]


@check("many.order", Group.MANY, "Many credits have one outcome each, in their order, each for its own key and amount.")
def outcomes_in_order(trial: Trial) -> None:
    """Two hundred and thirty, each of another amount."""
    _need_many(trial)
    instructions = _credits(trial, _MANY)
    outcomes, asked = trial.ask_many(instructions)
    _require_length(instructions, outcomes)
    sent = [move.key for move in asked.moves]
    if sorted(sent) != sorted(one.key for one in instructions):
        raise ContractBroken(
            f"{len(instructions)} credits went out as {len(sent)} movements under {len(set(sent))} keys",
            "each once, under its own key",
            "Send every instruction in one batch and one only",
        )
    for instruction, outcome in zip(instructions, outcomes, strict=True):
        one = Asked(Verb.CREDIT, instruction, trial.ended(instruction, outcome), ())
        expecting.done(one, "the partner booked each of them")
        if isinstance(outcome, Done) and outcome.amount not in (None, instruction.amount):
            raise ContractBroken(
                f"Outcomes are out of order: {instruction.amount} was answered with {outcome.amount}",
                "the outcome of each instruction in its place",
                "Find each result by its key; partners answer in any order",
            )
        expecting.booked_once(trial, one)


@check("many.mixed", Group.MANY, "Of many, one that is refused does not touch the others.")
def one_refused_among_many(trial: Trial) -> None:
    """A closed member in the middle."""
    _need_many(trial)
    instructions = _credits(trial, 5)
    instructions[2] = replace(instructions[2], membership=trial.bench.member(NUMBER_CLOSED))
    outcomes, _ = trial.ask_many(instructions)
    _require_length(instructions, outcomes)
    for place, (instruction, outcome) in enumerate(zip(instructions, outcomes, strict=True)):
        one = Asked(Verb.CREDIT, instruction, trial.ended(instruction, outcome), ())
        if place == 2:
            expecting.refused(one, "the member in the middle is closed", (Reason.MEMBER_CLOSED,))
        else:
            expecting.done(one, "only another one of the batch was refused")


@check("many.faults", Group.MANY, "A batch without proof is Unknown for each, and made good by the same keys.")
def batches_without_proof(trial: Trial) -> None:
    """Silence after all were applied, a wrong echo, and an unfamiliar word."""
    _need_many(trial)
    troubles = (
        (FaultKind.TIMEOUT_AFTER, "the connection closed without an answer after all were applied"),
        (FaultKind.WRONG_ECHO, "the answer named other keys"),
        (FaultKind.UNKNOWN_WORD, "the answer carried a word that is in no description"),
    )
    for kind, situation in troubles:
        instructions = _credits(trial, 5)
        outcomes, _ = trial.ask_many(instructions, Fault(kind, coin=True))
        _require_length(instructions, outcomes)
        for instruction, outcome in zip(instructions, outcomes, strict=True):
            expecting.unknown(Asked(Verb.CREDIT, instruction, outcome, ()), situation)
        again, _ = trial.ask_many(instructions)
        for instruction, outcome in zip(instructions, again, strict=True):
            one = Asked(Verb.CREDIT, instruction, trial.ended(instruction, outcome), ())
            expecting.done(one, "the same keys were sent again")
            expecting.booked_once(trial, one, situation)


@check("many.none", Group.MANY, "Of no credits nothing is sent.")
def none_at_all(trial: Trial) -> None:
    """An empty list."""
    _need_many(trial)
    outcomes, asked = trial.ask_many([])
    if outcomes or asked.heard:
        raise ContractBroken(
            f"credit_many of nothing answered {len(outcomes)} outcomes and made {len(asked.heard)} calls",
            "an empty list and no call",
            "Return [] for no instructions",
        )


def _require_length(instructions: list[Instruction], outcomes: list[Outcome]) -> None:
    if len(outcomes) != len(instructions):
        last = shown(outcomes[-1]) if outcomes else "nothing"
        raise ContractBroken(
            f"credit_many of {len(instructions)} answered {len(outcomes)} outcomes, the last {last}",
            "one outcome for each instruction, in their order",
            "Answer Unknown for an instruction that has no result of its own",
        )
