"""Brings a database to the newest schema through Alembic; several processes may try at once, one does it."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from hub.storage.database import Database

# Any constant does, as long as it is used for nothing else in the database.
_MIGRATION_LOCK = 7_201_001


def upgrade(database: Database) -> None:
    """Apply every migration that is missing, in one transaction. Safe to repeat and to run in parallel."""
    with database.engine.connect() as connection, connection.begin():
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s)", (_MIGRATION_LOCK,))
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def newest_revision() -> str:
    """The revision this code was written for."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    assert head is not None, "there is at least one migration"
    return head


def current_revision(database: Database) -> str | None:
    """The revision the database has; None for an empty one."""
    with database.engine.connect() as connection:
        known = connection.exec_driver_sql("SELECT to_regclass('alembic_version')").scalar()
        if known is None:
            return None
        found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
        return None if found is None else str(found)


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config
