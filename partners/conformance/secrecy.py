"""Checks of secrecy: no secret and nothing personal in logs, on the screen, in answers or in what objects show."""

from partners.base import Verb
from partners.conformance.trial import NAME, Trial
from partners.conformance.types import ContractBroken, Group, check
from partners.sandbox.bench import NUMBER_CLOSED
from partners.sandbox.face import Answer
from partners.sandbox.faults import Fault, FaultKind

_TROUBLES: tuple[Fault | Answer, ...] = (
    Fault(FaultKind.TIMEOUT_AFTER, coin=False),
    Fault(FaultKind.SERVER_ERROR_AFTER, coin=False),
    Fault(FaultKind.GARBAGE, coin=False),
    Fault(FaultKind.TOKEN_EXPIRED, coin=False),
    Answer(403, b"{}"),
    Answer(422, b"{}"),
)


def _tour(trial: Trial) -> None:
    """Every verb once in good weather, once refused, and once in each trouble; done once for all checks."""
    if trial.toured:
        return
    trial.toured = True
    for verb in trial.moves_offered():
        trial.ask(verb, trial.instruction(), Fault(FaultKind.TOKEN_EXPIRED, coin=False))
        trial.ask(verb, trial.instruction(number=NUMBER_CLOSED))
        for trouble in _TROUBLES:
            asked = trial.ask(verb, trial.instruction(), trouble)
            if trial.offers(Verb.INQUIRE):
                trial.ask(Verb.INQUIRE, asked.instruction, trouble)
    for strikes in ((), *((trouble,) for trouble in _TROUBLES)):
        if trial.offers(Verb.VALIDATE_MEMBER):
            trial.validate(trial.member(), NAME, *strikes)
        if trial.offers(Verb.BALANCE):
            trial.balance(trial.member(), *strikes)


@check("secret.logs", Group.SECRECY, "No secret and no token is logged or printed, at any level, whatever goes wrong.")
def nothing_secret_is_logged(trial: Trial) -> None:
    """Everything that was logged or printed so far, and a tour through all verbs."""
    _tour(trial)
    hidden = trial.ear.hidden(trial.bench.connection)
    for where, lines in (("logged", trial.ear.logged), ("printed", trial.ear.printed)):
        found = next((line for line in lines for secret in hidden if secret in line), None)
        if found is not None:
            raise ContractBroken(
                f"A secret was {where}: {_without(found, hidden)[:160]!r}",
                "no secret, key or token in any line or extra field, at any level",
                "Log nothing but fixed words and the partner's code; the session logs what is needed",
            )


@check("secret.answers", Group.SECRECY, "No secret and no token stands in an outcome or in what an object shows.")
def nothing_secret_is_answered(trial: Trial) -> None:
    """Every outcome so far, and the adapter's own representation."""
    _tour(trial)
    bench = trial.bench
    hidden = trial.ear.hidden(bench.connection)
    token = bench.ports.tokens.get(trial.profile.code, trial.profile.http.scope)
    shown = [repr(one) for one in (bench.adapter, vars(bench.adapter), bench.connection, bench.ports, token)]
    for where, lines in (("an outcome", trial.ear.answered), ("what the adapter shows of itself", shown)):
        found = next((line for line in lines for secret in hidden if secret in line), None)
        if found is not None:
            raise ContractBroken(
                f"A secret stands in {where}: {_without(found, hidden)[:160]!r}",
                "outcomes and representations without secrets, since they are kept and shown",
                "Say why in words of your own; put the partner's word through word(), its text nowhere",
            )


@check("secret.persons", Group.SECRECY, "Neither a name nor a membership number is logged by the adapter or printed.")
def nothing_personal_is_logged(trial: Trial) -> None:
    """Everything that the adapter logged or printed so far, and a tour through all verbs."""
    _tour(trial)
    numbers = {trial.bench.member(count) for count in range(1, 200)}
    for line in (*trial.ear.own, *trial.ear.printed):
        number = next((one for one in numbers if one in line), "")
        if NAME in line or number:
            raise ContractBroken(
                f"A member's {'number' if number else 'name'} was logged: {line[:120]!r}",
                "nothing personal in logs",
                "Log the instruction's key instead",
            )
    for answered in trial.ear.answered:
        if NAME in answered:
            raise ContractBroken(
                "A member's name stands in an outcome",
                "no name but in MemberValidation.name",
                "Say why in words of your own; put the partner's text nowhere",
            )


def _without(line: str, hidden: set[str]) -> str:
    """The line, its secrets struck out, so that a report does not tell them either."""
    for secret in sorted(hidden, key=len, reverse=True):
        line = line.replace(secret, "***")
    return line
