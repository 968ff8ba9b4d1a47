"""Limits, what is locked while they are counted, and what was used of them."""

from alembic import op

revision = "0032_limits"
down_revision = "0031_members"
branch_labels = None
depends_on = None

_STATEMENTS = (
    """
    CREATE TABLE limit_rule (
        id text CONSTRAINT limit_rule_pkey PRIMARY KEY,
        per text NOT NULL CONSTRAINT limit_rule_per_check
            CHECK (per IN ('member', 'membership', 'route', 'campaign')),
        counts text NOT NULL CONSTRAINT limit_rule_counts_check CHECK (counts IN ('points', 'conversions')),
        period text NOT NULL CONSTRAINT limit_rule_period_check
            CHECK (period IN ('day', '7_days', '30_days', 'year')),
        maximum bigint NOT NULL CONSTRAINT limit_rule_maximum_check CHECK (maximum > 0),
        direction text NOT NULL CONSTRAINT limit_rule_direction_check CHECK (direction IN ('out', 'in')),
        sources text[] NOT NULL,
        targets text[] NOT NULL,
        zone text NOT NULL
    )
    """,
    """
    CREATE TABLE limit_counter (
        rule text NOT NULL,
        subject text NOT NULL,
        CONSTRAINT limit_counter_pkey PRIMARY KEY (rule, subject)
    )
    """,
    """
    CREATE TABLE limit_use (
        rule text NOT NULL,
        subject text NOT NULL,
        conversion text NOT NULL,
        at timestamptz NOT NULL,
        amount bigint NOT NULL,
        CONSTRAINT limit_use_pkey PRIMARY KEY (rule, subject, conversion)
    )
    """,
    "CREATE INDEX limit_use_at_idx ON limit_use (rule, subject, at)",
    "CREATE INDEX limit_use_conversion_idx ON limit_use (conversion)",
)


def upgrade() -> None:
    """Create the tables; only the hub itself reads them."""
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Nothing is limited any more."""
    for table in ("limit_use", "limit_counter", "limit_rule"):
        op.drop_table(table)
