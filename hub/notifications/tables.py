"""Tables of notifications. Declared for documentation; statements are plain SQL."""

from sqlalchemy import (
    CheckConstraint,
    Column,
    DateTime,
    Index,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from hub.storage import METADATA

# sender_id: the partner's own, remembered so that what comes again does nothing again. digest: SHA-256 of the body.
# sealed: the body under the vault, since it may name memberships. key: which secret or key proved it.
notification = Table(
    "notification",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("partner", Text, nullable=False),
    Column("sender_id", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("sealed", LargeBinary, nullable=False, info={"sealed": "notification {id}"}),
    Column("key", Text, nullable=False),
    Column("kind", Text, nullable=False, server_default=""),
    Column("subject", Text, nullable=False, server_default=""),
    Column("state", Text, nullable=False, server_default="received"),
    Column("reason", Text, nullable=False, server_default=""),
    Column("signed_at", DateTime(timezone=True), nullable=False),
    Column("received_at", DateTime(timezone=True), nullable=False),
    Column("ended_at", DateTime(timezone=True)),
    UniqueConstraint("partner", "sender_id"),
    CheckConstraint("state IN ('received', 'done', 'quarantined', 'dismissed')", name="state"),
)
Index("notification_partner_idx", notification.c.partner, notification.c.id)
Index("notification_ended_idx", notification.c.ended_at, postgresql_where=text("state IN ('done', 'dismissed')"))
Index("notification_quarantined_idx", notification.c.id, postgresql_where=text("state = 'quarantined'"))

# sealed: the secret or public key under the vault, bound to partner and id. expires_at: set by a rotation.
notification_key = Table(
    "notification_key",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("partner", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("sealed", LargeBinary, nullable=False, info={"sealed": "notification key {partner} {id}"}),
    Column("fingerprint", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("created_by", Text, nullable=False),
    Column("expires_at", DateTime(timezone=True)),
    CheckConstraint("kind IN ('v1', 'v1a', 'pem')", name="kind"),
)
Index("notification_key_partner_idx", notification_key.c.partner, notification_key.c.created_at)

# What a partner has taken notice of, kept for settlement. acknowledged_at: as the partner says.
statement_acknowledgement = Table(
    "statement_acknowledgement",
    METADATA,
    Column("partner", Text, nullable=False),
    Column("statement", Text, nullable=False),
    Column("notification", Text, nullable=False),
    Column("acknowledged_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("partner", "statement"),
)
