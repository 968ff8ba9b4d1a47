"""What the doors and the layers above may do with rate rules and campaigns.

Knows where each function lives, and checks routes again when an agreement's prices change.
"""

from datetime import datetime

from hub.agreements import service as agreements
from hub.agreements.types import Terms
from hub.rates import tables
from hub.rates.bonus_imports import import_campaigns
from hub.rates.campaigns import (
    activate_campaign,
    fund_campaign,
    get_campaign,
    list_campaigns,
    propose_campaign,
    propose_start_campaign,
    start_campaign,
    stop_campaign,
    withdraw_campaign,
)
from hub.rates.catalogue import load
from hub.rates.files import csv_rows
from hub.rates.imports import import_routes
from hub.rates.losses import require_no_loss
from hub.rates.rules import (
    activate_rule,
    get_rule,
    list_rules,
    propose_rule,
    propose_start_rule,
    start_rule,
    stop_route,
    stop_rule,
    withdraw_rule,
)
from hub.storage import Work

__all__ = [
    "activate_agreement",
    "activate_campaign",
    "activate_rule",
    "csv_rows",
    "fund_campaign",
    "get_campaign",
    "get_rule",
    "import_campaigns",
    "import_routes",
    "list_campaigns",
    "list_rules",
    "propose_campaign",
    "propose_rule",
    "propose_start_campaign",
    "propose_start_rule",
    "start_campaign",
    "start_rule",
    "stop_campaign",
    "stop_route",
    "stop_rule",
    "tables",
    "withdraw_campaign",
    "withdraw_rule",
]


def activate_agreement(work: Work, version: str, *, actor: str, now: datetime, signed_by: str = "") -> None:
    """Activate an agreement version and look at every route of its partner again: none may lose money unsigned.

    This is what doors call; `hub.agreements` alone does not know the routes. signed_by: who signs for a loss, by name.
    Raises: what `agreements.activate_agreement` raises; LossUnsigned.
    """
    agreements.activate_agreement(work, version, actor=actor, now=now)
    catalogue = load(work)
    terms: Terms = catalogue.roster.terms_by_version[version]
    if not catalogue.roster.partners[terms.partner].live:
        return
    units = catalogue.roster.units
    routes = [route for route in catalogue.rules if terms.partner in (units[route[0]].partner, units[route[1]].partner)]
    require_no_loss(catalogue, routes, since=max(now, terms.effective_from), signed_by=signed_by)
    if signed_by:
        work.run("UPDATE agreement SET signed_by = %s WHERE version = %s", (signed_by, version))
