"""Builders of partners, units and agreements that show only what matters to a test."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction

from hub.agreements.service import activate_agreement, add_partner, add_unit, move_partner, propose_agreement
from hub.agreements.types import AgreementDraft, NewPartner, PartnerState, Unit
from hub.storage import Work

NOW = datetime(2026, 4, 6, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def new_partner(code: str, *, live: bool = False, time_zone: str = "UTC") -> NewPartner:
    return NewPartner(code, code.title(), "airline", "sandbox", time_zone=time_zone, live=live)


def points(code: str, *, scale: int = 0) -> Unit:
    return Unit(code, code.split(".")[0], code, scale, "points", "", False)


def add(work: Work, code: str, *, live: bool = False, time_zone: str = "UTC", scale: int = 0) -> None:
    """A partner that takes part, with a unit `<code>.point`."""
    add_partner(work, new_partner(code, live=live, time_zone=time_zone), actor="ada", now=NOW)
    if live:
        move_partner(work, code, PartnerState.LIVE, actor="ada", now=NOW)
    add_unit(work, points(f"{code}.point", scale=scale), actor="ada", now=NOW)


def draft(
    code: str,
    *,
    debit: str = "8.00",
    credit: str = "8.00",
    currency: str = "USD",
    scale: int = 7,
    percent: str = "100",
    cap: str = "1000",
    since: datetime = NOW,
    until: datetime | None = None,
) -> AgreementDraft:
    unit = f"{code}.point"
    return AgreementDraft(
        partner=code,
        currency=currency,
        ledger_scale=scale,
        prices={(unit, "debit"): Fraction(debit), (unit, "credit"): Fraction(credit)},
        billing_percent=Fraction(percent),
        net_debit_cap=Fraction(cap),
        reversals=True,
        effective_from=since,
        effective_until=until,
    )


def agree(work: Work, wanted: AgreementDraft, *, now: datetime = NOW) -> str:
    """An agreement of a test partner, in force."""
    version = propose_agreement(work, wanted, actor="ada", now=now)
    activate_agreement(work, version, actor="ada", now=now)
    return version
