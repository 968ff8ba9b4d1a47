"""Settlement: calendars, closing days, windows, lines, obligations, payments, statements."""

from alembic import op

from hub.storage.isolation import protect

revision = "0020_settlement"
down_revision = "0019_notifications"
branch_labels = None
depends_on = None

_STATEMENTS = (
    """
    CREATE TABLE settlement_calendar (
        code text NOT NULL CONSTRAINT settlement_calendar_pkey PRIMARY KEY,
        zone text NOT NULL,
        rhythm text NOT NULL CONSTRAINT settlement_calendar_rhythm_check CHECK (rhythm IN ('day', 'week', 'month')),
        at time NOT NULL,
        weekday smallint NOT NULL,
        system text NOT NULL,
        advice_days smallint NOT NULL,
        call_days smallint NOT NULL
    )
    """,
    # Agreements name one of these unless they say otherwise.
    """
    INSERT INTO settlement_calendar (code, zone, rhythm, at, weekday, system, advice_days, call_days) VALUES
        ('daily', 'UTC', 'day', '00:00', 0, '', 1, 2),
        ('weekly', 'UTC', 'week', '00:00', 0, '', 2, 5),
        ('monthly', 'UTC', 'month', '00:00', 0, '', 3, 10)
    """,
    """
    CREATE TABLE settlement_closing_day (
        system text NOT NULL,
        day date NOT NULL,
        name text NOT NULL,
        CONSTRAINT settlement_closing_day_pkey PRIMARY KEY (system, day)
    )
    """,
    """
    CREATE TABLE settlement_window (
        id text NOT NULL CONSTRAINT settlement_window_pkey PRIMARY KEY,
        calendar text NOT NULL CONSTRAINT settlement_window_calendar_fkey REFERENCES settlement_calendar (code),
        number integer NOT NULL,
        state text NOT NULL CONSTRAINT settlement_window_state_check CHECK (
            state IN ('open', 'closed', 'netted', 'stated', 'instructed', 'settled', 'aborted')),
        first_period bigint NOT NULL,
        last_period bigint,
        opened_at timestamptz NOT NULL,
        cut_off timestamptz NOT NULL,
        closed_at timestamptz,
        advice_on date,
        due_on date,
        CONSTRAINT settlement_window_calendar_number_key UNIQUE (calendar, number),
        CONSTRAINT settlement_window_periods_check CHECK (last_period >= first_period)
    )
    """,
    "CREATE UNIQUE INDEX settlement_window_open_idx ON settlement_window (calendar) WHERE state = 'open'",
    """
    CREATE TABLE settlement_line (
        window_id text NOT NULL CONSTRAINT settlement_line_window_id_fkey REFERENCES settlement_window (id),
        partner text NOT NULL,
        currency text NOT NULL,
        kind text NOT NULL,
        agreement text NOT NULL,
        counterparty text NOT NULL,
        debits numeric NOT NULL,
        credits numeric NOT NULL,
        count bigint NOT NULL,
        CONSTRAINT settlement_line_pkey PRIMARY KEY (window_id, partner, currency, kind, agreement, counterparty)
    )
    """,
    """
    CREATE TABLE settlement_obligation (
        id text NOT NULL CONSTRAINT settlement_obligation_pkey PRIMARY KEY,
        window_id text NOT NULL CONSTRAINT settlement_obligation_window_id_fkey REFERENCES settlement_window (id),
        partner text NOT NULL,
        currency text NOT NULL,
        counterparty text NOT NULL,
        direction text NOT NULL,
        opening numeric NOT NULL,
        debits numeric NOT NULL,
        credits numeric NOT NULL,
        count bigint NOT NULL,
        amount bigint NOT NULL,
        closing numeric NOT NULL,
        paid bigint NOT NULL DEFAULT 0,
        CONSTRAINT settlement_obligation_side_key UNIQUE (window_id, partner, currency, counterparty, direction),
        CONSTRAINT settlement_obligation_paid_check CHECK (paid >= 0 AND paid <= abs(amount))
    )
    """,
    """
    CREATE TABLE settlement_payment (
        obligation text NOT NULL CONSTRAINT settlement_payment_obligation_fkey REFERENCES settlement_obligation (id),
        reference text NOT NULL,
        amount bigint NOT NULL,
        recorded_at timestamptz NOT NULL,
        CONSTRAINT settlement_payment_pkey PRIMARY KEY (obligation, reference)
    )
    """,
    """
    CREATE TABLE settlement_statement (
        id text NOT NULL CONSTRAINT settlement_statement_pkey PRIMARY KEY,
        window_id text NOT NULL CONSTRAINT settlement_statement_window_id_fkey REFERENCES settlement_window (id),
        calendar text NOT NULL,
        number integer NOT NULL,
        partner text NOT NULL,
        live boolean NOT NULL,
        document bytea NOT NULL,
        digest bytea NOT NULL,
        due_on date NOT NULL,
        stated_at timestamptz NOT NULL,
        CONSTRAINT settlement_statement_window_id_partner_key UNIQUE (window_id, partner)
    )
    """,
    "CREATE INDEX settlement_statement_partner_idx ON settlement_statement (partner, stated_at, id)",
)

_TABLES = (
    "settlement_statement",
    "settlement_payment",
    "settlement_obligation",
    "settlement_line",
    "settlement_window",
    "settlement_closing_day",
    "settlement_calendar",
)


def upgrade() -> None:
    """Create them, with three calendars to begin with."""
    for statement in _STATEMENTS:
        op.execute(statement)
    protect("settlement_statement", columns=("partner",))


def downgrade() -> None:
    """Drop them."""
    for table in _TABLES:
        op.drop_table(table)
