"""Tables of grants, proofs of possession, pushed requests and people who sign in; what a client may be for."""

from alembic import op

revision = "0010_sign_in"
down_revision = "0009_idempotency"
branch_labels = None
depends_on = None

_TABLES = (
    "access_attempts",
    "access_sessions",
    "access_challenges",
    "access_enrolments",
    "access_passkeys",
    "access_people",
    "access_proofs",
    "access_requests",
    "access_refresh",
    "access_codes",
    "access_grants",
)


def upgrade() -> None:
    """Create them."""
    op.execute(
        """
        ALTER TABLE access_clients
            ADD COLUMN name text NOT NULL DEFAULT '',
            ADD COLUMN people text NOT NULL DEFAULT '' CHECK (people IN ('', 'member', 'operator')),
            ADD COLUMN profile text NOT NULL DEFAULT 'baseline' CHECK (profile IN ('baseline', 'fapi2')),
            ADD COLUMN dpop boolean NOT NULL DEFAULT false,
            ADD COLUMN redirect_uris text[] NOT NULL DEFAULT '{}',
            DROP CONSTRAINT access_clients_auth_check,
            ADD CONSTRAINT access_clients_auth_check CHECK (auth IN ('secret', 'private_key_jwt', 'none')),
            ADD CONSTRAINT access_clients_app_check CHECK ((people = '') = (redirect_uris = '{}')),
            ADD CONSTRAINT access_clients_public_check CHECK (auth <> 'none' OR people <> ''),
            ADD CONSTRAINT access_clients_fapi2_check CHECK (profile <> 'fapi2' OR (auth = 'private_key_jwt' AND dpop))
        """
    )
    _grants()
    _people()


def _grants() -> None:
    op.execute(
        """
        CREATE TABLE access_grants (
            id text CONSTRAINT access_grants_pkey PRIMARY KEY,
            client text NOT NULL REFERENCES access_clients (id),
            kind text NOT NULL CHECK (kind IN ('member', 'operator')),
            subject text NOT NULL,
            scopes text[] NOT NULL,
            bound_to text NOT NULL,
            created_at timestamptz NOT NULL,
            expires_at timestamptz NOT NULL,
            ended_at timestamptz,
            reason text NOT NULL
        )
        """
    )
    op.execute("CREATE INDEX access_grants_subject_idx ON access_grants (subject, created_at)")
    op.execute("CREATE INDEX access_grants_client_idx ON access_grants (client)")
    op.execute("CREATE INDEX access_grants_ended_at_idx ON access_grants (ended_at) WHERE ended_at IS NOT NULL")
    op.execute("CREATE INDEX access_grants_expires_at_idx ON access_grants (expires_at)")
    op.execute(
        """
        CREATE TABLE access_codes (
            hash bytea CONSTRAINT access_codes_pkey PRIMARY KEY,
            grant_id text NOT NULL REFERENCES access_grants (id) ON DELETE CASCADE,
            redirect_uri text NOT NULL,
            challenge text NOT NULL,
            bound_to text NOT NULL,
            expires_at timestamptz NOT NULL,
            used_at timestamptz
        )
        """
    )
    op.execute("CREATE INDEX access_codes_expires_at_idx ON access_codes (expires_at)")
    op.execute("CREATE INDEX access_codes_grant_id_idx ON access_codes (grant_id)")
    op.execute(
        """
        CREATE TABLE access_refresh (
            hash bytea CONSTRAINT access_refresh_pkey PRIMARY KEY,
            grant_id text NOT NULL REFERENCES access_grants (id) ON DELETE CASCADE,
            created_at timestamptz NOT NULL,
            expires_at timestamptz NOT NULL,
            used_at timestamptz
        )
        """
    )
    op.execute("CREATE INDEX access_refresh_expires_at_idx ON access_refresh (expires_at)")
    op.execute("CREATE INDEX access_refresh_grant_id_idx ON access_refresh (grant_id)")
    op.execute(
        """
        CREATE TABLE access_requests (
            hash bytea CONSTRAINT access_requests_pkey PRIMARY KEY,
            client text NOT NULL,
            parameters text NOT NULL,
            expires_at timestamptz NOT NULL,
            used_at timestamptz
        )
        """
    )
    op.execute("CREATE INDEX access_requests_expires_at_idx ON access_requests (expires_at)")
    op.execute(
        """
        CREATE TABLE access_proofs (
            hash bytea CONSTRAINT access_proofs_pkey PRIMARY KEY,
            expires_at timestamptz NOT NULL
        )
        """
    )
    op.execute("CREATE INDEX access_proofs_expires_at_idx ON access_proofs (expires_at)")


def _people() -> None:
    op.execute(
        """
        CREATE TABLE access_people (
            id text CONSTRAINT access_people_pkey PRIMARY KEY,
            kind text NOT NULL CHECK (kind IN ('member', 'operator')),
            name text NOT NULL,
            login_hash bytea,
            password_hash text NOT NULL,
            totp_sealed bytea,
            totp_step bigint NOT NULL,
            scopes text[] NOT NULL,
            state text NOT NULL CHECK (state IN ('active', 'stopped')),
            created_at timestamptz NOT NULL,
            updated_at timestamptz NOT NULL
        )
        """
    )
    op.execute("CREATE UNIQUE INDEX access_people_login_key ON access_people (kind, login_hash)")
    op.execute("CREATE UNIQUE INDEX access_people_name_key ON access_people (name) WHERE kind = 'operator'")
    op.execute(
        """
        CREATE TABLE access_passkeys (
            id bytea CONSTRAINT access_passkeys_pkey PRIMARY KEY,
            person text NOT NULL REFERENCES access_people (id) ON DELETE CASCADE,
            public_key bytea NOT NULL,
            sign_count bigint NOT NULL,
            created_at timestamptz NOT NULL,
            used_at timestamptz
        )
        """
    )
    op.execute("CREATE INDEX access_passkeys_person_idx ON access_passkeys (person)")
    for table, columns in (
        ("access_enrolments", "person text NOT NULL REFERENCES access_people (id) ON DELETE CASCADE, totp bytea,"),
        ("access_challenges", ""),
        ("access_sessions", "person text NOT NULL REFERENCES access_people (id) ON DELETE CASCADE,"),
    ):
        op.execute(
            f"CREATE TABLE {table} (hash bytea CONSTRAINT {table}_pkey PRIMARY KEY, {columns}"
            " created_at timestamptz NOT NULL, expires_at timestamptz NOT NULL)"
        )
        op.execute(f"CREATE INDEX {table}_expires_at_idx ON {table} (expires_at)")
    op.execute("CREATE INDEX access_enrolments_person_idx ON access_enrolments (person)")
    op.execute("CREATE INDEX access_sessions_person_idx ON access_sessions (person)")
    op.execute(
        """
        CREATE TABLE access_attempts (
            key bytea CONSTRAINT access_attempts_pkey PRIMARY KEY,
            count integer NOT NULL,
            expires_at timestamptz NOT NULL
        )
        """
    )
    op.execute("CREATE INDEX access_attempts_expires_at_idx ON access_attempts (expires_at)")


def downgrade() -> None:
    """Drop them; a client that authenticates in a way the older schema does not know goes too."""
    for table in _TABLES:
        op.drop_table(table)
    op.execute("DELETE FROM access_clients WHERE auth = 'none'")
    op.execute(
        """
        ALTER TABLE access_clients
            DROP COLUMN name, DROP COLUMN people, DROP COLUMN profile, DROP COLUMN dpop, DROP COLUMN redirect_uris,
            DROP CONSTRAINT access_clients_auth_check,
            ADD CONSTRAINT access_clients_auth_check CHECK (auth IN ('secret', 'private_key_jwt'))
        """
    )
