"""The `hub` command: hands over to `hub/commands/`, one file per noun."""

import click

from hub import __version__
from hub.commands import (
    books,
    clients,
    documents,
    files,
    hosted,
    keys,
    limits,
    members,
    notifications,
    partners,
    payments,
    people,
    plans,
    processes,
    rates,
    sandbox,
    settlement,
    spend,
    trials,
    webhooks,
)
from hub.commands.output import HubGroup
from hub.kernel.parent import end_with_parent


@click.group(cls=HubGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="hub")
def main() -> None:
    """Converts points between brands through a shared, verifiable clearing ledger."""
    end_with_parent()


for command in (
    *processes.COMMANDS,
    *partners.COMMANDS,
    *sandbox.COMMANDS,
    *rates.COMMANDS,
    *plans.COMMANDS,
    *limits.COMMANDS,
    *members.COMMANDS,
    *hosted.COMMANDS,
    *files.COMMANDS,
    *spend.COMMANDS,
    *clients.COMMANDS,
    *keys.COMMANDS,
    *notifications.COMMANDS,
    *people.COMMANDS,
    *books.COMMANDS,
    *documents.COMMANDS,
    *payments.COMMANDS,
    *settlement.COMMANDS,
    *trials.COMMANDS,
    *webhooks.COMMANDS,
):
    main.add_command(command)


if __name__ == "__main__":
    main(prog_name="hub")
