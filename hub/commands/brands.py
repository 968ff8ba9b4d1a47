"""Bringing a brand aboard: a folder to begin with, the conformance kit, and real conversions against its simulator.

Knows options, folders and exit codes. What is checked stands in `partners/conformance/`, what is tried in
`hub/trials/brands.py`.
"""

import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import click

from hub.commands.folders import brand_folder
from hub.commands.output import REFUSED, json_option, show
from hub.commands.sandbox import FaultRates, plan_of
from hub.config import read_settings
from hub.kernel.log import start_logging
from hub.trials.brands import BrandTrial, End, counterpart, end_of, exchanging, simulated, try_ends
from hub.wiring import Hub, opened_hub, sandbox_credentials
from partners.conformance import FORMATS, PROMISES, check_folder
from partners.files.faults import seeded
from partners.registry import BRANDS_FOLDER, Registry
from partners.sandbox.faults import FaultPlan
from partners.sandbox.server import RunningSimulator, serve
from partners.templates import TemplateKind, copy_template

_HOST = "127.0.0.1"


class BrandCode(click.ParamType[str]):
    """A brand's code: lower case letters, digits and underscores, a letter first."""

    name = "name"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The code as it stands."""
        if not re.fullmatch(r"[a-z][a-z0-9_]{1,62}", str(value)):
            self.fail(f"{str(value)[:64]!r} is no code: lower case letters, digits and _, a letter first.", param, ctx)
        return str(value)


@click.command("new")
@click.argument("name", type=BrandCode())
@click.option(
    "--kind",
    type=click.Choice([str(kind) for kind in TemplateKind]),
    default="rest",
    show_default=True,
    help="rest: an adapter in Python; declarative: a profile alone; files: files both ways; hosted: kept by the hub.",
)
@click.option(
    "--into",
    type=click.Path(file_okay=False, path_type=Path),
    default=None,
    help="The folder to put it into. Default: HUB_PARTNERS_DIR, or here.",
)
@json_option
def new(name: str, kind: str, into: Path | None, as_json: bool) -> None:
    """Make the folder of a new brand that works at once, ready to be changed."""
    parent = into or Path(read_settings().partners_dir or ".")
    folder = copy_template(TemplateKind(kind), name, parent)

    def plain() -> None:
        click.echo(f"{folder} is a brand that works. Now:")
        click.echo(f"  1. change {folder / ('programme.toml' if kind == 'hosted' else 'profile.toml')}")
        click.echo(f"  2. hub partner check {folder}")
        if kind != "hosted":
            click.echo(f"  3. hub partner try {folder}")

    show({"brand": name, "kind": kind, "folder": str(folder)}, as_json=as_json, plain=plain)


@click.command("check")
@click.argument("brand", default="")
@click.option("--format", "style", type=click.Choice(sorted(FORMATS)), default="text", show_default=True)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), default=None, help="Write the report here.")
@click.option("--only", multiple=True, help="Only this check, or all whose ids begin with it; may be repeated.")
@click.option("--list", "listed", is_flag=True, help="Show every check and its promise, and end.")
def check(brand: str, style: str, out: Path | None, only: tuple[str, ...], listed: bool) -> None:
    """Try BRAND, or the brand in a folder, against its simulator by the conformance kit; exit 1 unless it holds."""
    if listed:
        for id_, (group, promise) in PROMISES.items():
            click.echo(f"{id_:<24} {group:<14} {promise}")
        return
    if not brand:
        raise click.UsageError("Name a brand or the folder of one; --list shows the checks.")
    report = check_folder(brand_folder(read_settings(), brand), only=only)
    text = FORMATS[style](report)
    if out is None:
        click.echo(text, nl=False)
    else:
        out.write_text(text, encoding="utf-8")
        click.echo(f"{'kept' if report.passed else 'NOT kept'}: see {out}", err=True)
    if not report.passed:
        sys.exit(REFUSED)


@click.command("try")
@click.argument("brand")
@click.option("--conversions", type=click.IntRange(1, 200), default=4, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True, help="Decides which calls go wrong.")
@click.option("--faults", type=FaultRates(), default="0", help="Calls in 1,000: 20 of each kind, or kind=20,kind=5.")
@json_option
def try_(brand: str, conversions: int, seed: int, faults: dict[str, int], as_json: bool) -> None:
    """Convert to and from BRAND through a whole hub of its own; exit 1 unless all ends and every book agrees."""
    start_logging("ERROR")
    plan = replace(plan_of(faults, seed=seed), magic=False)
    folder = brand_folder(read_settings(), brand)
    with staged(folder, plan) as (hub, simulator, ends):
        speaks_files = ends[0].profile.files is not None
        turns = exchanging(hub, simulator, ends[0], seeded(seed, faults)) if speaks_files else None
        found = try_ends(hub, simulator, ends, conversions=conversions, wait=turns)
    show(_view(folder.name, found), as_json=as_json, plain=lambda: _print(found))
    if not found.ok:
        sys.exit(REFUSED)


@contextmanager
def staged(folder: Path, plan: FaultPlan) -> Iterator[tuple[Hub, RunningSimulator, tuple[End, End]]]:
    """A hub with an empty database of its own, and simulators of the brand in `folder` and of its counterpart.

    Raises: BrandUnknown, BrandHosted, ProfileInvalid, BrandNotTriable.
    """
    registry = Registry.of(folder)
    registry.require_played(folder.name)
    brand = end_of(registry.profile(folder.name))
    with tempfile.TemporaryDirectory(prefix="hub-try-") as data:
        settings = replace(read_settings(), database_url="", data_dir=Path(data))
        if folder.parent != BRANDS_FOLDER:
            settings = replace(settings, partners_dir=str(folder.parent))
        credentials = sandbox_credentials(settings)
        with opened_hub(settings) as hub:
            ends = (brand, counterpart(hub.registry))
            with serve(_HOST, 0, [simulated(hub.registry, end, credentials) for end in ends], plan) as simulator:
                yield hub, simulator, ends


def _view(brand: str, found: BrandTrial) -> dict[str, object]:
    return {
        "brand": brand,
        "ok": found.ok,
        "conversions": [
            {
                "id": one.id,
                "source_unit": one.source_unit,
                "source_amount": one.source_amount,
                "target_unit": one.target_unit,
                "target_amount": one.target_amount,
                "state": str(one.state),
                "timeline": list(timeline),
            }
            for one, timeline in zip(found.conversions, found.timelines, strict=True)
        ],
        "differences": found.differences,
        "disagreements": list(found.disagreements),
        "double_applications": found.double_applications,
    }


def _print(found: BrandTrial) -> None:
    for one, timeline in zip(found.conversions, found.timelines, strict=True):
        click.echo(f"{one.source_amount} {one.source_unit} → {one.target_amount} {one.target_unit}: {one.state}")
        for moment in timeline:
            click.echo(f"    {moment}")
    click.echo(f"ledger: {'no differences' if not found.differences else f'{found.differences} differences'}")
    books = "; ".join(found.disagreements) or "agree with the ledger to the point"
    click.echo(f"books of brand and counterpart: {books}")
    if found.double_applications:
        click.echo(f"booked twice: {found.double_applications}")


COMMANDS = (new, check, try_)
