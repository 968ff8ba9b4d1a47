"""The tables that the code declares are the tables that the migrations make."""

import importlib
import pkgutil

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

import hub
from hub.storage import METADATA, Database
from hub.storage.schema import current_revision, newest_revision

for _module in pkgutil.walk_packages(hub.__path__, "hub."):
    if _module.name.endswith(".tables"):
        importlib.import_module(_module.name)


def test_declared_tables_equal_migrated_tables(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = [
            difference
            for difference in compare_metadata(context, METADATA)
            if not str(difference[0]).endswith(("_index", "_constraint"))
        ]

    assert differences == []


def test_a_migrated_database_is_at_the_newest_revision(database: Database) -> None:
    assert current_revision(database) == newest_revision()
