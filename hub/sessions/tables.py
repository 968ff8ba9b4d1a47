"""Tables of shared sessions. Declared for documentation; statements are plain SQL."""

from sqlalchemy import Column, DateTime, Integer, LargeBinary, Table, Text

from hub.storage import METADATA

# One access token for each partner and scope. sealed: its value, encrypted by the hub's vault.
partner_token = Table(
    "partner_token",
    METADATA,
    Column("partner", Text, primary_key=True),
    Column("scope", Text, primary_key=True),
    Column("sealed", LargeBinary, nullable=False, info={"sealed": "partner_token {partner} {scope}"}),
    Column("renew_at", DateTime(timezone=True), nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
)

# A row only while a partner is in trouble. opened_at: when calls stopped. resting_until: no call before that.
# probe_until: until when the one call that may try again has to have answered.
partner_breaker = Table(
    "partner_breaker",
    METADATA,
    Column("partner", Text, primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("opened_at", DateTime(timezone=True)),
    Column("resting_until", DateTime(timezone=True)),
    Column("probe_until", DateTime(timezone=True)),
)
