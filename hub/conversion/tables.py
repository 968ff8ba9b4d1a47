"""Tables of conversions. Declared for documentation; the hot path writes by COPY and plain SQL."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Index,
    Integer,
    Numeric,
    SmallInteger,
    Table,
    Text,
)
from sqlalchemy import text as sql

from hub.storage import METADATA

conversion = Table(
    "conversion",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("key", Text, nullable=False),
    Column("quote", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("member", Text, nullable=False),
    Column("client_partner", Text, nullable=False),
    Column("source_partner", Text, nullable=False),
    Column("target_partner", Text, nullable=False),
    Column("source_unit", Text, nullable=False),
    Column("target_unit", Text, nullable=False),
    Column("source_scale", SmallInteger, nullable=False),
    Column("target_scale", SmallInteger, nullable=False),
    Column("source_hosted", Boolean, nullable=False),
    Column("target_hosted", Boolean, nullable=False),
    Column("source_membership", Text, nullable=False),
    Column("target_membership", Text, nullable=False),
    Column("source_amount", BigInteger, nullable=False),
    Column("base", BigInteger, nullable=False),
    Column("bonus", BigInteger, nullable=False),
    Column("fee", BigInteger, nullable=False),
    Column("fee_unit", Text, nullable=False),
    # Exact fractions as two integers of any size.
    Column("rate_numerator", Numeric, nullable=False),
    Column("rate_denominator", Numeric, nullable=False),
    Column("remainder_numerator", Numeric, nullable=False),
    Column("remainder_denominator", Numeric, nullable=False),
    Column("rule", Text, nullable=False),
    Column("source_terms", Text, nullable=False),
    Column("target_terms", Text, nullable=False),
    Column("source_currency", Text, nullable=False),
    Column("target_currency", Text, nullable=False),
    Column("debit_value", BigInteger, nullable=False),
    Column("fee_value", BigInteger, nullable=False),
    Column("credit_value", BigInteger, nullable=False),
    Column("bonus_value", BigInteger, nullable=False),
    Column("bonuses", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("reverses", Text, nullable=False),
    Column("reversed_amount", BigInteger, nullable=False),
    Column("ball", Text, nullable=False),
    Column("live", Boolean, nullable=False),
    Column("trace", Text, nullable=False),
    Column("debit_leg", Text, nullable=False),
    Column("credit_leg", Text, nullable=False),
    Column("giveback_leg", Text, nullable=False),
    Column("bonus_leg", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
    Column("posted_at", DateTime(timezone=True)),
    Column("version", Integer, nullable=False),
    CheckConstraint("reversed_amount >= 0 AND reversed_amount <= base + bonus", name="reversed"),
    CheckConstraint(
        "state IN ('review', 'held', 'debited', 'posted', 'reversing', 'voided', 'owed')",
        name="state",
    ),
)
Index("conversion_key_key", conversion.c.key, unique=True)
Index("conversion_quote_key", conversion.c.quote, unique=True, postgresql_where=sql("quote <> ''"))
Index("conversion_created_idx", conversion.c.created_at, conversion.c.id)
Index("conversion_member_idx", conversion.c.member, conversion.c.created_at)
Index("conversion_reverses_idx", conversion.c.reverses, postgresql_where=sql("reverses <> ''"))
Index(
    "conversion_open_idx",
    conversion.c.updated_at,
    postgresql_where=sql("state IN ('review', 'held', 'debited', 'reversing')"),
)
Index(
    "conversion_route_idx",
    conversion.c.source_unit,
    conversion.c.target_unit,
    conversion.c.posted_at,
    postgresql_where=sql("state = 'posted'"),
)

# What happened to a conversion after it was accepted; acceptance itself is on its row, attempts are with the legs.
conversion_moment = Table(
    "conversion_moment",
    METADATA,
    Column("conversion", Text, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("what", Text, nullable=False),
    Column("partner", Text, nullable=False),
    Column("detail", Text, nullable=False),
)

# What persons said about a conversion under review; two who agree decide.
conversion_verdict = Table(
    "conversion_verdict",
    METADATA,
    Column("conversion", Text, primary_key=True),
    Column("actor", Text, primary_key=True),
    Column("verdict", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
)
