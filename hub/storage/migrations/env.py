"""Alembic's entry: runs on the connection it is handed, inside that connection's transaction."""

from alembic import context

from hub.storage.database import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
with context.begin_transaction():
    context.run_migrations()
