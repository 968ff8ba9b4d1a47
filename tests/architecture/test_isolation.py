"""What the reader of one partner's rows may see: said of every table, so that a new one cannot be forgotten."""

from hub.storage import Database
from hub.storage.isolation import NEVER_READ, READER, SHARED

TABLES = """
    SELECT c.relname, c.relrowsecurity, c.relforcerowsecurity, c.relkind::text,
        has_any_column_privilege(%(reader)s, c.oid, 'SELECT'),
        has_any_column_privilege(%(reader)s, c.oid, 'INSERT, UPDATE')
            OR has_table_privilege(%(reader)s, c.oid, 'DELETE, TRUNCATE, TRIGGER'),
        (SELECT array_agg(p.polcmd::text ORDER BY p.polname) FROM pg_policy p
            WHERE p.polrelid = c.oid AND p.polroles = ARRAY[(%(reader)s::regrole)::oid])
    FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
    ORDER BY c.relname"""


def described(database: Database) -> list[tuple[str, bool, bool, str, bool, bool, list[str] | None]]:
    with database.read() as work, work.raw.cursor() as cursor:
        cursor.execute(TABLES, {"reader": READER})
        return cursor.fetchall()  # type: ignore[return-value]


def test_every_table_is_protected_or_shared_or_never_read_for_a_partner(database: Database) -> None:
    wrong = []
    for name, secured, forced, kind, readable, writable, policies in described(database):
        protected = secured and readable and policies == ["r"]
        if kind not in ("r", "p"):
            wrong.append(f"{name} is a view: it would read with its owner's eyes")
        if writable:
            wrong.append(f"{name}: {READER} may write")
        if forced:
            wrong.append(f"{name}: the owner could not write by COPY")
        if [protected, readable and not secured and name in SHARED, not readable and name in NEVER_READ].count(
            True
        ) != 1:
            wrong.append(f"{name}: protect or share it in its migration, or list it in NEVER_READ (storage/isolation)")

    assert wrong == []


def test_nothing_is_listed_that_does_not_exist(database: Database) -> None:
    names = {name for name, *_ in described(database)}

    assert (NEVER_READ | SHARED) - names == set()


def test_no_function_runs_with_the_rights_of_its_owner(database: Database) -> None:
    with database.read() as work:
        found = work.fetch("SELECT proname FROM pg_proc WHERE prosecdef AND pronamespace = 'public'::regnamespace")

    assert found == []


def test_the_reader_is_no_login_and_owns_and_bypasses_nothing(database: Database) -> None:
    with database.read() as work:
        rights = work.fetch(
            "SELECT rolcanlogin, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication FROM pg_roles "
            "WHERE rolname = %s",
            (READER,),
        )
        owned = work.fetch("SELECT relname FROM pg_class WHERE relowner = %s::regrole", (READER,))

    assert rights == [(False,) * 6]
    assert owned == []
