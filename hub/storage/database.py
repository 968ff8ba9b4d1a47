"""The engine and `Work`, one database transaction that many requests may share.

Doors and the batcher open `Work` and commit it by leaving the block; nobody else commits. No partner is ever called
inside one: `in_transaction` lets the callers of partners assert that.
"""

import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, LiteralString, TypeVar, cast

import psycopg
from psycopg.pq import TransactionStatus
from sqlalchemy import Connection, CursorResult, Executable, MetaData, create_engine
from sqlalchemy.engine import Engine

from hub.storage.copying import arrays_of, columns_of, copy_lines, insert_of
from hub.storage.lane import Lane, Question, positional, touching

METADATA = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
        "ck": "%(table_name)s_%(constraint_name)s_check",
        "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
    }
)

Found = TypeVar("Found")
Coming = Callable[[], Found]
"""Something asked of the database; calling it gives it. What is asked before the first call shares its trip."""

_open = threading.local()


def in_transaction() -> bool:
    """Whether this thread is inside a `Work` right now."""
    return getattr(_open, "depth", 0) > 0


# Work looks rows up by their keys. A plan that was made and kept while a table was nearly empty would go on reading the
# whole of it as it grows; without sequential scans to choose from it takes the index from the first row on. Reports
# (`Database.read`) may choose freely.
_OPTIONS = "-c timezone=UTC -c jit=off -c enable_seqscan=off"

# The role that reads on behalf of one partner; what it may see is said by `hub.storage.isolation`.
READER = "hub_reader"

# Codes of partners, as `hub.agreements` takes them.
_PARTNER = re.compile(r"[a-z][a-z0-9_]{0,62}")

_BEGIN: tuple[LiteralString, ...] = ("BEGIN",)
_READ: tuple[LiteralString, ...] = (
    "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
    "SET LOCAL enable_seqscan = on",
)
_ASIDE: tuple[LiteralString, ...] = ("BEGIN READ ONLY",)
_AS_READER: LiteralString = f"SET LOCAL ROLE {READER}"

# Where a pooled connection keeps its lane.
_LANE = "hub.lane"

# Rows that are cheaper as parameters of a statement that waits than as a COPY of their own, measured at about 200.
_WAITING_ROWS_MAX = 200

# Bytes handed to the driver at once: the server reads one piece while the next is on its way.
_COPY_BYTES = 65_536


class Work:
    """One database transaction at READ COMMITTED.

    marks: notes of the units that take part in this transaction (for example the ledger's stamped period);
    they live and die with it. as_partner: whose rows alone are seen; empty for the whole view.
    """

    def __init__(
        self, connection: Connection, opening: Sequence[Question] | None = None, *, as_partner: str = ""
    ) -> None:
        self.as_partner = as_partner
        self._connection = connection
        if opening is None:
            # On a connection of somebody else's, who ends its transaction and may not have begun it yet.
            idle = self._driver.info.transaction_status == TransactionStatus.IDLE
            opening = [Question(_BEGIN[0])] if idle else []
        self._waiting: list[Question] = list(opening)
        self._opening = len(opening)
        self._savepoints = 0
        lane = connection.info.get(_LANE)
        if lane is None:
            lane = connection.info[_LANE] = Lane(self._driver)
        self._lane: Lane = lane
        self.marks: dict[str, object] = {}

    @property
    def connection(self) -> Connection:
        """SQLAlchemy's connection; what waits is sent first."""
        self.flush()
        return self._connection

    @property
    def raw(self) -> psycopg.Connection[tuple[Any, ...]]:
        """The psycopg connection of this same transaction; what waits is sent first."""
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

    def ask(self, sql: LiteralString, parameters: Sequence[object] = ()) -> Question:
        """Ask for rows that are looked at later (`answer`): everything asked until then takes one round trip."""
        question = Question(sql, parameters)
        self._waiting.append(question)
        return question

    def answer(self, question: Question) -> list[tuple[Any, ...]]:
        """The rows that were asked for; what waits is sent if they are not here yet."""
        if question.rows is None:
            self.flush()
        assert question.rows is not None, "a question is answered in the transaction that asked it"
        return question.rows

    def fetch(self, sql: LiteralString, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Rows of one statement in psycopg's own syntax (`%s`)."""
        return self.answer(self.ask(sql, parameters))

    def fetch_named(self, sql: LiteralString, values: Mapping[str, object]) -> list[tuple[Any, ...]]:
        """Rows of one statement whose placeholders have names (`%(name)s`), each as often as it likes."""
        statement, names = positional(sql)
        return self.fetch(statement, [values[name] for name in names])

    def run(self, sql: LiteralString, parameters: Sequence[object] = ()) -> int:
        """Run one statement; the number of rows it touched."""
        question = self.ask(sql, parameters)
        self.flush()
        return question.count

    def run_later(self, sql: LiteralString, parameters: Sequence[object], *, rows: int | None = None) -> None:
        """Run a statement whose answer nobody waits for, before the next one that is waited for or the commit.

        rows: how many an UPDATE must touch, our own promise, which the server itself keeps: with another number nothing
        of the transaction becomes final. What it raises is raised there, and the transaction ends.
        """
        self._waiting.append(
            Question(sql, parameters) if rows is None else Question(touching(sql), (*parameters, rows, rows))
        )

    def copy_in(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Append `rows` to `table`, values in the order of `columns`, of the types that `copy_lines` knows.

        Many go in by COPY, which is fastest; few wait and go in together with whatever else waits, because a COPY of
        its own costs two round trips while rows are locked.
        """
        listed = list(rows)
        declared = METADATA.tables.get(table)
        if not listed:
            return
        if declared is not None and len(listed) <= _WAITING_ROWS_MAX:
            self._waiting.append(Question(insert_of(declared, tuple(columns)), columns_of(listed)))
        else:
            self._copy(table, columns, copy_lines(listed))

    def append(self, table: str, columns: Sequence[str], lines: Sequence[str]) -> None:
        """Append rows that are lines of COPY's text format already, as `copy_in` does."""
        declared = METADATA.tables.get(table)
        if not lines:
            return
        if declared is not None and len(lines) <= _WAITING_ROWS_MAX:
            self._waiting.append(Question(insert_of(declared, tuple(columns)), arrays_of(lines)))
        else:
            self._copy(table, columns, lines)

    def _copy(self, table: str, columns: Sequence[str], lines: Sequence[str]) -> None:
        statement = psycopg.sql.SQL("COPY {} ({}) FROM STDIN").format(
            psycopg.sql.Identifier(table), psycopg.sql.SQL(", ").join(map(psycopg.sql.Identifier, columns))
        )
        data = "".join(lines).encode()
        with self.raw.cursor() as cursor, cursor.copy(statement) as copy:
            for start in range(0, len(data), _COPY_BYTES):
                copy.write(data[start : start + _COPY_BYTES])

    def flush(self) -> None:
        """Send everything that waits, in order and in one round trip."""
        if self._waiting:
            questions, self._waiting = self._waiting, []
            self._opening = 0
            self._lane.exchange(questions)

    def commit(self) -> None:
        """End the transaction; for whoever opened it. Nothing sent, nothing to end."""
        if not self._opening or len(self._waiting) > self._opening:
            self.run("COMMIT")

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """A part of the transaction that is taken back alone when the block raises."""
        self._savepoints += 1
        name = f"part_{self._savepoints}"
        self.run(f"SAVEPOINT {name}")
        marks = dict(self.marks)
        try:
            yield
            self.flush()
        except BaseException:
            self._waiting.clear()
            # Locks taken in the part are given back with it, and so is what was noted about them.
            self.marks = marks
            self.run(f"ROLLBACK TO SAVEPOINT {name}")
            raise
        finally:
            self._savepoints -= 1
        self.run_later(f"RELEASE SAVEPOINT {name}", ())


class Database:
    """A PostgreSQL database, version 15 or newer, by its `postgresql+psycopg://` URL.

    Safe between threads. After a fork the child must call `forget_connections` first.
    """

    def __init__(self, url: str, *, pool_size: int = 8) -> None:
        assert url.startswith("postgresql+psycopg://"), "the driver must be named in the URL"
        self.url = url
        # Connections are left to themselves: `Work` says BEGIN with its first statement and COMMIT with its last.
        self._pooled: Engine = create_engine(
            url,
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_pre_ping=False,
            isolation_level="AUTOCOMMIT",
            # The driver prepares nothing itself: when it forgets what it prepared, it makes the server forget ours too.
            connect_args={"prepare_threshold": None, "options": _OPTIONS},
        )
        # The same pool, with transactions as SQLAlchemy begins and ends them.
        self.engine: Engine = self._pooled.execution_options(isolation_level="READ COMMITTED")

    @contextmanager
    def work(self) -> Iterator[Work]:
        """A transaction that commits when the block ends and rolls back when it raises."""
        assert not in_transaction(), "a transaction was opened inside another one"
        with self._transaction(_BEGIN) as work, _marked():
            yield work

    @contextmanager
    def read(self, as_partner: str = "") -> Iterator[Work]:
        """A read-only transaction with one snapshot, for lists and reports.

        as_partner: code of the partner whose rows alone are seen, whatever is asked (row-level security); empty for
        the whole view, which is the hub's own and its operators'.
        """
        assert not in_transaction(), "a transaction was opened inside another one"
        with self._transaction(_READ, as_partner) as work, _marked():
            yield work

    @contextmanager
    def aside(self) -> Iterator[Work]:
        """A short read on a connection of its own, allowed while this thread is inside another transaction.

        For reloading what is cached. It takes no locks that others wait for, so it cannot block the outer transaction.
        """
        with self._transaction(_ASIDE) as work:
            yield work

    @contextmanager
    def _transaction(self, opening: Sequence[LiteralString], as_partner: str = "") -> Iterator[Work]:
        questions = [Question(sql) for sql in opening]
        if as_partner:
            assert _PARTNER.fullmatch(as_partner), "a partner's code, as it is given"
            questions.append(Question("SELECT set_config('hub.partner', %s, true)", (as_partner,)))
            questions.append(Question(_AS_READER))
        with self._pooled.connect() as connection, connection.begin():
            work = Work(connection, questions, as_partner=as_partner)
            yield work
            work.commit()

    def forget_connections(self) -> None:
        """Drop the pool without closing the parent's sockets; the first thing to do after a fork."""
        self._pooled.dispose(close=False)

    def close(self) -> None:
        """Close every pooled connection."""
        self._pooled.dispose()


@contextmanager
def _marked() -> Iterator[None]:
    _open.depth = getattr(_open, "depth", 0) + 1
    try:
        yield
    finally:
        _open.depth -= 1
