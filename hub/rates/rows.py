"""Rate rules and campaigns between their rows and their dataclasses, one place for both directions.

Knows column order. Does not know states' moves or arithmetic.
"""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, LiteralString

from psycopg.types.json import Jsonb

from hub.rates.types import Block, Campaign, Fee, RateRule, RuleState

RULE_COLUMNS = (
    "id", "source_unit", "target_unit", "block_above", "block_give", "block_get", "minimum", "step", "maximum",
    "fee_kind", "fee_currency", "fee_flat", "fee_numerator", "fee_denominator", "fee_cap", "selectors", "priority",
    "effective_from", "effective_until", "state", "typical_time", "activation",
)  # fmt: skip
RULE_SELECT: LiteralString = """
    SELECT id, source_unit, target_unit, block_above, block_give, block_get, minimum, step, maximum, fee_kind,
        fee_currency, fee_flat, fee_numerator, fee_denominator, fee_cap, selectors, priority, effective_from,
        effective_until, state, typical_time, activation, proposed_by, start_proposed_by
    FROM rate_rule"""
CAMPAIGN_COLUMNS = (
    "id", "name", "source_unit", "target_unit", "percent_numerator", "percent_denominator", "flat", "effective_from",
    "effective_until", "funder", "exclusive", "member_cap", "selectors", "state",
)  # fmt: skip
CAMPAIGN_SELECT: LiteralString = """
    SELECT id, name, source_unit, target_unit, percent_numerator, percent_denominator, flat, effective_from,
        effective_until, funder, exclusive, member_cap, selectors, state, proposed_by, start_proposed_by
    FROM campaign"""
# Whether the partners of a rule's or campaign's route move real points; both always do, or neither.
KIND: LiteralString = """
    (SELECT partner.live FROM unit JOIN partner ON partner.code = unit.partner WHERE unit.code = source_unit)"""
# What a new row consists of: the columns above, then where it came from.
RULE_STORED = (*RULE_COLUMNS, "origin", "proposed_by", "proposed_at")
CAMPAIGN_STORED = (*CAMPAIGN_COLUMNS, "proposed_by", "proposed_at")


def rule_of(row: Sequence[Any]) -> RateRule:
    """The rule of a row in the order of `RULE_COLUMNS`."""
    fee = None
    if row[9] is not None:
        fee = Fee(kind=row[9], currency=row[10], flat=row[11], per_point=Fraction(row[12], row[13]), cap=row[14])
    return RateRule(
        id=row[0],
        source_unit=row[1],
        target_unit=row[2],
        blocks=tuple(Block(above, give, get) for above, give, get in zip(row[3], row[4], row[5], strict=True)),
        minimum=row[6],
        step=row[7],
        maximum=row[8],
        fee=fee,
        selectors=row[15],
        priority=row[16],
        effective_from=row[17],
        effective_until=row[18],
        state=RuleState(row[19]),
        typical_time=row[20],
        activation=row[21],
    )


def rule_row(rule: RateRule) -> tuple[object, ...]:
    """Values in the order of `RULE_COLUMNS`."""
    fee = rule.fee
    return (
        rule.id,
        rule.source_unit,
        rule.target_unit,
        [block.above for block in rule.blocks],
        [block.give for block in rule.blocks],
        [block.get for block in rule.blocks],
        rule.minimum,
        rule.step,
        rule.maximum,
        fee.kind if fee else None,
        fee.currency if fee else None,
        fee.flat if fee else None,
        fee.per_point.numerator if fee else None,
        fee.per_point.denominator if fee else None,
        fee.cap if fee else None,
        Jsonb(rule.selectors),
        rule.priority,
        rule.effective_from,
        rule.effective_until,
        rule.state.value,
        rule.typical_time,
        rule.activation,
    )


def campaign_of(row: Sequence[Any]) -> Campaign:
    """The campaign of a row in the order of `CAMPAIGN_COLUMNS`."""
    return Campaign(
        id=row[0],
        name=row[1],
        source_unit=row[2],
        target_unit=row[3],
        percent=Fraction(row[4], row[5]),
        flat=row[6],
        effective_from=row[7],
        effective_until=row[8],
        funder=row[9],
        exclusive=row[10],
        member_cap=row[11],
        selectors=row[12],
        state=RuleState(row[13]),
    )


def campaign_row(campaign: Campaign) -> tuple[object, ...]:
    """Values in the order of `CAMPAIGN_COLUMNS`."""
    return (
        campaign.id,
        campaign.name,
        campaign.source_unit,
        campaign.target_unit,
        campaign.percent.numerator,
        campaign.percent.denominator,
        campaign.flat,
        campaign.effective_from,
        campaign.effective_until,
        campaign.funder,
        campaign.exclusive,
        campaign.member_cap,
        Jsonb(campaign.selectors),
        campaign.state.value,
    )
