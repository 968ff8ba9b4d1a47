"""Checks of inquiries: what was done is found, what never arrived is "not found", and nothing else is either."""

from partners.base import Done, Refused, Unknown, Verb
from partners.conformance import expecting, wire
from partners.conformance.faults import READ_TROUBLES, require_wait
from partners.conformance.trial import Trial, shown
from partners.conformance.types import ContractBroken, Group, check
from partners.sandbox.faults import Fault, FaultKind


@check("inquiry.found", Group.INQUIRIES, "An inquiry finds what was done, with its reference and its amount.")
def what_was_done_is_found(trial: Trial) -> None:
    """After each verb."""
    trial.need(Verb.INQUIRE)
    trial.some_move()
    for verb in trial.moves_offered():
        first = trial.settled(verb, trial.instruction())
        asked = trial.ask(Verb.INQUIRE, first.instruction)
        wire.one_call(asked)
        wire.own_inquiry(asked)
        told = trial.inquired(first.instruction)
        expecting.done(told, "the partner has booked it")
        expecting.amount_told(told, "after an inquiry")
        expecting.same_reference(first.outcome, told.outcome, "one from the call and one from the inquiry")


@check("inquiry.not_found", Group.INQUIRIES, 'A key that never arrived is Unknown with not_found, and never "refused".')
def what_never_arrived_is_not_found(trial: Trial) -> None:
    """A key that was sent to nobody."""
    trial.need(Verb.INQUIRE)
    asked = trial.ask(Verb.INQUIRE, trial.instruction())
    wire.own_inquiry(asked)
    outcome = asked.outcome
    if isinstance(outcome, Refused):
        raise ContractBroken(
            f'"Not found" was read as Refused: {asked.shown()} about a key that the partner does not know',
            "Unknown with not_found = True, since a booking may show only after inquiry_lag_seconds",
            "Return Unknown(..., not_found=True) for the partner's word for it",
        )
    expecting.unknown(asked, "the partner does not know the key", read_as_done='"Not found" was read as Done')
    if not (isinstance(outcome, Unknown) and outcome.not_found):
        raise ContractBroken(
            f'"Not found" was not recognised: {asked.shown()} about a key that the partner does not know',
            "Unknown with not_found = True",
            "Return Unknown(..., not_found=True) for the partner's status and word for it, or nothing is repeated",
        )


@check("inquiry.own_key", Group.INQUIRIES, "An answer about another key proves nothing.")
def another_key_proves_nothing(trial: Trial) -> None:
    """What was done, and what was refused, told of another key."""
    trial.need(Verb.INQUIRE)
    verb = trial.some_move()
    instruction = trial.instruction()
    trial.settled(verb, instruction)
    trial.inquired(instruction)
    asked = trial.ask(Verb.INQUIRE, instruction, Fault(FaultKind.WRONG_ECHO, coin=True))
    answered = [one for one in asked.calls if one.honest is not None and one.answer != one.honest]
    if answered and not isinstance(asked.outcome, Unknown):
        raise ContractBroken(
            f"An inquiry was answered for another key: {asked.shown()}, although the partner told of"
            f" {instruction.key}X",
            "Unknown",
            "Compare the key in the answer with the key that was asked after",
        )
    if answered:
        expecting.no_claim(asked, "the partner told of another key")


@check("inquiry.faults", Group.INQUIRIES, "An inquiry that fails proves nothing, and is not made again by the adapter.")
def failed_inquiries_prove_nothing(trial: Trial) -> None:
    """Silence, errors, limits and garbage about something that was done."""
    trial.need(Verb.INQUIRE)
    instruction = trial.instruction()
    trial.settled(trial.some_move(), instruction)
    for situation, strike in READ_TROUBLES:
        asked = trial.ask(Verb.INQUIRE, instruction, strike)
        wire.one_call(asked, what="An inquiry was repeated by the adapter itself", after=situation)
        expecting.no_claim(asked, situation)
        if isinstance(strike, Fault) and strike.kind is FaultKind.RATE_LIMITED:
            require_wait(asked, situation)
    expecting.done(trial.inquired(instruction), "the partner is well again")


@check("inquiry.many", Group.INQUIRIES, "Inquiring is harmless: however often, nothing moves.")
def inquiring_moves_nothing(trial: Trial) -> None:
    """Ten times."""
    trial.need(Verb.INQUIRE)
    asked = trial.settled(trial.some_move(), trial.instruction())
    before = trial.bench.books.journal()
    told = [trial.inquired(asked.instruction).outcome for _ in range(10)]
    if trial.bench.books.journal() != before:
        raise ContractBroken("An inquiry moved points", "nothing moved", "Ask by a call that only reads")
    if any(isinstance(one, Done) for one in told) and not all(one == told[0] for one in told):
        other = next(one for one in told if one != told[0])
        raise ContractBroken(
            f"Inquiries disagree: {shown(told[0])}, then {shown(other)}",
            "the same answer every time",
            "Keep nothing between calls",
        )
