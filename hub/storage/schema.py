"""Brings a database to the newest schema through Alembic; several processes may try at once, one does it."""

from pathlib import Path

from hub.storage.database import Database

_MIGRATIONS = Path(__file__).parent / "migrations"

# Any constant does, as long as it is used for nothing else in the database.
_MIGRATION_LOCK = 7_201_001


def upgrade(database: Database) -> None:
    """Apply every migration that is missing, in one transaction. Safe to repeat and to run in parallel."""
    if current_revision(database) == newest_revision():
        return
    # Every process of the hub comes past here and nearly none has anything to do: Alembic alone takes 0.3 s to load.
    from alembic import command
    from alembic.config import Config

    with database.engine.connect() as connection, connection.begin():
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s)", (_MIGRATION_LOCK,))
        config = Config()
        config.set_main_option("script_location", str(_MIGRATIONS))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def newest_revision() -> str:
    """The revision this code was written for: a migration is named like its file, which begins with its number."""
    return max(file.stem for file in (_MIGRATIONS / "versions").glob("[0-9]*_*.py"))


def current_revision(database: Database) -> str | None:
    """The revision the database has; None for an empty one."""
    with database.engine.connect() as connection:
        known = connection.exec_driver_sql("SELECT to_regclass('alembic_version')").scalar()
        if known is None:
            return None
        found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
        return None if found is None else str(found)
