"""PostgreSQL for the hub: transactions (`Work`), group commit (`Batcher`), an embedded server, migrations.

Knows connections and transactions. Does not know what any table means: each folder declares its own in `tables.py`
on the shared `METADATA`.
"""

from hub.storage.batcher import Batcher, KeyRaced
from hub.storage.database import METADATA, Database, Work, in_transaction

__all__ = ["METADATA", "Batcher", "Database", "KeyRaced", "Work", "in_transaction"]
