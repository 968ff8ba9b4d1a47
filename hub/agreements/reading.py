"""Answers about agreements: one version, or a page of them. Only reads; knows rows, not who may see them."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, LiteralString

from hub.agreements.refusals import AgreementUnknown
from hub.agreements.types import Agreement, Price
from hub.storage import Work

_SELECT: LiteralString = """
    SELECT version, partner, state, currency, ledger_scale, billing_numerator, billing_denominator, net_debit_cap,
        reversals, effective_from, effective_until, settlement_model, calendar, late_days, notes, proposed_by,
        proposed_at, activated_by, activated_at
    FROM agreement"""


_KIND: LiteralString = "(SELECT partner.live FROM partner WHERE partner.code = agreement.partner)"


def get_agreement(work: Work, version: str) -> Agreement:
    """One version in any state. Raises: AgreementUnknown."""
    rows = work.fetch(_SELECT + " WHERE version = %s", (version,))
    if not rows:
        raise AgreementUnknown(f"There is no agreement version {version[:80]}.")
    return _agreements(work, rows)[0]


def list_agreements(
    work: Work, *, partner: str | None, state: str | None, live: bool, after: str, limit: int
) -> list[Agreement]:
    """Versions in the order in which they were proposed. after: the last one seen. live: of this kind of partner."""
    rows = work.fetch(
        _SELECT
        + """
        WHERE version > %s AND (%s::text IS NULL OR partner = %s) AND (%s::text IS NULL OR state = %s)
            AND %s = """
        + _KIND
        + " ORDER BY version LIMIT %s",
        (after, partner, partner, state, state, live, limit),
    )
    return _agreements(work, rows)


def is_live(work: Work, *, partner: str = "", unit: str = "") -> bool | None:
    """Whether this partner, or the partner of this unit, moves real points; None when there is none."""
    rows = work.fetch(
        "SELECT live FROM partner WHERE code = %s OR code = (SELECT partner FROM unit WHERE code = %s)", (partner, unit)
    )
    return bool(rows[0][0]) if rows else None


def _agreements(work: Work, rows: Sequence[tuple[Any, ...]]) -> list[Agreement]:
    """With their prices and approvals: two statements, however many."""
    versions = [row[0] for row in rows]
    prices: dict[str, list[Price]] = {}
    for version, unit, kind, numerator, denominator, ledger_price in work.fetch(
        "SELECT version, unit, kind, price_numerator, price_denominator, ledger_price FROM agreement_price "
        "WHERE version = ANY(%s::text[]) ORDER BY version, unit, kind",
        (versions,),
    ):
        price = Price(unit, kind, Fraction(int(numerator), int(denominator)), ledger_price)
        prices.setdefault(version, []).append(price)
    approved: dict[str, list[str]] = {}
    for subject, partner in work.fetch(
        "SELECT subject, partner FROM approval WHERE subject = ANY(%s::text[]) ORDER BY subject, partner", (versions,)
    ):
        approved.setdefault(subject, []).append(partner)
    return [
        Agreement(
            version=row[0],
            partner=row[1],
            state=row[2],
            currency=row[3],
            ledger_scale=row[4],
            billing_percent=Fraction(row[5], row[6]),
            net_debit_cap=row[7],
            reversals=row[8],
            effective_from=row[9],
            effective_until=row[10],
            settlement_model=row[11],
            calendar=row[12],
            late_days=row[13],
            notes=row[14],
            proposed_by=row[15],
            proposed_at=row[16],
            activated_by=row[17],
            activated_at=row[18],
            prices=tuple(prices.get(row[0], ())),
            approved_by=tuple(approved.get(row[0], ())),
        )
        for row in rows
    ]
