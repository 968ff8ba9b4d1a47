"""Tables of `access`. Secrets are stored as SHA-256, private keys and hub secrets sealed with the master key."""

from sqlalchemy import ARRAY, TIMESTAMP, Boolean, Column, LargeBinary, Table, Text

from hub.storage import METADATA

CLIENTS = Table(
    "access_clients",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("partner", Text, nullable=False),
    Column("auth", Text, nullable=False),
    Column("secret_hash", LargeBinary),
    Column("previous_hash", LargeBinary),
    Column("previous_until", TIMESTAMP(timezone=True)),
    Column("jwks", Text),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("live", Boolean, nullable=False),
    Column("state", Text, nullable=False),
    Column("created_at", TIMESTAMP(timezone=True), nullable=False),
    Column("updated_at", TIMESTAMP(timezone=True), nullable=False),
)

KEYS = Table(
    "access_keys",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("public", Text, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("created_at", TIMESTAMP(timezone=True), nullable=False),
    Column("retired_at", TIMESTAMP(timezone=True)),
)

SECRETS = Table(
    "access_secrets",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("created_at", TIMESTAMP(timezone=True), nullable=False),
)

REVOKED = Table(
    "access_revoked",
    METADATA,
    Column("jti", Text, primary_key=True),
    Column("expires_at", TIMESTAMP(timezone=True), nullable=False),
    Column("revoked_at", TIMESTAMP(timezone=True), nullable=False),
)

ASSERTIONS = Table(
    "access_assertions",
    METADATA,
    Column("client", Text, primary_key=True),
    Column("jti", Text, primary_key=True),
    Column("expires_at", TIMESTAMP(timezone=True), nullable=False),
)
