"""Checking the books."""

import sys

import click

from hub import ledger
from hub.audit import service as audit
from hub.commands.output import CHECK_FAILED, json_option, show
from hub.config import read_settings
from hub.earning import service as earning
from hub.hosted import verification as hosted
from hub.settlement import verification as settlement
from hub.wiring import opened_hub

_SHOWN_MAX = 50


class _HeadText(click.ParamType[audit.Head]):
    name = "number:seal"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> audit.Head:
        number, _, seal = str(value).partition(":")
        try:
            return audit.Head(int(number), bytes.fromhex(seal))
        except ValueError:
            self.fail("A noted head is a number, a colon and a seal, as `hub verify` and the log print it.", param, ctx)


@click.command("verify")
@click.option(
    "--audit-head", "noted", type=_HeadText(), multiple=True, help="A head of the audit log that was noted earlier."
)
@json_option
def verify(noted: tuple[audit.Head, ...], as_json: bool) -> None:
    """Re-derive everything from the rows of ledger, lots, accruals and settlement; exit 3 if anything differs."""
    with opened_hub(read_settings()) as hub, hub.database.read() as work:
        differences = [*ledger.verify(work), *hosted.verify(work), *earning.verify(work), *settlement.verify(work)]
        broken_audit = audit.verify(work, noted)
        head = audit.head(work)
    ok = not differences and not broken_audit
    document = {
        "ok": ok,
        "differences": [
            {"check": one.check, "subject": one.subject, "stored": one.stored, "expected": one.expected}
            for one in differences
        ],
        "audit": broken_audit,
        "audit_head": str(head),
    }

    def plain() -> None:
        for one in differences[:_SHOWN_MAX]:
            click.echo(f"{one.check}: {one.subject}: stored {one.stored}, expected {one.expected}")
        for line in broken_audit[:_SHOWN_MAX]:
            click.echo(line)
        click.echo(f"audit log up to {head}")
        click.echo("no differences" if ok else f"{len(differences) + len(broken_audit)} differences")

    show(document, as_json=as_json, plain=plain)
    if not ok:
        sys.exit(CHECK_FAILED)


COMMANDS = (verify,)
