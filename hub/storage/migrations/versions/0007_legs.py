"""Tables of `legs`."""

from alembic import op

revision = "0007_legs"
down_revision = "0006_members"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create them."""
    op.execute(
        """
        CREATE TABLE leg (
            id text CONSTRAINT leg_pkey PRIMARY KEY,
            owner_kind text NOT NULL,
            owner text NOT NULL,
            role text NOT NULL,
            partner text NOT NULL,
            membership text NOT NULL,
            unit text NOT NULL,
            scale smallint NOT NULL,
            amount bigint NOT NULL,
            bonus bigint NOT NULL,
            original text NOT NULL,
            trace text NOT NULL,
            created_at timestamptz NOT NULL,
            announced_at timestamptz NOT NULL,
            state text NOT NULL DEFAULT 'open' CONSTRAINT leg_state_check
                CHECK (state IN ('open', 'done', 'refused', 'cancelled', 'by_hand')),
            attempt integer NOT NULL DEFAULT 0,
            last_kind text,
            calls integer NOT NULL DEFAULT 0,
            unknowns integer NOT NULL DEFAULT 0,
            inquiries integer NOT NULL DEFAULT 0,
            pending boolean NOT NULL DEFAULT false,
            first_called_at timestamptz,
            last_called_at timestamptz,
            not_found_at timestamptz,
            lease_until timestamptz,
            next_at timestamptz NOT NULL,
            reference text NOT NULL DEFAULT '',
            reason text NOT NULL DEFAULT '',
            said text NOT NULL DEFAULT '',
            surviving text NOT NULL DEFAULT '',
            bonus_apart boolean NOT NULL DEFAULT false,
            CONSTRAINT leg_amount_check CHECK (amount > 0 AND bonus >= 0)
        )
        """
    )
    op.execute("CREATE INDEX leg_owner_idx ON leg (owner)")
    op.execute("CREATE INDEX leg_open_idx ON leg (next_at) WHERE state = 'open'")
    op.execute(
        """
        CREATE TABLE leg_attempt (
            leg text NOT NULL,
            number integer NOT NULL,
            kind text NOT NULL,
            started_at timestamptz NOT NULL,
            lease_until timestamptz NOT NULL,
            answered_at timestamptz,
            outcome text NOT NULL DEFAULT '',
            detail text NOT NULL DEFAULT '',
            latency_ms bigint,
            late_outcome text NOT NULL DEFAULT '',
            CONSTRAINT leg_attempt_pkey PRIMARY KEY (leg, number)
        )
        """
    )
    op.execute(
        """
        CREATE TABLE case_file (
            id text CONSTRAINT case_file_pkey PRIMARY KEY,
            subject text NOT NULL,
            kind text NOT NULL,
            partner text NOT NULL,
            facts jsonb NOT NULL,
            opened_at timestamptz NOT NULL,
            closed_at timestamptz,
            closed_by text NOT NULL DEFAULT ''
        )
        """
    )
    op.execute("CREATE UNIQUE INDEX case_file_open_key ON case_file (subject, kind) WHERE closed_at IS NULL")


def downgrade() -> None:
    """Drop them."""
    for table in ("case_file", "leg_attempt", "leg"):
        op.drop_table(table)
