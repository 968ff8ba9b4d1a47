"""Webhook endpoints of partners, from an operator's desk."""

from dataclasses import replace
from datetime import datetime

import click

from hub.agreements.roster import get_partner
from hub.commands.output import actor_option, json_option, show
from hub.config import read_settings
from hub.gateway.webhook_rendering import delivery_view, endpoint_view, with_secrets
from hub.kernel.clock import parse_rfc3339, rfc3339
from hub.webhooks import service as webhooks
from hub.webhooks.states import DeliveryState, Scheme
from hub.webhooks.types import EndpointDraft, Replayed, Replaying, WebhookDelivery
from hub.wiring import Hub, opened_hub

# Dead letters that one listing shows; whoever has more narrows it down.
_DEAD_MAX = 200
_LISTED_MAX = 10_000


class _Moment(click.ParamType[datetime]):
    """A time with an offset, such as 2026-11-22T09:30:00Z."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """The instant."""
        if isinstance(value, datetime):
            return value
        try:
            return parse_rfc3339(str(value))
        except (ValueError, OverflowError):
            self.fail("a time such as 2026-11-22T09:30:00Z", param, ctx)


@click.group("webhook")
def webhook() -> None:
    """Endpoints that partners are told of events at."""


@webhook.command("list")
@click.option("--partner", help="Only this partner's.")
@json_option
def list_(partner: str | None, as_json: bool) -> None:
    """Every endpoint, without secrets."""
    with opened_hub(read_settings()) as hub, hub.database.read() as work:
        found = webhooks.list_endpoints(work, partner=partner, state=None, live=None, after="", limit=_LISTED_MAX)
        infos = webhooks.infos(work, [one.id for one in found], now=hub.clock.now())

    def plain() -> None:
        for one in found:
            types = " ".join(one.types) or "all events"
            click.echo(f"{one.id}  {one.state:8} {one.partner:16} {one.url}  ({types}) {one.reason}".rstrip())

    show([endpoint_view(one, infos[one.id]) for one in found], as_json=as_json, plain=plain)


@webhook.command("add")
@click.argument("partner")
@click.argument("url")
@click.option("--description", default="", help="For whoever reads the list.")
@click.option("--type", "types", multiple=True, help="May be given several times; default: all events.")
@click.option(
    "--scheme",
    "schemes",
    multiple=True,
    type=click.Choice([str(one) for one in Scheme]),
    help="May be given twice; default: v1.",
)
@click.option("--fifo", is_flag=True, help="Events of one subject wait for the one before them.")
@click.option("--rate", type=click.IntRange(0, 1_000), default=0, help="Deliveries a second at most; 0 for no limit.")
@actor_option
@json_option
def add(
    partner: str,
    url: str,
    description: str,
    types: tuple[str, ...],
    schemes: tuple[str, ...],
    fifo: bool,
    rate: int,
    actor: str,
    as_json: bool,
) -> None:
    """Tell PARTNER of events at URL; its secret is shown this once."""
    chosen = tuple(Scheme(one) for one in schemes) or (Scheme.V1,)
    draft = EndpointDraft(url, description, types, chosen, fifo, rate)
    with opened_hub(read_settings()) as hub, hub.database.work() as work:
        now = hub.clock.now()
        live = get_partner(work, partner).live
        made = webhooks.add_endpoint(work, partner, draft, hub.destinations, live=live, actor=actor, now=now)
        new = webhooks.issue(work, hub.vault, made, now=now)
    document = with_secrets(endpoint_view(made, [one.info for one in new]), new)

    def plain() -> None:
        click.echo(f"endpoint  {made.id}")
        for one in new:
            shown = f"{one.text}   (shown this once)" if one.text else f"{one.info.public}   (public key)"
            click.echo(f"{one.info.scheme:8}  {shown}")

    show(document, as_json=as_json, plain=plain)


@webhook.command("test")
@click.argument("endpoint_id")
@json_option
def test(endpoint_id: str, as_json: bool) -> None:
    """Send an endpoint an event of the type webhook.test."""
    with opened_hub(read_settings()) as hub, hub.database.work() as work:
        webhooks.send_test(work, endpoint_id, now=hub.clock.now())
    document = {"endpoint": endpoint_id, "type": "webhook.test"}
    show(document, as_json=as_json, plain=lambda: click.echo("a test is on its way"))


@webhook.command("replay")
@click.argument("id")
@click.option("--since", type=_Moment(), help="Events that occurred then or later; needed for an endpoint.")
@click.option("--until", type=_Moment(), help="And before this time.")
@click.option("--all", "everything", is_flag=True, help="Also what has arrived; default: what is missing.")
@json_option
def replay(id: str, since: datetime | None, until: datetime | None, everything: bool, as_json: bool) -> None:
    """Send the delivery ID again, or to the endpoint ID its part of the log since a time."""
    with opened_hub(read_settings()) as hub:
        if id.startswith("dlv_"):
            with hub.database.work() as work:
                webhooks.replay_one(work, id, now=hub.clock.now())
            count = 1
        elif since is None:
            raise click.UsageError("say from when: --since 2026-11-22T09:30:00Z")
        else:
            count = _replay_all(hub, id, Replaying(since, until, all=everything))
    show({"count": count}, as_json=as_json, plain=lambda: click.echo(f"{count} events are on their way"))


@webhook.command("dead")
@click.option("--partner", help="Only this partner's.")
@click.option("--endpoint", help="Only to this endpoint.")
@click.option("--live/--test", "live", default=False, show_default=True, help="Which side.")
@json_option
def dead(partner: str | None, endpoint: str | None, live: bool, as_json: bool) -> None:
    """Deliveries that were given up, newest first, at most 200."""
    sought = webhooks.DeliveriesSought(live=live, partner=partner, endpoint=endpoint, state=DeliveryState.EXHAUSTED)
    with opened_hub(read_settings()) as hub, hub.database.read() as work:
        found = webhooks.list_deliveries(work, sought, after=None, limit=_DEAD_MAX)

    def plain() -> None:
        for one in found:
            click.echo(_line(one))
        if not found:
            click.echo("no dead letters")

    show([delivery_view(one) for one in found], as_json=as_json, plain=plain)


def _replay_all(hub: Hub, endpoint: str, asked: Replaying) -> int:
    """Page after page, each in a transaction of its own; how many events are on their way."""
    count = 0
    while True:
        with hub.database.work() as work:
            done: Replayed = webhooks.replay(work, endpoint, asked, now=hub.clock.now())
        count += done.count
        if done.next_after is None:
            return count
        asked = replace(asked, after=done.next_after)


def _line(one: WebhookDelivery) -> str:
    ended = rfc3339(one.ended_at) if one.ended_at is not None else ""
    return f"{one.id}  {ended}  {one.endpoint}  {one.type:24} {one.subject}  {one.attempts} attempts: {one.reason}"


COMMANDS = (webhook,)
