"""Plans: how to get so much of a unit from what is held."""

import click

from hub.commands.output import json_option, show
from hub.config import read_settings
from hub.kernel.amounts import parse_decimal
from hub.kernel.ids import new_id
from hub.kernel.limits import PLAN_HOLDINGS_MAX
from hub.rates.plans import Holding, PlanRequest, Way, plan
from hub.rates.rendering import plan_view
from hub.wiring import opened_hub

_UNUSED = {"money": "units of money take no part", "no_route": "no route leads on", "target": "it is the target"}


@click.command("plan")
@click.option("--target", required=True, help="Target unit, for example cathay.point.")
@click.option("--amount", required=True, type=click.IntRange(min=1), help="Target units that shall arrive, or more.")
@click.option("--hold", "held", multiple=True, required=True, metavar="UNIT=BALANCE", help="What lies where; 0 counts.")
@click.option("--worth", "worths", multiple=True, metavar="UNIT=DECIMAL", help="What one unit is worth; all or none.")
@click.option("--currency", default="", help="What worths are in, so that fees in it are counted.")
@json_option
def plan_command(
    target: str, amount: int, held: tuple[str, ...], worths: tuple[str, ...], currency: str, as_json: bool
) -> None:
    """Show the cheapest few ways to get an amount of a unit from what is held; writes nothing."""
    request = PlanRequest(target, amount, _holdings(held, worths), currency=currency)
    with opened_hub(read_settings()) as hub:
        now = hub.clock.now()
        with hub.database.read() as work:
            catalogue = hub.catalogues.get(work)
        found = plan(catalogue, request, now)
        quotes = [
            [
                hub.quoter.quote(
                    catalogue, step.request({}), member="", client_partner="", at=now, id=new_id("quo", now)
                )
                for step in way.steps
            ]
            for way in found.ways
        ]

    def plain() -> None:
        for number, way in enumerate(found.ways, 1):
            _say(number, way)
        if not found.ways:
            click.echo(f"There is no way; {found.reachable} of {amount} {target} could be reached")
        for unit, why in found.unused.items():
            click.echo(f"{unit} is left out: {_UNUSED[why]}")

    show(plan_view(request, found, quotes), as_json=as_json, plain=plain)


def _say(number: int, way: Way) -> None:
    click.echo(f"{number}. costs {way.cost}")
    for step in way.steps:
        click.echo(f"   {step.amount} {step.source_unit} → {step.arrives} {step.target_unit}")


def _holdings(held: tuple[str, ...], worths: tuple[str, ...]) -> tuple[Holding, ...]:
    balances = dict(_pair(one, "--hold") for one in held)
    valued = dict(_pair(one, "--worth") for one in worths)
    if len(balances) != len(held) or len(held) > PLAN_HOLDINGS_MAX:
        raise click.BadParameter(f"name each unit once, at most {PLAN_HOLDINGS_MAX} of them", param_hint="--hold")
    if valued and valued.keys() != balances.keys():
        raise click.BadParameter("say what every unit held is worth, or none", param_hint="--worth")
    found = []
    for unit, balance in balances.items():
        if not (balance.isascii() and balance.isdigit()):
            raise click.BadParameter(f"{balance} is no whole number", param_hint="--hold")
        found.append(Holding(unit, int(balance), parse_decimal(valued[unit]) if valued else None))
    return tuple(found)


def _pair(text: str, option: str) -> tuple[str, str]:
    unit, _, value = text.partition("=")
    if not unit or not value:
        raise click.BadParameter("write UNIT=NUMBER", param_hint=option)
    return unit, value


COMMANDS = (plan_command,)
