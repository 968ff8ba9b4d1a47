"""Tables of legs, their attempts and open cases. Declared for documentation; statements are plain SQL."""

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, DateTime, Index, Integer, SmallInteger, Table, Text
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import JSONB

from hub.storage import METADATA

leg = Table(
    "leg",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("owner_kind", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("partner", Text, nullable=False),
    Column("membership", Text, nullable=False),
    Column("unit", Text, nullable=False),
    Column("scale", SmallInteger, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("bonus", BigInteger, nullable=False),
    Column("original", Text, nullable=False),
    Column("trace", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    # When its message was last written; a leg that is open and long due without one is announced again.
    Column("announced_at", DateTime(timezone=True), nullable=False),
    Column("state", Text, nullable=False, server_default="open"),
    Column("attempt", Integer, nullable=False, server_default="0"),
    Column("last_kind", Text),
    Column("calls", Integer, nullable=False, server_default="0"),
    Column("unknowns", Integer, nullable=False, server_default="0"),
    Column("inquiries", Integer, nullable=False, server_default="0"),
    Column("pending", Boolean, nullable=False, server_default="false"),
    Column("first_called_at", DateTime(timezone=True)),
    Column("last_called_at", DateTime(timezone=True)),
    Column("not_found_at", DateTime(timezone=True)),
    Column("lease_until", DateTime(timezone=True)),
    Column("next_at", DateTime(timezone=True), nullable=False),
    Column("reference", Text, nullable=False, server_default=""),
    Column("reason", Text, nullable=False, server_default=""),
    Column("said", Text, nullable=False, server_default=""),
    Column("surviving", Text, nullable=False, server_default=""),
    Column("bonus_apart", Boolean, nullable=False, server_default="false"),
    # The hub keeps these balances itself: nobody is called, the posting of the leg's owner is all there is to it.
    Column("hosted", Boolean, nullable=False, server_default="false"),
    CheckConstraint("state IN ('open', 'done', 'refused', 'cancelled', 'by_hand')", name="state"),
    CheckConstraint("amount > 0 AND bonus >= 0", name="amount"),
)
Index("leg_owner_idx", leg.c.owner)
Index("leg_open_idx", leg.c.next_at, postgresql_where=sql("state = 'open'"))

# Every attempt is kept. late_outcome: what an answer said that came when the attempt no longer counted.
leg_attempt = Table(
    "leg_attempt",
    METADATA,
    Column("leg", Text, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("started_at", DateTime(timezone=True), nullable=False),
    Column("lease_until", DateTime(timezone=True), nullable=False),
    Column("answered_at", DateTime(timezone=True)),
    Column("outcome", Text, nullable=False, server_default=""),
    Column("detail", Text, nullable=False, server_default=""),
    Column("latency_ms", BigInteger),
    Column("late_outcome", Text, nullable=False, server_default=""),
)

# Something that a person has to look at; one open case of a kind and subject.
case_file = Table(
    "case_file",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("subject", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("partner", Text, nullable=False),
    Column("facts", JSONB, nullable=False),
    Column("opened_at", DateTime(timezone=True), nullable=False),
    Column("closed_at", DateTime(timezone=True)),
    Column("closed_by", Text, nullable=False, server_default=""),
)
Index(
    "case_file_open_key",
    case_file.c.subject,
    case_file.c.kind,
    unique=True,
    postgresql_where=sql("closed_at IS NULL"),
)
