"""Claims for missing points."""

from datetime import datetime

import click

from hub.agreements.roster import roster
from hub.commands.output import json_option, show
from hub.config import read_settings
from hub.earning import service
from hub.earning.claims import NewClaim
from hub.gateway.spend_rendering import claim_view
from hub.kernel.limits import PAGE_ROWS_MAX
from hub.wiring import opened_hub


@click.group("claim")
def claim() -> None:
    """What became of a purchase whose points are missing."""


@claim.command("make")
@click.option("--bank", required=True)
@click.option("--token", required=True, help="The card or member token that was used.")
@click.option("--day", type=click.DateTime(["%Y-%m-%d"]), required=True)
@click.option("--amount", type=click.IntRange(1), required=True, help="Smallest units of the bank's currency.")
@click.option("--transaction", default="", help="The bank's transaction id, where it is known.")
@click.option("--merchant", default="")
@json_option
def make(bank: str, token: str, day: datetime, amount: int, transaction: str, merchant: str, as_json: bool) -> None:
    """Answer a claim, and keep it."""
    with opened_hub(read_settings()) as hub, hub.database.work() as work:
        desk = service.desk_of(work, roster(work), bank, now=hub.clock.now())
        made = service.make_claim(work, desk, NewClaim(token, day.date(), amount, transaction, merchant))
    show(claim_view(made), as_json=as_json, plain=lambda: click.echo(f"{made.id} {made.answer}: {made.detail}"))


@claim.command("list")
@click.option("--bank", default="", help="Only of this bank.")
@json_option
def list_claims(bank: str, as_json: bool) -> None:
    """The first claims, test and live, in the order in which they were made."""
    with opened_hub(read_settings()) as hub, hub.database.read() as work:
        found = [
            one
            for live in (False, True)
            for one in service.list_claims(work, bank=bank, live=live, after="", limit=PAGE_ROWS_MAX)
        ]

    def plain() -> None:
        for one in found:
            click.echo(f"{one.id}  {one.bank}  {one.day}  {one.amount}  {one.answer}: {one.detail}")

    show([claim_view(one) for one in found], as_json=as_json, plain=plain)


COMMANDS = (claim,)
