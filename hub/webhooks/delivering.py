"""Carries events to endpoints: begins attempts, performs them, takes the answers home; many at once.

An attempt is committed before anything is sent, and its answer counts while it is the delivery's newest one. Whoever
dies in between leaves a lease that ends, and the event goes out again under the same id. Knows deliveries and their
messages in the outbox. Order of locks: messages, endpoints, deliveries.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from hub import outbox
from hub.access.vault import Vault
from hub.audit.service import record
from hub.outbox import Delivery as Message
from hub.storage import Question, Work, in_transaction
from hub.webhooks import endpoint_secrets, endpoints
from hub.webhooks.backoff import Draw, next_wait, retry_after
from hub.webhooks.delivery_rows import Row, Verdicts, ask_behind, ask_parked, ask_rows, keep_answers, parked_of, rows_of
from hub.webhooks.numbering import event_text
from hub.webhooks.releasing import release_some
from hub.webhooks.signing import signed_headers
from hub.webhooks.standing import SICK_MAX, Ground, Standing, ask_ground, ground_of, keep, wake
from hub.webhooks.states import DeliveryState, EndpointState
from hub.webhooks.types import Answer, Dispatch, Sent

# Longer than an attempt can take, name lookup included, and shorter than the lease of its message.
LEASE = timedelta(seconds=45)

DELIVERED = "delivered"
GONE = "gone"

_COMMON_HEADERS = {"content-type": "application/json", "user-agent": "coalition-hub"}
# The signature stays out of the log: what is kept proves nothing to whoever copies it.
_SIGNATURE = "webhook-signature"


class SenderPort(Protocol):
    """Sends one request to wherever it may."""

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Sent:
        """What became of it. Raises nothing but faults of ours."""


class Deliveries:
    """Deliveries through one sender. draw: randomness of the waits. sick_max: how many may be under way at once to
    endpoints that fail or are slow, all together. milliseconds: a clock that only runs forward.
    """

    def __init__(
        self,
        vault: Vault,
        sender: SenderPort,
        draw: Draw,
        *,
        sick_max: int = SICK_MAX,
        milliseconds: Callable[[], int] = lambda: time.monotonic_ns() // 1_000_000,
    ) -> None:
        self._vault = vault
        self._sender = sender
        self._draw = draw
        self._sick_max = sick_max
        self._milliseconds = milliseconds

    def turn(
        self, work: Work, answered: Sequence[tuple[Message, Answer]], messages: Sequence[Message], *, now: datetime
    ) -> list[Dispatch | None]:
        """Take answers home, then begin what may be sent now, then let what is parked go on as far as there is room.

        One dispatch or None for each of `messages`. Three round trips, however many they are: what ends makes room for
        what begins, and both share the rows they lock.
        """
        asked = outbox.ask_for_effect(work, [one.id for one in messages] + [one.id for one, _ in answered])
        asking = ask_ground(work, {one.lane for one in messages} | {answer.endpoint for _, answer in answered}, now=now)
        asked_rows = ask_rows(work, {one.subject for one in messages} | {answer.delivery for _, answer in answered})
        mine = {id for (id,) in work.answer(asked)}
        ground = ground_of(work, asking, now=now, sick_max=self._sick_max)
        verdicts = Verdicts(rows_of(work, asked_rows))
        freed, gone = self._finish(ground, verdicts, answered)
        if answered:
            keep_answers(work, [answer for _, answer in answered], now=now)
            verdicts.write(work, now=now)
        if gone:
            keep(work, ground)
            _disable(work, ground, gone)
        asked_parked = ask_parked(work, ground.standings)
        begun = self._begin(work, ground, verdicts, [one for one in messages if one.id in mine], asked_parked)
        waiting = verdicts.parked() | parked_of(work, asked_parked).keys()
        verdicts.write(work, now=now)
        for id in sorted((freed.keys() - gone.keys()) & waiting):
            release_some(work, ground, ground.standings[id], freed[id])
        keep(work, ground)
        return [begun.get(one.id) for one in messages]

    def begin(self, work: Work, messages: Sequence[Message], *, now: datetime) -> list[Dispatch | None]:
        """Attempts for those deliveries that may be sent now, which commit with this transaction; None for the others.

        The others are parked, or come back when they are due, or are over already.
        """
        return self.turn(work, (), messages, now=now)

    def finish(self, work: Work, answered: Sequence[tuple[Message, Answer]], *, now: datetime) -> None:
        """Take answers home: delivered, to be tried again, or a dead letter; and let the next ones go."""
        self.turn(work, answered, (), now=now)

    def perform(self, dispatch: Dispatch) -> Answer:
        """Send one attempt. Never inside a transaction."""
        assert not in_transaction(), "nothing is sent inside a transaction"
        body = event_text(dispatch.event).encode()
        held = endpoint_secrets.opened(self._vault, dispatch.endpoint, dispatch.secrets)
        headers = {**_COMMON_HEADERS, **signed_headers(dispatch.event.id, dispatch.started_at, body, held)}
        begun = self._milliseconds()
        sent = self._sender.post(dispatch.url, headers, body)
        latency = max(0, self._milliseconds() - begun)
        return Answer(dispatch.delivery, dispatch.endpoint, dispatch.attempt, sent, _head(headers), latency)

    def _begin(
        self, work: Work, ground: Ground, verdicts: Verdicts, live: Sequence[Message], asked_parked: Question
    ) -> dict[int, Dispatch]:
        """Attempts that are begun, by message."""
        now = ground.now
        asked_behind = ask_behind(
            work,
            [
                one.subject
                for one in live
                if one.subject in verdicts.rows and (known := ground.standings.get(one.lane)) is not None and known.fifo
            ],
        )
        asked_secrets = endpoint_secrets.ask_sealed(work, {one.lane for one in live}, now=now)
        parked = parked_of(work, asked_parked)
        # An endpoint that keeps order has its own: what is parked there may wait for one that is not due for hours.
        overtaken = {id: number for id, number in parked.items() if not ground.standings[id].fifo}
        behind = {id for (id,) in work.answer(asked_behind)} if asked_behind is not None else set()
        secrets = endpoint_secrets.sealed_of(work, asked_secrets)
        begun: dict[int, Dispatch] = {}
        for one in sorted(
            live, key=lambda one: verdicts.rows[one.subject].number if one.subject in verdicts.rows else 0
        ):
            row = verdicts.rows.get(one.subject)
            if row is None or row.state is not DeliveryState.WAITING:
                verdicts.over.append(one.id)
                continue
            until = _not_before(row, now)
            if until is not None:
                verdicts.waits.append((one.id, until))
                continue
            row = _after_lapse(row, verdicts)
            standing = ground.standings.get(row.endpoint)
            if row.event is None or standing is None or standing.state is EndpointState.DISABLED:
                verdicts.rows[row.id] = _ended(row, DeliveryState.EXHAUSTED, _why_over(row, standing), now)
                verdicts.over.append(one.id)
            elif _may_go(work, ground, standing, row, overtaken, behind):
                ground.begin(standing)
                row = verdicts.rows[row.id] = replace(row, attempt=row.attempt + 1, lease_until=now + LEASE)
                assert row.event is not None, "looked at above"
                held = tuple(secrets[row.endpoint])
                begun[one.id] = Dispatch(row.id, row.endpoint, row.attempt, standing.url, row.event, now, held)
            else:
                verdicts.rows[row.id] = replace(row, state=DeliveryState.PARKED)
                verdicts.over.append(one.id)
        verdicts.begun.extend(begun.values())
        return begun

    def _finish(
        self, ground: Ground, verdicts: Verdicts, answered: Sequence[tuple[Message, Answer]]
    ) -> tuple[dict[str, int], dict[str, str]]:
        """How much room that made, by endpoint; and which endpoints are to be disabled, and why."""
        now = ground.now
        freed: dict[str, int] = {}
        gone: dict[str, str] = {}
        for message, answer in answered:
            row = verdicts.rows.get(answer.delivery)
            if row is None:
                verdicts.over.append(message.id)
                continue
            standing = ground.standings.get(row.endpoint)
            current = row.attempt == answer.attempt and row.lease_until is not None
            row = self._taken_home(row, standing, answer, now) if current else _late(row, answer, now)
            verdicts.rows[row.id] = row
            if not current:
                continue  # another attempt is under way, or none is to come, and its message is looked after
            if row.state is DeliveryState.WAITING:
                verdicts.waits.append((message.id, row.next_at))
            else:
                verdicts.over.append(message.id)
            if standing is not None:
                opening = standing.opening
                ground.end(standing)
                _judge(standing, answer, now)
                freed[standing.id] = freed.get(standing.id, 0) + 1 + max(0, standing.opening - opening)
                if answer.sent.outcome == GONE:
                    gone[standing.id] = GONE
                elif standing.has_failed_too_long(now):
                    gone[standing.id] = "failing"
        return freed, gone

    def _taken_home(self, row: Row, standing: Standing | None, answer: Answer, now: datetime) -> Row:
        """The delivery after its newest attempt."""
        row = replace(row, lease_until=None)
        sent = answer.sent
        if sent.outcome == DELIVERED:
            return _ended(row, DeliveryState.DELIVERED, "", now)
        failed = row.failed + 1
        wait = next_wait(failed, self._draw)
        if sent.outcome == GONE or standing is None or wait is None or standing.state is EndpointState.DISABLED:
            return _ended(replace(row, failed=failed), DeliveryState.EXHAUSTED, sent.outcome, now)
        asked = retry_after(sent.retry_after, now)
        next_at = max(now + wait, asked) if asked is not None else now + wait
        return replace(row, failed=failed, reason=sent.outcome, next_at=next_at)


def _judge(standing: Standing, answer: Answer, now: datetime) -> None:
    if answer.sent.outcome == DELIVERED:
        standing.succeeded(answer.latency_ms, now)
    else:
        standing.failed(now, retry_after(answer.sent.retry_after, now))


def _may_go(
    work: Work, ground: Ground, standing: Standing, row: Row, overtaken: Mapping[str, int], blocked: set[str]
) -> bool:
    """Whether it is sent now; if not, somebody is told to look after what is parked."""
    if standing.state is EndpointState.PAUSED or row.id in blocked:
        return False
    hindered = ground.hindrance(standing)
    is_fresh = row.next_at == row.created_at
    if hindered is None and is_fresh and row.number > overtaken.get(row.endpoint, row.number):
        # What was parked goes first; this one goes with it.
        if not ground.flying.get(standing.id, 0):
            wake(work, standing, ground.now, now=ground.now)
        return False
    if hindered is not None and hindered > ground.now:
        wake(work, standing, hindered, now=ground.now)
    return hindered is None


def _not_before(row: Row, now: datetime) -> datetime | None:
    """When to come back to a delivery that is under way or not due; None when it is due."""
    if row.lease_until is not None and row.lease_until > now:
        return row.lease_until
    return row.next_at if row.next_at > now else None


def _after_lapse(row: Row, verdicts: Verdicts) -> Row:
    """An attempt whose lease ended without an answer: whoever made it died. The endpoint is not to blame."""
    if row.lease_until is None:
        return row
    verdicts.lapsed.append((row.id, row.attempt))
    return replace(row, lease_until=None)


def _why_over(row: Row, standing: Standing | None) -> str:
    if standing is None:
        return "endpoint removed"
    return "event forgotten" if row.event is None else "endpoint disabled"


def _late(row: Row, answer: Answer, now: datetime) -> Row:
    """An answer to an attempt that was given up: only a 2xx still changes something."""
    if answer.sent.outcome != DELIVERED or row.state not in (DeliveryState.WAITING, DeliveryState.EXHAUSTED):
        return row
    return _ended(replace(row, lease_until=None), DeliveryState.DELIVERED, "", now)


def _ended(row: Row, state: DeliveryState, reason: str, now: datetime) -> Row:
    return replace(row, state=state, reason=reason, ended_at=now)


def _disable(work: Work, ground: Ground, gone: Mapping[str, str]) -> None:
    for id, reason in sorted(gone.items()):
        known = endpoints.lock_endpoint(work, id)
        if known.state is not EndpointState.DISABLED:
            endpoints.disable(work, known, reason=reason, now=ground.now)
            facts = {"reason": reason, "partner": known.partner}
            record(work, actor="hub", action="webhook.endpoint_disabled", subject=id, facts=facts, now=ground.now)
        ground.standings[id].state = EndpointState.DISABLED


def _head(headers: Mapping[str, str]) -> str:
    return "\n".join(f"{name}: {value}" for name, value in headers.items() if name != _SIGNATURE)
