"""Recovery codes of operators, each good once in place of a one-time code."""

from alembic import op

revision = "0026_recovery"
down_revision = "0025_visits"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table; only the hub itself reads it."""
    op.execute(
        """
        CREATE TABLE access_recovery (
            hash bytea CONSTRAINT access_recovery_pkey PRIMARY KEY,
            person text NOT NULL REFERENCES access_people (id) ON DELETE CASCADE
        )
        """
    )
    op.execute("CREATE INDEX access_recovery_person_idx ON access_recovery (person)")


def downgrade() -> None:
    """Who has lost their authenticator asks for a new link."""
    op.drop_table("access_recovery")
