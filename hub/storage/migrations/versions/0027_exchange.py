"""Tables of `exchange`."""

from alembic import op

revision = "0027_exchange"
down_revision = "0026_recovery"
branch_labels = None
depends_on = None

_STATEMENTS = (
    """
    CREATE TABLE file_series (
        partner text NOT NULL,
        kind text NOT NULL,
        sequence bigint NOT NULL DEFAULT 0,
        cut_at timestamptz NOT NULL,
        CONSTRAINT file_series_pkey PRIMARY KEY (partner, kind)
    )
    """,
    """
    CREATE TABLE file_out (
        id text CONSTRAINT file_out_pkey PRIMARY KEY,
        partner text NOT NULL,
        kind text NOT NULL,
        sequence bigint NOT NULL,
        about text NOT NULL DEFAULT '',
        made_at timestamptz NOT NULL,
        state text NOT NULL DEFAULT 'cut' CONSTRAINT file_out_state_check
            CHECK (state IN ('cut', 'written', 'delivered', 'answered', 'refused')),
        name text NOT NULL DEFAULT '',
        records bigint NOT NULL DEFAULT 0,
        size bigint NOT NULL DEFAULT 0,
        sha256 text NOT NULL DEFAULT '',
        deliveries integer NOT NULL DEFAULT 0,
        delivered_at timestamptz,
        answered_at timestamptz,
        reason text NOT NULL DEFAULT ''
    )
    """,
    "CREATE UNIQUE INDEX file_out_number_key ON file_out (partner, kind, sequence)",
    "CREATE INDEX file_out_open_idx ON file_out (partner, id) WHERE state IN ('cut', 'written', 'delivered')",
    """
    CREATE TABLE file_line (
        leg text CONSTRAINT file_line_pkey PRIMARY KEY,
        partner text NOT NULL,
        file text NOT NULL,
        number bigint NOT NULL,
        operation text NOT NULL,
        membership text NOT NULL,
        unit text NOT NULL,
        amount bigint NOT NULL,
        bonus bigint NOT NULL,
        original_key text NOT NULL,
        outcome text NOT NULL DEFAULT '' CONSTRAINT file_line_outcome_check
            CHECK (outcome IN ('', 'done', 'refused', 'differs')),
        reason text NOT NULL DEFAULT '',
        reference text NOT NULL DEFAULT '',
        surviving text NOT NULL DEFAULT '',
        answered_by text NOT NULL DEFAULT ''
    )
    """,
    "CREATE UNIQUE INDEX file_line_file_key ON file_line (file, number)",
    "CREATE INDEX file_line_open_idx ON file_line (file) WHERE outcome = ''",
    """
    CREATE TABLE file_in (
        id text CONSTRAINT file_in_pkey PRIMARY KEY,
        partner text NOT NULL,
        name text NOT NULL,
        sha256 text NOT NULL,
        size bigint NOT NULL,
        removed boolean NOT NULL DEFAULT false,
        sequence bigint NOT NULL DEFAULT 0,
        answers text NOT NULL DEFAULT '',
        state text NOT NULL DEFAULT 'taken' CONSTRAINT file_in_state_check
            CHECK (state IN ('taken', 'accepted', 'done', 'refused')),
        reason text NOT NULL DEFAULT '',
        detail text NOT NULL DEFAULT '',
        records bigint NOT NULL DEFAULT 0,
        accepted bigint NOT NULL DEFAULT 0,
        rejected bigint NOT NULL DEFAULT 0,
        received_at timestamptz NOT NULL,
        ended_at timestamptz
    )
    """,
    "CREATE UNIQUE INDEX file_in_name_key ON file_in (partner, name) WHERE NOT removed",
    "CREATE INDEX file_in_content_idx ON file_in (partner, sha256)",
    "CREATE INDEX file_in_open_idx ON file_in (partner, id) WHERE state IN ('taken', 'accepted')",
    """
    CREATE TABLE file_part (
        file text NOT NULL,
        first bigint NOT NULL,
        codes text[] NOT NULL,
        CONSTRAINT file_part_pkey PRIMARY KEY (file, first)
    )
    """,
)


def upgrade() -> None:
    """Create them."""
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Drop them."""
    for table in ("file_part", "file_in", "file_line", "file_out", "file_series"):
        op.drop_table(table)
