"""OAuth clients of partners and operators."""

from pathlib import Path

import click

from hub.access import service
from hub.access.scopes import PARTNER_SCOPES, Scope
from hub.access.types import AuthMethod
from hub.agreements.roster import roster
from hub.commands.output import actor_option, json_option, show
from hub.config import read_settings
from hub.kernel.errors import HubError
from hub.wiring import opened_hub


class PartnerUnknown(HubError):
    """A client for a partner that does not exist."""

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
@click.option("--scope", "scopes", multiple=True, help="May be given several times; default: all a partner may have.")
@actor_option
@json_option
def add(partner: str, auth: str, jwks: Path | None, scopes: tuple[str, ...], actor: str, as_json: bool) -> None:
    """Add a client for PARTNER (`hub` for operators); a secret is shown this once."""
    if auth == AuthMethod.PRIVATE_KEY_JWT and jwks is None:
        raise click.UsageError("private_key_jwt needs the client's public keys: --jwks FILE")
    ours = partner == "hub"
    chosen = scopes or tuple(str(scope) for scope in (Scope if ours else PARTNER_SCOPES))
    with opened_hub(read_settings()) as hub, hub.database.work() as work:
        known = roster(work).partners
        if not ours and partner not in known:
            raise PartnerUnknown(f"There is no partner {partner}; `hub partner list` shows those there are.")
        added = service.add_client(
            work,
            partner="" if ours else partner,
            auth=AuthMethod(auth),
            jwks=jwks.read_text(encoding="utf-8") if jwks else "",
            scopes=chosen,
            live=not ours and known[partner].live,
            actor=actor,
            now=hub.clock.now(),
        )
    document = {"client_id": added.id, "client_secret": added.secret or None, "scope": " ".join(sorted(chosen))}

    def plain() -> None:
        click.echo(f"client_id      {added.id}")
        if added.secret:
            click.echo(f"client_secret  {added.secret}   (shown this once)")

    show(document, as_json=as_json, plain=plain)


@client.command("rotate")
@click.argument("client_id")
@actor_option
@json_option
def rotate(client_id: str, actor: str, as_json: bool) -> None:
    """Give a client a new secret; the old one stays good for a day."""
    with opened_hub(read_settings()) as hub, hub.database.work() as work:
        renewed = service.rotate_secret(work, client_id, actor=actor, now=hub.clock.now())
    document = {"client_id": renewed.id, "client_secret": renewed.secret}
    show(document, as_json=as_json, plain=lambda: click.echo(f"client_secret  {renewed.secret}   (shown this once)"))


COMMANDS = (client,)
