"""A hash over the rows of each chunk of card transactions, and the partners that a set of earn rules names."""

from alembic import op

from hub.storage.isolation import PARTNER, protect, unprotect

revision = "0022_earn_checks"
down_revision = "0021_spend_door"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Chunks that were taken before have an empty hash, which matches no rows; who is named may read the rules."""
    op.execute("ALTER TABLE earn_chunk ADD COLUMN seal BYTEA DEFAULT '' NOT NULL")
    op.execute("ALTER TABLE earn_ruleset ADD COLUMN partners TEXT[] DEFAULT '{}' NOT NULL")
    op.execute("CREATE INDEX earn_ruleset_partners_idx ON earn_ruleset USING gin (partners)")
    unprotect("earn_ruleset")
    protect("earn_ruleset", columns=("bank",), where=f"{PARTNER} = ANY(partners)")


def downgrade() -> None:
    """Forget them."""
    unprotect("earn_ruleset")
    protect("earn_ruleset", columns=("bank",))
    op.execute("ALTER TABLE earn_ruleset DROP COLUMN partners")
    op.execute("ALTER TABLE earn_chunk DROP COLUMN seal")
