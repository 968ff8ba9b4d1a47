"""Members and their links."""

import click

from hub.commands.output import json_option, show
from hub.config import read_settings
from hub.members import service
from hub.members.states import LinkState
from hub.members.types import NewLink
from hub.wiring import opened_hub
from partners.base import Member


@click.group("member")
def member() -> None:
    """Members."""


@member.command("link")
@click.option("--reference", required=True, help="Opaque word for the member; no name, no address.")
@click.option("--partner", required=True)
@click.option("--membership", required=True, help="The member's number at the partner.")
@json_option
def link(reference: str, partner: str, membership: str, as_json: bool) -> None:
    """Tie a membership to a member, after asking the partner whether it exists."""
    with opened_hub(read_settings()) as hub:
        now = hub.clock.now()
        pattern, check_digit = hub.partners.number_pattern(partner), hub.partners.check_digit(partner)
        with hub.database.work() as work:
            id_ = service.add_member(work, reference=reference, partner="", now=now)
            wanted = NewLink(id_, partner, membership, pattern, recorded_by="operator", check_digit=check_digit)
            opened = service.open_link(work, wanted, now=now)
        if opened.state is LinkState.PENDING:
            validation = hub.partners.adapter(partner).validate_member(Member(membership))
            with hub.database.work() as work:
                opened = service.record_validation(work, opened.id, validation, now=hub.clock.now())
    document = {"member": id_, "link": opened.id, "state": str(opened.state), "reason": opened.reason or None}

    def plain() -> None:
        click.echo(f"{opened.id}: {opened.state}{f' ({opened.reason})' if opened.reason else ''}, member {id_}")

    show(document, as_json=as_json, plain=plain)


COMMANDS = (member,)
