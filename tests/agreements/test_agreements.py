"""Agreement versions: exact prices, four eyes, dates, and caps that follow."""

from dataclasses import replace
from datetime import datetime
from fractions import Fraction

import pytest

from hub import chart, ledger
from hub.agreements.agreements import ledger_price
from hub.agreements.currencies import default_ledger_scale, exponent
from hub.agreements.refusals import (
    AgreementInvalid,
    AgreementMissing,
    ApprovalMissing,
    FourEyes,
    PartnerMissing,
    PriceNotExact,
    UnitMissing,
)
from hub.agreements.service import activate_agreement, apply_caps, approve, propose_agreement, roster
from hub.agreements.types import AgreementDraft, Terms
from hub.kernel.errors import AmountOverflow
from hub.ledger import Account
from hub.storage import Database, Work
from tests.agreements.builders import DAY, NOW, add, agree, draft


def _in_force(work: Work, at: datetime, partner: str = "aerojet") -> str | None:
    found = roster(work, at=NOW + 365 * DAY).terms(partner, at)
    return found.version if found else None


def test_terms_carry_whole_prices_for_one_smallest_unit(database: Database) -> None:
    with database.work() as work:
        add(work, "aerojet")
        wanted = draft("aerojet", debit="8.00", credit="7.84", percent="50", cap="250.5")
        wanted = replace(wanted, prices={**wanted.prices, ("aerojet.point", "accrual"): Fraction("9")})

        version = agree(work, wanted)

        assert roster(work, at=NOW).terms_by_version[version] == Terms(
            version=version,
            partner="aerojet",
            currency="USD",
            currency_scale=7,
            debit_price={"aerojet.point": 40_000},
            credit_price={"aerojet.point": 39_200},
            net_debit_cap=2_505_000_000,
            reversals=True,
            effective_from=NOW,
            effective_until=None,
            accrual_price={"aerojet.point": 45_000},
        )


@pytest.mark.parametrize(
    ("price", "percent", "unit_scale", "ledger_scale", "units"),
    [
        ("13.37", "91", 0, 7, 121_667),
        ("8", "100", 0, 7, 80_000),
        ("8", "100", 0, 3, 8),
        ("8", "100", 1, 7, 8_000),
        ("0", "100", 0, 2, 0),
    ],
)
def test_a_price_is_whole_ledger_units_for_one_point(
    price: str, percent: str, unit_scale: int, ledger_scale: int, units: int
) -> None:
    exact = ledger_price(
        Fraction(price), billing_percent=Fraction(percent), unit_scale=unit_scale, ledger_scale=ledger_scale
    )

    assert exact == units


def test_a_million_accruals_of_one_point_are_exact() -> None:
    one = ledger_price(Fraction("13.37"), billing_percent=Fraction(91), unit_scale=0, ledger_scale=7)

    assert Fraction(one * 1_000_000, 10**7) == Fraction("12166.70")


@pytest.mark.parametrize("scale", [2, 5, 6])
def test_a_price_that_is_not_exact_at_the_scale_is_refused(database: Database, scale: int) -> None:
    with database.work() as work:
        add(work, "aerojet")
        version = propose_agreement(
            work, draft("aerojet", debit="13.37", percent="91", scale=scale), actor="ada", now=NOW
        )

        with pytest.raises(PriceNotExact):
            activate_agreement(work, version, actor="ben", now=NOW)

        assert _in_force(work, NOW) is None


def test_a_price_beyond_64_bits_is_refused() -> None:
    with pytest.raises(AmountOverflow):
        ledger_price(Fraction(10**17), billing_percent=Fraction(100), unit_scale=0, ledger_scale=7)


def test_a_live_agreement_takes_two_people_and_the_partner(database: Database) -> None:
    with database.work() as work:
        add(work, "aerojet", live=True)
        version = propose_agreement(work, draft("aerojet"), actor="ada", now=NOW)
        with pytest.raises(FourEyes):
            activate_agreement(work, version, actor="ada", now=NOW)
        with pytest.raises(ApprovalMissing):
            activate_agreement(work, version, actor="ben", now=NOW)
        approve(work, version, partner="aerojet", actor="amelia", now=NOW)
        approve(work, version, partner="aerojet", actor="amelia", now=NOW)

        activate_agreement(work, version, actor="ben", now=NOW)
        activate_agreement(work, version, actor="ben", now=NOW + DAY)

        assert _in_force(work, NOW) == version


def test_an_approval_of_another_partner_does_not_count(database: Database) -> None:
    with database.work() as work:
        add(work, "aerojet", live=True)
        add(work, "staywell", live=True)
        version = propose_agreement(work, draft("aerojet"), actor="ada", now=NOW)
        approve(work, version, partner="staywell", actor="stan", now=NOW)

        with pytest.raises(ApprovalMissing):
            activate_agreement(work, version, actor="ben", now=NOW)
        with pytest.raises(PartnerMissing):
            approve(work, version, partner="nobody", actor="stan", now=NOW)


def test_a_new_version_never_rewrites_the_past(database: Database) -> None:
    with database.work() as work:
        add(work, "aerojet")
        first = agree(work, draft("aerojet", since=NOW - 10 * DAY))
        second = agree(work, draft("aerojet", debit="9", since=NOW - 5 * DAY), now=NOW + DAY)
        third = agree(work, draft("aerojet", debit="10", since=NOW + 9 * DAY, until=NOW + 12 * DAY), now=NOW + DAY)

        seen = [_in_force(work, NOW + days * DAY) for days in (-11, -10, 0, 1, 8, 9, 11, 12)]
        assert seen == [None, first, first, second, second, third, third, second]
        assert set(roster(work, at=NOW + 99 * DAY).terms_by_version) == {first, second, third}
        assert set(roster(work, at=NOW + DAY).terms_by_version) == {first, second}


def test_a_version_that_is_over_before_it_starts_is_refused(database: Database) -> None:
    with database.work() as work:
        add(work, "aerojet")
        agree(work, draft("aerojet"))
        late = propose_agreement(work, draft("aerojet", until=NOW + DAY), actor="ada", now=NOW)

        with pytest.raises(AgreementInvalid):
            activate_agreement(work, late, actor="ben", now=NOW + DAY)


def test_all_agreements_of_a_currency_share_one_ledger_scale(database: Database) -> None:
    with database.work() as work:
        add(work, "aerojet")
        add(work, "staywell")
        agree(work, draft("aerojet", scale=7))
        other = propose_agreement(work, draft("staywell", scale=8), actor="ada", now=NOW)

        with pytest.raises(AgreementInvalid):
            activate_agreement(work, other, actor="ben", now=NOW)
        agree(work, draft("staywell", currency="IDR", scale=2, debit="8000", credit="8000"))


@pytest.mark.parametrize(
    "wrong",
    [
        draft("aerojet", currency="ZZZ"),
        draft("aerojet", scale=1),
        draft("aerojet", scale=13),
        draft("aerojet", percent="0"),
        draft("aerojet", percent="100.1"),
        draft("aerojet", debit="-1"),
        draft("aerojet", cap="-1"),
        draft("aerojet", cap="0.00000001"),
        draft("aerojet", until=NOW),
        replace(draft("aerojet"), prices={}),
        replace(draft("aerojet"), prices={("aerojet.point", "gift"): Fraction(1)}),
        replace(draft("aerojet"), billing_percent=Fraction(1, 2**64)),
        replace(draft("aerojet"), settlement_model="barter"),
        replace(draft("aerojet"), late_days=-1),
    ],
)
def test_a_draft_that_cannot_stand_is_refused(database: Database, wrong: AgreementDraft) -> None:
    with database.work() as work:
        add(work, "aerojet")

        with pytest.raises(AgreementInvalid):
            propose_agreement(work, wrong, actor="ada", now=NOW)


def test_a_draft_names_what_exists(database: Database) -> None:
    with database.work() as work:
        with pytest.raises(PartnerMissing):
            propose_agreement(work, draft("aerojet"), actor="ada", now=NOW)
        add(work, "aerojet")
        add(work, "staywell")
        foreign = replace(draft("aerojet"), prices={("staywell.point", "debit"): Fraction(1)})
        with pytest.raises(UnitMissing):
            propose_agreement(work, foreign, actor="ada", now=NOW)
        with pytest.raises(AmountOverflow):
            propose_agreement(work, draft("aerojet", cap="1000000000000"), actor="ada", now=NOW)
        with pytest.raises(AgreementMissing):
            activate_agreement(work, "agr_nothing", actor="ben", now=NOW)


def test_a_changed_cap_moves_the_floor_of_the_position(database: Database) -> None:
    code = chart.position("aerojet", "USD")
    with database.work() as work:
        add(work, "aerojet")
        agree(work, draft("aerojet", cap="10"))
        assert ledger.balances(work, [code]) == {}
        ledger.open_accounts(work, [Account(code, "USD", -(10 * 10**7))], now=NOW)

        agree(work, draft("aerojet", cap="25"))
        agree(work, draft("aerojet", cap="99", since=NOW + DAY))

        assert ledger.balances(work, [code])[code].floor == -(25 * 10**7)
        apply_caps(work, now=NOW + DAY)
        assert ledger.balances(work, [code])[code].floor == -(99 * 10**7)


def test_ledger_scales_are_finer_than_the_currency() -> None:
    assert (exponent("USD"), default_ledger_scale("USD")) == (2, 7)
    assert (exponent("JPY"), default_ledger_scale("JPY")) == (0, 5)
    assert (exponent("KWD"), default_ledger_scale("KWD")) == (3, 8)
