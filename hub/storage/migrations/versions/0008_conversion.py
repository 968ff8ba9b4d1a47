"""Tables of `conversion`."""

revision = "0008_conversion"
down_revision = "0007_legs"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create them."""


def downgrade() -> None:
    """Drop them."""
