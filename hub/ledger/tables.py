"""The ledger's tables, for documentation and reading; the migration makes them, COPY fills them.

Every row that a batch writes names the seal it lies under. `ledger_key` is where every key is claimed, whatever becomes
of it, so that two processes cannot use one key for a hold and a posting at once.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Numeric,
    PrimaryKeyConstraint,
    Sequence,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from hub.storage import METADATA

_CODE = Text(collation="C")
_TIME = DateTime(timezone=True)

ledger_account = Table(
    "ledger_account",
    METADATA,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("code", _CODE, nullable=False),
    Column("unit", Text, nullable=False),
    Column("opened_at", _TIME, nullable=False),
    UniqueConstraint("code"),
)

ledger_balance = Table(
    "ledger_balance",
    METADATA,
    Column("account", Integer, ForeignKey("ledger_account.id"), primary_key=True, autoincrement=False),
    Column("posted", BigInteger, nullable=False),
    Column("held", BigInteger, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("floor", BigInteger),
    Column("floor_target", BigInteger),
    Column("recorded_at", _TIME),
    CheckConstraint("posted - held >= floor", name="floor"),
    CheckConstraint("(floor IS NULL) = (floor_target IS NULL) AND floor <= floor_target", name="floor_target"),
    CheckConstraint("held >= 0", name="held"),
    postgresql_with={"fillfactor": 60},
)

ledger_floor = Table(
    "ledger_floor",
    METADATA,
    Column("account", Integer, ForeignKey("ledger_account.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("target", BigInteger),
    Column("set_at", _TIME, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    PrimaryKeyConstraint("account", "number"),
)

ledger_period = Table(
    "ledger_period",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("opened_at", _TIME, nullable=False),
    Column("closed_at", _TIME),
    Index(
        "ledger_period_open_idx", text("(closed_at IS NULL)"), unique=True, postgresql_where=text("closed_at IS NULL")
    ),
)

ledger_key = Table("ledger_key", METADATA, Column("key", _CODE, primary_key=True))

ledger_posting = Table(
    "ledger_posting",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("key", _CODE, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("kind", Text, nullable=False),
    Column("period", Integer, nullable=False),
    Column("effective_at", _TIME, nullable=False),
    Column("recorded_at", _TIME, nullable=False),
    Column("reverses", Uuid),
    Column("reference", Text),
    Column("metadata", JSONB, nullable=False),
    Column("seal", BigInteger, nullable=False),
    UniqueConstraint("key"),
    Index("ledger_posting_period_id_idx", "period", "id"),
)

ledger_entry = Table(
    "ledger_entry",
    METADATA,
    Column("posting", Uuid, nullable=False),
    Column("line", Integer, nullable=False),
    Column("account", Integer, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("balance_after", BigInteger, nullable=False),
    Column("unit", Text, nullable=False),
    Column("label", Text),
    PrimaryKeyConstraint("posting", "line"),
    UniqueConstraint("account", "version"),
    CheckConstraint("amount <> 0", name="amount"),
)

ledger_hold = Table(
    "ledger_hold",
    METADATA,
    Column("key", _CODE, primary_key=True),
    Column("content", LargeBinary, nullable=False),
    Column("kind", Text, nullable=False),
    Column("reference", Text),
    Column("metadata", JSONB, nullable=False),
    Column("transfers", JSONB, nullable=False),
    Column("state", Text, nullable=False),
    Column("posted", ARRAY(BigInteger)),
    Column("seal", BigInteger, nullable=False),
    Column("ended_seal", BigInteger),
    CheckConstraint("state IN ('pending', 'posted', 'voided')", name="state"),
)

ledger_refusal = Table(
    "ledger_refusal",
    METADATA,
    Column("key", _CODE, primary_key=True),
    Column("content", LargeBinary, nullable=False),
    Column("code", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("facts", JSONB, nullable=False),
    Column("seal", BigInteger, nullable=False),
)

ledger_reversal = Table(
    "ledger_reversal",
    METADATA,
    Column("key", _CODE, primary_key=True),
    Column("posting", Uuid, nullable=False),
    Column("share_numerator", BigInteger, nullable=False),
    Column("share_denominator", BigInteger, nullable=False),
    Column("parts", ARRAY(BigInteger), nullable=False),
    Column("seal", BigInteger, nullable=False),
    Index("ledger_reversal_posting_idx", "posting"),
)

ledger_turnover = Table(
    "ledger_turnover",
    METADATA,
    Column("period", Integer, nullable=False),
    Column("account", Integer, nullable=False),
    Column("label", _CODE, nullable=False),
    Column("debits", Numeric(60, 0), nullable=False),
    Column("credits", Numeric(60, 0), nullable=False),
    Column("count", BigInteger, nullable=False),
    PrimaryKeyConstraint("period", "account", "label"),
    postgresql_with={"fillfactor": 60},
)

ledger_seal = Table(
    "ledger_seal",
    METADATA,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("writer", Uuid, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("recorded_at", _TIME, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    UniqueConstraint("writer", "number"),
)

ledger_seal_id_seq = Sequence("ledger_seal_id_seq", metadata=METADATA)

ledger_root = Table(
    "ledger_root",
    METADATA,
    Column("account", Integer, ForeignKey("ledger_account.id"), nullable=False),
    Column("period", Integer, ForeignKey("ledger_period.number"), nullable=False),
    Column("version_first", BigInteger, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("salt", LargeBinary, nullable=False),
    Column("root", LargeBinary, nullable=False),
    PrimaryKeyConstraint("account", "period"),
)
