"""Accept, cancel, reverse and settle conversions, and answer for them; batch first.

Every call that writes takes its locks in the one order of the house: period, legs, conversions, ledger. Nothing here calls a
partner, and nothing commits: a door does, through the batcher.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from hub import ledger
from hub.agreements.refusals import FourEyes
from hub.audit.service import record as audit
from hub.conversion import acceptance, ageing, reversal, store
from hub.conversion.acceptance import Candidate, needs_review, risk_question
from hub.conversion.ageing import Outlook
from hub.conversion.carrying import carry_out
from hub.conversion.errors import (
    CannotCancel,
    ConversionMissing,
    IdempotencyKeyReused,
    NotInReview,
    QuoteUsed,
    RiskDenied,
)
from hub.conversion.holding import KnownAccounts, hold, lock_for
from hub.conversion.legwork import OWNER_KIND, debit_leg
from hub.conversion.record import Record
from hub.conversion.risk import RiskOutcome, RiskPort, allow_all
from hub.conversion.settling import merge_of, turn, voided
from hub.conversion.states import FINAL, ConversionState
from hub.conversion.store import NewMoment
from hub.conversion.types import Acceptance, Conversion, Moment, ReversalRequest
from hub.kernel.errors import HubError
from hub.legs.cases import NewCase, open_cases
from hub.legs.progress import result as leg_result
from hub.legs.service import announce_overdue, cancel_unsent, open_legs
from hub.legs.states import LegState
from hub.legs.store import attempts, read_legs
from hub.legs.types import LegResult, NewLeg
from hub.members.service import follow_merges
from hub.members.service import links as links_of
from hub.members.types import Link
from hub.rates.catalogue import Catalogue, CatalogueCache
from hub.rates.quotes import Quoter, acceptable
from hub.rates.types import Quote
from hub.storage import Work

CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class SweepReport:
    """What a sweep found. announced: legs whose message was written again. repaired: conversions that had missed their
    leg's outcome. late: ids older than their route's alarm. open: how many conversions wait, by state."""

    announced: int
    repaired: int
    late: tuple[str, ...]
    open: dict[str, int]


class Conversions:
    """Conversions priced from these catalogues and quoted by this quoter. risk: judges each before it is accepted.

    Safe between threads.
    """

    def __init__(self, catalogues: CatalogueCache, quoter: Quoter, *, risk: RiskPort = allow_all) -> None:
        self._catalogues = catalogues
        self._quoter = quoter
        self._risk = risk
        self._accounts = KnownAccounts()

    def accept(self, work: Work, requests: Sequence[Acceptance], *, now: datetime) -> list[Conversion | HubError]:
        """Check, reserve and record what these quotes offer; one conversion or refusal each, in order.

        The same key and request again is answered with the same conversion. A fixed number of statements a batch.
        """
        ledger.enter(work)
        catalogue = self._catalogues.get(work)
        quotes = [self._opened(request) for request in requests]
        judged = self._judged(work, catalogue, requests, quotes, now)
        judged = self._with_risk(work, judged, now)
        candidates = [one for one in judged if isinstance(one, Candidate)]
        answers = self._held(work, requests, judged, candidates, now)
        return [one.conversion() if isinstance(one, Record) else one for one in answers]

    def _opened(self, request: Acceptance) -> Quote | HubError:
        try:
            return self._quoter.open(request.quote)
        except HubError as refusal:
            return refusal

    def _judged(
        self,
        work: Work,
        catalogue: Catalogue,
        requests: Sequence[Acceptance],
        quotes: Sequence[Quote | HubError],
        now: datetime,
    ) -> list[Candidate | Record | HubError]:
        """Everything but the ledger and risk: a candidate, the conversion made before, or a refusal."""
        opened = [quote for quote in quotes if isinstance(quote, Quote)]
        found = store.by_key_or_quote(
            work, keys={request.key for request in requests}, quotes={quote.id for quote in opened}
        )
        by_key = {record.key: record for record in found}
        by_quote = {record.quote: record for record in found if record.quote}
        pairs = [
            (request.member, partner)
            for request, quote in zip(requests, quotes, strict=True)
            if isinstance(quote, Quote)
            for partner in (quote.source_partner, quote.target_partner)
        ]
        links = links_of(work, pairs) if pairs else {}
        judged: list[Candidate | Record | HubError] = []
        for request, quote in zip(requests, quotes, strict=True):
            if isinstance(quote, HubError):
                judged.append(quote)
                continue
            try:
                same = acceptance.earlier(request, quote, by_key, by_quote)
                judged.append(same if same is not None else _candidate(catalogue, request, quote, links, now))
            except HubError as refusal:
                judged.append(refusal)
        return judged

    def _with_risk(
        self, work: Work, judged: Sequence[Candidate | Record | HubError], now: datetime
    ) -> list[Candidate | Record | HubError]:
        candidates = [one for one in judged if isinstance(one, Candidate)]
        answers = iter(self._risk(work, [risk_question(one.record) for one in candidates], now=now))
        after: list[Candidate | Record | HubError] = []
        for one in judged:
            if not isinstance(one, Candidate):
                after.append(one)
                continue
            answer = next(answers)
            if answer.outcome is RiskOutcome.DENY:
                after.append(RiskDenied("The risk rules refuse this conversion."))
            elif needs_review(answer):
                state = ConversionState.REVIEW.value
                record = replace(one.record, state=state, ball="person", reason=answer.reason)
                after.append(replace(one, record=record))
            else:
                after.append(one)
        return after

    def _held(
        self,
        work: Work,
        requests: Sequence[Acceptance],
        judged: Sequence[Candidate | Record | HubError],
        candidates: Sequence[Candidate],
        now: datetime,
    ) -> list[Record | HubError]:
        """Hold request by request, each seeing those before it; then write everything at once."""
        if not candidates:
            return [one for one in judged if not isinstance(one, Candidate)]
        book, postings = lock_for(work, self._accounts, candidates, now=now)
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
                answer = hold(book, self._accounts, one.record, wanted)
            if answer is None:
                record, leg = _with_leg(one.record, now)
                legs += [leg] if leg else []
                added[record.quote] = answer = record
            by_key.setdefault(request.key, (request, answer))
            answers.append(answer)
        book.write()
        store.add(work, added.values())
        open_legs(work, legs, now=now)
        return answers

    def cancel(self, work: Work, ids: Sequence[tuple[str, str]], *, now: datetime) -> list[Conversion | HubError]:
        """Call conversions off that were not yet sent to the source; ids: (conversion, whose client asks).

        Answers with: ConversionMissing, CannotCancel. Cancelling again what was cancelled is answered the same.
        """
        ledger.enter(work)
        seen = store.by_id(work, [id_ for id_, _ in ids])
        allowed = [seen[id_] for id_, client in ids if id_ in seen and _visible(seen[id_], client)]
        # Legs are locked before conversions, here as everywhere: whoever begins an attempt at this moment wins or waits.
        unsent = cancel_unsent(work, [record.debit_leg for record in allowed if record.debit_leg])
        records = store.lock(work, [record.id for record in allowed])
        turns = {
            record.id: voided(record, CANCELLED, now, what=CANCELLED)
            for record in records.values()
            if (record.state == ConversionState.HELD and record.debit_leg in unsent)
            or (record.state == ConversionState.REVIEW and record.id in {one.id for one in allowed})
        }
        changed = carry_out(work, self._accounts, list(turns.values()), records, now=now)
        answers: list[Conversion | HubError] = []
        for id_, client in ids:
            record = changed.get(id_) or records.get(id_)
            if record is None or not _visible(record, client):
                answers.append(ConversionMissing("There is no such conversion."))
            elif record.state == ConversionState.VOIDED and record.reason == CANCELLED:
                answers.append(record.conversion())
            else:
                answers.append(CannotCancel("It is under way already, or has ended.", state=record.state))
        return answers

    def reverse(self, work: Work, requests: Sequence[ReversalRequest], *, now: datetime) -> list[Conversion | HubError]:
        """Convert back all or part of posted conversions; one new conversion or refusal each, in order.

        Each sees the parts asked for before it. The same key and request again is answered with the same conversion.
        """
        ledger.enter(work)
        roster = self._catalogues.get(work).roster
        found = store.by_key_or_quote(work, keys={request.key for request in requests}, quotes=())
        by_key = {record.key: record for record in found}
        originals = store.lock(work, [request.conversion for request in requests])
        before: dict[str, list[Record]] = {id_: [] for id_ in originals}
        for record in store.reversals_of(work, originals):
            before[record.reverses].append(record)
        links = links_of(work, [(one.member, one.target_partner) for one in originals.values()])
        answers: list[Record | HubError] = []
        planned: list[Candidate] = []
        for request in requests:
            original = originals.get(request.conversion)
            try:
                same = reversal.earlier(request, by_key)
                if original is None or not _visible(original, request.client_partner):
                    raise ConversionMissing("There is no such conversion.")
                if same is None:
                    link = links.get((original.member, original.target_partner))
                    parts = before[original.id]
                    planned.append(reversal.candidate(request, original, parts, roster, link, now))
                    same = by_key[request.key] = planned[-1].record
                    parts.append(same)
                    taken = original.reversed_amount + same.source_amount
                    originals[original.id] = replace(original, reversed_amount=taken, updated_at=now)
                answers.append(same)
            except HubError as refusal:
                answers.append(refusal)
        refused = self._reversed(work, planned, originals, now)
        return [refused.get(one.id) or one.conversion() if isinstance(one, Record) else one for one in answers]

    def _reversed(
        self, work: Work, planned: Sequence[Candidate], originals: dict[str, Record], now: datetime
    ) -> dict[str, HubError]:
        """Hold and write planned reversals; why some could not, by id.

        What a later part of the same batch takes back was worked out as if the earlier one had gone through; parts
        after a refusal are worked out anew by cumulative shares, so nothing is lost by a gap.
        """
        if not planned:
            return {}
        book, postings = lock_for(work, self._accounts, planned, now=now)
        refused: dict[str, HubError] = {}
        added: list[Record] = []
        legs: list[NewLeg] = []
        for one, wanted in zip(planned, postings, strict=True):
            refusal = hold(book, self._accounts, one.record, wanted)
            original = originals[one.record.reverses]
            if refusal is not None:
                refused[one.record.id] = refusal
                rest = original.reversed_amount - one.record.source_amount
                originals[original.id] = replace(original, reversed_amount=rest)
                continue
            record, leg = _with_leg(one.record, now, original=original.credit_leg)
            added.append(record)
            legs += [leg] if leg else []
        book.write()
        store.add(work, added)
        store.write(work, [originals[id_] for id_ in sorted({one.record.reverses for one in planned})])
        open_legs(work, legs, now=now)
        return refused

    def settle_legs(self, work: Work, results: Sequence[LegResult], *, now: datetime) -> None:
        """Advance conversions by how their legs stand; a result told before, or without proof, does nothing."""
        told = [result for result in results if result.owner_kind == OWNER_KIND and result.state is not LegState.OPEN]
        if not told:
            return
        ledger.enter(work)
        records = store.lock(work, [result.owner for result in told])
        turns = {}
        for result in told:
            record = records.get(result.owner)
            step = turn(record, result, records.get(record.reverses), now) if record is not None else None
            if step is not None and result.owner not in turns:
                turns[result.owner] = step
        carry_out(work, self._accounts, list(turns.values()), records, now=now)
        follow_merges(work, [merge for merge in map(merge_of, told) if merge is not None])

    def release(self, work: Work, id_: str, *, actor: str, now: datetime) -> Conversion:
        """Say that a conversion under review may go on; it does once a second person says so too.

        Raises: ConversionMissing, NotInReview, FourEyes.
        """
        record = self._verdict(work, id_, actor=actor, verdict="release", now=now)
        if record is None:
            return self.get(work, id_, client_partner="")
        released = replace(
            record,
            state=ConversionState.HELD.value,
            ball=record.source_partner,
            reason="",
            updated_at=now,
            version=record.version + 1,
        )
        released, leg = _with_leg(released, now)
        store.write(work, [released])
        store.add_moments(work, [NewMoment(id_, released.version, "released", "", "")], now=now)
        open_legs(work, [leg] if leg else [], now=now)
        return released.conversion()

    def deny(self, work: Work, id_: str, *, actor: str, now: datetime) -> Conversion:
        """Say that a conversion under review must not go on; it ends once a second person says so too.

        Raises: ConversionMissing, NotInReview, FourEyes.
        """
        ledger.enter(work)
        record = self._verdict(work, id_, actor=actor, verdict="deny", now=now)
        if record is None:
            return self.get(work, id_, client_partner="")
        step = voided(record, RiskDenied.code, now, what="denied")
        changed = carry_out(work, self._accounts, [step], {id_: record}, now=now)
        return changed[id_].conversion()

    def _verdict(self, work: Work, id_: str, *, actor: str, verdict: str, now: datetime) -> Record | None:
        """The locked conversion, when this verdict is the second of its kind; None when it is the first."""
        record = store.lock(work, [id_]).get(id_)
        if record is None:
            raise ConversionMissing("There is no such conversion.")
        if record.state != ConversionState.REVIEW:
            raise NotInReview("It is not under review.", state=record.state)
        before = store.verdicts(work, id_)
        if before.get(actor) == verdict:
            raise FourEyes("Somebody else has to agree.")
        store.add_verdict(work, id_, actor=actor, verdict=verdict, now=now)
        audit(work, actor=actor, action=f"conversion.{verdict}", subject=id_, facts={}, now=now)
        return record if verdict in [said for who, said in before.items() if who != actor] else None

    def get(self, work: Work, id_: str, *, client_partner: str) -> Conversion:
        """One conversion. Raises: ConversionMissing, also for one of other partners."""
        return _seen(work, id_, client_partner).conversion()

    def list(
        self,
        work: Work,
        *,
        client_partner: str,
        state: ConversionState | None,
        partner: str | None,
        member: str | None,
        after: tuple[datetime, str] | None,
        limit: int,
        since: datetime | None,
        until: datetime | None,
    ) -> list[Conversion]:
        """Conversions that this partner's client may see, newest first; after: (created_at, id) of the last one seen."""
        records = store.page(
            work,
            client_partner=client_partner,
            state=state.value if state else None,
            partner=partner,
            member=member,
            after=after,
            limit=limit,
            since=since,
            until=until,
        )
        return [record.conversion() for record in records]

    def timeline(self, work: Work, id_: str, *, client_partner: str) -> Sequence[Moment]:
        """What happened to a conversion, oldest first: its own steps and every attempt. Raises: ConversionMissing."""
        record = _seen(work, id_, client_partner)
        partners = _leg_partners(record)
        moments = [Moment(record.created_at, "accepted", "", "")]
        moments += [Moment(*row) for row in store.moments(work, id_)]
        for attempt in attempts(work, list(partners)):
            role, partner = partners[attempt.leg]
            moments.append(Moment(attempt.started_at, f"{role} {attempt.kind}", partner, f"attempt {attempt.number}"))
            if attempt.answered_at is not None:
                answer = f"{attempt.outcome} {attempt.detail}" if attempt.outcome == "unknown" else attempt.outcome
                moments.append(Moment(attempt.answered_at, f"{role} {attempt.kind} answered", partner, answer))
        return sorted(moments, key=lambda moment: moment.at)

    def outlook(self, work: Work, id_: str, *, client_partner: str) -> Outlook:
        """Who acts next on a conversion, and until when it should have ended. Raises: ConversionMissing."""
        record = _seen(work, id_, client_partner)
        route = (record.source_unit, record.target_unit)
        pace = ageing.paces(work, [route])[route]
        ended = ConversionState(record.state) in FINAL
        return Outlook(
            ball=record.ball,
            since=record.updated_at,
            pace=pace,
            expected_by=None if ended else record.created_at + pace.p95,
            late_at=None if ended else record.created_at + pace.late_after,
        )

    def sweep(self, work: Work, *, now: datetime, limit: int) -> SweepReport:
        """Find what was lost and what takes too long: at most `limit` of each.

        Legs long due without anybody at work on them are announced again, conversions that missed their leg's outcome
        are told it, and those older than the alarm of their route get a case.
        """
        ledger.enter(work)
        announced = announce_overdue(work, now=now, limit=limit)
        stuck = ageing.stuck_legs(work, before=now - timedelta(minutes=15), limit=limit)
        legs = read_legs(work, stuck)
        missed = [leg_result(leg, current=False) for leg in legs.values()]
        self.settle_legs(work, missed, now=now)
        waiting = ageing.open_conversions(work, limit=limit)
        late = ageing.late(waiting, ageing.paces(work, {one.route for one in waiting}), now)
        balls = {one.id: one.ball for one in waiting}
        open_cases(work, [NewCase(id_, "late", balls[id_], {"ball": balls[id_]}) for id_ in late], now=now)
        return SweepReport(len(announced), len(missed), tuple(late), ageing.count_by_state(work))


def _candidate(
    catalogue: Catalogue,
    request: Acceptance,
    quote: Quote,
    links: Mapping[tuple[str, str], Link],
    now: datetime,
) -> Candidate:
    acceptable(catalogue, quote, at=now, member=request.member, client_partner=request.client_partner)
    return acceptance.candidate(request, quote, acceptance.sides_of(catalogue.roster, quote), links, now)


def _repeated(request: Acceptance, first: tuple[Acceptance, Record | HubError] | None) -> Record | HubError | None:
    """The answer of the same request earlier in the batch; a refusal when only the key is the same."""
    if first is None:
        return None
    asked, answer = first
    same = (asked.quote, asked.member, asked.client_partner) == (request.quote, request.member, request.client_partner)
    return answer if same else IdempotencyKeyReused("This idempotency key was used for another conversion.")


def _used(record: Record, added: Mapping[str, Record]) -> HubError | None:
    return QuoteUsed("This quote was accepted before; ask for a new one.") if record.quote in added else None


def _with_leg(record: Record, now: datetime, *, original: str = "") -> tuple[Record, NewLeg | None]:
    """The row with its debit leg, if it may be sent at once. original: the leg that a reversal takes back."""
    if record.state != ConversionState.HELD:
        return record, None
    leg = debit_leg(record, now, original=original)
    return replace(record, debit_leg=leg.id), leg


def _visible(record: Record, client_partner: str) -> bool:
    """The hub's own people see all; a partner's client what it asked for or takes part in."""
    return client_partner in ("", record.source_partner, record.target_partner, record.client_partner)


def _seen(work: Work, id_: str, client_partner: str) -> Record:
    record = store.by_id(work, [id_]).get(id_)
    if record is None or not _visible(record, client_partner):
        raise ConversionMissing("There is no such conversion.")
    return record


def _leg_partners(record: Record) -> dict[str, tuple[str, str]]:
    """(role, partner) of each leg that the conversion has, by the leg's id."""
    legs = {
        record.debit_leg: ("debit", record.source_partner),
        record.credit_leg: ("credit", record.target_partner),
        record.giveback_leg: ("giveback", record.source_partner),
        record.bonus_leg: ("bonus", record.target_partner),
    }
    return {leg: place for leg, place in legs.items() if leg}
