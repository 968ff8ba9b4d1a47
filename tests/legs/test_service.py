"""Legs on a real database: fencing, proof from elsewhere, persons, and what is kept."""

from datetime import timedelta

import pytest

from hub.kernel.clock import ManualClock
from hub.legs.cases import open_case_files
from hub.legs.decision import ATTEMPT_LEASE_SECONDS
from hub.legs.errors import DecisionInvalid, LegMissing, LegNotByHand
from hub.legs.service import Legs, announce_overdue
from hub.legs.states import LegRole, LegState
from hub.legs.store import attempts
from hub.legs.types import LegResult, NewLeg, Over, Pause, Step
from hub.storage import Database
from partners.base import Done, Reason, Refused
from tests.legs.fakes import PROFILE, FakeDirectory, FakePartner, profile


class Bench:
    """One leg at one scripted partner, driven by hand."""

    def __init__(self, database: Database, clock: ManualClock, **changes: object) -> None:
        self.database = database
        self.clock = clock
        rules = profile(**changes) if changes else PROFILE
        self.partner = FakePartner(keys=rules.keys)
        self.legs = Legs(FakeDirectory({"aerojet": self.partner}, {"aerojet": rules}), milliseconds=lambda: 5)
        new = NewLeg("leg_1", "test", "own_1", LegRole.DEBIT, "aerojet", "ae1", "aerojet.point", 0, 100)
        with database.work() as work:
            self.legs.open(work, [new], now=clock.now())

    def begin(self) -> Step | Pause | Over | LegResult:
        with self.database.work() as work:
            return self.legs.begin(work, ["leg_1"], now=self.clock.now())[0]

    def step(self) -> Step:
        step = self.begin()
        assert isinstance(step, Step), step
        return step

    def finish(self, step: Step) -> LegResult:
        answer = self.legs.perform(step)
        with self.database.work() as work:
            return self.legs.finish(work, [answer], now=self.clock.now())[0]

    def prove(self, outcome: Done | Refused) -> LegResult:
        with self.database.work() as work:
            return self.legs.prove(work, "leg_1", outcome, "statement of April", now=self.clock.now())

    def lapse(self) -> None:
        self.clock.advance(timedelta(seconds=ATTEMPT_LEASE_SECONDS))

    def cases(self) -> list[str]:
        with self.database.read() as work:
            return [case.kind for case in open_case_files(work, subject="leg_1", limit=10)]


@pytest.fixture
def bench(database: Database, clock: ManualClock) -> Bench:
    return Bench(database, clock)


def test_a_leg_is_called_once_and_done(bench: Bench) -> None:
    result = bench.finish(bench.step())

    assert (result.state, result.current) == (LegState.DONE, True)
    assert isinstance(bench.begin(), Over)
    assert bench.partner.calls == [("debit", "leg_1")]


def test_at_most_one_attempt_is_open(bench: Bench) -> None:
    bench.step()

    again = bench.begin()

    assert isinstance(again, Pause)
    assert again.until == bench.clock.now() + timedelta(seconds=ATTEMPT_LEASE_SECONDS)


def test_one_leg_twice_in_a_batch_gets_one_attempt(bench: Bench) -> None:
    with bench.database.work() as work:
        first, second = bench.legs.begin(work, ["leg_1", "leg_1"], now=bench.clock.now())

    assert isinstance(first, Step)
    assert isinstance(second, Pause)


def test_a_partner_is_never_called_inside_a_transaction(bench: Bench) -> None:
    step = bench.step()

    with pytest.raises(AssertionError), bench.database.work():
        bench.legs.perform(step)

    assert bench.partner.calls == []


def test_a_lapsed_attempt_is_inquired_after_and_its_late_answer_only_kept(bench: Bench) -> None:
    old = bench.step()
    bench.lapse()
    new = bench.step()

    late = bench.finish(old)

    assert (late.current, late.state) == (False, LegState.OPEN)
    assert new.kind == "inquiry"
    assert bench.finish(new).state is LegState.DONE
    with bench.database.read() as work:
        first, second = attempts(work, ["leg_1"])
    assert (first.outcome, first.detail, first.late_outcome) == ("unknown", "lease ended", "done ref-1")
    assert (second.outcome, second.late_outcome) == ("done", "")
    assert set(bench.partner.effects.values()) == {1}


def test_a_late_answer_of_the_newest_attempt_still_counts(bench: Bench) -> None:
    step = bench.step()
    bench.lapse()

    assert bench.finish(step).state is LegState.DONE


def test_a_late_answer_that_contradicts_the_end_opens_a_case_and_changes_nothing(bench: Bench) -> None:
    old = bench.step()
    bench.lapse()
    bench.step()
    bench.prove(Refused(Reason.MEMBER_BLOCKED))

    late = bench.finish(old)

    assert (late.current, late.state) == (False, LegState.REFUSED)
    assert bench.cases() == ["contradiction"]


def test_the_same_answer_twice_does_nothing_more(bench: Bench) -> None:
    step = bench.step()
    bench.finish(step)

    again = bench.finish(step)

    assert (again.current, again.state) == (False, LegState.DONE)
    assert bench.cases() == []


def test_proof_ends_an_open_leg_and_a_contrary_one_opens_a_case(bench: Bench) -> None:
    bench.step()

    assert bench.prove(Done("r9")).state is LegState.DONE
    assert bench.prove(Done("r9")).current is False
    assert bench.cases() == []
    assert bench.prove(Refused(Reason.MEMBER_CLOSED)).state is LegState.DONE
    assert bench.cases() == ["contradiction"]


def test_proof_of_a_leg_that_was_never_sent_opens_a_case(bench: Bench) -> None:
    assert bench.prove(Done("r9")).state is LegState.OPEN
    assert bench.cases() == ["contradiction"]


def test_a_cancelled_leg_is_never_sent_and_a_sent_one_never_cancelled(bench: Bench) -> None:
    with bench.database.work() as work:
        assert bench.legs.cancel_unsent(work, ["leg_1"]) == {"leg_1"}

    assert isinstance(bench.begin(), Over)
    assert bench.prove(Done("r9")).state is LegState.CANCELLED
    assert bench.cases() == ["contradiction"]


def test_a_begun_leg_cannot_be_cancelled(bench: Bench) -> None:
    bench.step()

    with bench.database.work() as work:
        assert bench.legs.cancel_unsent(work, ["leg_1"]) == set()


def test_a_partner_without_keys_is_called_once_and_a_person_decides(database: Database, clock: ManualClock) -> None:
    bench = Bench(database, clock, keys=False)
    bench.partner.then("deaf")

    result = bench.finish(bench.step())

    assert (result.state, result.reason) == (LegState.BY_HAND, "partner_without_keys")
    assert isinstance(bench.begin(), Over)
    assert bench.cases() == ["by_hand"]
    with database.work() as work:
        decided = bench.legs.decide_by_hand(
            work, "leg_1", Done("r1"), actor="operator:maya", reason="seen in their console", now=clock.now()
        )
    assert decided.state is LegState.DONE
    assert bench.cases() == []
    assert bench.partner.calls == [("debit", "leg_1")]
    with database.read() as work:
        assert work.fetch("SELECT actor, action FROM audit_entry") == [("operator:maya", "leg.decided")]


def test_a_slow_answer_spares_the_person_the_work(database: Database, clock: ManualClock) -> None:
    bench = Bench(database, clock, keys=False)
    step = bench.step()
    bench.lapse()
    assert isinstance(bench.begin(), LegResult)

    assert bench.finish(step).state is LegState.DONE
    assert bench.cases() == []


def test_deciding_by_hand_is_refused_for_a_leg_that_machines_look_after(bench: Bench) -> None:
    now = bench.clock.now()
    with bench.database.work() as work:
        with pytest.raises(LegNotByHand):
            bench.legs.decide_by_hand(work, "leg_1", Done("r"), actor="operator:maya", reason="because", now=now)
        with pytest.raises(DecisionInvalid):
            bench.legs.decide_by_hand(work, "leg_1", Done("r"), actor="operator:maya", reason=" ", now=now)
        with pytest.raises(LegMissing):
            bench.legs.decide_by_hand(work, "leg_0", Done("r"), actor="operator:maya", reason="because", now=now)


def test_a_leg_that_lost_its_message_is_announced_again_once(bench: Bench) -> None:
    bench.clock.advance(timedelta(minutes=16))

    with bench.database.work() as work:
        assert announce_overdue(work, now=bench.clock.now(), limit=10) == ["leg_1"]
    with bench.database.work() as work:
        assert announce_overdue(work, now=bench.clock.now(), limit=10) == []


def test_a_leg_that_is_looked_after_is_not_announced_again(bench: Bench) -> None:
    bench.clock.advance(timedelta(minutes=16))
    bench.step()

    with bench.database.work() as work:
        assert announce_overdue(work, now=bench.clock.now(), limit=10) == []
