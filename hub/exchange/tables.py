"""Tables of the exchange. Declared for documentation; statements are plain SQL."""

from sqlalchemy import ARRAY, BigInteger, Boolean, CheckConstraint, Column, DateTime, Index, Integer, Table, Text
from sqlalchemy import text as sql

from hub.storage import METADATA

# sequence: the last number used, or taken. cut_at: the newest time of day at which instructions were cut.
file_series = Table(
    "file_series",
    METADATA,
    Column("partner", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("sequence", BigInteger, nullable=False, server_default="0"),
    Column("cut_at", DateTime(timezone=True), nullable=False),
)

# A file of ours. about: of a receipt, the file it is for. size and sha256: once it is written.
file_out = Table(
    "file_out",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("partner", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("about", Text, nullable=False, server_default=""),
    Column("made_at", DateTime(timezone=True), nullable=False),
    Column("state", Text, nullable=False, server_default="cut"),
    Column("name", Text, nullable=False, server_default=""),
    Column("records", BigInteger, nullable=False, server_default="0"),
    Column("size", BigInteger, nullable=False, server_default="0"),
    Column("sha256", Text, nullable=False, server_default=""),
    Column("deliveries", Integer, nullable=False, server_default="0"),
    Column("delivered_at", DateTime(timezone=True)),
    Column("answered_at", DateTime(timezone=True)),
    Column("reason", Text, nullable=False, server_default=""),
    CheckConstraint("state IN ('cut', 'written', 'delivered', 'answered', 'refused')", name="state"),
)
Index("file_out_number_key", file_out.c.partner, file_out.c.kind, file_out.c.sequence, unique=True)
Index(
    "file_out_open_idx",
    file_out.c.partner,
    file_out.c.id,
    postgresql_where=sql("state IN ('cut', 'written', 'delivered')"),
)

# A leg in a file, as it was instructed, and what the partner answered.
file_line = Table(
    "file_line",
    METADATA,
    Column("leg", Text, primary_key=True),
    Column("partner", Text, nullable=False),
    Column("file", Text, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("operation", Text, nullable=False),
    Column("membership", Text, nullable=False),
    Column("unit", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("bonus", BigInteger, nullable=False),
    Column("original_key", Text, nullable=False),
    Column("outcome", Text, nullable=False, server_default=""),
    Column("reason", Text, nullable=False, server_default=""),
    Column("reference", Text, nullable=False, server_default=""),
    Column("surviving", Text, nullable=False, server_default=""),
    Column("answered_by", Text, nullable=False, server_default=""),
    CheckConstraint("outcome IN ('', 'done', 'refused', 'differs')", name="outcome"),
)
Index("file_line_file_key", file_line.c.file, file_line.c.number, unique=True)
Index("file_line_open_idx", file_line.c.file, postgresql_where=sql("outcome = ''"))

# A file of a partner. removed: whether it is gone from the partner's folder. answers: the file of ours that it answers.
file_in = Table(
    "file_in",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("partner", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("removed", Boolean, nullable=False, server_default="false"),
    Column("sequence", BigInteger, nullable=False, server_default="0"),
    Column("answers", Text, nullable=False, server_default=""),
    Column("state", Text, nullable=False, server_default="taken"),
    Column("reason", Text, nullable=False, server_default=""),
    Column("detail", Text, nullable=False, server_default=""),
    Column("records", BigInteger, nullable=False, server_default="0"),
    Column("accepted", BigInteger, nullable=False, server_default="0"),
    Column("rejected", BigInteger, nullable=False, server_default="0"),
    Column("received_at", DateTime(timezone=True), nullable=False),
    Column("ended_at", DateTime(timezone=True)),
    CheckConstraint("state IN ('taken', 'accepted', 'done', 'refused')", name="state"),
)
Index("file_in_name_key", file_in.c.partner, file_in.c.name, unique=True, postgresql_where=sql("NOT removed"))
Index("file_in_content_idx", file_in.c.partner, file_in.c.sha256)
Index("file_in_open_idx", file_in.c.partner, file_in.c.id, postgresql_where=sql("state IN ('taken', 'accepted')"))

# The codes of records that follow each other in a file of a partner, written with their effect. first: from 1.
file_part = Table(
    "file_part",
    METADATA,
    Column("file", Text, primary_key=True),
    Column("first", BigInteger, primary_key=True),
    Column("codes", ARRAY(Text), nullable=False),
)
