"""PostgreSQL for the hub: transactions (`Work`), group commit (`Batcher`), an embedded server, migrations.

Knows connections and transactions. Does not know what any table means: each folder declares its own in `tables.py`
on the shared `METADATA`.
"""

from hub.storage.batcher import Batcher, KeyRaced
from hub.storage.database import METADATA, Coming, Database, Work, in_transaction
from hub.storage.lane import Question

__all__ = ["METADATA", "Batcher", "Coming", "Database", "KeyRaced", "Question", "Work", "in_transaction"]
