"""Tables of `access`."""

from alembic import op

revision = "0003_access"
down_revision = "0002_ledger"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create them."""
    op.execute(
        """
        CREATE TABLE access_clients (
            id text CONSTRAINT access_clients_pkey PRIMARY KEY,
            partner text NOT NULL,
            auth text NOT NULL CHECK (auth IN ('secret', 'private_key_jwt')),
            secret_hash bytea,
            previous_hash bytea,
            previous_until timestamptz,
            jwks text,
            scopes text[] NOT NULL,
            live boolean NOT NULL,
            state text NOT NULL CHECK (state IN ('active', 'stopped')),
            created_at timestamptz NOT NULL,
            updated_at timestamptz NOT NULL,
            CHECK ((auth = 'secret') = (secret_hash IS NOT NULL)),
            CHECK ((auth = 'private_key_jwt') = (jwks IS NOT NULL))
        )
        """
    )
    op.execute(
        """
        CREATE TABLE access_keys (
            id text CONSTRAINT access_keys_pkey PRIMARY KEY,
            state text NOT NULL CHECK (state IN ('active', 'next', 'retired')),
            public text NOT NULL,
            sealed bytea NOT NULL,
            created_at timestamptz NOT NULL,
            retired_at timestamptz
        )
        """
    )
    # One key signs and one waits its turn, whatever several processes do at once.
    op.execute("CREATE UNIQUE INDEX access_keys_state_key ON access_keys (state) WHERE state <> 'retired'")
    op.execute(
        """
        CREATE TABLE access_secrets (
            id text CONSTRAINT access_secrets_pkey PRIMARY KEY,
            name text NOT NULL,
            sealed bytea NOT NULL,
            created_at timestamptz NOT NULL
        )
        """
    )
    op.execute("CREATE INDEX access_secrets_name_idx ON access_secrets (name, created_at)")
    op.execute(
        """
        CREATE TABLE access_revoked (
            jti text CONSTRAINT access_revoked_pkey PRIMARY KEY,
            expires_at timestamptz NOT NULL,
            revoked_at timestamptz NOT NULL
        )
        """
    )
    op.execute("CREATE INDEX access_revoked_expires_at_idx ON access_revoked (expires_at)")
    op.execute(
        """
        CREATE TABLE access_assertions (
            client text NOT NULL,
            jti text NOT NULL,
            expires_at timestamptz NOT NULL,
            CONSTRAINT access_assertions_pkey PRIMARY KEY (client, jti)
        )
        """
    )
    op.execute("CREATE INDEX access_assertions_expires_at_idx ON access_assertions (expires_at)")


def downgrade() -> None:
    """Drop them."""
    for table in ("access_assertions", "access_revoked", "access_secrets", "access_keys", "access_clients"):
        op.drop_table(table)
