"""The audit's tables, for documentation and reading. Their triggers refuse every change but going on."""

from sqlalchemy import BigInteger, Boolean, Column, DateTime, LargeBinary, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from hub.storage import METADATA

audit_entry = Table(
    "audit_entry",
    METADATA,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("facts", JSONB, nullable=False),
    Column("seal", LargeBinary, nullable=False),
)

# One row: the newest entry, counted apart from the entries.
audit_head = Table(
    "audit_head",
    METADATA,
    Column("single", Boolean, primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("recorded_at", DateTime(timezone=True)),
    Column("seal", LargeBinary, nullable=False),
)
