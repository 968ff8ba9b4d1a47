"""Tables of `files`."""

revision = "0013_files"
down_revision = "0012_sessions"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create them."""


def downgrade() -> None:
    """Drop them."""
