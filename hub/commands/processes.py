"""The hub's processes: everything at once, or each by itself."""

import click

from hub.commands.output import json_option, show
from hub.commands.running import running_hub
from hub.commands.signals import wait_for_signal
from hub.commands.trials import DEMONSTRATED, demonstrate, print_invitation, print_summary
from hub.config import read_settings
from hub.gateway.server import serve
from hub.kernel.log import start_logging
from hub.storage.schema import current_revision, newest_revision, upgrade
from hub.wiring import opened_database, opened_hub


@click.command("up")
@click.option("--demo", is_flag=True, help="With simulated partners, and show real conversions first.")
def up(demo: bool) -> None:
    """Start everything on this machine and stay up until Ctrl-C."""
    settings = read_settings()
    start_logging("WARNING" if demo else settings.log_level)
    with running_hub(settings, sandbox=demo) as running:
        if demo:
            print_summary(demonstrate(running, conversions=DEMONSTRATED))
            print_invitation(running)
        click.echo(f"The hub answers at {running.url} (documentation at {running.url}/docs). Ctrl-C ends it.")
        wait_for_signal()


@click.command("api")
def api() -> None:
    """Serve HTTP until SIGTERM or Ctrl-C."""
    settings = read_settings()
    start_logging(settings.log_level)
    with opened_database(settings) as database:
        upgrade(database)
        database.close()
        serve(settings, "hub.wiring:wsgi")


@click.command("worker")
def worker() -> None:
    """Carry messages and call partners until SIGTERM or Ctrl-C."""
    settings = read_settings()
    start_logging(settings.log_level)
    with opened_hub(settings) as hub:
        hub.worker().run_until_signal()


@click.command("scheduler")
def scheduler() -> None:
    """Do what has to be done from time to time; one scheduler is active, others stand by."""
    settings = read_settings()
    start_logging(settings.log_level)
    with opened_hub(settings) as hub:
        running = hub.scheduler()
        running.start()
        wait_for_signal()
        running.stop()


@click.group("db")
def db() -> None:
    """The database."""


@db.command("upgrade")
@json_option
def db_upgrade(as_json: bool) -> None:
    """Bring the database to the newest schema; safe to repeat."""
    settings = read_settings()
    with opened_database(settings) as database:
        before = current_revision(database)
        upgrade(database)
    after = newest_revision()
    show(
        {"before": before, "after": after}, as_json=as_json, plain=lambda: click.echo(f"{before or 'empty'} → {after}")
    )


COMMANDS = (up, api, worker, scheduler, db)
