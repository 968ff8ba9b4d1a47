"""What a reading on behalf of one partner may see of every table made so far; how often clients have asked."""

from alembic import op

from hub.storage.isolation import PARTNER, Parent, protect, share, unprotect, unshare

revision = "0011_isolation"
down_revision = "0010_sign_in"
branch_labels = None
depends_on = None

# Without the addresses at which a partner is called, and without the names of operators.
_PARTNER_COLUMNS = (
    "code", "name", "kind", "profile", "time_zone", "live", "state", "stopped", "state_since", "added_at",
)  # fmt: skip

# Until it is activated a rule or campaign is the business of the partners it names and of nobody else.
_NAMED = (
    f"state <> 'proposed' OR {PARTNER} IN "  # noqa: S608 - names of ours
    "(SELECT unit.partner FROM unit WHERE unit.code IN ({table}.source_unit, {table}.target_unit))"
)


def upgrade() -> None:
    """Protect them, parents before children."""
    # Losing it in a crash gives each client one more burst, so it need not be written twice.
    op.execute(
        """
        CREATE UNLOGGED TABLE client_pace (
            client text CONSTRAINT client_pace_pkey PRIMARY KEY,
            level bigint NOT NULL,
            granted bigint NOT NULL,
            at_ms bigint NOT NULL
        ) WITH (fillfactor = 50)
        """
    )
    share("catalogue_version")
    share("partner", columns=_PARTNER_COLUMNS)
    share("unit")
    protect("agreement", columns=("partner",))
    protect("agreement_price", through=Parent("agreement", "version", key="version"))
    protect("approval", columns=("partner",))
    protect("rate_rule", where=_NAMED.format(table="rate_rule"))
    protect("campaign", where=_NAMED.format(table="campaign"))
    protect("member", columns=("partner",))
    protect("member_link", columns=("partner",), where=f"recorded_by = 'partner:' || {PARTNER}")
    protect("conversion", columns=("client_partner", "source_partner", "target_partner"))
    protect("conversion_moment", through=Parent("conversion", "conversion"))
    protect("leg", columns=("partner",), through=Parent("conversion", "owner"))
    protect("leg_attempt", through=Parent("leg", "leg"))


def downgrade() -> None:
    """Take it back. The role stays: other databases of the server may use it."""
    for table in (
        "leg_attempt", "leg", "conversion_moment", "conversion", "member_link", "member", "campaign", "rate_rule",
        "approval", "agreement_price", "agreement",
    ):  # fmt: skip
        unprotect(table)
    for table in ("unit", "partner", "catalogue_version"):
        unshare(table)
    op.execute("DROP TABLE client_pace")
