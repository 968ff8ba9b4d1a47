"""Tables of `agreements`."""

revision = "0004_agreements"
down_revision = "0003_access"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create them."""


def downgrade() -> None:
    """Drop them."""
