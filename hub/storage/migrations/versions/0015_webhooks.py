"""Tables of `webhooks`."""

from alembic import op

from hub.storage.isolation import protect

revision = "0015_webhooks"
down_revision = "0014_hosted"
branch_labels = None
depends_on = None

_TABLES = (
    """
    CREATE TABLE webhook_endpoint (
        id text CONSTRAINT webhook_endpoint_pkey PRIMARY KEY,
        partner text NOT NULL,
        url text NOT NULL,
        description text NOT NULL,
        types text[] NOT NULL,
        schemes text[] NOT NULL,
        fifo boolean NOT NULL,
        rate_per_second integer NOT NULL CONSTRAINT webhook_endpoint_rate_check CHECK (rate_per_second >= 0),
        live boolean NOT NULL,
        state text NOT NULL CONSTRAINT webhook_endpoint_state_check CHECK (state IN ('active', 'paused', 'disabled')),
        reason text NOT NULL DEFAULT '',
        version integer NOT NULL DEFAULT 1,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL,
        opening integer NOT NULL DEFAULT 2,
        failures integer NOT NULL DEFAULT 0,
        failing_since timestamptz,
        rest_until timestamptz,
        slot_at timestamptz
    )
    """,
    "CREATE INDEX webhook_endpoint_partner_idx ON webhook_endpoint (partner, created_at, id)",
    """
    CREATE TABLE webhook_secret (
        endpoint text NOT NULL CONSTRAINT webhook_secret_endpoint_fkey
            REFERENCES webhook_endpoint (id) ON DELETE CASCADE,
        id text NOT NULL CONSTRAINT webhook_secret_pkey PRIMARY KEY,
        scheme text NOT NULL CONSTRAINT webhook_secret_scheme_check CHECK (scheme IN ('v1', 'v1a')),
        sealed bytea NOT NULL,
        public text NOT NULL,
        created_at timestamptz NOT NULL,
        expires_at timestamptz
    )
    """,
    "CREATE INDEX webhook_secret_endpoint_idx ON webhook_secret (endpoint, created_at)",
    """
    CREATE TABLE webhook_counter (
        id integer CONSTRAINT webhook_counter_pkey PRIMARY KEY,
        number bigint NOT NULL
    )
    """,
    "INSERT INTO webhook_counter VALUES (1, 0)",
    """
    CREATE TABLE webhook_subject (
        partner text NOT NULL,
        subject text NOT NULL,
        sequence bigint NOT NULL,
        CONSTRAINT webhook_subject_pkey PRIMARY KEY (partner, subject)
    )
    """,
    """
    CREATE TABLE webhook_event (
        partner text NOT NULL,
        number bigint NOT NULL,
        id text NOT NULL CONSTRAINT webhook_event_id_key UNIQUE,
        type text NOT NULL,
        subject text NOT NULL,
        sequence bigint NOT NULL,
        live boolean NOT NULL,
        data jsonb NOT NULL,
        occurred_at timestamptz NOT NULL,
        CONSTRAINT webhook_event_pkey PRIMARY KEY (partner, number)
    )
    """,
    "CREATE INDEX webhook_event_occurred_idx ON webhook_event (occurred_at)",
    """
    CREATE TABLE webhook_delivery (
        id text CONSTRAINT webhook_delivery_pkey PRIMARY KEY,
        partner text NOT NULL,
        endpoint text NOT NULL,
        event text NOT NULL,
        number bigint NOT NULL,
        type text NOT NULL,
        state text NOT NULL CONSTRAINT webhook_delivery_state_check
            CHECK (state IN ('parked', 'waiting', 'delivered', 'exhausted')),
        attempt integer NOT NULL DEFAULT 0,
        failed integer NOT NULL DEFAULT 0,
        lease_until timestamptz,
        next_at timestamptz NOT NULL,
        reason text NOT NULL DEFAULT '',
        created_at timestamptz NOT NULL,
        ended_at timestamptz,
        CONSTRAINT webhook_delivery_endpoint_event_key UNIQUE (endpoint, event)
    )
    """,
    "CREATE INDEX webhook_delivery_partner_idx ON webhook_delivery (partner, created_at, id)",
    "CREATE INDEX webhook_delivery_created_idx ON webhook_delivery (created_at)",
    """
    CREATE INDEX webhook_delivery_waiting_idx ON webhook_delivery (endpoint, number)
        WHERE state = 'waiting'
    """,
    "CREATE INDEX webhook_delivery_parked_idx ON webhook_delivery (endpoint, number) WHERE state = 'parked'",
    """
    CREATE INDEX webhook_delivery_flying_idx ON webhook_delivery (endpoint, lease_until)
        WHERE lease_until IS NOT NULL
    """,
    """
    CREATE TABLE webhook_attempt (
        delivery text NOT NULL,
        number integer NOT NULL,
        partner text NOT NULL,
        url text NOT NULL,
        started_at timestamptz NOT NULL,
        answered_at timestamptz,
        latency_ms bigint,
        status integer,
        outcome text NOT NULL DEFAULT '',
        response text NOT NULL DEFAULT '',
        CONSTRAINT webhook_attempt_pkey PRIMARY KEY (delivery, number)
    )
    """,
    """
    CREATE TABLE webhook_notification (
        partner text NOT NULL,
        id text NOT NULL,
        digest bytea NOT NULL,
        stamp bigint NOT NULL,
        sealed bytea NOT NULL,
        state text NOT NULL CONSTRAINT webhook_notification_state_check
            CHECK (state IN ('received', 'done', 'quarantined')),
        reason text NOT NULL DEFAULT '',
        received_at timestamptz NOT NULL,
        ended_at timestamptz,
        CONSTRAINT webhook_notification_pkey PRIMARY KEY (partner, id)
    )
    """,
    "CREATE INDEX webhook_notification_received_idx ON webhook_notification (received_at)",
    """
    CREATE INDEX webhook_notification_quarantined_idx ON webhook_notification (received_at, id)
        WHERE state = 'quarantined'
    """,
)


def upgrade() -> None:
    """Create them."""
    for statement in _TABLES:
        op.execute(statement)
    for table in ("webhook_endpoint", "webhook_event", "webhook_delivery", "webhook_attempt"):
        protect(table, columns=("partner",))


def downgrade() -> None:
    """Drop them."""
    for table in (
        "webhook_notification",
        "webhook_attempt",
        "webhook_delivery",
        "webhook_event",
        "webhook_subject",
        "webhook_counter",
        "webhook_secret",
        "webhook_endpoint",
    ):
        op.drop_table(table)
