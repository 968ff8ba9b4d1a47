"""How to get so much of a unit from what a member holds: the cheapest few ways, found from a catalogue alone.

Knows routes of at most three steps, what lies where, and what a way costs. Does not know members, clients or quotes:
what it finds is a list of what to ask quotes for. What exactly is looked at is written in `docs/plans.md`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction

from hub.agreements.currencies import default_ledger_scale
from hub.agreements.refusals import UnitMissing
from hub.kernel.errors import HubError
from hub.kernel.limits import PLAN_HOPS_MAX, PLAN_PARTS_MAX, PLAN_PATHS_MAX, PLAN_TRIES_MAX, PLAN_WAYS_MAX
from hub.rates.catalogue import Catalogue, Route
from hub.rates.hops import Hop
from hub.rates.pricing import NOTHING_USED, require_open
from hub.rates.types import PriceRequest, RuleState


@dataclass(frozen=True, slots=True)
class Holding:
    """A membership's balance of one unit, >= 0. worth: of one smallest unit to the member; None where nobody said."""

    unit: str
    balance: int
    worth: Fraction | None = None


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """amount: target units that shall arrive, or more. holdings: one a unit; each has a worth, or none has.

    currency: what the worths are in, so that fees in it are counted; empty for none. traits: as for a quote.
    """

    target_unit: str
    amount: int
    holdings: tuple[Holding, ...]
    traits: Mapping[str, str] = field(default_factory=dict)
    currency: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One conversion of a way. arrives: target units. drawn: what its source held before and gives to it."""

    source_unit: str
    target_unit: str
    amount: int
    takes: int
    arrives: int
    drawn: int

    def request(self, traits: Mapping[str, str]) -> PriceRequest:
        """What a quote is asked for with."""
        return PriceRequest(self.source_unit, self.target_unit, self.amount, dict(traits))


@dataclass(frozen=True, slots=True)
class Way:
    """Conversions in the order in which they can be made. spends: what each holding gives, in the order of use.

    cost: what is spent at its worths and fees in their currency; without worths the sum of the shares of each balance.
    fees: money, in ledger units by currency. arrives: target units, at least what was asked.
    """

    steps: tuple[Step, ...]
    spends: Mapping[str, int]
    cost: Fraction
    fees: Mapping[str, int]
    arrives: int


@dataclass(frozen=True, slots=True)
class Plan:
    """ways: cheapest first. reachable: how much of what was asked can be had. complete: whether all were looked at.

    unused: why no route leads on from a holding, by its unit: `money`, `target` or `no_route`.
    """

    ways: tuple[Way, ...]
    reachable: int
    unused: Mapping[str, str]
    complete: bool


@dataclass(frozen=True, slots=True)
class _Part:
    """A path that one holding takes, and what lies along it. draws: balances by unit, the first one's included.

    most: target units it yields when everything it draws on is used; drained: what that takes.
    """

    hops: tuple[Hop, ...]
    draws: Mapping[str, int]
    most: int = 0
    drained: tuple[Step, ...] = ()

    def goes_with(self, others: Sequence["_Part"]) -> bool:
        """Whether it shares neither a balance nor a route with these: a bonus or a limit there would count twice."""
        routes = {hop.route for hop in self.hops}
        return not any(
            self.draws.keys() & one.draws.keys() or routes & {hop.route for hop in one.hops} for one in others
        )


def plan(catalogue: Catalogue, request: PlanRequest, at: datetime, *, used: Mapping[str, int] = NOTHING_USED) -> Plan:
    """The cheapest few ways to have at least `request.amount` arrive. used: as for `price`. Raises: UnitMissing."""
    graph = _Graph(catalogue, request.traits, at, used)
    money = {unit for unit in _units_of(catalogue, request) if catalogue.roster.units[unit].kind == "money"}
    balances = {one.unit: one.balance for one in request.holdings if one.unit not in money}
    paths, complete = _paths(graph, request.target_unit, balances, money)
    parts = [part for path in paths for part in _parts(path, balances)]
    search = _Search(request, parts)
    search.run((), (), request.amount, Fraction(0), 0)
    seen = {hops[0].route[0] for hops in paths}
    return Plan(
        ways=tuple(sorted(search.kept.values(), key=_rank)),
        reachable=search.reachable,
        unused={
            one.unit: "money" if one.unit in money else "target" if one.unit == request.target_unit else "no_route"
            for one in request.holdings
            if one.unit not in seen
        },
        complete=complete and search.tries < PLAN_TRIES_MAX,
    )


def _units_of(catalogue: Catalogue, request: PlanRequest) -> list[str]:
    """Every unit that the request names. Raises: UnitMissing."""
    named = {"#/target_unit": request.target_unit}
    named |= {f"#/holdings/{index}/unit": one.unit for index, one in enumerate(request.holdings)}
    for pointer, unit in named.items():
        if unit not in catalogue.roster.units:
            raise UnitMissing(f"There is no unit {unit[:80]}.", pointer=pointer)
    return list(named.values())


@dataclass(frozen=True, slots=True)
class _Graph:
    catalogue: Catalogue
    traits: Mapping[str, str]
    at: datetime
    used: Mapping[str, int]

    def hop(self, route: Route) -> Hop | None:
        """The route as it is for this member; None where it cannot be taken now."""
        rule = self.catalogue.rule_for(route, self.traits, self.at)
        if rule is None or rule.state is RuleState.STOPPED:
            return None
        try:
            require_open(self.catalogue, *route)
        except HubError:
            return None
        return Hop(rule, self.catalogue.campaigns_for(route, self.traits, self.at), self.used)


def _paths(
    graph: _Graph, target: str, balances: Mapping[str, int], money: set[str]
) -> tuple[list[tuple[Hop, ...]], bool]:
    """Every way from a holding to the target that passes memberships of the member only, the shortest first."""
    into: dict[str, list[Hop]] = {}
    for source, end in sorted(graph.catalogue.rules):
        if source in balances and (end in balances or end == target) and not {source, end} & money:
            hop = graph.hop((source, end))
            if hop is not None:
                into.setdefault(end, []).append(hop)
    found: list[tuple[Hop, ...]] = []
    ends: list[tuple[Hop, ...]] = [(hop,) for hop in into.get(target, ())]
    for _ in range(PLAN_HOPS_MAX):
        found += ends
        ends = [
            (hop, *path)
            for path in ends
            for hop in into.get(path[0].route[0], ())
            if hop.route[0] not in {target, *(one.route[0] for one in path)}
        ]
        if len(found) + len(ends) > PLAN_PATHS_MAX:
            return (found + ends)[:PLAN_PATHS_MAX], False
    return found, True


def _parts(path: tuple[Hop, ...], balances: Mapping[str, int]) -> Iterator[_Part]:
    """The path with its first balance alone, and with what lies at the stops on its way as well."""
    first = path[0].route[0]
    on_the_way = {hop.route[0]: balances[hop.route[0]] for hop in path[1:] if balances[hop.route[0]]}
    for draws in ({}, on_the_way) if on_the_way else ({},):
        part = _Part(path, {first: balances[first], **draws})
        most = _most(part)
        if most:
            drained = _steps(part, most)
            if drained is not None:
                yield _Part(path, part.draws, most, drained)


def _most(part: _Part) -> int:
    """Target units when everything it draws on is used, as far as steps and maximums allow."""
    arrived = 0
    for hop in part.hops:
        amount = hop.most(arrived + part.draws.get(hop.route[0], 0))
        if amount is None:
            return 0
        arrived = hop.gives(amount)
    return arrived


def _steps(part: _Part, wanted: int) -> tuple[Step, ...] | None:
    """The least that has `wanted` arrive, found from the end: at each stop what lies there goes first.

    None where it cannot, and where the first balance is not needed: that is a shorter path of its own.
    """
    found: list[Step] = []
    for hop in reversed(part.hops):
        source, target = hop.route
        amount = hop.least(wanted)
        if amount is None:
            return None
        takes = hop.takes(amount)
        drawn = min(takes, part.draws.get(source, 0))
        found.append(Step(source, target, amount, takes, hop.gives(amount), drawn))
        wanted = takes - drawn
        if not wanted and hop is not part.hops[0]:
            return None
    return None if wanted else tuple(reversed(found))


@dataclass(slots=True)
class _Search:
    """Every choice of parts of which all but the last are used up, cheapest kept, dear ones left early."""

    request: PlanRequest
    parts: Sequence[_Part]
    kept: dict[tuple[tuple[str, str, int], ...], Way] = field(default_factory=dict)
    reachable: int = 0
    tries: int = 0

    def run(self, chosen: tuple[_Part, ...], steps: tuple[Step, ...], missing: int, cost: Fraction, start: int) -> None:
        """Finish with one more part, then use one more up and go on; `missing`: target units not there yet."""
        if self._too_dear(cost) or self.tries >= PLAN_TRIES_MAX:
            return
        self.tries += 1
        for part in self.parts:
            if not part.goes_with(chosen):
                continue
            self.reachable = max(self.reachable, self.request.amount - missing + min(part.most, missing))
            if part.most >= missing and self.tries < PLAN_TRIES_MAX:
                self.tries += 1
                last = _steps(part, missing)
                if last is not None:
                    self._keep((*steps, *last), (*chosen, part))
        if len(chosen) + 1 == PLAN_PARTS_MAX:
            return
        for index in range(start, len(self.parts)):
            part = self.parts[index]
            if part.most < missing and part.goes_with(chosen):
                used = (*chosen, part)
                together = (*steps, *part.drained)
                so_far = self._way(together, used).cost
                self.run(used, together, missing - part.most, so_far, index + 1)

    def _too_dear(self, cost: Fraction) -> bool:
        return len(self.kept) == PLAN_WAYS_MAX and cost > max(way.cost for way in self.kept.values())

    def _keep(self, steps: tuple[Step, ...], parts: Sequence[_Part]) -> None:
        way = self._way(steps, parts)
        # The same conversions in another order, or with more left at a stop, are the same way.
        key = tuple(sorted((*_route_of(step), step.amount) for step in steps))
        if key not in self.kept or _rank(way) < _rank(self.kept[key]):
            self.kept[key] = way
        if len(self.kept) > PLAN_WAYS_MAX:
            dearest = max(self.kept, key=lambda key: _rank(self.kept[key]))
            del self.kept[dearest]

    def _way(self, steps: tuple[Step, ...], parts: Sequence[_Part]) -> Way:
        hops = {hop.route: hop for part in parts for hop in part.hops}
        spends: dict[str, int] = {}
        fees: dict[str, int] = {}
        for step in steps:
            if step.drawn:
                spends[step.source_unit] = spends.get(step.source_unit, 0) + step.drawn
            currency, fee = hops[_route_of(step)].money(step.amount)
            if fee:
                fees[currency] = fees.get(currency, 0) + fee
        arrives = sum(step.arrives for step in steps if step.target_unit == self.request.target_unit)
        return Way(steps, spends, self._cost(spends, fees), fees, arrives)

    def _cost(self, spends: Mapping[str, int], fees: Mapping[str, int]) -> Fraction:
        cost = Fraction(0)
        for one in self.request.holdings:
            spent = spends.get(one.unit, 0)
            if spent:
                cost += spent * one.worth if one.worth is not None else Fraction(spent, one.balance)
        currency = self.request.currency
        if currency in fees:
            cost += Fraction(fees[currency], 10 ** default_ledger_scale(currency))
        return cost


def _route_of(step: Step) -> Route:
    return (step.source_unit, step.target_unit)


def _rank(way: Way) -> tuple[Fraction, int, list[tuple[str, int]], list[tuple[str, str]]]:
    """Cheaper first; of equally cheap ones the one with fewer conversions, then with smaller fees, then by name."""
    return (way.cost, len(way.steps), sorted(way.fees.items()), [_route_of(step) for step in way.steps])
