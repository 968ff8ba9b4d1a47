"""Trials of the hub: demonstration and measurements."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from hub.commands.output import CHECK_FAILED, json_option, show
from hub.commands.running import Running, running_hub
from hub.commands.signals import wait_for_signal
from hub.commands.supervisor import free_port
from hub.config import read_settings
from hub.kernel.log import start_logging
from hub.trials.bench import MEASUREMENTS
from hub.trials.bench.figures import Figure, as_markdown, machine
from hub.trials.cast import Progress as ProgressCall
from hub.trials.cast import clients_of
from hub.trials.demonstration import Demonstration, Summary
from hub.trials.stage import set_stage

# Faults of each kind in a thousand calls: with some 3,000 calls that move points, about 45 of each are seen.
_FAULTS_PER_MILLE = 15
DEMONSTRATED = 1_200
_INVITED = "amex_mr"

_INTRODUCTION = (
    "Written by `make bench`. Each figure is taken beside a baseline in the same run on the same machine; the ratio is "
    "what counts, the absolute figures are for orientation."
)


@click.command("demo")
@click.option("--once", is_flag=True, help="End when the demonstration has ended instead of staying up.")
@click.option("--conversions", type=click.IntRange(1, 20_000), default=DEMONSTRATED, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True, help="Decides who converts what and what goes wrong.")
@json_option
def demo(once: bool, conversions: int, seed: int, as_json: bool) -> None:
    """Convert on all real routes with simulated partners; exit 3 unless all ended and the books hold."""
    settings = read_settings()
    start_logging("ERROR")
    if once:
        # A single run gets ports of its own, so that it never collides with a hub that is up.
        sandbox = f"http://127.0.0.1:{free_port()}"
        settings = replace(settings, api_port=free_port(), sandbox_url=sandbox)
    with running_hub(settings, sandbox=True) as running:
        summary = demonstrate(running, conversions=conversions, seed=seed, quiet=as_json)
        show(summary.view(), as_json=as_json, plain=lambda: print_summary(summary))
        if not once:
            print_invitation(running)
            wait_for_signal()
    if not summary.ok:
        sys.exit(CHECK_FAILED)


def demonstrate(running: Running, *, conversions: int, seed: int = 1, quiet: bool = False) -> Summary:
    """Set the stage, start the simulators, and convert, with a live progress bar on standard error."""
    hub = running.hub
    routes = set_stage(hub)
    running.supervisor.start("sandbox", ["sandbox", "--seed", str(seed), "--faults", str(_FAULTS_PER_MILLE)])
    running.supervisor.wait_until_answers(f"{hub.settings.sandbox_url}/_sim/faults", "sandbox")
    with _progress(quiet) as progress:
        return Demonstration(hub, running.url, routes, seed=seed, progress=progress).run(conversions)


@contextmanager
def _progress(quiet: bool) -> Iterator[ProgressCall]:
    console = Console(stderr=True, quiet=quiet)
    columns = (TextColumn("{task.description:>22}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as bars:
        tasks: dict[str, object] = {}

        def tell(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total)
            bars.update(tasks[what], completed=done, total=total)  # type: ignore[arg-type]

        yield tell


def print_summary(summary: Summary) -> None:
    """What a demonstration came to, as tables."""
    console = Console()
    counted = Table("conversions", "", title="Conversions by state", title_justify="left")
    for state, count in sorted(summary.states.items()):
        counted.add_row(state, f"{count:,}")
    counted.add_row("over routes", str(summary.routes))
    counted.add_row("points moved", f"{summary.points_moved:,}")
    counted.add_row("requests sent twice, answered once", str(summary.repeated))
    console.print(counted)
    wrong = Table(
        "what went wrong at partners", "times", title="Faults, and how they were resolved", title_justify="left"
    )
    for kind, count in sorted(summary.faults.items()):
        wrong.add_row(kind.replace("_", " "), str(count))
    for what, count in sorted(summary.attempts.items()):
        wrong.add_row(f"attempt: {what}", str(count))
    for reason, count in sorted(summary.reasons.items()):
        wrong.add_row(f"ended without points moving: {reason}", str(count))
    console.print(wrong)
    positions = Table("partner", "position in USD", title="Positions (above zero: the hub owes)", title_justify="left")
    for partner, position in sorted(summary.positions.items()):
        positions.add_row(partner, position)
    console.print(positions)
    console.print(f"verify: {'no differences' if summary.differences == 0 else f'{summary.differences} differences'}")
    agreed = "agree with the ledger to the point" if not summary.disagreements else "; ".join(summary.disagreements)
    console.print(f"simulators' own books: {agreed}")
    if not summary.ok:
        console.print("NOT everything held; see above.")


def print_invitation(running: Running) -> None:
    """Two lines to paste: a token for a new test client, and a first question."""
    [client] = clients_of(running.hub, running.url, [_INVITED]).values()
    id_, secret = client.credentials
    click.echo(
        f"Try it, as a client of {_INVITED}:\n"
        f"  TOKEN=$(curl -s -u {id_}:{secret} -d grant_type=client_credentials {running.url}/oauth/token"
        ' | sed -E \'s/.*"access_token": *"([^"]+)".*/\\1/\')\n'
        f'  curl -s -H "Authorization: Bearer $TOKEN" "{running.url}/v1/conversions?limit=3"'
    )


@click.command("bench")
@click.option("--only", "only", multiple=True, metavar="NAME", help="Measure only these; may be given several times.")
@click.option("--write", type=click.Path(dir_okay=False, path_type=Path), help="Write the table to this file too.")
@json_option
def bench(only: tuple[str, ...], write: Path | None, as_json: bool) -> None:
    """Measure the figures, each beside a baseline taken in the same run."""
    start_logging("ERROR")
    unknown = set(only) - {name for names, _ in MEASUREMENTS for name in names}
    if unknown:
        raise click.BadParameter(f"no such figure: {', '.join(sorted(unknown))}", param_hint="--only")
    figures: list[Figure] = []
    for names, measure in MEASUREMENTS:
        if not only or set(only) & set(names):
            figures += measure(lambda what: click.echo(f"… {what}", err=True))
    shown = [one for one in figures if not only or one.name in only]
    table = as_markdown(shown)
    if write:
        facts = "\n".join(f"- {name}: {value}" for name, value in machine().items())
        write.write_text(f"# Figures\n\n{_INTRODUCTION}\n\n{table}\n## Machine\n\n{facts}\n", encoding="utf-8")
    show([one.view() for one in shown], as_json=as_json, plain=lambda: click.echo(table))


COMMANDS = (demo, bench)
