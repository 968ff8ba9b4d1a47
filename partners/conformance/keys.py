"""Checks of idempotency: one key moves points once, whatever is repeated, raced or forgotten."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial

from partners.base import Done, Instruction, Outcome, Refused, Unknown, Verb
from partners.conformance import expecting, wire
from partners.conformance.trial import Asked, Trial
from partners.conformance.types import ContractBroken, Group, NotApplicable, check

_RACERS = 8
# The hub repeats a key only while an attempt that begins now would end within the key's life.
_MARGIN = timedelta(minutes=3)


def _need_keys(trial: Trial) -> None:
    if not trial.profile.capabilities.keys:
        raise NotApplicable("the profile says that the partner honours no keys")
    trial.some_move()


@check("key.repeat", Group.KEYS, "The same instruction again moves nothing more, and is answered as the first time.")
def repeats_move_once(trial: Trial) -> None:
    """Three times each."""
    _need_keys(trial)
    for verb in trial.moves_offered():
        instruction = trial.instruction()
        first = trial.settled(verb, instruction)
        wire.sent_as_instructed(first, trial.keys_used)
        expecting.done(first, "the partner said yes")
        for _ in range(2):
            again = trial.ask(verb, instruction)
            wire.sent_as_instructed(again)
            again = replace(again, outcome=trial.ended(instruction, again.outcome))
            expecting.done(again, "the partner said that it had done so before")
            expecting.same_reference(first.outcome, again.outcome, "before and after a repeat")
        expecting.booked_once(trial, first, "three calls with one key")


@check("key.race", Group.KEYS, "The same instruction from many threads at once moves points once.")
def races_move_once(trial: Trial) -> None:
    """Eight threads, one key."""
    _need_keys(trial)
    for verb in trial.moves_offered():
        instruction = trial.instruction()
        outcomes = trial.at_once([_call(trial, verb, instruction)] * _RACERS)
        first = _asked(verb, instruction, trial.ended(instruction, outcomes[0]))
        for outcome in outcomes:
            ended = _asked(verb, instruction, trial.ended(instruction, outcome))
            expecting.done(ended, f"{_RACERS} threads sent it at once under one key")
            expecting.same_reference(first.outcome, ended.outcome, "in a race of one key")
        expecting.booked_once(trial, first, f"a race of {_RACERS} threads with one key")


@check("key.crowd", Group.KEYS, "Different instructions from many threads at once are not mixed up.")
def crowds_are_not_mixed(trial: Trial) -> None:
    """Eight threads, eight members, eight amounts, five rounds."""
    verb = trial.some_move()
    step = trial.unit.amounts.amount_step
    for _ in range(5):
        instructions = [trial.instruction() for _ in range(_RACERS)]
        instructions = [
            replace(one, amount=one.amount + place * step)
            if trial.unit.amounts.allow(one.amount + place * step)
            else one
            for place, one in enumerate(instructions)
        ]
        outcomes = trial.at_once([_call(trial, verb, one) for one in instructions])
        for instruction, outcome in zip(instructions, outcomes, strict=True):
            asked = _asked(verb, instruction, trial.ended(instruction, outcome))
            moved = [entry for entry in trial.bench.books.journal() if entry[0] == instruction.key]
            if [(entry[1], abs(entry[3])) for entry in moved] != [(instruction.membership, instruction.amount)]:
                raise ContractBroken(
                    f"Instructions of several threads were mixed up: {instruction.key} for {instruction.membership} of"
                    f" {instruction.amount} booked {[(entry[1], entry[3]) for entry in moved]}",
                    "each instruction booked once, for its own member and amount",
                    "Keep nothing of an instruction on self: one adapter serves all threads",
                )
            expecting.done(asked, "several threads sent different instructions at once")
            expecting.amount_told(asked, "in a crowd")


@check("key.conflict", Group.KEYS, "A key that stands for something else is Unknown: neither a yes nor a refusal.")
def conflicts_are_unknown(trial: Trial) -> None:
    """The same key with another amount."""
    _need_keys(trial)
    for verb in trial.moves_offered():
        instruction = trial.instruction()
        first = trial.settled(verb, instruction)
        expecting.done(first, "the partner said yes")
        other = replace(instruction, amount=instruction.amount + 2 * trial.unit.amounts.amount_step)
        asked = trial.ask(verb, other)
        wire.one_call(asked, after="a conflict of keys")
        expecting.unknown(asked, "the partner has booked this key with another amount")
        expecting.booked_once(trial, first, "the same key with another amount")


@check("key.life", Group.KEYS, "The partner remembers a key for as long as key_life_hours says.")
def keys_live(trial: Trial) -> None:
    """A repeat at the end of the stated life; the time of hub and partner is put forward."""
    _need_keys(trial)
    stated = trial.profile.capabilities.key_life_hours
    verb = trial.some_move()
    instruction = trial.instruction()
    expecting.done(trial.settled(verb, instruction), "the partner said yes")
    trial.bench.clock.put_forward(timedelta(hours=stated) - _MARGIN)
    again = trial.settled(verb, instruction)
    booked = trial.booked(instruction)
    if len(booked) > 1:
        forgets = trial.bench.simulator.face(trial.profile.code).key_life_hours
        raise ContractBroken(
            f"key_life was forgotten: a repeat within the {stated} hours of key_life_hours moved points again, since"
            f" the partner remembers keys for {forgets} hours",
            f"key_life_hours = {forgets} or less",
            "State in [capabilities] what the partner's interface promises; after that time the hub asks a person",
        )
    expecting.done(again, f"the partner had done so {stated} hours before")


@check("key.stated", Group.KEYS, "A partner that honours keys is said to.")
def keys_are_stated(trial: Trial) -> None:
    """A repeat at a partner that is said to know no keys."""
    if trial.profile.capabilities.keys:
        raise NotApplicable("the profile says that the partner honours keys; key.life tries for how long")
    verb, instruction = trial.some_move(), trial.instruction()
    trial.settled(verb, instruction)
    trial.settled(verb, instruction)
    if len(trial.booked(instruction)) == 1:
        raise ContractBroken(
            "key_life was forgotten: the partner recognised a repeated key, but the profile says keys = false",
            "keys = true and the key_life_hours of the partner's interface",
            "State both in [capabilities]; without them every silence of the partner goes to a person",
        )


def _call(trial: Trial, verb: Verb, instruction: Instruction) -> Callable[[], Outcome]:
    adapter = trial.bench.adapter
    return partial(adapter.debit if verb is Verb.DEBIT else adapter.credit, instruction)


def _asked(verb: Verb, instruction: Instruction, outcome: Done | Refused | Unknown) -> Asked:
    return Asked(verb, instruction, outcome, ())
