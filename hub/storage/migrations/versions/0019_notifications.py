"""Tables of `notifications`, instead of the one that `webhooks` had for them; the tier of a linked membership."""

from alembic import op

from hub.storage.isolation import protect

revision = "0019_notifications"
down_revision = "0018_audit_head"
branch_labels = None
depends_on = None

_STATEMENTS = (
    "DROP TABLE webhook_notification",
    """
    CREATE TABLE notification (
        id text CONSTRAINT notification_pkey PRIMARY KEY,
        partner text NOT NULL,
        sender_id text NOT NULL,
        digest bytea NOT NULL,
        sealed bytea NOT NULL,
        key text NOT NULL,
        kind text NOT NULL DEFAULT '',
        subject text NOT NULL DEFAULT '',
        state text NOT NULL DEFAULT 'received' CONSTRAINT notification_state_check
            CHECK (state IN ('received', 'done', 'quarantined', 'dismissed')),
        reason text NOT NULL DEFAULT '',
        signed_at timestamptz NOT NULL,
        received_at timestamptz NOT NULL,
        ended_at timestamptz,
        CONSTRAINT notification_partner_sender_id_key UNIQUE (partner, sender_id)
    )
    """,
    "CREATE INDEX notification_partner_idx ON notification (partner, id)",
    "CREATE INDEX notification_ended_idx ON notification (ended_at) WHERE state IN ('done', 'dismissed')",
    "CREATE INDEX notification_quarantined_idx ON notification (id) WHERE state = 'quarantined'",
    """
    CREATE TABLE notification_key (
        id text CONSTRAINT notification_key_pkey PRIMARY KEY,
        partner text NOT NULL,
        kind text NOT NULL CONSTRAINT notification_key_kind_check CHECK (kind IN ('v1', 'v1a', 'pem')),
        sealed bytea NOT NULL,
        fingerprint text NOT NULL,
        created_at timestamptz NOT NULL,
        created_by text NOT NULL,
        expires_at timestamptz
    )
    """,
    "CREATE INDEX notification_key_partner_idx ON notification_key (partner, created_at)",
    """
    CREATE TABLE statement_acknowledgement (
        partner text NOT NULL,
        statement text NOT NULL,
        notification text NOT NULL,
        acknowledged_at timestamptz NOT NULL,
        CONSTRAINT statement_acknowledgement_pkey PRIMARY KEY (partner, statement)
    )
    """,
    "ALTER TABLE member_link ADD COLUMN tier text NOT NULL DEFAULT ''",
    "ALTER TABLE member_link ADD COLUMN tier_at timestamptz",
    "CREATE INDEX webhook_event_subject_idx ON webhook_event (partner, subject, number)",
)
_BACK = (
    "DROP INDEX webhook_event_subject_idx",
    "ALTER TABLE member_link DROP COLUMN tier_at",
    "ALTER TABLE member_link DROP COLUMN tier",
    "DROP TABLE statement_acknowledgement",
    "DROP TABLE notification_key",
    "DROP TABLE notification",
    """
    CREATE TABLE webhook_notification (
        partner text NOT NULL,
        id text NOT NULL,
        digest bytea NOT NULL,
        stamp bigint NOT NULL,
        sealed bytea NOT NULL,
        state text NOT NULL CONSTRAINT webhook_notification_state_check
            CHECK (state IN ('received', 'done', 'quarantined')),
        reason text NOT NULL DEFAULT '',
        received_at timestamptz NOT NULL,
        ended_at timestamptz,
        CONSTRAINT webhook_notification_pkey PRIMARY KEY (partner, id)
    )
    """,
    "CREATE INDEX webhook_notification_received_idx ON webhook_notification (received_at)",
    """
    CREATE INDEX webhook_notification_quarantined_idx ON webhook_notification (received_at, id)
        WHERE state = 'quarantined'
    """,
)


def upgrade() -> None:
    """Make them."""
    for statement in _STATEMENTS:
        op.execute(statement)
    for table in ("notification", "statement_acknowledgement"):
        protect(table, columns=("partner",))


def downgrade() -> None:
    """Take them back."""
    for statement in _BACK:
        op.execute(statement)
