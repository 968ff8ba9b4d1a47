"""Simulated partners to develop against: one brand alone, or every test partner of the database.

Knows options and what a partner's engineer has to be told. What is simulated stands in `partners/sandbox/`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from hub.commands.folders import brand_folder
from hub.commands.output import json_option, show
from hub.commands.signals import wait_for_signal
from hub.config import Settings, read_settings
from hub.kernel.log import start_logging
from hub.trials.file_players import file_player, playing_files
from hub.trials.stage import serve_sandbox
from hub.wiring import files_folder, opened_hub, sandbox_credentials, sandbox_keys_file
from partners.files.faults import Chooses, FileFault, seeded
from partners.files.simulator import FileSimulator
from partners.profile import AuthKind, NotificationScheme
from partners.registry import Registry
from partners.sandbox.bench import played, trial_members
from partners.sandbox.faults import FaultKind, FaultPlan, NoticeFault
from partners.sandbox.server import RunningSimulator, serve

_HOST = "127.0.0.1"


class FaultRates(click.ParamType[dict[str, int]]):
    """`20` for each kind in 1,000 calls, or `timeout_after=20,notice_late=50`."""

    name = "rates"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, int]:
        """Calls in a thousand by the name of the kind."""
        if isinstance(value, dict):
            return value
        kinds = sorted({*map(str, FaultKind), *map(str, NoticeFault), *map(str, FileFault)})
        text = str(value)
        if text.isascii() and text.isdigit():
            rates = dict.fromkeys(kinds, int(text))
        else:
            rates = {}
            for part in text.split(","):
                kind, _, rate = part.strip().partition("=")
                if kind not in kinds or not (rate.isascii() and rate.isdigit()):
                    self.fail(f"{part.strip()!r} is not one of {', '.join(kinds)} with =calls in 1,000.", param, ctx)
                rates[kind] = int(rate)
        try:
            plan_of(rates, seed=0)
        except AssertionError:
            self.fail("Together they are more than 1,000 in 1,000 calls.", param, ctx)
        return rates


def plan_of(rates: dict[str, int], *, seed: int) -> FaultPlan:
    """A plan of these rates, by the names of the kinds; magic amounts are heard as long as nothing else goes wrong."""
    return FaultPlan(
        seed=seed,
        per_mille={kind: rates[kind] for kind in FaultKind if rates.get(kind)},
        notices_per_mille={kind: rates[kind] for kind in NoticeFault if rates.get(kind)},
        magic=not any(rates.values()),
    )


@click.command("sandbox")
@click.argument("brand", default="")
@click.option("--port", type=click.IntRange(0, 65_535), default=None, help="Listen here; 0 takes any free port.")
@click.option("--seed", type=int, default=1, show_default=True, help="Decides which calls go wrong.")
@click.option("--faults", type=FaultRates(), default="0", help="Calls in 1,000: 20 of each kind, or kind=20,kind=5.")
@click.option("--notify", default="", help="Where the brand posts results that it tells later.")
@json_option
def sandbox(brand: str, port: int | None, seed: int, faults: dict[str, int], notify: str, as_json: bool) -> None:
    """Play BRAND, or the brand in a folder, alone and without a database, until Ctrl-C.

    Without BRAND, every test partner of the database.
    """
    settings = read_settings()
    start_logging(settings.log_level)
    plan = plan_of(faults, seed=seed)
    if not brand:
        with opened_hub(settings) as hub, serve_sandbox(hub, port=port, plan=plan) as simulator:
            click.echo(f"Simulated partners answer at {simulator.url}.", err=True)
            wait_for_signal()
        return
    folder = brand_folder(settings, brand)
    with one_brand(settings, folder, port=port or 0, plan=plan, notify=notify) as (simulator, registry):
        told = introduction(settings, registry, folder.name, simulator.url)
        with playing_files(_file_players(settings, registry, folder.name, simulator, seeded(seed, faults))):
            show(told, as_json=as_json, plain=lambda: _print(told))
            wait_for_signal()


def _file_players(
    settings: Settings, registry: Registry, brand: str, simulator: RunningSimulator, faults: Chooses
) -> list[FileSimulator]:
    """The brand's own player, if it speaks files."""
    profile = registry.profile(brand)
    if profile.files is None:
        return []
    return [file_player(profile, simulator, files_folder(settings), faults, partner=brand, unit=profile.units[0].code)]


@contextmanager
def one_brand(
    settings: Settings, folder: Path, *, port: int, plan: FaultPlan, notify: str
) -> Iterator[tuple[RunningSimulator, Registry]]:
    """Play one brand with its trial members. Raises: ProfileInvalid."""
    registry, brand = Registry.of(folder), folder.name
    credentials = sandbox_credentials(settings)
    partner = played(registry, brand, credentials, members=trial_members(registry.profile(brand)))
    try:
        with serve(_HOST, port, [partner], plan) as running:
            running.notify(brand, notify)
            yield running, registry
    finally:
        registry.close()


def introduction(settings: Settings, registry: Registry, brand: str, url: str) -> dict[str, str]:
    """What somebody who wants to call the brand has to know."""
    profile = registry.profile(brand)
    tokens = profile.http.auth not in (AuthKind.NONE, AuthKind.API_KEY)
    told = {
        "brand": brand,
        "base_url": f"{url}/{brand}",
        "token_url": f"{url}/{brand}/oauth/token" if tokens else "",
        "auth": str(profile.http.auth),
        "signing": str(profile.http.signing),
        "credentials_file": str(sandbox_keys_file(settings)),
        "members": f"{profile.member.numbered(100)} to {profile.member.numbered(199)}",
        "books_url": f"{url}/_sim/{brand}/totals",
        "journal_url": f"{url}/_sim/{brand}/journal",
        "members_url": f"{url}/_sim/{brand}/members",
        "faults_url": f"{url}/_sim/faults",
    }
    if profile.files is not None:
        told["folder"] = str(files_folder(settings) / brand)
    if profile.notifications.scheme is not NotificationScheme.NONE:
        told["notifications_url"] = f"{url}/_sim/{brand}/notifications"
    return told


def _print(told: dict[str, str]) -> None:
    for name, value in told.items():
        click.echo(f"{name.replace('_', ' '):<18} {value}")
    click.echo("Ctrl-C ends it.")


COMMANDS = (sandbox,)
