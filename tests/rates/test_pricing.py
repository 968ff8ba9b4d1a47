"""Prices of every real shape, exact to the last unit."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.agreements.refusals import PartnerInactive, TestLiveMixed, UnitMissing
from hub.agreements.types import Direction, PartnerState
from hub.kernel.errors import AmountOverflow, HubError, InvalidAmount
from hub.kernel.limits import AMOUNT_WIRE_MAX
from hub.rates.pricing import price
from hub.rates.refusals import AboveMaximum, BelowMinimum, OffStep, RouteMissing, RouteStopped, YieldsNothing
from hub.rates.types import Fee, RateRule, RuleState
from tests.rates.builders import DAY, NOW, ask, campaign, catalogue, partner, rule

HSBC = rule(blocks=[(0, 30_000, 10_000), (30_000, 6, 2)], minimum=30_000, step=6)


@pytest.mark.parametrize(
    ("offered", "asked", "leaves", "arrives"),
    [
        (rule(1, 1, minimum=1_000, step=1_000), 25_000, 25_000, 25_000),
        (rule(5, 4, minimum=1_000, step=1_000), 5_000, 5_000, 4_000),
        (rule(250, 200, minimum=250, step=250), 1_000, 1_000, 800),
        (rule(17, 10, minimum=17, step=17), 17, 17, 10),
        (rule(17, 10, minimum=17, step=17), 986, 986, 580),
        (rule(4, 3, minimum=1_000, step=100), 1_100, 1_100, 825),
        (rule(5, 3, minimum=1_000, step=100), 1_100, 1_100, 660),
        (rule(4, 3, minimum=1_000, step=100), 1_300, 1_300, 975),
        (rule(34_500, 10_000, minimum=34_500, step=34_500), 69_000, 69_000, 20_000),
        (HSBC, 30_000, 30_000, 10_000),
        (HSBC, 30_006, 30_006, 10_002),
        (HSBC, 30_012, 30_012, 10_004),
        (rule(3, 1), 1_000, 999, 333),
        (rule(3, 1, minimum=3_000, step=3_000), 9_000, 9_000, 3_000),
        (rule(3, 2, minimum=1_000, step=1_000), 1_000, 1_000, 666),
        (rule(3, 2, minimum=1_000, step=1_000), 2_000, 2_000, 1_333),
        (rule(1, 2, minimum=1_000, step=100), 1_000, 1_000, 2_000),
        (rule(5, 8, minimum=1_000, step=1_000), 1_000, 1_000, 1_600),
        (rule(1, 1), 1, 1, 1),
        (rule(500, 250, minimum=500, step=500), 1_500, 1_500, 750),
    ],
)
def test_real_shapes_price_exactly(offered: RateRule, asked: int, leaves: int, arrives: int) -> None:
    priced = price(catalogue([offered]), ask(asked), NOW)

    assert (priced.source_amount, priced.target_amount) == (leaves, arrives)
    assert (priced.base, priced.bonus, priced.bonuses, priced.fee, priced.fee_unit) == (arrives, 0, (), 0, "")


def test_the_remainder_is_kept_as_a_rational() -> None:
    priced = price(catalogue([rule(3, 2, minimum=1_000, step=1_000)]), ask(1_000), NOW)

    assert priced.remainder == Fraction(2, 3)
    assert priced.rate == Fraction(2, 3)


def test_one_unit_has_a_ratio_by_card_type() -> None:
    offered = catalogue(
        [
            rule(1, 1, selectors={"sub_product": "premium"}, id="rul_premium"),
            rule(10, 7, selectors={"sub_product": "basic"}, id="rul_basic"),
        ]
    )

    premium = price(offered, ask(1_000, sub_product="premium"), NOW)
    basic = price(offered, ask(1_000, sub_product="basic"), NOW)

    assert (premium.target_amount, basic.target_amount) == (1_000, 700)
    with pytest.raises(RouteMissing):
        price(offered, ask(1_000, sub_product="student"), NOW)
    with pytest.raises(RouteMissing):
        price(offered, ask(1_000), NOW)


@pytest.mark.parametrize(
    ("points", "fee"),
    [(1_000, 6_000_000), (1, 6_000), (164_999, 989_994_000), (165_000, 990_000_000), (1_000_000, 990_000_000)],
)
def test_a_fee_in_money_is_per_point_with_a_cap(points: int, fee: int) -> None:
    # $0.0006 a point capped at $99, in ledger units of 10^-7 dollars.
    offence = Fee("money", "USD", flat=0, per_point=Fraction(6_000), cap=990_000_000)

    priced = price(catalogue([rule(fee=offence)]), ask(points), NOW)

    assert (priced.fee, priced.fee_unit) == (fee, "USD")
    assert priced.source_amount == points


def test_a_fee_is_rounded_up_to_a_whole_unit() -> None:
    offered = catalogue([rule(fee=Fee("money", "USD", flat=5, per_point=Fraction(1, 3), cap=None))])

    priced = price(offered, ask(10), NOW)

    assert priced.fee == 9


def test_a_fee_in_points_comes_on_top_of_the_source_amount() -> None:
    offered = catalogue([rule(fee=Fee("points", "", flat=100, per_point=Fraction(1, 100), cap=None))])

    priced = price(offered, ask(1_000), NOW)

    assert (priced.source_amount, priced.target_amount, priced.fee, priced.fee_unit) == (1_000, 1_000, 110, "a.point")


def test_three_to_one_and_twenty_percent_is_four_hundred() -> None:
    priced = price(catalogue([rule(3, 1)], [campaign(20)]), ask(1_000), NOW)

    assert (priced.source_amount, priced.base, priced.bonus, priced.target_amount) == (1_000, 333, 67, 400)
    assert priced.bonuses == (("cmp_1", 67),)
    assert priced.remainder == 0


def test_percentages_of_stackable_campaigns_add_up() -> None:
    bonuses = [campaign(20, id="cmp_1"), campaign(Fraction(25, 2), id="cmp_2"), campaign(flat=5, id="cmp_3")]

    priced = price(catalogue([rule(3, 1, minimum=1_000, step=1_000)], bonuses), ask(1_000), NOW)

    # 333 1/3, then 400, then 441 2/3, then 446 2/3: each part is a difference of whole parts.
    assert priced.bonuses == (("cmp_1", 67), ("cmp_2", 41), ("cmp_3", 5))
    assert (priced.target_amount, priced.bonus) == (446, 113)


@pytest.mark.parametrize(("alone", "winner"), [(31, "cmp_alone"), (30, "cmp_1"), (29, "cmp_1")])
def test_an_exclusive_campaign_competes_with_the_stack(alone: int, winner: str) -> None:
    bonuses = [
        campaign(10, id="cmp_1"),
        campaign(20, id="cmp_2"),
        campaign(alone, exclusive=True, id="cmp_alone"),
        campaign(5, exclusive=True, id="cmp_small"),
    ]

    priced = price(catalogue([rule()], bonuses), ask(1_000), NOW)

    assert priced.bonuses[0][0] == winner
    assert priced.bonus == max(alone, 30) * 10


def test_a_member_cap_bounds_the_bonus_and_counts_what_was_used() -> None:
    offered = catalogue([rule(3, 1)], [campaign(20, member_cap=100)])

    fresh = price(offered, ask(10_000), NOW)
    some_left = price(offered, ask(10_000), NOW, used={"cmp_1": 70})
    nothing_left = price(offered, ask(10_000), NOW, used={"cmp_1": 130})

    assert (fresh.base, fresh.bonus) == (3_333, 100)
    assert (some_left.base, some_left.bonus, some_left.bonuses) == (3_333, 30, (("cmp_1", 30),))
    assert (nothing_left.base, nothing_left.bonus, nothing_left.bonuses) == (3_333, 0, ())


def test_a_campaign_reaches_its_tier_only() -> None:
    offered = catalogue([rule()], [campaign(50, selectors={"tier": "gold"})])

    assert price(offered, ask(100, tier="gold"), NOW).target_amount == 150
    assert price(offered, ask(100, tier="silver"), NOW).target_amount == 100
    assert price(offered, ask(100), NOW).target_amount == 100


def test_a_campaign_counts_inside_its_window_only() -> None:
    offered = catalogue([rule()], [campaign(50, since=NOW, until=NOW + DAY)])

    assert price(offered, ask(100), NOW).bonus == 50
    assert price(offered, ask(100), NOW + DAY).bonus == 0


def test_a_stopped_campaign_adds_nothing() -> None:
    offered = catalogue([rule()], [campaign(50, state=RuleState.STOPPED)])

    assert price(offered, ask(100), NOW).bonus == 0


def test_priority_then_selectivity_then_age_choose_the_rule() -> None:
    plain = rule(1, 1, id="rul_1")
    newer = rule(1, 2, since=NOW, id="rul_2")
    selective = rule(1, 3, selectors={"tier": "gold"}, since=NOW - DAY, id="rul_3")
    urgent = rule(1, 4, priority=1, since=NOW + DAY, id="rul_4")
    offered = catalogue([urgent, selective, plain, newer])

    assert price(offered, ask(1), NOW - DAY / 2).rule == "rul_1"
    assert price(offered, ask(1), NOW).rule == "rul_2"
    assert price(offered, ask(1, tier="gold"), NOW).rule == "rul_3"
    assert price(offered, ask(1, tier="gold"), NOW + DAY).rule == "rul_4"


@pytest.mark.parametrize(
    ("amount", "refusal"),
    [
        (0, InvalidAmount),
        (-5, InvalidAmount),
        (True, InvalidAmount),
        (AMOUNT_WIRE_MAX + 1, InvalidAmount),
        (999, BelowMinimum),
        (50_001, AboveMaximum),
    ],
)
def test_amounts_out_of_bounds_are_refused(amount: int, refusal: type[HubError]) -> None:
    offered = catalogue([rule(minimum=1_000, step=500, maximum=50_000)])

    with pytest.raises(refusal):
        price(offered, ask(amount), NOW)


def test_amounts_at_the_bounds_are_taken() -> None:
    offered = catalogue([rule(minimum=1_000, step=500, maximum=50_000)])

    assert price(offered, ask(1_000), NOW).source_amount == 1_000
    assert price(offered, ask(50_000), NOW).source_amount == 50_000


@pytest.mark.parametrize(
    ("amount", "lower", "upper"), [(1_999, None, 2_000), (2_001, 2_000, 3_000), (5_500, 5_000, 6_000)]
)
def test_an_amount_off_the_step_is_refused_and_told_its_neighbours(amount: int, lower: int | None, upper: int) -> None:
    offered = catalogue([rule(minimum=1_500, step=1_000)])

    with pytest.raises(OffStep) as refusal:
        price(offered, ask(amount), NOW)

    assert (refusal.value.facts["lower"], refusal.value.facts["upper"]) == (lower, upper)
    assert price(offered, ask(upper), NOW).source_amount == upper


def test_an_amount_that_yields_nothing_is_refused() -> None:
    offered = catalogue([rule(3, 1)])

    with pytest.raises(YieldsNothing):
        price(offered, ask(2), NOW)
    assert price(offered, ask(3), NOW).target_amount == 1


def test_what_cannot_be_shown_exactly_is_an_overflow() -> None:
    doubling = catalogue([rule(1, 2)])
    costly = catalogue([rule(fee=Fee("money", "USD", flat=0, per_point=Fraction(10**9), cap=None))])
    in_points = catalogue([rule(fee=Fee("points", "", flat=1, per_point=Fraction(0), cap=None))])

    for offered in (doubling, costly, in_points):
        with pytest.raises(AmountOverflow):
            price(offered, ask(AMOUNT_WIRE_MAX), NOW)
    assert price(doubling, ask(AMOUNT_WIRE_MAX // 2), NOW).target_amount == AMOUNT_WIRE_MAX - 1


def test_unknown_units_and_routes_are_refused_by_name() -> None:
    offered = catalogue([rule()])

    with pytest.raises(UnitMissing):
        price(offered, ask(1, route=("a.point", "x.point")), NOW)
    with pytest.raises(RouteMissing):
        price(offered, ask(1, route=("b.point", "a.point")), NOW)
    with pytest.raises(RouteMissing):
        price(catalogue([rule(since=NOW + DAY)]), ask(1), NOW)
    with pytest.raises(RouteMissing):
        price(catalogue([rule(until=NOW)]), ask(1), NOW)


def test_a_stopped_rule_stops_its_route_and_is_not_stepped_over() -> None:
    offered = catalogue([rule(1, 1, id="rul_1"), rule(1, 2, priority=1, state=RuleState.STOPPED, id="rul_2")])

    with pytest.raises(RouteStopped):
        price(offered, ask(1), NOW)


@pytest.mark.parametrize(
    ("code", "direction", "stops"),
    [
        ("a", Direction.DEBIT, True),
        ("a", Direction.BOTH, True),
        ("a", Direction.CREDIT, False),
        ("b", Direction.CREDIT, True),
        ("b", Direction.BOTH, True),
        ("b", Direction.DEBIT, False),
    ],
)
def test_a_stopped_partner_stops_its_side_only(code: str, direction: Direction, stops: bool) -> None:
    stopped = partner(code, state=PartnerState.SUSPENDED, stopped=direction)
    offered = catalogue([rule()], partners=[stopped])

    if stops:
        with pytest.raises(RouteStopped):
            price(offered, ask(1), NOW)
    else:
        assert price(offered, ask(1), NOW).target_amount == 1


@pytest.mark.parametrize("state", [PartnerState.DRAFT, PartnerState.WINDING_DOWN, PartnerState.EXITED])
def test_a_partner_that_takes_part_in_nothing_new_is_not_quoted(state: PartnerState) -> None:
    with pytest.raises(PartnerInactive):
        price(catalogue([rule()], partners=[partner("b", state=state)]), ask(1), NOW)


def test_test_and_live_never_meet() -> None:
    with pytest.raises(TestLiveMixed):
        price(catalogue([rule()], partners=[partner("b", live=True)]), ask(1), NOW)


def test_every_number_is_explained() -> None:
    fee = Fee("points", "", flat=10, per_point=Fraction(0), cap=None)
    offered = catalogue([rule(3, 1, fee=fee)], [campaign(20)])

    priced = price(offered, ask(1_001), NOW)

    told = {line.what: line.amount for line in priced.explain}
    assert told == {
        "source_amount": "1000",
        "base": "333",
        "bonus": "67",
        "fee": "10",
        "target_amount": "400",
    }
    assert all(line.why for line in priced.explain)


RULES = st.builds(
    lambda give, get, step, times, above, more: rule(
        blocks=[(0, give, get), *([(above, *more)] if more else [])], minimum=step * times, step=step
    ),
    st.integers(1, 60),
    st.integers(1, 60),
    st.integers(1, 40),
    st.integers(1, 5),
    st.integers(1, 500),
    st.none() | st.tuples(st.integers(1, 60), st.integers(1, 60)),
)
CAMPAIGNS = st.lists(
    st.builds(
        lambda percent, flat, cap, alone: (percent, flat, cap, alone),
        st.fractions(0, 200, max_denominator=12),
        st.integers(0, 9),
        st.none() | st.integers(1, 30),
        st.booleans(),
    ),
    max_size=3,
)


@settings(max_examples=300, deadline=None)
@given(offered=RULES, bonuses=CAMPAIGNS, asked=st.integers(1, 3_000))
def test_exact_value_is_what_was_paid_and_the_remainder(
    offered: RateRule, bonuses: list[tuple[Fraction, int, int | None, bool]], asked: int
) -> None:
    """I8, and beside it: never more than asked, on minimum and step, and nothing smaller yields as much."""
    campaigns = [
        campaign(percent, flat=flat, member_cap=cap, exclusive=alone, id=f"cmp_{number}")
        for number, (percent, flat, cap, alone) in enumerate(bonuses)
    ]
    listed = catalogue([offered], campaigns)

    try:
        priced = price(listed, ask(asked), NOW)
    except (BelowMinimum, OffStep, YieldsNothing):
        return

    assert 0 <= priced.remainder < 1
    assert priced.base + priced.bonus == priced.target_amount
    assert sum(part for _, part in priced.bonuses) == priced.bonus
    caps = {each.id: each.member_cap for each in campaigns}
    assert all(caps[id] is None or part <= caps[id] for id, part in priced.bonuses)
    assert priced.source_amount <= asked
    assert priced.source_amount % offered.step == 0
    assert priced.source_amount >= offered.minimum
    used_campaigns = {id for id, _ in priced.bonuses}
    exact = priced.rate * priced.source_amount
    exact += sum(
        min(priced.rate * priced.source_amount * each.percent / 100 + each.flat, each.member_cap or 10**9)
        for each in campaigns
        if each.id in used_campaigns
    )
    if len(used_campaigns) == len(campaigns) or not campaigns:
        assert exact == priced.target_amount + priced.remainder


@settings(max_examples=200, deadline=None)
@given(offered=RULES, bonuses=CAMPAIGNS, asked=st.integers(1, 1_500))
def test_nothing_smaller_yields_as_much(
    offered: RateRule, bonuses: list[tuple[Fraction, int, int | None, bool]], asked: int
) -> None:
    stack = [
        campaign(percent, flat=flat, member_cap=cap, id=f"cmp_{number}")
        for number, (percent, flat, cap, _) in enumerate(bonuses)
    ]
    listed = catalogue([offered], stack)
    try:
        priced = price(listed, ask(asked), NOW)
    except (BelowMinimum, OffStep, YieldsNothing):
        return

    try:
        smaller = price(listed, ask(priced.source_amount - offered.step), NOW)
    except (InvalidAmount, BelowMinimum, OffStep, YieldsNothing):
        return

    assert smaller.target_amount < priced.target_amount
