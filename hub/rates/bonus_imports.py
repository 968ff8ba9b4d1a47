"""Imports of real campaigns onto routes between test partners.

Knows the columns of a campaign file. A file is taken whole or not at all, and taking it again changes nothing.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, datetime
from fractions import Fraction
from zoneinfo import ZoneInfo

from hub.agreements.service import bump, take_activation_lock
from hub.audit import service as audit
from hub.kernel.amounts import parse_decimal
from hub.kernel.errors import InvalidAmount
from hub.rates.campaigns import campaign_from
from hub.rates.files import ROWS_MAX, Reasons, cells, line_of
from hub.rates.imports import point_unit
from hub.rates.refusals import CampaignInvalid
from hub.rates.rows import CAMPAIGN_SELECT, CAMPAIGN_STORED, campaign_of, campaign_row
from hub.rates.types import Campaign, CampaignDraft, ImportReport, RuleState
from hub.rates.validation import check_campaign
from hub.storage import Work

BONUS_COLUMNS = ("id", "source", "target", "bonus_percent", "starts_on", "ends_on_inclusive", "targeted")
_ID = re.compile(r"[a-z0-9][a-z0-9_.-]{0,119}")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def import_campaigns(work: Work, rows: Iterable[Mapping[str, str]], *, actor: str, now: datetime) -> ImportReport:
    """Take a campaign file in, active at once; each is funded by its source programme, whose zone its days are in.

    A targeted campaign is limited to the segment that has its id. Its budget is empty until somebody funds it.
    Raises: RatesFileInvalid with every broken row by line.
    """
    reasons = Reasons()
    drafts = _drafts(rows, reasons)
    reasons.refuse_if_any()
    take_activation_lock(work)
    zones = _zones(work, drafts, reasons)
    reasons.refuse_if_any()
    stored = {c.id: c for c in map(campaign_of, work.fetch(CAMPAIGN_SELECT + " WHERE id = ANY(%s)", ([*drafts],)))}
    fresh: list[Campaign] = []
    for id, (line, draft) in drafts.items():
        campaign = campaign_from(draft, id=id, zone=zones[draft.funder])
        if id not in stored:
            fresh.append(campaign)
        elif not _same(stored[id], campaign):
            reasons.add(line, f"campaign {id} exists already with other particulars")
    reasons.refuse_if_any()
    _store(work, fresh, actor=actor, now=now)
    return ImportReport(0, 0, len(fresh), 0, len(drafts) - len(fresh))


def _store(work: Work, fresh: list[Campaign], *, actor: str, now: datetime) -> None:
    if not fresh:
        return
    columns = (*CAMPAIGN_STORED, "activated_by", "activated_at")
    rows = [(*campaign_row(replace(each, state=RuleState.ACTIVE)), actor, now, actor, now) for each in fresh]
    work.copy_in("campaign", columns, rows)
    bump(work)
    facts = {"added": str(len(fresh))}
    audit.record(work, actor=actor, action="campaigns.imported", subject="campaigns", facts=facts, now=now)


def _drafts(rows: Iterable[Mapping[str, str]], reasons: Reasons) -> dict[str, tuple[int, CampaignDraft]]:
    drafts: dict[str, tuple[int, CampaignDraft]] = {}
    line = 1
    for index, row in enumerate(rows):
        line = line_of(row, index)
        if index >= ROWS_MAX:
            reasons.add(line, f"more than {ROWS_MAX} rows")
            break
        named = cells(row, BONUS_COLUMNS, line, reasons)
        if named is None:
            continue
        if named["id"] in drafts:
            reasons.add(line, f"campaign {named['id'][:40]} stands on line {drafts[named['id']][0]} already")
            continue
        draft = _draft(named, line, reasons)
        if draft is not None:
            drafts[named["id"]] = (line, draft)
    if not drafts and not reasons.lines():
        reasons.add(line, "the file has no rows")
    return drafts


def _draft(named: Mapping[str, str], line: int, reasons: Reasons) -> CampaignDraft | None:
    starts, ends = _day(named["starts_on"]), _day(named["ends_on_inclusive"])
    percent = _percent(named["bonus_percent"])
    faults = []
    if not _ID.fullmatch(named["id"]):
        faults.append("id is not small letters, digits, dots, hyphens and underscores")
    if named["targeted"] not in ("true", "false"):
        faults.append(f"targeted {named['targeted'][:40]!r} is neither true nor false")
    if starts is None or ends is None:
        faults.append("starts_on and ends_on_inclusive are days such as 2026-04-30")
    if percent is None:
        faults.append(f"bonus_percent {named['bonus_percent'][:40]!r} is not a number above zero")
    for fault in faults:
        reasons.add(line, fault)
    if faults or starts is None or ends is None or percent is None:
        return None
    draft = CampaignDraft(
        name=named["id"],
        source_unit=point_unit(named["source"]),
        target_unit=point_unit(named["target"]),
        funder=named["source"],
        starts_on=starts,
        ends_on_inclusive=ends,
        percent=percent,
        selectors={"segment": named["id"]} if named["targeted"] == "true" else {},
    )
    try:
        check_campaign(draft)
    except CampaignInvalid as refusal:
        reasons.add(line, refusal.detail.rstrip("."))
        return None
    return draft


def _day(text: str) -> date | None:
    if not _DAY.fullmatch(text):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _percent(text: str) -> Fraction | None:
    try:
        value = parse_decimal(text)
    except InvalidAmount:
        return None
    return value if value > 0 else None


def _zones(work: Work, drafts: Mapping[str, tuple[int, CampaignDraft]], reasons: Reasons) -> dict[str, ZoneInfo]:
    """Zone of every funder, after a look at whether both units of every campaign exist and are test partners'."""
    names = sorted({unit for _, draft in drafts.values() for unit in (draft.source_unit, draft.target_unit)})
    found = {
        unit: (partner, live, zone)
        for unit, partner, live, zone in work.fetch(
            """
            SELECT u.code, p.code, p.live, p.time_zone FROM unit u JOIN partner p ON p.code = u.partner
            WHERE u.code = ANY(%s)""",
            (names,),
        )
    }
    for line, draft in drafts.values():
        for unit in (draft.source_unit, draft.target_unit):
            if unit not in found:
                reasons.add(line, f"there is no unit {unit}; import its route first")
            elif found[unit][1]:
                reasons.add(line, f"{unit} belongs to a live partner; its campaigns are activated by people")
    return {partner: ZoneInfo(zone) for partner, _, zone in found.values()}


def _same(stored: Campaign, campaign: Campaign) -> bool:
    """Equal but for the state, which people may have changed since."""
    return replace(stored, state=campaign.state) == campaign
