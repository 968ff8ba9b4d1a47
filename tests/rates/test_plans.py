"""Plans: what is found is carried out step by step, and is what looking at everything finds."""

from collections.abc import Iterator, Mapping
from fractions import Fraction
from itertools import chain, combinations, pairwise, permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.agreements.refusals import UnitMissing
from hub.agreements.types import Direction
from hub.kernel.errors import HubError
from hub.kernel.limits import PLAN_PARTS_MAX, PLAN_WAYS_MAX
from hub.rates.catalogue import Catalogue
from hub.rates.plans import Holding, Plan, PlanRequest, Way, plan
from hub.rates.pricing import price
from hub.rates.types import Campaign, Fee, PriceRequest, RateRule, RuleState
from tests.rates.builders import NOW, campaign, catalogue, partner, rule

TARGET = "t.point"


def _asked(
    amount: int, *, worths: Mapping[str, Fraction] | None = None, currency: str = "", **held: int
) -> PlanRequest:
    holdings = (Holding(f"{code}.point", balance, (worths or {}).get(code)) for code, balance in held.items())
    return PlanRequest(TARGET, amount, tuple(holdings), currency=currency)


def _route(source: str, target: str) -> tuple[str, str]:
    return (f"{source}.point", f"{target}.point")


def _plan(listed: Catalogue, request: PlanRequest) -> Plan:
    found = plan(listed, request, NOW)
    for way in found.ways:
        _carry_out(listed, request, way)
    return found


def _carry_out(listed: Catalogue, request: PlanRequest, way: Way) -> None:
    """Make every conversion of a way as it would be quoted; balances never fall below zero and enough arrives."""
    balances = {one.unit: one.balance for one in request.holdings}
    before = dict(balances)
    for step in way.steps:
        priced = price(listed, step.request(request.traits), NOW)
        takes = priced.source_amount + (priced.fee if priced.fee_unit == step.source_unit else 0)
        assert (priced.source_amount, takes, priced.target_amount) == (step.amount, step.takes, step.arrives)
        balances[step.source_unit] -= takes
        assert balances[step.source_unit] >= 0
        balances[step.target_unit] = balances.get(step.target_unit, 0) + priced.target_amount
    assert balances[TARGET] - before.get(TARGET, 0) == way.arrives >= request.amount
    assert all(way.spends.get(unit, 0) <= before[unit] for unit in before)


def test_the_cheapest_of_a_direct_route_and_one_with_a_stop_comes_first() -> None:
    direct = rule(3, 1, route=_route("a", "t"))
    stop = [rule(1, 1, route=_route("a", "b")), rule(5, 2, route=_route("b", "t"), minimum=10, step=5)]

    found = _plan(catalogue([direct, *stop]), _asked(10, a=100, b=0))

    assert [[step.amount for step in way.steps] for way in found.ways] == [[25, 25], [30]]
    assert [way.cost for way in found.ways] == [Fraction(1, 4), Fraction(3, 10)]
    assert (found.reachable, found.complete) == (10, True)


def test_what_lies_at_a_stop_is_used_and_a_stop_needs_a_membership() -> None:
    listed = catalogue([rule(1, 1, route=_route("a", "b")), rule(1, 1, route=_route("b", "t"), minimum=10, step=10)])

    topped = _plan(listed, _asked(10, a=6, b=4))
    without = _plan(listed, _asked(10, a=60))

    assert topped.ways[0].spends == {"a.point": 6, "b.point": 4}
    assert (without.ways, without.reachable, without.unused) == ((), 0, {"a.point": "no_route"})


def test_several_memberships_are_put_together_and_what_is_missing_is_said() -> None:
    listed = catalogue([rule(1, 1, route=_route(code, "t"), minimum=10, step=10) for code in "abcd"])

    three = _plan(listed, _asked(60, a=25, b=25, c=25, d=5))
    much = _plan(listed, _asked(61, a=25, b=25, c=25, d=5))

    assert three.ways[0].spends == {"a.point": 20, "b.point": 20, "c.point": 20}
    assert (much.ways, much.reachable) == ((), 60)


def test_worths_and_fees_in_their_currency_decide_where_they_are_given() -> None:
    fee = Fee("money", "USD", flat=2 * 10**7, per_point=Fraction(0), cap=None)
    listed = catalogue([rule(1, 1, route=_route("a", "t"), fee=fee), rule(1, 1, route=_route("b", "t"))])
    worths = {"a": Fraction(1, 100), "b": Fraction(2, 100)}

    small = _plan(listed, _asked(100, worths=worths, currency="USD", a=1_000, b=1_000))
    large = _plan(listed, _asked(300, worths=worths, currency="USD", a=1_000, b=1_000))
    unsaid = _plan(listed, _asked(100, worths=worths, a=1_000, b=1_000))

    assert [[way.cost, way.fees] for way in small.ways[:2]] == [[2, {}], [3, {"USD": 2 * 10**7}]]
    assert [way.spends for way in large.ways[:2]] == [{"a.point": 300}, {"b.point": 300}]
    assert unsaid.ways[0].spends == {"a.point": 100}


def test_stopped_routes_partners_and_money_are_left_out() -> None:
    rules = [
        rule(1, 1, route=_route("a", "t"), state=RuleState.STOPPED),
        rule(1, 1, route=_route("b", "t")),
        rule(1, 1, route=_route("c", "t"), selectors={"tier": "gold"}),
    ]
    stopped = catalogue(rules, partners=[partner("b", stopped=Direction.DEBIT)])

    found = _plan(stopped, _asked(10, a=10, b=10, c=10, t=5))

    assert found.ways == ()
    assert found.unused == dict.fromkeys(("a.point", "b.point", "c.point"), "no_route") | {TARGET: "target"}
    with pytest.raises(UnitMissing):
        plan(stopped, _asked(10, z=10), NOW)


# --- Exhaustive search over small graphs.


def _ratios() -> st.SearchStrategy[tuple[int, int]]:
    return st.tuples(st.integers(1, 3), st.integers(1, 3))


@st.composite
def _worlds(draw: st.DrawFn) -> tuple[Catalogue, PlanRequest]:
    rules: list[RateRule] = []
    bonuses: list[Campaign] = []
    for source, target in permutations("abct", 2):
        if source == "t" or not draw(st.booleans()):
            continue
        (give, get), step = draw(_ratios()), draw(st.integers(1, 4))
        route = _route(source, target)
        flat = draw(st.sampled_from((None, None, 0, 2)))
        fee = None if flat is None else Fee("points", "", flat=flat, per_point=Fraction(1, 3), cap=3)
        blocks = ((0, give, get), (8, *draw(_ratios()))) if draw(st.booleans()) else ((0, give, get),)
        rules.append(
            rule(
                route=route,
                blocks=blocks,
                minimum=draw(st.integers(1, 6)),
                step=step,
                maximum=draw(st.sampled_from((None, 9))),
                fee=fee,
            )
        )
        if draw(st.integers(0, 3)) == 0:
            cap = draw(st.sampled_from((None, 2)))
            bonuses.append(campaign(50, route=route, member_cap=cap, id=f"cmp_{source}{target}"))
    # Routes that nobody takes, so that every unit is known.
    rules += [rule(1, 1, route=(f"{code}.point", "z.point")) for code in "abct"]
    balances = {code: draw(st.integers(0, 8)) for code in "abc"}
    worths = {code: Fraction(draw(st.integers(1, 5))) for code in "abc"} if draw(st.booleans()) else None
    return catalogue(rules, bonuses), _asked(draw(st.integers(1, 14)), worths=worths, **balances)


# Target units that arrive, what each holding gives, and (source, target, amount) of the conversions.
Outcome = tuple[int, dict[str, int], tuple[tuple[str, str, int], ...]]


class _Everything:
    """All that can be done along paths, found by asking for the price of every single amount."""

    def __init__(self, listed: Catalogue, request: PlanRequest) -> None:
        self._listed = listed
        self._balances = {one.unit: one.balance for one in request.holdings}
        self._prices: dict[tuple[str, str, int], tuple[int, int]] = {}

    def outcomes(self, path: tuple[str, ...], *, topped: bool, have: int = 0) -> Iterator[Outcome]:
        """Every choice of amounts; at a stop what lies there goes first. Without conversions where that is enough."""
        source, target, *_ = path
        here = self._balances[source] if topped or not have else 0
        for amount in range(1, have + here + 1):
            takes, gives = self._priced(source, target, amount)
            drawn = min(takes, here)
            if not gives or takes - drawn > have:
                continue
            made = () if have and takes == drawn else ((source, target, amount),)
            if len(path) == 2:
                yield gives, {source: drawn}, made
                continue
            for arrived, spends, steps in self.outcomes(path[1:], topped=topped, have=gives):
                yield arrived, {source: drawn, **spends}, made + steps if made and steps else ()

    def _priced(self, source: str, target: str, amount: int) -> tuple[int, int]:
        """(all that leaves, what arrives) for an amount that is the least for what it gives; zeros for any other."""
        key = (source, target, amount)
        if key not in self._prices:
            try:
                found = price(self._listed, PriceRequest(*key), NOW)
            except HubError:
                self._prices[key] = (0, 0)
            else:
                least = found.source_amount == amount
                self._prices[key] = (amount + found.fee, found.target_amount) if least else (0, 0)
        return self._prices[key]


def _cheapest(listed: Catalogue, request: PlanRequest) -> list[Fraction]:
    """The costs of the cheapest ways, found by looking at all of them."""
    everything, holdings = _Everything(listed, request), {one.unit: one for one in request.holdings}

    def cost(spends: Mapping[str, int]) -> Fraction:
        worths = ((holdings[unit].worth or Fraction(1, holdings[unit].balance), n) for unit, n in spends.items() if n)
        return sum((worth * spent for worth, spent in worths), Fraction(0))

    def least(found: list[Outcome], wanted: int) -> Outcome:
        enough = (one for one in found if one[0] >= wanted)
        return min(enough, key=lambda one: (cost(one[1]), len(one[2])))

    parts: list[tuple[set[object], list[Outcome], Outcome]] = []
    for path in (path for length in (1, 2, 3) for path in permutations(holdings, length)):
        routes = set(pairwise((*path, TARGET)))
        on_the_way = {unit for unit in path[1:] if holdings[unit].balance}
        for draws in (set(), on_the_way) if on_the_way else (set(),):
            if routes <= set(listed.rules):
                found = list(everything.outcomes((*path, TARGET), topped=bool(draws)))
                drained = least(found, max(arrives for arrives, _, _ in found)) if found else (0, {}, ())
                if drained[2]:
                    parts.append(({path[0], *draws, *routes}, found, drained))
    ways: dict[frozenset[tuple[str, str, int]], Fraction] = {}
    for chosen in (chosen for size in range(1, PLAN_PARTS_MAX + 1) for chosen in permutations(parts, size)):
        *used_up, (_, found, (most, _, _)) = chosen
        missing = request.amount - sum(drained[0] for _, _, drained in used_up)
        if any(one[0] & other[0] for one, other in combinations(chosen, 2)) or not 0 < missing <= most:
            continue
        outcomes = [*(drained for _, _, drained in used_up), least(found, missing)]
        if outcomes[-1][2]:
            made = frozenset(chain(*(steps for _, _, steps in outcomes)))
            whole = sum((cost(spends) for _, spends, _ in outcomes), Fraction(0))
            ways[made] = min(whole, ways.get(made, whole))
    return sorted(ways.values())[:PLAN_WAYS_MAX]


@settings(max_examples=60)
@given(world=_worlds())
def test_on_small_graphs_the_ways_are_those_that_looking_at_everything_finds(
    world: tuple[Catalogue, PlanRequest],
) -> None:
    listed, request = world

    found = _plan(listed, request)

    assert found.complete
    assert [way.cost for way in found.ways] == _cheapest(listed, request), (request, listed.rules, found.ways)
