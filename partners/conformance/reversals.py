"""Checks of reversals: once, under a key of their own, of their own original, up to the whole."""

from dataclasses import replace

from partners.base import Reason, Verb
from partners.conformance import expecting, wire
from partners.conformance.trial import Asked, Trial
from partners.conformance.types import ContractBroken, Group, NotApplicable, check
from partners.profile import ReverseKind


@check("reverse.once", Group.REVERSALS, "A reversal is one call, and gives back once.")
def given_back_once(trial: Trial) -> None:
    """A third of a debit, so that a second one would still be possible."""
    original = trial.reversible()
    back = trial.undoing(original, _part(trial, original))
    before = len(trial.bench.books.journal())
    asked = trial.ask(Verb.REVERSE, back)
    wire.one_call(asked, what="A reversal was sent twice")
    booked = len(trial.bench.books.journal()) - before
    if booked > 1:
        raise ContractBroken(
            f"A reversal was booked twice: one reverse of {back.amount} moved points {booked} times",
            "one booking",
            "Send the reversal once, under its own key",
        )


@check("reverse.key", Group.REVERSALS, "A reversal goes out under its own key and for its own member and amount.")
def under_its_own_key(trial: Trial) -> None:
    """Not the original's key."""
    original = trial.reversible()
    asked = trial.ask(Verb.REVERSE, trial.undoing(original, _part(trial, original)))
    wire.own_key(asked, trial.keys_used)
    wire.own_member(asked)
    wire.own_amount(asked)
    asked = replace(asked, outcome=trial.ended(asked.instruction, asked.outcome))
    expecting.done(asked, "the partner gave the points back")
    expecting.amount_told(asked, "after a reversal")
    expecting.booked_once(trial, asked)


@check("reverse.original", Group.REVERSALS, "A reversal undoes the movement that it names, not another one.")
def of_its_own_original(trial: Trial) -> None:
    """The older of two debits of one member."""
    older = trial.reversible()
    newer = trial.settled(Verb.DEBIT, trial.instruction(membership=older.instruction.membership))
    expecting.done(newer, "the partner said yes")
    asked = trial.ask(Verb.REVERSE, trial.undoing(older, _part(trial, older)))
    if asked.moves and asked.moves[0].kind == "reverse":
        wire.own_original(asked)
    expecting.done(replace(asked, outcome=trial.ended(asked.instruction, asked.outcome)), "the original is there")


@check("reverse.parts", Group.REVERSALS, "Parts are given back up to the whole; a native reversal refuses more.")
def parts_up_to_the_whole(trial: Trial) -> None:
    """A third, the rest, and one more."""
    original = trial.reversible()
    part = _part(trial, original)
    rest = original.instruction.amount - part
    for amount in (part, rest) if rest else (part,):
        asked = trial.settled(Verb.REVERSE, trial.undoing(original, amount))
        expecting.done(asked, "so much of the original was left")
        expecting.booked_once(trial, asked)
    if trial.profile.capabilities.reverse is ReverseKind.NATIVE:
        beyond = trial.settled(Verb.REVERSE, trial.undoing(original, part))
        expecting.refused(beyond, "nothing of the original is left", (Reason.NOT_REVERSIBLE,))
        expecting.booked_nothing(trial, beyond, "nothing of the original was left")


@check("reverse.repeat", Group.REVERSALS, "The same reversal again gives back nothing more.")
def repeats_give_back_once(trial: Trial) -> None:
    """Three times under one key, of a debit that has room for three."""
    original = trial.reversible()
    if not trial.profile.capabilities.keys:
        raise NotApplicable("the profile says that the partner honours no keys")
    back = trial.undoing(original, _part(trial, original))
    first = trial.settled(Verb.REVERSE, back)
    for _ in range(2):
        again = trial.settled(Verb.REVERSE, back)
        expecting.done(again, "the partner had done so before")
        expecting.same_reference(first.outcome, again.outcome, "before and after a repeat")
    expecting.booked_once(trial, first, "three calls with one key")


def _part(trial: Trial, original: Asked) -> int:
    step = trial.unit.amounts.amount_step
    return step * max(1, original.instruction.amount // step // 3)
