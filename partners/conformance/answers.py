"""Checks of answers that no interface promises: none of them proves anything, whatever was asked."""

from collections.abc import Mapping
from types import MappingProxyType

from hub.kernel.limits import PARTNER_REPLY_BYTES_MAX
from partners.base import Verb
from partners.conformance import expecting, wire
from partners.conformance.trial import Asked, Trial
from partners.conformance.types import Check, Group
from partners.sandbox.face import Answer

_JSON, _HTML, _TEXT, _XML = "application/json", "text/html", "text/plain", "application/xml"
_AWAY = {"location": "https://elsewhere.example/"}

ODD_ANSWERS: Mapping[str, tuple[str, Answer]] = MappingProxyType(
    {
        "server_error": ("a 500 with a page of HTML", Answer(500, b"<html>oops</html>", _HTML)),
        "maintenance": ("an empty 503", Answer(503, b"", _TEXT)),
        "forbidden": ("a bare 403", Answer(403, b"{}", _JSON)),
        "redirect": ("a redirect to elsewhere", Answer(302, b"", _TEXT, _AWAY)),
        "unauthorized": ("a 401 to every token", Answer(401, b"{}", _JSON)),
        "too_many": ("a bare 429", Answer(429, b"{}", _JSON)),
        "conflict": ("a bare 409", Answer(409, b"{}", _JSON)),
        "empty": ("a 200 with nothing in it", Answer(200, b"", _JSON)),
        "not_text": ("a 200 that is no UTF-8", Answer(200, b"\xff\xfe{]", _JSON)),
        "array": ("a 200 with a list", Answer(200, b"[]", _JSON)),
        "object": ("a 200 with an empty object", Answer(200, b"{}", _JSON)),
        "deep": ("a 200 nested a hundred thousand deep", Answer(200, b"[" * 100_000, _JSON)),
        "not_a_number": ("a 200 with NaN in it", Answer(200, b'{"status": NaN}', _JSON)),
        "page": ("a 200 with a page of HTML", Answer(200, b"<html><body>Welcome</body></html>", _HTML)),
        "entities": (
            "a 200 with XML that declares entities",
            Answer(200, b'<!DOCTYPE a [<!ENTITY b "c">]><Response>&b;</Response>', _XML),
        ),
        "oversize": ("a 200 without end", Answer(200, b" " * (PARTNER_REPLY_BYTES_MAX + 1) + b"{}", _JSON)),
        "bare_refusal": ("a bare 422", Answer(422, b"{}", _JSON)),
        "bare_not_found": ("a 404 that is not about the key", Answer(404, b"not here", _TEXT)),
        "gone": ("a bare 410", Answer(410, b"{}", _JSON)),
    }
)


def _answer_check(name: str, situation: str, answer: Answer) -> Check[Trial]:
    """Every verb of the brand is answered so."""

    def run(trial: Trial) -> None:
        strikes = (answer, answer) if answer.status == 401 else (answer,)
        for verb in sorted(trial.profile.capabilities.verbs):
            for asked in _asked(trial, verb, strikes):
                wire.one_call(asked, what="A call was repeated by the adapter itself", after=situation)
                expecting.no_claim(asked, f"the partner answered with {situation}")

    promise = f"{situation[0].upper()}{situation[1:]} proves nothing, whatever was asked."
    return Check(f"answer.{name}", Group.ANSWERS, promise, run)


def _asked(trial: Trial, verb: Verb, strikes: tuple[Answer, ...]) -> list[Asked]:
    instruction = trial.instruction()
    if verb is Verb.VALIDATE_MEMBER:
        return [trial.validate(instruction.membership, "", *strikes)[1]]
    if verb is Verb.BALANCE:
        return [trial.balance(instruction.membership, *strikes)[1]]
    if verb is Verb.CREDIT_MANY:
        outcomes, asked = trial.ask_many([instruction, trial.instruction()], *strikes)
        return [Asked(verb, instruction, outcome, asked.heard) for outcome in outcomes]
    if verb is Verb.REVERSE:
        original = trial.reversible()
        return [trial.ask(verb, trial.undoing(original, original.instruction.amount), *strikes)]
    return [trial.ask(verb, instruction, *strikes)]


ANSWER_CHECKS: tuple[Check[Trial], ...] = tuple(
    _answer_check(name, situation, answer) for name, (situation, answer) in ODD_ANSWERS.items()
)
