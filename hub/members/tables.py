"""Tables of members and links. Declared for documentation; statements are plain SQL."""

from sqlalchemy import CheckConstraint, Column, DateTime, Index, Integer, LargeBinary, Table, Text, text
from sqlalchemy.dialects.postgresql import ARRAY

from hub.storage import METADATA

# reference: what the client calls its member; opaque. partner: whose client named it; empty for the hub's own people.
member = Table(
    "member",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("partner", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    # erased_at: since when nobody is behind it; its reference is a word of the hub's own from then on.
    Column("erased_at", DateTime(timezone=True)),
)
Index("member_partner_reference_key", member.c.partner, member.c.reference, unique=True)

member_link = Table(
    "member_link",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("member", Text, nullable=False),
    Column("partner", Text, nullable=False),
    Column("membership", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("proof", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("recorded_by", Text, nullable=False),
    Column("debit_by", ARRAY(Text), nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("proven_at", DateTime(timezone=True)),
    Column("closed_at", DateTime(timezone=True)),
    # tier: the partner's word, as it said it last; tier_at: when that was true.
    Column("tier", Text, nullable=False, server_default=""),
    Column("tier_at", DateTime(timezone=True)),
    # name_score: per mille, null where no names were compared; name_differences: what was taken off for, in words.
    Column("name_score", Integer),
    Column("name_differences", ARRAY(Text), nullable=False, server_default="{}"),
    CheckConstraint("state IN ('pending', 'active', 'refused', 'closed')", name="state"),
)
Index("member_link_member_partner_idx", member_link.c.member, member_link.c.partner, member_link.c.created_at)
Index(
    "member_link_active_membership_key",
    member_link.c.partner,
    member_link.c.membership,
    unique=True,
    postgresql_where=text("state = 'active'"),
)
Index(
    "member_link_active_member_key",
    member_link.c.member,
    member_link.c.partner,
    unique=True,
    postgresql_where=text("state = 'active'"),
)

# content: sealed with the key, and the key with the master key; erasing a member deletes the row.
member_private = Table(
    "member_private",
    METADATA,
    Column("member", Text, primary_key=True),
    Column("sealed_key", LargeBinary, nullable=False, info={"sealed": "member key {member}"}),
    Column("content", LargeBinary, nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
)
