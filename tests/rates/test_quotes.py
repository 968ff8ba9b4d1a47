"""Signed quotes: what they carry, and every way in which one is refused."""

import base64
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction

import pytest

from hub.agreements.refusals import AgreementMissing, PartnerInactive, TestLiveMixed
from hub.agreements.types import Direction, PartnerState
from hub.kernel.errors import AmountOverflow
from hub.rates.catalogue import Catalogue
from hub.rates.quotes import Quoter, acceptable
from hub.rates.refusals import (
    CampaignStopped,
    QuoteExpired,
    QuoteForeign,
    QuoteInvalid,
    RateWithdrawn,
    RouteStopped,
)
from hub.rates.rendering import quote_view
from hub.rates.types import Fee, Quote, RuleState
from tests.rates.builders import NOW, ask, campaign, catalogue, partner, rule, terms

SECRET = b"0123456789abcdef0123456789abcdef"
QUOTER = Quoter([SECRET], 600)
AGREED = [terms("a"), terms("b")]


def _quote(listed: Catalogue, *, member: str = "mem_1", client_partner: str = "a") -> Quote:
    return QUOTER.quote(listed, ask(1_000), member=member, client_partner=client_partner, at=NOW, id="quo_1")


def test_a_sealed_quote_opens_to_the_same_promise() -> None:
    fee = Fee("money", "USD", flat=1, per_point=Fraction(1, 3), cap=None)
    listed = catalogue([rule(3, 1, fee=fee)], [campaign(20)], agreements=AGREED)
    quote = _quote(listed)

    opened = QUOTER.open(QUOTER.seal(quote))

    assert opened == replace(quote, price=replace(quote.price, explain=()))
    assert opened.price.target_amount == 400
    assert opened.expires_at - opened.created_at == timedelta(seconds=600)


def test_no_bit_of_a_quote_can_be_changed() -> None:
    token = QUOTER.seal(_quote(catalogue([rule()], agreements=AGREED)))

    for place, letter in enumerate(token):
        for bit in range(7):
            forged = token[:place] + chr(ord(letter) ^ 1 << bit) + token[place + 1 :]
            with pytest.raises(QuoteInvalid):
                QUOTER.open(forged)


@pytest.mark.parametrize(
    "token", ["", ".", "..", "q1", "q1..", "q1.e30.", "q2.e30.AAAA", "ü.ü.ü", "q1." + "A" * 20_000]
)
def test_what_is_no_quote_is_refused(token: str) -> None:
    with pytest.raises(QuoteInvalid):
        QUOTER.open(token)


def test_another_spelling_of_the_same_signature_is_refused() -> None:
    token = QUOTER.seal(_quote(catalogue([rule()], agreements=AGREED)))
    body, _, signature = token.rpartition(".")
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    last = alphabet.index(signature[-1])
    spelled = signature[:-1] + alphabet[last ^ 1]
    assert base64.urlsafe_b64decode(spelled + "=") == base64.urlsafe_b64decode(signature + "=")

    with pytest.raises(QuoteInvalid):
        QUOTER.open(f"{body}.{spelled}")
    with pytest.raises(QuoteInvalid):
        QUOTER.open(token + "=")


def test_secrets_rotate_without_breaking_open_quotes() -> None:
    listed = catalogue([rule()], agreements=AGREED)
    token = QUOTER.seal(_quote(listed))
    rotated = Quoter([b"another secret of 32 bytes......", SECRET], 600)

    assert rotated.open(token).id == "quo_1"
    with pytest.raises(QuoteInvalid):
        QUOTER.open(rotated.seal(_quote(listed)))


def test_a_good_quote_is_acceptable_until_it_expires() -> None:
    listed = catalogue([rule()], [campaign(20)], agreements=AGREED)
    quote = _quote(listed)

    acceptable(listed, quote, at=quote.expires_at - timedelta(microseconds=1), member="mem_1", client_partner="a")
    with pytest.raises(QuoteExpired):
        acceptable(listed, quote, at=quote.expires_at, member="mem_1", client_partner="a")


def test_a_quote_is_for_its_member_and_its_client_only() -> None:
    listed = catalogue([rule()], agreements=AGREED)
    quote = _quote(listed)
    anyone = _quote(listed, member="")
    own = _quote(listed, client_partner="")

    acceptable(listed, anyone, at=NOW, member="mem_2", client_partner="a")
    acceptable(listed, own, at=NOW, member="mem_1", client_partner="")
    for foreign, member, client in (
        (quote, "mem_2", "a"),
        (quote, "mem_1", "b"),
        (quote, "mem_1", ""),
        (own, "mem_1", "b"),
    ):
        with pytest.raises(QuoteForeign):
            acceptable(listed, foreign, at=NOW, member=member, client_partner=client)


def test_a_rate_changed_after_the_quote_does_not_change_it() -> None:
    quote = _quote(catalogue([rule(1, 1, id="rul_1")], agreements=AGREED))
    changed = catalogue([rule(1, 1, until=NOW, id="rul_1"), rule(2, 1, since=NOW, id="rul_2")], agreements=AGREED)

    acceptable(changed, QUOTER.open(QUOTER.seal(quote)), at=NOW, member="mem_1", client_partner="a")

    assert quote.price.target_amount == 1_000
    assert _quote(changed).price.target_amount == 500


def test_a_withdrawn_or_unknown_rule_refuses_its_quotes() -> None:
    quote = _quote(catalogue([rule(id="rul_1")], agreements=AGREED))
    other = rule(id="rul_2")
    for listed in (
        catalogue([rule(id="rul_1", state=RuleState.WITHDRAWN), other], agreements=AGREED),
        catalogue([other], agreements=AGREED),
    ):
        with pytest.raises(RateWithdrawn):
            acceptable(listed, quote, at=NOW, member="mem_1", client_partner="a")


def test_a_stop_after_the_quote_refuses_it() -> None:
    quote = _quote(catalogue([rule()], agreements=AGREED))
    stopped_rule = catalogue([rule(state=RuleState.STOPPED)], agreements=AGREED)
    stopped_partner = partner("b", state=PartnerState.SUSPENDED, stopped=Direction.CREDIT)

    for listed in (stopped_rule, catalogue([rule()], partners=[stopped_partner], agreements=AGREED)):
        with pytest.raises(RouteStopped):
            acceptable(listed, quote, at=NOW, member="mem_1", client_partner="a")
    leaving = catalogue([rule()], partners=[partner("a", state=PartnerState.WINDING_DOWN)], agreements=AGREED)
    with pytest.raises(PartnerInactive):
        acceptable(leaving, quote, at=NOW, member="mem_1", client_partner="a")


@pytest.mark.parametrize("state", [RuleState.STOPPED, RuleState.WITHDRAWN])
def test_a_quote_is_never_executed_without_its_bonus(state: RuleState) -> None:
    quote = _quote(catalogue([rule()], [campaign(20)], agreements=AGREED))
    listed = catalogue([rule()], [campaign(20, state=state)], agreements=AGREED)

    with pytest.raises(CampaignStopped):
        acceptable(listed, quote, at=NOW, member="mem_1", client_partner="a")


def test_a_bonus_is_fixed_when_the_quote_is_made() -> None:
    listed = catalogue([rule()], [campaign(20, until=NOW + timedelta(seconds=1))], agreements=AGREED)
    quote = _quote(listed)

    acceptable(listed, quote, at=NOW + timedelta(seconds=599), member="mem_1", client_partner="a")

    assert quote.price.bonus == 200


@pytest.mark.parametrize("agreed", [[], [terms("a")], [terms("b")]])
def test_without_agreements_a_route_is_quoted_and_not_accepted(agreed: list[object]) -> None:
    listed = catalogue([rule()], agreements=agreed)  # type: ignore[arg-type]
    quote = _quote(listed)

    assert quote.price.target_amount == 1_000
    assert quote_view(quote)["clearing"] is None
    with pytest.raises(AgreementMissing):
        acceptable(listed, quote, at=NOW, member="mem_1", client_partner="a")


def test_an_agreement_without_a_price_for_the_unit_is_none() -> None:
    listed = catalogue([rule()], agreements=[replace(terms("a"), debit_price={}), terms("b")])

    quote = _quote(listed)

    assert (quote.source_terms, quote.target_terms) == ("", "agr_b")


def test_a_client_quotes_in_its_own_world_only() -> None:
    listed = catalogue([rule()], partners=[partner("live_one", live=True)], agreements=AGREED)

    with pytest.raises(TestLiveMixed):
        _quote(listed, client_partner="live_one")
    assert not _quote(listed).live


def test_a_clearing_value_beyond_64_bits_is_refused() -> None:
    for agreed in ([terms("a", debit=2**61), terms("b")], [terms("a"), terms("b", credit=2**61)]):
        with pytest.raises(AmountOverflow):
            _quote(catalogue([rule()], agreements=agreed))


def test_a_view_shows_versions_and_never_values() -> None:
    listed = catalogue([rule(5, 4)], [campaign(20)], agreements=AGREED)
    quote = _quote(listed)

    view = quote_view(quote, QUOTER.seal(quote))

    explained = view.pop("explain")
    token = view.pop("quote")
    assert view == {
        "id": "quo_1",
        "source_unit": "a.point",
        "source_amount": 1_000,
        "target_unit": "b.point",
        "target_amount": 960,
        "base": 800,
        "bonus": 160,
        "fee": 0,
        "fee_unit": None,
        "rate": "4/5",
        "rule": "rul_a.point_b.point",
        "campaigns": [{"campaign": "cmp_1", "bonus": 160}],
        "clearing": {"source_agreement": "agr_a", "target_agreement": "agr_b"},
        "created_at": "2026-04-06T09:00:00.000000Z",
        "expires_at": "2026-04-06T09:10:00.000000Z",
    }
    assert isinstance(explained, list)
    assert [line["what"] for line in explained] == ["source_amount", "base", "bonus", "target_amount"]
    assert isinstance(token, str)
    assert "80000" not in token + str(view)
