"""Tables of hosted programmes. Declared for documentation and for rows that wait; statements are plain SQL."""

from sqlalchemy import BigInteger, CheckConstraint, Column, DateTime, Index, Integer, Table, Text
from sqlalchemy import text as sql

from hub.storage import METADATA

_Instant = DateTime(timezone=True)

# active_at: the last activity that keeps points alive. The row is also the lock of all lots of the membership.
hosted_membership = Table(
    "hosted_membership",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("unit", Text, nullable=False),
    Column("number", Text, nullable=False),
    Column("partner", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("enrolled_at", _Instant, nullable=False),
    Column("active_at", _Instant, nullable=False),
    Column("lapses_at", _Instant),
    CheckConstraint("state IN ('active', 'blocked', 'closed')", name="state"),
)
Index("hosted_membership_unit_number_key", hosted_membership.c.unit, hosted_membership.c.number, unique=True)
Index(
    "hosted_membership_reference_key",
    hosted_membership.c.unit,
    hosted_membership.c.reference,
    unique=True,
    postgresql_where=sql("reference <> ''"),
)
Index("hosted_membership_partner_idx", hosted_membership.c.partner, hosted_membership.c.number)
Index(
    "hosted_membership_lapses_idx",
    hosted_membership.c.lapses_at,
    postgresql_where=sql("lapses_at IS NOT NULL"),
)

hosted_lot = Table(
    "hosted_lot",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("unit", Text, nullable=False),
    Column("number", Text, nullable=False),
    Column("partner", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("earned_at", _Instant, nullable=False),
    Column("expires_at", _Instant),
    Column("amount", BigInteger, nullable=False),
    Column("remaining", BigInteger, nullable=False),
    Column("held", BigInteger, nullable=False),
    CheckConstraint("0 <= held AND held <= remaining AND remaining <= amount", name="amounts"),
)
Index("hosted_lot_open_idx", hosted_lot.c.unit, hosted_lot.c.number, postgresql_where=sql("remaining > 0"))
Index(
    "hosted_lot_expires_idx",
    hosted_lot.c.expires_at,
    hosted_lot.c.unit,
    hosted_lot.c.number,
    postgresql_where=sql("remaining > held"),
)

# What happened to lots, under which ledger key; never changed. remaining and held are the sums of the changes.
hosted_lot_move = Table(
    "hosted_lot_move",
    METADATA,
    Column("key", Text, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("lot", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("change", BigInteger, nullable=False),
    Column("change_held", BigInteger, nullable=False),
    Column("undoes", Text, nullable=False),
    Column("at", _Instant, nullable=False),
)
Index("hosted_lot_move_lot_idx", hosted_lot_move.c.lot)
Index("hosted_lot_move_undoes_idx", hosted_lot_move.c.undoes, postgresql_where=sql("undoes <> ''"))

# Which members were told that which points lapse, and how many days before.
hosted_warning = Table(
    "hosted_warning",
    METADATA,
    Column("membership", Text, primary_key=True),
    Column("lapses_at", _Instant, primary_key=True),
    Column("days", Integer, primary_key=True),
    Column("amount", BigInteger, nullable=False),
    Column("warned_at", _Instant, nullable=False),
)
