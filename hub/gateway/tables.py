"""Tables of the door: answers kept under idempotency keys, and how often clients have asked."""

from sqlalchemy import TIMESTAMP, BigInteger, Column, LargeBinary, SmallInteger, Table, Text

from hub.storage import METADATA

KEYS = Table(
    "idempotency_keys",
    METADATA,
    Column("key", Text, primary_key=True),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("status", SmallInteger, nullable=False),
    Column("location", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("created_at", TIMESTAMP(timezone=True), nullable=False),
)

PACE = Table(
    "client_pace",
    METADATA,
    Column("client", Text, primary_key=True),
    # Thousandths of a request: taken and not flowed back yet, and given at the last turn; milliseconds since 1970.
    Column("level", BigInteger, nullable=False),
    Column("granted", BigInteger, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
)
