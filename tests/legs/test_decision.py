"""What a leg needs next, as a table: no database, no partner."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from hub.legs.decision import ATTEMPT_LEASE_SECONDS, Action, decide, retry_at, verb_of, wait_seconds
from hub.legs.progress import answered, lapsed, proven, started
from hub.legs.states import AttemptKind, LegRole, LegState
from hub.legs.types import Leg, LegProfile
from partners.base import Done, Reason, Refused, Unknown, Verb
from tests.legs.fakes import ALL_VERBS, PROFILE, profile

NOW = datetime(2026, 4, 6, 9, 0, tzinfo=UTC)
NO_INQUIRY = ALL_VERBS - {Verb.INQUIRE}
NOT_FOUND = Unknown("not found", not_found=True)
SILENCE = Unknown("no answer")
PENDING = Unknown("accepted", pending=True)


def _leg() -> Leg:
    return Leg(
        id="leg_1",
        owner_kind="conversion",
        owner="cnv_1",
        role=LegRole.DEBIT,
        partner="aerojet",
        membership="ae1",
        unit="aerojet.point",
        scale=0,
        amount=10_000,
        bonus=0,
        original="",
        original_reference="",
        trace="",
        state=LegState.OPEN,
        attempt=0,
        last_kind=None,
        calls=0,
        unknowns=0,
        inquiries=0,
        pending=False,
        first_called_at=None,
        last_called_at=None,
        not_found_at=None,
        lease_until=None,
        next_at=NOW,
        reference="",
        reason="",
        said="",
        surviving="",
        bonus_apart=False,
    )


def _after(*outcomes: object, rules: LegProfile = PROFILE, at: datetime = NOW) -> tuple[Leg, datetime]:
    """A leg whose attempts so far brought these outcomes, each at the moment it was due; and when the next one is."""
    leg = _leg()
    for outcome in outcomes:
        at = max(at, leg.next_at)
        decision = decide(leg, rules, at)
        kind = AttemptKind.CALL if decision.action is Action.CALL else AttemptKind.INQUIRY
        assert decision.action in (Action.CALL, Action.INQUIRE)
        leg = answered(started(leg, kind, rules, at), outcome, rules, at)  # type: ignore[arg-type]
    return leg, max(at, leg.next_at)


def _next(*outcomes: object, rules: LegProfile = PROFILE, later: timedelta = timedelta(0)) -> Action:
    leg, at = _after(*outcomes, rules=rules)
    return decide(leg, rules, at + later).action


@pytest.mark.parametrize(
    ("outcomes", "rules", "later", "expected"),
    [
        ((), PROFILE, 0, Action.CALL),
        ((SILENCE,), PROFILE, 0, Action.INQUIRE),
        ((SILENCE, NOT_FOUND), PROFILE, 0, Action.INQUIRE),  # within the lag, "not found" proves nothing
        ((SILENCE, NOT_FOUND), PROFILE, 60, Action.INQUIRE),  # asked within the lag: ask again after it
        ((SILENCE, SILENCE), PROFILE, 0, Action.INQUIRE),
        ((PENDING,), PROFILE, 0, Action.INQUIRE),
        ((PENDING, PENDING, PENDING, PENDING, PENDING), PROFILE, 0, Action.INQUIRE),
        ((PENDING,), PROFILE, 9 * 3600, Action.INQUIRE),  # accepted: the partner will tell, however late
        ((SILENCE,), profile(verbs=NO_INQUIRY), 0, Action.CALL),
        ((SILENCE,), profile(verbs=NO_INQUIRY), 8 * 3600, Action.ASK_PERSON),
        ((SILENCE,), PROFILE, 9 * 3600, Action.INQUIRE),  # the key is forgotten: only inquiry
    ],
)
def test_what_comes_next(outcomes: tuple[object, ...], rules: LegProfile, later: int, expected: Action) -> None:
    assert _next(*outcomes, rules=rules, later=timedelta(seconds=later)) is expected


def test_not_found_after_the_lag_repeats_the_same_key_and_only_then() -> None:
    rules = profile(inquiry_lag_seconds=30)
    leg, at = _after(SILENCE, rules=rules)

    while decide(leg, rules, at).action is Action.INQUIRE:
        leg = answered(started(leg, AttemptKind.INQUIRY, rules, at), NOT_FOUND, rules, at)
        at = leg.next_at

    assert decide(leg, rules, at).action is Action.CALL
    assert leg.calls == 1
    assert leg.not_found_at is not None
    assert leg.not_found_at - NOW >= timedelta(seconds=30)


def test_after_the_keys_life_not_found_goes_to_a_person_and_never_to_a_call() -> None:
    rules = profile(key_life_seconds=3600)
    leg, at = _after(SILENCE, rules=rules)
    at += timedelta(hours=1)

    assert decide(leg, rules, at).action is Action.INQUIRE
    leg = answered(started(leg, AttemptKind.INQUIRY, rules, at), NOT_FOUND, rules, at)

    assert decide(leg, rules, leg.next_at).action is Action.ASK_PERSON


def test_a_call_that_would_outlive_the_key_is_not_made() -> None:
    rules = profile(key_life_seconds=3600, verbs=NO_INQUIRY)
    leg, _ = _after(SILENCE, rules=rules)
    last = NOW + timedelta(seconds=3600 - ATTEMPT_LEASE_SECONDS)

    assert decide(leg, rules, last).action is Action.CALL
    assert decide(leg, rules, last + timedelta(seconds=1)).action is Action.ASK_PERSON


def test_a_partner_without_keys_is_never_called_again() -> None:
    rules = profile(keys=False)
    leg, _ = _after(SILENCE, rules=rules)

    assert leg.state is LegState.BY_HAND
    assert decide(leg, rules, NOW + timedelta(days=1)).action is Action.NOTHING


def test_a_lapsed_attempt_at_a_partner_without_keys_goes_to_a_person() -> None:
    rules = profile(keys=False)
    leg = started(_leg(), AttemptKind.CALL, rules, NOW)
    later = NOW + timedelta(seconds=ATTEMPT_LEASE_SECONDS)

    assert decide(lapsed(leg, later), rules, later).action is Action.ASK_PERSON


def test_a_running_attempt_is_waited_for_and_a_lapsed_one_is_inquired_after() -> None:
    leg = started(_leg(), AttemptKind.CALL, PROFILE, NOW)
    end = NOW + timedelta(seconds=ATTEMPT_LEASE_SECONDS)

    assert decide(leg, PROFILE, end - timedelta(seconds=1)).until == end
    assert decide(lapsed(leg, end), PROFILE, end).action is Action.INQUIRE


def test_the_lag_counts_from_when_the_call_can_last_have_arrived() -> None:
    leg = started(_leg(), AttemptKind.CALL, PROFILE, NOW)
    end = NOW + timedelta(seconds=ATTEMPT_LEASE_SECONDS)

    leg = answered(started(lapsed(leg, end), AttemptKind.INQUIRY, PROFILE, end), NOT_FOUND, PROFILE, end)

    assert decide(leg, PROFILE, leg.next_at).action is Action.INQUIRE


def test_three_silent_inquiries_after_the_lag_repeat_the_same_key() -> None:
    leg, at = _after(SILENCE, SILENCE, SILENCE, SILENCE)

    assert decide(leg, PROFILE, at).action is Action.INQUIRE  # the lag has not passed
    assert decide(leg, PROFILE, NOW + timedelta(seconds=60)).action is Action.CALL


def test_waits_double_up_to_the_ceiling_and_obey_the_partner() -> None:
    rules = profile(retry_first_seconds=2, retry_factor=3, retry_ceiling_seconds=50)

    assert [wait_seconds(n, rules) for n in range(1, 6)] == [2, 6, 18, 50, 50]
    assert wait_seconds(10_000, profile(retry_factor=1)) == 1
    leg = replace(_leg(), unknowns=1, last_called_at=NOW)
    assert retry_at(leg, rules, Unknown("busy", retry_after_seconds=600), NOW) == NOW + timedelta(minutes=10)
    assert retry_at(leg, rules, Unknown("busy", retry_after_seconds=10**9), NOW) == NOW + timedelta(days=1)


@pytest.mark.parametrize("state", [LegState.DONE, LegState.REFUSED, LegState.CANCELLED, LegState.BY_HAND])
def test_a_leg_that_ended_or_waits_for_a_person_needs_nothing(state: LegState) -> None:
    assert decide(replace(_leg(), state=state), PROFILE, NOW).action is Action.NOTHING


@pytest.mark.parametrize("state", [LegState.DONE, LegState.REFUSED, LegState.CANCELLED])
def test_a_final_leg_cannot_move(state: LegState) -> None:
    with pytest.raises(AssertionError):
        proven(replace(_leg(), state=state), Done("r"), NOW)


def test_a_key_that_the_partner_knows_for_something_else_goes_to_a_person() -> None:
    leg = started(_leg(), AttemptKind.CALL, PROFILE, NOW)

    assert answered(leg, Refused(Reason.KEY_REUSED), PROFILE, NOW).state is LegState.BY_HAND


def test_a_partner_that_applied_another_amount_is_a_matter_for_a_person() -> None:
    leg = started(replace(_leg(), amount=300, bonus=40), AttemptKind.INQUIRY, PROFILE, NOW)

    other = answered(leg, Done("r", amount=300), PROFILE, NOW)
    whole = answered(leg, Done("r", amount=340), PROFILE, NOW)
    untold = answered(leg, Done("r"), PROFILE, NOW)

    assert (other.state, other.reason) == (LegState.BY_HAND, "amount_differs")
    assert whole.state is LegState.DONE
    assert untold.state is LegState.DONE


@pytest.mark.parametrize(
    ("role", "undoes", "rules", "expected"),
    [
        (LegRole.DEBIT, False, PROFILE, Verb.DEBIT),
        (LegRole.CREDIT, False, PROFILE, Verb.CREDIT),
        (LegRole.BONUS, False, PROFILE, Verb.CREDIT),
        (LegRole.GIVEBACK, True, PROFILE, Verb.REVERSE),
        (LegRole.GIVEBACK, True, profile(reverse="by_credit"), Verb.CREDIT),
        (LegRole.GIVEBACK, True, profile(reverse="none"), None),
        (LegRole.DEBIT, False, profile(verbs=frozenset({Verb.CREDIT, Verb.REVERSE})), None),
        (LegRole.DEBIT, True, profile(verbs=frozenset({Verb.CREDIT, Verb.REVERSE})), Verb.REVERSE),
    ],
)
def test_how_a_partner_carries_out_a_leg(role: LegRole, undoes: bool, rules: LegProfile, expected: Verb | None) -> None:
    assert verb_of(role, undoes=undoes, profile=rules) is expected
