"""Limits as rows of a file and of the database, and a cache that the catalogue's version keeps honest.

Knows the format of the file. A limit that changes goes on counting what was used under its id.
"""

import re
import threading
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from hub.agreements.roster import bump, roster
from hub.audit.service import record as audit
from hub.kernel.limits import AMOUNT_WIRE_MAX
from hub.limits.refusals import LimitMissing, LimitsFileInvalid
from hub.limits.types import Counts, Direction, LimitRule, LimitsReport, Per, Period
from hub.rates.files import csv_rows, line_of
from hub.rates.refusals import RatesFileInvalid
from hub.storage import Work

COLUMNS = ("id", "per", "counts", "period", "maximum", "direction", "sources", "targets", "zone")

_ID = re.compile(r"[a-z][a-z0-9_]{0,62}")
_WHOLE = re.compile(r"[1-9][0-9]{0,15}")
_ALL = "id, per, counts, period, maximum, direction, sources, targets, zone"


def list_limits(work: Work) -> list[LimitRule]:
    """Every limit, by id."""
    return [_rule(row) for row in work.fetch(f"SELECT {_ALL} FROM limit_rule ORDER BY id")]  # noqa: S608 - fixed


def import_limits(work: Work, data: bytes, *, actor: str, now: datetime) -> LimitsReport:
    """Take a file of limits in, from the next conversion on; what it does not name stays. Safe to repeat.

    Raises: LimitsFileInvalid, with one fact `line_<number>` for every broken line.
    """
    wanted = _read(work, data)
    known = {rule.id: rule for rule in list_limits(work)}
    fresh = [rule for rule in wanted if known.get(rule.id) != rule]
    for rule in fresh:
        work.run(
            f"INSERT INTO limit_rule ({_ALL}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) "  # noqa: S608 - fixed
            "ON CONFLICT (id) DO UPDATE SET per = excluded.per, counts = excluded.counts, period = excluded.period, "
            "maximum = excluded.maximum, direction = excluded.direction, sources = excluded.sources, "
            "targets = excluded.targets, zone = excluded.zone",
            (
                rule.id, rule.per.value, rule.counts.value, rule.period.value, rule.maximum, rule.direction.value,
                list(rule.sources), list(rule.targets), rule.zone,
            ),
        )  # fmt: skip
        facts = {"per": rule.per.value, "counts": rule.counts.value, "period": rule.period.value}
        facts |= {"maximum": str(rule.maximum), "direction": rule.direction.value, "zone": rule.zone}
        facts |= {"sources": " ".join(rule.sources), "targets": " ".join(rule.targets)}
        audit(work, actor=actor, action="limit.set", subject=rule.id, facts=facts, now=now)
    if fresh:
        bump(work)
    added = sum(rule.id not in known for rule in fresh)
    return LimitsReport(added, len(fresh) - added, len(wanted) - len(fresh))


def remove_limit(work: Work, id: str, *, actor: str, now: datetime) -> None:
    """Take a limit away; what was used under it is forgotten. Raises: LimitMissing."""
    if not work.run("DELETE FROM limit_rule WHERE id = %s", (id,)):
        raise LimitMissing("There is no such limit.")
    work.run("DELETE FROM limit_use WHERE rule = %s", (id,))
    audit(work, actor=actor, action="limit.remove", subject=id, facts={}, now=now)
    bump(work)


class LimitCache:
    """The limits for all threads of a process, read again when the catalogue's version has changed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._version = 0
        self._kept: tuple[LimitRule, ...] = ()

    def at(self, work: Work, version: int) -> tuple[LimitRule, ...]:
        """The limits of this version. version: as this transaction has read it."""
        with self._lock:
            if self._version == version:
                return self._kept
        fresh = tuple(list_limits(work))
        with self._lock:
            if self._version <= version:
                self._version, self._kept = version, fresh
        return fresh


def _read(work: Work, data: bytes) -> list[LimitRule]:
    try:
        rows = csv_rows(data)
    except RatesFileInvalid as refusal:
        raise LimitsFileInvalid(refusal.detail) from None
    units = roster(work).units
    wrong: dict[str, str] = {}
    found: dict[str, LimitRule] = {}
    for index, row in enumerate(rows):
        try:
            rule = _parsed(row)
            unknown = [unit for unit in (*rule.sources, *rule.targets) if unit not in units]
            if unknown:
                raise ValueError(f"there is no unit {', '.join(unknown)}")
            if rule.id in found:
                raise ValueError(f"{rule.id} comes twice")
            found[rule.id] = rule
        except (ValueError, KeyError) as fault:
            wrong[f"line_{line_of(row, index)}"] = str(fault)
    if wrong:
        said = " ".join(f"Line {name[5:]}: {reason}." for name, reason in wrong.items())
        raise LimitsFileInvalid(f"Nothing was imported. {said}", **wrong)
    return list(found.values())


def _parsed(row: Mapping[str, str]) -> LimitRule:
    """Raises: ValueError, for people."""
    missing = [name for name in COLUMNS if row.get(name) is None]
    if missing:
        raise ValueError(f"no column {', '.join(missing)}")
    cell = {name: row[name].strip() for name in COLUMNS}
    if not _ID.fullmatch(cell["id"]):
        raise ValueError("an id is a lower-case letter, then letters, digits and underscores")
    if not _WHOLE.fullmatch(cell["maximum"]) or int(cell["maximum"]) > AMOUNT_WIRE_MAX:
        raise ValueError("maximum is a whole number above zero")
    try:
        ZoneInfo(cell["zone"])
    except (OSError, ValueError) as fault:
        raise ValueError(f"there is no time zone {cell['zone'][:40]!r}") from fault
    return LimitRule(
        id=cell["id"],
        per=Per(cell["per"]),
        counts=Counts(cell["counts"]),
        period=Period(cell["period"]),
        maximum=int(cell["maximum"]),
        direction=Direction(cell["direction"]),
        sources=_units(cell["sources"]),
        targets=_units(cell["targets"]),
        zone=cell["zone"],
    )


def _units(text: str) -> tuple[str, ...]:
    return tuple(sorted(set(text.split())))


def _rule(row: Sequence[Any]) -> LimitRule:
    id_, per, counts, period, maximum, direction, sources, targets, zone = row
    return LimitRule(
        id=id_, per=Per(per), counts=Counts(counts), period=Period(period), maximum=maximum,
        direction=Direction(direction), sources=tuple(sources), targets=tuple(targets), zone=zone,
    )  # fmt: skip
