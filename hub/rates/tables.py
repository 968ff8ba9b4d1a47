"""Tables of rate rules and campaigns: followed by newer ones, never edited, but for their state and their end."""

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, DateTime, ForeignKey, Index, Integer, Table, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from hub.storage import METADATA

_Instant = DateTime(timezone=True)

RATE_RULE = Table(
    "rate_rule",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("source_unit", Text, ForeignKey("unit.code"), nullable=False),
    Column("target_unit", Text, ForeignKey("unit.code"), nullable=False),
    # One element a block, in rising order.
    Column("block_above", ARRAY(BigInteger), nullable=False),
    Column("block_give", ARRAY(BigInteger), nullable=False),
    Column("block_get", ARRAY(BigInteger), nullable=False),
    Column("minimum", BigInteger, nullable=False),
    Column("step", BigInteger, nullable=False),
    Column("maximum", BigInteger),
    Column("fee_kind", Text),
    Column("fee_currency", Text),
    Column("fee_flat", BigInteger),
    Column("fee_numerator", BigInteger),
    Column("fee_denominator", BigInteger),
    Column("fee_cap", BigInteger),
    Column("selectors", JSONB, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("effective_from", _Instant, nullable=False),
    Column("effective_until", _Instant),
    Column("state", Text, nullable=False),
    Column("typical_time", Text, nullable=False),
    # The catalogue version it came in with, 0 before: of two that start together the later one prices.
    Column("activation", BigInteger, nullable=False),
    Column("origin", Text, nullable=False),
    Column("proposed_by", Text, nullable=False),
    Column("proposed_at", _Instant, nullable=False),
    Column("activated_by", Text),
    Column("activated_at", _Instant),
    Column("signed_by", Text),
    Column("start_proposed_by", Text),
    CheckConstraint("effective_until IS NULL OR effective_until >= effective_from", name="dates"),
    CheckConstraint("minimum > 0 AND step > 0", name="amounts"),
    Index("rate_rule_route_idx", "source_unit", "target_unit"),
)

CAMPAIGN = Table(
    "campaign",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("source_unit", Text, ForeignKey("unit.code"), nullable=False),
    Column("target_unit", Text, ForeignKey("unit.code"), nullable=False),
    Column("percent_numerator", BigInteger, nullable=False),
    Column("percent_denominator", BigInteger, nullable=False),
    Column("flat", BigInteger, nullable=False),
    Column("effective_from", _Instant, nullable=False),
    Column("effective_until", _Instant, nullable=False),
    Column("funder", Text, nullable=False),
    Column("exclusive", Boolean, nullable=False),
    Column("member_cap", BigInteger),
    Column("selectors", JSONB, nullable=False),
    Column("state", Text, nullable=False),
    Column("proposed_by", Text, nullable=False),
    Column("proposed_at", _Instant, nullable=False),
    Column("activated_by", Text),
    Column("activated_at", _Instant),
    Column("signed_by", Text),
    Column("start_proposed_by", Text),
    CheckConstraint("effective_until > effective_from", name="dates"),
    Index("campaign_route_idx", "source_unit", "target_unit"),
)
