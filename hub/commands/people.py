"""People who sign in: the hub's operators, and members. Links to enrol are printed, never sent and never logged."""

from datetime import datetime
from typing import Protocol

import click

from hub.access import people
from hub.access.one_time import new_totp
from hub.access.people import ENROLMENT_SECONDS, Person
from hub.access.scopes import scopes_of
from hub.access.types import CallerKind
from hub.commands.members import member
from hub.commands.output import actor_option, json_option, show
from hub.config import read_settings
from hub.members.service import get_member
from hub.storage import Work
from hub.wiring import Hub, opened_hub

_HOURS = ENROLMENT_SECONDS // 3_600


@click.group("operator")
def operator() -> None:
    """The hub's own people, who sign in with a second factor."""


@operator.command("add")
@click.argument("name")
@click.option("--scope", "scopes", multiple=True, help="May be given several times; default: all an operator may have.")
@actor_option
@json_option
def add(name: str, scopes: tuple[str, ...], actor: str, as_json: bool) -> None:
    """Add an operator and print the link to enrol with."""
    with opened_hub(read_settings()) as hub, hub.database.work() as work:
        allowed = scopes or tuple(sorted(scopes_of(CallerKind.OPERATOR)))
        person = people.add_operator(work, name=name, scopes=allowed, actor=actor, now=hub.clock.now())
        link = _link(hub, work, person, actor=actor)
    _show_link(person, link, as_json=as_json)


@operator.command("list")
@json_option
def list_(as_json: bool) -> None:
    """Every operator, by name."""
    with opened_hub(read_settings()) as hub, hub.database.read() as work:
        found = people.operators(work)
    documents = [
        {"operator": one.id, "name": one.name, "scope": " ".join(one.scopes), "state": _state(one.active)}
        for one in found
    ]

    def plain() -> None:
        for one in found:
            click.echo(f"{one.id}  {_state(one.active):8} {one.name:20} {' '.join(one.scopes)}")

    show(documents, as_json=as_json, plain=plain)


@operator.command("enrol")
@click.argument("name")
@actor_option
@json_option
def enrol(name: str, actor: str, as_json: bool) -> None:
    """Print a new link for an operator; what they sign in with now stays good until it is used."""
    with opened_hub(read_settings()) as hub, hub.database.work() as work:
        person = _operator(work, name)
        link = _link(hub, work, person, actor=actor)
    _show_link(person, link, as_json=as_json)


@operator.command("stop")
@click.argument("name")
@actor_option
@json_option
def stop(name: str, actor: str, as_json: bool) -> None:
    """Let an operator sign in no more; whatever acts for them ends within seconds."""
    _move(name, people.stop_person, active=False, actor=actor, as_json=as_json)


@operator.command("start")
@click.argument("name")
@actor_option
@json_option
def start(name: str, actor: str, as_json: bool) -> None:
    """Let a stopped operator sign in again."""
    _move(name, people.start_person, active=True, actor=actor, as_json=as_json)


@member.command("enrol")
@click.argument("member_id")
@actor_option
@json_option
def enrol_member(member_id: str, actor: str, as_json: bool) -> None:
    """Print the link with which a member chooses a login for the first time."""
    with opened_hub(read_settings()) as hub, hub.database.work() as work:
        get_member(work, member_id)
        person = people.add_member_person(work, member_id, now=hub.clock.now())
        link = _link(hub, work, person, actor=actor)
    _show_link(person, link, as_json=as_json)


@member.command("password")
@click.argument("member_id")
@actor_option
@json_option
def password(member_id: str, actor: str, as_json: bool) -> None:
    """Print a link for a member who enrolled before and has lost the password or the passkey."""
    with opened_hub(read_settings()) as hub, hub.database.work() as work:
        person = people.get_person(work, member_id)
        if person.kind is not CallerKind.MEMBER:
            raise people.PersonMissing("This is an operator; use `hub operator enrol`.")
        link = _link(hub, work, person, actor=actor)
    _show_link(person, link, as_json=as_json)


class _Move(Protocol):
    def __call__(self, work: Work, id: str, *, actor: str, now: datetime) -> None: ...


def _move(name: str, move: _Move, *, active: bool, actor: str, as_json: bool) -> None:
    with opened_hub(read_settings()) as hub, hub.database.work() as work:
        person = _operator(work, name)
        move(work, person.id, actor=actor, now=hub.clock.now())
    document = {"operator": person.id, "name": person.name, "state": _state(active)}
    show(document, as_json=as_json, plain=lambda: click.echo(f"{person.name} is {_state(active)}"))


def _operator(work: Work, name: str) -> Person:
    """Raises: PersonMissing, for a member too: members are not handled by name or with these commands."""
    person = people.get_person(work, name)
    if person.kind is not CallerKind.OPERATOR:
        raise people.PersonMissing("This is a member, not an operator.")
    return person


def _link(hub: Hub, work: Work, person: Person, *, actor: str) -> str:
    if not person.active:
        raise people.PersonMissing(f"{person.name or person.id} is stopped; start them first.")
    totp = new_totp() if person.kind is CallerKind.OPERATOR else ""
    token = people.new_enrolment(work, hub.vault, person, totp=totp, actor=actor, now=hub.clock.now())
    return f"{hub.settings.public_url}/oauth/enrol/{token}"


def _show_link(person: Person, link: str, *, as_json: bool) -> None:
    document = {
        str(person.kind): person.id,
        "name": person.name or None,
        "link": link,
        "expires_in": ENROLMENT_SECONDS,
    }

    def plain() -> None:
        click.echo(f"{person.kind}  {person.id}  {person.name}".rstrip())
        click.echo(f"link      {link}")
        click.echo(f"          good once, for {_HOURS} hours; hand it over so that nobody else reads it")

    show(document, as_json=as_json, plain=plain)


def _state(active: bool) -> str:
    return "active" if active else "stopped"


COMMANDS = (operator,)
