"""Versions of agreements: proposing, approving and activating them, and the caps that follow from them.

Knows clearing prices and their exactness at the ledger scale. Does not know rates: whether a route loses money under
new prices is checked one layer up, by `hub.rates`.
"""

from collections.abc import Mapping
from datetime import datetime
from fractions import Fraction
from typing import Any

from hub import chart, ledger
from hub.agreements.approvals import require_approvals, require_second_person
from hub.agreements.currencies import exponent, is_currency
from hub.agreements.refusals import (
    AgreementInvalid,
    AgreementMissing,
    PartnerMissing,
    PriceNotExact,
    UnitMissing,
)
from hub.agreements.roster import bump
from hub.agreements.states import AgreementState
from hub.agreements.types import AgreementDraft
from hub.audit import service as audit
from hub.kernel.amounts import ledger_amount
from hub.kernel.ids import new_id
from hub.storage import Work

PRICE_KINDS = ("debit", "credit", "accrual")
SETTLEMENT_MODELS = ("multilateral_net", "bilateral_net", "gross")
_SCALE_MAX = 12
_LATE_DAYS_MAX = 366
_FRACTION_PART_MAX = 2**63 - 1

# Held while a version of anything is activated: what the checks saw must still be so when it commits.
_ACTIVATION_LOCK = 7_201_004


def take_activation_lock(work: Work) -> None:
    """One activation at a time, over agreements, rules and campaigns; held until the transaction ends."""
    work.run("SELECT pg_advisory_xact_lock(%s)", (_ACTIVATION_LOCK,))


def propose_agreement(work: Work, draft: AgreementDraft, *, actor: str, now: datetime) -> str:
    """Write a new version down; it binds nobody before it is activated. The version's id.

    Raises: PartnerMissing, UnitMissing, AgreementInvalid, AmountOverflow.
    """
    _check_draft(draft)
    if not work.fetch("SELECT 1 FROM partner WHERE code = %s", (draft.partner,)):
        raise PartnerMissing(f"There is no partner {draft.partner}.", partner=draft.partner)
    units = {code for (code,) in work.fetch("SELECT code FROM unit WHERE partner = %s", (draft.partner,))}
    for unit, _ in draft.prices:
        if unit not in units:
            raise UnitMissing(f"{draft.partner} has no unit {unit}.", unit=unit)
    version = new_id("agr", now)
    _write(work, version, draft, actor=actor, now=now)
    facts = {"partner": draft.partner, "currency": draft.currency, "effective_from": draft.effective_from.isoformat()}
    audit.record(work, actor=actor, action="agreement.proposed", subject=version, facts=facts, now=now)
    return version


def activate_agreement(work: Work, version: str, *, actor: str, now: datetime) -> None:
    """Let a version bind from its start, or from now if that is past and an earlier version stands.

    Activating it again does nothing. For live partners this takes a second person and the partner's approval.
    Raises: AgreementMissing, FourEyes, ApprovalMissing, PriceNotExact, AgreementInvalid, AmountOverflow.
    """
    take_activation_lock(work)
    row = _locked(work, version)
    if row["state"] == AgreementState.ACTIVE:
        return
    if row["live"]:
        require_second_person(proposed_by=row["proposed_by"], actor=actor)
        require_approvals(work, version, [row["partner"]])
    _require_one_scale(work, row["currency"], row["ledger_scale"])
    start = _start(work, row, now)
    _price(work, version, row)
    work.run(
        """
        UPDATE agreement SET state = 'active', activated_by = %s, activated_at = %s, effective_from = %s,
            activation = %s
        WHERE version = %s""",
        (actor, now, start, bump(work), version),
    )
    apply_caps(work, now=now)
    audit.record(work, actor=actor, action="agreement.activated", subject=version, facts={}, now=now)


def apply_caps(work: Work, *, now: datetime) -> None:
    """Give every position account that exists the floor of the agreement in force; run again when one begins."""
    rows = work.fetch(
        """
        SELECT DISTINCT ON (partner) partner, currency, net_debit_cap FROM agreement
        WHERE state = 'active' AND effective_from <= %s AND (effective_until IS NULL OR effective_until > %s)
        ORDER BY partner, effective_from DESC, activation DESC""",
        (now, now),
    )
    floors = {chart.position(partner, currency): -cap for partner, currency, cap in rows}
    opened = ledger.balances(work, sorted(floors))
    changed: dict[str, int | None] = {
        code: floors[code] for code, balance in opened.items() if balance.floor != floors[code]
    }
    if changed:
        ledger.set_floors(work, changed, now=now)


def ledger_price(price: Fraction, *, billing_percent: Fraction, unit_scale: int, ledger_scale: int) -> int:
    """Ledger units for one smallest unit. price: currency units per 1,000 whole points. Raises: PriceNotExact."""
    exact = price * billing_percent / 100 / 1000 / 10**unit_scale * 10**ledger_scale
    if exact.denominator != 1:
        raise PriceNotExact(
            f"{price} per 1,000 at {billing_percent} % is {exact} ledger units for one smallest unit; "
            f"a price must be a whole number of them (ledger scale {ledger_scale}).",
            ledger_scale=ledger_scale,
        )
    return ledger_amount(exact.numerator)


def _check_draft(draft: AgreementDraft) -> None:
    if not is_currency(draft.currency):
        raise AgreementInvalid("A partner settles in an ISO 4217 currency such as USD.")
    if not exponent(draft.currency) <= draft.ledger_scale <= _SCALE_MAX:
        raise AgreementInvalid(f"The ledger scale is the currency's own digits or finer, at most {_SCALE_MAX}.")
    if not 0 < draft.billing_percent <= 100:
        raise AgreementInvalid("The billing percentage is above 0 and at most 100.")
    if not draft.prices or any(kind not in PRICE_KINDS for _, kind in draft.prices):
        raise AgreementInvalid(f"An agreement names prices of the kinds {', '.join(PRICE_KINDS)}.")
    if any(price < 0 for price in draft.prices.values()):
        raise AgreementInvalid("A clearing price is not negative.")
    fractions = [draft.billing_percent, *draft.prices.values()]
    if any(max(part.numerator, part.denominator) > _FRACTION_PART_MAX for part in fractions):
        raise AgreementInvalid("A price or percentage has more digits than can be kept.")
    cap = draft.net_debit_cap * 10**draft.ledger_scale
    if cap < 0 or cap.denominator != 1:
        raise AgreementInvalid("The net debit cap is not negative and exact at the ledger scale.")
    ledger_amount(cap.numerator)
    if draft.effective_until is not None and draft.effective_until <= draft.effective_from:
        raise AgreementInvalid("An agreement ends after it starts.")
    if draft.settlement_model not in SETTLEMENT_MODELS:
        raise AgreementInvalid(f"The settlement model is one of {', '.join(SETTLEMENT_MODELS)}.")
    if not 0 <= draft.late_days <= _LATE_DAYS_MAX:
        raise AgreementInvalid(f"Late submission is 0 to {_LATE_DAYS_MAX} days.")


def _write(work: Work, version: str, draft: AgreementDraft, *, actor: str, now: datetime) -> None:
    cap = draft.net_debit_cap * 10**draft.ledger_scale
    work.run(
        """
        INSERT INTO agreement (version, partner, state, currency, ledger_scale, billing_numerator, billing_denominator,
            net_debit_cap, reversals, effective_from, effective_until, settlement_model, calendar, late_days, notes,
            proposed_by, proposed_at)
        VALUES (%s, %s, 'proposed', %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)""",
        (
            version, draft.partner, draft.currency, draft.ledger_scale, draft.billing_percent.numerator,
            draft.billing_percent.denominator, cap.numerator, draft.reversals, draft.effective_from,
            draft.effective_until, draft.settlement_model, draft.calendar, draft.late_days, draft.notes, actor, now,
        ),
    )  # fmt: skip
    rows = [(version, unit, kind, price.numerator, price.denominator) for (unit, kind), price in draft.prices.items()]
    columns = ("version", "unit", "kind", "price_numerator", "price_denominator")
    work.copy_in("agreement_price", columns, sorted(rows))


def _locked(work: Work, version: str) -> Mapping[str, Any]:
    columns = (
        "state", "partner", "live", "currency", "ledger_scale", "billing_numerator", "billing_denominator",
        "proposed_by", "effective_from", "effective_until",
    )  # fmt: skip
    rows = work.fetch(
        """
        SELECT a.state, a.partner, p.live, a.currency, a.ledger_scale, a.billing_numerator, a.billing_denominator,
            a.proposed_by, a.effective_from, a.effective_until
        FROM agreement a JOIN partner p ON p.code = a.partner WHERE a.version = %s FOR UPDATE OF a""",
        (version,),
    )
    if not rows:
        raise AgreementMissing(f"There is no agreement version {version}.", version=version)
    return dict(zip(columns, rows[0], strict=True))


def _require_one_scale(work: Work, currency: str, scale: int) -> None:
    """All amounts of a currency stand on the same accounts, so they have one ledger scale."""
    others = work.fetch(
        "SELECT ledger_scale FROM agreement WHERE state = 'active' AND currency = %s AND ledger_scale <> %s LIMIT 1",
        (currency, scale),
    )
    if others:
        raise AgreementInvalid(
            f"{currency} is kept with {others[0][0]} digits in the ledger; an agreement cannot use {scale}.",
            currency=currency,
        )


def _start(work: Work, row: Mapping[str, Any], now: datetime) -> datetime:
    """When the version begins: never before now where an earlier one stands, because that past is written."""
    followed = work.fetch("SELECT 1 FROM agreement WHERE state = 'active' AND partner = %s LIMIT 1", (row["partner"],))
    start: datetime = max(row["effective_from"], now) if followed else row["effective_from"]
    if row["effective_until"] is not None and row["effective_until"] <= start:
        raise AgreementInvalid("This version would have ended before it starts; propose it with later dates.")
    return start


def _price(work: Work, version: str, row: Mapping[str, Any]) -> None:
    """Fix the whole ledger price of every agreed price of the version."""
    billing = Fraction(row["billing_numerator"], row["billing_denominator"])
    prices = work.fetch(
        """
        SELECT p.unit, p.kind, p.price_numerator, p.price_denominator, u.scale
        FROM agreement_price p JOIN unit u ON u.code = p.unit WHERE p.version = %s ORDER BY 1, 2""",
        (version,),
    )
    fixed = [
        ledger_price(
            Fraction(int(numerator), int(denominator)),
            billing_percent=billing,
            unit_scale=scale,
            ledger_scale=row["ledger_scale"],
        )
        for _, _, numerator, denominator, scale in prices
    ]
    work.run(
        """
        UPDATE agreement_price p SET ledger_price = n.price
        FROM unnest(%s::text[], %s::text[], %s::bigint[]) AS n(unit, kind, price)
        WHERE p.version = %s AND p.unit = n.unit AND p.kind = n.kind""",
        ([p[0] for p in prices], [p[1] for p in prices], fixed, version),
    )
