"""Partners and units: adding them, moving them through their life, stopping them and starting them again.

Knows the allowed moves and that starting takes two people. Does not know prices or rates.
"""

import re
from dataclasses import astuple, fields
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from hub.agreements.currencies import is_currency
from hub.agreements.refusals import (
    FourEyes,
    MoveNotAllowed,
    PartnerConflict,
    PartnerInvalid,
    PartnerMissing,
    StartNotProposed,
    TailRunning,
    UnitConflict,
    UnitInvalid,
)
from hub.agreements.roster import bump, get_partner
from hub.agreements.states import PARTNER_MOVES, TAIL
from hub.agreements.types import Direction, NewPartner, PartnerEdit, PartnerState, Unit
from hub.audit import service as audit
from hub.outbox.events import Event, announce_events
from hub.storage import Work

# Codes become part of ledger account codes, lanes, folders and URLs.
_PARTNER_CODE = re.compile(r"[a-z][a-z0-9_]{0,62}")
_UNIT_CODE = re.compile(r"[a-z][a-z0-9_]{0,62}\.[a-z][a-z0-9_]{0,62}")
_UNIT_SCALE_MAX = 9
_NAME_CHARS_MAX = 200


def add_partner(work: Work, partner: NewPartner, *, actor: str, now: datetime) -> None:
    """Add a partner: a test one takes part at once, a live one starts as a draft.

    Adding the same again does nothing. Raises: PartnerInvalid, PartnerConflict.
    """
    _check_partner(partner)
    state = PartnerState.DRAFT if partner.live else PartnerState.TEST
    added = work.run(
        """
        INSERT INTO partner (code, name, kind, profile, base_url, token_url, time_zone, live, state, state_since,
            added_at)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (code) DO NOTHING""",
        (*astuple(partner), state.value, now, now),
    )
    if added:
        bump(work)
        facts = {"name": partner.name, "profile": partner.profile, "live": str(partner.live).lower()}
        audit.record(work, actor=actor, action="partner.added", subject=partner.code, facts=facts, now=now)
        return
    stored = work.fetch(
        "SELECT code, name, kind, profile, base_url, token_url, time_zone, live FROM partner WHERE code = %s",
        (partner.code,),
    )
    if stored[0] != astuple(partner):
        raise PartnerConflict(f"Partner {partner.code} exists already with other particulars.", partner=partner.code)


def add_unit(work: Work, unit: Unit, *, actor: str, now: datetime) -> None:
    """Add a unit to its partner; adding the same again does nothing.

    Raises: PartnerMissing, UnitInvalid, UnitConflict.
    """
    _check_unit(unit)
    if not work.fetch("SELECT 1 FROM partner WHERE code = %s", (unit.partner,)):
        raise PartnerMissing(f"There is no partner {unit.partner}; add it first.", partner=unit.partner)
    added = work.run(
        """
        INSERT INTO unit (code, partner, name, scale, kind, currency, hosted, added_at)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (code) DO NOTHING""",
        (*astuple(unit), now),
    )
    if added:
        bump(work)
        facts = {"partner": unit.partner, "scale": str(unit.scale), "kind": unit.kind}
        audit.record(work, actor=actor, action="unit.added", subject=unit.code, facts=facts, now=now)
        return
    stored = work.fetch(
        "SELECT code, partner, name, scale, kind, currency, hosted FROM unit WHERE code = %s", (unit.code,)
    )
    if stored[0] != astuple(unit):
        raise UnitConflict(f"Unit {unit.code} exists already with other particulars.", unit=unit.code)


def move_partner(work: Work, code: str, to: PartnerState, *, actor: str, now: datetime) -> None:
    """Move a partner to the next state of its life; moving it where it is does nothing.

    Raises: PartnerMissing, MoveNotAllowed, TailRunning.
    """
    state, live, since = _locked(work, code)
    if state is to:
        return
    if to not in PARTNER_MOVES[state]:
        raise MoveNotAllowed(f"A partner that is {state} cannot become {to}.", partner=code, state=state, to=to)
    if state is PartnerState.WINDING_DOWN and live and now < since + TAIL:
        raise TailRunning(
            f"{code} honours claims and reversals until {since + TAIL:%Y-%m-%d}; it can leave after that.", partner=code
        )
    work.run("UPDATE partner SET state = %s, state_since = %s WHERE code = %s", (to.value, now, code))
    bump(work)
    facts = {"from": state.value, "to": to.value}
    audit.record(work, actor=actor, action="partner.moved", subject=code, facts=facts, now=now)


def edit_partner(work: Work, code: str, edit: PartnerEdit, *, actor: str, now: datetime) -> None:
    """Change what may be changed of a partner. Raises: PartnerMissing, PartnerInvalid."""
    known = get_partner(work, code)
    changed = {field.name: getattr(edit, field.name) for field in fields(edit)}
    texts = {field.name: getattr(known, field.name) for field in fields(NewPartner)}
    _check_partner(NewPartner(**(texts | changed)))
    work.run(
        "UPDATE partner SET name = %s, base_url = %s, token_url = %s, time_zone = %s WHERE code = %s",
        (*astuple(edit), code),
    )
    bump(work)
    different = sorted(name for name, value in changed.items() if value != texts[name])
    audit.record(
        work, actor=actor, action="partner.edited", subject=code, facts={"fields": " ".join(different)}, now=now
    )


def stop_partner(work: Work, code: str, direction: Direction, *, actor: str, reason: str, now: datetime) -> None:
    """Stop debits, credits or both of a partner at once; one person may. A second stop adds to the first.

    Raises: PartnerMissing, MoveNotAllowed for a draft or a partner that has left.
    """
    state, live, _ = _locked(work, code)
    if state in (PartnerState.DRAFT, PartnerState.EXITED):
        raise MoveNotAllowed(f"A partner that is {state} moves nothing that could be stopped.", partner=code)
    keeps = state is PartnerState.WINDING_DOWN
    work.run(
        """
        UPDATE partner SET state = %s, start_proposed_by = NULL,
            stopped = CASE WHEN stopped IS NULL OR stopped = %s THEN %s ELSE 'both' END,
            state_since = CASE WHEN %s THEN state_since ELSE %s END
        WHERE code = %s""",
        (state.value if keeps else "suspended", direction.value, direction.value, keeps, now, code),
    )
    bump(work)
    facts = {"direction": direction.value, "reason": reason}
    audit.record(work, actor=actor, action="partner.stopped", subject=code, facts=facts, now=now)
    # Why is between the partner and the hub; that it is stopped every brand has to know.
    stopped = {"partner": code, "direction": direction.value}
    announce_events(work, [Event("partner.stopped", code, (), stopped, live)], now=now)


def propose_start(work: Work, code: str, *, actor: str, now: datetime) -> None:
    """The first of the two people it takes to start a stopped partner again. Raises: PartnerMissing, MoveNotAllowed."""
    _locked(work, code)
    if not work.run("UPDATE partner SET start_proposed_by = %s WHERE code = %s AND stopped IS NOT NULL", (actor, code)):
        raise MoveNotAllowed(f"Partner {code} is not stopped.", partner=code)
    audit.record(work, actor=actor, action="partner.start_proposed", subject=code, facts={}, now=now)


def start_partner(work: Work, code: str, *, actor: str, now: datetime) -> None:
    """The second person starts a stopped partner again; one that is not stopped stays as it is.

    Raises: PartnerMissing, StartNotProposed, FourEyes.
    """
    state, live, _ = _locked(work, code)
    stopped, proposer = work.fetch("SELECT stopped, start_proposed_by FROM partner WHERE code = %s", (code,))[0]
    if stopped is None:
        return
    if proposer is None:
        raise StartNotProposed(f"Nobody has proposed to start {code} again; that is the first step.", partner=code)
    if proposer == actor:
        raise FourEyes(f"You proposed to start {code}; somebody else has to do it.", partner=code)
    back = state
    if state is PartnerState.SUSPENDED:
        back = PartnerState.LIVE if live else PartnerState.TEST
    work.run(
        """
        UPDATE partner SET stopped = NULL, start_proposed_by = NULL, state = %s,
            state_since = CASE WHEN state = 'suspended' THEN %s ELSE state_since END
        WHERE code = %s""",
        (back.value, now, code),
    )
    bump(work)
    audit.record(work, actor=actor, action="partner.started", subject=code, facts={"proposed_by": proposer}, now=now)
    announce_events(work, [Event("partner.started", code, (), {"partner": code}, live)], now=now)


def _locked(work: Work, code: str) -> tuple[PartnerState, bool, datetime]:
    rows = work.fetch("SELECT state, live, state_since FROM partner WHERE code = %s FOR UPDATE", (code,))
    if not rows:
        raise PartnerMissing(f"There is no partner {code}.", partner=code)
    state, live, since = rows[0]
    return PartnerState(state), live, since


def _check_partner(partner: NewPartner) -> None:
    if not _PARTNER_CODE.fullmatch(partner.code) or partner.code == "hub":
        raise PartnerInvalid("A partner's code is small letters, digits and underscores, and not `hub`.")
    texts = (partner.name, partner.kind, partner.profile, partner.base_url, partner.token_url)
    if not all(text.isprintable() for text in texts):
        raise PartnerInvalid("A partner's particulars have no control characters.")
    if not 0 < len(partner.name) <= _NAME_CHARS_MAX or not partner.kind or not partner.profile:
        raise PartnerInvalid("A partner has a name of at most 200 characters, a kind and a profile.")
    for url in (partner.base_url, partner.token_url):
        if url and not url.startswith(("https://", "http://")):
            raise PartnerInvalid("An address of a partner starts with https:// (http:// in development).")
    try:
        ZoneInfo(partner.time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as fault:
        raise PartnerInvalid("A partner's time zone is an IANA name such as Asia/Jakarta.") from fault


def _check_unit(unit: Unit) -> None:
    if not _UNIT_CODE.fullmatch(unit.code) or unit.code.split(".")[0] != unit.partner:
        raise UnitInvalid("A unit's code is its partner's code, a dot, and small letters, digits or underscores.")
    if not 0 <= unit.scale <= _UNIT_SCALE_MAX:
        raise UnitInvalid(f"A unit's scale is 0 to {_UNIT_SCALE_MAX}.", unit=unit.code)
    if not 0 < len(unit.name) <= _NAME_CHARS_MAX or not unit.name.isprintable():
        raise UnitInvalid(f"A unit has a name of at most {_NAME_CHARS_MAX} printable characters.", unit=unit.code)
    if unit.kind not in ("points", "money"):
        raise UnitInvalid("A unit's kind is points or money.", unit=unit.code)
    if (unit.kind == "money") != is_currency(unit.currency) or (unit.kind == "points" and unit.currency):
        raise UnitInvalid("A unit of money names an ISO 4217 currency; a unit of points names none.", unit=unit.code)
