"""Who takes part on which terms, as one frozen snapshot that pricing and conversion read without a database.

Knows partners, units and the terms of every activated agreement. Does not know rates.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, LiteralString

from hub.agreements.refusals import PartnerMissing
from hub.agreements.types import Direction, Partner, PartnerState, Terms, Unit
from hub.storage import Coming, Work


@dataclass(frozen=True, slots=True)
class Roster:
    """partners and units by code. terms_by_version: every activated agreement, ended and future ones too.

    terms_by_partner: the same, newest start first. version: the catalogue version it was read at.
    """

    partners: Mapping[str, Partner]
    units: Mapping[str, Unit]
    terms_by_version: Mapping[str, Terms]
    version: int
    terms_by_partner: Mapping[str, tuple[Terms, ...]] = field(default_factory=dict)

    def terms(self, partner: str, at: datetime) -> Terms | None:
        """The agreement in force at `at`: of those that overlap, the one that started last. None without one."""
        for terms in self.terms_by_partner.get(partner, ()):
            ended = terms.effective_until is not None and terms.effective_until <= at
            if terms.effective_from <= at and not ended:
                return terms
        return None


def roster(work: Work, *, at: datetime | None = None) -> Roster:
    """The snapshot. at: when given, agreements that only begin later are left out of it.

    The version is read first: a change committed meanwhile can only make the snapshot newer than it says, so that the
    next look at the version reads again.
    """
    version = version_now(work)
    partners = {row[0]: _partner(row) for row in work.fetch(_PARTNERS + " ORDER BY code")}
    units = {row[0]: Unit(*row) for row in work.fetch(_UNITS)}
    found = [terms for terms in _terms(work) if at is None or terms.effective_from <= at]
    by_partner: dict[str, list[Terms]] = {}
    for terms in found:
        by_partner.setdefault(terms.partner, []).append(terms)
    return Roster(
        partners=partners,
        units=units,
        terms_by_version={terms.version: terms for terms in found},
        version=version,
        terms_by_partner={partner: tuple(versions) for partner, versions in by_partner.items()},
    )


def liveness(work: Work) -> dict[str, bool]:
    """Of every partner whether it moves live points. One statement."""
    return dict(work.fetch("SELECT code, live FROM partner"))


def get_partner(work: Work, code: str) -> Partner:
    """One partner as it stands in this transaction. Raises: PartnerMissing."""
    rows = work.fetch(_PARTNERS + " WHERE code = %s", (code,))
    if not rows:
        raise PartnerMissing(f"There is no partner {code[:80]}.")
    return _partner(rows[0])


def version_now(work: Work) -> int:
    """The catalogue version: one cheap look, enough to know whether a snapshot is still good."""
    return version_coming(work)()


def version_coming(work: Work) -> Coming[int]:
    """The catalogue version, asked for."""
    asked = work.ask("SELECT number FROM catalogue_version WHERE id = 1")
    return lambda: int(work.answer(asked)[0][0])


def bump(work: Work) -> int:
    """Move the catalogue version on, so that every process reads again; in the transaction of the change. The new one.

    The row also puts changes one behind the other, whoever makes them.
    """
    return int(work.fetch("UPDATE catalogue_version SET number = number + 1 WHERE id = 1 RETURNING number")[0][0])


_PARTNERS: LiteralString = """
    SELECT code, name, kind, profile, base_url, token_url, time_zone, live, state, stopped FROM partner"""
_UNITS = "SELECT code, partner, name, scale, kind, currency, hosted FROM unit ORDER BY code"
_AGREEMENTS = """
    SELECT version, partner, currency, ledger_scale, net_debit_cap, reversals, effective_from, effective_until,
        late_days
    FROM agreement WHERE state = 'active' ORDER BY effective_from DESC, activation DESC"""
_PRICES = """
    SELECT version, unit, kind, ledger_price FROM agreement_price WHERE ledger_price IS NOT NULL"""


def _partner(row: tuple[Any, ...]) -> Partner:
    code, name, kind, profile, base_url, token_url, zone, live, state, stopped = row
    where = Direction(stopped) if stopped else None
    return Partner(code, name, kind, profile, base_url, token_url, zone, live, PartnerState(state), where)


def _terms(work: Work) -> list[Terms]:
    """Every activated agreement, newest start first; of two with one start the one activated later first."""
    rows = work.fetch(_AGREEMENTS)
    prices: dict[str, dict[str, dict[str, int]]] = {}
    for version, unit, kind, price in work.fetch(_PRICES):
        prices.setdefault(version, {}).setdefault(kind, {})[unit] = price
    return [
        Terms(
            version=version,
            partner=partner,
            currency=currency,
            currency_scale=scale,
            debit_price=prices.get(version, {}).get("debit", {}),
            credit_price=prices.get(version, {}).get("credit", {}),
            accrual_price=prices.get(version, {}).get("accrual", {}),
            net_debit_cap=cap,
            reversals=reversals,
            effective_from=start,
            effective_until=end,
            late_days=late_days,
        )
        for version, partner, currency, scale, cap, reversals, start, end, late_days in rows
    ]
