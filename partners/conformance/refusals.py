"""Checks of refusals: read by their word, for the right reason, once and for good."""

from collections.abc import Mapping
from types import MappingProxyType

from partners.base import Reason, Refused, Verb
from partners.conformance import expecting, wire
from partners.conformance.trial import Asked, Trial
from partners.conformance.types import ContractBroken, Group, check
from partners.sandbox.bench import NUMBER_BLOCKED, NUMBER_CLOSED, NUMBER_DECEASED, NUMBER_NOBODY, NUMBER_POOR
from partners.sandbox.desk import Oddity

REASON_OF_NUMBER: Mapping[int, Reason] = MappingProxyType(
    {
        NUMBER_CLOSED: Reason.MEMBER_CLOSED,
        NUMBER_BLOCKED: Reason.MEMBER_BLOCKED,
        NUMBER_DECEASED: Reason.MEMBER_DECEASED,
        NUMBER_NOBODY: Reason.MEMBER_UNKNOWN,
    }
)


def _refusals(trial: Trial) -> list[tuple[Verb, int, Reason]]:
    """Verb, member and reason of everything that the partner refuses."""
    found = [(Verb.DEBIT, NUMBER_POOR, Reason.INSUFFICIENT_POINTS)] if trial.offers(Verb.DEBIT) else []
    return found + [(verb, number, why) for verb in trial.moves_offered() for number, why in REASON_OF_NUMBER.items()]


@check("refusal.once", Group.REFUSALS, "What the partner refuses is not sent again.")
def not_retried(trial: Trial) -> None:
    """Every sort of refusal, one call each."""
    trial.some_move()
    for verb, number, why in _refusals(trial):
        asked = trial.ask(verb, trial.instruction(number=number))
        wire.one_call(asked, what="A refusal was retried", after=f"the refusal {why}")


@check("refusal.read", Group.REFUSALS, "A refusal is Refused, for its own reason, and books nothing.")
def refusals_are_read(trial: Trial) -> None:
    """Too little, closed, blocked, deceased, unknown: at both ends."""
    trial.some_move()
    for verb, number, why in _refusals(trial):
        asked = trial.settled(verb, trial.instruction(number=number))
        wire.own_key(asked, trial.keys_used)
        expecting.refused(asked, f"the partner refused it as {why}", (why,))
        expecting.booked_nothing(trial, asked, f"the partner refused it as {why}")
        _says_why(asked)


@check("refusal.final", Group.REFUSALS, "A refusal stays one: for the same key again, and for whoever inquires.")
def refusals_are_final(trial: Trial) -> None:
    """The same key three times, then an inquiry."""
    trial.some_move()
    verb, number, why = _refusals(trial)[0]
    instruction = trial.instruction(number=number)
    for _ in range(3):
        expecting.refused(trial.settled(verb, instruction), f"the partner refused it as {why}", (why,))
    if trial.offers(Verb.INQUIRE):
        told = trial.inquired(instruction)
        expecting.refused(told, f"the partner had refused it as {why}", (why,))


@check("refusal.unfamiliar", Group.REFUSALS, "A refusal for a reason that nobody has agreed on is Unknown.")
def unfamiliar_reasons_prove_nothing(trial: Trial) -> None:
    """A refusal as the partner words them, with a reason that stands in no table."""
    trial.some_move()
    for verb in trial.moves_offered():
        asked = trial.ask(verb, trial.instruction(), Oddity.REASON)
        wire.one_call(asked, after="an unfamiliar reason")
        expecting.unknown(asked, "the reason of the refusal is in no table")


def _says_why(asked: Asked) -> None:
    outcome = asked.outcome
    if isinstance(outcome, Refused) and len(outcome.said) > 64:
        raise ContractBroken(
            f"The partner's own word for a refusal is {len(outcome.said)} characters long",
            "a word of at most 64 characters, without anything personal",
            "Keep the code of the refusal, not its text",
        )
