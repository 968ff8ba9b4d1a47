"""Imports of real routes into the world of test partners.

Knows the columns of a route file and what follows from a row. A file is taken whole or not at all, and taking it again
changes nothing. Does not know live partners: their rules are proposed and activated by people.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from hub.agreements.service import bump, take_activation_lock
from hub.audit import service as audit
from hub.kernel.ids import new_id
from hub.kernel.limits import AMOUNT_WIRE_MAX
from hub.rates.files import ROWS_MAX, Reasons, cells, line_of
from hub.rates.rows import RULE_SELECT, RULE_STORED, rule_of, rule_row
from hub.rates.types import Block, ImportReport, RateRule, RuleState
from hub.storage import Work

ROUTE_COLUMNS = (
    "source", "source_name", "target", "target_name", "target_kind", "give", "get", "minimum", "step", "typical_time",
)  # fmt: skip
KINDS = frozenset({"airline", "hotel", "bank", "shop", "charity"})
_CODE = re.compile(r"[a-z][a-z0-9_]{0,62}")
_WHOLE = re.compile(r"[1-9][0-9]{0,15}")
_TEXT_CHARS_MAX = 200


@dataclass(frozen=True, slots=True)
class RouteRow:
    """One row of a route file, checked. line: where it stands in the file."""

    line: int
    source: str
    source_name: str
    target: str
    target_name: str
    target_kind: str
    give: int
    get: int
    minimum: int
    step: int
    typical_time: str

    @property
    def route(self) -> tuple[str, str]:
        """The two units it joins."""
        return point_unit(self.source), point_unit(self.target)


def point_unit(partner: str) -> str:
    """The unit that an import gives a partner: whole points."""
    return f"{partner}.point"


def import_routes(
    work: Work, rows: Iterable[Mapping[str, str]], *, sandbox_url: str, actor: str, now: datetime
) -> ImportReport:
    """Take a route file in: its partners as sandbox partners, their units, and its rules, active at once.

    rows: by column name, as read by `csv_rows`. An unchanged row does nothing; a changed one ends the old rule at `now`
    and starts a new one, which stays stopped if the old one was.
    Raises: RatesFileInvalid with every broken row by line.
    """
    reasons = Reasons()
    routes = _routes(rows, reasons)
    # Refused before anything is locked; a broken file costs nobody else anything.
    reasons.refuse_if_any()
    take_activation_lock(work)
    _check_against_stored(work, routes, reasons)
    reasons.refuse_if_any()
    partners = _add_partners(work, routes, sandbox_url=sandbox_url, now=now)
    units = _add_units(work, routes, now=now)
    added, changed = _add_rules(work, routes, actor=actor, now=now)
    report = ImportReport(partners, units, added, changed, len(routes) - added - changed)
    if partners or units or added or changed:
        bump(work)  # Also for partners and units that came without a new rule.
        facts = {"partners": str(partners), "units": str(units), "added": str(added), "changed": str(changed)}
        audit.record(work, actor=actor, action="routes.imported", subject="routes", facts=facts, now=now)
    return report


def _routes(rows: Iterable[Mapping[str, str]], reasons: Reasons) -> list[RouteRow]:
    routes: list[RouteRow] = []
    seen: dict[tuple[str, str], int] = {}
    line = 1
    for index, row in enumerate(rows):
        line = line_of(row, index)
        if index >= ROWS_MAX:
            reasons.add(line, f"more than {ROWS_MAX} rows")
            break
        named = cells(row, ROUTE_COLUMNS, line, reasons)
        if named is None:
            continue
        route = _route(named, line, reasons)
        if route is None:
            continue
        earlier = seen.setdefault(route.route, line)
        if earlier != line:
            reasons.add(line, f"this route stands on line {earlier} already")
        routes.append(route)
    if not routes and not reasons.lines():
        reasons.add(line, "the file has no rows")
    return routes


def _route(named: Mapping[str, str], line: int, reasons: Reasons) -> RouteRow | None:
    faults = [
        f"{column} {named[column][:40]!r} is not small letters, digits and underscores"
        for column in ("source", "target")
        if not _CODE.fullmatch(named[column]) or named[column] == "hub"
    ]
    faults += [
        f"{column} {named[column][:40]!r} is not a whole number above zero"
        for column in ("give", "get", "minimum", "step")
        if not _WHOLE.fullmatch(named[column]) or int(named[column]) > AMOUNT_WIRE_MAX
    ]
    faults += [
        f"{column} is empty or longer than {_TEXT_CHARS_MAX} characters"
        for column in ("source_name", "target_name")
        if not 0 < len(named[column]) <= _TEXT_CHARS_MAX
    ]
    if len(named["typical_time"]) > _TEXT_CHARS_MAX:
        faults.append(f"typical_time is longer than {_TEXT_CHARS_MAX} characters")
    if named["target_kind"] not in KINDS:
        faults.append(f"target_kind {named['target_kind'][:40]!r} is none of {', '.join(sorted(KINDS))}")
    if named["source"] == named["target"]:
        faults.append("a route leads from one programme to another")
    for fault in faults:
        reasons.add(line, fault)
    if faults:
        return None
    return RouteRow(
        line=line,
        source=named["source"],
        source_name=named["source_name"],
        target=named["target"],
        target_name=named["target_name"],
        target_kind=named["target_kind"],
        give=int(named["give"]),
        get=int(named["get"]),
        minimum=int(named["minimum"]),
        step=int(named["step"]),
        typical_time=named["typical_time"],
    )


def _check_against_stored(work: Work, routes: list[RouteRow], reasons: Reasons) -> None:
    """Partners and units that exist already must be test partners' and count whole points."""
    codes = sorted({code for route in routes for code in (route.source, route.target)})
    live = {code for (code,) in work.fetch("SELECT code FROM partner WHERE live AND code = ANY(%s)", (codes,))}
    units = [point_unit(code) for code in codes]
    odd = {
        code
        for (code,) in work.fetch(
            "SELECT code FROM unit WHERE code = ANY(%s) AND (scale <> 0 OR kind <> 'points')", (units,)
        )
    }
    for route in routes:
        for code in (route.source, route.target):
            if code in live:
                reasons.add(route.line, f"{code} is a live partner; its rates are proposed and activated by people")
            if point_unit(code) in odd:
                reasons.add(route.line, f"{point_unit(code)} exists and does not count whole points")


def _add_partners(work: Work, routes: list[RouteRow], *, sandbox_url: str, now: datetime) -> int:
    """Partners that are missing, each with the first name it has in the file; a source that is no target is a bank."""
    named: dict[str, tuple[str, str]] = {}
    for route in routes:
        named.setdefault(route.target, (route.target_name, route.target_kind))
    for route in routes:
        named.setdefault(route.source, (route.source_name, "bank"))
    codes = sorted(named)
    return work.run(
        """
        INSERT INTO partner (code, name, kind, profile, base_url, token_url, time_zone, live, state, state_since,
            added_at)
        SELECT n.code, n.name, n.kind, 'sandbox', %s || '/' || n.code, '', 'UTC', false, 'test', %s, %s
        FROM unnest(%s::text[], %s::text[], %s::text[]) AS n(code, name, kind)
        ON CONFLICT (code) DO NOTHING""",
        (sandbox_url, now, now, codes, [named[code][0] for code in codes], [named[code][1] for code in codes]),
    )


def _add_units(work: Work, routes: list[RouteRow], *, now: datetime) -> int:
    codes = sorted({code for route in routes for code in (route.source, route.target)})
    return work.run(
        """
        INSERT INTO unit (code, partner, name, scale, kind, currency, hosted, added_at)
        SELECT n.unit, n.code, p.name, 0, 'points', '', false, %s
        FROM unnest(%s::text[], %s::text[]) AS n(code, unit) JOIN partner p ON p.code = n.code
        ON CONFLICT (code) DO NOTHING""",
        (now, codes, [point_unit(code) for code in codes]),
    )


def _add_rules(work: Work, routes: list[RouteRow], *, actor: str, now: datetime) -> tuple[int, int]:
    """New rules for new and changed rows. The numbers of each."""
    standing = _standing(work)
    fresh: list[RateRule] = []
    ended: list[str] = []
    for route in routes:
        old = standing.get(route.route)
        if old is not None and _same(old, route):
            continue
        stopped = old is not None and old.state is RuleState.STOPPED
        fresh.append(_rule(route, RuleState.STOPPED if stopped else RuleState.ACTIVE, now))
        if old is not None:
            ended.append(old.id)
    if not fresh:
        return 0, 0
    work.run(
        """
        UPDATE rate_rule SET effective_until = greatest(effective_from, %s)
        WHERE id = ANY(%s) AND (effective_until IS NULL OR effective_until > %s)""",
        (now, ended, now),
    )
    activation = bump(work)
    columns = (*RULE_STORED, "activated_by", "activated_at")
    rows = [rule_row(replace(rule, activation=activation)) for rule in fresh]
    work.copy_in("rate_rule", columns, [(*row, "import", actor, now, actor, now) for row in rows])
    return len(fresh) - len(ended), len(ended)


def _standing(work: Work) -> dict[tuple[str, str], RateRule]:
    """The newest imported rule of every route, whatever became of it: withdrawn or followed, it stays so unchanged."""
    rows = work.fetch(RULE_SELECT + " WHERE origin = 'import' ORDER BY activation, id")
    return {(rule.source_unit, rule.target_unit): rule for rule in map(rule_of, rows)}


def _same(rule: RateRule, route: RouteRow) -> bool:
    block = rule.blocks[0]
    same_ratio = block.get * route.give == route.get * block.give
    rest = (rule.minimum, rule.step, rule.typical_time)
    return same_ratio and rest == (route.minimum, route.step, route.typical_time)


def _rule(route: RouteRow, state: RuleState, now: datetime) -> RateRule:
    source, target = route.route
    return RateRule(
        id=new_id("rul", now),
        source_unit=source,
        target_unit=target,
        blocks=(Block(0, route.give, route.get),),
        minimum=route.minimum,
        step=route.step,
        maximum=None,
        fee=None,
        selectors={},
        priority=0,
        effective_from=now,
        effective_until=None,
        state=state,
        typical_time=route.typical_time,
    )
