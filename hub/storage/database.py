"""The engine and `Work`, one database transaction that many requests may share.

Doors and the batcher open `Work` and commit it by leaving the block; nobody else commits. No partner is ever called
inside one: `in_transaction` lets the callers of partners assert that.
"""

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, LiteralString, cast

import psycopg
from sqlalchemy import Connection, CursorResult, Executable, MetaData, create_engine
from sqlalchemy.engine import Engine

from hub.storage.copying import copy_text

METADATA = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
        "ck": "%(table_name)s_%(constraint_name)s_check",
        "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
    }
)

_open = threading.local()


def in_transaction() -> bool:
    """Whether this thread is inside a `Work` right now."""
    return getattr(_open, "depth", 0) > 0


class Work:
    """One database transaction at READ COMMITTED.

    connection: SQLAlchemy's, for statements of the control plane.
    marks: notes of the units that take part in this transaction (for example the ledger's stamped period);
    they live and die with it.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.marks: dict[str, object] = {}

    @property
    def raw(self) -> psycopg.Connection[tuple[Any, ...]]:
        """The psycopg connection of this same transaction, for the hot path."""
        driver = self.connection.connection.driver_connection
        return cast("psycopg.Connection[tuple[Any, ...]]", driver)

    def execute(
        self, statement: Executable, parameters: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None
    ) -> CursorResult[Any]:
        """Run one SQLAlchemy statement in this transaction."""
        return self.connection.execute(statement, parameters)

    def fetch(self, sql: LiteralString, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Rows of one hot-path statement in psycopg's own syntax (`%s`), prepared by the driver."""
        with self.raw.cursor() as cursor:
            cursor.execute(sql, parameters)
            return cursor.fetchall() if cursor.description else []

    def run(self, sql: LiteralString, parameters: Sequence[object] = ()) -> int:
        """Run one hot-path statement; the number of rows it touched."""
        with self.raw.cursor() as cursor:
            cursor.execute(sql, parameters)
            return cursor.rowcount

    def copy_in(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Append `rows` to `table` by COPY, the fastest way in: values in the order of `columns`, see `copy_text`."""
        statement = psycopg.sql.SQL("COPY {} ({}) FROM STDIN").format(
            psycopg.sql.Identifier(table), psycopg.sql.SQL(", ").join(map(psycopg.sql.Identifier, columns))
        )
        text = copy_text(rows)
        if not text:
            return
        with self.raw.cursor() as cursor, cursor.copy(statement) as copy:
            copy.write(text)


class Database:
    """A PostgreSQL database, version 15 or newer, by its `postgresql+psycopg://` URL.

    Safe between threads. After a fork the child must call `forget_connections` first.
    """

    def __init__(self, url: str, *, pool_size: int = 8) -> None:
        assert url.startswith("postgresql+psycopg://"), "the driver must be named in the URL"
        self.url = url
        # Statements sent once are not worth preparing; the hot path repeats a handful of them all the time.
        self.engine: Engine = create_engine(
            url,
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_pre_ping=False,
            isolation_level="READ COMMITTED",
            connect_args={"prepare_threshold": 3, "options": "-c timezone=UTC"},
        )

    @contextmanager
    def work(self) -> Iterator[Work]:
        """A transaction that commits when the block ends and rolls back when it raises."""
        assert not in_transaction(), "a transaction was opened inside another one"
        with self.engine.connect() as connection, connection.begin(), _marked():
            yield Work(connection)

    @contextmanager
    def read(self) -> Iterator[Work]:
        """A read-only transaction with one snapshot, for lists and reports."""
        assert not in_transaction(), "a transaction was opened inside another one"
        with self.engine.connect() as connection, connection.begin(), _marked():
            connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            yield Work(connection)

    @contextmanager
    def aside(self) -> Iterator[Work]:
        """A short read on a connection of its own, allowed while this thread is inside another transaction.

        For reloading what is cached. It takes no locks that others wait for, so it cannot block the outer transaction.
        """
        with self.engine.connect() as connection, connection.begin():
            connection.exec_driver_sql("SET TRANSACTION READ ONLY")
            yield Work(connection)

    def forget_connections(self) -> None:
        """Drop the pool without closing the parent's sockets; the first thing to do after a fork."""
        self.engine.dispose(close=False)

    def close(self) -> None:
        """Close every pooled connection."""
        self.engine.dispose()


@contextmanager
def _marked() -> Iterator[None]:
    _open.depth = getattr(_open, "depth", 0) + 1
    try:
        yield
    finally:
        _open.depth -= 1
