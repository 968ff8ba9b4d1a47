"""Accept, cancel, reverse and settle conversions, and answer for them; batch first.

Every call that writes takes its locks in the one order of the house: period, legs, conversions, ledger. Nothing here
calls a partner, and nothing commits: a door does, through the batcher.
"""

import builtins
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from hub import ledger
from hub.conversion import accepting, ageing, reading, reversing, review, store
from hub.conversion.acceptance import Candidate
from hub.conversion.accepting import Groundwork, Judged
from hub.conversion.ageing import Outlook
from hub.conversion.announcing import in_review
from hub.conversion.carrying import carry_out
from hub.conversion.errors import CannotCancel, ConversionMissing, RiskDenied
from hub.conversion.holding import KnownAccounts
from hub.conversion.hosting import NoProgrammes, decided, lock_moving, lots_of, move_lots
from hub.conversion.legwork import OWNER_KIND
from hub.conversion.reading import visible
from hub.conversion.record import Record
from hub.conversion.review import Verdict
from hub.conversion.risk import RiskPort, allow_all
from hub.conversion.settling import Turn, merge_of, turn, voided
from hub.conversion.states import ConversionState
from hub.conversion.types import Acceptance, Cancellation, Conversion, Moment, ReversalRequest
from hub.hosted.types import ProgrammePort
from hub.kernel.errors import HubError
from hub.legs.cases import NewCase, open_cases
from hub.legs.progress import result as leg_result
from hub.legs.service import announce_overdue, cancel_unsent, end_hosted
from hub.legs.states import LegState
from hub.legs.store import lock_hosted, read_ended, write_legs
from hub.legs.types import Leg, LegResult
from hub.limits.service import LimitCache
from hub.members.service import follow_merges
from hub.outbox.events import announce_events
from hub.rates.catalogue import CatalogueCache
from hub.rates.quotes import Quoter
from hub.storage import Work

CANCELLED = "cancelled"
_REVIEW = ConversionState.REVIEW.value

# A conversion untouched for this long is looked at by the sweep; nothing that goes well takes so long between two
# steps.
_STUCK_AFTER = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class SweepReport:
    """What a sweep found.

    announced: legs whose message was written again. repaired: conversions that had missed their leg's outcome. late:
    ids older than their route's alarm. open: how many conversions wait, by state.
    """

    announced: int
    repaired: int
    late: tuple[str, ...]
    open: dict[str, int]


class Conversions:
    """Conversions priced from these catalogues and quoted by this quoter. risk: judges each before it is accepted.

    programmes: those that the hub keeps itself. Safe between threads.
    """

    def __init__(
        self,
        catalogues: CatalogueCache,
        quoter: Quoter,
        *,
        risk: RiskPort = allow_all,
        programmes: ProgrammePort | None = None,
    ) -> None:
        self._catalogues = catalogues
        self._quoter = quoter
        self._risk = risk
        self._programmes = programmes or NoProgrammes()
        self._accounts = KnownAccounts()
        self._limits = LimitCache()

    def lay_ground(self, work: Work, requests: Sequence[Acceptance]) -> Groundwork:
        """Ask for what `accept` has to know of these requests, so that it shares a trip with what the caller asks."""
        return accepting.lay_ground(work, self._catalogues, self._quoter, requests)

    def accept(
        self, work: Work, requests: Sequence[Acceptance], *, now: datetime, ground: Groundwork | None = None
    ) -> list[Conversion | HubError]:
        """Check, reserve and record what these quotes offer; one conversion or refusal each, in order.

        The same key and request again is answered with the same conversion. A fixed number of statements a batch, in
        three trips. ground: of these requests and perhaps of more.
        """
        ground = ground or self.lay_ground(work, requests)
        judged = accepting.judge(ground, requests, now=now)
        judged = accepting.keep_member_caps(work, ground.catalogue(), judged)
        judged = accepting.ask_risk(work, self._risk, judged, now=now)
        limits = self._limits.at(work, ground.catalogue().version)
        answers = accepting.hold_and_write(
            work, self._accounts, self._programmes, requests, judged, limits=limits, now=now
        )
        self._announce_reviews(work, judged, answers, now=now)
        return _shown(answers)

    def _announce_reviews(
        self, work: Work, judged: Sequence[Judged], answers: Sequence[Record | HubError], *, now: datetime
    ) -> None:
        """Tell of new conversions that wait for two people; nothing is written where there are none."""
        wait = {one.record.id for one in judged if isinstance(one, Candidate) and one.record.state == _REVIEW}
        if wait:
            new = {one.id: one for one in answers if isinstance(one, Record) and one.id in wait}
            announce_events(work, in_review(list(new.values())), now=now)

    def cancel(
        self, work: Work, requests: Sequence[Cancellation], *, now: datetime
    ) -> builtins.list[Conversion | HubError]:
        """Call conversions off that were not yet sent to the source; one conversion or refusal each, in order.

        Answers with: ConversionMissing, CannotCancel. Cancelling again what was cancelled is answered the same.
        """
        ledger.enter(work)
        found = store.by_id(work, [one.conversion for one in requests])
        allowed = [found[one.conversion] for one in requests if _may_cancel(found.get(one.conversion), one)]
        # Legs before conversions, here as everywhere: whoever begins an attempt at this very moment wins, or finds the
        # leg cancelled.
        unsent = cancel_unsent(work, [record.debit_leg for record in allowed if record.debit_leg])
        records = store.lock(work, [record.id for record in allowed])
        turns = [voided(records[one], CANCELLED, now, what=CANCELLED) for one in _unsent(records, allowed, unsent)]
        records |= self._carry_out(work, turns, records, now=now)
        return [_cancelled(records.get(one.conversion), one) for one in requests]

    def reverse(
        self, work: Work, requests: Sequence[ReversalRequest], *, now: datetime
    ) -> builtins.list[Conversion | HubError]:
        """Convert back all or part of posted conversions; one new conversion or refusal each, in order.

        Each sees the parts asked for before it. The same key and request again is answered with the same conversion.
        """
        ledger.enter(work)
        plan = reversing.plan(work, self._catalogues.get(work).roster, requests, now=now)
        return _shown(reversing.hold_and_write(work, self._accounts, self._programmes, plan, now=now))

    def settle_legs(self, work: Work, results: Sequence[LegResult], *, now: datetime) -> None:
        """Advance conversions by how their legs stand; a result told before, or without proof, does nothing."""
        told = [result for result in results if result.owner_kind == OWNER_KIND and result.state is not LegState.OPEN]
        if not told:
            return
        if any(result.state is not LegState.BY_HAND for result in told):
            ledger.enter(work)
        records = store.lock(work, [result.owner for result in told])
        turns: dict[str, Turn] = {}
        for result in told:
            record = records.get(result.owner)
            step = None if record is None else turn(record, result, records.get(record.reverses), now)
            if step is not None:
                turns.setdefault(result.owner, step)
        self._carry_out(work, list(turns.values()), records, now=now)
        follow_merges(work, [merge for merge in map(merge_of, told) if merge is not None])

    def settle_hosted(self, work: Work, leg_ids: Collection[str], *, now: datetime) -> None:
        """End legs at programmes that the hub keeps itself, and advance their conversions, all in this transaction.

        Nobody is called: what the lots allow is done, the rest is refused. A leg that ended before is left alone.
        """
        ledger.enter(work)
        legs = lock_hosted(work, leg_ids)
        if not legs:
            return
        records = store.lock(work, [leg.owner for leg in legs])
        lots = lock_moving(work, self._programmes, [records[leg.owner] for leg in legs], records, now=now)
        ended: list[Leg] = []
        turns: list[Turn] = []
        for leg in legs:
            record, original = records[leg.owner], records.get(records[leg.owner].reverses)
            after, told = end_hosted(leg, decided(lots, leg.role, record), now=now)
            ended.append(after)
            step = turn(record, told, original, now)
            if step is not None:
                move_lots(lots, step, original)
                turns.append(step)
        write_legs(work, ended)
        carry_out(work, self._accounts, turns, records, lots, now=now)

    def _carry_out(
        self, work: Work, turns: Sequence[Turn], records: Mapping[str, Record], *, now: datetime
    ) -> dict[str, Record]:
        lots = lots_of(work, self._programmes, turns, records, now=now)
        return carry_out(work, self._accounts, turns, records, lots, now=now)

    def release(self, work: Work, id: str, *, actor: str, now: datetime) -> Conversion:
        """Say that a conversion under review may go on; it does once a second person says so too.

        Raises: ConversionMissing, NotInReview, FourEyes.
        """
        record = review.agreed(work, id, Verdict.RELEASE, actor=actor, now=now)
        if record is not None:
            review.let_go_on(work, record, now=now)
        review.keep_verdict(work, id, Verdict.RELEASE, actor=actor, now=now)
        return self.get(work, id, client_partner="")

    def deny(self, work: Work, id: str, *, actor: str, now: datetime) -> Conversion:
        """Say that a conversion under review must not go on; it ends once a second person says so too.

        Raises: ConversionMissing, NotInReview, FourEyes.
        """
        ledger.enter(work)
        record = review.agreed(work, id, Verdict.DENY, actor=actor, now=now)
        if record is not None:
            step = voided(record, RiskDenied.code, now, what="denied")
            self._carry_out(work, [step], {id: record}, now=now)
        review.keep_verdict(work, id, Verdict.DENY, actor=actor, now=now)
        return self.get(work, id, client_partner="")

    def bonus_used(self, work: Work, member: str) -> dict[str, int]:
        """Bonus points this member has had or is about to get, by campaign; what a quote has to be priced with."""
        return {campaign: points for (_, campaign), points in store.bonuses_used(work, [member]).items()}

    def get(self, work: Work, id: str, *, client_partner: str, live: bool | None = None) -> Conversion:
        """One conversion. live: only of this kind; None for both. Raises: ConversionMissing, also for one of others."""
        return reading.seen(work, id, client_partner, live=live).conversion()

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
        live: bool | None = None,
    ) -> builtins.list[Conversion]:
        """Conversions that this partner's client may see, newest first; after: (created_at, id) of the last seen."""
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
            live=live,
        )
        return [record.conversion() for record in records]

    def timeline(self, work: Work, id: str, *, client_partner: str, live: bool | None = None) -> builtins.list[Moment]:
        """What happened to a conversion, oldest first: its steps and every attempt. Raises: ConversionMissing."""
        return reading.timeline(work, reading.seen(work, id, client_partner, live=live))

    def outlook(self, work: Work, id: str, *, client_partner: str) -> Outlook:
        """Who acts next on a conversion, and until when it should have ended. Raises: ConversionMissing."""
        return reading.outlook(work, reading.seen(work, id, client_partner))

    def has_open(self, work: Work, member: str) -> bool:
        """Whether points of this member are on their way, or owed to it."""
        return reading.has_open(work, member)

    def sweep(self, work: Work, *, now: datetime, limit: int) -> SweepReport:
        """Find what was lost and what takes too long: at most `limit` of each.

        Legs long due without anybody at work on them are announced again, conversions that missed their leg's outcome
        are told it, and those older than the alarm of their route get a case.
        """
        ledger.enter(work)
        announced = announce_overdue(work, now=now, limit=limit)
        stuck = ageing.stuck_legs(work, before=now - _STUCK_AFTER, limit=limit)
        missed = [leg_result(leg, current=False) for leg in read_ended(work, stuck)]
        self.settle_legs(work, missed, now=now)
        waiting = ageing.open_conversions(work, limit=limit)
        late = ageing.late(waiting, ageing.paces(work, {one.route for one in waiting}), now)
        balls = {one.id: one.ball for one in waiting}
        open_cases(work, [NewCase(one, "late", balls[one], {"ball": balls[one]}) for one in late], now=now)
        return SweepReport(len(announced), len(missed), tuple(late), ageing.count_by_state(work))


def _shown(answers: Sequence[Record | HubError]) -> list[Conversion | HubError]:
    return [one.conversion() if isinstance(one, Record) else one for one in answers]


def _unsent(records: dict[str, Record], allowed: Sequence[Record], unsent: set[str]) -> list[str]:
    """Those of these conversions that no partner has heard of, and now never will."""
    found = (records[id_] for id_ in sorted({record.id for record in allowed}))
    return [
        record.id
        for record in found
        if record.state == ConversionState.REVIEW
        or (record.state == ConversionState.HELD and record.debit_leg in unsent)
    ]


def _may_cancel(record: Record | None, asked: Cancellation) -> bool:
    return record is not None and visible(record, asked.client_partner, live=asked.live)


def _cancelled(record: Record | None, asked: Cancellation) -> Conversion | HubError:
    if record is None or not _may_cancel(record, asked):
        return ConversionMissing("There is no such conversion.")
    if record.state == ConversionState.VOIDED and record.reason == CANCELLED:
        return record.conversion()
    return CannotCancel("It is under way already, or has ended.", state=record.state)
