"""Secrets and public keys that prove partners' notifications: sealed in the vault, two good at once while they change.

Knows the table of keys. A partner without keys here is proven by what the hub's settings say of it.
"""

import base64
import hashlib
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta

from hub.access.vault import Vault
from hub.audit.service import record
from hub.kernel.ids import new_id
from hub.notifications.refusals import SenderKeyInvalid, SenderKeyMissing
from hub.notifications.types import Sender, SenderKey, SenderKeyInfo
from hub.notifications.verifying import kind_of
from hub.storage import Work
from partners.profile import NotificationScheme

OVERLAP = timedelta(hours=24)
"""How long the keys of before are good beside a new one: time for a partner to roll it out."""

_KINDS = {
    NotificationScheme.STANDARD_WEBHOOKS: ("v1", "v1a"),
    NotificationScheme.RFC9421: ("pem",),
    NotificationScheme.NONE: (),
}
_SECRET_BYTES = 32
# Keys of one partner that are good at once, each tried for every notification.
_KEYS_MAX = 4
_FINGERPRINT_DIGITS = 16
_INFO = "id, partner, kind, fingerprint, created_at, created_by, expires_at"


def new_secret(random: Callable[[int], bytes] = secrets.token_bytes) -> str:
    """A fresh shared secret, as both sides put it into their settings."""
    return "whsec_" + base64.b64encode(random(_SECRET_BYTES)).decode()


def add_key(
    work: Work, vault: Vault, sender: Sender, text: str, *, overlap: timedelta, actor: str, now: datetime
) -> SenderKeyInfo:
    """Prove this partner's notifications by `text` from now on; keys of before expire after `overlap`, or sooner.

    Raises: SenderKeyInvalid.
    """
    kind = kind_of(text)
    if kind not in _KINDS[sender.scheme]:
        raise SenderKeyInvalid(f"{sender.partner} sends by the scheme {sender.scheme}, which has no such key.")
    _lock(work, sender.partner)
    good = list_keys(work, sender.partner, now=now)
    if len(good) >= _KEYS_MAX:
        raise SenderKeyInvalid(f"{sender.partner} has {_KEYS_MAX} good keys already; remove one first.")
    info = SenderKeyInfo(new_id("nkey", now), sender.partner, kind, _fingerprint(text), now, actor, None)
    work.run(
        "UPDATE notification_key SET expires_at = least(expires_at, %s) WHERE partner = %s",
        (now + overlap, sender.partner),
    )
    work.run(
        "INSERT INTO notification_key (id, partner, kind, sealed, fingerprint, created_at, created_by) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s)",
        (
            info.id,
            info.partner,
            kind,
            vault.seal(text.encode(), label=_label(info.partner, info.id)),
            info.fingerprint,
            now,
            actor,
        ),
    )
    facts = {"key": info.id, "kind": kind, "fingerprint": info.fingerprint}
    record(work, actor=actor, action="notification.key_added", subject=sender.partner, facts=facts, now=now)
    return info


def remove_key(work: Work, partner: str, id: str, *, actor: str, now: datetime) -> None:
    """Let a key prove nothing any more, at once. Raises: SenderKeyMissing."""
    _lock(work, partner)
    found = work.run(
        "UPDATE notification_key SET expires_at = %s WHERE id = %s AND partner = %s "
        "AND (expires_at IS NULL OR expires_at > %s)",
        (now, id, partner, now),
    )
    if not found:
        raise SenderKeyMissing(f"{partner} has no good key {id}.")
    record(work, actor=actor, action="notification.key_removed", subject=partner, facts={"key": id}, now=now)


def list_keys(work: Work, partner: str, *, now: datetime) -> list[SenderKeyInfo]:
    """The keys that are good now, newest first."""
    rows = work.fetch(
        f"SELECT {_INFO} FROM notification_key WHERE partner = %s AND (expires_at IS NULL OR expires_at > %s) "  # noqa: S608 - fixed column names
        "ORDER BY created_at DESC, id DESC",
        (partner, now),
    )
    return [SenderKeyInfo(*row) for row in rows]


def good_keys(work: Work, vault: Vault, sender: Sender, *, now: datetime) -> list[SenderKey]:
    """What proves this sender now, newest first: its keys of the vault, or what the settings say if it never had any.

    Raises: MasterKeyInvalid.
    """
    rows = work.fetch(
        "SELECT id, sealed, expires_at IS NULL OR expires_at > %s FROM notification_key WHERE partner = %s "
        "ORDER BY created_at DESC, id DESC",
        (now, sender.partner),
    )
    if not rows:
        return [SenderKey("settings", text) for text in reversed(sender.configured)]
    return [
        SenderKey(id, vault.open(bytes(sealed), label=_label(sender.partner, id)).decode())
        for id, sealed, good in rows
        if good
    ]


def _lock(work: Work, partner: str) -> None:
    """One change of a partner's keys at a time."""
    work.run("SELECT 1 FROM partner WHERE code = %s FOR NO KEY UPDATE", (partner,))


def _label(partner: str, id: str) -> str:
    return f"notification key {partner} {id}"


def _fingerprint(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_FINGERPRINT_DIGITS]
