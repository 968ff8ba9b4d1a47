"""Keys: those that sign access tokens and statements, and the master key that seals everything secret at rest."""

import sys
from dataclasses import asdict

import click
from rich.console import Console
from rich.progress import Progress, TextColumn, TimeElapsedColumn

from hub.access.keys import rotate_keys, signing_keys
from hub.access.rewrapping import rewrap
from hub.access.statement_keys import StatementKey, rotate_statement_keys, statement_keys
from hub.access.types import SigningKey
from hub.audit.service import record
from hub.commands.output import CHECK_FAILED, actor_option, json_option, show
from hub.config import read_settings
from hub.kernel.clock import rfc3339
from hub.wiring import opened_hub


@click.group("keys")
def keys() -> None:
    """Signing keys and the master key."""


@keys.command("list")
@json_option
def list_(as_json: bool) -> None:
    """The keys that are published at /jwks.json: active, next, then retired."""
    with opened_hub(read_settings()) as hub, hub.database.work() as work:
        found = signing_keys(work, hub.vault, now=hub.clock.now())
    _show(found, as_json=as_json)


@keys.command("rotate")
@click.option(
    "--compromised", is_flag=True, help="Somebody else may have the active key: nothing that it signed stays good."
)
@actor_option
@json_option
def rotate(compromised: bool, actor: str, as_json: bool) -> None:
    """Sign tokens with the next key from now on; the active one stays published until its last token has ended."""
    with opened_hub(read_settings()) as hub, hub.database.work() as work:
        found = rotate_keys(work, hub.vault, actor=actor, now=hub.clock.now(), compromised=compromised)
    _show(found, as_json=as_json)


@keys.command("rewrap")
@actor_option
@json_option
def rewrap_(actor: str, as_json: bool) -> None:
    """Seal everything with HUB_MASTER_KEY that HUB_MASTER_KEY_OLD sealed; exit 3 if something opens with neither.

    Safe to interrupt, to repeat and to run while the hub works.
    """
    columns = (TextColumn("sealing again"), TextColumn("{task.completed} rows"), TimeElapsedColumn())
    with opened_hub(read_settings()) as hub:
        with Progress(*columns, console=Console(stderr=True, quiet=as_json)) as bars:
            task = bars.add_task("rows", total=None)
            done = rewrap(hub.database, hub.vault, told=lambda rows: bars.advance(task, rows))
        facts = {name: str(sum(getattr(one, name) for one in done)) for name in ("resealed", "current", "lost")}
        with hub.database.work() as work:
            record(work, actor=actor, action="master_key.rewrapped", subject="hub", facts=facts, now=hub.clock.now())

    def plain() -> None:
        for one in done:
            click.echo(f"{one.table:22} {one.resealed:9,} sealed again {one.current:9,} already {one.lost:9,} lost")

    show({"tables": [asdict(one) for one in done]}, as_json=as_json, plain=plain)
    if facts["lost"] != "0":
        sys.exit(CHECK_FAILED)


@keys.command("statements")
@json_option
def list_statement_keys(as_json: bool) -> None:
    """The keys of statements, published at /.well-known/statement-keys.json: the one that signs, then older ones."""
    with opened_hub(read_settings()) as hub, hub.database.read() as work:
        found = statement_keys(work)
    _show_statement_keys(found, as_json=as_json)


@keys.command("rotate-statements")
@click.option(
    "--compromised", is_flag=True, help="Somebody else may have the key: statements it signed are signed again."
)
@actor_option
@json_option
def rotate_statements(compromised: bool, actor: str, as_json: bool) -> None:
    """Sign statements with a new key from now on; the one before stays published, since what it signed stays good."""
    with opened_hub(read_settings()) as hub:
        now = hub.clock.now()
        with hub.database.work() as work:
            found = rotate_statement_keys(work, hub.vault, actor=actor, now=now, compromised=compromised)
        hub.settling.sign_rest(now)
    _show_statement_keys(found, as_json=as_json)


def _show_statement_keys(found: list[StatementKey], *, as_json: bool) -> None:
    documents = [
        {
            "kid": one.id,
            "state": "retired" if one.retired_at else "active",
            "published_at": rfc3339(one.created_at),
            "retired_at": rfc3339(one.retired_at) if one.retired_at else None,
        }
        for one in found
    ]
    _show_documents(documents, as_json=as_json)


def _show(found: list[SigningKey], *, as_json: bool) -> None:
    documents = [
        {
            "kid": one.id,
            "state": str(one.state),
            "published_at": rfc3339(one.created_at),
            "retired_at": rfc3339(one.retired_at) if one.retired_at else None,
        }
        for one in found
    ]
    _show_documents(documents, as_json=as_json)


def _show_documents(documents: list[dict[str, str | None]], *, as_json: bool) -> None:
    def plain() -> None:
        for one in documents:
            ended = f"  retired {one['retired_at']}" if one["retired_at"] else ""
            click.echo(f"{one['kid']}  {one['state']:8}  published {one['published_at']}{ended}")

    show(documents, as_json=as_json, plain=plain)


COMMANDS = (keys,)
