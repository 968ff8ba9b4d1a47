"""Tables of `outbox`."""

from alembic import op

revision = "0001_outbox"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create them."""
    # Rows of a job table are updated twice and deleted: room on the page and an early vacuum keep its indexes short.
    op.execute(
        """
        CREATE TABLE outbox_message (
            id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT outbox_message_pkey PRIMARY KEY,
            queue text NOT NULL,
            kind text NOT NULL,
            subject text NOT NULL,
            lane text NOT NULL,
            body jsonb NOT NULL,
            trace text NOT NULL,
            state text NOT NULL DEFAULT 'waiting',
            available_at timestamptz NOT NULL,
            lease_until timestamptz,
            attempts integer NOT NULL DEFAULT 0,
            faults integer NOT NULL DEFAULT 0,
            lapses integer NOT NULL DEFAULT 0,
            reason text NOT NULL DEFAULT '',
            created_at timestamptz NOT NULL,
            finished_at timestamptz,
            CONSTRAINT outbox_message_state_check CHECK (state IN ('waiting', 'sent', 'done', 'dead')),
            CONSTRAINT outbox_message_lease_check CHECK ((state = 'sent') = (lease_until IS NOT NULL)),
            CONSTRAINT outbox_message_finished_check
                CHECK ((state IN ('done', 'dead')) = (finished_at IS NOT NULL))
        ) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000,
                autovacuum_vacuum_insert_scale_factor = 0.1, autovacuum_analyze_scale_factor = 0.05)
        """
    )
    op.execute(
        "CREATE INDEX outbox_message_waiting_idx ON outbox_message (queue, lane, available_at, id) "
        "WHERE state = 'waiting'"
    )
    op.execute("CREATE INDEX outbox_message_sent_idx ON outbox_message (queue, lane, lease_until) WHERE state = 'sent'")
    op.execute("CREATE INDEX outbox_message_done_idx ON outbox_message (finished_at) WHERE state = 'done'")
    op.execute("CREATE INDEX outbox_message_dead_idx ON outbox_message (id) WHERE state = 'dead'")


def downgrade() -> None:
    """Drop them."""
    op.execute("DROP TABLE outbox_message")
