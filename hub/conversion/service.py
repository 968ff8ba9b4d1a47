"""Accept, cancel, reverse and settle conversions, and answer for them; batch first.

Every call that writes takes its locks in the one order of the house: period, legs, conversions, ledger. Nothing here
calls a partner, and nothing commits: a door does, through the batcher.
"""

import builtins
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from hub import ledger
from hub.conversion import accepting, ageing, reading, reversing, review, store
from hub.conversion.ageing import Outlook
from hub.conversion.carrying import carry_out
from hub.conversion.errors import CannotCancel, ConversionMissing, RiskDenied
from hub.conversion.holding import KnownAccounts
from hub.conversion.legwork import OWNER_KIND
from hub.conversion.reading import visible
from hub.conversion.record import Record
from hub.conversion.review import Verdict
from hub.conversion.risk import RiskPort, allow_all
from hub.conversion.settling import Turn, merge_of, turn, voided
from hub.conversion.states import ConversionState
from hub.conversion.types import Acceptance, Conversion, Moment, ReversalRequest
from hub.kernel.errors import HubError
from hub.legs.cases import NewCase, open_cases
from hub.legs.progress import result as leg_result
from hub.legs.service import announce_overdue, cancel_unsent
from hub.legs.states import LegState
from hub.legs.store import read_ended
from hub.legs.types import LegResult
from hub.members.service import follow_merges
from hub.rates.catalogue import CatalogueCache
from hub.rates.quotes import Quoter
from hub.storage import Work

CANCELLED = "cancelled"

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
        judged = accepting.judge(work, catalogue, self._quoter, requests, now=now)
        judged = accepting.keep_member_caps(work, catalogue, judged)
        judged = accepting.ask_risk(work, self._risk, judged, now=now)
        return _shown(accepting.hold_and_write(work, self._accounts, requests, judged, now=now))

    def cancel(
        self, work: Work, ids: Sequence[tuple[str, str]], *, now: datetime
    ) -> builtins.list[Conversion | HubError]:
        """Call conversions off that were not yet sent to the source; ids: (conversion, whose client asks).

        Answers with: ConversionMissing, CannotCancel. Cancelling again what was cancelled is answered the same.
        """
        ledger.enter(work)
        found = store.by_id(work, [conversion for conversion, _ in ids])
        allowed = [found[one] for one, client in ids if one in found and visible(found[one], client)]
        # Legs before conversions, here as everywhere: whoever begins an attempt at this very moment wins, or finds the
        # leg cancelled.
        unsent = cancel_unsent(work, [record.debit_leg for record in allowed if record.debit_leg])
        records = store.lock(work, [record.id for record in allowed])
        turns = [voided(records[one], CANCELLED, now, what=CANCELLED) for one in _unsent(records, allowed, unsent)]
        records |= carry_out(work, self._accounts, turns, records, now=now)
        return [_cancelled(records.get(conversion), client) for conversion, client in ids]

    def reverse(
        self, work: Work, requests: Sequence[ReversalRequest], *, now: datetime
    ) -> builtins.list[Conversion | HubError]:
        """Convert back all or part of posted conversions; one new conversion or refusal each, in order.

        Each sees the parts asked for before it. The same key and request again is answered with the same conversion.
        """
        ledger.enter(work)
        plan = reversing.plan(work, self._catalogues.get(work).roster, requests, now=now)
        return _shown(reversing.hold_and_write(work, self._accounts, plan, now=now))

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
        carry_out(work, self._accounts, list(turns.values()), records, now=now)
        follow_merges(work, [merge for merge in map(merge_of, told) if merge is not None])

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
            carry_out(work, self._accounts, [step], {id: record}, now=now)
        review.keep_verdict(work, id, Verdict.DENY, actor=actor, now=now)
        return self.get(work, id, client_partner="")

    def bonus_used(self, work: Work, member: str) -> dict[str, int]:
        """Bonus points this member has had or is about to get, by campaign; what a quote has to be priced with."""
        return {campaign: points for (_, campaign), points in store.bonuses_used(work, [member]).items()}

    def get(self, work: Work, id: str, *, client_partner: str) -> Conversion:
        """One conversion. Raises: ConversionMissing, also for one of other partners."""
        return reading.seen(work, id, client_partner).conversion()

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
        )
        return [record.conversion() for record in records]

    def timeline(self, work: Work, id: str, *, client_partner: str) -> builtins.list[Moment]:
        """What happened to a conversion, oldest first: its steps and every attempt. Raises: ConversionMissing."""
        return reading.timeline(work, reading.seen(work, id, client_partner))

    def outlook(self, work: Work, id: str, *, client_partner: str) -> Outlook:
        """Who acts next on a conversion, and until when it should have ended. Raises: ConversionMissing."""
        return reading.outlook(work, reading.seen(work, id, client_partner))

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


def _cancelled(record: Record | None, client_partner: str) -> Conversion | HubError:
    if record is None or not visible(record, client_partner):
        return ConversionMissing("There is no such conversion.")
    if record.state == ConversionState.VOIDED and record.reason == CANCELLED:
        return record.conversion()
    return CannotCancel("It is under way already, or has ended.", state=record.state)
