"""Limits: what may be converted in which time, and what is left."""

from pathlib import Path

import click

from hub.commands.output import actor_option, json_option, show
from hub.config import read_settings
from hub.limits import service
from hub.limits.rendering import allowance_view, limit_view
from hub.wiring import opened_hub


@click.group("limits")
def limits() -> None:
    """Limits on conversions."""


@limits.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@actor_option
@json_option
def import_limits(file: Path, actor: str, as_json: bool) -> None:
    """Take a file of limits in; what it does not name stays. Safe to repeat.

    Columns: id, per, counts, period, maximum, direction, sources, targets, zone.
    """
    with opened_hub(read_settings()) as hub, hub.database.work() as work:
        report = service.import_limits(work, file.read_bytes(), actor=actor, now=hub.clock.now())
    document = {"added": report.added, "changed": report.changed, "unchanged": report.unchanged}
    words = f"{report.added} limits added, {report.changed} changed, {report.unchanged} as they were"
    show(document, as_json=as_json, plain=lambda: click.echo(words))


@limits.command("list")
@json_option
def list_limits(as_json: bool) -> None:
    """Show the limits."""
    with opened_hub(read_settings()) as hub, hub.database.read() as work:
        found = service.list_limits(work)

    def plain() -> None:
        for rule in found:
            routes = f"{' '.join(rule.sources) or 'any'} → {' '.join(rule.targets) or 'any'}"
            what = f"{rule.maximum} {rule.counts} {rule.direction} per {rule.per}, {rule.period}"
            click.echo(f"{rule.id}  {what}  {routes}")

    show({"data": [limit_view(rule) for rule in found]}, as_json=as_json, plain=plain)


@limits.command("remove")
@click.argument("limit")
@actor_option
@json_option
def remove_limit(limit: str, actor: str, as_json: bool) -> None:
    """Take a limit away, and forget what was used under it."""
    with opened_hub(read_settings()) as hub, hub.database.work() as work:
        service.remove_limit(work, limit, actor=actor, now=hub.clock.now())
    show({"limit": limit, "removed": True}, as_json=as_json, plain=lambda: click.echo(f"{limit} is removed"))


@limits.command("left")
@click.argument("member")
@json_option
def left(member: str, as_json: bool) -> None:
    """Show what is left to a member of every limit that counts per member."""
    with opened_hub(read_settings()) as hub, hub.database.read() as work:
        found = service.allowances(work, service.list_limits(work), member, now=hub.clock.now())
    shown = [allowance_view(one) for one in found]

    def plain() -> None:
        for one in shown:
            frees = f", more at {one['frees_at']}" if one["frees_at"] else ""
            click.echo(f"{one['limit']}  {one['left']} of {one['maximum']} left{frees}")

    show({"data": shown}, as_json=as_json, plain=plain)


COMMANDS = (limits,)
