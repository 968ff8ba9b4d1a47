"""What must be true of the calls that an adapter makes, and what it is called when it is not.

Knows what a partner heard. Does not know what was answered.
"""

import re
from collections.abc import Collection
from fractions import Fraction

from partners.base import Instruction, Verb
from partners.conformance.trial import Asked
from partners.conformance.types import ContractBroken
from partners.sandbox.books import Move
from partners.sandbox.desk import Heard
from partners.sandbox.face import Inquiry, Lookup

_UNAUTHORIZED = 401
_DONE_BY_VERB = {Verb.DEBIT: "debited", Verb.CREDIT: "credited", Verb.REVERSE: "given points back"}


def one_call(asked: Asked, *, what: str = "", after: str = "") -> None:
    """The adapter called once; twice only where the first call was answered 401, to renew the token.

    what: how the mistake is called. after: what the partner had answered.
    """
    calls = asked.calls
    if asked.unheard is not None:
        raise _unreadable(asked)
    if not calls:
        raise ContractBroken(
            f"{asked.verb} called nobody and answered {asked.outcome!r:.120}",
            "exactly one call to the partner",
            "Send the instruction and judge the reply; remember nothing between calls",
        )
    if len(calls) <= (2 if _refused_token(calls[0]) else 1):
        return
    keys = {move.key for move in asked.moves}
    keyed = f"under {len(keys)} different keys" if len(keys) > 1 else "under one key"
    called = what or "An instruction was sent again by the adapter itself"
    raise ContractBroken(
        f"{called}: one {asked.verb} made {len(calls)} calls {keyed}{f' after {after}' if after else ''}",
        "one call for one instruction, whatever is answered",
        "Take the loop or the second call out: the hub inquires first and repeats the same key itself",
    )


def own_key(asked: Asked, used: Collection[str]) -> None:
    """Every movement goes out under the instruction's own key. used: keys of earlier instructions."""
    instruction = asked.instruction
    for move in asked.moves:
        if move.key == instruction.key:
            continue
        if move.key == instruction.original_key:
            seen = f"The wrong key was used: a {asked.verb} went out under the key of its original, {move.key}"
        elif move.key in used:
            seen = (
                f"A wrong key was reused: {asked.verb} {instruction.key} went out under {move.key}, of an earlier one"
            )
        else:
            seen = f"A wrong key was used: {asked.verb} {instruction.key} went out under {move.key or 'no key'}"
        raise ContractBroken(
            seen,
            "the instruction's own key, unchanged, at every call",
            "Write instruction.key where the partner expects its idempotency key, and nothing else",
        )


def own_member(asked: Asked) -> None:
    """The instruction's member is moved, and nobody else."""
    for move in asked.moves:
        if move.membership not in ("", asked.instruction.membership):
            raise another_member(asked, move.membership)


def another_member(asked: Asked, told: str) -> ContractBroken:
    """The sentence about a call for another member than was meant."""
    meant = asked.instruction.membership
    done = _DONE_BY_VERB.get(asked.verb, "asked about")
    if told.casefold() == meant.casefold():
        seen = f"The letters of a membership number were changed: {told!r} was {done} instead of {meant!r}"
    else:
        seen = f"The wrong member was {done}: {told!r} instead of {meant!r}"
    return ContractBroken(
        seen,
        "the membership of the instruction, letter by letter",
        "Send instruction.membership as it is: no folding, trimming or remembering",
    )


def own_amount(asked: Asked) -> None:
    """The amount and the unit arrive as instructed."""
    instruction = asked.instruction
    for move in asked.moves:
        if move.amount != instruction.amount:
            raise ContractBroken(
                _other_amount(instruction, move),
                f"{instruction.amount} smallest units of {instruction.unit} (scale {instruction.scale})",
                "Send whole smallest units, or a decimal text with the unit's scale by hub.kernel.amounts.decimal_text;"
                " never a float",
            )
        if move.unit and move.unit != instruction.unit:
            raise ContractBroken(
                f"The wrong unit was moved: {move.unit} instead of {instruction.unit}",
                "the unit of the instruction",
                "Tell the partner which unit is meant, by its own word for it",
            )


def own_original(asked: Asked) -> None:
    """A reversal names what it undoes, by key or by reference, and nothing else."""
    instruction = asked.instruction
    for move in asked.moves:
        by_key = move.original_key in ("", instruction.original_key)
        by_reference = move.original_reference in ("", instruction.original_reference)
        if not (by_key and by_reference and (move.original_key or move.original_reference)):
            named = move.original_key or move.original_reference or "nothing"
            raise ContractBroken(
                f"The wrong original was undone: the reversal of {instruction.original_key} names {named}",
                "the instruction's original_key or original_reference",
                "Name the original as the instruction does; the newest movement is not always the one",
            )


def own_inquiry(asked: Asked) -> None:
    """The key that is asked after is the one that was meant."""
    for one in asked.calls:
        if isinstance(one.task, Inquiry) and one.task.key != asked.instruction.key:
            raise ContractBroken(
                f"Another key was asked after: {one.task.key} instead of {asked.instruction.key}",
                "the key of the inquiry",
                "Ask for the key that inquire() is given",
            )


def own_lookup(asked: Asked) -> None:
    """The member that is asked about is the one that was meant."""
    for one in asked.calls:
        if isinstance(one.task, Lookup) and one.task.membership != asked.instruction.membership:
            raise another_member(asked, one.task.membership)


def sent_as_instructed(asked: Asked, used: Collection[str] = ()) -> None:
    """All of the above for a movement."""
    one_call(asked)
    own_key(asked, used)
    own_member(asked)
    own_amount(asked)
    if asked.verb is Verb.REVERSE and asked.moves and asked.moves[0].kind == "reverse":
        own_original(asked)


def _refused_token(heard: Heard) -> bool:
    return heard.answer is not None and heard.answer.status == _UNAUTHORIZED


def _other_amount(instruction: Instruction, move: Move) -> str:
    told, meant = move.amount, instruction.amount
    if instruction.bonus and told == meant - instruction.bonus:
        return f"The bonus was dropped: {told} was credited instead of {meant}, of which {instruction.bonus} are bonus"
    if instruction.bonus and told == meant + instruction.bonus:
        return f"The bonus was counted twice: {told} was credited instead of {meant}, bonus included"
    ratio = Fraction(told, meant)
    for power in range(1, 13):
        if ratio in (10**power, Fraction(1, 10**power)):
            times = f"{10**power} times too {'much' if ratio > 1 else 'little'}"
            return f"The amount is in the wrong unit: {told} was sent for {meant} smallest units, {times}"
    if abs(told - meant) <= max(1, meant // 1_000):
        return f"The amount was rounded: {told} was sent for {meant} smallest units"
    return f"The amount is wrong: {told} was sent for {meant} smallest units"


def _unreadable(asked: Asked) -> ContractBroken:
    """A call that the partner's interface does not have; what is probably wrong with it is looked for."""
    [call, *_] = [one.call for one in asked.calls if one.task is asked.unheard]
    unheard = asked.unheard
    body = call.body.decode("utf-8", "replace")
    meant = asked.instruction.amount
    fraction = re.search(rf"(?<![0-9.]){meant}(\.0+|[eE][+0-9]+)(?![0-9])", body)
    moves = asked.verb in _DONE_BY_VERB
    why = f"the amount was sent as the fraction {fraction[0]}" if moves and fraction else "it is not in its interface"
    return ContractBroken(
        f"The partner could not read the call {call.method} {call.path} ({why}) and answered"
        f" {unheard.status if unheard else '?'} {unheard.why if unheard else ''}",
        "a call as the partner's interface describes it",
        "Compare method, path and body with the interface; amounts are whole numbers or exact decimal texts, never"
        " floats",
    )


def told_otherwise(what: str, told: int | None, instruction: Instruction) -> ContractBroken:
    """The sentence about an amount that was told in other units than it was instructed in."""
    return ContractBroken(
        f"{what} tells the amount in the wrong unit: {told} for {instruction.amount} smallest units",
        f"{instruction.amount}, or None",
        "Read amounts by whole_at() or amount_of() with the unit's scale",
    )
