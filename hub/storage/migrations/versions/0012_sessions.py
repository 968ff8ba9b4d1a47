"""Tables of `sessions`. Neither is ever read on behalf of a partner (`NEVER_READ`)."""

from alembic import op

revision = "0012_sessions"
down_revision = "0011_isolation"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create them."""
    op.execute(
        """
        CREATE TABLE partner_token (
            partner text COLLATE "C" NOT NULL,
            scope text COLLATE "C" NOT NULL,
            sealed bytea NOT NULL,
            renew_at timestamptz NOT NULL,
            expires_at timestamptz NOT NULL,
            CONSTRAINT partner_token_pkey PRIMARY KEY (partner, scope)
        )
        """
    )
    op.execute(
        """
        CREATE TABLE partner_breaker (
            partner text COLLATE "C" CONSTRAINT partner_breaker_pkey PRIMARY KEY,
            failures integer NOT NULL,
            opened_at timestamptz,
            resting_until timestamptz,
            probe_until timestamptz
        )
        """
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_table("partner_breaker")
    op.drop_table("partner_token")
