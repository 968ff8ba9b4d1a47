"""Checks of what a brand tells of its own accord: read for what it says, and nothing made of what it does not."""

from partners.base import Done, NotificationUnreadable, Refused, Verb
from partners.conformance import wire
from partners.conformance.trial import Trial, raised
from partners.conformance.types import ContractBroken, Group, NotApplicable, check
from partners.profile import NotificationScheme
from partners.sandbox.books import Applied, Move, MoveKind
from partners.sandbox.desk import opposite

_ODD_BODIES = (b"", b"{}", b"[]", b"\xff\xfe", b"[" * 100_000, b'{"event": NaN}', b"<html></html>")


def _need_notices(trial: Trial) -> None:
    if trial.profile.notifications.scheme is NotificationScheme.NONE:
        raise NotApplicable("the profile states no notifications")


@check("notice.read", Group.NOTICES, "A notice of a result says what an inquiry would say, about the same key.")
def notices_are_read(trial: Trial) -> None:
    """A yes and a no, as the simulator words them."""
    _need_notices(trial)
    face, instruction = trial.bench.simulator.face(trial.profile.code), trial.instruction()
    kind = MoveKind.DEBIT if trial.some_move() is Verb.DEBIT else MoveKind.CREDIT
    move = Move(kind, instruction.key, instruction.membership, instruction.unit, instruction.amount)
    yes = Applied(move, "R000000007", 7, trial.bench.clock.now())
    for result, expected in ((yes, Done), (opposite(yes), Refused)):
        body = face.notice(result)
        if not body:
            raise NotApplicable("the simulator of this brand tells every result at once")
        notices = trial.guarded(Verb.INQUIRE, lambda body=body: trial.bench.adapter.notifications(body))  # type: ignore[misc]
        subjects = [one.subject for one in notices] if isinstance(notices, tuple) else []
        if subjects != [instruction.key]:
            raise ContractBroken(
                f"A notice about {instruction.key} was read as about {subjects or 'nothing'}",
                "one notification whose subject is the instruction's key",
                "Read the key from the notice into Notification.subject",
            )
        outcome = notices[0].outcome if isinstance(notices, tuple) else None
        if outcome is not None and not isinstance(outcome, expected):
            raise ContractBroken(
                f"A notice of {expected.__name__} was read as {type(outcome).__name__}",
                f"{expected.__name__}, or no outcome so that the hub inquires",
                "Compare the words of the notice with the partner's description",
            )
        if isinstance(outcome, Done) and outcome.amount not in (None, instruction.amount):
            raise wire.told_otherwise("A notice", outcome.amount, instruction)


@check("notice.odd", Group.NOTICES, "A notice that cannot be read is refused as such, and nothing is made of it.")
def odd_notices_are_refused(trial: Trial) -> None:
    """Empty, no JSON, too deep, a page."""
    for body in _ODD_BODIES:
        try:
            found = trial.bench.adapter.notifications(body)
        except NotificationUnreadable:
            continue
        except Exception as fault:
            raise raised("notifications", fault) from fault
        if found:
            raise ContractBroken(
                f"{len(found)} notifications were read out of {body[:20]!r}",
                "NotificationUnreadable",
                "Raise it for a body that is not what the interface promises",
            )
