"""For which request somebody signed in: what asks for a fresh sign-in is content with that one."""

from alembic import op

revision = "0025_visits"
down_revision = "0024_earn_refusals"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Sessions live for half an hour and none was ever opened before."""
    op.execute("ALTER TABLE access_sessions ADD COLUMN asked bytea NOT NULL")


def downgrade() -> None:
    """Everybody signs in again."""
    op.execute("DELETE FROM access_sessions")
    op.execute("ALTER TABLE access_sessions DROP COLUMN asked")
