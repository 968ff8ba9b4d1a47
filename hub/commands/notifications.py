"""What partners sent: what became of it, what waits for a person, and which keys prove it."""

from datetime import timedelta
from pathlib import Path

import click

from hub.commands.clients import PartnerUnknown
from hub.commands.output import actor_option, json_option, show
from hub.config import read_settings
from hub.kernel.clock import rfc3339
from hub.notifications import service as notifications
from hub.notifications.states import NotificationState
from hub.notifications.types import Received, Sender, SenderKeyInfo
from hub.wiring import Hub, opened_hub
from partners.profile import NotificationScheme

_ROWS_MAX = 1_000


@click.group("notification")
def notification() -> None:
    """What partners tell the hub of their own accord."""


@notification.command("list")
@click.option("--partner", default=None, help="Only what this partner sent.")
@click.option("--state", type=click.Choice([str(one) for one in NotificationState]), default=None)
@click.option("--live/--test", "live", default=False, help="Of live partners, or of test ones.", show_default=True)
@click.option("--limit", type=click.IntRange(1, _ROWS_MAX), default=50, show_default=True)
@json_option
def list_(partner: str | None, state: str | None, live: bool, limit: int, as_json: bool) -> None:
    """Show what was sent, newest first."""
    wanted = NotificationState(state) if state else None
    with opened_hub(read_settings()) as hub, hub.database.read() as work:
        found = notifications.list_received(work, partner=partner, state=wanted, live=live, before="", limit=limit)

    def plain() -> None:
        for one in found:
            click.echo(f"{one.id}  {one.state:<12} {one.partner:<16} {one.kind or '-':<24} {one.reason}".rstrip())

    show([_document(one) for one in found], as_json=as_json, plain=plain)


@notification.command("show")
@click.argument("id")
@json_option
def show_(id: str, as_json: bool) -> None:
    """Show one, with what was sent."""
    with opened_hub(read_settings()) as hub, hub.database.read() as work:
        found = notifications.get(work, id)
        body = notifications.body_of(work, hub.vault, id).decode("utf-8", "replace")
    document = {**_document(found), "body": body}

    def plain() -> None:
        for name, value in document.items():
            click.echo(f"{name.replace('_', ' '):<12} {value or ''}".rstrip())

    show(document, as_json=as_json, plain=plain)


@notification.command("retry")
@click.argument("id")
@actor_option
@json_option
def retry(id: str, actor: str, as_json: bool) -> None:
    """Have one in quarantine tried again."""
    with opened_hub(read_settings()) as hub, hub.database.work() as work:
        found = notifications.retry(work, id, actor=actor, now=hub.clock.now())
    show(_document(found), as_json=as_json, plain=lambda: click.echo(f"{id} is tried again"))


@notification.command("dismiss")
@click.argument("id")
@click.option("--reason", required=True, help="It stands in the audit log.")
@actor_option
@json_option
def dismiss(id: str, reason: str, actor: str, as_json: bool) -> None:
    """Decide that nothing follows from one in quarantine."""
    with opened_hub(read_settings()) as hub, hub.database.work() as work:
        found = notifications.dismiss(work, id, reason=reason, actor=actor, now=hub.clock.now())
    show(_document(found), as_json=as_json, plain=lambda: click.echo(f"{id} is dismissed"))


@notification.command("keys")
@click.argument("partner")
@json_option
def keys(partner: str, as_json: bool) -> None:
    """Show which keys prove what PARTNER sends, without the keys."""
    with opened_hub(read_settings()) as hub:
        sender = _sender(hub, partner)
        with hub.database.read() as work:
            found = notifications.list_keys(work, partner, now=hub.clock.now())
    document = {
        "partner": partner,
        "scheme": str(sender.scheme),
        "in_settings": len(sender.configured),
        "keys": [_key(one) for one in found],
    }

    def plain() -> None:
        click.echo(f"{partner} signs by {sender.scheme}")
        for one in found:
            until = f" until {rfc3339(one.expires_at)}" if one.expires_at else ""
            click.echo(f"{one.id}  {one.kind:<4} {one.fingerprint}  by {one.created_by}{until}")

    show(document, as_json=as_json, plain=plain)


@notification.command("add-key")
@click.argument("partner")
@click.option(
    "--file", "path", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The partner's public key in PEM, or a secret (whsec_…) or key (whpk_…) of its own.",
)  # fmt: skip
@click.option(
    "--overlap-hours", type=click.IntRange(0, 24 * 30), default=notifications.OVERLAP // timedelta(hours=1),
    show_default=True, help="How long the keys of before stay good.",
)  # fmt: skip
@actor_option
@json_option
def add_key(partner: str, path: Path | None, overlap_hours: int, actor: str, as_json: bool) -> None:
    """Prove what PARTNER sends by a new secret, made here and shown this once, or by the one in --file."""
    with opened_hub(read_settings()) as hub:
        sender = _sender(hub, partner)
        if path is None and sender.scheme is not NotificationScheme.STANDARD_WEBHOOKS:
            raise click.UsageError(f"{partner} signs by {sender.scheme}: give its public key with --file.")
        text = path.read_text(encoding="utf-8").strip() if path else notifications.new_secret()
        with hub.database.work() as work:
            overlap = timedelta(hours=overlap_hours)
            added = notifications.add_key(
                work, hub.vault, sender, text, overlap=overlap, actor=actor, now=hub.clock.now()
            )
    document = {**_key(added), "secret": None if path else text}

    def plain() -> None:
        click.echo(f"key          {added.id}")
        click.echo(f"fingerprint  {added.fingerprint}")
        if not path:
            click.echo(f"secret       {text}   (shown this once)")

    show(document, as_json=as_json, plain=plain)


@notification.command("remove-key")
@click.argument("partner")
@click.argument("id")
@actor_option
@json_option
def remove_key(partner: str, id: str, actor: str, as_json: bool) -> None:
    """Let a key of PARTNER prove nothing any more, at once."""
    with opened_hub(read_settings()) as hub, hub.database.work() as work:
        notifications.remove_key(work, partner, id, actor=actor, now=hub.clock.now())
    show({"partner": partner, "removed": id}, as_json=as_json, plain=lambda: click.echo(f"{id} is good no more"))


def _sender(hub: Hub, partner: str) -> Sender:
    """Raises: PartnerUnknown."""
    sender = hub.partners.sender(partner)
    if sender is None:
        raise PartnerUnknown(f"There is no partner {partner}; `hub partner list` shows those there are.")
    return sender


def _document(one: Received) -> dict[str, str | None]:
    return {
        "id": one.id,
        "partner": one.partner,
        "sender_id": one.sender_id,
        "type": one.kind or None,
        "subject": one.subject or None,
        "state": str(one.state),
        "reason": one.reason or None,
        "key": one.key,
        "signed_at": rfc3339(one.signed_at),
        "received_at": rfc3339(one.received_at),
        "ended_at": rfc3339(one.ended_at) if one.ended_at else None,
    }


def _key(one: SenderKeyInfo) -> dict[str, str | None]:
    return {
        "key": one.id,
        "kind": one.kind,
        "fingerprint": one.fingerprint,
        "created_at": rfc3339(one.created_at),
        "created_by": one.created_by,
        "expires_at": rfc3339(one.expires_at) if one.expires_at else None,
    }


COMMANDS = (notification,)
