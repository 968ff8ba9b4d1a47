"""Earn rules: propose, try on history, activate, withdraw; and why an accrual is what it is."""

from datetime import date, datetime, timedelta
from pathlib import Path

import click

from hub.agreements import service as agreements
from hub.agreements.roster import roster
from hub.commands.output import actor_option, json_option, show
from hub.config import read_settings
from hub.earning import service
from hub.earning.rules_document import read_rules
from hub.gateway.spend_rendering import accrual_view, explained_view, rules_view, simulation_view
from hub.wiring import opened_hub

_file = click.Path(exists=True, dir_okay=False, path_type=Path)
_day = click.DateTime(["%Y-%m-%d"])
# How far back a simulation looks when nobody says: a quarter of a year, whole statements of it.
_DAYS = 92


@click.group("earn")
def earn() -> None:
    """Earn rules and accruals."""


@earn.command("rules")
@click.option("--bank", default="", help="Only of this bank.")
@click.option("--state", type=click.Choice(["proposed", "active", "withdrawn"]))
@json_option
def list_rules(bank: str, state: str | None, as_json: bool) -> None:
    """Sets of earn rules, test and live, in the order in which they were proposed."""
    with opened_hub(read_settings()) as hub, hub.database.read() as work:
        found = [
            one
            for live in (False, True)
            for one in service.list_rules(work, bank=bank, state=state, live=live, after="")
        ]
        views = [rules_view(one, service.approvals_of(work, one.ruleset.id), to_partner=False) for one in found]

    def plain() -> None:
        for one in found:
            known = one.ruleset
            until = f" until {known.until}" if known.until else ""
            click.echo(f"{known.id}  {known.bank}  {known.state:<9}  {known.code}  from {known.since}{until}")

    show(views, as_json=as_json, plain=plain)


@earn.command("propose")
@click.argument("rules", type=_file)
@click.option("--bank", required=True)
@click.option("--approve-for-bank", is_flag=True, help="Record that the bank has agreed to these rules.")
@actor_option
@json_option
def propose(rules: Path, bank: str, approve_for_bank: bool, actor: str, as_json: bool) -> None:
    """Write a set of rules (TOML) down; it prices nothing before somebody activates it."""
    document = read_rules(rules.read_text(encoding="utf-8"), bank=bank).document
    with opened_hub(read_settings()) as hub, hub.database.work() as work:
        now = hub.clock.now()
        proposed = service.propose_rules(work, roster(work), document, bank=bank, actor=actor, now=now)
        if approve_for_bank:
            agreements.approve(work, proposed.id, partner=bank, actor=actor, now=now)
    show({"id": proposed.id}, as_json=as_json, plain=lambda: click.echo(f"{proposed.id} is proposed"))


@earn.command("activate")
@click.argument("id")
@actor_option
@json_option
def activate(id: str, actor: str, as_json: bool) -> None:
    """Let a proposed set price the days it names; of a live bank somebody else proposed it."""
    with opened_hub(read_settings()) as hub, hub.database.work() as work:
        service.activate_rules(work, roster(work), id, bank="", actor=actor, now=hub.clock.now())
    show({"id": id, "state": "active"}, as_json=as_json, plain=lambda: click.echo(f"{id} is active"))


@earn.command("withdraw")
@click.argument("id")
@click.option("--reason", required=True)
@actor_option
@json_option
def withdraw(id: str, reason: str, actor: str, as_json: bool) -> None:
    """Take a set back: it prices nothing more. What it priced stays."""
    with opened_hub(read_settings()) as hub, hub.database.work() as work:
        service.withdraw_rules(work, id, bank="", actor=actor, reason=reason, now=hub.clock.now())
    show({"id": id, "state": "withdrawn"}, as_json=as_json, plain=lambda: click.echo(f"{id} is withdrawn"))


@earn.command("simulate")
@click.argument("rules", type=_file)
@click.option("--bank", required=True)
@click.option("--from", "since", type=_day, help=f"The first day; {_DAYS} days before --to without one.")
@click.option("--to", "until", type=_day, help="The day after the last; tomorrow without one.")
@json_option
def simulate(rules: Path, bank: str, since: datetime | None, until: datetime | None, as_json: bool) -> None:
    """What rules (TOML) would have made of what was really spent: points, cost, and who gains. Nothing is written."""
    candidate = read_rules(rules.read_text(encoding="utf-8"), bank=bank)
    with opened_hub(read_settings()) as hub, hub.database.read() as work:
        now = hub.clock.now()
        last = until.date() if until else now.date() + timedelta(days=1)
        first: date = since.date() if since else last - timedelta(days=_DAYS)
        known = roster(work)
        found = service.simulate(work, known, candidate, since=first, until=last, now=now, transactions_max=None)

    def plain() -> None:
        click.echo(f"{found.transactions:,} transactions from {found.since} until {found.until}")
        for one in found.units:
            click.echo(f"  {one.unit:>24}  {one.points_now:,} points → {one.points_then:,}")
        click.echo(f"{found.gaining:,} members gain, {found.losing:,} lose, {found.unchanged:,} neither")
        for line in found.categories:
            if line.points_now != line.points_then:
                click.echo(f"  {line.name:>24}  {line.points_now:,} → {line.points_then:,}")

    show(simulation_view(found), as_json=as_json, plain=plain)


@earn.command("explain")
@click.argument("accrual")
@click.option("--bank", default="", help="With it, ACCRUAL is the bank's own transaction id.")
@json_option
def explain(accrual: str, bank: str, as_json: bool) -> None:
    """Why an accrual is what it is, step by step. ACCRUAL: its id, or with --bank a transaction id."""
    with opened_hub(read_settings()) as hub, hub.database.read() as work:
        found = service.find_accrual(work, accrual, bank=bank) if bank else service.get_accrual(work, accrual, bank="")
        steps = service.explain(work, found)

    def plain() -> None:
        click.echo(f"{found.id}: {found.points + found.later} {found.unit} for {found.transaction} of {found.bank}")
        for one in steps:
            points = "" if one.points is None else str(one.points)
            click.echo(f"  {one.what:>12}  {points:>10}  {one.detail}")

    document = {**accrual_view(found), "explain": [explained_view(one) for one in steps]}
    show(document, as_json=as_json, plain=plain)


COMMANDS = (earn,)
