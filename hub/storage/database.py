"""The engine and `Work`, one database transaction that many requests may share.

Doors and the batcher open `Work` and commit it by leaving the block; nobody else commits. No partner is ever called
inside one: `in_transaction` lets the callers of partners assert that.
"""

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, LiteralString, cast

import psycopg
from sqlalchemy import Connection, CursorResult, Executable, MetaData, create_engine
from sqlalchemy.engine import Engine

from hub.storage.copying import arrays_of, copy_lines, insert_of

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


# Work looks rows up by their keys. A plan that was made and kept while a table was nearly empty would go on reading the
# whole of it as it grows; without sequential scans to choose from it takes the index from the first row on. Reports
# (`Database.read`) may choose freely.
_OPTIONS = "-c timezone=UTC -c jit=off -c enable_seqscan=off"

# Rows that are cheaper as parameters of a statement that waits than as a COPY of their own, measured at about 200.
_WAITING_ROWS_MAX = 200

# Bytes handed to the driver at once: the server reads one piece while the next is on its way.
_COPY_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement that waits. rows: how many it must touch; None when that does not matter."""

    sql: LiteralString
    parameters: Sequence[object]
    rows: int | None


class Work:
    """One database transaction at READ COMMITTED.

    marks: notes of the units that take part in this transaction (for example the ledger's stamped period);
    they live and die with it.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._waiting: list[Statement] = []
        self.marks: dict[str, object] = {}

    @property
    def connection(self) -> Connection:
        """SQLAlchemy's connection; what waits is sent first."""
        self.flush()
        return self._connection

    @property
    def raw(self) -> psycopg.Connection[tuple[Any, ...]]:
        """The psycopg connection of this same transaction, for the hot path; what waits is sent first."""
        self.flush()
        return self._driver

    @property
    def _driver(self) -> psycopg.Connection[tuple[Any, ...]]:
        return cast("psycopg.Connection[tuple[Any, ...]]", self._connection.connection.driver_connection)

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

    def run_later(self, sql: LiteralString, parameters: Sequence[object], *, rows: int | None = None) -> None:
        """Run a statement whose answer nobody waits for, before the next one that is waited for or the commit.

        rows: how many it must touch, our own promise. What it raises is raised there, and the transaction ends.
        """
        self._waiting.append(Statement(sql, parameters, rows))

    def copy_in(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Append `rows` to `table`, values in the order of `columns`, of the types that `copy_lines` knows."""
        self.append(table, columns, copy_lines(rows))

    def append(self, table: str, columns: Sequence[str], lines: Sequence[str]) -> None:
        """Append rows that are lines of COPY's text format already.

        Many go in by COPY, which is fastest; few wait and go in together with whatever else waits, because a COPY of
        its own costs two round trips while rows are locked.
        """
        if not lines:
            return
        declared = METADATA.tables.get(table)
        if declared is not None and len(lines) <= _WAITING_ROWS_MAX:
            self._waiting.append(Statement(insert_of(declared, tuple(columns)), arrays_of(lines), len(lines)))
            return
        statement = psycopg.sql.SQL("COPY {} ({}) FROM STDIN").format(
            psycopg.sql.Identifier(table), psycopg.sql.SQL(", ").join(map(psycopg.sql.Identifier, columns))
        )
        data = "".join(lines).encode()
        with self.raw.cursor() as cursor, cursor.copy(statement) as copy:
            for start in range(0, len(data), _COPY_BYTES):
                copy.write(data[start : start + _COPY_BYTES])

    def flush(self) -> None:
        """Send everything that waits, in order and in one round trip."""
        if not self._waiting:
            return
        statements, self._waiting = self._waiting, []
        driver = self._driver
        with driver.pipeline():
            cursors = [driver.cursor().execute(one.sql, one.parameters) for one in statements]
        for one, cursor in zip(statements, cursors, strict=True):
            assert one.rows is None or cursor.rowcount == one.rows, f"{cursor.rowcount} rows, not {one.rows}"
            cursor.close()

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """A part of the transaction that is taken back alone when the block raises."""
        with self.connection.begin_nested():
            try:
                yield
            except BaseException:
                self._waiting.clear()
                raise
            self.flush()


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
            connect_args={"prepare_threshold": 3, "options": _OPTIONS},
        )

    @contextmanager
    def work(self) -> Iterator[Work]:
        """A transaction that commits when the block ends and rolls back when it raises."""
        assert not in_transaction(), "a transaction was opened inside another one"
        with self.engine.connect() as connection, connection.begin(), _marked():
            work = Work(connection)
            yield work
            work.flush()

    @contextmanager
    def read(self) -> Iterator[Work]:
        """A read-only transaction with one snapshot, for lists and reports."""
        assert not in_transaction(), "a transaction was opened inside another one"
        with self.engine.connect() as connection, connection.begin(), _marked():
            connection.exec_driver_sql(
                "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL enable_seqscan = on"
            )
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
