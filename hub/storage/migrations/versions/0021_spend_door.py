"""Card tokens that were removed."""

from alembic import op

revision = "0021_spend_door"
down_revision = "0020_settlement"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """When a token stopped earning."""
    op.execute("ALTER TABLE card_token ADD COLUMN removed_at TIMESTAMP WITH TIME ZONE")


def downgrade() -> None:
    """Forget it."""
    op.execute("ALTER TABLE card_token DROP COLUMN removed_at")
