"""Transactions that were refused, by their id: what a claim for missing points is answered with."""

from alembic import op

from hub.storage.isolation import protect

revision = "0024_earn_refusals"
down_revision = "0023_earn_payouts"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A bank reads its own."""
    op.execute(
        """
        CREATE TABLE earn_refused (
            bank TEXT NOT NULL,
            id TEXT NOT NULL,
            code TEXT NOT NULL,
            source TEXT NOT NULL,
            refused_at TIMESTAMP WITH TIME ZONE NOT NULL,
            CONSTRAINT earn_refused_pkey PRIMARY KEY (bank, id)
        )
        """
    )
    protect("earn_refused", columns=("bank",))


def downgrade() -> None:
    """Forget them."""
    op.execute("DROP TABLE earn_refused")
