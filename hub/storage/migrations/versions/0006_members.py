"""Tables of `members`."""

from alembic import op

revision = "0006_members"
down_revision = "0005_rates"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create them."""
    op.execute(
        """
        CREATE TABLE member (
            id text CONSTRAINT member_pkey PRIMARY KEY,
            partner text NOT NULL,
            reference text NOT NULL,
            created_at timestamptz NOT NULL
        )
        """
    )
    op.execute("CREATE UNIQUE INDEX member_partner_reference_key ON member (partner, reference)")
    op.execute(
        """
        CREATE TABLE member_link (
            id text CONSTRAINT member_link_pkey PRIMARY KEY,
            member text NOT NULL,
            partner text NOT NULL,
            membership text NOT NULL,
            state text NOT NULL
                CONSTRAINT member_link_state_check CHECK (state IN ('pending', 'active', 'refused', 'closed')),
            proof text NOT NULL,
            reason text NOT NULL,
            recorded_by text NOT NULL,
            debit_by text[] NOT NULL,
            created_at timestamptz NOT NULL,
            proven_at timestamptz,
            closed_at timestamptz
        )
        """
    )
    op.execute("CREATE INDEX member_link_member_partner_idx ON member_link (member, partner, created_at)")
    for name, columns in (("membership", "partner, membership"), ("member", "member, partner")):
        op.execute(
            f"CREATE UNIQUE INDEX member_link_active_{name}_key ON member_link ({columns}) WHERE state = 'active'"
        )


def downgrade() -> None:
    """Drop them."""
    op.drop_table("member_link")
    op.drop_table("member")
