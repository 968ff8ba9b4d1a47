"""Everything pricing needs, as one frozen snapshot, and a cache of it that one cheap look keeps honest.

Knows which rules and campaigns exist and how the one that prices is chosen. Does not know arithmetic.
"""

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from hub.agreements.roster import Roster, roster, version_coming
from hub.rates.rows import CAMPAIGN_SELECT, RULE_SELECT, campaign_of, rule_of
from hub.rates.types import Campaign, RateRule, RuleState
from hub.storage import Coming, Work

Route = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """rules, campaigns: by (source unit, target unit), active and stopped ones, the one that wins first.

    states: of every rule and campaign that was ever active, by id: what an older quote is checked against.
    """

    roster: Roster
    rules: Mapping[Route, tuple[RateRule, ...]]
    campaigns: Mapping[Route, tuple[Campaign, ...]]
    states: Mapping[str, RuleState] = field(default_factory=dict)

    @property
    def version(self) -> int:
        """The catalogue version it was read at."""
        return self.roster.version

    def rule_for(self, route: Route, traits: Mapping[str, str], at: datetime) -> RateRule | None:
        """The rule that prices `route` for these traits, active or stopped; None where none does.

        A stopped rule is not stepped over: that would price a stopped route by the next worse or better rule.
        """
        for rule in self.rules.get(route, ()):
            if in_force(rule, at) and fits(rule.selectors, traits):
                return rule
        return None

    def campaigns_for(self, route: Route, traits: Mapping[str, str], at: datetime) -> list[Campaign]:
        """The active campaigns that apply, in a fixed order (by id)."""
        return [
            campaign
            for campaign in self.campaigns.get(route, ())
            if campaign.state is RuleState.ACTIVE and in_force(campaign, at) and fits(campaign.selectors, traits)
        ]


def catalogue_of(roster: Roster, rules: Iterable[RateRule], campaigns: Iterable[Campaign]) -> Catalogue:
    """A catalogue of these parts; rules and campaigns in any state and order."""
    found_rules, found_campaigns = list(rules), list(campaigns)
    states = {rule.id: rule.state for rule in found_rules}
    states.update((campaign.id, campaign.state) for campaign in found_campaigns)
    by_route: dict[Route, list[RateRule]] = {}
    for rule in sorted(found_rules, key=precedence, reverse=True):
        if rule.state in (RuleState.ACTIVE, RuleState.STOPPED):
            by_route.setdefault((rule.source_unit, rule.target_unit), []).append(rule)
    bonuses: dict[Route, list[Campaign]] = {}
    for campaign in sorted(found_campaigns, key=lambda campaign: campaign.id):
        if campaign.state in (RuleState.ACTIVE, RuleState.STOPPED):
            bonuses.setdefault((campaign.source_unit, campaign.target_unit), []).append(campaign)
    return Catalogue(
        roster=roster,
        rules={route: tuple(listed) for route, listed in by_route.items()},
        campaigns={route: tuple(listed) for route, listed in bonuses.items()},
        states=states,
    )


def load(work: Work) -> Catalogue:
    """The catalogue as it stands, read in four statements; what was only proposed is left out."""
    snapshot = roster(work)
    rules = [rule_of(row) for row in work.fetch(RULE_SELECT + " WHERE state <> 'proposed'")]
    campaigns = [campaign_of(row) for row in work.fetch(CAMPAIGN_SELECT + " WHERE state <> 'proposed'")]
    return catalogue_of(snapshot, rules, campaigns)


class CatalogueCache:
    """The newest catalogue for all threads of a process; one cheap look at its version per call."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: Catalogue | None = None

    def get(self, work: Work) -> Catalogue:
        """The catalogue at its present version, read again only when that has changed."""
        return self.coming(work)()

    def coming(self, work: Work) -> Coming[Catalogue]:
        """The same, with the look at its version asked for."""
        assert not work.as_partner, "what all clients share is read with the whole view"
        version = version_coming(work)
        return lambda: self._at(work, version())

    def _at(self, work: Work, version: int) -> Catalogue:
        kept = self._kept
        if kept is not None and kept.version == version:
            return kept
        fresh = load(work)
        with self._lock:
            # A slower thread with an older reading must not take the newer one away.
            if self._kept is None or self._kept.version <= fresh.version:
                self._kept = fresh
        return fresh


def in_force(dated: RateRule | Campaign, at: datetime) -> bool:
    """Whether `at` lies in its dates: the start is in, the end is out."""
    return dated.effective_from <= at and (dated.effective_until is None or at < dated.effective_until)


def fits(selectors: Mapping[str, str], traits: Mapping[str, str]) -> bool:
    """Whether every selector names the member's own trait."""
    return all(traits.get(name) == value for name, value in selectors.items())


def precedence(rule: RateRule) -> tuple[int, int, datetime, int, str]:
    """Higher wins: priority, then more selective, then newer by start and by activation."""
    return (rule.priority, len(rule.selectors), rule.effective_from, rule.activation, rule.id)
