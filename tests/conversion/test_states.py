"""Every transition of a conversion, and its refused twin, on the real ledger."""

import pytest

from hub import chart
from hub.conversion.states import ConversionState
from hub.kernel.clock import ManualClock
from hub.storage import Database
from partners.base import Done, Reason
from tests.conversion.world import World, usd


@pytest.fixture
def world(database: Database, clock: ManualClock) -> World:
    return World(database, clock)


def test_accepting_reserves_the_debit_and_moves_nothing(world: World) -> None:
    conversion = world.convert(10_000)

    assert conversion.state is ConversionState.HELD
    assert (conversion.source_amount, conversion.target_amount) == (10_000, 4_000)
    assert conversion.ball == "aerojet"
    assert world.held(chart.position("aerojet", "USD")) == usd("80")
    assert world.position("aerojet") == 0


def test_the_golden_conversion_posts_the_numbers_of_the_design(world: World) -> None:
    conversion = world.convert(10_000)

    world.run()

    assert world.state(conversion) is ConversionState.POSTED
    assert world.position("aerojet") == usd("-80.00")
    assert world.position("staywell") == usd("78.40")
    assert world.posted(chart.trading("USD")) == usd("1.60")
    assert world.posted(chart.outside("aerojet.point")) == -10_000
    assert world.posted(chart.liquidity("aerojet.point")) == 10_000
    assert world.posted(chart.liquidity("staywell.point")) == -4_000
    assert world.posted(chart.outside("staywell.point")) == 4_000
    world.require_nothing_under_way()
    world.require_books_agree()


def test_between_the_legs_the_books_show_what_is_under_way(world: World) -> None:
    conversion = world.convert(10_000)
    world.partners["staywell"].then("lost")

    world.run()

    assert world.state(conversion) is ConversionState.DEBITED
    assert world.get(conversion).ball == "staywell"
    assert world.posted(chart.transit("aerojet.point")) == 10_000
    assert world.posted(chart.transit("USD")) == usd("80")
    assert world.position("staywell") == 0


def test_a_refused_debit_voids_everything(world: World) -> None:
    conversion = world.convert()
    world.partners["aerojet"].then(Reason.INSUFFICIENT_POINTS)

    world.run()

    after = world.get(conversion)
    assert (after.state, after.reason, after.ball) == (ConversionState.VOIDED, "insufficient_points", "")
    assert world.position("aerojet") == 0
    world.require_nothing_under_way()
    world.require_books_agree()


@pytest.mark.parametrize("reason", [Reason.MEMBER_CLOSED, Reason.MEMBER_BLOCKED, Reason.MEMBER_DECEASED])
def test_a_refused_credit_is_given_back_and_says_why(world: World, reason: Reason) -> None:
    conversion = world.convert()
    world.partners["staywell"].then(reason)

    world.run()

    after = world.get(conversion)
    assert (after.state, after.reason) == (ConversionState.VOIDED, reason.value)
    assert world.partners["aerojet"].total() == 0
    assert world.position("aerojet") == 0
    world.require_nothing_under_way()
    world.require_books_agree()


def test_a_refused_give_back_stands_as_owed_with_a_case(world: World) -> None:
    conversion = world.convert(10_000)
    world.partners["staywell"].then(Reason.MEMBER_BLOCKED)
    world.partners["aerojet"].then("ok", Reason.MEMBER_CLOSED)

    world.run()

    after = world.get(conversion)
    assert (after.state, after.reason, after.ball) == (ConversionState.OWED, "member_closed", "person")
    assert world.posted(chart.owed("aerojet.point")) == 10_000
    assert world.posted(chart.owed("USD")) == usd("80")
    assert world.position("aerojet") == usd("-80")
    assert world.cases() == [(conversion.id, "owed")]
    world.require_nothing_under_way()
    world.require_books_agree()


def test_a_give_back_by_credit_is_a_credit_under_a_key_of_its_own(world: World) -> None:
    world.set_profile("aerojet", reverse="by_credit")
    conversion = world.convert()
    world.partners["staywell"].then(Reason.MEMBER_BLOCKED)

    world.run()

    assert world.state(conversion) is ConversionState.VOIDED
    assert [verb for verb, _ in world.partners["aerojet"].calls] == ["debit", "credit"]
    assert len({key for _, key in world.partners["aerojet"].calls}) == 2
    assert world.partners["aerojet"].total() == 0


def test_a_partner_that_cannot_give_back_is_not_called_and_the_points_are_owed(world: World) -> None:
    world.set_profile("aerojet", reverse="none")
    conversion = world.convert()
    world.partners["staywell"].then(Reason.MEMBER_BLOCKED)

    world.run()

    assert world.get(conversion).reason == "not_reversible"
    assert world.state(conversion) is ConversionState.OWED
    assert [verb for verb, _ in world.partners["aerojet"].calls] == ["debit"]


def test_an_answer_that_names_a_surviving_membership_moves_the_link_and_the_next_leg(world: World) -> None:
    member = world.member()
    world.convert(member=member)
    world.partners["aerojet"].then(Done("r1", membership="ae777"))
    world.partners["staywell"].then(Reason.MEMBER_BLOCKED)

    world.run()

    assert world.partners["aerojet"].booked == [(-1, "ae1", 10_000), (1, "ae777", 10_000)]
    again = world.convert(member=member)
    world.run()
    assert world.state(again) is ConversionState.POSTED
    assert world.partners["aerojet"].booked[-1] == (-1, "ae777", 10_000)


@pytest.mark.parametrize("leg", ["aerojet", "staywell"])
def test_a_partner_that_applied_and_did_not_answer_is_asked_and_not_called_twice(world: World, leg: str) -> None:
    conversion = world.convert()
    world.partners[leg].then("deaf")

    world.run(hours=1)

    assert world.state(conversion) is ConversionState.POSTED
    assert [verb for verb, _ in world.partners[leg].calls][1:] == ["inquire"]
    assert set(world.partners[leg].effects.values()) == {1}
    world.require_books_agree()


def test_the_timeline_tells_every_step_and_every_attempt(world: World) -> None:
    conversion = world.convert()
    world.partners["aerojet"].then("deaf")

    world.run(hours=1)

    said = [(moment.what, moment.partner) for moment in world.timeline(conversion)]
    assert said[0] == ("accepted", "")
    assert ("debit call", "aerojet") in said
    assert ("debit inquiry answered", "aerojet") in said
    assert ("debited", "aerojet") in said
    assert ("posted", "staywell") in said
    assert not any("ae1" in moment.detail for moment in world.timeline(conversion))


def test_a_bonus_is_paid_by_its_budget_and_arrives_with_the_base(world: World) -> None:
    campaign = world.add_campaign("aerojet", "staywell", percent=20, budget="100")
    conversion = world.convert(10_000)

    world.run()

    assert (conversion.base, conversion.bonus) == (4_000, 800)
    assert world.posted(chart.budget(campaign)) == usd("100") - usd("15.68")
    assert world.position("staywell") == usd("78.40") + usd("15.68")
    assert world.partners["staywell"].booked == [(1, "st1", 4_800)]
    world.require_nothing_under_way()
    world.require_books_agree()


def test_a_voided_conversion_leaves_its_budget_whole(world: World) -> None:
    campaign = world.add_campaign("aerojet", "staywell", percent=20, budget="100")
    world.convert(10_000)
    world.partners["staywell"].then(Reason.MEMBER_BLOCKED)

    world.run()

    assert world.posted(chart.budget(campaign)) == usd("100")
    world.require_nothing_under_way()


def test_a_bonus_apart_is_a_credit_of_its_own_after_the_base(world: World) -> None:
    world.set_profile("staywell", bonus_apart=True)
    campaign = world.add_campaign("aerojet", "staywell", percent=20, budget="100")
    conversion = world.convert(10_000)

    world.run()

    assert world.state(conversion) is ConversionState.POSTED
    assert world.partners["staywell"].booked == [(1, "st1", 4_000), (1, "st1", 800)]
    assert world.posted(chart.budget(campaign)) == usd("100") - usd("15.68")
    assert world.position("staywell") == usd("78.40") + usd("15.68")
    world.require_nothing_under_way()
    world.require_books_agree()


def test_a_bonus_apart_that_is_refused_is_owed_out_of_its_budget(world: World) -> None:
    world.set_profile("staywell", bonus_apart=True)
    campaign = world.add_campaign("aerojet", "staywell", percent=20, budget="100")
    conversion = world.convert(10_000)
    world.partners["staywell"].then("ok", Reason.LIMIT_REACHED)

    world.run()

    assert world.state(conversion) is ConversionState.POSTED
    assert world.posted(chart.owed("staywell.point")) == 800
    assert world.posted(chart.owed("USD")) == usd("15.68")
    assert world.posted(chart.budget(campaign)) == usd("100") - usd("15.68")
    assert world.position("staywell") == usd("78.40")
    assert world.cases() == [(conversion.id, "owed")]
    world.require_nothing_under_way()
    world.require_books_agree()
