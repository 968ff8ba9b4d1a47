"""What is known of a member as a person, under a key of its own; how alike the names of a link were; erased members."""

from alembic import op

revision = "0031_members"
down_revision = "0030_payment_accounts"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table, which only the hub itself reads, and the columns."""
    op.execute(
        """
        CREATE TABLE member_private (
            member text CONSTRAINT member_private_pkey PRIMARY KEY,
            sealed_key bytea NOT NULL,
            content bytea NOT NULL,
            updated_at timestamp with time zone NOT NULL
        )
        """
    )
    op.execute("ALTER TABLE member ADD COLUMN erased_at timestamp with time zone")
    op.execute("ALTER TABLE member_link ADD COLUMN name_score integer")
    op.execute("ALTER TABLE member_link ADD COLUMN name_differences text[] NOT NULL DEFAULT '{}'")


def downgrade() -> None:
    """Forget all of it."""
    op.execute("ALTER TABLE member_link DROP COLUMN name_differences, DROP COLUMN name_score")
    op.execute("ALTER TABLE member DROP COLUMN erased_at")
    op.drop_table("member_private")
