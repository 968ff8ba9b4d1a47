"""Tables of `idempotency`."""

from alembic import op

revision = "0009_idempotency"
down_revision = "0008_conversion"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create them."""
    op.execute(
        """
        CREATE TABLE idempotency_keys (
            key text COLLATE "C" CONSTRAINT idempotency_keys_pkey PRIMARY KEY,
            fingerprint bytea NOT NULL,
            status smallint NOT NULL,
            location text NOT NULL,
            body text NOT NULL,
            created_at timestamptz NOT NULL
        )
        """
    )
    # Rows arrive in the order of their time, so a few summary pages find the old ones; a tree would cost every insert.
    op.execute("CREATE INDEX idempotency_keys_created_at_idx ON idempotency_keys USING brin (created_at)")


def downgrade() -> None:
    """Drop them."""
    op.drop_table("idempotency_keys")
