"""Keys that sign statements, and their signatures."""

from alembic import op

from hub.storage.isolation import Parent, protect

revision = "0029_signatures"
down_revision = "0028_objections"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables; statements that are there are signed by the next run of the settlement task."""
    op.execute(
        """
        CREATE TABLE access_statement_keys (
            id text NOT NULL CONSTRAINT access_statement_keys_pkey PRIMARY KEY,
            public text NOT NULL,
            sealed bytea,
            created_at timestamptz NOT NULL,
            retired_at timestamptz,
            CONSTRAINT access_statement_keys_sealed_check CHECK ((sealed IS NULL) = (retired_at IS NOT NULL))
        )
        """
    )
    op.execute(
        "CREATE UNIQUE INDEX access_statement_keys_active_idx ON access_statement_keys ((retired_at IS NULL)) "
        "WHERE retired_at IS NULL"
    )
    op.execute(
        """
        CREATE TABLE settlement_signature (
            statement text NOT NULL CONSTRAINT settlement_signature_pkey PRIMARY KEY
                CONSTRAINT settlement_signature_statement_fkey REFERENCES settlement_statement (id) ON DELETE CASCADE,
            key text NOT NULL CONSTRAINT settlement_signature_key_fkey
                REFERENCES access_statement_keys (id) ON DELETE CASCADE,
            value bytea NOT NULL,
            signed_at timestamptz NOT NULL
        )
        """
    )
    op.execute("CREATE INDEX settlement_signature_key_idx ON settlement_signature (key)")
    protect("settlement_signature", through=Parent("settlement_statement", "statement"))


def downgrade() -> None:
    """Who holds a signed statement can still check it with the public key they kept."""
    op.drop_table("settlement_signature")
    op.drop_table("access_statement_keys")
