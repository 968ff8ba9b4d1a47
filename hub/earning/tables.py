"""Tables of earning. Declared for documentation; statements are plain SQL."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
)
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from hub.storage import METADATA

_Instant = DateTime(timezone=True)

# Rules as a document, checked again whenever they are read.
earn_ruleset = Table(
    "earn_ruleset",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("bank", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("effective_from", Date, nullable=False),
    Column("effective_until", Date),
    Column("document", JSONB, nullable=False),
    # Whose points the rules grant, and the bank: they see the rules, and agree to them.
    Column("partners", ARRAY(Text), nullable=False, server_default="{}"),
    # 1, 2, 3 in the order of activation, 0 before: of two that start together the later one holds.
    Column("activation", Integer, nullable=False),
    Column("proposed_by", Text, nullable=False),
    Column("proposed_at", _Instant, nullable=False),
    Column("activated_by", Text, nullable=False),
    Column("activated_at", _Instant),
    CheckConstraint("state IN ('proposed', 'active', 'withdrawn')", name="state"),
    Index("earn_ruleset_bank_idx", "bank", "id"),
    Index("earn_ruleset_partners_idx", "partners", postgresql_using="gin"),
)

# One row a bank: locked first by everything that moves its accruals.
earn_bank = Table(
    "earn_bank",
    METADATA,
    Column("bank", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("stopped_at", _Instant),
    CheckConstraint("state IN ('open', 'stopped')", name="state"),
)

card_token = Table(
    "card_token",
    METADATA,
    Column("number", BigInteger, Identity(always=True), primary_key=True),
    Column("bank", Text, nullable=False),
    Column("token", Text, nullable=False),
    Column("member", Text, nullable=False),
    Column("product", Text, nullable=False),
    Column("tier", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("linked_at", _Instant, nullable=False),
    # From then on it earns nothing; what it bought before can still be given back.
    Column("removed_at", _Instant),
    Index("card_token_bank_token_key", "bank", "token", unique=True),
    Index("card_token_member_idx", "member"),
)

earn_target = Table(
    "earn_target",
    METADATA,
    Column("bank", Text, primary_key=True),
    Column("member", Text, primary_key=True),
    Column("since", Date, primary_key=True),
    Column("unit", Text, nullable=False),
    Column("recorded_at", _Instant, nullable=False),
)

# Distinct ways in which transactions were priced: chain of rules, unit, and the agreement that gives the price.
earn_pricing = Table(
    "earn_pricing",
    METADATA,
    Column("number", Integer, Identity(always=True), primary_key=True),
    Column("bank", Text, nullable=False),
    Column("unit", Text, nullable=False),
    Column("terms", Text, nullable=False),
    Column("ruleset", Text, nullable=False),
    Column("chain", Text, nullable=False),
    Index("earn_pricing_bank_idx", "bank", "unit", "terms", "ruleset"),
)

# What was taken in one transaction of the database: the unit of posting, of stopping and of paying out.
earn_chunk = Table(
    "earn_chunk",
    METADATA,
    Column("number", BigInteger, Identity(always=True), primary_key=True),
    Column("bank", Text, nullable=False),
    Column("source", Text, nullable=False),
    # Over its rows as they were taken.
    Column("seal", LargeBinary, nullable=False, server_default=""),
    Column("taken_at", _Instant, nullable=False),
    Column("state", Text, nullable=False),
    Column("posted_at", _Instant),
    Column("run", Text),
    CheckConstraint("state IN ('posted', 'stopped')", name="state"),
    Index("earn_chunk_due_idx", "bank", "number", postgresql_where=sql("run IS NULL")),
)

# A transaction as it was taken, with the points that it moved then. refunded: smallest units that refunds undid since.
card_transaction = Table(
    "card_transaction",
    METADATA,
    Column("chunk", BigInteger, primary_key=True),
    Column("line", BigInteger, primary_key=True),
    Column("bank", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("token", BigInteger, nullable=False),
    Column("at", _Instant, nullable=False),
    Column("day", Date, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("category", Text, nullable=False),
    Column("merchant", Text, nullable=False),
    Column("product", Text, nullable=False),
    Column("tier", Text, nullable=False),
    Column("original", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("pricing", Integer, nullable=False),
    Column("points", BigInteger, nullable=False),
    Column("refunded", BigInteger, nullable=False, server_default="0"),
    Index("card_transaction_bank_id_key", "bank", "id", unique=True),
    Index("card_transaction_token_day_idx", "token", "day"),
)

# Refunds and what they undo. pricing: of the refund by itself. matched: id of the purchase, empty for none.
earn_refund = Table(
    "earn_refund",
    METADATA,
    Column("bank", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("chunk", BigInteger, nullable=False),
    Column("line", BigInteger, nullable=False),
    Column("token", BigInteger, nullable=False),
    Column("day", Date, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("merchant", Text, nullable=False),
    Column("original", Text, nullable=False),
    Column("pricing", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("matched", Text, nullable=False),
    CheckConstraint("state IN ('matched', 'alone', 'held')", name="state"),
    Index("earn_refund_token_idx", "token"),
    Index("earn_refund_original_idx", "bank", "original", postgresql_where=sql("state <> 'matched'")),
    Index("earn_refund_held_idx", "bank", "day", postgresql_where=sql("state = 'held'")),
)

# Points that moved after the transaction was taken: refunds, months that changed, refunds that found their purchase.
earn_adjustment = Table(
    "earn_adjustment",
    METADATA,
    Column("chunk", BigInteger, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("bank", Text, nullable=False),
    Column("transaction", Text, nullable=False),
    Column("token", BigInteger, nullable=False),
    Column("pricing", Integer, nullable=False),
    Column("points", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Index("earn_adjustment_transaction_idx", "bank", "transaction"),
)

# A member's month towards one unit: the sums that caps, minimums and rounding by statement work on.
earn_pool = Table(
    "earn_pool",
    METADATA,
    Column("bank", Text, primary_key=True),
    Column("member", Text, primary_key=True),
    Column("month", Date, primary_key=True),
    Column("unit", Text, primary_key=True),
    Column("ruleset", Text, primary_key=True),
    Column("spend", BigInteger, nullable=False),
    Column("sums", Text, nullable=False),
    Column("points", BigInteger, nullable=False),
)

earn_file = Table(
    "earn_file",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("bank", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("place", BigInteger, nullable=False),
    Column("line", BigInteger, nullable=False),
    Column("handback_bytes", BigInteger, nullable=False),
    Column("counts", JSONB, nullable=False),
    Column("started_at", _Instant, nullable=False),
    Column("finished_at", _Instant),
    CheckConstraint("state IN ('open', 'done')", name="state"),
    Index("earn_file_open_key", "bank", "sha256", unique=True, postgresql_where=sql("state = 'open'")),
)

# A block that the bank paid in advance. kind: `points` of `unit`, or `deposit` in the currency `unit`.
earn_block = Table(
    "earn_block",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("bank", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("unit", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("reorder_at", BigInteger, nullable=False),
    Column("reserve", Boolean, nullable=False),
    Column("alerted", Boolean, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("created_at", _Instant, nullable=False),
    CheckConstraint("kind IN ('points', 'deposit')", name="kind"),
    CheckConstraint("amount > 0", name="amount"),
    Index("earn_block_bank_idx", "bank", "id"),
)

# What one member gets, or gives back, at one partner out of one run. points: below zero for a claw-back.
earn_payout = Table(
    "earn_payout",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("run", Text, nullable=False),
    Column("bank", Text, nullable=False),
    Column("partner", Text, nullable=False),
    Column("member", Text, nullable=False),
    Column("unit", Text, nullable=False),
    Column("terms", Text, nullable=False),
    Column("points", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("membership", Text, nullable=False),
    Column("leg", Text, nullable=False),
    Column("created_at", _Instant, nullable=False),
    Column("updated_at", _Instant, nullable=False),
    CheckConstraint("state IN ('waiting', 'sent', 'paid', 'merged', 'by_hand', 'returned')", name="state"),
    Index("earn_payout_waiting_idx", "bank", "member", postgresql_where=sql("state = 'waiting'")),
    Index("earn_payout_member_idx", "member", "id"),
    Index("earn_payout_bank_idx", "bank", "id"),
    Index("earn_payout_leg_idx", "leg", postgresql_where=sql("leg <> ''")),
)

# Why a transaction was refused last. One that was taken later stands in `card_transaction` all the same.
earn_refused = Table(
    "earn_refused",
    METADATA,
    Column("bank", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("code", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("refused_at", _Instant, nullable=False),
)

earn_claim = Table(
    "earn_claim",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("bank", Text, nullable=False),
    Column("token", BigInteger, nullable=False),
    Column("day", Date, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("transaction", Text, nullable=False),
    Column("merchant", Text, nullable=False),
    Column("answer", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("points", BigInteger),
    Column("made_at", _Instant, nullable=False),
    Index("earn_claim_bank_idx", "bank", "id"),
)
