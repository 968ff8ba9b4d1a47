"""Tables of `access`.

Secrets, codes, tokens and handles are stored as SHA-256, logins and addresses as keyed hashes; private keys, hub
secrets and one-time-code secrets are sealed with the master key. A sealed column says under which label, by the columns
of its row: so `hub keys rewrap` finds every one of them.
"""

from sqlalchemy import (
    ARRAY,
    TIMESTAMP,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Integer,
    LargeBinary,
    Table,
    Text,
)

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
    Column("name", Text, nullable=False),
    Column("people", Text, nullable=False),
    Column("profile", Text, nullable=False),
    Column("dpop", Boolean, nullable=False),
    Column("redirect_uris", ARRAY(Text), nullable=False),
)

KEYS = Table(
    "access_keys",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("public", Text, nullable=False),
    Column("sealed", LargeBinary, nullable=False, info={"sealed": "signing key {id}"}),
    Column("created_at", TIMESTAMP(timezone=True), nullable=False),
    Column("retired_at", TIMESTAMP(timezone=True)),
)

# At most one of them signs: a unique index over those that are not retired.
STATEMENT_KEYS = Table(
    "access_statement_keys",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("public", Text, nullable=False),
    # Of the key that signs only: a retired one has forgotten its private half.
    Column("sealed", LargeBinary, info={"sealed": "statement key {id}"}),
    Column("created_at", TIMESTAMP(timezone=True), nullable=False),
    Column("retired_at", TIMESTAMP(timezone=True)),
    CheckConstraint("(sealed IS NULL) = (retired_at IS NOT NULL)", name="sealed"),
)

SECRETS = Table(
    "access_secrets",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("sealed", LargeBinary, nullable=False, info={"sealed": "secret {name} {id}"}),
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

# One consent of one person to one app; everything issued from it is one family and ends with it.
GRANTS = Table(
    "access_grants",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("client", Text, ForeignKey("access_clients.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("bound_to", Text, nullable=False),
    Column("created_at", TIMESTAMP(timezone=True), nullable=False),
    Column("expires_at", TIMESTAMP(timezone=True), nullable=False),
    Column("ended_at", TIMESTAMP(timezone=True)),
    Column("reason", Text, nullable=False),
)

CODES = Table(
    "access_codes",
    METADATA,
    Column("hash", LargeBinary, primary_key=True),
    Column("grant_id", Text, ForeignKey("access_grants.id", ondelete="CASCADE"), nullable=False),
    Column("redirect_uri", Text, nullable=False),
    Column("challenge", Text, nullable=False),
    Column("bound_to", Text, nullable=False),
    Column("expires_at", TIMESTAMP(timezone=True), nullable=False),
    Column("used_at", TIMESTAMP(timezone=True)),
)

REFRESH = Table(
    "access_refresh",
    METADATA,
    Column("hash", LargeBinary, primary_key=True),
    Column("grant_id", Text, ForeignKey("access_grants.id", ondelete="CASCADE"), nullable=False),
    Column("created_at", TIMESTAMP(timezone=True), nullable=False),
    Column("expires_at", TIMESTAMP(timezone=True), nullable=False),
    Column("used_at", TIMESTAMP(timezone=True)),
)

REQUESTS = Table(
    "access_requests",
    METADATA,
    Column("hash", LargeBinary, primary_key=True),
    Column("client", Text, nullable=False),
    Column("parameters", Text, nullable=False),
    Column("expires_at", TIMESTAMP(timezone=True), nullable=False),
    Column("used_at", TIMESTAMP(timezone=True)),
)

PROOFS = Table(
    "access_proofs",
    METADATA,
    Column("hash", LargeBinary, primary_key=True),
    Column("expires_at", TIMESTAMP(timezone=True), nullable=False),
)

# Who can sign in: members (no name is kept of them) and operators (whose name the audit log shows).
PEOPLE = Table(
    "access_people",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("login_hash", LargeBinary),
    Column("password_hash", Text, nullable=False),
    Column("totp_sealed", LargeBinary, info={"sealed": "one-time codes of {id}"}),
    Column("totp_step", BigInteger, nullable=False),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("state", Text, nullable=False),
    Column("created_at", TIMESTAMP(timezone=True), nullable=False),
    Column("updated_at", TIMESTAMP(timezone=True), nullable=False),
)

PASSKEYS = Table(
    "access_passkeys",
    METADATA,
    Column("id", LargeBinary, primary_key=True),
    Column("person", Text, ForeignKey("access_people.id", ondelete="CASCADE"), nullable=False),
    Column("public_key", LargeBinary, nullable=False),
    Column("sign_count", BigInteger, nullable=False),
    Column("created_at", TIMESTAMP(timezone=True), nullable=False),
    Column("used_at", TIMESTAMP(timezone=True)),
)

# totp: the secret shown on the enrolment page, sealed; it counts only once a code of it was entered.
ENROLMENTS = Table(
    "access_enrolments",
    METADATA,
    Column("hash", LargeBinary, primary_key=True),
    Column("person", Text, ForeignKey("access_people.id", ondelete="CASCADE"), nullable=False),
    Column("totp", LargeBinary, info={"sealed": "one-time codes of {person}"}),
    Column("created_at", TIMESTAMP(timezone=True), nullable=False),
    Column("expires_at", TIMESTAMP(timezone=True), nullable=False),
)

RECOVERY = Table(
    "access_recovery",
    METADATA,
    Column("hash", LargeBinary, primary_key=True),
    Column("person", Text, ForeignKey("access_people.id", ondelete="CASCADE"), nullable=False),
)

CHALLENGES = Table(
    "access_challenges",
    METADATA,
    Column("hash", LargeBinary, primary_key=True),
    Column("created_at", TIMESTAMP(timezone=True), nullable=False),
    Column("expires_at", TIMESTAMP(timezone=True), nullable=False),
)

# asked: hash of the authorization request that somebody signed in for.
SESSIONS = Table(
    "access_sessions",
    METADATA,
    Column("hash", LargeBinary, primary_key=True),
    Column("person", Text, ForeignKey("access_people.id", ondelete="CASCADE"), nullable=False),
    Column("asked", LargeBinary, nullable=False),
    Column("created_at", TIMESTAMP(timezone=True), nullable=False),
    Column("expires_at", TIMESTAMP(timezone=True), nullable=False),
)

ATTEMPTS = Table(
    "access_attempts",
    METADATA,
    Column("key", LargeBinary, primary_key=True),
    Column("count", Integer, nullable=False),
    Column("expires_at", TIMESTAMP(timezone=True), nullable=False),
)
