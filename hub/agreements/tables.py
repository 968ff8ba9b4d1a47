"""Tables of partners, units, agreements, approvals, and the version that every change of them moves on."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Integer,
    Numeric,
    SmallInteger,
    Table,
    Text,
)

from hub.storage import METADATA

_Instant = DateTime(timezone=True)

PARTNER = Table(
    "partner",
    METADATA,
    Column("code", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("profile", Text, nullable=False),
    Column("base_url", Text, nullable=False),
    Column("token_url", Text, nullable=False),
    Column("time_zone", Text, nullable=False),
    Column("live", Boolean, nullable=False),
    Column("state", Text, nullable=False),
    Column("stopped", Text),
    Column("start_proposed_by", Text),
    Column("state_since", _Instant, nullable=False),
    Column("added_at", _Instant, nullable=False),
)

UNIT = Table(
    "unit",
    METADATA,
    Column("code", Text, primary_key=True),
    Column("partner", Text, ForeignKey("partner.code"), nullable=False),
    Column("name", Text, nullable=False),
    Column("scale", SmallInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("hosted", Boolean, nullable=False),
    Column("added_at", _Instant, nullable=False),
)

AGREEMENT = Table(
    "agreement",
    METADATA,
    Column("version", Text, primary_key=True),
    Column("partner", Text, ForeignKey("partner.code"), nullable=False),
    Column("state", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("ledger_scale", SmallInteger, nullable=False),
    # Exact fractions as two whole numbers.
    Column("billing_numerator", BigInteger, nullable=False),
    Column("billing_denominator", BigInteger, nullable=False),
    Column("net_debit_cap", BigInteger, nullable=False),
    Column("reversals", Boolean, nullable=False),
    Column("effective_from", _Instant, nullable=False),
    Column("effective_until", _Instant),
    Column("settlement_model", Text, nullable=False),
    Column("calendar", Text, nullable=False),
    Column("late_days", Integer, nullable=False),
    Column("notes", Text, nullable=False),
    Column("proposed_by", Text, nullable=False),
    Column("proposed_at", _Instant, nullable=False),
    Column("activated_by", Text),
    Column("activated_at", _Instant),
    # The catalogue version it came in with: of two that start together the later one holds.
    Column("activation", BigInteger),
    Column("signed_by", Text),
    CheckConstraint("effective_until IS NULL OR effective_until >= effective_from", name="dates"),
    CheckConstraint("net_debit_cap >= 0", name="cap"),
)

AGREEMENT_PRICE = Table(
    "agreement_price",
    METADATA,
    Column("version", Text, ForeignKey("agreement.version"), primary_key=True),
    Column("unit", Text, ForeignKey("unit.code"), primary_key=True),
    Column("kind", Text, primary_key=True),
    # As agreed: currency units per 1,000 whole points, before the billing percentage.
    Column("price_numerator", Numeric, nullable=False),
    Column("price_denominator", Numeric, nullable=False),
    # What follows from it: ledger units for one smallest unit, billing percentage applied; null while not exact.
    Column("ledger_price", BigInteger),
)

APPROVAL = Table(
    "approval",
    METADATA,
    Column("subject", Text, primary_key=True),
    Column("partner", Text, ForeignKey("partner.code"), primary_key=True),
    Column("actor", Text, nullable=False),
    Column("approved_at", _Instant, nullable=False),
)

CATALOGUE_VERSION = Table(
    "catalogue_version",
    METADATA,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("number", BigInteger, nullable=False),
    CheckConstraint("id = 1", name="single"),
)
