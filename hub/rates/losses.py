"""The loss check: what the source partner pays for a conversion must cover what the target partner is paid.

Bonuses that the hub funds are among what is paid.
Knows clearing prices of agreements at every announced instant. Does not know rates of exchange: values in two
currencies cannot be compared, so such a route needs a signature.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from hub.agreements.types import Terms
from hub.kernel.amounts import fraction_text
from hub.rates.catalogue import Catalogue, Route
from hub.rates.combinations import combinations, instants
from hub.rates.ratios import best_ratio
from hub.rates.refusals import LossUnsigned
from hub.rates.types import Campaign, RateRule

FUNDED_BY_HUB = "hub"


@dataclass(frozen=True, slots=True)
class Loss:
    """A conversion that costs the hub money.

    paid_out: what goes out for 1 that comes in, > 1; None when the two cannot be compared.
    """

    route: Route
    rule: str
    at: datetime
    paid_out: Fraction | None
    reason: str


def require_no_loss(catalogue: Catalogue, routes: Iterable[Route], *, since: datetime, signed_by: str) -> None:
    """Raises: LossUnsigned, unless somebody signs for the loss by name."""
    if signed_by:
        return
    loss = first_loss(catalogue, routes, since=since)
    if loss is None:
        return
    way = " > ".join(loss.route)
    raise LossUnsigned(
        f"From {loss.at.isoformat()} on, {way} {loss.reason}; somebody has to sign for it by name.",
        rule=loss.rule,
        route=way,
        at=loss.at.isoformat(),
    )


def first_loss(catalogue: Catalogue, routes: Iterable[Route], *, since: datetime) -> Loss | None:
    """The first conversion on one of `routes` that would lose money at `since` or later, between live partners."""
    for route in sorted(set(routes)):
        for at in _instants(catalogue, route, since):
            loss = _loss_at(catalogue, route, at)
            if loss is not None:
                return loss
    return None


def _loss_at(catalogue: Catalogue, route: Route, at: datetime) -> Loss | None:
    units = catalogue.roster.units
    source, target = (catalogue.roster.terms(units[unit].partner, at) for unit in route)
    if source is None or target is None:
        return None
    if route[0] not in source.debit_price or route[1] not in target.credit_price:
        return None
    comes_in = _worth(source, source.debit_price[route[0]])
    goes_out = _worth(target, target.credit_price[route[1]])
    for rule, campaigns in combinations(catalogue, route, at):
        if source.currency != target.currency:
            return Loss(route, rule.id, at, None, "is cleared in two currencies, whose values cannot be compared")
        by_hub = [campaign for campaign in campaigns if campaign.funder == FUNDED_BY_HUB]
        cost = best_ratio(rule, by_hub, None) * goes_out
        if cost > comes_in:
            if not comes_in:
                return Loss(route, rule.id, at, None, "brings in nothing and pays something out")
            share = cost / comes_in
            return Loss(route, rule.id, at, share, f"pays out {fraction_text(share)} for every 1 that comes in")
    return None


def _worth(terms: Terms, price: int) -> Fraction:
    return Fraction(price, 10**terms.currency_scale)


def _instants(catalogue: Catalogue, route: Route, since: datetime) -> list[datetime]:
    dated: list[RateRule | Campaign | Terms] = [
        *catalogue.rules.get(route, ()),
        *catalogue.campaigns.get(route, ()),
    ]
    for unit in route:
        dated += catalogue.roster.terms_by_partner.get(catalogue.roster.units[unit].partner, ())
    return instants(dated, since)
