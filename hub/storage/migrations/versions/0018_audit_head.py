"""The newest entry of the audit log, counted apart from it, so that entries cut off its end are missed."""

from alembic import op

revision = "0018_audit_head"
down_revision = "0017_webhook_delivery"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create it, with the newest entry there is. It goes on by one and never back."""
    op.execute(
        """
CREATE TABLE audit_head (
    single boolean PRIMARY KEY DEFAULT true CONSTRAINT audit_head_single_check CHECK (single),
    number bigint NOT NULL,
    recorded_at timestamptz,
    seal bytea NOT NULL
);
INSERT INTO audit_head (number, recorded_at, seal)
    SELECT coalesce(max(number), 0), max(recorded_at),
        coalesce((SELECT seal FROM audit_entry ORDER BY number DESC LIMIT 1), ''::bytea)
    FROM audit_entry;
CREATE FUNCTION audit_head_goes_on() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.number <> OLD.number + 1 THEN
        RAISE EXCEPTION 'the audit log goes on by one: % after % refused', NEW.number, OLD.number
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER audit_head_on BEFORE UPDATE ON audit_head FOR EACH ROW EXECUTE FUNCTION audit_head_goes_on();
CREATE TRIGGER audit_head_kept BEFORE INSERT OR DELETE OR TRUNCATE ON audit_head
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();
"""
    )


def downgrade() -> None:
    """Drop it."""
    op.execute("DROP TABLE audit_head")
    op.execute("DROP FUNCTION audit_head_goes_on()")
