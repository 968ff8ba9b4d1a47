"""Objections to lines of statements, what they hold out of netting, and revisions of statements."""

from alembic import op

from hub.storage.isolation import protect

revision = "0028_objections"
down_revision = "0027_exchange"
branch_labels = None
depends_on = None

_STATEMENTS = (
    """
    ALTER TABLE settlement_statement
        ADD COLUMN revision smallint NOT NULL DEFAULT 1,
        ADD COLUMN replaced boolean NOT NULL DEFAULT false,
        ADD COLUMN acknowledged_at timestamptz,
        DROP CONSTRAINT settlement_statement_window_id_partner_key,
        ADD CONSTRAINT settlement_statement_window_id_partner_revision_key UNIQUE (window_id, partner, revision)
    """,
    """
    CREATE TABLE settlement_objection (
        id text NOT NULL CONSTRAINT settlement_objection_pkey PRIMARY KEY,
        window_id text NOT NULL CONSTRAINT settlement_objection_window_id_fkey REFERENCES settlement_window (id),
        statement text NOT NULL,
        partner text NOT NULL,
        state text NOT NULL CONSTRAINT settlement_objection_state_check CHECK (
            state IN ('open', 'upheld', 'rejected', 'dropped')),
        reason text NOT NULL,
        raised_at timestamptz NOT NULL,
        decide_by date NOT NULL,
        decided_at timestamptz,
        decided_period bigint,
        remark text NOT NULL DEFAULT ''
    )
    """,
    "CREATE INDEX settlement_objection_partner_idx ON settlement_objection (partner, id)",
    "CREATE INDEX settlement_objection_window_id_idx ON settlement_objection (window_id)",
    """
    CREATE TABLE settlement_disputed (
        period bigint NOT NULL,
        partner text NOT NULL,
        currency text NOT NULL,
        kind text NOT NULL,
        agreement text NOT NULL,
        counterparty text NOT NULL,
        objection text NOT NULL CONSTRAINT settlement_disputed_objection_fkey REFERENCES settlement_objection (id),
        debits numeric NOT NULL,
        credits numeric NOT NULL,
        count bigint NOT NULL,
        held boolean NOT NULL,
        billed_in text CONSTRAINT settlement_disputed_billed_in_fkey REFERENCES settlement_window (id),
        CONSTRAINT settlement_disputed_pkey PRIMARY KEY (
            period, partner, currency, kind, agreement, counterparty),
        CONSTRAINT settlement_disputed_billed_in_check CHECK (held OR billed_in IS NULL)
    )
    """,
    "CREATE INDEX settlement_disputed_objection_idx ON settlement_disputed (objection)",
    "CREATE INDEX settlement_disputed_billed_in_idx ON settlement_disputed (billed_in)",
    "CREATE INDEX settlement_disputed_partner_idx ON settlement_disputed (partner)",
)
_BACK = """
    ALTER TABLE settlement_statement
        DROP CONSTRAINT settlement_statement_window_id_partner_revision_key,
        DROP COLUMN revision, DROP COLUMN replaced, DROP COLUMN acknowledged_at,
        ADD CONSTRAINT settlement_statement_window_id_partner_key UNIQUE (window_id, partner)
"""


def upgrade() -> None:
    """Create them."""
    for statement in _STATEMENTS:
        op.execute(statement)
    protect("settlement_objection", columns=("partner",))
    protect("settlement_disputed", columns=("partner",))


def downgrade() -> None:
    """Drop them; only a database in which nothing was replaced can go back."""
    op.drop_table("settlement_disputed")
    op.drop_table("settlement_objection")
    op.execute(_BACK)
