"""Tables of the door: answers kept under idempotency keys."""

from sqlalchemy import TIMESTAMP, Column, LargeBinary, SmallInteger, Table, Text

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
