"""Carries events to endpoints: begins attempts, performs them, takes the answers home; many at once.

An attempt is committed before anything is sent, and its answer counts while it is the delivery's newest one. Whoever
dies in between leaves a lease that ends, and the event goes out again under the same id. Knows deliveries and their
messages in the outbox. Order of locks: messages, endpoints, deliveries.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from hub import outbox
from hub.access.vault import Vault
from hub.audit.service import record
from hub.outbox import Delivery as Message
from hub.storage import Work, in_transaction
from hub.webhooks import endpoint_secrets, endpoints
from hub.webhooks.backoff import Draw, next_wait, retry_after
from hub.webhooks.numbering import NumberedEvent, event_text
from hub.webhooks.releasing import release_some
from hub.webhooks.signing import signed_headers
from hub.webhooks.standing import SICK_MAX, Ground, Standing, hold, keep, wake
from hub.webhooks.states import DeliveryState, EndpointState
from hub.webhooks.types import Answer, Dispatch, Sent

# Longer than an attempt can take, name lookup included, and shorter than the lease of its message.
LEASE = timedelta(seconds=45)

DELIVERED = "delivered"
GONE = "gone"
LAPSED = "lapsed"

_COMMON_HEADERS = {"content-type": "application/json", "user-agent": "coalition-hub"}
# The signature stays out of the log: what is kept proves nothing to whoever copies it.
_SIGNATURE = "webhook-signature"


class SenderPort(Protocol):
    """Sends one request to wherever it may."""

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Sent:
        """What became of it. Raises nothing but faults of ours."""


@dataclass(frozen=True, slots=True)
class _Row:
    """A delivery whose row this transaction holds. event: None once it was forgotten."""

    id: str
    endpoint: str
    number: int
    partner: str
    state: DeliveryState
    attempt: int
    failed: int
    lease_until: datetime | None
    next_at: datetime
    created_at: datetime
    reason: str
    ended_at: datetime | None
    event: NumberedEvent | None


@dataclass(slots=True)
class _Verdicts:
    """What a batch decided, written at its end."""

    rows: dict[str, _Row]
    over: list[int]
    waits: list[tuple[int, datetime]]
    lapsed: list[tuple[str, int]]
    begun: list[Dispatch]


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

    def begin(self, work: Work, messages: Sequence[Message], *, now: datetime) -> list[Dispatch | None]:
        """Attempts for those deliveries that may be sent now, which commit with this transaction; None for the others.

        The others are parked, or come back when they are due, or are over already.
        """
        mine = outbox.claim_for_effect(work, [one.id for one in messages])
        live = [one for one in messages if one.id in mine]
        ground = hold(work, {one.lane for one in live}, now=now, sick_max=self._sick_max)
        rows = _locked(work, [one.subject for one in live])
        overtaken, blocked = _ahead(work, ground, rows)
        secrets = endpoint_secrets.sealed_secrets(work, sorted(ground.standings), now=now)
        verdicts = _Verdicts(dict(rows), [], [], [], [])
        answers: dict[int, Dispatch] = {}
        for one in sorted(live, key=lambda one: rows[one.subject].number if one.subject in rows else 0):
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
            elif _may_go(work, ground, standing, row, overtaken, blocked):
                ground.begin(standing)
                begun = replace(row, attempt=row.attempt + 1, lease_until=now + LEASE)
                verdicts.rows[row.id] = begun
                held = tuple(secrets[row.endpoint])
                answers[one.id] = Dispatch(row.id, row.endpoint, begun.attempt, standing.url, row.event, now, held)
            else:
                verdicts.rows[row.id] = replace(row, state=DeliveryState.PARKED)
                verdicts.over.append(one.id)
        verdicts.begun.extend(answers.values())
        _write(work, rows, verdicts, now=now)
        keep(work, ground)
        return [answers.get(one.id) for one in messages]

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

    def finish(self, work: Work, answered: Sequence[tuple[Message, Answer]], *, now: datetime) -> None:
        """Take answers home: delivered, to be tried again, or a dead letter; and let the next ones go."""
        outbox.claim_for_effect(work, [message.id for message, _ in answered])
        ground = hold(work, {answer.endpoint for _, answer in answered}, now=now)
        rows = _locked(work, [answer.delivery for _, answer in answered])
        verdicts = _Verdicts(dict(rows), [], [], [], [])
        _keep_answers(work, [answer for _, answer in answered], now=now)
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
        _write(work, rows, verdicts, now=now)
        for id in sorted(set(freed) - set(gone)):
            release_some(work, ground, ground.standings[id], freed[id])
        keep(work, ground)
        _disable(work, gone, now=now)

    def _taken_home(self, row: _Row, standing: Standing | None, answer: Answer, now: datetime) -> _Row:
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
    work: Work, ground: Ground, standing: Standing, row: _Row, overtaken: Mapping[str, int], blocked: set[str]
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


def _not_before(row: _Row, now: datetime) -> datetime | None:
    """When to come back to a delivery that is under way or not due; None when it is due."""
    if row.lease_until is not None and row.lease_until > now:
        return row.lease_until
    return row.next_at if row.next_at > now else None


def _after_lapse(row: _Row, verdicts: _Verdicts) -> _Row:
    """An attempt whose lease ended without an answer: whoever made it died. The endpoint is not to blame."""
    if row.lease_until is None:
        return row
    verdicts.lapsed.append((row.id, row.attempt))
    return replace(row, lease_until=None)


def _why_over(row: _Row, standing: Standing | None) -> str:
    if standing is None:
        return "endpoint removed"
    return "event forgotten" if row.event is None else "endpoint disabled"


def _late(row: _Row, answer: Answer, now: datetime) -> _Row:
    """An answer to an attempt that was given up: only a 2xx still changes something."""
    if answer.sent.outcome != DELIVERED or row.state not in (DeliveryState.WAITING, DeliveryState.EXHAUSTED):
        return row
    return _ended(replace(row, lease_until=None), DeliveryState.DELIVERED, "", now)


def _ended(row: _Row, state: DeliveryState, reason: str, now: datetime) -> _Row:
    return replace(row, state=state, reason=reason, ended_at=now)


def _locked(work: Work, ids: Sequence[str]) -> dict[str, _Row]:
    rows = work.fetch(
        "SELECT d.id, d.endpoint, d.number, d.partner, d.state, d.attempt, d.failed, d.lease_until, d.next_at, "
        "d.created_at, d.reason, d.ended_at, "
        "e.partner, e.number, e.id, e.type, e.subject, e.sequence, e.live, e.data, e.occurred_at "
        "FROM webhook_delivery d LEFT JOIN webhook_event e ON e.id = d.event "
        "WHERE d.id = ANY(%s::text[]) ORDER BY d.id FOR UPDATE OF d",
        (sorted(set(ids)),),
    )
    return {row[0]: _row(row) for row in rows}


def _row(row: tuple[Any, ...]) -> _Row:
    event = NumberedEvent(*row[12:]) if row[12] is not None else None
    id, endpoint, number, partner, state, attempt, failed, lease_until, next_at, created_at, reason, ended_at = row[:12]
    return _Row(
        id,
        endpoint,
        number,
        partner,
        DeliveryState(state),
        attempt,
        failed,
        lease_until,
        next_at,
        created_at,
        reason,
        ended_at,
        event,
    )


def _ahead(work: Work, ground: Ground, rows: Mapping[str, _Row]) -> tuple[dict[str, int], set[str]]:
    """The lowest number parked for each endpoint that keeps no order, and deliveries that an earlier event of their
    subject is still ahead of, at those that do.
    """
    ordered = {one.id for one in ground.standings.values() if one.fifo}
    loose = sorted(set(ground.standings) - ordered)
    parked = work.ask(
        "SELECT asked.id, (SELECT min(d.number) FROM webhook_delivery d "
        "WHERE d.endpoint = asked.id AND d.state = 'parked') FROM unnest(%s::text[]) AS asked (id)",
        (loose,),
    )
    held = [row.id for row in rows.values() if row.endpoint in ordered]
    behind: list[tuple[Any, ...]] = []
    if held:
        behind = work.fetch(
            "SELECT d.id FROM webhook_delivery d WHERE d.id = ANY(%s::text[]) AND EXISTS ("
            "SELECT 1 FROM webhook_delivery b WHERE b.endpoint = d.endpoint AND b.subject = d.subject "
            "AND b.number < d.number AND b.state IN ('parked', 'waiting'))",
            (held,),
        )
    return {id: number for id, number in work.answer(parked) if number is not None}, {id for (id,) in behind}


def _write(work: Work, before: Mapping[str, _Row], verdicts: _Verdicts, *, now: datetime) -> None:
    changed = [row for id, row in verdicts.rows.items() if row is not before[id]]
    if changed:
        work.run_later(
            "UPDATE webhook_delivery d SET state = n.state, attempt = n.attempt, failed = n.failed, "
            "lease_until = n.lease_until, next_at = n.next_at, reason = n.reason, ended_at = n.ended_at "
            "FROM unnest(%s::text[], %s::text[], %s::integer[], %s::integer[], %s::timestamptz[], %s::timestamptz[], "
            "%s::text[], %s::timestamptz[]) "
            "AS n (id, state, attempt, failed, lease_until, next_at, reason, ended_at) WHERE d.id = n.id",
            (
                [row.id for row in changed],
                [row.state.value for row in changed],
                [row.attempt for row in changed],
                [row.failed for row in changed],
                [row.lease_until for row in changed],
                [row.next_at for row in changed],
                [row.reason for row in changed],
                [row.ended_at for row in changed],
            ),
        )
    if verdicts.lapsed:
        work.run_later(
            "UPDATE webhook_attempt a SET outcome = %s, answered_at = %s "
            "FROM unnest(%s::text[], %s::integer[]) AS n (delivery, number) "
            "WHERE a.delivery = n.delivery AND a.number = n.number AND a.outcome = ''",
            (LAPSED, now, [id for id, _ in verdicts.lapsed], [number for _, number in verdicts.lapsed]),
        )
    if verdicts.begun:
        work.copy_in(
            "webhook_attempt",
            ("delivery", "number", "partner", "url", "started_at"),
            [(one.delivery, one.attempt, one.event.partner, one.url, now) for one in verdicts.begun],
        )
    if verdicts.over:
        outbox.done(work, verdicts.over, now=now)
    if verdicts.waits:
        outbox.postpone(work, verdicts.waits, reason="not yet")


def _keep_answers(work: Work, answers: Sequence[Answer], *, now: datetime) -> None:
    """Write the log of these attempts; one that was counted as lapsed meanwhile gets its answer all the same."""
    work.run_later(
        "UPDATE webhook_attempt a SET outcome = n.outcome, status = n.status, response = n.response, "
        "request = n.request, latency_ms = n.latency_ms, answered_at = %s "
        "FROM unnest(%s::text[], %s::integer[], %s::text[], %s::integer[], %s::text[], %s::text[], %s::bigint[]) "
        "AS n (delivery, number, outcome, status, response, request, latency_ms) "
        "WHERE a.delivery = n.delivery AND a.number = n.number",
        (
            now,
            [one.delivery for one in answers],
            [one.attempt for one in answers],
            [one.sent.outcome for one in answers],
            [one.sent.status for one in answers],
            [one.sent.response for one in answers],
            [one.request for one in answers],
            [one.latency_ms for one in answers],
        ),
    )


def _disable(work: Work, gone: Mapping[str, str], *, now: datetime) -> None:
    for id, reason in sorted(gone.items()):
        known = endpoints.lock_endpoint(work, id)
        if known.state is not EndpointState.DISABLED:
            endpoints.disable(work, known, reason=reason, now=now)
            facts = {"reason": reason, "partner": known.partner}
            record(work, actor="hub", action="webhook.endpoint_disabled", subject=id, facts=facts, now=now)


def _head(headers: Mapping[str, str]) -> str:
    return "\n".join(f"{name}: {value}" for name, value in headers.items() if name != _SIGNATURE)
