"""Seals everything that lies sealed in the database with the new master key, while the hub goes on working.

Knows which columns are sealed and under which label, because their tables say so. Does not know what is in them.
"""

import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import sql
from sqlalchemy import Column

from hub.access.vault import MasterKeyInvalid, Vault
from hub.storage import METADATA, Database

# Rows of one transaction: few enough that nobody waits for it, enough that a round trip costs little.
_ROWS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Rewrapped:
    """What became of one table's rows. resealed: now under the new key. current: were already. lost: open with none."""

    table: str
    resealed: int = 0
    current: int = 0
    lost: int = 0


def sealed_columns() -> list[Column[bytes]]:
    """Every column that is sealed with the master key; `info["sealed"]` is its label, made of columns of its row."""
    return [
        column for _, table in sorted(METADATA.tables.items()) for column in table.columns if "sealed" in column.info
    ]


def rewrap(
    database: Database, vault: Vault, *, told: Callable[[int], object], rows_at_once: int = _ROWS_AT_ONCE
) -> list[Rewrapped]:
    """Seal again what is not sealed with the vault's master key. Safe to repeat, to interrupt and to run while others
    write: a row that somebody replaces meanwhile is left as they wrote it.

    told: how many rows were looked at since it was told last.
    """
    return [_rewrap(database, vault, column, told, rows_at_once) for column in sealed_columns()]


def _rewrap(
    database: Database, vault: Vault, column: Column[bytes], told: Callable[[int], object], rows_at_once: int
) -> Rewrapped:
    counts = {"resealed": 0, "current": 0, "lost": 0}
    after: Sequence[object] | None = None
    while True:
        with database.work() as work, work.raw.cursor() as cursor:
            cursor.execute(_page(column, after), [*(after or ()), rows_at_once])
            rows = cursor.fetchall()
            for row in rows:
                outcome, fresh = _resealed(vault, column, row)
                counts[outcome] += 1
                if fresh is not None:
                    cursor.execute(_change(column), [fresh, *_key_of(column, row), row[-1]])
        if not rows:
            return Rewrapped(column.table.name, **counts)
        after = _key_of(column, rows[-1])
        told(len(rows))


def _resealed(vault: Vault, column: Column[bytes], row: Sequence[Any]) -> tuple[str, bytes | None]:
    """What becomes of a row, and its content under the new key if that is to be written."""
    values = dict(zip(_columns(column), row, strict=True))
    label = str(column.info["sealed"]).format_map(values)
    try:
        fresh = vault.reseal(bytes(values[column.name]), label=label)
    except MasterKeyInvalid:
        return "lost", None
    return ("current", None) if fresh is None else ("resealed", fresh)


def _key(column: Column[bytes]) -> list[str]:
    return [one.name for one in column.table.primary_key.columns]


def _key_of(column: Column[bytes], row: Sequence[Any]) -> Sequence[object]:
    return row[: len(_key(column))]


def _columns(column: Column[bytes]) -> list[str]:
    """What is read of a row: its key, what else its label is made of, and what is sealed, in this order."""
    key = _key(column)
    named = [name for _, name, _, _ in string.Formatter().parse(str(column.info["sealed"])) if name]
    return [*key, *(name for name in named if name not in key), column.name]


def _page(column: Column[bytes], after: Sequence[object] | None) -> sql.Composed:
    """The next rows in the order of their key."""
    key = _joined(_key(column))
    beyond = sql.SQL("({}) > ({}) AND").format(key, _places(len(_key(column)))) if after else sql.SQL("")
    return sql.SQL("SELECT {} FROM {} WHERE {} {} IS NOT NULL ORDER BY {} LIMIT %s").format(
        _joined(_columns(column)), sql.Identifier(column.table.name), beyond, sql.Identifier(column.name), key
    )


def _change(column: Column[bytes]) -> sql.Composed:
    """Only what is still as it was read: somebody may have replaced the row since."""
    name = sql.Identifier(column.name)
    return sql.SQL("UPDATE {} SET {} = %s WHERE ({}) = ({}) AND {} = %s").format(
        sql.Identifier(column.table.name), name, _joined(_key(column)), _places(len(_key(column))), name
    )


def _joined(names: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, names))


def _places(count: int) -> sql.Composed:
    return sql.SQL(", ").join([sql.Placeholder()] * count)
