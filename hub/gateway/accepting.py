"""The writing side of the door: requests under Idempotency-Keys, decided in shared transactions.

Knows the batchers of a process and what each calls. Does not know HTTP beyond the answer's status.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

from hub.conversion.types import Acceptance, Cancellation, Conversion, ReversalRequest
from hub.gateway.idempotency import Answer, Asked, InFlight, decide_once
from hub.gateway.programme_views import posted_view
from hub.gateway.refusals import IdempotencyInProgress
from hub.gateway.rendering import compact, conversion_location, conversion_view
from hub.gateway.services import Services
from hub.hosted.types import PointsRequest
from hub.kernel.errors import HubError
from hub.notifications import service as notifications
from hub.notifications.types import Proven, Stored
from hub.storage import Batcher, Work

Request = TypeVar("Request")

Effect = Callable[[Work, datetime], Answer]


class Writing:
    """Decides every request of this process that moves or creates something.

    Batch functions of the core have a batcher of their own; single ones run as effects, each in a savepoint, so that
    a refusal leaves nothing behind but its answer.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._in_flight = InFlight()
        database = services.database
        self._accepting = Batcher(database, self._accept, name="accept")
        self._cancelling = Batcher(database, self._cancel, name="cancel")
        self._reversing = Batcher(database, self._reverse, name="reverse")
        self._posting = Batcher(database, self._post, name="points")
        self._effects = Batcher(database, self._effect, name="effects")
        self._storing: Batcher[Proven, Stored] = Batcher(database, self._store, name="notifications")

    def accept(self, asked: Sequence[Asked[Acceptance]]) -> list[Answer | HubError]:
        """Carry out quotes, one answer or refusal each. Raises: Overloaded."""
        return self._submit(self._accepting, asked)

    def cancel(self, asked: Asked[Cancellation]) -> Answer | HubError:
        """Cancel a conversion. Raises: Overloaded."""
        return self._submit(self._cancelling, [asked])[0]

    def reverse(self, asked: Asked[ReversalRequest]) -> Answer | HubError:
        """Convert back. Raises: Overloaded."""
        return self._submit(self._reversing, [asked])[0]

    def post(self, asked: Asked[PointsRequest]) -> Answer | HubError:
        """Move points of a hosted programme. Raises: Overloaded."""
        return self._submit(self._posting, [asked])[0]

    def perform(self, asked: Asked[Effect]) -> Answer | HubError:
        """Bring about one effect. Raises: Overloaded."""
        return self._submit(self._effects, [asked])[0]

    def store(self, proven: Proven) -> Stored:
        """Keep a notification. Raises: NotificationIdReused, Overloaded."""
        return self._storing.submit(proven)

    def stop(self) -> None:
        """Finish what is queued."""
        for batcher in (self._accepting, self._cancelling, self._reversing, self._posting, self._effects):
            batcher.stop()
        self._storing.stop()

    def _submit(
        self, batcher: Batcher[Asked[Request], Answer], asked: Sequence[Asked[Request]]
    ) -> list[Answer | HubError]:
        with self._in_flight.alone([one.key for one in asked]) as taken:
            if not taken:
                return batcher.submit_many(asked)
            answers = iter(batcher.submit_many([one for one in asked if one.key not in taken]))
            return [_busy() if one.key in taken else next(answers) for one in asked]

    def _accept(self, work: Work, asked: Sequence[Asked[Acceptance]]) -> Sequence[Answer | HubError]:
        now = self._services.clock.now()
        ground = self._services.conversions.lay_ground(work, [one.request for one in asked])

        def act(work: Work, requests: Sequence[Acceptance]) -> list[Answer | HubError]:
            accepted = self._services.conversions.accept(work, requests, now=now, ground=ground)
            return [_conversion_answer(one) for one in accepted]

        return decide_once(work, asked, act, public_url=self._services.public_url, now=now)

    def _cancel(self, work: Work, asked: Sequence[Asked[Cancellation]]) -> Sequence[Answer | HubError]:
        now = self._services.clock.now()

        def act(work: Work, requests: Sequence[Cancellation]) -> list[Answer | HubError]:
            found = self._services.conversions.cancel(work, requests, now=now)
            return [_conversion_answer(one, status=200) for one in found]

        return decide_once(work, asked, act, public_url=self._services.public_url, now=now)

    def _reverse(self, work: Work, asked: Sequence[Asked[ReversalRequest]]) -> Sequence[Answer | HubError]:
        now = self._services.clock.now()

        def act(work: Work, requests: Sequence[ReversalRequest]) -> list[Answer | HubError]:
            return [_conversion_answer(one) for one in self._services.conversions.reverse(work, requests, now=now)]

        return decide_once(work, asked, act, public_url=self._services.public_url, now=now)

    def _post(self, work: Work, asked: Sequence[Asked[PointsRequest]]) -> Sequence[Answer | HubError]:
        now = self._services.clock.now()

        def act(work: Work, requests: Sequence[PointsRequest]) -> list[Answer | HubError]:
            found = self._services.hosted.post(work, requests, now=now)
            return [one if isinstance(one, HubError) else Answer(201, compact(posted_view(one))) for one in found]

        return decide_once(work, asked, act, public_url=self._services.public_url, now=now)

    def _store(self, work: Work, proven: Sequence[Proven]) -> Sequence[Stored | HubError]:
        return notifications.store(work, self._services.vault, proven, now=self._services.clock.now())

    def _effect(self, work: Work, asked: Sequence[Asked[Effect]]) -> Sequence[Answer | HubError]:
        now = self._services.clock.now()

        def act(work: Work, effects: Sequence[Effect]) -> list[Answer | HubError]:
            return [_alone(work, effect, now) for effect in effects]

        return decide_once(work, asked, act, public_url=self._services.public_url, now=now)


def _alone(work: Work, effect: Effect, now: datetime) -> Answer | HubError:
    """What `effect` answers; what it wrote before a refusal is taken back, and only that."""
    try:
        with work.savepoint():
            return effect(work, now)
    except HubError as refusal:
        return refusal


def _conversion_answer(outcome: Conversion | HubError, *, status: int = 202) -> Answer | HubError:
    """202 with the place to look: the points move later, on the worker."""
    if isinstance(outcome, HubError):
        return outcome
    return Answer(status, compact(conversion_view(outcome)), conversion_location(outcome))


def _busy() -> HubError:
    return IdempotencyInProgress(
        "The first request with this Idempotency-Key is still being decided; ask again.", retry_after_seconds=1
    )
