"""Files exchanged with partners: what went out and came in, a turn by hand, sending again.

Knows options and what a person has to see. What a turn does stands in `hub/exchange/`.
"""

import time

import click

from hub.audit.service import record
from hub.commands.output import actor_option, json_option, show
from hub.config import read_settings
from hub.exchange.reading import codes_counted, get_file, list_files
from hub.exchange.refusals import PartnerSpeaksNoFiles
from hub.exchange.resending import send_again
from hub.exchange.types import FileIn, FileOut
from hub.kernel.clock import rfc3339
from hub.kernel.limits import PAGE_ROWS_MAX
from hub.kernel.log import start_logging
from hub.wiring import opened_hub


@click.group("files")
def files() -> None:
    """Files exchanged with partners that speak them."""


@files.command("list")
@click.option("--partner", default=None, help="Only files of this partner.")
@click.option("--limit", type=click.IntRange(1, PAGE_ROWS_MAX), default=50, show_default=True)
@json_option
def list_(partner: str | None, limit: int, as_json: bool) -> None:
    """Show files both ways, newest first."""
    with opened_hub(read_settings()) as hub, hub.database.read() as work:
        found = list(map(_view, list_files(work, partner=partner, limit=limit)))

    def plain() -> None:
        for one in found:
            records, reason = f"{one['records']:,} records", f" ({one['reason']})" if one["reason"] else ""
            click.echo(f"{one['id']}  {one['direction']:<4} {one['name']:<28} {one['state']:<10} {records}{reason}")

    show({"files": found}, as_json=as_json, plain=plain)


@files.command("show")
@click.argument("id")
@json_option
def show_(id: str, as_json: bool) -> None:
    """Show one file, and what its records came to."""
    with opened_hub(read_settings()) as hub, hub.database.work() as work:
        document = {**_view(get_file(work, id)), "codes": codes_counted(work, id)}

    def plain() -> None:
        for name, value in document.items():
            click.echo(f"{name:<14} {value}")

    show(document, as_json=as_json, plain=plain)


@files.command("run")
@click.argument("partner")
@click.option("--now", "at_once", is_flag=True, help="Cut what waits, whatever the time is.")
@json_option
def run(partner: str, at_once: bool, as_json: bool) -> None:
    """Take one turn with PARTNER: deliver, take what lies there, answer it."""
    settings = read_settings()
    start_logging("ERROR")
    with opened_hub(settings) as hub:
        if partner not in hub.partners.file_partners():
            raise PartnerSpeaksNoFiles(f"There is no partner {partner} that speaks files; see `hub partner list`.")
        started = time.monotonic()
        done = hub.exchange.run(partner, at_once=at_once)
        seconds = round(time.monotonic() - started, 1)
    names = {"delivered": done.delivered, "done": done.done, "refused": done.refused}
    document = {"partner": partner, "seconds": seconds, **names}

    def plain() -> None:
        for what, called in names.items():
            click.echo(f"{what:<10} {', '.join(called) or 'nothing'}")

    show(document, as_json=as_json, plain=plain)


@files.command("resend")
@click.argument("id")
@actor_option
@json_option
def resend(id: str, actor: str, as_json: bool) -> None:
    """Send a file again that its partner kept refusing, with the next turn."""
    with opened_hub(read_settings()) as hub:
        with hub.database.work() as work:
            code = get_file(work, id).partner
        partner, now = hub.partners.file_partner(code), hub.clock.now()
        with hub.database.work() as work:
            send_again(work, partner, id, now=now)
            record(work, actor=actor, action="file.sent_again", subject=id, facts={"partner": partner.code}, now=now)
    show({"id": id, "state": "written"}, as_json=as_json, plain=lambda: click.echo(f"{id} goes out with the next turn"))


def _view(file: FileOut | FileIn) -> dict[str, object]:
    known: dict[str, object] = {
        "id": file.id,
        "partner": file.partner,
        "direction": "out" if isinstance(file, FileOut) else "in",
        "name": file.name,
        "sequence": file.sequence,
        "state": str(file.state),
        "records": file.records,
        "size": file.size,
        "sha256": file.sha256,
        "reason": file.reason or None,
    }
    if isinstance(file, FileOut):
        return {
            **known,
            "kind": str(file.kind),
            "made_at": rfc3339(file.made_at),
            "deliveries": file.deliveries,
            "delivered_at": rfc3339(file.delivered_at) if file.delivered_at else None,
            "answered_at": rfc3339(file.answered_at) if file.answered_at else None,
        }
    return {
        **known,
        "kind": "answers",
        "detail": file.detail or None,
        "accepted": file.accepted,
        "rejected": file.rejected,
        "answers": file.answers or None,
        "received_at": rfc3339(file.received_at),
    }


COMMANDS = (files,)
