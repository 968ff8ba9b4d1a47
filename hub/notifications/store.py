"""Stores genuine notifications once each, and what became of them; many at once where they arrive.

Knows the table, the vault and the outbox. What is stored has its message in the outbox, in the same transaction.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from hub import outbox
from hub.access.vault import Vault
from hub.audit.service import record
from hub.kernel.errors import HubError
from hub.kernel.ids import new_id
from hub.notifications.refusals import NotificationIdReused, NotificationMissing, NotificationStateWrong
from hub.notifications.states import NotificationState
from hub.notifications.types import Proven, Received, Stored
from hub.outbox import Message
from hub.storage import Work

QUEUE = "webhooks"
NOTIFICATION_RECEIVED = "notification.received"

KEPT = timedelta(days=30)
"""How long a finished notification and its id are remembered: far longer than anybody sends one again."""

_REASON_CHARS_MAX = 500
_COLUMNS = "id, partner, sender_id, key, kind, subject, state, reason, signed_at, received_at, ended_at"


def store(work: Work, vault: Vault, arrived: Sequence[Proven], *, now: datetime) -> list[Stored | HubError]:
    """Keep notifications and announce them; one that is there already is not kept again. Three statements.

    A refusal in the place of one whose id was used for another: NotificationIdReused.
    """
    digests = [hashlib.sha256(one.body).digest() for one in arrived]
    fresh = _inserted(work, vault, arrived, digests, now)
    rows = work.fetch(
        "SELECT n.partner, n.sender_id, n.id, n.digest FROM notification n "
        "JOIN unnest(%s::text[], %s::text[]) AS sent (partner, sender_id) "
        "ON n.partner = sent.partner AND n.sender_id = sent.sender_id",
        ([one.partner for one in arrived], [one.sender_id for one in arrived]),
    )
    known = {(partner, sender_id): (id, bytes(digest)) for partner, sender_id, id, digest in rows}
    stored: list[Stored | HubError] = []
    for one, digest in zip(arrived, digests, strict=True):
        id, kept = known[one.partner, one.sender_id]
        if kept != digest:
            stored.append(
                NotificationIdReused("This id was used before, for another notification; ids are never reused.")
            )
        else:
            stored.append(Stored(id, id in fresh))
            fresh.discard(id)
    return stored


def _inserted(work: Work, vault: Vault, arrived: Sequence[Proven], digests: Sequence[bytes], now: datetime) -> set[str]:
    """Ids of those that were not there yet, each with its message."""
    first = {(one.partner, one.sender_id): (one, digest) for one, digest in zip(arrived, digests, strict=True)}
    ordered = [first[pair] for pair in sorted(first)]
    ids = [new_id("ntf", now) for _ in ordered]
    rows = work.fetch(
        "INSERT INTO notification (id, partner, sender_id, digest, sealed, key, signed_at, received_at) "
        "SELECT id, partner, sender_id, digest, sealed, key, signed_at, %s FROM unnest(%s::text[], %s::text[], "
        "%s::text[], %s::bytea[], %s::bytea[], %s::text[], %s::timestamptz[]) "
        "AS new (id, partner, sender_id, digest, sealed, key, signed_at) "
        "ON CONFLICT (partner, sender_id) DO NOTHING RETURNING id, partner",
        (
            now,
            ids,
            [one.partner for one, _ in ordered],
            [one.sender_id for one, _ in ordered],
            [digest for _, digest in ordered],
            [vault.seal(one.body, label=_label(id)) for id, (one, _) in zip(ids, ordered, strict=True)],
            [one.key for one, _ in ordered],
            [one.signed_at for one, _ in ordered],
        ),
    )
    outbox.announce(work, [_message(id, partner) for id, partner in rows], now=now)
    return {id for id, _ in rows}


def get(work: Work, id: str) -> Received:
    """One notification. Raises: NotificationMissing."""
    rows = work.fetch(f"SELECT {_COLUMNS} FROM notification WHERE id = %s", (id,))  # noqa: S608 - fixed column names
    if not rows:
        raise NotificationMissing("There is no such notification.")
    return _received(rows[0])


def body_of(work: Work, vault: Vault, id: str) -> bytes:
    """What was sent, byte by byte. Raises: NotificationMissing, MasterKeyInvalid."""
    rows = work.fetch("SELECT sealed FROM notification WHERE id = %s", (id,))
    if not rows:
        raise NotificationMissing("There is no such notification.")
    return vault.open(bytes(rows[0][0]), label=_label(id))


def list_received(
    work: Work, *, partner: str | None, state: NotificationState | None, live: bool, before: str, limit: int
) -> list[Received]:
    """Notifications of this kind of partner, newest first. before: the last one seen, empty at the start. None: any."""
    rows = work.fetch(
        f"SELECT {_COLUMNS} FROM notification WHERE (%s::text IS NULL OR partner = %s) "  # noqa: S608 - fixed column names
        "AND (%s::text IS NULL OR state = %s) AND (%s::text IS NULL OR id < %s) "
        "AND %s = (SELECT partner.live FROM partner WHERE partner.code = notification.partner) "
        "ORDER BY id DESC LIMIT %s",
        (partner, partner, state, state, before or None, before, live, limit),
    )
    return list(map(_received, rows))


def lock(work: Work, ids: Sequence[str]) -> dict[str, Received]:
    """Lock these for what becomes of them, sorted; those that there are."""
    rows = work.fetch(
        f"SELECT {_COLUMNS} FROM notification WHERE id = ANY(%s::text[]) ORDER BY id FOR UPDATE",  # noqa: S608 - fixed
        (sorted(set(ids)),),
    )
    return {row[0]: _received(row) for row in rows}


def end(work: Work, received: Received, state: NotificationState, *, reason: str, now: datetime) -> None:
    """Write what became of one that was received. `received` says as what it was understood."""
    assert received.state is NotificationState.RECEIVED, "only what was received comes to an end"
    assert state in (NotificationState.DONE, NotificationState.QUARANTINED), "what a worker decides"
    work.run(
        "UPDATE notification SET state = %s, kind = %s, subject = %s, reason = %s, ended_at = %s WHERE id = %s",
        (state.value, received.kind, received.subject, reason[:_REASON_CHARS_MAX], now, received.id),
    )


def note(work: Work, received: Received, *, reason: str) -> None:
    """Write why one still waits."""
    work.run(
        "UPDATE notification SET kind = %s, subject = %s, reason = %s WHERE id = %s",
        (received.kind, received.subject, reason[:_REASON_CHARS_MAX], received.id),
    )


def retry(work: Work, id: str, *, actor: str, now: datetime) -> Received:
    """Have one in quarantine tried again. Raises: NotificationMissing, NotificationStateWrong."""
    found = _quarantined(work, id)
    work.run("UPDATE notification SET state = 'received', reason = '', ended_at = NULL WHERE id = %s", (id,))
    outbox.announce(work, [_message(id, found.partner)], now=now)
    record(work, actor=actor, action="notification.retried", subject=id, facts={"partner": found.partner}, now=now)
    return get(work, id)


def dismiss(work: Work, id: str, *, reason: str, actor: str, now: datetime) -> Received:
    """Decide that nothing follows from one in quarantine. Raises: NotificationMissing, NotificationStateWrong."""
    found = _quarantined(work, id)
    work.run(
        "UPDATE notification SET state = 'dismissed', reason = %s, ended_at = %s WHERE id = %s",
        (reason[:_REASON_CHARS_MAX], now, id),
    )
    facts = {"partner": found.partner, "reason": reason, "quarantined_for": found.reason}
    record(work, actor=actor, action="notification.dismissed", subject=id, facts=facts, now=now)
    return get(work, id)


def acknowledge(work: Work, received: Received, *, statement: str, at: datetime) -> None:
    """Keep that a partner has taken notice of a statement; the first time counts."""
    work.run(
        "INSERT INTO statement_acknowledgement (partner, statement, notification, acknowledged_at) "
        "VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING",
        (received.partner, statement, received.id, at),
    )


def acknowledged(work: Work, partner: str, statements: Sequence[str]) -> Mapping[str, datetime]:
    """When this partner took notice of these statements; those it has not are left out."""
    return dict(
        work.fetch(
            "SELECT statement, acknowledged_at FROM statement_acknowledgement "
            "WHERE partner = %s AND statement = ANY(%s::text[])",
            (partner, list(statements)),
        )
    )


def forget(work: Work, *, before: datetime, rows_max: int) -> int:
    """Delete what was done or dismissed before `before`, oldest first; how many. What is in quarantine stays."""
    return work.run(
        "DELETE FROM notification WHERE id IN (SELECT id FROM notification WHERE state IN ('done', 'dismissed') "
        "AND ended_at < %s ORDER BY ended_at LIMIT %s FOR UPDATE SKIP LOCKED)",
        (before, rows_max),
    )


def _quarantined(work: Work, id: str) -> Received:
    found = lock(work, [id]).get(id)
    if found is None:
        raise NotificationMissing("There is no such notification.")
    if found.state is not NotificationState.QUARANTINED:
        raise NotificationStateWrong(f"This notification is {found.state}, not quarantined.", state=found.state.value)
    return found


def _message(id: str, partner: str) -> Message:
    return Message(queue=QUEUE, kind=NOTIFICATION_RECEIVED, subject=id, lane=f"notifications {partner}")


def _label(id: str) -> str:
    return f"notification {id}"


def _received(row: tuple[Any, ...]) -> Received:
    id, partner, sender_id, key, kind, subject, state, reason, signed_at, received_at, ended_at = row
    return Received(
        id, partner, sender_id, key, kind, subject, NotificationState(state), reason, signed_at, received_at, ended_at
    )
