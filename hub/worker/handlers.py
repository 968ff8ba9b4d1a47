"""What the worker does with each kind of message: carry a leg or a lot of them a step further, end a hosted one,
validate a link.

Knows which calls belong into one transaction. Each message is handled in three parts: begin and commit, ask the partner
outside any transaction, then commit the answer, what follows from it and the end of the message together. Many threads
share the transactions through batchers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from hub import ledger, outbox
from hub.access.vault import Vault
from hub.conversion.service import Conversions
from hub.kernel.clock import Clock
from hub.kernel.errors import HubError
from hub.legs.service import LEG_DUE, LEG_HOSTED, LEGS_LOT, Legs
from hub.legs.states import LegState
from hub.legs.types import Answer, LegResult, Over, PartnerPort, Pause, Step
from hub.members.errors import LinkMissing
from hub.members.names import match_names
from hub.members.private import name_of
from hub.members.service import get_link, record_validation
from hub.members.states import LinkState
from hub.members.types import Link, NamesCompared
from hub.notifications.service import NOTIFICATION_RECEIVED
from hub.outbox import Delivery
from hub.outbox.events import EVENT_ANNOUNCED
from hub.storage import Batcher, Database, Work
from hub.worker.events import EventHandler
from hub.worker.handling import Handlers
from hub.worker.lots import LotHandler
from hub.worker.notifications import NotificationHandler
from hub.worker.owners import settling
from partners.base import Member, MemberValidation, Reason, Refused, Unknown, Verb
from partners.names import USUAL_NAMES

LINK_VALIDATE = "link.validate"

# Waits between two questions about one membership, in seconds: the member is waiting for it, so soon at first.
_LINK_WAIT_FIRST = 5
_LINK_WAIT_MAX = 900


@dataclass(frozen=True, slots=True)
class Answered:
    """What an attempt brought, and the message it was for."""

    delivery: Delivery
    answer: Answer


@dataclass(frozen=True, slots=True)
class _Validated:
    """What a partner said about a membership, and the message it was for."""

    delivery: Delivery
    validation: MemberValidation
    names: NamesCompared


class LegHandler:
    """Carries a leg one attempt further."""

    def __init__(self, database: Database, legs: Legs, conversions: Conversions, clock: Clock) -> None:
        self._legs = legs
        self._settle = settling(conversions)
        self._clock = clock
        self._beginning: Batcher[Delivery, Step | None] = Batcher(database, self.begin, name="legs-begin")
        self._finishing: Batcher[Answered, None] = Batcher(database, self.finish, name="legs-finish")

    def __call__(self, delivery: Delivery) -> None:
        """Begin an attempt if the leg needs one, perform it, and take the answer home."""
        step = self._beginning.submit(delivery)
        if step is not None:
            self._finishing.submit(Answered(delivery, self._legs.perform(step)))

    def begin(self, work: Work, deliveries: Sequence[Delivery]) -> list[Step | HubError | None]:
        """Commit attempts for those legs that need one; None where there is nothing to perform."""
        now = self._clock.now()
        mine = outbox.claim_for_effect(work, [delivery.id for delivery in deliveries])
        live = [place for place, delivery in enumerate(deliveries) if delivery.id in mine]
        begun = self._legs.begin(work, [deliveries[place].subject for place in live], now=now)
        steps: list[Step | HubError | None] = [None] * len(deliveries)
        over: list[int] = []
        waits: list[tuple[int, datetime]] = []
        results: list[LegResult] = []
        for place, one in zip(live, begun, strict=True):
            match one:
                case Step():
                    steps[place] = one
                case Pause(until=until):
                    waits.append((deliveries[place].id, until))
                case Over():
                    over.append(deliveries[place].id)
                case LegResult():
                    results.append(one)
                    over.append(deliveries[place].id)
        self._settle(work, results, now)
        _close(work, over, waits, reason="waits for its turn", now=now)
        return steps

    def finish(self, work: Work, answered: Sequence[Answered]) -> list[HubError | None]:
        """Commit answers, what they do to whoever owns the legs, and the end or the next turn of their messages."""
        now = self._clock.now()
        ledger.enter(work)
        outbox.claim_for_effect(work, [one.delivery.id for one in answered])
        results = self._legs.finish(work, [one.answer for one in answered], now=now)
        self._settle(work, results, now)
        over: list[int] = []
        waits: list[tuple[int, datetime]] = []
        for one, result in zip(answered, results, strict=True):
            if result.state is not LegState.OPEN:
                over.append(one.delivery.id)
            elif result.current and result.retry_at is not None:
                waits.append((one.delivery.id, result.retry_at))
            # Otherwise another attempt is under way, and whoever makes it looks after the message.
        _close(work, over, waits, reason="no proof yet", now=now)
        return [None] * len(answered)


class HostedLegHandler:
    """Ends legs at programmes that the hub keeps itself: nobody is called, so one transaction does it all."""

    def __init__(self, database: Database, conversions: Conversions, clock: Clock) -> None:
        self._conversions = conversions
        self._clock = clock
        self._settling: Batcher[Delivery, None] = Batcher(database, self.settle, name="legs-hosted")

    def __call__(self, delivery: Delivery) -> None:
        """End the leg."""
        self._settling.submit(delivery)

    def settle(self, work: Work, deliveries: Sequence[Delivery]) -> list[HubError | None]:
        """Commit how legs ended, what that does to conversions, and the end of the messages."""
        now = self._clock.now()
        ledger.enter(work)
        mine = outbox.claim_for_effect(work, [delivery.id for delivery in deliveries])
        live = [delivery for delivery in deliveries if delivery.id in mine]
        self._conversions.settle_hosted(work, [delivery.subject for delivery in live], now=now)
        _close(work, [delivery.id for delivery in live], (), reason="", now=now)
        return [None] * len(deliveries)


class LinkHandler:
    """Asks a partner about a membership that is to be linked."""

    def __init__(self, database: Database, vault: Vault, partners: PartnerPort, clock: Clock) -> None:
        self._database = database
        self._vault = vault
        self._partners = partners
        self._clock = clock
        self._recording: Batcher[_Validated, None] = Batcher(database, self.record, name="links")

    def __call__(self, delivery: Delivery) -> None:
        """Ask, and keep what the partner says; without proof, ask again later."""
        link, name = self._pending(delivery.subject)
        policy = USUAL_NAMES if link is None else self._partners.profile(link.partner).names
        if link is None:
            validation = MemberValidation(Unknown("nothing to ask"))
        elif Verb.VALIDATE_MEMBER not in self._partners.profile(link.partner).verbs:
            validation = MemberValidation(Refused(Reason.PROGRAMME_CLOSED, "no such verb"))
        else:
            validation = self._partners.adapter(link.partner).validate_member(Member(link.membership))
        # Both names are let go here; what is kept is how alike they are.
        match = match_names(name, validation.name) if name and validation.name else None
        self._recording.submit(_Validated(delivery, validation, NamesCompared(match, policy)))

    def _pending(self, link_id: str) -> tuple[Link | None, str]:
        """The link if it is still to be proven, and the name of its member."""
        with self._database.read() as work:
            try:
                link = get_link(work, link_id)
            except LinkMissing:
                return None, ""
            if link.state is not LinkState.PENDING:
                return None, ""
            return link, name_of(work, self._vault, link.member)

    def record(self, work: Work, validated: Sequence[_Validated]) -> list[HubError | None]:
        """Commit what partners said, with the end or the next turn of the messages."""
        now = self._clock.now()
        outbox.claim_for_effect(work, [one.delivery.id for one in validated])
        over: list[int] = []
        waits: list[tuple[int, datetime]] = []
        for one in sorted(validated, key=lambda one: one.delivery.subject):
            if self._still_open(work, one, now):
                waits.append((one.delivery.id, now + _link_wait(one)))
            else:
                over.append(one.delivery.id)
        _close(work, over, waits, reason="no proof yet", now=now)
        return [None] * len(validated)

    def _still_open(self, work: Work, one: _Validated, now: datetime) -> bool:
        try:
            link = record_validation(work, one.delivery.subject, one.validation, now=now, names=one.names)
            return link.state is LinkState.PENDING
        except LinkMissing:
            return False


def make_handlers(database: Database, vault: Vault, legs: Legs, conversions: Conversions, clock: Clock) -> Handlers:
    """Every kind of message that the hub writes today, with what to do about it."""
    return {
        EVENT_ANNOUNCED: EventHandler(database, clock),
        LEG_DUE: LegHandler(database, legs, conversions, clock),
        LEG_HOSTED: HostedLegHandler(database, conversions, clock),
        LEGS_LOT: LotHandler(database, legs, settling(conversions), clock),
        LINK_VALIDATE: LinkHandler(database, vault, legs.partners, clock),
        NOTIFICATION_RECEIVED: NotificationHandler(database, vault, legs, conversions, clock),
    }


def _close(
    work: Work, over: Sequence[int], waits: Sequence[tuple[int, datetime]], *, reason: str, now: datetime
) -> None:
    """End these messages, or give them back until their instant."""
    if over:
        outbox.done(work, over, now=now)
    if waits:
        outbox.postpone(work, waits, reason=reason)


def _link_wait(one: _Validated) -> timedelta:
    asked = one.validation.outcome.retry_after_seconds if isinstance(one.validation.outcome, Unknown) else None
    doubled = _LINK_WAIT_FIRST << min(one.delivery.attempts, 16)
    return timedelta(seconds=min(max(doubled, asked or 0), _LINK_WAIT_MAX))
