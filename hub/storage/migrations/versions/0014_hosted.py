"""Tables of `hosted`."""

from alembic import op

from hub.storage.isolation import Parent, protect

revision = "0014_hosted"
down_revision = "0013_files"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create them, and let a leg say that its owner's posting is all there is to it."""
    op.execute(
        """
        CREATE TABLE hosted_membership (
            id text COLLATE "C" CONSTRAINT hosted_membership_pkey PRIMARY KEY,
            unit text COLLATE "C" NOT NULL,
            number text COLLATE "C" NOT NULL,
            partner text NOT NULL,
            state text NOT NULL CONSTRAINT hosted_membership_state_check
                CHECK (state IN ('active', 'blocked', 'closed')),
            reference text NOT NULL,
            enrolled_at timestamptz NOT NULL,
            active_at timestamptz NOT NULL,
            lapses_at timestamptz,
            CONSTRAINT hosted_membership_unit_number_key UNIQUE (unit, number)
        ) WITH (fillfactor = 80)
        """
    )
    op.execute(
        "CREATE UNIQUE INDEX hosted_membership_reference_key ON hosted_membership (unit, reference) "
        "WHERE reference <> ''"
    )
    op.execute("CREATE INDEX hosted_membership_partner_idx ON hosted_membership (partner, number)")
    op.execute("CREATE INDEX hosted_membership_lapses_idx ON hosted_membership (lapses_at) WHERE lapses_at IS NOT NULL")
    op.execute(
        """
        CREATE TABLE hosted_lot (
            id text COLLATE "C" CONSTRAINT hosted_lot_pkey PRIMARY KEY,
            unit text COLLATE "C" NOT NULL,
            number text COLLATE "C" NOT NULL,
            partner text NOT NULL,
            source text NOT NULL,
            earned_at timestamptz NOT NULL,
            expires_at timestamptz,
            amount bigint NOT NULL,
            remaining bigint NOT NULL,
            held bigint NOT NULL,
            CONSTRAINT hosted_lot_amounts_check CHECK (0 <= held AND held <= remaining AND remaining <= amount)
        ) WITH (fillfactor = 80)
        """
    )
    op.execute("CREATE INDEX hosted_lot_open_idx ON hosted_lot (unit, number) WHERE remaining > 0")
    op.execute("CREATE INDEX hosted_lot_expires_idx ON hosted_lot (expires_at, unit, number) WHERE remaining > held")
    op.execute(
        """
        CREATE TABLE hosted_lot_move (
            key text COLLATE "C" NOT NULL,
            number integer NOT NULL,
            lot text COLLATE "C" NOT NULL,
            kind text NOT NULL,
            change bigint NOT NULL,
            change_held bigint NOT NULL,
            undoes text COLLATE "C" NOT NULL,
            at timestamptz NOT NULL,
            CONSTRAINT hosted_lot_move_pkey PRIMARY KEY (key, number)
        )
        """
    )
    op.execute("CREATE INDEX hosted_lot_move_lot_idx ON hosted_lot_move (lot)")
    op.execute("CREATE INDEX hosted_lot_move_undoes_idx ON hosted_lot_move (undoes) WHERE undoes <> ''")
    op.execute(
        "CREATE TRIGGER hosted_lot_move_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON hosted_lot_move "
        "FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change()"
    )
    op.execute(
        """
        CREATE TABLE hosted_warning (
            membership text COLLATE "C" NOT NULL,
            lapses_at timestamptz NOT NULL,
            days integer NOT NULL,
            amount bigint NOT NULL,
            warned_at timestamptz NOT NULL,
            CONSTRAINT hosted_warning_pkey PRIMARY KEY (membership, lapses_at, days)
        )
        """
    )
    op.execute("ALTER TABLE leg ADD COLUMN hosted boolean NOT NULL DEFAULT false")
    protect("hosted_membership", columns=("partner",))
    protect("hosted_lot", columns=("partner",))
    protect("hosted_lot_move", through=Parent("hosted_lot", "lot"))
    protect("hosted_warning", through=Parent("hosted_membership", "membership"))


def downgrade() -> None:
    """Drop them."""
    op.execute("ALTER TABLE leg DROP COLUMN hosted")
    for table in ("hosted_warning", "hosted_lot_move", "hosted_lot", "hosted_membership"):
        op.drop_table(table)
