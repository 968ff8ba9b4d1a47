"""One answer for one Idempotency-Key, however often and wherever it is asked.

Knows `idempotency_keys`, written in the transaction of the effect, and which keys this process is deciding right now.
Does not know what the requests are about. Business refusals are kept like other answers; faults of ours are not.
"""

import hashlib
import json
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from hub.audit.service import record
from hub.gateway.acting import Acting
from hub.gateway.problems import problem_of, status_of
from hub.gateway.refusals import IdempotencyKeyReused
from hub.kernel.errors import HubError
from hub.kernel.limits import IDEMPOTENCY_KEPT_DAYS
from hub.storage import Work

Request = TypeVar("Request")
Other = TypeVar("Other")

# How long a request waits for the first one with its key before it is told to come back.
_WAIT_SECONDS = 2

# Answers that are given anew each time: the request was malformed, the caller unknown or too fast, or the thing had
# changed. A 403 that comes from the core is a decision about the matter itself and is kept like every other.
_NOT_KEPT = (400, 401, 412, 428, 429)

# Made once: `json.dumps` with arguments makes one a call.
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"))

_COLUMNS = ("key", "fingerprint", "status", "location", "body", "created_at")


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back over HTTP. body: JSON text. location: path of what was made, empty for none.

    tag: entity tag of what is shown, empty for none; not kept. body_kept: what a repeat is answered with, where that
    is not `body`: a secret is shown once and never stored.
    """

    status: int
    body: str
    location: str = ""
    replayed: bool = False
    tag: str = ""
    body_kept: str = ""


@dataclass(frozen=True, slots=True)
class Asked(Generic[Request]):
    """A request under its key. key: 64 hex characters (`scoped_key`). fingerprint: SHA-256 of its content.

    acting: the operator who asks on behalf of a partner; None for everybody else.
    """

    key: str
    fingerprint: bytes
    request_id: str
    request: Request
    acting: Acting | None = None

    def carrying(self, request: Other) -> "Asked[Other]":
        """The same asking with this request of the core."""
        return Asked(self.key, self.fingerprint, self.request_id, request, self.acting)


def scoped_key(scope: str, route: str, key: str) -> str:
    """The key as it is stored and as ledger keys derive from it: whose, for what, which; hashed."""
    return hashlib.sha256(f"{scope}|{route}|{key}".encode()).hexdigest()


def fingerprint_of(path: str, content: object) -> bytes:
    """What makes two requests the same: the address, and the content however its fields were ordered."""
    text = _CANONICAL.encode(content)
    return hashlib.sha256(f"{path}\n{text}".encode()).digest()


def decide_once(
    work: Work,
    asked: Sequence[Asked[Request]],
    act: Callable[[Work, Sequence[Request]], Sequence[Answer | HubError]],
    *,
    public_url: str,
    now: datetime,
) -> list[Answer | HubError]:
    """Stored answers for known keys, `act` for the others, whose answers are stored with their effect.

    One SELECT and one COPY, however many. If another process stores one of these keys first, the COPY fails on the
    unique key and the batcher repeats the whole, which then finds that answer.
    """
    stored = _stored(work, [one.key for one in asked])
    first: dict[str, int] = {}
    for index, one in enumerate(asked):
        if one.key not in stored:
            first.setdefault(one.key, index)
    fresh = [asked[index] for index in first.values()]
    outcomes = act(work, [one.request for one in fresh]) if fresh else []
    given: dict[str, Answer | HubError] = {}
    rows = []
    for one, outcome in zip(fresh, outcomes, strict=True):
        answer = _kept(outcome, public_url=public_url, request_id=one.request_id)
        given[one.key] = answer
        if isinstance(answer, Answer):
            kept = answer.body_kept or answer.body
            rows.append((one.key, one.fingerprint, answer.status, answer.location, kept, now))
    if rows:
        work.copy_in("idempotency_keys", _COLUMNS, rows)
    _record_acting(work, fresh, outcomes, now=now)
    return [
        _replayed(one, *stored[one.key])
        if one.key in stored
        else given[one.key]
        if first[one.key] == index
        else _again(one, asked[first[one.key]], given[one.key])
        for index, one in enumerate(asked)
    ]


def forget_old_answers(work: Work, *, now: datetime) -> int:
    """Drop answers that have been kept long enough; how many there were."""
    return work.run(
        "DELETE FROM idempotency_keys WHERE created_at < %s", (now - timedelta(days=IDEMPOTENCY_KEPT_DAYS),)
    )


def _record_acting(
    work: Work, asked: Sequence[Asked[Request]], outcomes: Sequence[Answer | HubError], *, now: datetime
) -> None:
    """Write down which operator did what for which partner, and why: with the effect, or there is no effect."""
    for one, outcome in zip(asked, outcomes, strict=True):
        if one.acting is not None and isinstance(outcome, Answer):
            facts = {"partner": one.acting.partner, "reason": one.acting.reason, "request": one.request_id}
            subject = outcome.location or one.acting.address
            record(work, actor=one.acting.actor, action="acted_for", subject=subject, facts=facts, now=now)


class InFlight:
    """Keys that this process is deciding. Between processes the unique key of the table does the same work."""

    def __init__(self) -> None:
        self._keys: set[str] = set()
        self._waiting = 0
        self._changed = threading.Condition()

    @contextmanager
    def alone(self, keys: Collection[str], *, wait_seconds: int = _WAIT_SECONDS) -> Iterator[frozenset[str]]:
        """Wait until nobody else decides these keys, at most `wait_seconds`; those that are still taken.

        The others are ours until the block ends. All are taken at one instant, so two batches never wait in a circle.
        """
        wanted = set(keys)
        with self._changed:
            if not wanted.isdisjoint(self._keys):
                self._waiting += 1
                self._changed.wait_for(lambda: wanted.isdisjoint(self._keys), timeout=wait_seconds)
                self._waiting -= 1
            taken = frozenset(wanted & self._keys)
            ours = wanted - taken
            self._keys |= ours
        try:
            yield taken
        finally:
            with self._changed:
                self._keys -= ours
                if self._waiting:
                    self._changed.notify_all()


def _stored(work: Work, keys: Sequence[str]) -> dict[str, tuple[bytes, Answer]]:
    rows = work.fetch(
        "SELECT key, fingerprint, status, location, body FROM idempotency_keys WHERE key = ANY(%s::text[])",
        (list(keys),),
    )
    return {
        key: (bytes(fingerprint), Answer(status, body, location, replayed=True))
        for key, fingerprint, status, location, body in rows
    }


def _kept(outcome: Answer | HubError, *, public_url: str, request_id: str) -> Answer | HubError:
    """A business refusal becomes an answer that is kept; one that asks to come back later is passed on as it is."""
    if isinstance(outcome, Answer):
        return outcome
    status = status_of(outcome)
    if status >= 500 or status in _NOT_KEPT:
        return outcome
    return Answer(status, problem_of(outcome, public_url=public_url, request_id=request_id).body)


def _again(one: Asked[Request], before: Asked[Request], answer: Answer | HubError) -> Answer | HubError:
    """What the second of two requests with one key in one batch gets."""
    if isinstance(answer, HubError):
        return answer
    return _replayed(one, before.fingerprint, replace(answer, replayed=True))


def _replayed(one: Asked[Request], fingerprint: bytes, answer: Answer) -> Answer | HubError:
    if one.fingerprint != fingerprint:
        return IdempotencyKeyReused("This Idempotency-Key was used with another content; choose a new key.")
    return answer
