"""Tables of endpoints, events and deliveries. Declared for documentation; statements are plain SQL."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from hub.storage import METADATA

# types: empty for all. opening: how many deliveries may be under way at once; grows with success, 1 after a failure.
# failures: attempts in a row that failed, since `failing_since`. rest_until: nothing is sent before. slot_at: when the
# rate of this endpoint is used up until, for one with a rate limit. host: of the url, with its port. wake_at: when
# somebody is going to look after its parked deliveries.
webhook_endpoint = Table(
    "webhook_endpoint",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("partner", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("types", ARRAY(Text), nullable=False),
    Column("schemes", ARRAY(Text), nullable=False),
    Column("fifo", Boolean, nullable=False),
    Column("rate_per_second", Integer, nullable=False),
    Column("live", Boolean, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False, server_default=""),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
    Column("opening", Integer, nullable=False, server_default="2"),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("failing_since", DateTime(timezone=True)),
    Column("rest_until", DateTime(timezone=True)),
    Column("slot_at", DateTime(timezone=True)),
    Column("host", Text, nullable=False, server_default=""),
    Column("wake_at", DateTime(timezone=True)),
    CheckConstraint("rate_per_second >= 0", name="rate"),
    CheckConstraint("state IN ('active', 'paused', 'disabled')", name="state"),
)
Index("webhook_endpoint_partner_idx", webhook_endpoint.c.partner, webhook_endpoint.c.created_at, webhook_endpoint.c.id)
Index("webhook_endpoint_host_idx", webhook_endpoint.c.host)

# sealed: the secret under the vault, bound to endpoint and id. public: of `v1a` only. expires_at: set by a rotation.
webhook_secret = Table(
    "webhook_secret",
    METADATA,
    Column("endpoint", Text, ForeignKey("webhook_endpoint.id", ondelete="CASCADE"), nullable=False),
    Column("id", Text, primary_key=True),
    Column("scheme", Text, nullable=False),
    Column("sealed", LargeBinary, nullable=False, info={"sealed": "webhook_secret {endpoint} {id}"}),
    Column("public", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("expires_at", DateTime(timezone=True)),
    CheckConstraint("scheme IN ('v1', 'v1a')", name="scheme"),
)
Index("webhook_secret_endpoint_idx", webhook_secret.c.endpoint, webhook_secret.c.created_at)

# One row, the number of the newest event; whoever numbers events holds its lock until commit.
webhook_counter = Table(
    "webhook_counter",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("number", BigInteger, nullable=False),
)

# The newest sequence of each subject for each partner. Never pruned: a sequence that began again would look old.
webhook_subject = Table(
    "webhook_subject",
    METADATA,
    Column("partner", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    PrimaryKeyConstraint("partner", "subject"),
)

webhook_event = Table(
    "webhook_event",
    METADATA,
    Column("partner", Text, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("id", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("live", Boolean, nullable=False),
    Column("data", JSONB, nullable=False),
    Column("occurred_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("partner", "number"),
    UniqueConstraint("id"),
)
Index("webhook_event_occurred_idx", webhook_event.c.occurred_at)
Index("webhook_event_subject_idx", webhook_event.c.partner, webhook_event.c.subject, webhook_event.c.number)

# attempt: the newest attempt's number. failed: attempts that failed since it was last asked for. lease_until: of the
# attempt under way. ended_at: when it was delivered or given up.
webhook_delivery = Table(
    "webhook_delivery",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("partner", Text, nullable=False),
    Column("endpoint", Text, nullable=False),
    Column("event", Text, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("type", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempt", Integer, nullable=False, server_default="0"),
    Column("failed", Integer, nullable=False, server_default="0"),
    Column("lease_until", DateTime(timezone=True)),
    Column("next_at", DateTime(timezone=True), nullable=False),
    Column("reason", Text, nullable=False, server_default=""),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("ended_at", DateTime(timezone=True)),
    Column("subject", Text, nullable=False, server_default=""),
    UniqueConstraint("endpoint", "event", name="webhook_delivery_endpoint_event_key"),
    CheckConstraint("state IN ('parked', 'waiting', 'delivered', 'exhausted')", name="state"),
)
Index("webhook_delivery_partner_idx", webhook_delivery.c.partner, webhook_delivery.c.created_at, webhook_delivery.c.id)
Index("webhook_delivery_created_idx", webhook_delivery.c.created_at)
Index("webhook_delivery_event_idx", webhook_delivery.c.endpoint, webhook_delivery.c.number)
Index(
    "webhook_delivery_subject_idx",
    webhook_delivery.c.endpoint,
    webhook_delivery.c.subject,
    webhook_delivery.c.number,
    postgresql_where=text("state IN ('parked', 'waiting')"),
)
Index(
    "webhook_delivery_waiting_idx",
    webhook_delivery.c.endpoint,
    webhook_delivery.c.number,
    postgresql_where=text("state = 'waiting'"),
)
Index(
    "webhook_delivery_parked_idx",
    webhook_delivery.c.endpoint,
    webhook_delivery.c.number,
    postgresql_where=text("state = 'parked'"),
)
Index(
    "webhook_delivery_flying_idx",
    webhook_delivery.c.endpoint,
    webhook_delivery.c.lease_until,
    postgresql_where=text("lease_until IS NOT NULL"),
)

# outcome: empty while under way. request: its head, without signatures. response: head of the answer, bounded, without
# what could be a secret.
webhook_attempt = Table(
    "webhook_attempt",
    METADATA,
    Column("delivery", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("partner", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("started_at", DateTime(timezone=True), nullable=False),
    Column("answered_at", DateTime(timezone=True)),
    Column("latency_ms", BigInteger),
    Column("status", Integer),
    Column("outcome", Text, nullable=False, server_default=""),
    Column("response", Text, nullable=False, server_default=""),
    Column("request", Text, nullable=False, server_default=""),
    PrimaryKeyConstraint("delivery", "number"),
)
