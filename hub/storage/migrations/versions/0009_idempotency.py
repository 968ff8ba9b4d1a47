"""Tables of `idempotency`."""

revision = "0009_idempotency"
down_revision = "0008_conversion"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create them."""


def downgrade() -> None:
    """Drop them."""
