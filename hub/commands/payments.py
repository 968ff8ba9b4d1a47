"""Payments: bank accounts, files for the bank, and files from it."""

import sys
from datetime import datetime
from pathlib import Path

import click

from hub.agreements.currencies import exponent
from hub.commands.output import CHECK_FAILED, actor_option, json_option, show
from hub.config import read_settings
from hub.kernel.amounts import decimal_text
from hub.reports.bank_orders import Message, Order, credit_transfers, direct_debits
from hub.reports.bank_reports import FILE_BYTES_MAX, read_report
from hub.settlement import service
from hub.settlement.accounts import PayAccount, accounts, put_account, required
from hub.settlement.receiving import Received, receive
from hub.settlement.refusals import PaymentAccountMissing, WindowStateWrong
from hub.settlement.types import Netted, WindowState
from hub.storage import Work
from hub.wiring import opened_hub

# How the command line names the hub's own account.
_HUB = "hub"


@click.group("payments")
def payments() -> None:
    """Money of instructed windows: files for the bank, and what it reports."""


@payments.command("account")
@click.argument("partner")
@click.option("--currency", required=True)
@click.option("--iban", required=True)
@click.option("--bic", required=True)
@click.option("--name", required=True, help="Of the account's holder.")
@click.option("--town", required=True)
@click.option("--country", required=True, help="Two letters, such as DE.")
@click.option("--mandate", default="", help="Reference of the partner's mandate for direct debits.")
@click.option("--mandate-on", type=click.DateTime(["%Y-%m-%d"]), help="Day it was signed.")
@click.option("--creditor", default="", help="The hub's creditor identifier, for direct debits.")
@actor_option
def account(
    partner: str, currency: str, iban: str, bic: str, name: str, town: str, country: str, mandate: str,
    mandate_on: datetime | None, creditor: str, actor: str,
) -> None:  # fmt: skip
    """Record where PARTNER takes and pays a currency; `hub` for the hub itself."""
    code = "" if partner == _HUB else partner
    day = mandate_on.date() if mandate_on else None
    wanted = PayAccount(
        code, currency, name, iban.replace(" ", ""), bic, town, country, mandate, day, creditor
    )  # fmt: skip
    with opened_hub(read_settings()) as hub, hub.database.work() as work:
        put_account(work, wanted, actor=actor, now=hub.clock.now())
    click.echo(f"{partner} takes and pays {currency} there from now on")


@payments.command("file")
@click.option("--window", "id", required=True, help="Id of the window; it is instructed.")
@click.option("--debits", is_flag=True, help="Direct debits of partners with a mandate, instead of credit transfers.")
@click.option("--sequence", type=click.IntRange(1, 9), default=1, help="2 for a second file, and so on.")
def file(id: str, debits: bool, sequence: int) -> None:
    """Print what the bank is to do for a window: pain.001 for what the hub pays, pain.008 for what it collects."""
    with opened_hub(read_settings()) as hub, hub.database.read() as work:
        found = service.read(work, id)
        if found.window.state is not WindowState.INSTRUCTED:
            raise WindowStateWrong("Only an instructed window has payments.", state=found.window.state.value)
        orders = _orders(work, found, debits=debits)
    if not orders:
        click.echo("nothing is to be paid", err=True)
        return
    window = found.window
    assert window.closed_at is not None, "an instructed window is closed"
    assert window.due_on is not None, "an instructed window is closed"
    message = Message(id, sequence, window.closed_at, window.due_on, orders[0].ours.name)
    sys.stdout.buffer.write((direct_debits if debits else credit_transfers)(message, orders))


@payments.command("import")
@click.argument("path", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@actor_option
@json_option
def import_(path: Path, actor: str, as_json: bool) -> None:
    """Take a bank's file to the obligations it names; exit 3 if somebody has to look at something. Safe to repeat."""
    with path.open("rb") as stream:
        content = stream.read(FILE_BYTES_MAX + 1)
    entries, answers = read_report(content)
    with opened_hub(read_settings()) as hub:
        received = receive(hub.database, entries, actor=actor, now=hub.clock.now())
    rejected = [one for one in answers if one.status == "RJCT"]
    document = {
        "entries": [_view(one) for one in received],
        "answers": [{"end_to_end": one.end_to_end, "status": one.status, "reason": one.reason} for one in answers],
    }

    def plain() -> None:
        for one in received:
            amount = decimal_text(one.entry.amount, exponent(one.entry.currency))
            named = one.entry.end_to_end or "-"
            click.echo(f"{one.outcome:<20} {amount:>16} {one.entry.currency}  {named}  {one.detail}".rstrip())
        for answer in answers:
            click.echo(f"{answer.status:<20} {answer.end_to_end}  {answer.reason}".rstrip())

    show(document, as_json=as_json, plain=plain)
    if rejected or any(one.is_open for one in received):
        sys.exit(CHECK_FAILED)


def _orders(work: Work, found: Netted, *, debits: bool) -> list[Order]:
    """What is still to be paid, by the hub or under mandates, sorted by currency and partner."""
    orders = []
    for one in sorted(found.obligations, key=lambda each: (each.side.currency, each.side.partner, each.id)):
        currency, known = one.side.currency, accounts(work, one.side.currency)
        if not one.rest or (one.amount < 0) != debits:
            continue
        if debits and (one.side.partner not in known or not known[one.side.partner].mandate):
            continue  # pays by itself
        ours, theirs = required(known, "", currency), required(known, one.side.partner, currency)
        if debits and not ours.creditor:
            raise PaymentAccountMissing("The hub has no creditor identifier in this currency.")
        orders.append(Order(one.id, one.rest, exponent(currency), ours, theirs))
    return orders


def _view(one: Received) -> dict[str, object]:
    return {
        "end_to_end": one.entry.end_to_end,
        "reference": one.entry.reference,
        "amount": decimal_text(one.entry.amount, exponent(one.entry.currency)),
        "currency": one.entry.currency,
        "outcome": one.outcome,
        "detail": one.detail,
    }


COMMANDS = (payments,)
