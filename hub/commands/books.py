"""Checking the books."""

import sys

import click

from hub import ledger
from hub.audit import service as audit
from hub.commands.output import CHECK_FAILED, json_option, show
from hub.config import read_settings
from hub.wiring import opened_hub

_SHOWN_MAX = 50


@click.command("verify")
@json_option
def verify(as_json: bool) -> None:
    """Re-derive everything from the ledger's rows and report every difference; exit 3 if there is one."""
    with opened_hub(read_settings()) as hub, hub.database.read() as work:
        differences = ledger.verify(work)
        broken_audit = audit.verify(work)
    ok = not differences and not broken_audit
    document = {
        "ok": ok,
        "differences": [
            {"check": one.check, "subject": one.subject, "stored": one.stored, "expected": one.expected}
            for one in differences
        ],
        "audit": broken_audit,
    }

    def plain() -> None:
        for one in differences[:_SHOWN_MAX]:
            click.echo(f"{one.check}: {one.subject}: stored {one.stored}, expected {one.expected}")
        for line in broken_audit[:_SHOWN_MAX]:
            click.echo(line)
        click.echo("no differences" if ok else f"{len(differences) + len(broken_audit)} differences")

    show(document, as_json=as_json, plain=plain)
    if not ok:
        sys.exit(CHECK_FAILED)


COMMANDS = (verify,)
