"""What delivering webhooks needs beside the tables of `webhooks`."""

from alembic import op

revision = "0017_webhook_delivery"
down_revision = "0016_earning"
branch_labels = None
depends_on = None

_ADDED = (
    "ALTER TABLE webhook_endpoint ADD COLUMN host text NOT NULL DEFAULT '', ADD COLUMN wake_at timestamptz",
    "ALTER TABLE webhook_delivery ADD COLUMN subject text NOT NULL DEFAULT ''",
    "ALTER TABLE webhook_attempt ADD COLUMN request text NOT NULL DEFAULT ''",
    "CREATE INDEX webhook_endpoint_host_idx ON webhook_endpoint (host)",
    """
    CREATE INDEX webhook_delivery_subject_idx ON webhook_delivery (endpoint, subject, number)
        WHERE state IN ('parked', 'waiting')
    """,
    "CREATE INDEX webhook_delivery_event_idx ON webhook_delivery (endpoint, number)",
)


def upgrade() -> None:
    """Add it."""
    for statement in _ADDED:
        op.execute(statement)


def downgrade() -> None:
    """Take it back."""
    op.execute("DROP INDEX webhook_delivery_event_idx")
    op.execute("DROP INDEX webhook_delivery_subject_idx")
    op.execute("DROP INDEX webhook_endpoint_host_idx")
    op.execute("ALTER TABLE webhook_attempt DROP COLUMN request")
    op.execute("ALTER TABLE webhook_delivery DROP COLUMN subject")
    op.execute("ALTER TABLE webhook_endpoint DROP COLUMN wake_at, DROP COLUMN host")
