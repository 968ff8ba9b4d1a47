"""Card spend: files of transactions, tokens, prepaid blocks, and what waits to be posted or paid out."""

import csv
import dataclasses
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn

from hub.commands import claims, earn
from hub.commands.output import actor_option, json_option, show
from hub.config import read_settings
from hub.earning import service
from hub.earning.importing import FileImport, Imported
from hub.earning.importing import Progress as Told
from hub.earning.rules_document import read_rules
from hub.earning.sandbox import Brand, prepare
from hub.earning.types import NewToken
from hub.wiring import Hub, opened_hub
from partners.registry import BrandUnknown

_file = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group("spend")
def spend() -> None:
    """Card transactions that earn points."""


@spend.command("import")
@click.argument("file", type=_file)
@click.option("--bank", required=True, help="The bank whose transactions these are.")
@click.option("--rules", type=_file, help="Earn rules (TOML); a test bank takes them on, a live bank must have them.")
@click.option(
    "--handback", type=click.Path(dir_okay=False, path_type=Path), help="Default: FILE.handback.csv beside it."
)
@click.option(
    "--link-unknown/--refuse-unknown", "linking", default=None, help="Tokens of a test bank that nobody linked."
)
@actor_option
@json_option
def import_spend(
    file: Path, bank: str, rules: Path | None, handback: Path | None, linking: bool | None, actor: str, as_json: bool
) -> None:
    """Take a file of card transactions in. Safe to repeat, and to go on with after an interruption.

    Columns by their usual names, or as the rules declare: transaction id, token, time, amount, currency, category;
    merchant, product, original and kind where there are any.
    """
    started = time.monotonic()
    with opened_hub(read_settings()) as hub:
        if rules is not None:
            adopt_rules(hub, rules, bank=bank, actor=actor)
        attempt = FileImport(hub.database, hub.clock, file, bank=bank, linking=linking)
        written = handback or file.with_name(f"{file.name}.handback.csv")
        with _bar(quiet=as_json) as progress:
            done = attempt.run(written, progress=progress)
    _show(done, seconds=time.monotonic() - started, as_json=as_json)


def adopt_rules(hub: Hub, rules: Path, *, bank: str, actor: str) -> None:
    """Let a test bank take on the rules of a file, with everything they name."""
    ruleset = read_rules(rules.read_text(encoding="utf-8"), bank=bank)
    now = hub.clock.now()
    with hub.database.work() as work:
        known = prepare(
            work,
            ruleset,
            lambda code: _brand(hub, code),
            sandbox_url=hub.settings.sandbox_url,
            actor=actor,
            now=now,
        )
        service.adopt_rules(work, known, ruleset, actor=actor, now=now)


def _brand(hub: Hub, code: str) -> Brand | None:
    try:
        profile = hub.registry.profile(code)
    except BrandUnknown:
        return None
    units = [(one.code, one.scale, str(one.kind), one.currency) for one in profile.units]
    return Brand(profile.name, str(profile.kind), profile.code, units, hub.registry.programme(code) is not None)


@contextmanager
def _bar(*, quiet: bool) -> Iterator[Told]:
    columns = (TextColumn("importing"), BarColumn(), DownloadColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True, quiet=quiet)) as bars:
        task = bars.add_task("importing", total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)


def _show(done: Imported, *, seconds: float, as_json: bool) -> None:
    counts = done.counts
    tenths = round(seconds * 1000)
    document = {
        "file": done.file,
        "rows": counts.rows,
        "accepted": counts.accepted,
        "refused": counts.refused,
        "duplicates": counts.duplicates,
        "refunds": counts.refunds,
        "earned": counts.earned,
        "clawed_back": counts.clawed_back,
        "points": counts.points,
        "points_by_unit": dict(counts.points_by_unit),
        "refusals": dict(counts.refusals),
        "linked": counts.linked,
        "resumed": done.resumed,
        "state": "stopped" if done.stopped else "posted",
        "handback": str(done.handback),
        "seconds": tenths / 1000,
    }

    def plain() -> None:
        click.echo(
            f"{counts.rows:,} rows: {counts.accepted:,} accepted, {counts.duplicates:,} duplicates, "
            f"{counts.refused:,} refused, in {tenths / 1000:.1f} s"
        )
        for code, count in counts.refusals.items():
            click.echo(f"  {code:>18}  {count:,}")
        click.echo(f"{counts.earned:,} points earned, {counts.clawed_back:,} taken back by {counts.refunds:,} refunds")
        for unit, points in counts.points_by_unit.items():
            click.echo(f"  {unit:>24}  {points:,}")
        if done.stopped:
            click.echo("The bank's accruals are stopped: what was taken is kept, and posts when the bank is funded.")
        click.echo(f"What became of each record: {done.handback}")

    show(document, as_json=as_json, plain=plain)


@spend.command("link")
@click.argument("file", type=_file)
@click.option("--bank", required=True)
@actor_option
@json_option
def link(file: Path, bank: str, actor: str, as_json: bool) -> None:
    """Link tokens to members. Columns: token, member (the bank's word); product, tier, unit where there are any."""
    with file.open(encoding="utf-8-sig", newline="") as text:
        rows = list(csv.DictReader(text))
    tokens = [
        NewToken(
            (row.get("token") or "").strip(),
            (row.get("member") or "").strip(),
            (row.get("product") or "").strip(),
            (row.get("tier") or "").strip(),
            (row.get("unit") or "").strip(),
        )
        for row in rows
    ]
    with opened_hub(read_settings()) as hub, hub.database.work() as work:
        known = hub.catalogues.get(work).roster
        linked = service.link_tokens(work, known, tokens, bank=bank, actor=actor, now=hub.clock.now())
    show({"linked": len(linked)}, as_json=as_json, plain=lambda: click.echo(f"{len(linked)} tokens are linked"))


@spend.command("fund")
@click.option("--bank", required=True)
@click.option("--kind", type=click.Choice(["points", "deposit"]), required=True)
@click.option("--unit", required=True, help="The unit of the points, or the currency of the deposit.")
@click.option("--amount", type=int, required=True, help="Smallest units of the points, ledger units of the currency.")
@click.option("--reorder-at", type=int, default=0, show_default=True, help="Announce prepaid.low when no more is left.")
@click.option("--reserve", is_flag=True, help="Consumed only after every other block.")
@actor_option
@json_option
def fund(
    bank: str, kind: str, unit: str, amount: int, reorder_at: int, reserve: bool, actor: str, as_json: bool
) -> None:
    """Record a block that a bank has paid in advance, and post what waited for it."""
    with opened_hub(read_settings()) as hub:
        now = hub.clock.now()
        with hub.database.work() as work:
            known = service.entered_roster(work)
            block = service.add_block(
                work,
                known,
                bank=bank,
                kind=kind,
                unit=unit,
                amount=amount,
                reorder_at=reorder_at,
                reserve=reserve,
                actor=actor,
                now=now,
            )
        posted = service.resume_all(hub.database, bank, clock=hub.clock, actor=actor)
    show(
        {"block": block, "posted_chunks": posted},
        as_json=as_json,
        plain=lambda: click.echo(f"{block} is recorded; {posted} chunks that waited are posted"),
    )


@spend.command("resume")
@click.option("--bank", required=True)
@actor_option
@json_option
def resume(bank: str, actor: str, as_json: bool) -> None:
    """Post what waited, as far as the bank is funded now."""
    with opened_hub(read_settings()) as hub:
        posted = service.resume_all(hub.database, bank, clock=hub.clock, actor=actor)
        with hub.database.read() as work:
            state = service.bank_state(work, bank)
    show(
        {"posted_chunks": posted, **dataclasses.asdict(state)},
        as_json=as_json,
        plain=lambda: click.echo(f"{posted} chunks posted; {bank} is {state.state} {state.reason}".rstrip()),
    )


@spend.command("target")
@click.option("--bank", required=True)
@click.option("--token", required=True)
@click.option("--unit", required=True)
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), default=None, help="The first day; today without one.")
@actor_option
@json_option
def target(bank: str, token: str, unit: str, since: object, actor: str, as_json: bool) -> None:
    """Let a member's points go to another unit from a day on."""
    with opened_hub(read_settings()) as hub, hub.database.work() as work:
        now = hub.clock.now()
        first = since.date() if hasattr(since, "date") else now.date()
        assert isinstance(first, date)
        known = hub.catalogues.get(work).roster
        member = service.get_token(work, token, bank=bank).member
        service.set_target(work, known, member, unit=unit, bank=bank, since=first, actor=actor, now=now)
    document = {"member": member, "unit": unit, "since": first.isoformat()}
    show(document, as_json=as_json, plain=lambda: click.echo(f"{member}: {unit} from {first} on"))


COMMANDS = (spend, *earn.COMMANDS, *claims.COMMANDS)
