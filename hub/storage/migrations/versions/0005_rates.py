"""Tables of `rates`."""

from alembic import op

revision = "0005_rates"
down_revision = "0004_agreements"
branch_labels = None
depends_on = None


_STATEMENTS = (
    """
    CREATE TABLE rate_rule (
        id text CONSTRAINT rate_rule_pkey PRIMARY KEY,
        source_unit text NOT NULL CONSTRAINT rate_rule_source_unit_fkey REFERENCES unit (code),
        target_unit text NOT NULL CONSTRAINT rate_rule_target_unit_fkey REFERENCES unit (code),
        block_above bigint[] NOT NULL,
        block_give bigint[] NOT NULL,
        block_get bigint[] NOT NULL,
        minimum bigint NOT NULL,
        step bigint NOT NULL,
        maximum bigint,
        fee_kind text,
        fee_currency text,
        fee_flat bigint,
        fee_numerator bigint,
        fee_denominator bigint,
        fee_cap bigint,
        selectors jsonb NOT NULL,
        priority integer NOT NULL,
        effective_from timestamptz NOT NULL,
        effective_until timestamptz,
        state text NOT NULL,
        typical_time text NOT NULL,
        activation bigint NOT NULL,
        origin text NOT NULL,
        proposed_by text NOT NULL,
        proposed_at timestamptz NOT NULL,
        activated_by text,
        activated_at timestamptz,
        signed_by text,
        start_proposed_by text,
        CONSTRAINT rate_rule_dates_check CHECK (effective_until IS NULL OR effective_until >= effective_from),
        CONSTRAINT rate_rule_amounts_check CHECK (minimum > 0 AND step > 0)
    )
    """,
    "CREATE INDEX rate_rule_route_idx ON rate_rule (source_unit, target_unit)",
    """
    CREATE TABLE campaign (
        id text CONSTRAINT campaign_pkey PRIMARY KEY,
        name text NOT NULL,
        source_unit text NOT NULL CONSTRAINT campaign_source_unit_fkey REFERENCES unit (code),
        target_unit text NOT NULL CONSTRAINT campaign_target_unit_fkey REFERENCES unit (code),
        percent_numerator bigint NOT NULL,
        percent_denominator bigint NOT NULL,
        flat bigint NOT NULL,
        effective_from timestamptz NOT NULL,
        effective_until timestamptz NOT NULL,
        funder text NOT NULL,
        exclusive boolean NOT NULL,
        member_cap bigint,
        selectors jsonb NOT NULL,
        state text NOT NULL,
        proposed_by text NOT NULL,
        proposed_at timestamptz NOT NULL,
        activated_by text,
        activated_at timestamptz,
        signed_by text,
        start_proposed_by text,
        CONSTRAINT campaign_dates_check CHECK (effective_until > effective_from)
    )
    """,
    "CREATE INDEX campaign_route_idx ON campaign (source_unit, target_unit)",
)


def upgrade() -> None:
    """Create them."""
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Drop them."""
    op.execute("DROP TABLE campaign")
    op.execute("DROP TABLE rate_rule")
