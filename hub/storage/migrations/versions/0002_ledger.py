"""Tables of `ledger`."""

revision = "0002_ledger"
down_revision = "0001_outbox"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create them."""


def downgrade() -> None:
    """Drop them."""
