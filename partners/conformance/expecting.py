"""What an outcome must be, and how it is called when it is another.

Knows the three outcomes. Does not know what brought them about: that is said in words.
"""

from collections.abc import Sequence

from partners.base import Done, Outcome, Reason, Refused, Unknown, Verb
from partners.conformance.trial import Asked, Trial
from partners.conformance.types import ContractBroken

_INQUIRE = "return Unknown and let the hub inquire"


def done(asked: Asked, situation: str) -> Done:
    """The outcome, which must be Done. situation: what the partner did, as a clause."""
    outcome = asked.outcome
    if isinstance(outcome, Done):
        if not outcome.reference:
            raise ContractBroken(
                f"{asked.verb} answered Done without a reference although {situation}",
                "Done with the partner's own reference",
                "Read the reference by reference_of(), and answer Unknown where there is none",
            )
        return outcome
    if isinstance(outcome, Refused):
        raise ContractBroken(
            f"A yes was read as Refused: {asked.shown()} although {situation}",
            "Done",
            "Map only documented refusals, each with its status, to Refused",
        )
    raise ContractBroken(
        f"A plain yes was read as Unknown: {asked.shown()} although {situation}",
        "Done",
        "Compare status, word, reference and echo with what the partner really sends",
    )


def refused(asked: Asked, situation: str, reasons: Sequence[Reason]) -> Refused:
    """The outcome, which must be Refused for one of these reasons."""
    outcome = asked.outcome
    if isinstance(outcome, Done):
        raise ContractBroken(
            f"A refusal was read as Done: {asked.shown()} although {situation}",
            f"Refused ({reasons[0]})",
            "Answer Done only for the partner's own word for yes",
        )
    if isinstance(outcome, Unknown):
        raise ContractBroken(
            f"A documented refusal was read as Unknown: {asked.shown()} although {situation}",
            f"Refused ({reasons[0]})",
            "List the partner's word for it in REASONS, and the status that it comes with",
        )
    if outcome.reason not in reasons:
        raise ContractBroken(
            f"A refusal was given another reason: {asked.shown()} although {situation}",
            f"Refused ({reasons[0]})",
            "Correct the partner's word in REASONS",
        )
    return outcome


def unknown(asked: Asked, situation: str, *, read_as_done: str = "An answer without proof was read as Done") -> Unknown:
    """The outcome, which must be Unknown, and say truly whether anything was sent."""
    outcome = asked.outcome
    if isinstance(outcome, Done):
        raise ContractBroken(
            f"{read_as_done}: {asked.shown()} although {situation}",
            "Unknown",
            f"Only an explicit yes with a fitting echo is Done; otherwise {_INQUIRE}",
        )
    if isinstance(outcome, Refused):
        raise ContractBroken(
            f"Unknown was read as Refused: {asked.shown()} although {situation}",
            "Unknown",
            f"Only a documented refusal is Refused, since the partner may have applied it; otherwise {_INQUIRE}",
        )
    if asked.heard and not outcome.called:
        raise ContractBroken(
            f"{asked.verb} answered Unknown with called = False although the partner was called and {situation}",
            "called = True, since something may have reached the partner",
            "Return the session's own Unknown, which knows whether anything was sent",
        )
    return outcome


def no_claim(asked: Asked, situation: str) -> None:
    """Unknown, and neither "not found" nor "pending" read out of nothing."""
    found = unknown(asked, situation)
    if found.not_found or found.pending:
        claim = "not found" if found.not_found else "pending"
        raise ContractBroken(
            f"An answer without proof was read as {claim!r}: {asked.shown()} although {situation}",
            f"a plain Unknown without the claim {claim!r}",
            "Set it only for the partner's own status and word for it",
        )


def booked_once(trial: Trial, asked: Asked, situation: str = "") -> None:
    """The partner has moved the instructed amount, once."""
    moved = trial.booked(asked.instruction)
    after = f" after {situation}" if situation else ""
    if len(moved) > 1:
        raise ContractBroken(
            f"Points moved {len(moved)} times for one {asked.verb}{after}: {moved}",
            f"once, by {asked.instruction.amount}",
            "Send every repeat under the same key, and call once for one instruction",
        )
    sign = -1 if asked.verb is Verb.DEBIT else 1
    if asked.verb in (Verb.DEBIT, Verb.CREDIT) and moved and moved[0] * sign < 0:
        raise ContractBroken(
            f"Points moved the wrong way: {asked.verb} of {asked.instruction.amount} booked {moved[0]}{after}",
            "points taken by a debit and given by a credit",
            "Exchange what debit and credit send",
        )
    if [abs(amount) for amount in moved] != [asked.instruction.amount]:
        booked = f"booked {moved[0]}" if moved else "booked nothing"
        raise ContractBroken(
            f"{asked.verb} of {asked.instruction.amount} {booked} at the partner{after}",
            f"{asked.instruction.amount} booked once",
            "Look at what was sent, and at which answer was taken for a yes",
        )


def booked_nothing(trial: Trial, asked: Asked, situation: str) -> None:
    """The partner has moved nothing."""
    moved = trial.booked(asked.instruction)
    if moved:
        raise ContractBroken(
            f"Points moved although {situation}: {moved}",
            "nothing booked",
            "A refused instruction is over: send nothing after it",
        )


def same_reference(first: Outcome, again: Outcome, situation: str) -> None:
    """Both are Done, with one reference."""
    if isinstance(first, Done) and isinstance(again, Done) and first.reference != again.reference:
        raise ContractBroken(
            f"One movement has two references, {first.reference} and {again.reference}, {situation}",
            "the partner's own reference, the same every time",
            "Read the reference from the answer; never make one up",
        )


def amount_told(asked: Asked, situation: str) -> None:
    """If Done says what was applied, it is what was instructed, in smallest units."""
    outcome = asked.outcome
    if isinstance(outcome, Done) and outcome.amount not in (None, asked.instruction.amount):
        raise ContractBroken(
            f"The amount is told in the wrong unit: Done says {outcome.amount} {situation},"
            f" {asked.instruction.amount} was instructed",
            f"{asked.instruction.amount} smallest units",
            "Read amounts by whole_at() or amount_of() with the unit's scale",
        )
