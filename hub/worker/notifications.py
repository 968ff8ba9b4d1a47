"""What the worker does with partners' notifications: understand each, and hand it to the room that acts on it.

Knows which kind is whose. A notification is acted on in the transaction that ends it; what arrives too early waits, and
what nobody can act on goes into quarantine, where a person finds it.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from hub import ledger, outbox
from hub.access.vault import Vault
from hub.agreements.reading import is_live
from hub.conversion.service import Conversions
from hub.earning import service as earning
from hub.kernel.clock import Clock
from hub.kernel.errors import HubError
from hub.legs.service import Legs, ask_soon, partners_of
from hub.legs.types import LegResult
from hub.members.service import close_membership, follow_merges, record_tier
from hub.members.types import Merge
from hub.notifications import service as notifications
from hub.notifications.states import NotificationState
from hub.notifications.types import Received
from hub.outbox import Delivery
from hub.storage import Batcher, Database, Work
from hub.worker import metrics
from hub.worker.owners import settling
from partners.base import MemberStatus, Notification, NotificationKind, NotificationUnreadable
from partners.replies import text_at

# How long what a notification is about may be missing before it counts as not understood, and the waits between two
# looks. A partner can be faster than the hub's own transaction, but not by minutes.
_PREMATURE = timedelta(minutes=10)
_SPEND = (NotificationKind.CARD_TRANSACTIONS,)
_WAIT_FIRST_SECONDS = 2
_WAIT_SECONDS_MAX = 120


class _Fate(StrEnum):
    """What is to become of a notification."""

    DONE = "done"
    WAITING = "waiting"
    QUARANTINED = "quarantined"


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What became of a notification, and why, in words without secrets or personal data."""

    fate: _Fate
    reason: str


@dataclass(frozen=True, slots=True)
class _Understood:
    """A notification as it was read. fault: why nobody can read it, empty otherwise. spend: what became of its card
    transactions, by subject."""

    delivery: Delivery
    told: tuple[Notification, ...]
    fault: str = ""
    spend: Mapping[str, _Verdict] = field(default_factory=dict)


class NotificationHandler:
    """Acts on one notification."""

    def __init__(self, database: Database, vault: Vault, legs: Legs, conversions: Conversions, clock: Clock) -> None:
        self._database = database
        self._vault = vault
        self._legs = legs
        self._settle = settling(conversions)
        self._clock = clock
        self._applying: Batcher[_Understood, None] = Batcher(database, self.apply, name="notices")

    def __call__(self, delivery: Delivery) -> None:
        """Read what was sent in its partner's own format, and act on it."""
        with self._database.read() as work:
            received = notifications.get(work, delivery.subject)
            body = notifications.body_of(work, self._vault, received.id)
        read = self._understood(delivery, received.partner, body)
        if received.state is NotificationState.RECEIVED:
            spend = {told.subject: self._taken(received, told) for told in read.told if told.kind in _SPEND}
            read = replace(read, spend=spend)
        self._applying.submit(read)

    def _understood(self, delivery: Delivery, partner: str, body: bytes) -> _Understood:
        try:
            return _Understood(delivery, self._legs.partners.adapter(partner).notifications(body))
        except NotificationUnreadable as refusal:
            return _Understood(delivery, (), f"{refusal.code}: {refusal.detail}")

    def _taken(self, received: Received, told: Notification) -> _Verdict:
        """Hand card transactions over, in transactions of their own: each counts once by its id, whoever repeats it."""
        with self._database.read() as work:
            live = bool(is_live(work, partner=received.partner))
        transactions = told.facts["transactions"]
        assert isinstance(transactions, list), "the adapter has looked"
        rows, malformed = earning.rows_of(transactions)
        try:
            results = earning.receive(
                self._database, self._clock, rows, malformed,
                bank=received.partner, live=live, source=f"notification:{received.id}",
            )  # fmt: skip
        except HubError as refusal:
            return _Verdict(_Fate.QUARANTINED, f"{refusal.code}: {refusal.detail}")
        counts = Counter(one.code for one in results)
        return _Verdict(_Fate.DONE, ", ".join(f"{counts[code]} {code}" for code in sorted(counts)))

    def apply(self, work: Work, items: Sequence[_Understood]) -> list[HubError | None]:
        """Commit what follows from notifications, with the end or the next turn of their messages."""
        now = self._clock.now()
        ledger.enter(work)
        mine = outbox.claim_for_effect(work, [one.delivery.id for one in items])
        held = notifications.lock(work, [one.delivery.subject for one in items])
        results: list[LegResult] = []
        over: list[int] = []
        waits: list[tuple[int, datetime]] = []
        # Legs are locked one after the other, in the same order by everybody as far as that is known here.
        for one in sorted(items, key=lambda one: one.told[0].subject if one.told else ""):
            received = held.get(one.delivery.subject)
            if one.delivery.id not in mine:
                continue
            if received is None or received.state is not NotificationState.RECEIVED:
                over.append(one.delivery.id)
                continue
            verdict = self._judged(work, received, one, results, now)
            metrics.notifications.labels(one.told[0].kind if one.told else "unread", verdict.fate.value).inc()
            _write(work, received, one, verdict, now)
            if verdict.fate is _Fate.WAITING:
                waits.append((one.delivery.id, now + _wait(one.delivery)))
            else:
                over.append(one.delivery.id)
        self._settle(work, results, now)
        if over:
            outbox.done(work, over, now=now)
        if waits:
            outbox.postpone(work, waits, reason="tells of something that is not there yet")
        return [None] * len(items)

    def _judged(
        self, work: Work, received: Received, one: _Understood, results: list[LegResult], now: datetime
    ) -> _Verdict:
        """Act on everything one notification tells; the gravest of what became of its parts."""
        if one.fault:
            return _Verdict(_Fate.QUARANTINED, one.fault)
        verdicts = [self._acted(work, received, one, told, results, now) for told in one.told]
        worst = max(verdicts, key=lambda verdict: list(_Fate).index(verdict.fate))
        if worst.fate is _Fate.WAITING and now - received.received_at >= _PREMATURE:
            return _Verdict(_Fate.QUARANTINED, worst.reason)
        return worst

    def _acted(
        self,
        work: Work,
        received: Received,
        one: _Understood,
        told: Notification,
        results: list[LegResult],
        now: datetime,
    ) -> _Verdict:
        match told.kind:
            case NotificationKind.LEG_RESULT:
                return self._leg_result(work, received, told, results, now)
            case NotificationKind.CARD_TRANSACTIONS:
                return one.spend[told.subject]
            case NotificationKind.MEMBER_CHANGED:
                return _member_changed(work, received, told, now)
            case NotificationKind.MEMBER_TIER_CHANGED:
                tier, at = text_at(told.facts, "tier"), told.at or received.signed_at
                record_tier(work, partner=received.partner, membership=told.subject, tier=tier, at=at)
                return _Verdict(_Fate.DONE, "tier recorded")
            case NotificationKind.STATEMENT_ACKNOWLEDGED:
                notifications.acknowledge(work, received, statement=told.subject, at=told.at or received.signed_at)
                return _Verdict(_Fate.DONE, "acknowledgement recorded")
            case _:
                return _Verdict(_Fate.QUARANTINED, f"nobody acts on {told.kind}")

    def _leg_result(
        self, work: Work, received: Received, told: Notification, results: list[LegResult], now: datetime
    ) -> _Verdict:
        """Proof ends the leg; what is no proof has the partner asked at once."""
        # A key of another partner's leg is as unknown as one that was never given out.
        if partners_of(work, [told.subject]).get(told.subject) != received.partner:
            return _Verdict(_Fate.WAITING, "leg_missing: there is no such instruction")
        if told.outcome is None:
            ask_soon(work, told.subject, now=now)
            return _Verdict(_Fate.DONE, "no proof; the partner is asked")
        result = self._legs.prove(work, told.subject, told.outcome, f"notification {received.id}", now=now)
        results.append(result)
        return _Verdict(_Fate.DONE, "applied" if result.current else "changes nothing")


def _member_changed(work: Work, received: Received, told: Notification, now: datetime) -> _Verdict:
    """An ended membership takes part no more, a merged one is followed, a blocked one its partner refuses itself."""
    status = MemberStatus(text_at(told.facts, "status"))
    if status in (MemberStatus.CLOSED, MemberStatus.DECEASED):
        closed = close_membership(
            work, partner=received.partner, membership=told.subject, reason=f"member_{status}", now=now
        )
        return _Verdict(_Fate.DONE, "link closed" if closed else "no link to close")
    if status is MemberStatus.MERGED:
        follow_merges(work, [Merge(received.partner, told.subject, text_at(told.facts, "surviving_membership"))])
        return _Verdict(_Fate.DONE, "merge followed")
    return _Verdict(_Fate.DONE, "changes no link")


def _write(work: Work, received: Received, one: _Understood, verdict: _Verdict, now: datetime) -> None:
    kinds, subjects = [told.kind for told in one.told], [told.subject for told in one.told]
    known = replace(received, kind=kinds[0] if kinds else "", subject=subjects[0] if subjects else "")
    if verdict.fate is _Fate.WAITING:
        notifications.note(work, known, reason=verdict.reason)
    else:
        notifications.end(work, known, NotificationState(verdict.fate), reason=verdict.reason, now=now)


def _wait(delivery: Delivery) -> timedelta:
    return timedelta(seconds=min(_WAIT_FIRST_SECONDS << min(delivery.attempts, 16), _WAIT_SECONDS_MAX))
