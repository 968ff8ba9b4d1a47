"""Tables of `conversion`."""

from alembic import op

revision = "0008_conversion"
down_revision = "0007_legs"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create them."""
    op.execute(
        """
        CREATE TABLE conversion (
            id text CONSTRAINT conversion_pkey PRIMARY KEY,
            key text NOT NULL,
            quote text NOT NULL,
            state text NOT NULL CONSTRAINT conversion_state_check CHECK (
                state IN ('review', 'held', 'debited', 'posted', 'reversing', 'voided', 'owed')),
            member text NOT NULL,
            client_partner text NOT NULL,
            source_partner text NOT NULL,
            target_partner text NOT NULL,
            source_unit text NOT NULL,
            target_unit text NOT NULL,
            source_scale smallint NOT NULL,
            target_scale smallint NOT NULL,
            source_hosted boolean NOT NULL,
            target_hosted boolean NOT NULL,
            source_membership text NOT NULL,
            target_membership text NOT NULL,
            source_amount bigint NOT NULL,
            base bigint NOT NULL,
            bonus bigint NOT NULL,
            fee bigint NOT NULL,
            fee_unit text NOT NULL,
            rate_numerator numeric NOT NULL,
            rate_denominator numeric NOT NULL,
            remainder_numerator numeric NOT NULL,
            remainder_denominator numeric NOT NULL,
            rule text NOT NULL,
            source_terms text NOT NULL,
            target_terms text NOT NULL,
            source_currency text NOT NULL,
            target_currency text NOT NULL,
            debit_value bigint NOT NULL,
            fee_value bigint NOT NULL,
            credit_value bigint NOT NULL,
            bonus_value bigint NOT NULL,
            bonuses text NOT NULL,
            reason text NOT NULL,
            reverses text NOT NULL,
            reversed_amount bigint NOT NULL,
            ball text NOT NULL,
            live boolean NOT NULL,
            trace text NOT NULL,
            debit_leg text NOT NULL,
            credit_leg text NOT NULL,
            giveback_leg text NOT NULL,
            bonus_leg text NOT NULL,
            created_at timestamptz NOT NULL,
            updated_at timestamptz NOT NULL,
            posted_at timestamptz,
            version integer NOT NULL,
            CONSTRAINT conversion_reversed_check CHECK (reversed_amount >= 0 AND reversed_amount <= base + bonus)
        )
        """
    )
    op.execute("CREATE UNIQUE INDEX conversion_key_key ON conversion (key)")
    op.execute("CREATE UNIQUE INDEX conversion_quote_key ON conversion (quote) WHERE quote <> ''")
    op.execute("CREATE INDEX conversion_created_idx ON conversion (created_at, id)")
    op.execute("CREATE INDEX conversion_member_idx ON conversion (member, created_at)")
    op.execute("CREATE INDEX conversion_reverses_idx ON conversion (reverses) WHERE reverses <> ''")
    op.execute(
        "CREATE INDEX conversion_open_idx ON conversion (updated_at) "
        "WHERE state IN ('review', 'held', 'debited', 'reversing')"
    )
    op.execute(
        "CREATE INDEX conversion_route_idx ON conversion (source_unit, target_unit, posted_at) WHERE state = 'posted'"
    )
    op.execute(
        """
        CREATE TABLE conversion_moment (
            conversion text NOT NULL,
            number integer NOT NULL,
            at timestamptz NOT NULL,
            what text NOT NULL,
            partner text NOT NULL,
            detail text NOT NULL,
            CONSTRAINT conversion_moment_pkey PRIMARY KEY (conversion, number)
        )
        """
    )
    op.execute(
        """
        CREATE TABLE conversion_verdict (
            conversion text NOT NULL,
            actor text NOT NULL,
            verdict text NOT NULL,
            at timestamptz NOT NULL,
            CONSTRAINT conversion_verdict_pkey PRIMARY KEY (conversion, actor)
        )
        """
    )


def downgrade() -> None:
    """Drop them."""
    for table in ("conversion_verdict", "conversion_moment", "conversion"):
        op.drop_table(table)
