"""Signed quotes: firm offers that carry all they promise, so that asking for one writes nothing.

Knows how a quote is made, sealed, opened and checked again when it is used. That it is used only once is the
conversion's unique quote id, not known here.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

from hub.agreements.refusals import AgreementMissing, TestLiveMixed
from hub.agreements.types import Terms
from hub.kernel.amounts import ledger_amount
from hub.rates.catalogue import Catalogue
from hub.rates.pricing import NOTHING_USED, price, require_open
from hub.rates.refusals import (
    CampaignStopped,
    QuoteExpired,
    QuoteForeign,
    QuoteInvalid,
    RateWithdrawn,
    RouteStopped,
)
from hub.rates.types import Price, PriceRequest, Quote, RuleState

_VERSION = "q1"
_SECRET_BYTES_MIN = 16
# A sealed quote is about 600 characters; anything much longer was not made here.
_TOKEN_CHARS_MAX = 16_384
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Quoter:
    """Makes and opens quotes. secrets: at least 16 bytes each; the first signs, all verify, so that they can rotate.

    seconds: how long a quote is good.
    """

    def __init__(self, secrets: Sequence[bytes], seconds: int) -> None:
        assert secrets, "a hub without a secret cannot sign quotes"
        assert all(len(secret) >= _SECRET_BYTES_MIN for secret in secrets), "a secret has at least 16 bytes"
        # The label keeps a secret that is also used elsewhere from signing quotes there.
        self._keys = tuple(hmac.digest(secret, b"coalition-hub quote", hashlib.sha256) for secret in secrets)
        self._life = timedelta(seconds=seconds)

    def quote(
        self,
        catalogue: Catalogue,
        request: PriceRequest,
        *,
        member: str,
        client_partner: str,
        at: datetime,
        id: str,
        used: Mapping[str, int] = NOTHING_USED,
    ) -> Quote:
        """A firm offer. Without agreements it stands with empty terms and cannot be accepted.

        Raises: whatever `price` raises; TestLiveMixed when a test client asks for live units or the other way round.
        """
        priced = price(catalogue, request, at, used=used)
        source = catalogue.roster.units[request.source_unit].partner
        target = catalogue.roster.units[request.target_unit].partner
        live = catalogue.roster.partners[source].live
        asking = catalogue.roster.partners.get(client_partner)
        if asking is not None and asking.live != live:
            raise TestLiveMixed(f"A client of {client_partner} cannot quote {request.source_unit}.")
        source_terms = catalogue.roster.terms(source, at)
        target_terms = catalogue.roster.terms(target, at)
        return Quote(
            id=id,
            source_unit=request.source_unit,
            target_unit=request.target_unit,
            source_partner=source,
            target_partner=target,
            price=priced,
            member=member,
            client_partner=client_partner,
            source_terms=_debit_version(source_terms, request.source_unit, priced),
            target_terms=_credit_version(target_terms, request.target_unit, priced),
            live=live,
            created_at=at,
            expires_at=at + self._life,
        )

    def seal(self, quote: Quote) -> str:
        """The quote as a token: version, payload, HMAC-SHA256. The explanation is left out: it was shown before."""
        payload = _base64(json.dumps(_fields(quote), separators=(",", ":")).encode())
        body = f"{_VERSION}.{payload}"
        return f"{body}.{_base64(_signature(self._keys[0], body))}"

    def open(self, token: str) -> Quote:
        """The quote of a token that this hub sealed, with an empty explanation. Raises: QuoteInvalid."""
        body, _, signature = token.rpartition(".")
        version, _, payload = body.partition(".")
        if len(token) > _TOKEN_CHARS_MAX or version != _VERSION or not token.isascii():
            raise QuoteInvalid("This is not a quote of this hub.", pointer="/quote")
        # The encoded texts are compared, not the decoded bytes: base 64 has several spellings of the same bytes.
        if not any(hmac.compare_digest(_base64(_signature(key, body)), signature) for key in self._keys):
            raise QuoteInvalid("This quote was not made by this hub, or was changed.", pointer="/quote")
        return _quote(json.loads(_unbase64(payload)))


def acceptable(catalogue: Catalogue, quote: Quote, *, at: datetime, member: str, client_partner: str) -> None:
    """Check again what may have changed since the quote; its rate and amounts stand whatever the rates are now.

    Raises: QuoteForeign, QuoteExpired, UnitMissing, PartnerInactive, TestLiveMixed, RouteStopped, RateWithdrawn,
    CampaignStopped, AgreementMissing.
    """
    if quote.client_partner != client_partner or (quote.member and quote.member != member):
        raise QuoteForeign("This quote was made for somebody else.", pointer="/quote")
    if at >= quote.expires_at:
        raise QuoteExpired("This quote has expired; ask for a new one.", pointer="/quote")
    require_open(catalogue, quote.source_unit, quote.target_unit)
    state = catalogue.states.get(quote.price.rule)
    if state is RuleState.STOPPED:
        raise RouteStopped("This route was stopped after the quote.", rule=quote.price.rule)
    if state is not RuleState.ACTIVE:
        raise RateWithdrawn("The rate of this quote was withdrawn; ask for a new one.", rule=quote.price.rule)
    for campaign, _ in quote.price.bonuses:
        if catalogue.states.get(campaign) is not RuleState.ACTIVE:
            raise CampaignStopped("The bonus of this quote has ended; ask for a new one.", campaign=campaign)
    for version, partner in ((quote.source_terms, quote.source_partner), (quote.target_terms, quote.target_partner)):
        if version not in catalogue.roster.terms_by_version:
            raise AgreementMissing(f"There is no agreement with {partner} for this conversion.", partner=partner)


def _debit_version(terms: Terms | None, unit: str, priced: Price) -> str:
    if terms is None or unit not in terms.debit_price:
        return ""
    ledger_amount(priced.source_amount * terms.debit_price[unit])
    return terms.version


def _credit_version(terms: Terms | None, unit: str, priced: Price) -> str:
    if terms is None or unit not in terms.credit_price:
        return ""
    ledger_amount(priced.target_amount * terms.credit_price[unit])
    return terms.version


def _signature(key: bytes, body: str) -> bytes:
    return hmac.digest(key, body.encode(), hashlib.sha256)


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _unbase64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _micros(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _moment(micros: int) -> datetime:
    return _EPOCH + timedelta(microseconds=micros)


def _fields(quote: Quote) -> list[object]:
    """Everything but the explanation, in one fixed order; `_quote` reads it back."""
    p = quote.price
    return [
        quote.id, quote.source_unit, quote.target_unit, quote.source_partner, quote.target_partner,
        quote.member, quote.client_partner, quote.source_terms, quote.target_terms, quote.live,
        _micros(quote.created_at), _micros(quote.expires_at),
        p.source_amount, p.target_amount, p.base, p.bonus, p.bonuses, p.fee, p.fee_unit,
        [p.rate.numerator, p.rate.denominator], [p.remainder.numerator, p.remainder.denominator], p.rule,
    ]  # fmt: skip


def _quote(fields: list[Any]) -> Quote:
    priced = Price(
        source_amount=fields[12],
        target_amount=fields[13],
        base=fields[14],
        bonus=fields[15],
        bonuses=tuple((campaign, amount) for campaign, amount in fields[16]),
        fee=fields[17],
        fee_unit=fields[18],
        rate=Fraction(*fields[19]),
        remainder=Fraction(*fields[20]),
        rule=fields[21],
        explain=(),
    )
    return Quote(
        id=fields[0],
        source_unit=fields[1],
        target_unit=fields[2],
        source_partner=fields[3],
        target_partner=fields[4],
        price=priced,
        member=fields[5],
        client_partner=fields[6],
        source_terms=fields[7],
        target_terms=fields[8],
        live=fields[9],
        created_at=_moment(fields[10]),
        expires_at=_moment(fields[11]),
    )
