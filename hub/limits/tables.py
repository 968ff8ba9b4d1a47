"""Tables of limits. Declared for documentation and for rows that wait; other statements are plain SQL."""

from sqlalchemy import BigInteger, CheckConstraint, Column, DateTime, Index, Table, Text
from sqlalchemy.dialects.postgresql import ARRAY

from hub.storage import METADATA

limit_rule = Table(
    "limit_rule",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("per", Text, nullable=False),
    Column("counts", Text, nullable=False),
    Column("period", Text, nullable=False),
    Column("maximum", BigInteger, nullable=False),
    Column("direction", Text, nullable=False),
    Column("sources", ARRAY(Text), nullable=False),
    Column("targets", ARRAY(Text), nullable=False),
    Column("zone", Text, nullable=False),
    CheckConstraint("per IN ('member', 'membership', 'route', 'campaign')", name="per"),
    CheckConstraint("counts IN ('points', 'conversions')", name="counts"),
    CheckConstraint("period IN ('day', '7_days', '30_days', 'year')", name="period"),
    CheckConstraint("direction IN ('out', 'in')", name="direction"),
    CheckConstraint("maximum > 0", name="maximum"),
)

# What is locked while somebody counts; it holds no number, so that nothing can disagree with the uses.
limit_counter = Table(
    "limit_counter",
    METADATA,
    Column("rule", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
)

# One row for every place where a conversion counts, as long as the conversion stands.
limit_use = Table(
    "limit_use",
    METADATA,
    Column("rule", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("conversion", Text, primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("amount", BigInteger, nullable=False),
)
Index("limit_use_at_idx", limit_use.c.rule, limit_use.c.subject, limit_use.c.at)
Index("limit_use_conversion_idx", limit_use.c.conversion)
