"""The table of messages. Declared for documentation and control-plane statements; the hot path writes plain SQL."""

from sqlalchemy import BigInteger, CheckConstraint, Column, DateTime, Identity, Index, Integer, Table, Text, text
from sqlalchemy.dialects.postgresql import JSONB

from hub.storage import METADATA

outbox_message = Table(
    "outbox_message",
    METADATA,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("queue", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("lane", Text, nullable=False),
    Column("body", JSONB, nullable=False),
    Column("trace", Text, nullable=False),
    Column("state", Text, nullable=False, server_default="waiting"),
    Column("available_at", DateTime(timezone=True), nullable=False),
    Column("lease_until", DateTime(timezone=True)),
    # attempts: how often it was claimed for publishing. faults: deliveries in a row that ended in a fault of ours.
    # lapses: leases in a row that ran out without any answer, as when a message kills its worker.
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("faults", Integer, nullable=False, server_default="0"),
    Column("lapses", Integer, nullable=False, server_default="0"),
    Column("reason", Text, nullable=False, server_default=""),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("finished_at", DateTime(timezone=True)),
    CheckConstraint("state IN ('waiting', 'sent', 'done', 'dead')", name="state"),
    CheckConstraint("(state = 'sent') = (lease_until IS NOT NULL)", name="lease"),
    CheckConstraint("(state IN ('done', 'dead')) = (finished_at IS NOT NULL)", name="finished"),
)

# One index per state: each holds only the rows that its reader walks, however many messages are done.
Index(
    "outbox_message_waiting_idx",
    outbox_message.c.queue,
    outbox_message.c.lane,
    outbox_message.c.available_at,
    outbox_message.c.id,
    postgresql_where=text("state = 'waiting'"),
)
Index(
    "outbox_message_sent_idx",
    outbox_message.c.queue,
    outbox_message.c.lane,
    outbox_message.c.lease_until,
    postgresql_where=text("state = 'sent'"),
)
Index("outbox_message_done_idx", outbox_message.c.finished_at, postgresql_where=text("state = 'done'"))
Index("outbox_message_dead_idx", outbox_message.c.id, postgresql_where=text("state = 'dead'"))
