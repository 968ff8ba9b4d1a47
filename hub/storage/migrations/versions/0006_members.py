"""Tables of `members`."""

revision = "0006_members"
down_revision = "0005_rates"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create them."""


def downgrade() -> None:
    """Drop them."""
