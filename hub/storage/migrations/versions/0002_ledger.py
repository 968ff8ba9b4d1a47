"""Tables of `ledger` and `audit`.

Postings and entries have no foreign keys: a check per row would halve the speed of COPY. The statement trigger checks
what was just inserted, and `hub verify` everything else.
"""

from alembic import op

revision = "0002_ledger"
down_revision = "0001_outbox"
branch_labels = None
depends_on = None

_APPEND_ONLY = (
    "ledger_account",
    "ledger_floor",
    "ledger_key",
    "ledger_posting",
    "ledger_entry",
    "ledger_refusal",
    "ledger_reversal",
    "ledger_seal",
    "ledger_root",
    "audit_entry",
)

_ACCOUNTS = """
CREATE TABLE ledger_account (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    code text COLLATE "C" NOT NULL UNIQUE,
    unit text NOT NULL,
    opened_at timestamptz NOT NULL
);
CREATE TABLE ledger_balance (
    account integer PRIMARY KEY REFERENCES ledger_account,
    posted bigint NOT NULL,
    held bigint NOT NULL,
    version bigint NOT NULL,
    floor bigint,
    floor_target bigint,
    recorded_at timestamptz,
    CONSTRAINT ledger_balance_floor_check CHECK (posted - held >= floor),
    CONSTRAINT ledger_balance_floor_target_check
        CHECK ((floor IS NULL) = (floor_target IS NULL) AND floor <= floor_target),
    CONSTRAINT ledger_balance_held_check CHECK (held >= 0)
) WITH (fillfactor = 60);
CREATE TABLE ledger_floor (
    account integer NOT NULL REFERENCES ledger_account,
    number integer NOT NULL,
    target bigint,
    set_at timestamptz NOT NULL,
    hash bytea NOT NULL,
    PRIMARY KEY (account, number)
);
CREATE TABLE ledger_period (
    number integer PRIMARY KEY,
    opened_at timestamptz NOT NULL,
    closed_at timestamptz
);
CREATE UNIQUE INDEX ledger_period_open_idx ON ledger_period ((closed_at IS NULL)) WHERE closed_at IS NULL;
INSERT INTO ledger_period (number, opened_at) VALUES (1, '1970-01-01T00:00:00Z');
"""

_POSTINGS = """
CREATE TABLE ledger_key (key text COLLATE "C" PRIMARY KEY);
CREATE TABLE ledger_posting (
    id uuid PRIMARY KEY,
    key text COLLATE "C" NOT NULL UNIQUE,
    content bytea NOT NULL,
    kind text NOT NULL,
    period integer NOT NULL,
    effective_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    reverses uuid,
    reference text,
    metadata jsonb NOT NULL,
    seal bigint NOT NULL
);
CREATE INDEX ledger_posting_period_id_idx ON ledger_posting (period, id);
CREATE TABLE ledger_entry (
    posting uuid NOT NULL,
    line integer NOT NULL,
    account integer NOT NULL,
    amount bigint NOT NULL CONSTRAINT ledger_entry_amount_check CHECK (amount <> 0),
    version bigint NOT NULL,
    balance_after bigint NOT NULL,
    unit text NOT NULL,
    label text,
    PRIMARY KEY (posting, line),
    UNIQUE (account, version)
);
CREATE TABLE ledger_hold (
    key text COLLATE "C" PRIMARY KEY,
    content bytea NOT NULL,
    kind text NOT NULL,
    reference text,
    metadata jsonb NOT NULL,
    transfers jsonb NOT NULL,
    state text NOT NULL CONSTRAINT ledger_hold_state_check CHECK (state IN ('pending', 'posted', 'voided')),
    posted bigint[],
    seal bigint NOT NULL,
    ended_seal bigint
);
CREATE TABLE ledger_refusal (
    key text COLLATE "C" PRIMARY KEY,
    content bytea NOT NULL,
    code text NOT NULL,
    detail text NOT NULL,
    facts jsonb NOT NULL,
    seal bigint NOT NULL
);
CREATE TABLE ledger_reversal (
    key text COLLATE "C" PRIMARY KEY,
    posting uuid NOT NULL,
    share_numerator bigint NOT NULL,
    share_denominator bigint NOT NULL,
    parts bigint[] NOT NULL,
    seal bigint NOT NULL
);
CREATE INDEX ledger_reversal_posting_idx ON ledger_reversal (posting);
CREATE TABLE ledger_turnover (
    period integer NOT NULL,
    account integer NOT NULL,
    label text COLLATE "C" NOT NULL,
    debits numeric(60, 0) NOT NULL,
    credits numeric(60, 0) NOT NULL,
    count bigint NOT NULL,
    PRIMARY KEY (period, account, label)
) WITH (fillfactor = 60);
"""

_SEALS = """
CREATE SEQUENCE ledger_seal_id_seq;
CREATE TABLE ledger_seal (
    id bigint PRIMARY KEY,
    writer uuid NOT NULL,
    number bigint NOT NULL,
    recorded_at timestamptz NOT NULL,
    hash bytea NOT NULL,
    UNIQUE (writer, number)
);
CREATE TABLE ledger_root (
    account integer NOT NULL REFERENCES ledger_account,
    period integer NOT NULL REFERENCES ledger_period,
    version_first bigint NOT NULL,
    size bigint NOT NULL,
    salt bytea NOT NULL,
    root bytea NOT NULL,
    PRIMARY KEY (account, period)
);
CREATE TABLE audit_entry (
    number bigint PRIMARY KEY,
    recorded_at timestamptz NOT NULL,
    actor text NOT NULL,
    action text NOT NULL,
    subject text NOT NULL,
    facts jsonb NOT NULL,
    seal bytea NOT NULL
);
"""

_GUARDS = """
CREATE FUNCTION ledger_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';
END $$;
CREATE FUNCTION ledger_check_balanced() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    broken uuid;
BEGIN
    SELECT posting INTO broken FROM inserted GROUP BY posting, unit HAVING sum(amount) <> 0 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'posting % does not balance', broken USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER ledger_entry_balanced AFTER INSERT ON ledger_entry
    REFERENCING NEW TABLE AS inserted FOR EACH STATEMENT EXECUTE FUNCTION ledger_check_balanced();
"""


def upgrade() -> None:
    """Create them, with the first period, which reaches back to the beginning of time."""
    for part in (_ACCOUNTS, _POSTINGS, _SEALS, _GUARDS):
        op.execute(part)
    for table in _APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change()"
        )
    op.execute(
        "CREATE TRIGGER ledger_hold_kept BEFORE DELETE OR TRUNCATE ON ledger_hold "
        "FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change()"
    )


def downgrade() -> None:
    """Drop them."""
    op.execute(
        "DROP TABLE audit_entry, ledger_root, ledger_seal, ledger_turnover, ledger_reversal, ledger_refusal, "
        "ledger_hold, ledger_entry, ledger_posting, ledger_key, ledger_period, ledger_floor, ledger_balance, "
        "ledger_account"
    )
    op.execute("DROP SEQUENCE ledger_seal_id_seq")
    op.execute("DROP FUNCTION ledger_refuse_change()")
    op.execute("DROP FUNCTION ledger_check_balanced()")
