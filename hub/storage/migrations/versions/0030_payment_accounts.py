"""Bank accounts of partners and of the hub; only operators read them."""

from alembic import op

revision = "0030_payment_accounts"
down_revision = "0029_signatures"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.execute(
        """
        CREATE TABLE settlement_account (
            partner text NOT NULL,
            currency text NOT NULL,
            name text NOT NULL,
            iban text NOT NULL,
            bic text NOT NULL,
            town text NOT NULL,
            country text NOT NULL,
            mandate text NOT NULL,
            mandate_on date,
            creditor text NOT NULL,
            CONSTRAINT settlement_account_pkey PRIMARY KEY (partner, currency)
        )
        """
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_table("settlement_account")
