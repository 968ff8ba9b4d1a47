"""From a signed quote to a conversion on record: what is checked, in which order, and what the row will hold.

Knows quotes, links, terms and prices. The ledger's and the database's part is in `service.py`.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from hub.agreements.refusals import AgreementMissing, PartnerInactive, PartnerMissing, TestLiveMixed, UnitMissing
from hub.agreements.roster import Roster
from hub.agreements.types import Direction, Partner, PartnerState, Terms, Unit
from hub.conversion.errors import (
    DebitNotAllowed,
    FeeCurrencyMismatch,
    IdempotencyKeyReused,
    QuoteUsed,
)
from hub.conversion.record import Record
from hub.conversion.risk import RiskAnswer, RiskOutcome, RiskQuestion
from hub.conversion.states import ConversionState
from hub.conversion.types import Acceptance
from hub.kernel.amounts import ledger_amount
from hub.kernel.ids import new_id
from hub.members.errors import LinkMissing, LinkNotActive
from hub.members.states import LinkState
from hub.members.types import Link
from hub.rates.types import Quote

# States in which a partner takes part in new conversions; a stop is looked at beside them.
_TAKES_PART = frozenset({PartnerState.TEST, PartnerState.LIVE, PartnerState.SUSPENDED})
_KEPT_PROMISES = _TAKES_PART | {PartnerState.WINDING_DOWN}


@dataclass(frozen=True, slots=True)
class Sides:
    """Both ends of a conversion: terms of the versions that price it, net debit caps of those in force now."""

    source: Partner
    target: Partner
    source_unit: Unit
    target_unit: Unit
    source_terms: Terms
    target_terms: Terms
    source_cap: int
    target_cap: int


@dataclass(frozen=True, slots=True)
class Candidate:
    """A request that passed every check but the ledger's."""

    record: Record
    source_cap: int
    target_cap: int


def conversion_id(key: str, at: datetime) -> str:
    """The id of the conversion with this key; made from the key, so that a repeat asks the ledger for the same."""
    return new_id("cnv", at, int.from_bytes(hashlib.sha256(key.encode()).digest()[:10], "big"))


def earlier(
    request: Acceptance, quote: Quote, found: Mapping[str, Record], used: Mapping[str, Record]
) -> Record | None:
    """The conversion that this very request made before, if any. found: by key; used: by quote.

    Raises: IdempotencyKeyReused, QuoteUsed.
    """
    same = found.get(request.key)
    if same is not None:
        asked = (quote.id, request.member, request.client_partner, request.live)
        if (same.quote, same.member, same.client_partner, same.live) != asked or same.reverses:
            raise IdempotencyKeyReused("This idempotency key was used for another conversion.")
        return same
    if quote.id in used:
        raise QuoteUsed("This quote was accepted before; ask for a new one.", pointer="/quote")
    return None


def sides_of(roster: Roster, quote: Quote, now: datetime) -> Sides:
    """Both ends of a quote, as its agreement versions say. Raises: UnitMissing, PartnerMissing, AgreementMissing."""
    return sides(
        roster,
        units=(quote.source_unit, quote.target_unit),
        partners=(quote.source_partner, quote.target_partner),
        terms=(quote.source_terms, quote.target_terms),
        now=now,
    )


def sides(
    roster: Roster,
    *,
    units: tuple[str, str],
    partners: tuple[str, str],
    terms: tuple[str, str],
    now: datetime,
) -> Sides:
    """Both ends by code, source first. Raises: UnitMissing, PartnerMissing, AgreementMissing."""
    for unit in units:
        if unit not in roster.units:
            raise UnitMissing(f"There is no unit {unit}.", unit=unit)
    for partner, version in zip(partners, terms, strict=True):
        if partner not in roster.partners:
            raise PartnerMissing(f"There is no partner {partner}.", partner=partner)
        if version not in roster.terms_by_version:
            raise AgreementMissing(f"There is no agreement with {partner} for this conversion.", partner=partner)
    priced = (roster.terms_by_version[terms[0]], roster.terms_by_version[terms[1]])
    caps = [(roster.terms(one.partner, now) or one).net_debit_cap for one in priced]
    return Sides(
        source=roster.partners[partners[0]],
        target=roster.partners[partners[1]],
        source_unit=roster.units[units[0]],
        target_unit=roster.units[units[1]],
        source_terms=priced[0],
        target_terms=priced[1],
        source_cap=caps[0],
        target_cap=caps[1],
    )


def require_taking_part(sides: Sides, *, live: bool, winding_down: bool) -> None:
    """Neither partner is stopped in its direction, and test and live do not meet.

    winding_down: whether a partner that winds down still takes part, as it does in reversals.
    Raises: PartnerInactive, TestLiveMixed.
    """
    states = _KEPT_PROMISES if winding_down else _TAKES_PART
    for partner, direction in ((sides.source, Direction.DEBIT), (sides.target, Direction.CREDIT)):
        if partner.state not in states:
            raise PartnerInactive(f"{partner.code} takes part in nothing new.", partner=partner.code)
        if partner.stopped in (direction, Direction.BOTH):
            raise PartnerInactive(f"{partner.code} is stopped at present.", partner=partner.code)
        if partner.live != live:
            raise TestLiveMixed("Test and live never meet.", partner=partner.code)


def require_link(links: Mapping[tuple[str, str], Link], member: str, partner: str) -> Link:
    """The member's proven link at a partner. Raises: LinkMissing, LinkNotActive."""
    link = links.get((member, partner))
    if link is None:
        raise LinkMissing(f"The member has no membership at {partner} linked.", partner=partner)
    if link.state is not LinkState.ACTIVE:
        raise LinkNotActive(f"The link at {partner} is {link.state}.", partner=partner, state=link.state.value)
    return link


def require_debit_allowed(client_partner: str, source_partner: str, link: Link | None) -> None:
    """A partner's client debits its own programme, or with the member's recorded consent. Raises: DebitNotAllowed."""
    if client_partner in ("", source_partner) or (link is not None and client_partner in link.debit_by):
        return
    raise DebitNotAllowed(f"A client of {client_partner} may not debit {source_partner}.", partner=source_partner)


def candidate(
    request: Acceptance, quote: Quote, sides: Sides, links: Mapping[tuple[str, str], Link], now: datetime
) -> Candidate:
    """The row of a conversion that this request may make, with every amount it will ever move.

    Raises: LinkMissing, LinkNotActive, DebitNotAllowed, PartnerInactive, TestLiveMixed, AgreementMissing,
    FeeCurrencyMismatch, AmountOverflow.
    """
    if request.live != quote.live:
        raise TestLiveMixed("A test client accepts test quotes and a live client live ones.")
    source_link = require_link(links, request.member, quote.source_partner)
    target_link = require_link(links, request.member, quote.target_partner)
    require_taking_part(sides, live=quote.live, winding_down=False)
    if not request.by_member:
        require_debit_allowed(request.client_partner, quote.source_partner, source_link)
    record = _record(request, quote, sides, (source_link.membership, target_link.membership), now)
    return Candidate(record, sides.source_cap, sides.target_cap)


def _record(request: Acceptance, quote: Quote, sides: Sides, memberships: tuple[str, str], now: datetime) -> Record:
    """The row of a conversion as it is accepted, with everything it will ever move."""
    price = quote.price
    debit_price = _price(sides.source_terms, sides.source_terms.debit_price, quote.source_unit)
    credit_price = _price(sides.target_terms, sides.target_terms.credit_price, quote.target_unit)
    bonuses = [[campaign, amount, ledger_amount(amount * credit_price)] for campaign, amount in price.bonuses]
    record = Record(
        id=conversion_id(request.key, quote.created_at), key=request.key, quote=quote.id,
        state=ConversionState.HELD.value, ball=quote.source_partner, live=quote.live, trace=request.trace,
        member=request.member, client_partner=request.client_partner,
        source_partner=quote.source_partner, target_partner=quote.target_partner,
        source_unit=quote.source_unit, target_unit=quote.target_unit,
        source_scale=sides.source_unit.scale, target_scale=sides.target_unit.scale,
        source_hosted=sides.source_unit.hosted, target_hosted=sides.target_unit.hosted,
        source_membership=memberships[0], target_membership=memberships[1],
        source_amount=price.source_amount, base=price.base, bonus=price.bonus,
        fee=price.fee, fee_unit=price.fee_unit, rule=price.rule,
        rate_numerator=price.rate.numerator, rate_denominator=price.rate.denominator,
        remainder_numerator=price.remainder.numerator, remainder_denominator=price.remainder.denominator,
        source_terms=quote.source_terms, target_terms=quote.target_terms,
        source_currency=sides.source_terms.currency, target_currency=sides.target_terms.currency,
        debit_value=ledger_amount(price.source_amount * debit_price),
        fee_value=_fee_value(quote, sides.source_terms, debit_price),
        credit_value=ledger_amount(price.base * credit_price),
        bonus_value=ledger_amount(price.bonus * credit_price), bonuses=json.dumps(bonuses),
        debit_leg=new_id("leg", now), created_at=now, updated_at=now,
    )  # fmt: skip
    ledger_amount(record.debit_amount)
    return record


def risk_question(record: Record) -> RiskQuestion:
    """What the risk rules are asked about a conversion."""
    return RiskQuestion(
        member=record.member,
        client_partner=record.client_partner,
        source_partner=record.source_partner,
        target_partner=record.target_partner,
        source_unit=record.source_unit,
        target_unit=record.target_unit,
        source_amount=record.source_amount,
        target_amount=record.target_amount,
    )


def needs_review(answer: RiskAnswer) -> bool:
    """Whether two persons have to look at it first."""
    return answer.outcome is RiskOutcome.REVIEW


def _price(terms: Terms, prices: Mapping[str, int], unit: str) -> int:
    if unit not in prices:
        raise AgreementMissing(f"The agreement with {terms.partner} has no clearing price for {unit}.", unit=unit)
    return prices[unit]


def _fee_value(quote: Quote, terms: Terms, debit_price: int) -> int:
    """Ledger units of the source's currency that the fee is worth."""
    if not quote.price.fee:
        return 0
    if quote.price.fee_unit == quote.source_unit:
        return ledger_amount(quote.price.fee * debit_price)
    if quote.price.fee_unit != terms.currency:
        raise FeeCurrencyMismatch(
            f"The fee is in {quote.price.fee_unit}, {terms.partner} clears in {terms.currency}.",
            fee_unit=quote.price.fee_unit,
            currency=terms.currency,
        )
    return ledger_amount(quote.price.fee)
