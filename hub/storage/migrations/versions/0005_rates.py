"""Tables of `rates`."""

revision = "0005_rates"
down_revision = "0004_agreements"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create them."""


def downgrade() -> None:
    """Drop them."""
