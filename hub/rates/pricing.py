"""What a conversion would be: which rule, how much leaves, how much arrives, and why, from a catalogue alone.

Knows rules, campaigns, stops and exact arithmetic. Does not know members' memberships, budgets or clearing values.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from fractions import Fraction
from itertools import pairwise
from types import MappingProxyType

from hub.agreements.refusals import PartnerInactive, TestLiveMixed, UnitMissing
from hub.agreements.states import TAKES_PART
from hub.agreements.types import Direction, Partner
from hub.kernel.amounts import floor_of, ledger_amount, positive_amount
from hub.kernel.errors import AmountOverflow
from hub.kernel.limits import AMOUNT_WIRE_MAX
from hub.rates import arithmetic
from hub.rates.catalogue import Catalogue
from hub.rates.explanation import explain
from hub.rates.refusals import AboveMaximum, BelowMinimum, OffStep, RouteMissing, RouteStopped, YieldsNothing
from hub.rates.types import Campaign, Price, PriceRequest, RateRule, RuleState

NOTHING_USED: Mapping[str, int] = MappingProxyType({})


def price(
    catalogue: Catalogue, request: PriceRequest, at: datetime, *, used: Mapping[str, int] = NOTHING_USED
) -> Price:
    """Price one request at `at`: the smallest amount on the step that yields as much leaves the member, never more.

    used: bonus points this member had already, by campaign; what is missing counts as none.
    Raises: InvalidAmount, UnitMissing, PartnerInactive, TestLiveMixed, RouteMissing, RouteStopped, BelowMinimum,
    AboveMaximum, OffStep, YieldsNothing, AmountOverflow.
    """
    positive_amount(request.amount, pointer="/amount")
    require_open(catalogue, request.source_unit, request.target_unit)
    route = (request.source_unit, request.target_unit)
    rule = catalogue.rule_for(route, request.traits, at)
    if rule is None:
        raise RouteMissing(f"No rate leads from {route[0]} to {route[1]} now.", source=route[0], target=route[1])
    if rule.state is RuleState.STOPPED:
        raise RouteStopped(f"The route from {route[0]} to {route[1]} is stopped.", rule=rule.id)
    amount = _amount_on_step(rule, request.amount)
    applying = catalogue.campaigns_for(route, request.traits, at)
    campaigns = arithmetic.best_campaigns(rule.blocks, applying, amount, used)
    smallest = arithmetic.smallest_amount(rule, campaigns, amount, used)
    totals = arithmetic.running_totals(rule.blocks, campaigns, smallest, used)
    if floor_of(totals[-1]) < 1:
        raise YieldsNothing(f"{request.amount} {route[0]} yield less than one {route[1]}.", rule=rule.id)
    return _price(catalogue, request, rule, campaigns, totals, source_amount=smallest)


def require_open(catalogue: Catalogue, source_unit: str, target_unit: str) -> None:
    """Check that both partners take part and neither side of the route is stopped.

    Raises: UnitMissing, TestLiveMixed, PartnerInactive, RouteStopped.
    """
    source = _partner_of(catalogue, source_unit, "/source_unit")
    target = _partner_of(catalogue, target_unit, "/target_unit")
    if source.live != target.live:
        raise TestLiveMixed(f"One of {source_unit} and {target_unit} is a test unit and the other is not.")
    for partner, direction in ((source, Direction.DEBIT), (target, Direction.CREDIT)):
        if partner.state not in TAKES_PART:
            raise PartnerInactive(f"{partner.code} takes part in nothing new.", partner=partner.code)
        if partner.stopped in (direction, Direction.BOTH):
            raise RouteStopped(f"{partner.code} is stopped for now.", partner=partner.code, direction=direction)


def _partner_of(catalogue: Catalogue, unit: str, pointer: str) -> Partner:
    found = catalogue.roster.units.get(unit)
    if found is None:
        raise UnitMissing(f"There is no unit {unit[:80]}.", pointer=pointer)
    return catalogue.roster.partners[found.partner]


def _amount_on_step(rule: RateRule, asked: int) -> int:
    if asked < rule.minimum:
        raise BelowMinimum(f"This route takes at least {rule.minimum}.", minimum=rule.minimum, pointer="/amount")
    if rule.maximum is not None and asked > rule.maximum:
        raise AboveMaximum(f"This route takes at most {rule.maximum}.", maximum=rule.maximum, pointer="/amount")
    below = arithmetic.on_step(rule, asked)
    if below != asked:
        lower = below if below >= rule.minimum else None
        upper = below + rule.step
        choice = f"{lower} or {upper}" if lower else str(upper)
        raise OffStep(
            f"This route moves multiples of {rule.step}; ask for {choice}.",
            pointer="/amount",
            step=rule.step,
            lower=lower,
            upper=upper,
        )
    return asked


def _price(
    catalogue: Catalogue,
    request: PriceRequest,
    rule: RateRule,
    campaigns: Sequence[Campaign],
    totals: Sequence[Fraction],
    *,
    source_amount: int,
) -> Price:
    floors = [floor_of(total) for total in totals]
    parts = [after - before for before, after in pairwise(floors)]
    bonuses = tuple((each.id, part) for each, part in zip(campaigns, parts, strict=True) if part)
    fee = ledger_amount(arithmetic.fee_of(rule.fee, source_amount))
    in_points = rule.fee is not None and rule.fee.kind == "points"
    if max(floors[-1], source_amount + (fee if in_points else 0)) > AMOUNT_WIRE_MAX:
        raise AmountOverflow("This conversion is too large; split the request.", pointer="/amount")
    priced = Price(
        source_amount=source_amount,
        target_amount=floors[-1],
        base=floors[0],
        bonus=floors[-1] - floors[0],
        bonuses=bonuses,
        fee=fee,
        fee_unit="" if rule.fee is None else rule.source_unit if in_points else rule.fee.currency,
        rate=totals[0] / source_amount,
        remainder=totals[-1] - floors[-1],
        rule=rule.id,
        explain=(),
    )
    units = catalogue.roster.units
    lines = explain(
        priced,
        asked=request.amount,
        rule=rule,
        campaigns=campaigns,
        source=units[rule.source_unit],
        target=units[rule.target_unit],
    )
    return replace(priced, explain=lines)
