"""Tables of `agreements`."""

from alembic import op

revision = "0004_agreements"
down_revision = "0003_access"
branch_labels = None
depends_on = None


_STATEMENTS = (
    """
    CREATE TABLE partner (
        code text CONSTRAINT partner_pkey PRIMARY KEY,
        name text NOT NULL,
        kind text NOT NULL,
        profile text NOT NULL,
        base_url text NOT NULL,
        token_url text NOT NULL,
        time_zone text NOT NULL,
        live boolean NOT NULL,
        state text NOT NULL,
        stopped text,
        start_proposed_by text,
        state_since timestamptz NOT NULL,
        added_at timestamptz NOT NULL
    )
    """,
    """
    CREATE TABLE unit (
        code text CONSTRAINT unit_pkey PRIMARY KEY,
        partner text NOT NULL CONSTRAINT unit_partner_fkey REFERENCES partner (code),
        name text NOT NULL,
        scale smallint NOT NULL,
        kind text NOT NULL,
        currency text NOT NULL,
        hosted boolean NOT NULL,
        added_at timestamptz NOT NULL
    )
    """,
    """
    CREATE TABLE agreement (
        version text CONSTRAINT agreement_pkey PRIMARY KEY,
        partner text NOT NULL CONSTRAINT agreement_partner_fkey REFERENCES partner (code),
        state text NOT NULL,
        currency text NOT NULL,
        ledger_scale smallint NOT NULL,
        billing_numerator bigint NOT NULL,
        billing_denominator bigint NOT NULL,
        net_debit_cap bigint NOT NULL,
        reversals boolean NOT NULL,
        effective_from timestamptz NOT NULL,
        effective_until timestamptz,
        settlement_model text NOT NULL,
        calendar text NOT NULL,
        late_days integer NOT NULL,
        notes text NOT NULL,
        proposed_by text NOT NULL,
        proposed_at timestamptz NOT NULL,
        activated_by text,
        activated_at timestamptz,
        activation bigint,
        signed_by text,
        CONSTRAINT agreement_dates_check CHECK (effective_until IS NULL OR effective_until >= effective_from),
        CONSTRAINT agreement_cap_check CHECK (net_debit_cap >= 0)
    )
    """,
    """
    CREATE TABLE agreement_price (
        version text NOT NULL CONSTRAINT agreement_price_version_fkey REFERENCES agreement (version),
        unit text NOT NULL CONSTRAINT agreement_price_unit_fkey REFERENCES unit (code),
        kind text NOT NULL,
        price_numerator numeric NOT NULL,
        price_denominator numeric NOT NULL,
        ledger_price bigint,
        CONSTRAINT agreement_price_pkey PRIMARY KEY (version, unit, kind)
    )
    """,
    """
    CREATE TABLE approval (
        subject text NOT NULL,
        partner text NOT NULL CONSTRAINT approval_partner_fkey REFERENCES partner (code),
        actor text NOT NULL,
        approved_at timestamptz NOT NULL,
        CONSTRAINT approval_pkey PRIMARY KEY (subject, partner)
    )
    """,
    """
    CREATE TABLE catalogue_version (
        id smallint CONSTRAINT catalogue_version_pkey PRIMARY KEY,
        number bigint NOT NULL,
        CONSTRAINT catalogue_version_single_check CHECK (id = 1)
    )
    """,
    "INSERT INTO catalogue_version VALUES (1, 1)",
)


def upgrade() -> None:
    """Create them."""
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Drop them."""
    for table in ("catalogue_version", "approval", "agreement_price", "agreement", "unit", "partner"):
        op.execute(f"DROP TABLE {table}")
