"""Row-level security for what is read on behalf of one partner: a forgotten filter returns nothing.

`Database.read(as_partner="aerojet")` reads as the role `hub_reader` with the setting `hub.partner`. That role sees of a
table only what a migration gave it here, and may never write. The tables' owner is not bound: batches mix clients and
write by COPY, which fails under a policy. Knows roles, grants and policies; does not know what a table means.

In the migration that creates a table, say one of these:

    protect("leg", columns=("partner",))               rows where one of the columns is the partner's code
    protect("webhook_delivery", through=Parent("webhook_endpoint", "endpoint"))
                                                       rows whose parent row, by its `id`, the partner may read
    protect("member_link", where=f"recorded_by = 'partner:' || {PARTNER}")
                                                       any further condition; all that are given are joined by OR
    share("unit")                                      every partner reads all of it, or only the named columns
                                                       (list it in `SHARED` too)

or add the table to `NEVER_READ`, when only the hub itself reads it. A table that is in none of these places fails the
test of the architecture. `downgrade` needs nothing when it drops the table, and `unprotect` when it stays. Index what a
policy compares, as it is part of every query. Operators, reports and caches that all clients share read with an empty
`as_partner` and see everything.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from alembic import op
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from hub.kernel.errors import HubError
from hub.storage.database import READER

# The partner on whose behalf is read, null for none: a setting that ended with its transaction reads as an empty text,
# and an empty text stands for the hub's own people in some columns.
PARTNER = "nullif(current_setting('hub.partner', true), '')"

# What no partner is ever shown a row of. Operators' routes and the hub itself read these as the owner.
NEVER_READ = frozenset(
    {
        "access_assertions",
        "access_attempts",
        "access_challenges",
        "access_clients",
        "access_codes",
        "access_enrolments",
        "access_grants",
        "access_keys",
        "access_passkeys",
        "access_people",
        "access_proofs",
        "access_recovery",
        "access_refresh",
        "access_requests",
        "access_revoked",
        "access_secrets",
        "access_sessions",
        "access_statement_keys",
        "alembic_version",
        "audit_entry",
        "audit_head",
        "case_file",
        "client_pace",
        "conversion_verdict",
        "file_in",
        "file_line",
        "file_out",
        "file_part",
        "file_series",
        "idempotency_keys",
        "ledger_account",
        "ledger_balance",
        "ledger_entry",
        "ledger_floor",
        "ledger_hold",
        "ledger_key",
        "ledger_period",
        "ledger_posting",
        "ledger_refusal",
        "ledger_reversal",
        "ledger_root",
        "ledger_seal",
        "ledger_turnover",
        "limit_counter",
        "limit_rule",
        "limit_use",
        "member_private",
        "notification_key",
        "outbox_message",
        "partner_breaker",
        "partner_token",
        "settlement_account",
        "settlement_calendar",
        "settlement_closing_day",
        "settlement_line",
        "settlement_obligation",
        "settlement_payment",
        "settlement_window",
        "webhook_counter",
        "webhook_secret",
        "webhook_subject",
    }
)

# What every partner may read: nothing in it belongs to one of them alone. Listed, so that no grant is an accident.
SHARED = frozenset({"catalogue_version", "partner", "unit"})


class ReaderMissing(HubError):
    """The database has no role `hub_reader` that the hub may take on, and the hub may not create it."""

    code = "reader_missing"


@dataclass(frozen=True, slots=True)
class Parent:
    """The protected table that a row belongs to: `column` of the child names the `key` of the parent."""

    table: str
    column: str
    key: str = "id"


def protect(table: str, *, columns: Sequence[str] = (), through: Parent | None = None, where: str = "") -> None:
    """Let readers see only the rows that are their partner's by one of these conditions. Call it in a migration.

    columns: hold a partner's code. where: SQL, in which `PARTNER` stands for the partner's code.
    Raises: ReaderMissing.
    """
    conditions = [f"{column} = {PARTNER}" for column in columns]
    if through is not None:
        # The policy of the parent holds inside the policy of the child, so the condition is not said twice.
        joined = f"parent.{through.key} = {table}.{through.column}"
        conditions.append(f"EXISTS (SELECT 1 FROM {through.table} AS parent WHERE {joined})")  # noqa: S608 - names of ours
    if where:
        conditions.append(f"({where})")
    assert conditions, "say which rows a partner may read"
    _require_reader(op.get_bind())
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY {_policy(table)} ON {table} FOR SELECT TO {READER} USING ({' OR '.join(conditions)})")
    op.execute(f"GRANT SELECT ON {table} TO {READER}")


def unprotect(table: str) -> None:
    """Take back what `protect` did. Call it in a migration whose table stays."""
    op.execute(f"REVOKE ALL ON {table} FROM {READER}")
    op.execute(f"DROP POLICY {_policy(table)} ON {table}")
    op.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")


def share(table: str, *, columns: Sequence[str] = ()) -> None:
    """Let readers see every row, of these columns or of all. Call it in a migration. Raises: ReaderMissing."""
    assert table in SHARED, f"list {table} in SHARED"
    _require_reader(op.get_bind())
    named = f" ({', '.join(columns)})" if columns else ""
    op.execute(f"GRANT SELECT{named} ON {table} TO {READER}")


def unshare(table: str) -> None:
    """Take back what `share` did. Call it in a migration whose table stays."""
    op.execute(f"REVOKE ALL ON {table} FROM {READER}")


def _policy(table: str) -> str:
    return f"{table}_of_partner"


def _require_reader(connection: Connection) -> None:
    """Make the role and membership in it where that is allowed. Safe to repeat and to run in several databases at once.

    Raises: ReaderMissing.
    """
    try:
        with connection.begin_nested():
            connection.exec_driver_sql(_CREATE)
    except DBAPIError as fault:
        raise ReaderMissing(_ADVICE) from fault


_CREATE = f"""
DO $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = '{READER}') THEN
        BEGIN
            CREATE ROLE {READER} NOLOGIN;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL; -- another database of this server was being migrated at the same moment
        END;
    END IF;
    IF NOT pg_has_role(current_user, '{READER}', 'MEMBER') THEN
        GRANT {READER} TO CURRENT_USER;
    END IF;
END $$
"""  # noqa: S608 - a fixed name
_ADVICE = (
    f"Row-level security needs the role {READER}, which this database user may not create. Ask an administrator for: "
    f"CREATE ROLE {READER} NOLOGIN; GRANT {READER} TO <the hub's user>;"
)
