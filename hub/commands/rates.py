"""Rates, campaigns and quotes."""

from pathlib import Path

import click

from hub.commands.output import actor_option, json_option, show
from hub.config import read_settings
from hub.kernel.ids import new_id
from hub.rates import service
from hub.rates.rendering import quote_view, rule_view
from hub.rates.types import ImportReport, PriceRequest
from hub.wiring import opened_hub


@click.group("rates")
def rates() -> None:
    """Rate rules."""


@rates.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@actor_option
@json_option
def import_rates(file: Path, actor: str, as_json: bool) -> None:
    """Take a file of routes in: units, sandbox partners that are missing, and rules. Safe to repeat.

    Columns: source, source_name, target, target_name, target_kind, give, get, minimum, step, typical_time.
    """
    rows = service.csv_rows(file.read_bytes())
    with opened_hub(read_settings()) as hub, hub.database.work() as work:
        report = service.import_routes(
            work, rows, sandbox_url=hub.settings.sandbox_url, actor=actor, now=hub.clock.now()
        )
    _show_report(report, as_json=as_json, what="rules")


@rates.command("list")
@click.option("--source", default=None, help="Only from this unit.")
@click.option("--target", default=None, help="Only to this unit.")
@json_option
def list_rates(source: str | None, target: str | None, as_json: bool) -> None:
    """Show rate rules."""
    with opened_hub(read_settings()) as hub, hub.database.read() as work:
        found, after = [], ""
        while page := service.list_rules(work, source_unit=source, target_unit=target, after=after):
            found += page
            after = page[-1].id

    def plain() -> None:
        for rule in found:
            ratio = ", then ".join(f"{block.give}:{block.get}" for block in rule.blocks)
            click.echo(f"{rule.id}  {rule.state:9}  {rule.source_unit} → {rule.target_unit}  {ratio}")

    show({"data": [rule_view(rule) for rule in found]}, as_json=as_json, plain=plain)


@rates.command("activate")
@click.argument("rule")
@click.option("--signed-by", default="", help="Who answers, by name, for a rule that loses money.")
@actor_option
@json_option
def activate(rule: str, signed_by: str, actor: str, as_json: bool) -> None:
    """Let a proposed rule price; between live partners this takes a second person, approvals and notice."""
    with opened_hub(read_settings()) as hub, hub.database.work() as work:
        service.activate_rule(work, rule, actor=actor, now=hub.clock.now(), signed_by=signed_by)
    show({"rule": rule, "state": "active"}, as_json=as_json, plain=lambda: click.echo(f"{rule} is active"))


@rates.command("withdraw")
@click.argument("rule")
@click.option("--reason", required=True)
@actor_option
@json_option
def withdraw(rule: str, reason: str, actor: str, as_json: bool) -> None:
    """Take a rule back for a pricing error; its open quotes are refused."""
    with opened_hub(read_settings()) as hub, hub.database.work() as work:
        service.withdraw_rule(work, rule, actor=actor, reason=reason, now=hub.clock.now())
    show({"rule": rule, "state": "withdrawn"}, as_json=as_json, plain=lambda: click.echo(f"{rule} is withdrawn"))


@click.group("campaigns")
def campaigns() -> None:
    """Campaigns."""


@campaigns.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@actor_option
@json_option
def import_campaigns(file: Path, actor: str, as_json: bool) -> None:
    """Take a file of campaigns in. Safe to repeat.

    Columns: id, source, target, bonus_percent, starts_on, ends_on_inclusive, targeted.
    """
    rows = service.csv_rows(file.read_bytes())
    with opened_hub(read_settings()) as hub, hub.database.work() as work:
        report = service.import_campaigns(work, rows, actor=actor, now=hub.clock.now())
    _show_report(report, as_json=as_json, what="campaigns")


@click.command("quote")
@click.option("--source", required=True, help="Source unit, for example amex_mr.point.")
@click.option("--target", required=True, help="Target unit, for example cathay.point.")
@click.option("--amount", required=True, type=int, help="Source units.")
@click.option("--member", default="", help="Only this member may use it.")
@click.option("--trait", "traits", multiple=True, metavar="NAME=VALUE", help="sub_product, tier, channel or segment.")
@json_option
def quote(source: str, target: str, amount: int, member: str, traits: tuple[str, ...], as_json: bool) -> None:
    """Ask what a conversion would be; a firm, signed offer that writes nothing."""
    given = {}
    for trait in traits:
        name, found, value = trait.partition("=")
        if not found or not name or not value:
            raise click.BadParameter("a trait is NAME=VALUE", param_hint="--trait")
        given[name] = value
    with opened_hub(read_settings()) as hub:
        now = hub.clock.now()
        with hub.database.read() as work:
            catalogue = hub.catalogues.get(work)
        made = hub.quoter.quote(
            catalogue,
            PriceRequest(source, target, amount, given),
            member=member,
            client_partner="",
            at=now,
            id=new_id("quo", now),
        )
        document = quote_view(made, hub.quoter.seal(made))

    def plain() -> None:
        price = made.price
        click.echo(f"{price.source_amount} {source} → {price.target_amount} {target}, until {document['expires_at']}")
        for line in price.explain:
            click.echo(f"  {line.what:>14}  {line.amount:>12}  {line.why}")

    show(document, as_json=as_json, plain=plain)


def _show_report(report: ImportReport, *, as_json: bool, what: str) -> None:
    document = {
        "partners_added": report.partners_added,
        "units_added": report.units_added,
        "added": report.added,
        "changed": report.changed,
        "unchanged": report.unchanged,
    }

    def plain() -> None:
        click.echo(f"{report.added} {what} added, {report.changed} changed, {report.unchanged} as they were")
        click.echo(f"{report.partners_added} sandbox partners and {report.units_added} units added")

    show(document, as_json=as_json, plain=plain)


COMMANDS = (rates, campaigns, quote)
