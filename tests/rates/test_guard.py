"""The arbitrage guard passes what cannot gain and names what can, exactly; and what passes never gains (I7)."""

import random
from datetime import datetime
from fractions import Fraction

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hub.agreements.refusals import UnitMissing
from hub.rates.catalogue import Catalogue
from hub.rates.combinations import instants
from hub.rates.guard import gaining_cycle, require_no_cycle
from hub.rates.pricing import price
from hub.rates.ratios import best_ratio
from hub.rates.refusals import ArbitrageFound, BelowMinimum, OffStep, RouteMissing, YieldsNothing
from hub.rates.types import Campaign, Fee, PriceRequest, RateRule, RuleState
from tests.rates.builders import DAY, NOW, campaign, catalogue, rule

AB, BA, BC, CA = ("a.point", "b.point"), ("b.point", "a.point"), ("b.point", "c.point"), ("c.point", "a.point")


def _cycle(
    rules: list[RateRule], campaigns: list[Campaign] | None = None
) -> tuple[datetime, tuple[str, ...], Fraction] | None:
    found = gaining_cycle(catalogue(rules, campaigns or [], live=True), since=NOW, live=True)
    return None if found is None else (found.at, found.units, found.gain)


def test_a_round_trip_that_gains_nothing_passes() -> None:
    assert _cycle([rule(3, 2, route=AB), rule(2, 3, route=BA)]) is None
    assert _cycle([rule(1, 2, route=AB), rule(3, 1, route=BA)]) is None


def test_a_round_trip_that_gains_is_named_with_its_gain() -> None:
    found = _cycle([rule(3, 2, route=AB), rule(20, 31, route=BA)])

    assert found == (NOW, ("a.point", "b.point", "a.point"), Fraction(31, 30))


def test_a_long_round_trip_is_found() -> None:
    rules = [rule(1, 2, route=AB), rule(1, 2, route=BC), rule(399, 100, route=CA), rule(5, 1, route=BA)]

    assert _cycle(rules) == (NOW, ("a.point", "b.point", "c.point", "a.point"), Fraction(400, 399))
    assert _cycle([*rules[:2], rule(4, 1, route=CA), rules[3]]) is None


def test_a_campaign_can_make_a_round_trip_gain_while_it_runs() -> None:
    rules = [rule(route=AB), rule(route=BA)]
    later = campaign(20, route=BA, since=NOW + DAY, until=NOW + 2 * DAY)

    assert _cycle(rules) is None
    assert _cycle(rules, [later]) == (NOW + DAY, ("a.point", "b.point", "a.point"), Fraction(6, 5))


def test_only_instants_at_which_dates_overlap_count() -> None:
    over = [rule(1, 2, route=AB, until=NOW + DAY), rule(1, 1, route=BA, since=NOW + DAY)]
    touching = [rule(1, 2, route=AB, until=NOW + 2 * DAY), rule(1, 1, route=BA, since=NOW + DAY)]
    past = [rule(1, 2, route=AB, until=NOW), rule(1, 1, route=BA)]

    assert _cycle(over) is None
    assert _cycle(past) is None
    assert _cycle(touching) == (NOW + DAY, ("a.point", "b.point", "a.point"), Fraction(2))


def test_campaigns_stack_unless_exclusive_or_for_different_members() -> None:
    rules = [rule(route=AB), rule(5, 4, route=BA)]
    ten, twenty = campaign(10, id="cmp_1"), campaign(20, id="cmp_2")
    alone = campaign(20, exclusive=True, id="cmp_2")
    gold, silver = (
        campaign(15, selectors={"tier": "gold"}, id="cmp_1"),
        campaign(20, selectors={"tier": "silver"}, id="cmp_2"),
    )

    assert _cycle(rules, [ten, twenty]) is not None
    assert _cycle(rules, [ten, alone]) is None
    assert _cycle(rules, [gold, silver]) is None
    assert _cycle(rules, [gold, silver, campaign(11, id="cmp_3")]) is not None


def test_a_fee_in_points_counts_and_a_fee_in_money_does_not() -> None:
    gaining = rule(100, 101, route=BA)
    in_points = rule(route=AB, fee=Fee("points", "", flat=0, per_point=Fraction(1, 100), cap=None))
    capped = rule(route=AB, fee=Fee("points", "", flat=0, per_point=Fraction(1, 100), cap=1_000))
    in_money = rule(route=AB, fee=Fee("money", "USD", flat=10**9, per_point=Fraction(0), cap=None))

    assert _cycle([in_points, gaining]) is None
    assert _cycle([capped, gaining]) is not None
    assert _cycle([in_money, gaining]) is not None


def test_a_rule_that_is_outranked_or_stopped_counts_still() -> None:
    generous = rule(1, 2, route=AB, id="rul_1")
    strict = rule(1, 1, route=AB, priority=5, id="rul_2")
    back = rule(1, 1, route=BA, state=RuleState.STOPPED)

    assert _cycle([generous, strict, back]) is not None
    assert _cycle([strict, back]) is None


def test_test_partners_are_looked_at_apart() -> None:
    listed = catalogue([rule(1, 2, route=AB), rule(route=BA)], live=False)

    assert gaining_cycle(listed, since=NOW, live=True) is None
    assert gaining_cycle(listed, since=NOW, live=False) is not None
    require_no_cycle(listed, since=NOW, live=True)
    with pytest.raises(ArbitrageFound) as refusal:
        require_no_cycle(listed, since=NOW, live=False)
    assert refusal.value.facts["cycle"] == "a.point > b.point > a.point"
    assert refusal.value.facts["gain"] == "2"


@pytest.mark.parametrize(
    ("offered", "campaigns", "best"),
    [
        (rule(5, 4), [], Fraction(4, 5)),
        (rule(blocks=[(0, 3, 1), (30, 3, 2)]), [], Fraction(2, 3)),
        (rule(blocks=[(0, 3, 1), (30, 3, 2)], maximum=60), [], Fraction(30, 60)),
        (rule(blocks=[(0, 3, 2), (30, 3, 1)], minimum=60, step=60), [], Fraction(30, 60)),
        (rule(minimum=100, step=100), [campaign(flat=10)], Fraction(110, 100)),
        (rule(minimum=10, step=10), [campaign(100, member_cap=25)], Fraction(2)),
        (rule(minimum=30, step=10), [campaign(100, member_cap=25)], Fraction(55, 30)),
    ],
)
def test_the_best_ratio_is_over_amounts_on_the_step(
    offered: RateRule, campaigns: list[Campaign], best: Fraction
) -> None:
    assert best_ratio(offered, campaigns, None) == best


@settings(max_examples=150, deadline=None)
@given(
    blocks=st.lists(st.tuples(st.integers(1, 80), st.integers(1, 20), st.integers(1, 20)), min_size=1, max_size=3),
    minimum=st.integers(1, 50),
    step=st.integers(1, 12),
    span=st.integers(0, 150),
    bonuses=st.lists(st.tuples(st.integers(0, 90), st.integers(0, 5), st.none() | st.integers(1, 40)), max_size=2),
    fee=st.none() | st.tuples(st.integers(0, 5), st.fractions(0, 1, max_denominator=9), st.none() | st.integers(0, 20)),
)
def test_no_single_conversion_exceeds_the_best_ratio(
    blocks: list[tuple[int, int, int]],
    minimum: int,
    step: int,
    span: int,
    bonuses: list[tuple[int, int, int | None]],
    fee: tuple[int, Fraction, int | None] | None,
) -> None:
    bounds = [0, *sorted({above for above, _, _ in blocks[1:]})]
    offered = rule(
        blocks=[(above, give, get) for above, (_, give, get) in zip(bounds, blocks, strict=False)],
        minimum=minimum,
        step=step,
        maximum=minimum + step + span,
        fee=None if fee is None else Fee("points", "", *fee),
    )
    campaigns = [
        campaign(percent, flat=flat, member_cap=cap, id=f"cmp_{number}")
        for number, (percent, flat, cap) in enumerate(bonuses)
    ]
    listed = catalogue([offered], campaigns)

    best = best_ratio(offered, campaigns, offered.fee)

    for amount in range(1, minimum + step + span + 1):
        try:
            priced = price(listed, PriceRequest(*AB, amount), NOW)
        except (BelowMinimum, OffStep, YieldsNothing):
            continue
        assert priced.target_amount <= best * (priced.source_amount + priced.fee)


LEGS = [AB, BA, BC, CA, ("a.point", "c.point"), ("c.point", "b.point")]
OFFERS = st.lists(
    st.tuples(
        st.sampled_from(LEGS),
        st.tuples(st.integers(1, 12), st.integers(1, 12)),
        st.integers(1, 6),
        st.integers(1, 3),
        st.none() | st.tuples(st.integers(1, 60), st.integers(1, 12), st.integers(1, 12)),
        st.none() | st.integers(1, 40),
    ),
    min_size=2,
    max_size=5,
    unique_by=lambda offer: offer[0],
)
BONUSES = st.lists(st.tuples(st.sampled_from(LEGS), st.integers(0, 60), st.integers(0, 3), st.booleans()), max_size=2)


def _market(offers: list, bonuses: list) -> Catalogue:  # type: ignore[type-arg]
    rules = [
        rule(
            blocks=[(0, *ratio), *([block] if block else [])],
            route=route,
            step=step,
            minimum=step * times,
            fee=None if percent is None else Fee("points", "", flat=0, per_point=Fraction(percent, 100), cap=3),
            id=f"rul_{number}",
        )
        for number, (route, ratio, step, times, block, percent) in enumerate(offers)
    ]
    campaigns = [
        campaign(percent, flat=flat, exclusive=alone, route=route, id=f"cmp_{number}")
        for number, (route, percent, flat, alone) in enumerate(bonuses)
    ]
    return catalogue(rules, campaigns, live=True)


@settings(max_examples=250, deadline=None)
@given(offers=OFFERS, bonuses=BONUSES, seed=st.integers(0, 2**32), start=st.integers(1, 500))
def test_what_passes_the_guard_never_gains(offers: list, bonuses: list, seed: int, start: int) -> None:  # type: ignore[type-arg]
    """I7: whatever way points are moved around, nobody comes back with more than they left with."""
    listed = _market(offers, bonuses)
    assume(gaining_cycle(listed, since=NOW, live=True) is None)
    chance = random.Random(seed)
    held = {"a.point": start, "b.point": 0, "c.point": 0}

    for _ in range(40):
        source, target = chance.choice(LEGS)
        if not held[source]:
            continue
        try:
            priced = price(listed, PriceRequest(source, target, chance.randint(1, held[source])), NOW)
        except (UnitMissing, RouteMissing, BelowMinimum, OffStep, YieldsNothing):
            continue
        if priced.source_amount + priced.fee <= held[source]:
            held[source] -= priced.source_amount + priced.fee
            held[target] += priced.target_amount
        assert held["a.point"] <= start


@settings(max_examples=200, deadline=None)
@given(offers=OFFERS, bonuses=BONUSES)
def test_what_the_guard_refuses_gains_before_rounding(offers: list, bonuses: list) -> None:  # type: ignore[type-arg]
    found = gaining_cycle(_market(offers, bonuses), since=NOW, live=True)

    if found is not None:
        assert found.gain > 1
        assert found.units[0] == found.units[-1]
        assert len(set(found.units)) == len(found.units) - 1


def test_instants_are_every_start_and_end_from_now_on() -> None:
    dated = [rule(since=NOW - DAY, until=NOW + DAY), rule(since=NOW + DAY), rule(since=NOW + 2 * DAY)]

    assert instants(dated, NOW) == [NOW, NOW + DAY, NOW + 2 * DAY]


def test_a_graph_larger_than_any_real_one_is_checked() -> None:
    chance = random.Random(7)
    worth = {f"p{number}.point": Fraction(chance.randint(50, 200)) for number in range(40)}
    rules = [
        rule(worth[target].numerator, worth[source].numerator, route=(source, target), id=f"rul_{source}_{target}")
        for source in worth
        for target in worth
        if source != target
    ]

    greedy = rule(1, 7, route=("p0.point", "p1.point"), priority=1, id="rul_greedy")

    assert _cycle(rules) is None
    found = _cycle([*rules, greedy])
    assert found is not None
    assert found[2] > 1
