"""Documents: statements and what proves them, journals, the trial balance; all on standard output."""

import json
import sys
from collections.abc import Iterator

import click

from hub.config import read_settings
from hub.reports import books, journals
from hub.reports.pdf import statement_pdf
from hub.reports.proofs import all_entries, entry_view, signature_view
from hub.reports.statements import statement_csv
from hub.settlement import store
from hub.settlement.refusals import WindowStateWrong
from hub.settlement.signing import signature
from hub.settlement.types import Statement, Window
from hub.storage import Work
from hub.wiring import opened_hub


@click.command("statement")
@click.argument("partner")
@click.option("--window", "id", required=True, help="Id of the window.")
@click.option("--format", "form", type=click.Choice(["json", "csv", "pdf", "signature", "proofs"]), default="json")
def statement(partner: str, id: str, form: str) -> None:
    """Print a partner's statement of a window, the same bytes every time, or what proves it."""
    out = sys.stdout.buffer
    with opened_hub(read_settings()) as hub, hub.database.read() as work:
        store.window(work, id)
        found = store.statement(work, id, partner)
        if form == "proofs":
            out.writelines(_proofs(work, found))
        elif form == "pdf":
            out.write(statement_pdf(found.document, signature_view(found, signature(work, found.id))))
        elif form == "signature":
            out.write(json.dumps(signature_view(found, signature(work, found.id)), indent=2).encode() + b"\n")
        else:
            out.write(found.document if form == "json" else statement_csv(found.document))


def _proofs(work: Work, found: Statement) -> Iterator[bytes]:
    """Every entry under the statement's roots, as one page of `/v1/statements/{id}/proofs` that has no end."""
    yield b'{"data": ['
    for number, one in enumerate(all_entries(work, found)):
        yield (",\n" if number else "\n").encode() + json.dumps(entry_view(one)).encode()
    yield b'\n], "next_cursor": null}\n'


@click.command("journal")
@click.option("--window", "id", required=True, help="Id of the window.")
@click.option("--format", "form", type=click.Choice(["csv", "hledger", "beancount"]), default="csv")
def journal(id: str, form: str) -> None:
    """Print the general-ledger journal of a window's slices."""
    with opened_hub(read_settings()) as hub, hub.database.read() as work:
        found = _closed(work, id)
        rows, scales = books.movements(work, found), books.scales(work, hub.clock.now())
    written = {
        "csv": journals.journal_csv,
        "hledger": journals.journal_hledger,
        "beancount": journals.journal_beancount,
    }[form](rows, scales)
    sys.stdout.buffer.write(written.encode("utf-8"))


@click.command("trial-balance")
@click.option("--window", "id", default="", help="As at the end of this window; now if left out.")
def trial_balance(id: str) -> None:
    """Print what every account stands at as CSV; in every unit, debits equal credits."""
    with opened_hub(read_settings()) as hub, hub.database.read() as work:
        balances = books.trial_balance(work, _closed(work, id) if id else None)
        scales = books.scales(work, hub.clock.now())
    sys.stdout.buffer.write(journals.trial_balance_csv(balances, scales).encode("utf-8"))


def _closed(work: Work, id: str) -> Window:
    found = store.window(work, id)
    if found.last_period is None:
        raise WindowStateWrong("This window is still open; it has no journal yet.")
    return found


COMMANDS = (statement, journal, trial_balance)
