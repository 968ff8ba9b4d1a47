"""Statements to PostgreSQL and their answers, many in one round trip.

The driver's cursors cost some 80 µs a statement and wait for each answer, which was most of what a small batch cost. A
lane speaks to libpq through the same connection (`psycopg.pq`): it sends any number of statements, one `Sync` after
them, and reads the answers when they are there. Knows values, prepared statements and errors. Does not know
transactions: `BEGIN` and `COMMIT` are statements like others.
"""

import re
import select
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, LiteralString

import psycopg
from psycopg import abc
from psycopg.adapt import PyFormat, Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ConnStatus, ExecStatus
from psycopg.pq.abc import PGconn, PGresult

from hub.storage.values import OIDS, TEXTS, list_text

# A statement is planned anew until it has been used this often on a connection; most are used once in its life.
_PREPARE_AFTER = 3

# Prepared statements of one connection; the hub has some hundreds of texts, and a runaway caller must not fill the
# server's memory.
_PREPARED_MAX = 600


@dataclass(slots=True)
class Question:
    """A statement and, once it was sent, its answer.

    sql: in psycopg's `%s` style. rows: what it returned; None before it was answered. count: rows it returned or
    touched.
    """

    sql: LiteralString
    parameters: Sequence[object] = ()
    rows: list[tuple[Any, ...]] | None = None
    count: int = 0


@dataclass(slots=True)
class _Sent:
    """What was sent, in the order of the answers. name: of the statement it prepared; empty for a question's answer."""

    question: Question
    name: bytes = b""
    key: tuple[bytes, tuple[int, ...]] = (b"", ())


@dataclass(slots=True)
class Lane:
    """The way to the server through one connection. One thread at a time."""

    driver: psycopg.Connection[Any]
    _prepared: dict[tuple[bytes, tuple[int, ...]], bytes] = field(default_factory=dict)
    _uses: dict[tuple[bytes, tuple[int, ...]], int] = field(default_factory=dict)
    _names: int = 0
    _transformer: abc.Transformer | None = None

    def exchange(self, questions: Sequence[Question]) -> None:
        """Send these in order and take their answers home, in one round trip.

        Raises: what the first one that failed met, as the driver's own error; those after it were not executed.
        """
        pgconn = self.driver.pgconn
        if pgconn.status != ConnStatus.OK:
            raise psycopg.OperationalError("the connection is closed")
        encoded = [self._encoded(question.parameters) for question in questions]
        try:
            pgconn.enter_pipeline_mode()
            sent = [
                one
                for question, way in zip(questions, encoded, strict=True)
                for one in self._send(pgconn, question, way)
            ]
            pgconn.pipeline_sync()
            results = _answers(pgconn)
            pgconn.exit_pipeline_mode()
        except BaseException:
            # Answers may still be under way: nobody can use this connection any more.
            self.driver.close()
            raise
        self._take_home(sent, results)

    def _send(self, pgconn: PGconn, question: Question, way: tuple[list[bytes | None], tuple[int, ...]]) -> list[_Sent]:
        command = numbered(question.sql)
        values, oids = way
        key = (command, oids)
        name = self._prepared.get(key)
        if name is not None:
            pgconn.send_query_prepared(name, values)
            return [_Sent(question)]
        uses = self._uses[key] = self._uses.get(key, 0) + 1
        if uses < _PREPARE_AFTER or len(self._prepared) >= _PREPARED_MAX:
            if len(self._uses) > _PREPARED_MAX * 4:
                self._uses.clear()
            pgconn.send_query_params(command, values, param_types=oids)
            return [_Sent(question)]
        self._names += 1
        name = b"hub_%d" % self._names
        self._prepared[key] = name
        pgconn.send_prepare(name, command, param_types=oids)
        pgconn.send_query_prepared(name, values)
        return [_Sent(question, name, key), _Sent(question)]

    def _encoded(self, parameters: Sequence[object]) -> tuple[list[bytes | None], tuple[int, ...]]:
        """Each value as text, and the type it is sent as (0: PostgreSQL finds out)."""
        values: list[bytes | None] = []
        oids: list[int] = []
        for value in parameters:
            kind = type(value)
            if kind is list:
                found = list_text(value)  # type: ignore[arg-type]
                if found is not None:
                    values.append(found[0].encode())
                    oids.append(found[1])
                    continue
            elif kind is int:
                assert isinstance(value, int)
                values.append(b"%d" % value)
                oids.append(OIDS[int] if -(2**31) <= value < 2**31 else 20 if -(2**63) <= value < 2**63 else 1700)
                continue
            elif kind in TEXTS:
                values.append(TEXTS[kind](value).encode())
                oids.append(OIDS[kind])
                continue
            elif value is None:
                values.append(None)
                oids.append(0)
                continue
            adapted, oid = self._adapted(value)
            values.append(adapted)
            oids.append(oid)
        # A text ends at its first NUL on the way to the server, which would keep the rest without a word.
        if any(value is not None and b"\x00" in value for value in values):
            raise psycopg.DataError("PostgreSQL keeps no text with NUL in it")
        return values, tuple(oids)

    def _adapted(self, value: object) -> tuple[bytes | None, int]:
        """A value of a rarer type, by the driver's own rules."""
        dumper = self._reading().get_dumper(value, PyFormat.TEXT)
        text = dumper.dump(value)
        return None if text is None else bytes(text), dumper.oid

    def _reading(self) -> abc.Transformer:
        if self._transformer is None:
            self._transformer = Transformer(self.driver)
        return self._transformer

    def _take_home(self, sent: Sequence[_Sent], results: Sequence[PGresult]) -> None:
        fault: PGresult | None = None
        for one, result in zip(sent, results, strict=True):
            status = result.status
            if status in (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK):
                if not one.name:
                    self._answer(one.question, result)
                continue
            if one.name:
                del self._prepared[one.key]
            if fault is None and status != ExecStatus.PIPELINE_ABORTED:
                fault = result
        if fault is not None:
            raise error_from_result(fault)

    def _answer(self, question: Question, result: PGresult) -> None:
        if result.nfields:
            reading = self._reading()
            reading.set_pgresult(result)
            question.count = result.ntuples
            question.rows = reading.load_rows(0, result.ntuples, tuple)
        else:
            question.count = result.command_tuples or 0
            question.rows = []


def _answers(pgconn: PGconn) -> list[PGresult]:
    """Everything up to the answer to our `Sync`; the GIL is free while we wait."""
    poller = select.poll()
    reading = select.POLLIN
    poller.register(pgconn.socket, reading)
    while pgconn.flush():
        # The server may want to be read from before it goes on reading.
        poller.modify(pgconn.socket, reading | select.POLLOUT)
        if poller.poll()[0][1] & ~select.POLLOUT:
            pgconn.consume_input()
        poller.modify(pgconn.socket, reading)
    results: list[PGresult] = []
    while True:
        while pgconn.is_busy():
            poller.poll()
            pgconn.consume_input()
        result = pgconn.get_result()
        if result is None:
            # The end of one statement's answers. A connection that is gone would give nothing for ever.
            if pgconn.status != ConnStatus.OK:
                raise psycopg.OperationalError("the connection was lost")
            continue
        if result.status == ExecStatus.PIPELINE_SYNC:
            return results
        results.append(result)


_NAMED = re.compile(r"%\((\w+)\)s")


@lru_cache(maxsize=256)
def positional(sql: LiteralString) -> tuple[LiteralString, tuple[str, ...]]:
    """A statement with `%(name)s` placeholders in PostgreSQL's own style, and the names by their numbers."""
    names = tuple(dict.fromkeys(_NAMED.findall(sql)))
    return _NAMED.sub(lambda match: f"${names.index(match[1]) + 1}", sql), names


@lru_cache(maxsize=256)
def touching(sql: LiteralString) -> LiteralString:
    """An UPDATE that fails unless it touches the number of rows that follows its parameters, twice."""
    return (
        f"WITH touched AS ({sql} RETURNING 1) SELECT CASE WHEN count(*) = %s THEN 0 "  # noqa: S608 - our own statement
        "ELSE (count(*) || ' rows, not ' || %s::text)::bigint END FROM touched"
    )


@lru_cache(maxsize=2_048)
def numbered(sql: LiteralString) -> bytes:
    """`%s` placeholders as PostgreSQL's own `$1`, `$2`; `%%` as `%`."""
    first, *rest = sql.split("%s")
    text = first + "".join(f"${place}{part}" for place, part in enumerate(rest, start=1))
    return text.replace("%%", "%").encode()
