"""Tables of settlement. Declared for documentation; statements are plain SQL."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Numeric,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    Time,
    UniqueConstraint,
    text,
)

from hub.storage import METADATA

settlement_calendar = Table(
    "settlement_calendar",
    METADATA,
    Column("code", Text, primary_key=True),
    Column("zone", Text, nullable=False),
    Column("rhythm", Text, nullable=False),
    Column("at", Time, nullable=False),
    Column("weekday", SmallInteger, nullable=False),
    Column("system", Text, nullable=False),
    Column("advice_days", SmallInteger, nullable=False),
    Column("call_days", SmallInteger, nullable=False),
    CheckConstraint("rhythm IN ('day', 'week', 'month')", name="rhythm"),
)

# Days on which a payment system is closed, weekends left out.
settlement_closing_day = Table(
    "settlement_closing_day",
    METADATA,
    Column("system", Text),
    Column("day", Date),
    Column("name", Text, nullable=False),
    PrimaryKeyConstraint("system", "day"),
)

settlement_window = Table(
    "settlement_window",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("calendar", Text, ForeignKey("settlement_calendar.code"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("first_period", BigInteger, nullable=False),
    Column("last_period", BigInteger),
    Column("opened_at", DateTime(timezone=True), nullable=False),
    Column("cut_off", DateTime(timezone=True), nullable=False),
    Column("closed_at", DateTime(timezone=True)),
    Column("advice_on", Date),
    Column("due_on", Date),
    UniqueConstraint("calendar", "number"),
    CheckConstraint("last_period >= first_period", name="periods"),
    CheckConstraint(
        "state IN ('open', 'closed', 'netted', 'stated', 'instructed', 'settled', 'aborted')",
        name="state",
    ),
)
Index(
    "settlement_window_open_idx",
    settlement_window.c.calendar,
    unique=True,
    postgresql_where=text("state = 'open'"),
)

# Amounts of lines and positions: ledger units, of any size. `amount` and `paid`: the currency's smallest units.
settlement_line = Table(
    "settlement_line",
    METADATA,
    Column("window_id", Text, ForeignKey("settlement_window.id")),
    Column("partner", Text),
    Column("currency", Text),
    Column("kind", Text),
    Column("agreement", Text),
    Column("counterparty", Text),
    Column("debits", Numeric, nullable=False),
    Column("credits", Numeric, nullable=False),
    Column("count", BigInteger, nullable=False),
    PrimaryKeyConstraint("window_id", "partner", "currency", "kind", "agreement", "counterparty"),
)

settlement_obligation = Table(
    "settlement_obligation",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("window_id", Text, ForeignKey("settlement_window.id"), nullable=False),
    Column("partner", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("counterparty", Text, nullable=False),
    Column("direction", Text, nullable=False),
    Column("opening", Numeric, nullable=False),
    Column("debits", Numeric, nullable=False),
    Column("credits", Numeric, nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("closing", Numeric, nullable=False),
    Column("paid", BigInteger, nullable=False, server_default="0"),
    UniqueConstraint(
        "window_id", "partner", "currency", "counterparty", "direction", name="settlement_obligation_side_key"
    ),
    CheckConstraint("paid >= 0 AND paid <= abs(amount)", name="paid"),
)

settlement_payment = Table(
    "settlement_payment",
    METADATA,
    Column("obligation", Text, ForeignKey("settlement_obligation.id")),
    Column("reference", Text),
    Column("amount", BigInteger, nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("obligation", "reference"),
)

settlement_statement = Table(
    "settlement_statement",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("window_id", Text, ForeignKey("settlement_window.id"), nullable=False),
    Column("calendar", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("partner", Text, nullable=False),
    Column("live", Boolean, nullable=False),
    Column("document", LargeBinary, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("due_on", Date, nullable=False),
    Column("stated_at", DateTime(timezone=True), nullable=False),
    Column("revision", SmallInteger, nullable=False, server_default="1"),
    Column("replaced", Boolean, nullable=False, server_default="false"),
    Column("acknowledged_at", DateTime(timezone=True)),
    UniqueConstraint("window_id", "partner", "revision"),
)
Index(
    "settlement_statement_partner_idx",
    settlement_statement.c.partner,
    settlement_statement.c.stated_at,
    settlement_statement.c.id,
)

settlement_objection = Table(
    "settlement_objection",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("window_id", Text, ForeignKey("settlement_window.id"), nullable=False),
    Column("statement", Text, nullable=False),
    Column("partner", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("raised_at", DateTime(timezone=True), nullable=False),
    Column("decide_by", Date, nullable=False),
    Column("decided_at", DateTime(timezone=True)),
    Column("decided_period", BigInteger),
    Column("remark", Text, nullable=False, server_default=""),
    CheckConstraint("state IN ('open', 'upheld', 'rejected', 'dropped')", name="state"),
)
Index("settlement_objection_partner_idx", settlement_objection.c.partner, settlement_objection.c.id)
Index("settlement_objection_window_id_idx", settlement_objection.c.window_id)

# One row per slice: its key is the ledger's, so that nothing is ever in dispute twice.
settlement_disputed = Table(
    "settlement_disputed",
    METADATA,
    Column("period", BigInteger),
    Column("partner", Text),
    Column("currency", Text),
    Column("kind", Text),
    Column("agreement", Text),
    Column("counterparty", Text),
    Column("objection", Text, ForeignKey("settlement_objection.id"), nullable=False),
    Column("debits", Numeric, nullable=False),
    Column("credits", Numeric, nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("held", Boolean, nullable=False),
    Column("billed_in", Text, ForeignKey("settlement_window.id")),
    PrimaryKeyConstraint("period", "partner", "currency", "kind", "agreement", "counterparty"),
    CheckConstraint("held OR billed_in IS NULL", name="billed_in"),
)
Index("settlement_disputed_objection_idx", settlement_disputed.c.objection)
Index("settlement_disputed_billed_in_idx", settlement_disputed.c.billed_in)
Index("settlement_disputed_partner_idx", settlement_disputed.c.partner)

settlement_signature = Table(
    "settlement_signature",
    METADATA,
    Column("statement", Text, ForeignKey("settlement_statement.id", ondelete="CASCADE"), primary_key=True),
    Column("key", Text, ForeignKey("access_statement_keys.id", ondelete="CASCADE"), nullable=False),
    Column("value", LargeBinary, nullable=False),
    Column("signed_at", DateTime(timezone=True), nullable=False),
)
Index("settlement_signature_key_idx", settlement_signature.c.key)

# partner: empty for the hub's own account.
settlement_account = Table(
    "settlement_account",
    METADATA,
    Column("partner", Text),
    Column("currency", Text),
    Column("name", Text, nullable=False),
    Column("iban", Text, nullable=False),
    Column("bic", Text, nullable=False),
    Column("town", Text, nullable=False),
    Column("country", Text, nullable=False),
    Column("mandate", Text, nullable=False),
    Column("mandate_on", Date),
    Column("creditor", Text, nullable=False),
    PrimaryKeyConstraint("partner", "currency"),
)
