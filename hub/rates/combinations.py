"""Which rules and campaigns can meet on a route at one instant, over every kind of member.

Knows selectors, stacking and dates. Does not know ratios or money.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import product

from hub.agreements.types import Terms
from hub.rates.catalogue import Catalogue, Route, fits, in_force
from hub.rates.types import Campaign, RateRule

# Kinds of members looked at one by one; past it all stackable campaigns are taken together, which is never too little.
_KINDS_MAX = 512


def combinations(catalogue: Catalogue, route: Route, at: datetime) -> Iterator[tuple[RateRule, list[Campaign]]]:
    """Every rule of the route with every choice of campaigns that some member could meet at `at`.

    A rule that another one outranks counts too: it prices again as soon as that one is withdrawn. A stopped one counts
    because it can be started again.
    """
    rules = [rule for rule in catalogue.rules.get(route, ()) if in_force(rule, at)]
    campaigns = [campaign for campaign in catalogue.campaigns.get(route, ()) if in_force(campaign, at)]
    selected = [rule.selectors for rule in rules] + [campaign.selectors for campaign in campaigns]
    for traits in _kinds_of_members(selected):
        fitting = campaigns if traits is None else [each for each in campaigns if fits(each.selectors, traits)]
        for rule in rules:
            if traits is None or fits(rule.selectors, traits):
                for choice in _choices(fitting):
                    yield rule, choice


def instants(dated: Iterable[RateRule | Campaign | Terms], since: datetime) -> list[datetime]:
    """`since` and every later instant at which one of these starts or ends, in order."""
    found = {since}
    for each in dated:
        found.add(each.effective_from)
        if each.effective_until is not None:
            found.add(each.effective_until)
    return sorted(instant for instant in found if instant >= since)


def _choices(campaigns: Sequence[Campaign]) -> list[list[Campaign]]:
    stack = [campaign for campaign in campaigns if not campaign.exclusive]
    return [stack, *([campaign] for campaign in campaigns if campaign.exclusive)]


def _kinds_of_members(selected: Iterable[Mapping[str, str]]) -> list[dict[str, str]] | list[None]:
    values: dict[str, set[str]] = {}
    for selectors in selected:
        for name, value in selectors.items():
            values.setdefault(name, set()).add(value)
    count = 1
    for options in values.values():
        count *= len(options) + 1
    if count > _KINDS_MAX:
        return [None]
    # The empty value stands for a member without that trait; no selector names it.
    names = sorted(values)
    return [dict(zip(names, kind, strict=True)) for kind in product(*(["", *sorted(values[name])] for name in names))]
