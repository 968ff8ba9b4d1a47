"""Payouts that the partner refused, and finding payouts by their leg."""

from alembic import op

revision = "0023_earn_payouts"
down_revision = "0022_earn_checks"
branch_labels = None
depends_on = None

_ADD = "ALTER TABLE earn_payout ADD CONSTRAINT earn_payout_state_check"
_STATES = "'waiting', 'sent', 'paid', 'merged', 'by_hand'"


def upgrade() -> None:
    """A refused payout is the member's again."""
    op.execute("ALTER TABLE earn_payout DROP CONSTRAINT earn_payout_state_check")
    op.execute(
        f"ALTER TABLE earn_payout ADD CONSTRAINT earn_payout_state_check CHECK (state IN ({_STATES}, 'returned'))"
    )
    op.execute("CREATE INDEX earn_payout_leg_idx ON earn_payout (leg) WHERE leg <> ''")


def downgrade() -> None:
    """What was refused waits again."""
    op.execute("DROP INDEX earn_payout_leg_idx")
    op.execute("UPDATE earn_payout SET state = 'waiting' WHERE state = 'returned'")
    op.execute("ALTER TABLE earn_payout DROP CONSTRAINT earn_payout_state_check")
    op.execute(f"{_ADD} CHECK (state IN ({_STATES}))")
