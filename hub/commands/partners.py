"""Partners: who takes part, which brands there are adapters for, stops."""

from collections.abc import Mapping, Sequence

import click
from rich import box
from rich.console import Console
from rich.table import Table

from hub.agreements import service
from hub.agreements.types import Direction
from hub.commands import brands
from hub.commands.folders import brand_folders
from hub.commands.output import actor_option, json_option, show
from hub.config import Settings, read_settings
from hub.wiring import opened_hub
from partners.base import Verb
from partners.matrix import support_matrix


@click.group("partner")
def partner() -> None:
    """Partners."""


@partner.command("list")
@click.option("--brands", "brands_only", is_flag=True, help="Only what the brands can do; needs no database.")
@json_option
def list_partners(brands_only: bool, as_json: bool) -> None:
    """Show the partners, and what each brand's adapter can do."""
    settings = read_settings()
    adapters = support_matrix(brand_folders(settings))
    partners = [] if brands_only else _partners(settings)

    def plain() -> None:
        for one in partners:
            stopped = f", {one['stopped']} stopped" if one["stopped"] else ""
            click.echo(f"{one['code']:<18} {one['state']}{stopped:<10} {one['profile']:<10} {one['name']}")
        if partners:
            click.echo()
        _print_matrix(adapters)

    show({"partners": partners, "adapters": adapters}, as_json=as_json, plain=plain)


def _partners(settings: Settings) -> list[dict[str, object]]:
    with opened_hub(settings) as hub, hub.database.read() as work:
        roster = hub.catalogues.get(work).roster
    return [
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


def _print_matrix(adapters: Sequence[Mapping[str, object]]) -> None:
    verbs = [str(verb) for verb in Verb]
    table = Table("brand", "speaks", "proof", *verbs, "reverse", "keys live", "told later", box=box.SIMPLE_HEAD)
    for one in adapters:
        able = one["verbs"]
        assert isinstance(able, list)
        proof = "+".join(str(one[name]) for name in ("auth", "signing") if one[name] not in ("none", ""))
        hours = f"{one['key_life_hours']} h" if one["key_life_hours"] else "-"
        ticks = ["yes" if verb in able else "-" for verb in verbs]
        told = (proof or "-", *ticks, str(one["reverse"]), hours, str(one["notifications"]))
        table.add_row(str(one["profile"]), str(one["speaks"]), *told)
    Console(width=max(200, Console().width)).print(table)


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


for _command in brands.COMMANDS:
    partner.add_command(_command)

COMMANDS = (partner,)
