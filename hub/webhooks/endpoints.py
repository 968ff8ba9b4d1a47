"""Endpoints of partners: where they are told of events, how, and whether at all.

Knows endpoints and their states. Does not deliver; what waits for an endpoint is `releasing`'s.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, LiteralString
from urllib.parse import urlsplit

from hub.audit.service import record
from hub.kernel.ids import new_id
from hub.outbox.events import Event, announce_events
from hub.storage import Work
from hub.webhooks.catalogue import ENDPOINT_DISABLED, TEST, is_known
from hub.webhooks.destinations import Destinations
from hub.webhooks.refusals import EndpointInvalid, EndpointLimit, EndpointMissing, EndpointStateWrong
from hub.webhooks.standing import OPENING_FIRST
from hub.webhooks.states import ENDPOINT_MOVES, EndpointState, Scheme
from hub.webhooks.types import Endpoint, EndpointDraft

# Every event goes to each of them that wants it, so their number is bounded.
ENDPOINTS_MAX = 20

RATE_PER_SECOND_MAX = 1_000

_DESCRIPTION_CHARS_MAX = 200

_ENDPOINTS: LiteralString = (
    "SELECT id, partner, url, description, types, schemes, fifo, rate_per_second, live, state, reason, created_at, "
    "updated_at, failing_since FROM webhook_endpoint "
)
_COLUMNS = (
    "id",
    "partner",
    "url",
    "host",
    "description",
    "types",
    "schemes",
    "fifo",
    "rate_per_second",
    "live",
    "state",
    "opening",
    "created_at",
    "updated_at",
)


def add_endpoint(
    work: Work, partner: str, draft: EndpointDraft, destinations: Destinations, *, live: bool, actor: str, now: datetime
) -> Endpoint:
    """A new endpoint, active at once; its secrets are made by `endpoint_secrets.issue`.

    Raises: EndpointInvalid, EndpointLimit.
    """
    _check(draft, destinations)
    # The partner's row, so that two at once do not both fill the last place.
    work.fetch("SELECT 1 FROM partner WHERE code = %s FOR NO KEY UPDATE", (partner,))
    if int(work.fetch("SELECT count(*) FROM webhook_endpoint WHERE partner = %s", (partner,))[0][0]) >= ENDPOINTS_MAX:
        raise EndpointLimit(f"One partner has at most {ENDPOINTS_MAX} endpoints; remove one first.")
    id = new_id("whe", now)
    row = (
        id,
        partner,
        draft.url,
        _host(draft.url),
        draft.description,
        list(draft.types),
        list(draft.schemes),
        draft.fifo,
        draft.rate_per_second,
        live,
        EndpointState.ACTIVE.value,
        OPENING_FIRST,
        now,
        now,
    )
    work.copy_in("webhook_endpoint", _COLUMNS, [row])
    record(work, actor=actor, action="webhook.endpoint_added", subject=id, facts={"url": draft.url}, now=now)
    return get_endpoint(work, id, partner=partner)


def edit_endpoint(
    work: Work, id: str, changes: Mapping[str, object], destinations: Destinations, *, actor: str, now: datetime
) -> Endpoint:
    """Change an endpoint. changes: some of the fields of `EndpointDraft`; the schemes are fixed when it is added.

    What is on its way still arrives where it was sent; a new address has not failed yet, so the caller releases what
    waits. Raises: EndpointMissing, EndpointInvalid.
    """
    known = lock_endpoint(work, id)
    draft = EndpointDraft(known.url, known.description, known.types, known.schemes, known.fifo, known.rate_per_second)
    draft = replace(draft, **changes)  # type: ignore[arg-type]  # its fields, as their schema loaded them
    _check(draft, destinations)
    work.run(
        "UPDATE webhook_endpoint SET url = %s, host = %s, description = %s, types = %s::text[], fifo = %s, "
        "rate_per_second = %s, slot_at = NULL, version = version + 1, updated_at = %s WHERE id = %s",
        (
            draft.url,
            _host(draft.url),
            draft.description,
            list(draft.types),
            draft.fifo,
            draft.rate_per_second,
            now,
            id,
        ),
    )
    if draft.url != known.url:
        work.run(
            "UPDATE webhook_endpoint SET opening = %s, failures = 0, failing_since = NULL, rest_until = NULL "
            "WHERE id = %s",
            (OPENING_FIRST, id),
        )
    facts = {"url": draft.url, "fields": " ".join(sorted(changes))}
    record(work, actor=actor, action="webhook.endpoint_edited", subject=id, facts=facts, now=now)
    return get_endpoint(work, id)


def remove_endpoint(work: Work, id: str, *, actor: str, now: datetime) -> None:
    """Forget an endpoint and its secrets; what waits for it is given up, and its log stays. Raises: EndpointMissing."""
    known = lock_endpoint(work, id)
    give_up(work, id, reason="endpoint removed", now=now)
    work.run("DELETE FROM webhook_endpoint WHERE id = %s", (id,))
    record(work, actor=actor, action="webhook.endpoint_removed", subject=id, facts={"url": known.url}, now=now)


def pause_endpoint(work: Work, id: str, *, actor: str, now: datetime) -> None:
    """Keep what is to come for this endpoint until it is resumed. Raises: EndpointMissing, EndpointStateWrong."""
    move_endpoint(work, lock_endpoint(work, id), EndpointState.PAUSED, reason="", now=now)
    record(work, actor=actor, action="webhook.endpoint_paused", subject=id, facts={}, now=now)


def resume_endpoint(work: Work, id: str, *, actor: str, now: datetime) -> None:
    """Send again, as if it had never failed; the caller releases what was kept. A disabled one misses what happened
    meanwhile until it asks for a replay. Raises: EndpointMissing, EndpointStateWrong.
    """
    move_endpoint(work, lock_endpoint(work, id), EndpointState.ACTIVE, reason="", now=now)
    record(work, actor=actor, action="webhook.endpoint_resumed", subject=id, facts={}, now=now)


def disable_endpoint(work: Work, id: str, *, reason: str, actor: str, now: datetime) -> None:
    """Send nothing any more and give up what waits, by an operator. Raises: EndpointMissing, EndpointStateWrong."""
    disable(work, lock_endpoint(work, id), reason=reason, now=now)
    record(work, actor=actor, action="webhook.endpoint_disabled", subject=id, facts={"reason": reason}, now=now)


def disable(work: Work, known: Endpoint, *, reason: str, now: datetime) -> None:
    """Disable an endpoint whose row is locked, give up what waits, and tell its partner's other endpoints."""
    move_endpoint(work, known, EndpointState.DISABLED, reason=reason, now=now)
    give_up(work, known.id, reason="endpoint disabled", now=now)
    data = {"endpoint": known.id, "reason": reason}
    announce_events(work, [Event(ENDPOINT_DISABLED, known.id, (known.partner,), data, known.live)], now=now)


def send_test(work: Work, id: str, *, now: datetime) -> None:
    """Send this endpoint, and no other, an event of the type `webhook.test`. Raises: EndpointMissing,
    EndpointStateWrong.
    """
    known = lock_endpoint(work, id)
    if known.state is EndpointState.DISABLED:
        raise EndpointStateWrong("A disabled endpoint is not sent to; resume it first.", state=known.state.value)
    announce_events(work, [Event(TEST, id, (known.partner,), {"endpoint": id}, known.live)], now=now)


def get_endpoint(work: Work, id: str, *, partner: str = "") -> Endpoint:
    """One endpoint. partner: whose it must be; empty for anybody's. Raises: EndpointMissing."""
    rows = work.fetch(_ENDPOINTS + "WHERE id = %s", (id,))
    if not rows or partner not in ("", rows[0][1]):
        raise EndpointMissing("There is no such endpoint.")
    return endpoint_of(rows[0])


def lock_endpoint(work: Work, id: str) -> Endpoint:
    """One endpoint, nobody else's to change until this transaction ends. Raises: EndpointMissing."""
    rows = work.fetch(_ENDPOINTS + "WHERE id = %s FOR UPDATE", (id,))
    if not rows:
        raise EndpointMissing("There is no such endpoint.")
    return endpoint_of(rows[0])


def list_endpoints(
    work: Work, *, partner: str | None, state: EndpointState | None, live: bool | None, after: str, limit: int
) -> list[Endpoint]:
    """Endpoints in the order in which they were added. partner, state, live: None for any. after: the last one seen."""
    rows = work.fetch_named(
        _ENDPOINTS + "WHERE id > %(after)s AND (%(partner)s::text IS NULL OR partner = %(partner)s) "
        "AND (%(state)s::text IS NULL OR state = %(state)s) "
        "AND (%(live)s::boolean IS NULL OR live = %(live)s) ORDER BY id LIMIT %(limit)s",
        {"after": after, "partner": partner, "state": state.value if state else None, "live": live, "limit": limit},
    )
    return [endpoint_of(row) for row in rows]


def endpoint_of(row: Sequence[Any]) -> Endpoint:
    """An endpoint from its row."""
    id, partner, url, description, types, schemes, fifo, rate, live, state, reason, created, updated, failing = row
    return Endpoint(
        id=id,
        partner=partner,
        url=url,
        description=description,
        types=tuple(types),
        schemes=tuple(Scheme(one) for one in schemes),
        fifo=fifo,
        rate_per_second=rate,
        live=live,
        state=EndpointState(state),
        reason=reason,
        created_at=created,
        updated_at=updated,
        failing_since=failing,
    )


def move_endpoint(work: Work, known: Endpoint, to: EndpointState, *, reason: str, now: datetime) -> None:
    """Into another state, with its record of failures wiped. Raises: EndpointStateWrong."""
    if to not in ENDPOINT_MOVES[known.state]:
        raise EndpointStateWrong(f"The endpoint is {known.state}.", state=known.state.value)
    work.run(
        "UPDATE webhook_endpoint SET state = %s, reason = %s, updated_at = %s, version = version + 1, opening = %s, "
        "failures = 0, failing_since = NULL, rest_until = NULL, slot_at = NULL, wake_at = NULL WHERE id = %s",
        (to.value, reason, now, OPENING_FIRST, known.id),
    )


def give_up(work: Work, id: str, *, reason: str, now: datetime) -> None:
    """Everything that waits for this endpoint becomes a dead letter, except what is under way at this moment."""
    work.run(
        "UPDATE webhook_delivery SET state = 'exhausted', reason = %s, ended_at = %s "
        "WHERE endpoint = %s AND state IN ('parked', 'waiting') AND lease_until IS NULL",
        (reason, now, id),
    )


def _check(draft: EndpointDraft, destinations: Destinations) -> None:
    destinations.check_url(draft.url)
    unknown = [one for one in draft.types if not is_known(one)]
    if unknown or len(set(draft.types)) != len(draft.types):
        raise EndpointInvalid("Name each type of event once, as the contract has it.", pointer="#/types")
    if not draft.schemes or len(set(draft.schemes)) != len(draft.schemes):
        raise EndpointInvalid("Choose v1, v1a or both.", pointer="#/schemes")
    assert 0 <= draft.rate_per_second <= RATE_PER_SECOND_MAX, "its shape was checked"
    assert len(draft.description) <= _DESCRIPTION_CHARS_MAX, "its shape was checked"


def _host(url: str) -> str:
    """Host and port of an address, by which connections are counted."""
    parts = urlsplit(url)
    return f"{(parts.hostname or '').rstrip('.')}:{parts.port or (443 if parts.scheme == 'https' else 80)}"
