"""Checks of everything that goes wrong on the way: each must end without proof, and be made good by the same key."""

from dataclasses import dataclass, replace

from partners.base import Done, Instruction, Unknown, Verb
from partners.conformance import expecting, wire
from partners.conformance.trial import Asked, Trial
from partners.conformance.types import Check, ContractBroken, Group, NotApplicable, check
from partners.sandbox.desk import RETRY_AFTER_SECONDS
from partners.sandbox.faults import Echo, Fault, FaultKind

_TIMEOUT_AS_DONE = "A timeout was read as Done"


@dataclass(frozen=True, slots=True)
class _Trouble:
    """A fault, what the partner did as a clause, and how a wrong yes to it is called."""

    id: str
    promise: str
    fault: Fault
    situation: str
    read_as_done: str = "An answer without proof was read as Done"


def _trouble(id_: str, promise: str, kind: FaultKind, situation: str, *, coin: bool = False, **more: str) -> _Trouble:
    return _Trouble(id_, promise, Fault(kind, coin=coin), situation, **more)


_UNKNOWN: tuple[_Trouble, ...] = (
    _trouble(
        "silence",
        "No answer is Unknown, when nothing was applied; a repeat under the same key makes it good.",
        FaultKind.TIMEOUT_BEFORE,
        "the connection closed without an answer and nothing was applied",
        read_as_done=_TIMEOUT_AS_DONE,
    ),
    _trouble(
        "silence_after",
        "No answer is Unknown, when it was applied; an inquiry finds it.",
        FaultKind.TIMEOUT_AFTER,
        "the connection closed without an answer after it was applied",
        read_as_done=_TIMEOUT_AS_DONE,
    ),
    _trouble(
        "cut_off",
        "An answer that breaks off is Unknown.",
        FaultKind.CUT_OFF,
        "the answer broke off in the middle after it was applied",
    ),
    _trouble(
        "server_error",
        "A 503 is Unknown.",
        FaultKind.SERVER_ERROR_THEN_SUCCESS,
        "the partner answered 503 and nothing was applied",
    ),
    _trouble(
        "server_error_after",
        "A 502 is Unknown, since it may have been applied.",
        FaultKind.SERVER_ERROR_AFTER,
        "a gateway answered 502 after it was applied",
    ),
    _trouble(
        "unknown_word",
        "A status word that nobody has agreed on is Unknown, when nothing was applied.",
        FaultKind.UNKNOWN_WORD,
        "the answer carried a word that is in no description and nothing was applied",
        coin=True,
    ),
    _trouble(
        "unknown_word_after",
        "A status word that nobody has agreed on is Unknown, when it was applied.",
        FaultKind.UNKNOWN_WORD,
        "the answer carried a word that is in no description after it was applied",
    ),
    _trouble(
        "garbage",
        "A page of HTML instead of an answer is Unknown.",
        FaultKind.GARBAGE,
        "the answer was a page of HTML and nothing was applied",
        coin=True,
    ),
    _trouble(
        "garbage_after",
        "A page of HTML instead of an answer is Unknown, when it was applied.",
        FaultKind.GARBAGE,
        "the answer was a page of HTML after it was applied",
    ),
)

# What an inquiry or a look-up can meet, as a clause, and how it is brought about.
READ_TROUBLES: tuple[tuple[str, Fault], ...] = (
    ("the connection closed without an answer", Fault(FaultKind.TIMEOUT_BEFORE, coin=False)),
    ("the answer broke off in the middle", Fault(FaultKind.CUT_OFF, coin=False)),
    ("the partner answered 503", Fault(FaultKind.SERVER_ERROR_THEN_SUCCESS, coin=False)),
    ("a gateway answered 502", Fault(FaultKind.SERVER_ERROR_AFTER, coin=False)),
    ("the partner answered 429", Fault(FaultKind.RATE_LIMITED, coin=False)),
    ("the answer was a page of HTML", Fault(FaultKind.GARBAGE, coin=False)),
)


def _unknown_check(trouble: _Trouble) -> Check[Trial]:
    def run(trial: Trial) -> None:
        for asked in _struck(trial, trouble.fault, trouble.situation):
            expecting.unknown(asked, trouble.situation, read_as_done=trouble.read_as_done)
            _made_good(trial, asked, trouble.situation)

    return Check(f"fault.{trouble.id}", Group.FAULTS, trouble.promise, run)


def _echo_check(echo: Echo, noun: str) -> Check[Trial]:
    situation = f"the answer named another {noun} than was instructed"

    def run(trial: Trial) -> None:
        told = False
        for asked in _struck(trial, Fault(FaultKind.WRONG_ECHO, coin=False, echo=echo), situation):
            if not any(one.honest is not None and one.answer != one.honest for one in asked.calls):
                continue
            told = True
            if isinstance(asked.outcome, Done):
                raise ContractBroken(
                    f"The echo was not compared: {asked.shown()} although {situation}",
                    "Unknown",
                    f"Compare the {noun} in every answer with the instruction, by wrong_echo()",
                )
            expecting.unknown(asked, situation)
            _made_good(trial, asked, situation)
        if not told:
            raise NotApplicable(f"the first answer of this brand does not name the {noun}")

    promise = f"An answer that names another {noun} proves nothing."
    return Check(f"fault.echo_{echo}", Group.FAULTS, promise, run)


@check("fault.unreachable", Group.FAULTS, "A partner that cannot be reached is Unknown, and known not to be called.")
def unreachable(trial: Trial) -> None:
    """A port where nobody listens."""
    for verb in trial.moves_offered():
        adapter, instruction = trial.bench.unreachable, trial.instruction()
        call = adapter.debit if verb is Verb.DEBIT else adapter.credit
        outcome = trial.judged(verb, instruction, call)
        asked = Asked(verb, instruction, outcome, ())
        found = expecting.unknown(asked, "no connection came about", read_as_done=_TIMEOUT_AS_DONE)
        if found.called:
            raise ContractBroken(
                f"{verb} answered Unknown with called = True although no connection came about",
                "called = False, so that it may be sent again at once",
                "Return the session's own Unknown as it is",
            )


@check("fault.rate_limited", Group.FAULTS, "A 429 is Unknown with the wait that the partner asks for.")
def rate_limited(trial: Trial) -> None:
    """A 429 with Retry-After."""
    situation = f"the partner answered 429 and asked for {RETRY_AFTER_SECONDS} seconds"
    for asked in _struck(trial, Fault(FaultKind.RATE_LIMITED, coin=False), situation):
        require_wait(asked, situation)
        _made_good(trial, asked, situation)


@check("fault.token", Group.FAULTS, "A token that expires in mid-flow is renewed, and the instruction sent once more.")
def token_expired(trial: Trial) -> None:
    """A 401 to a token that was good."""
    situation = "the partner answered 401 to an expired token and yes to a new one"
    for asked in _struck(trial, Fault(FaultKind.TOKEN_EXPIRED, coin=False), situation):
        if trial.profile.http.token_url:
            ended = replace(asked, outcome=trial.ended(asked.instruction, asked.outcome))
            expecting.done(ended, situation)
            expecting.booked_once(trial, asked, situation)
        else:
            expecting.unknown(asked, "the partner answered 401 and nothing was applied")
            _made_good(trial, asked, "a 401")


@check("fault.slow", Group.FAULTS, "A slow answer is waited for.")
def slow(trial: Trial) -> None:
    """Late, within the timeout."""
    _still_a_yes(trial, FaultKind.SLOW_ANSWER, "the partner said yes, late but within the timeout")


@check("fault.duplicate", Group.FAULTS, "A movement that the partner runs twice by its own mistake is Done, once.")
def duplicate(trial: Trial) -> None:
    """The partner's keys stop the second."""
    _still_a_yes(trial, FaultKind.DUPLICATE_APPLICATION, "the partner said that it had done so before")


def require_wait(asked: Asked, situation: str) -> None:
    """Unknown, with the wait that the partner asked for."""
    found = expecting.unknown(asked, situation)
    if found.retry_after_seconds != RETRY_AFTER_SECONDS:
        raise ContractBroken(
            f"A 429 was swallowed: {asked.shown()} has retry_after_seconds = {found.retry_after_seconds} although"
            f" {situation}",
            f"Unknown with retry_after_seconds = {RETRY_AFTER_SECONDS}",
            "Answer with no_proof(reply) or unreadable(reply), which read the header",
        )


def _still_a_yes(trial: Trial, kind: FaultKind, situation: str) -> None:
    for asked in _struck(trial, Fault(kind, coin=False), situation):
        ended = replace(asked, outcome=trial.ended(asked.instruction, asked.outcome))
        expecting.done(ended, situation)
        expecting.booked_once(trial, asked, situation)


def _struck(trial: Trial, fault: Fault, situation: str) -> list[Asked]:
    """Each verb that moves, struck by the fault once. Raises: ContractBroken, NotApplicable."""
    trial.some_move()
    found = []
    for verb, instruction in _instructions(trial):
        asked = trial.ask(verb, instruction, fault)
        after = "a 401" if fault.kind is FaultKind.TOKEN_EXPIRED else situation
        wire.one_call(asked, what="The adapter repeated an instruction by itself", after=after)
        wire.own_key(asked, trial.keys_used)
        found.append(asked)
    return found


def _instructions(trial: Trial) -> list[tuple[Verb, Instruction]]:
    found = [(verb, trial.instruction()) for verb in trial.moves_offered()]
    if trial.offers(Verb.REVERSE) and trial.offers(Verb.DEBIT):
        original = trial.reversible()
        found.append((Verb.REVERSE, trial.undoing(original, original.instruction.amount)))
    return found


def _made_good(trial: Trial, asked: Asked, situation: str) -> None:
    """Inquiry and the same key again end it, once."""
    instruction = asked.instruction
    applied = bool(trial.booked(instruction))
    if trial.offers(Verb.INQUIRE):
        told = trial.inquired(instruction)
        if applied:
            expecting.done(told, f"it was applied and {situation}")
        else:
            found = expecting.unknown(told, f"nothing was applied and {situation}")
            _require_not_found(told, found, situation)
    if not trial.profile.capabilities.keys:
        return
    again = trial.settled(asked.verb, instruction)
    expecting.done(again, f"the same key was sent again after {situation}")
    expecting.booked_once(trial, again, situation)


def _require_not_found(told: Asked, found: Unknown, situation: str) -> None:
    if not found.not_found:
        raise ContractBroken(
            f'"Not found" was not recognised: {told.shown()} although nothing was applied and {situation}',
            "Unknown with not_found = True",
            "Return Unknown(..., not_found=True) for the partner's status and word for it",
        )


UNKNOWN_CHECKS: tuple[Check[Trial], ...] = tuple(_unknown_check(trouble) for trouble in _UNKNOWN)
ECHO_CHECKS: tuple[Check[Trial], ...] = (
    _echo_check(Echo.KEY, "key"),
    _echo_check(Echo.AMOUNT, "amount"),
    _echo_check(Echo.MEMBERSHIP, "member"),
)
