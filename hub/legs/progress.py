"""How a leg moves on: when an attempt starts, runs out of its lease, or is answered. Pure.

Knows legs and outcomes. Does not know how they are kept.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from hub.legs.decision import ATTEMPT_LEASE_SECONDS, retry_at
from hub.legs.states import MOVES, AttemptKind, LegRole, LegState
from hub.legs.types import Leg, LegProfile, LegResult
from partners.base import Done, Outcome, Reason, Refused, Unknown

_LEASE = timedelta(seconds=ATTEMPT_LEASE_SECONDS)


def started(leg: Leg, kind: AttemptKind, profile: LegProfile, now: datetime) -> Leg:
    """The leg with one more attempt, which may answer until its lease ends."""
    assert leg.state is LegState.OPEN, "only an open leg is tried"
    assert leg.lease_until is None, "a leg has one attempt at a time"
    leg = replace(leg, attempt=leg.attempt + 1, last_kind=kind, lease_until=now + _LEASE)
    if kind is AttemptKind.INQUIRY:
        return leg
    return replace(
        leg,
        calls=leg.calls + 1,
        first_called_at=leg.first_called_at or now,
        last_called_at=now,
        not_found_at=None,
        bonus_apart=leg.bonus > 0 and leg.role is LegRole.CREDIT and profile.bonus_apart,
    )


def lapsed(leg: Leg, now: datetime) -> Leg:
    """The leg without the attempt whose lease ended unanswered: an `Unknown`, to be followed up at once."""
    assert leg.lease_until is not None, "only a running attempt lapses"
    assert leg.lease_until <= now, "a lease that runs is not over"
    called = leg.last_kind is AttemptKind.CALL
    return replace(
        leg,
        unknowns=leg.unknowns + 1,
        inquiries=leg.inquiries + (0 if called else 1),
        pending=leg.pending and not called,
        # Until the lease ended the call may still have reached the partner.
        last_called_at=leg.lease_until if called else leg.last_called_at,
        lease_until=None,
        next_at=now,
    )


def answered(leg: Leg, outcome: Outcome, profile: LegProfile, now: datetime) -> Leg:
    """The leg after its current attempt brought this outcome."""
    if not isinstance(outcome, Unknown):
        return proven(leg, outcome, now)
    if leg.state is LegState.BY_HAND:
        return leg
    assert leg.lease_until is not None, "only a running attempt is answered"
    called = leg.last_kind is AttemptKind.CALL
    asked_at = leg.lease_until - _LEASE
    silent = not (outcome.not_found or outcome.pending)
    leg = replace(
        leg,
        unknowns=leg.unknowns + 1,
        inquiries=0 if called or not silent else leg.inquiries + 1,
        pending=outcome.pending,
        last_called_at=now if called else leg.last_called_at,
        not_found_at=asked_at if outcome.not_found and not called else None,
        lease_until=None,
    )
    if not profile.keys:
        return replace(leg, state=LegState.BY_HAND, reason="partner_without_keys")
    return replace(leg, next_at=retry_at(leg, profile, outcome, now))


def proven(leg: Leg, outcome: Done | Refused, now: datetime) -> Leg:
    """The leg ended by proof.

    A partner that knows the key for something else, or that applied another amount, is a matter for a person.
    """
    if isinstance(outcome, Refused) and outcome.reason is Reason.KEY_REUSED:
        return by_hand(leg, outcome.reason.value)
    asked = leg.amount + (0 if leg.bonus_apart else leg.bonus)
    if isinstance(outcome, Done) and outcome.amount not in (None, asked):
        return by_hand(leg, "amount_differs")
    leg = replace(leg, lease_until=None, next_at=now, pending=False)
    if isinstance(outcome, Done):
        surviving = outcome.membership if outcome.membership != leg.membership else ""
        return _moved(replace(leg, reference=outcome.reference, reason="", surviving=surviving), LegState.DONE)
    return _moved(replace(leg, reason=outcome.reason.value, said=outcome.said), LegState.REFUSED)


def by_hand(leg: Leg, reason: str) -> Leg:
    """The leg waiting for a person."""
    leg = replace(leg, lease_until=None, reason=reason)
    return leg if leg.state is LegState.BY_HAND else _moved(leg, LegState.BY_HAND)


def contradicts(leg: Leg, outcome: Outcome) -> bool:
    """Whether `outcome` proves the opposite of how the leg ended."""
    if isinstance(outcome, Done):
        return leg.state in (LegState.REFUSED, LegState.CANCELLED)
    return isinstance(outcome, Refused) and leg.state is LegState.DONE


def result(leg: Leg, *, current: bool) -> LegResult:
    """How the leg stands, for its owner."""
    return LegResult(
        leg=leg.id,
        owner_kind=leg.owner_kind,
        owner=leg.owner,
        role=leg.role,
        partner=leg.partner,
        state=leg.state,
        current=current,
        reason=leg.reason,
        membership=leg.membership,
        surviving=leg.surviving,
        bonus_apart=leg.bonus_apart,
        retry_at=leg.next_at if leg.state is LegState.OPEN else None,
    )


def outcome_word(outcome: Outcome) -> str:
    """`done`, `refused` or `unknown`."""
    return type(outcome).__name__.lower()


def outcome_detail(outcome: Outcome) -> str:
    """What an attempt's row keeps of an outcome: a reference, a reason or why there is no proof."""
    if isinstance(outcome, Done):
        return outcome.reference
    if isinstance(outcome, Refused):
        return outcome.reason.value
    return "not found" if outcome.not_found else outcome.why


def _moved(leg: Leg, to: LegState) -> Leg:
    assert to in MOVES[leg.state], f"a leg cannot go from {leg.state} to {to}"
    return replace(leg, state=to)
