"""The arbitrage guard: no round trip through the rate graph may gain points, now or at any announced instant.

Pure over a catalogue and exact throughout. Does not know money: a fee in money is left out, which makes the guard
stricter, never weaker.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from itertools import pairwise

from hub.kernel.amounts import fraction_text
from hub.rates.catalogue import Catalogue, Route
from hub.rates.combinations import combinations, instants
from hub.rates.ratios import best_ratio
from hub.rates.refusals import ArbitrageFound
from hub.rates.types import Campaign, RateRule

Graph = Mapping[str, Mapping[str, Fraction]]
# Best ratios by rule and campaigns: most stay the same from one instant to the next.
_Ratios = dict[tuple[str, ...], Fraction]


@dataclass(frozen=True, slots=True)
class Cycle:
    """A round trip that gains. units: in order, the first one again at the end. gain: units back for one unit, > 1."""

    at: datetime
    units: tuple[str, ...]
    gain: Fraction


def require_no_cycle(catalogue: Catalogue, *, since: datetime, live: bool) -> None:
    """Raises: ArbitrageFound, naming the round trip, what it gains and from when on."""
    cycle = gaining_cycle(catalogue, since=since, live=live)
    if cycle is not None:
        way = " > ".join(cycle.units)
        raise ArbitrageFound(
            f"From {cycle.at.isoformat()} on, the round trip {way} turns 1 into {fraction_text(cycle.gain)}.",
            cycle=way,
            gain=fraction_text(cycle.gain),
            at=cycle.at.isoformat(),
        )


def gaining_cycle(catalogue: Catalogue, *, since: datetime, live: bool) -> Cycle | None:
    """The first round trip that gains at `since` or later, among live partners or among test partners. None for none.

    If no product of best ratios around a cycle exceeds one, every unit can be given a worth that no conversion raises;
    rounding down and fees only lower it, so no sequence of conversions can gain either.
    """
    routes = [route for route in catalogue.rules if _is_live(catalogue, route) == live]
    dated: list[RateRule | Campaign] = [rule for route in routes for rule in catalogue.rules[route]]
    dated += [campaign for route in routes for campaign in catalogue.campaigns.get(route, ())]
    seen: Graph = {}
    ratios: _Ratios = {}
    for at in instants(dated, since):
        graph = _graph(catalogue, routes, at, ratios)
        if graph == seen:
            continue
        seen = graph
        for part in _strong_parts(graph):
            found = _gaining(graph, part)
            if found is not None:
                return Cycle(at, *found)
    return None


def _is_live(catalogue: Catalogue, route: Route) -> bool:
    partners, units = catalogue.roster.partners, catalogue.roster.units
    return partners[units[route[0]].partner].live and partners[units[route[1]].partner].live


def _graph(catalogue: Catalogue, routes: list[Route], at: datetime, ratios: _Ratios) -> Graph:
    """Best ratio of every route at `at`. ratios: those already computed, added to."""
    graph: dict[str, dict[str, Fraction]] = {}
    for source, target in routes:
        for rule, campaigns in combinations(catalogue, (source, target), at):
            key = (rule.id, *(campaign.id for campaign in campaigns))
            if key not in ratios:
                ratios[key] = best_ratio(rule, campaigns, rule.fee)
            reached = graph.setdefault(source, {})
            reached[target] = max(ratios[key], reached.get(target, ratios[key]))
    return graph


def _strong_parts(graph: Graph) -> list[list[str]]:
    """Sets of units that can all be reached from each other, of two or more (Tarjan, without recursion)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    trail: list[str] = []
    on_trail: set[str] = set()
    parts: list[list[str]] = []
    for root in graph:
        if root in index:
            continue
        steps = [(root, iter(graph.get(root, ())))]
        index[root] = low[root] = len(index)
        trail.append(root)
        on_trail.add(root)
        while steps:
            unit, targets = steps[-1]
            following = next(targets, None)
            if following is None:
                steps.pop()
                if steps:
                    low[steps[-1][0]] = min(low[steps[-1][0]], low[unit])
                if low[unit] == index[unit]:
                    cut = trail.index(unit)
                    parts.append(trail[cut:])
                    on_trail.difference_update(trail[cut:])
                    del trail[cut:]
            elif following not in index:
                index[following] = low[following] = len(index)
                trail.append(following)
                on_trail.add(following)
                steps.append((following, iter(graph.get(following, ()))))
            elif following in on_trail:
                low[unit] = min(low[unit], index[following])
    return [part for part in parts if len(part) > 1]


def _gaining(graph: Graph, part: list[str]) -> tuple[tuple[str, ...], Fraction] | None:
    """A gaining round trip inside one strongly connected part (Bellman and Ford, with products for sums)."""
    inside = set(part)
    edges = [
        (source, target, ratio)
        for source in part
        for target, ratio in graph.get(source, {}).items()
        if target in inside
    ]
    best = {unit: Fraction(1) for unit in part}
    came_from: dict[str, str] = {}
    for _ in range(len(part)):
        improved = ""
        for source, target, ratio in edges:
            reached = best[source] * ratio
            if reached > best[target]:
                best[target] = reached
                came_from[target] = source
                improved = target
        if not improved:
            return None
        cycle = _cycle_of(came_from)
        if cycle is not None:
            return cycle, _product(graph, cycle)
    raise AssertionError("unreachable: an improvement in the last round means a cycle of predecessors")


def _cycle_of(came_from: Mapping[str, str]) -> tuple[str, ...] | None:
    """The round trip among predecessors, if there is one; such a cycle always gains."""
    done: set[str] = set()
    for start in came_from:
        walk: list[str] = []
        unit: str | None = start
        while unit is not None and unit not in done and unit not in walk:
            walk.append(unit)
            unit = came_from.get(unit)
        if unit is not None and unit in walk:
            loop = walk[walk.index(unit) :][::-1]
            first = loop.index(min(loop))
            loop = loop[first:] + loop[:first]
            return (*loop, loop[0])
        done.update(walk)
    return None


def _product(graph: Graph, cycle: tuple[str, ...]) -> Fraction:
    gain = Fraction(1)
    for source, target in pairwise(cycle):
        gain *= graph[source][target]
    return gain
