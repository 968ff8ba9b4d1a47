"""Tables of `legs`."""

revision = "0007_legs"
down_revision = "0006_members"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create them."""


def downgrade() -> None:
    """Drop them."""
