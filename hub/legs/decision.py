"""What to do next with a leg: pure, over the leg, its partner's profile and the present instant.

Knows the rules of proof: inquire after silence, repeat only the same key, only after the inquiry lag and only while the
partner remembers the key, then a person. Does not know how partners are called or where legs are kept.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from hub.legs.states import AttemptKind, LegRole, LegState
from hub.legs.types import Leg, LegProfile
from partners.base import Unknown, Verb

# Seconds an attempt may take before it counts as `Unknown`. Longer than the outbox's lease (60 s), so that a message
# that is published again meets a running attempt and waits for it.
ATTEMPT_LEASE_SECONDS = 90

# Inquiries in a row that brought no answer at all before the same key is called again, and after the key's life has
# passed before a person is asked: three tell an outage from an odd moment.
INQUIRIES_UNANSWERED_MAX = 3

# The longest `Retry-After` of a partner that is obeyed; a day, so that a typing error does not park a leg for years.
RETRY_AFTER_SECONDS_MAX = 86_400


class Action(StrEnum):
    """What a leg needs now."""

    CALL = "call"  # send the instruction, under its only key
    INQUIRE = "inquire"  # ask what became of the key
    WAIT = "wait"  # an attempt is running, or it is too early
    ASK_PERSON = "ask_person"  # no proof can be had by machine
    NOTHING = "nothing"  # it has ended


@dataclass(frozen=True, slots=True)
class Decision:
    """An action; until: for `WAIT`, when to decide again."""

    action: Action
    until: datetime | None = None


def decide(leg: Leg, profile: LegProfile, now: datetime) -> Decision:
    """What this leg needs at `now`. An expired lease is an `Unknown`: it leads to an inquiry, never to a new key."""
    if leg.state is not LegState.OPEN:
        return Decision(Action.NOTHING)
    if leg.lease_until is not None and leg.lease_until > now:
        return Decision(Action.WAIT, leg.lease_until)
    if leg.lease_until is None and leg.next_at > now:
        return Decision(Action.WAIT, leg.next_at)
    if leg.calls == 0:
        return Decision(Action.CALL)
    if not profile.keys:
        return Decision(Action.ASK_PERSON)
    if Verb.INQUIRE not in profile.verbs:
        return Decision(Action.CALL if key_is_alive(leg, profile, now) else Action.ASK_PERSON)
    return _decide_after_unknown(leg, profile, now)


def _decide_after_unknown(leg: Leg, profile: LegProfile, now: datetime) -> Decision:
    if leg.last_kind is AttemptKind.CALL or leg.pending:
        return Decision(Action.INQUIRE)
    lag_passed = now >= found_by(leg, profile)
    proven_absent = leg.not_found_at is not None and leg.not_found_at >= found_by(leg, profile)
    unanswered = leg.inquiries >= INQUIRIES_UNANSWERED_MAX and lag_passed
    if key_is_alive(leg, profile, now):
        return Decision(Action.CALL if proven_absent or unanswered else Action.INQUIRE)
    return Decision(Action.ASK_PERSON if proven_absent or unanswered else Action.INQUIRE)


def found_by(leg: Leg, profile: LegProfile) -> datetime:
    """From when on "not found" means that the newest call was not applied."""
    assert leg.last_called_at is not None, "only a leg that was called can be looked for"
    return leg.last_called_at + timedelta(seconds=profile.inquiry_lag_seconds)


def key_is_alive(leg: Leg, profile: LegProfile, now: datetime) -> bool:
    """Whether a call that starts now would still reach the partner while it remembers the key's first use."""
    assert leg.first_called_at is not None, "only a leg that was called has used its key"
    forgotten_at = leg.first_called_at + timedelta(seconds=profile.key_life_seconds)
    return now + timedelta(seconds=ATTEMPT_LEASE_SECONDS) <= forgotten_at


def retry_at(leg: Leg, profile: LegProfile, unknown: Unknown, now: datetime) -> datetime:
    """When to go on after `unknown`, which is already counted in `leg.unknowns`.

    Backs off to the route's ceiling, obeys a partner's `Retry-After`, and does not sleep past the end of the inquiry
    lag when the last inquiry found nothing.
    """
    at = now + timedelta(seconds=wait_seconds(leg.unknowns, profile))
    if unknown.not_found and now < found_by(leg, profile) < at:
        at = found_by(leg, profile)
    asked = min(unknown.retry_after_seconds or 0, RETRY_AFTER_SECONDS_MAX)
    return max(at, now + timedelta(seconds=asked))


def wait_seconds(unknowns: int, profile: LegProfile) -> int:
    """The wait after the n-th answer without proof: first × factor^(n-1), at most the ceiling."""
    wait = profile.retry_first_seconds
    for _ in range(1, unknowns):
        if wait >= profile.retry_ceiling_seconds:
            break
        wait *= max(profile.retry_factor, 1)
        if profile.retry_factor <= 1:
            break
    return min(wait, profile.retry_ceiling_seconds)


def verb_of(role: LegRole, *, undoes: bool, profile: LegProfile) -> Verb | None:
    """How a partner carries out a leg of this role; None when it has no way to.

    undoes: whether the leg names an original. A give-back goes the profile's way: its own `reverse`, or a credit. A
    debit or credit that undoes an earlier leg falls back to `reverse` where the plain verb does not exist.
    """
    if role is LegRole.GIVEBACK:
        wanted = {"native": Verb.REVERSE, "by_credit": Verb.CREDIT}.get(profile.reverse)
    else:
        wanted = Verb.DEBIT if role is LegRole.DEBIT else Verb.CREDIT
    if wanted in profile.verbs:
        return wanted
    if undoes and profile.reverse == "native" and Verb.REVERSE in profile.verbs:
        return Verb.REVERSE
    return None
