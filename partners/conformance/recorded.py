"""Replies as the brand really sent them, read back: each must become what its case says.

Knows `fixtures/cases.toml`: an `[instruction]`, and one `[[case]]` for each reply with the file, its status and what it
must become. Does not know what a simulator would say.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from partners.base import Done, Instruction, Outcome, Refused, Verb
from partners.conformance.trial import Trial, shown
from partners.conformance.types import ContractBroken, Group, NotApplicable, check
from partners.sandbox.face import Answer

_CASES = "cases.toml"


@dataclass(frozen=True, slots=True)
class _Case:
    """One recorded reply. told: what its case says about it, by name."""

    name: str
    verb: Verb
    answer: Answer
    instruction: Instruction
    told: Mapping[str, object]


@check("recorded.replies", Group.ANSWERS, "Every recorded reply of the brand becomes what its case says.")
def recorded_replies_are_read(trial: Trial) -> None:
    """Each reply in fixtures/, byte for byte."""
    folder = trial.folder / "fixtures"
    if not (folder / _CASES).is_file():
        raise NotApplicable(f"there is no fixtures/{_CASES}: nothing the brand really sent was recorded")
    for case in _cases(folder):
        outcome = _outcome(trial, case)
        expected = case.told.get("outcome")
        got = type(outcome).__name__.lower()
        if got != expected or not _fits(outcome, case.told):
            wanted = ", ".join(f"{name} {value!r}" for name, value in case.told.items() if name in _COMPARED)
            raise ContractBroken(
                f"The recorded reply {case.name!r} was read as {shown(outcome)}",
                f"{expected}{f' with {wanted}' if wanted else ''}, as fixtures/{_CASES} says",
                "Mend the adapter, or the case if it is the case that is wrong",
            )


_COMPARED = ("reference", "surviving", "balance", "amount", "reason", "said", "why", "not_found", "pending")


def _fits(outcome: Outcome, told: Mapping[str, object]) -> bool:
    """Whether the outcome has everything that the case names."""
    if isinstance(outcome, Done):
        found: dict[str, object] = {
            "reference": outcome.reference,
            "surviving": outcome.membership,
            "balance": outcome.balance,
            "amount": outcome.amount,
        }
        return all(told.get(name, value) == value for name, value in found.items())
    if isinstance(outcome, Refused):
        return told.get("reason", outcome.reason) == outcome.reason and told.get("said", outcome.said) == outcome.said
    flags = (told.get("not_found", False), told.get("pending", False)) == (outcome.not_found, outcome.pending)
    return flags and str(told.get("why", "")) in outcome.why


def _outcome(trial: Trial, case: _Case) -> Outcome:
    if case.verb is Verb.VALIDATE_MEMBER:
        return trial.validate(case.instruction.membership, "", case.answer)[0].outcome
    if case.verb is Verb.BALANCE:
        return trial.balance(case.instruction.membership, case.answer)[0].outcome
    return trial.ask(case.verb, case.instruction, case.answer).outcome


def _cases(folder: Path) -> list[_Case]:
    """The recorded cases in order. Raises: ContractBroken, when they cannot be used."""
    try:
        document = tomllib.loads((folder / _CASES).read_text(encoding="utf-8"))
        plain = Instruction(**document["instruction"])
        return [_case(folder, plain, one) for one in document["case"]]
    except (OSError, ValueError, TypeError, KeyError) as fault:
        raise ContractBroken(
            f"fixtures/{_CASES} cannot be used: {type(fault).__name__}: {str(fault)[:160]}",
            "an [instruction] and one [[case]] for each reply, with name, verb, file, status and outcome",
            "Compare it with fixtures/cases.toml of the template",
        ) from fault


def _case(folder: Path, plain: Instruction, told: Mapping[str, object]) -> _Case:
    named = {name: str(told[name]) for name in ("key", "membership") if name in told}
    amount = told.get("amount_instructed", plain.amount)
    if not isinstance(amount, int):
        raise TypeError("amount_instructed is a whole number")
    answer = Answer(
        int(str(told["status"])),
        (folder / str(told["file"])).read_bytes(),
        str(told.get("content_type", "application/json")),
    )
    instruction = replace(plain, amount=amount, **named)  # type: ignore[arg-type]
    return _Case(str(told["name"]), Verb(str(told["verb"])), answer, instruction, told)
