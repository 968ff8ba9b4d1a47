"""Partners: who takes part, which brands there are adapters for, stops."""

import click

from hub.agreements import service
from hub.agreements.types import Direction
from hub.commands.output import actor_option, json_option, show
from hub.config import read_settings
from hub.wiring import opened_hub


@click.group("partner")
def partner() -> None:
    """Partners."""


@partner.command("list")
@json_option
def list_partners(as_json: bool) -> None:
    """Show the partners and what their adapters can do."""
    with opened_hub(read_settings()) as hub, hub.database.read() as work:
        roster = hub.catalogues.get(work).roster
        brands = hub.registry.profiles()
    partners = [
        {
            "code": one.code,
            "name": one.name,
            "kind": one.kind,
            "profile": one.profile,
            "live": one.live,
            "state": str(one.state),
            "stopped": str(one.stopped) if one.stopped else None,
            "units": sorted(unit.code for unit in roster.units.values() if unit.partner == one.code),
        }
        for one in sorted(roster.partners.values(), key=lambda each: each.code)
    ]
    adapters = [
        {
            "profile": brand.code,
            "name": brand.name,
            "kind": str(brand.kind),
            "verbs": sorted(brand.capabilities.verbs),
            "reverse": str(brand.capabilities.reverse),
            "keys": brand.capabilities.keys,
            "auth": str(brand.http.auth),
        }
        for brand in brands
    ]

    def plain() -> None:
        for one in partners:
            stopped = f", {one['stopped']} stopped" if one["stopped"] else ""
            click.echo(f"{one['code']:<18} {one['state']}{stopped:<10} {one['profile']:<10} {one['name']}")
        click.echo()
        for brand in adapters:
            click.echo(f"{brand['profile']:<12} {brand['auth']:<20} reverse {brand['reverse']:<10} {brand['verbs']}")

    show({"partners": partners, "adapters": adapters}, as_json=as_json, plain=plain)


@partner.command("stop")
@click.argument("code")
@click.option("--direction", type=click.Choice([str(one) for one in Direction]), default="both", show_default=True)
@click.option("--reason", required=True)
@actor_option
@json_option
def stop(code: str, direction: str, reason: str, actor: str, as_json: bool) -> None:
    """Stop a partner at once; one person may."""
    with opened_hub(read_settings()) as hub, hub.database.work() as work:
        service.stop_partner(work, code, Direction(direction), actor=actor, reason=reason, now=hub.clock.now())
    show({"partner": code, "stopped": direction}, as_json=as_json, plain=lambda: click.echo(f"{code} is stopped"))


@partner.command("start")
@click.argument("code")
@click.option("--propose", is_flag=True, help="The first of the two people it takes.")
@actor_option
@json_option
def start(code: str, propose: bool, actor: str, as_json: bool) -> None:
    """Start a stopped partner again; it takes two people, the first with --propose."""
    with opened_hub(read_settings()) as hub, hub.database.work() as work:
        act = service.propose_start if propose else service.start_partner
        act(work, code, actor=actor, now=hub.clock.now())
    state = "start proposed" if propose else "started"
    show({"partner": code, "state": state}, as_json=as_json, plain=lambda: click.echo(f"{code}: {state}"))


COMMANDS = (partner,)
