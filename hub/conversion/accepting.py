"""Accepts quotes: judges every request of a batch, then holds request by request, then writes everything at once.

Knows the order of the checks and of the batch. What each check says is in `acceptance.py`, the ledger's part in
`holding.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from hub import ledger
from hub.conversion import acceptance, store
from hub.conversion.acceptance import Candidate, needs_review, risk_question
from hub.conversion.errors import CampaignCapReached, IdempotencyKeyReused, QuoteUsed, RiskDenied
from hub.conversion.holding import KnownAccounts, hold, lock_for
from hub.conversion.legwork import debit_leg
from hub.conversion.postings import bonus_key, debit_key
from hub.conversion.record import Record
from hub.conversion.risk import RiskOutcome, RiskPort
from hub.conversion.states import ConversionState
from hub.conversion.types import Acceptance
from hub.hosted.types import ProgrammePort
from hub.kernel.errors import HubError
from hub.legs.service import open_legs
from hub.legs.types import NewLeg
from hub.limits.service import lock_limits
from hub.limits.types import LimitRule, Movement
from hub.members.service import links_coming, lock_members
from hub.members.types import Link
from hub.rates.catalogue import Catalogue, CatalogueCache
from hub.rates.quotes import Quoter, acceptable
from hub.rates.types import Quote
from hub.storage import Coming, Work

Judged = Candidate | Record | HubError


@dataclass(frozen=True, slots=True)
class Groundwork:
    """What some requests are judged by, asked of the database in one trip. quotes: by their tokens."""

    quotes: Mapping[str, Quote | HubError]
    catalogue: Coming[Catalogue]
    found: Coming[list[Record]]
    links: Coming[dict[tuple[str, str], Link]]


def lay_ground(work: Work, catalogues: CatalogueCache, quoter: Quoter, requests: Sequence[Acceptance]) -> Groundwork:
    """Ask for everything that can be read before a row is locked. Nothing is sent until the first answer is wanted."""
    ledger.enter(work)
    quotes = {request.quote: _opened(quoter, request.quote) for request in requests}
    keys = {request.key for request in requests}
    ledger.look_up(work, [ledger_key(key) for key in keys for ledger_key in (debit_key, bonus_key)])
    opened = {token: quote for token, quote in quotes.items() if isinstance(quote, Quote)}
    pairs = {
        (request.member, partner)
        for request in requests
        if (quote := opened.get(request.quote)) is not None
        for partner in (quote.source_partner, quote.target_partner)
    }
    return Groundwork(
        quotes=quotes,
        catalogue=catalogues.coming(work),
        found=store.by_key_or_quote(work, keys=keys, quotes={quote.id for quote in opened.values()}),
        links=links_coming(work, pairs),
    )


def judge(ground: Groundwork, requests: Sequence[Acceptance], *, now: datetime) -> list[Judged]:
    """Everything but risk and the ledger: a candidate, the conversion this request made before, or a refusal."""
    catalogue, found, links = ground.catalogue(), ground.found(), ground.links()
    by_key = {record.key: record for record in found}
    by_quote = {record.quote: record for record in found if record.quote}
    judged: list[Judged] = []
    for request in requests:
        quote = ground.quotes[request.quote]
        if isinstance(quote, HubError):
            judged.append(quote)
            continue
        try:
            same = acceptance.earlier(request, quote, by_key, by_quote)
            judged.append(same if same is not None else _candidate(catalogue, request, quote, links, now))
        except HubError as refusal:
            judged.append(refusal)
    return judged


def keep_member_caps(work: Work, catalogue: Catalogue, judged: Sequence[Judged]) -> list[Judged]:
    """Refuses candidates whose bonus would be more than one member may have of a campaign.

    The members are locked, so that two processes count one after the other. Without a cap nothing is asked.
    """
    caps = [_capped(catalogue, one.record) if isinstance(one, Candidate) else {} for one in judged]
    members = {one.record.member for one, cap in zip(judged, caps, strict=True) if cap and isinstance(one, Candidate)}
    if not members:
        return list(judged)
    lock_members(work, members)
    used = store.bonuses_used(work, members)
    after: list[Judged] = []
    counted: set[str] = set()
    for one, cap in zip(judged, caps, strict=True):
        # The same request twice in a batch is one conversion, and counts once.
        if not isinstance(one, Candidate) or not cap or one.record.key in counted:
            after.append(one)
            continue
        counted.add(one.record.key)
        wanted = {
            (one.record.member, campaign): points for campaign, points in one.record.bonus_points() if campaign in cap
        }
        over = [
            campaign
            for (member, campaign), points in wanted.items()
            if used.get((member, campaign), 0) + points > cap[campaign]
        ]
        if over:
            after.append(CampaignCapReached("The member has had all of this campaign's bonus.", campaign=over[0]))
            continue
        used |= {place: used.get(place, 0) + points for place, points in wanted.items()}
        after.append(one)
    return after


def _capped(catalogue: Catalogue, record: Record) -> dict[str, int]:
    """The caps per member of the campaigns that pay this bonus."""
    if not record.bonus:
        return {}
    paying = {campaign for campaign, _ in record.bonus_points()}
    route = catalogue.campaigns.get((record.source_unit, record.target_unit), ())
    return {one.id: one.member_cap for one in route if one.id in paying and one.member_cap is not None}


def ask_risk(work: Work, risk: RiskPort, judged: Sequence[Judged], *, now: datetime) -> list[Judged]:
    """The candidates as the risk rules let them pass: on, to review, or refused."""
    questions = [risk_question(one.record) for one in judged if isinstance(one, Candidate)]
    answers = iter(risk(work, questions, now=now))
    after: list[Judged] = []
    for one in judged:
        if not isinstance(one, Candidate):
            after.append(one)
            continue
        answer = next(answers)
        if answer.outcome is RiskOutcome.DENY:
            after.append(RiskDenied("The risk rules refuse this conversion."))
        elif needs_review(answer):
            state = ConversionState.REVIEW.value
            after.append(replace(one, record=replace(one.record, state=state, ball="person", reason=answer.reason)))
        else:
            after.append(one)
    return after


def hold_and_write(
    work: Work,
    known: KnownAccounts,
    programmes: ProgrammePort,
    requests: Sequence[Acceptance],
    judged: Sequence[Judged],
    *,
    limits: Sequence[LimitRule],
    now: datetime,
) -> list[Record | HubError]:
    """Hold request by request, each seeing those before it; then write everything at once.

    Counters of limits are locked before balances, here as everywhere.
    """
    candidates = [one for one in judged if isinstance(one, Candidate)]
    if not candidates:
        return [one for one in judged if not isinstance(one, Candidate)]
    movements = {one.record.id: _movement(one.record) for one in candidates} if limits else {}
    allowed = lock_limits(work, limits, movements, now=now)
    book, reserves, postings = lock_for(work, known, programmes, candidates, now=now)
    holds = iter(postings)
    answers: list[Record | HubError] = []
    by_key: dict[str, tuple[Acceptance, Record | HubError]] = {}
    added: dict[str, Record] = {}
    legs: list[NewLeg] = []
    for request, one in zip(requests, judged, strict=True):
        if not isinstance(one, Candidate):
            answers.append(one)
            continue
        wanted = next(holds)
        answer = _repeated(request, by_key.get(request.key)) or _used(one.record, added)
        if answer is None:
            answer = allowed.refusal(one.record.id) or hold(book, known, reserves, one.record, wanted)
        if answer is None:
            allowed.count(one.record.id)
            added[one.record.quote] = answer = one.record
            # Under review nothing is sent; the leg's id is kept for when two persons let it go on.
            legs += [debit_leg(one.record)] if one.record.state == ConversionState.HELD else []
        by_key.setdefault(request.key, (request, answer))
        answers.append(answer)
    book.write()
    allowed.write(work)
    reserves.write(work)
    store.add(work, added.values())
    open_legs(work, legs, now=now)
    return answers


def _movement(record: Record) -> Movement:
    """What limits look at."""
    return Movement(
        member=record.member,
        source_unit=record.source_unit,
        target_unit=record.target_unit,
        source_membership=f"{record.source_partner} {record.source_membership}",
        target_membership=f"{record.target_partner} {record.target_membership}",
        source_amount=record.source_amount,
        target_amount=record.target_amount,
        bonuses=tuple(record.bonus_points()),
    )


def _opened(quoter: Quoter, token: str) -> Quote | HubError:
    try:
        return quoter.open(token)
    except HubError as refusal:
        return refusal


def _candidate(
    catalogue: Catalogue,
    request: Acceptance,
    quote: Quote,
    links: Mapping[tuple[str, str], Link],
    now: datetime,
) -> Candidate:
    acceptable(catalogue, quote, at=now, member=request.member, client_partner=request.client_partner)
    return acceptance.candidate(request, quote, acceptance.sides_of(catalogue.roster, quote, now), links, now)


def _repeated(request: Acceptance, first: tuple[Acceptance, Record | HubError] | None) -> Record | HubError | None:
    """The answer of the same request earlier in the batch; a refusal when only the key is the same."""
    if first is None:
        return None
    asked, answer = first
    return (
        answer
        if replace(asked, trace=request.trace) == request
        else IdempotencyKeyReused("This idempotency key was used for another conversion.")
    )


def _used(record: Record, added: Mapping[str, Record]) -> HubError | None:
    return QuoteUsed("This quote was accepted before; ask for a new one.") if record.quote in added else None
