"""OAuth clients of partners and operators."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Protocol

import click

from hub.access import service
from hub.access.scopes import scopes_of
from hub.access.types import AuthMethod, CallerKind, ClientDraft, ClientState, Profile
from hub.agreements.roster import roster
from hub.commands.output import actor_option, json_option, show
from hub.config import read_settings
from hub.kernel.clock import rfc3339
from hub.kernel.errors import HubError
from hub.storage import Work
from hub.wiring import opened_hub


class PartnerUnknown(HubError):
    """A partner that does not exist."""

    code = "partner_unknown"


@click.group("client")
def client() -> None:
    """OAuth clients."""


@client.command("add")
@click.argument("partner")
@click.option(
    "--auth", type=click.Choice([str(one) for one in AuthMethod]), default="private_key_jwt", show_default=True
)
@click.option(
    "--jwks", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Public keys as a JWKS file."
)
@click.option("--scope", "scopes", multiple=True, help="May be given several times; default: all it may have.")
@click.option("--redirect-uri", "redirect_uris", multiple=True, help="Where an app is answered; makes it an app.")
@click.option("--for", "people", type=click.Choice(["member", "operator"]), help="Who signs in to an app. [member]")
@click.option("--name", default="", help="What people read when the app asks for their consent.")
@click.option("--profile", type=click.Choice([str(one) for one in Profile]), default="baseline", show_default=True)
@click.option("--dpop", is_flag=True, help="Tokens must be bound to a key (RFC 9449).")
@click.option("--live/--test", "live", default=None, help="An app of the hub's own: for real points, or for test ones.")
@actor_option
@json_option
def add(
    partner: str,
    auth: str,
    jwks: Path | None,
    scopes: tuple[str, ...],
    redirect_uris: tuple[str, ...],
    people: str | None,
    name: str,
    profile: str,
    dpop: bool,
    live: bool | None,
    actor: str,
    as_json: bool,
) -> None:
    """Add a client for PARTNER (`hub` for the hub's own); a secret is shown this once."""
    if auth == AuthMethod.PRIVATE_KEY_JWT and jwks is None:
        raise click.UsageError("private_key_jwt needs the client's public keys: --jwks FILE")
    draft = ClientDraft(
        partner="" if partner == "hub" else partner,
        auth=AuthMethod(auth),
        scopes=scopes,
        live=bool(live),
        jwks=jwks.read_text(encoding="utf-8") if jwks else "",
        name=name,
        people=CallerKind(people or "member") if redirect_uris or people else None,
        profile=Profile(profile),
        dpop=dpop,
        redirect_uris=redirect_uris,
    )
    draft = replace(draft, scopes=scopes or tuple(sorted(scopes_of(draft.kind))))
    with opened_hub(read_settings()) as hub, hub.database.work() as work:
        known = roster(work).partners
        if draft.partner:
            if draft.partner not in known:
                raise PartnerUnknown(f"There is no partner {partner}; `hub partner list` shows those there are.")
            draft = replace(draft, live=known[draft.partner].live)
        added = service.register_client(work, draft, actor=actor, now=hub.clock.now())
    document = {"client_id": added.id, "client_secret": added.secret or None, "scope": " ".join(sorted(draft.scopes))}

    def plain() -> None:
        click.echo(f"client_id      {added.id}")
        if added.secret:
            click.echo(f"client_secret  {added.secret}   (shown this once)")

    show(document, as_json=as_json, plain=plain)


@client.command("rotate")
@click.argument("client_id")
@click.option(
    "--jwks", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="New public keys as a JWKS file."
)
@actor_option
@json_option
def rotate(client_id: str, jwks: Path | None, actor: str, as_json: bool) -> None:
    """Give a client a new secret, the old one stays good for a day; with --jwks, new keys instead of all it had."""
    with opened_hub(read_settings()) as hub, hub.database.work() as work:
        if jwks is not None:
            keys = jwks.read_text(encoding="utf-8")
            service.replace_jwks(work, client_id, keys, actor=actor, now=hub.clock.now())
            show({"client_id": client_id}, as_json=as_json, plain=lambda: click.echo(f"{client_id} has new keys"))
            return
        renewed = service.rotate_secret(work, client_id, actor=actor, now=hub.clock.now())
    document = {"client_id": renewed.id, "client_secret": renewed.secret}
    show(document, as_json=as_json, plain=lambda: click.echo(f"client_secret  {renewed.secret}   (shown this once)"))


@client.command("list")
@json_option
def list_(as_json: bool) -> None:
    """Every client, without secrets."""
    with opened_hub(read_settings()) as hub, hub.database.read() as work:
        found = service.list_clients(work, now=hub.clock.now())
    documents = [
        {
            "client_id": one.id,
            "partner": one.partner or "hub",
            "name": one.name or None,
            "kind": str(one.kind),
            "auth": str(one.auth),
            "profile": str(one.profile),
            "dpop": one.dpop,
            "scope": " ".join(one.scopes),
            "redirect_uris": list(one.redirect_uris),
            "live": one.live,
            "state": str(one.state),
            "created_at": rfc3339(one.created_at),
        }
        for one in found
    ]

    def plain() -> None:
        for one in found:
            whose = one.partner or "hub"
            click.echo(f"{one.id}  {one.state:8} {whose:16} {one.kind:9} {one.auth:16} {one.name}".rstrip())

    show(documents, as_json=as_json, plain=plain)


@client.command("disable")
@click.argument("client_id")
@actor_option
@json_option
def disable(client_id: str, actor: str, as_json: bool) -> None:
    """Give a client no more tokens, and end those it has within seconds."""
    _move(client_id, service.stop_client, ClientState.STOPPED, actor=actor, as_json=as_json)


@client.command("enable")
@click.argument("client_id")
@actor_option
@json_option
def enable(client_id: str, actor: str, as_json: bool) -> None:
    """Let a client call again."""
    _move(client_id, service.start_client, ClientState.ACTIVE, actor=actor, as_json=as_json)


class _Move(Protocol):
    def __call__(self, work: Work, id: str, *, actor: str, now: datetime) -> None: ...


def _move(client_id: str, move: _Move, state: ClientState, *, actor: str, as_json: bool) -> None:
    with opened_hub(read_settings()) as hub, hub.database.work() as work:
        move(work, client_id, actor=actor, now=hub.clock.now())
    document = {"client_id": client_id, "state": str(state)}
    show(document, as_json=as_json, plain=lambda: click.echo(f"{client_id} is {state}"))


COMMANDS = (client,)
