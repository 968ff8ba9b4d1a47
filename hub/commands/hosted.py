"""Programmes that the hub keeps itself: who is in them, points, and what lapses."""

import hashlib
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from hub.agreements import service as agreements
from hub.agreements.types import NewPartner, Unit
from hub.commands.output import actor_option, json_option, show
from hub.config import read_settings
from hub.hosted.errors import ProgrammeMissing
from hub.hosted.expiry import last_day
from hub.hosted.running import Progress
from hub.hosted.states import MembershipState
from hub.hosted.types import Enrolment, HostedProgramme, Membership, PointsKind, PointsPosted, PointsRequest
from hub.kernel.clock import rfc3339
from hub.kernel.errors import HubError
from hub.wiring import opened_hub

_HISTORY_SHOWN = 20


@click.group("hosted")
def hosted() -> None:
    """Programmes that the hub keeps for brands without a system of their own."""


@hosted.command("list")
@json_option
def list_programmes(as_json: bool) -> None:
    """Show the programmes the hub keeps, and those it could: programme files that no partner has yet."""
    with opened_hub(read_settings()) as hub:
        kept = hub.programmes.programmes()
        waiting = sorted({one.code for one in hub.registry.programmes()} - {one.rules.code for one in kept})
        document = {"programmes": [_programme(one) for one in kept], "not_added": waiting}

    def plain() -> None:
        for one in kept:
            click.echo(f"{one.unit:<24} {'live' if one.live else 'test'}  {one.rules.name}: {_expiry(one)}")
        for code in waiting:
            click.echo(f"{code}: a programme file that no partner has yet; `hub hosted add {code}` adds a test partner")

    show(document, as_json=as_json, plain=plain)


@hosted.command("add")
@click.argument("code")
@click.option("--time-zone", default="UTC", show_default=True, help="IANA name; the programme's days end there.")
@actor_option
@json_option
def add(code: str, time_zone: str, actor: str, as_json: bool) -> None:
    """Add a test partner and unit for the programme file CODE; safe to repeat."""
    with opened_hub(read_settings()) as hub:
        rules = hub.registry.programme(code)
        if rules is None:
            raise ProgrammeMissing(f"There is no programme file {code[:64]}.", unit=code[:64])
        partner = NewPartner(code, rules.name, str(rules.kind), code, time_zone=time_zone)
        unit = Unit(rules.unit, code, rules.unit_name, rules.scale, "points", "", hosted=True)
        with hub.database.work() as work:
            agreements.add_partner(work, partner, actor=actor, now=hub.clock.now())
            agreements.add_unit(work, unit, actor=actor, now=hub.clock.now())
    show(
        {"partner": code, "unit": unit.code, "time_zone": time_zone},
        as_json=as_json,
        plain=lambda: click.echo(f"{unit.code} is kept by the hub"),
    )


@hosted.command("enrol")
@click.argument("unit")
@click.option("--number", default="", help="Of a card that exists already; left out for a new one.")
@click.option("--reference", default="", help="Your own opaque word for the member.")
@json_option
def enrol(unit: str, number: str, reference: str, as_json: bool) -> None:
    """Enrol a member in the programme of UNIT."""
    with opened_hub(read_settings()) as hub, hub.database.work() as work:
        [made] = hub.hosted.enrol(work, [Enrolment(unit, number, reference)], now=hub.clock.now())
        if isinstance(made, HubError):
            raise made
    show(_membership(made), as_json=as_json, plain=lambda: click.echo(f"{made.id}: number {made.number}"))


@hosted.command("show")
@click.argument("unit")
@click.argument("membership")
@json_option
def show_membership(unit: str, membership: str, as_json: bool) -> None:
    """Show what is in a MEMBERSHIP (id or number) of UNIT, what lapses when, and what happened last."""
    with opened_hub(read_settings()) as hub:
        programme = hub.programmes.programme(unit)
        with hub.database.read() as work:
            found = hub.hosted.statement(work, unit, membership, now=hub.clock.now())
            lines = hub.hosted.history(work, found.membership, before=None, limit=_HISTORY_SHOWN)
    document = {
        **_membership(found.membership),
        "balance": found.balance,
        "held": found.held,
        "available": found.available,
        "expiring": [
            {"amount": one.amount, "last_day": last_day(one.lapses_at, programme.zone).isoformat()}
            for one in found.expiring
        ],
        "history": [
            {
                "at": rfc3339(one.at),
                "kind": one.kind,
                "amount": one.amount,
                "balance_after": one.balance_after,
                "posting": one.posting,
            }
            for one in lines
        ],
    }

    def plain() -> None:
        click.echo(f"{found.membership.number} is {found.membership.state}")
        click.echo(f"{found.balance:,} points, {found.held:,} of them reserved; {found.available:,} may be spent")
        for one in found.expiring:
            click.echo(f"  {one.amount:>14,} good until {last_day(one.lapses_at, programme.zone)}")
        for line in lines:
            click.echo(f"{line.at:%Y-%m-%d %H:%M}  {line.kind:<14} {line.amount:>+14,} → {line.balance_after:>14,}")

    show(document, as_json=as_json, plain=plain)


@hosted.command("post")
@click.argument("unit")
@click.argument("kind", type=click.Choice([str(one) for one in PointsKind]))
@click.argument("membership")
@click.argument("amount", type=click.IntRange(min=1), required=False)
@click.option("--to", default="", help="With transfer: the other membership.")
@click.option("--of", default="", help="With reverse: the posting to undo.")
@click.option("--reference", default="", help="Your own opaque word for the activity.")
@click.option("--key", default="", help="Say it again with the same key, and points move once.")
@json_option
def post(
    unit: str, kind: str, membership: str, amount: int | None, to: str, of: str, reference: str, key: str, as_json: bool
) -> None:
    """Move AMOUNT points of a MEMBERSHIP (id or number) of UNIT. Without AMOUNT, reverse undoes all that is left."""
    scoped = hashlib.sha256(f"hub hosted post|{unit}|{key or secrets.token_hex(16)}".encode()).hexdigest()
    request = PointsRequest(scoped, unit, PointsKind(kind), membership, amount, to=to, of=of, reference=reference)
    with opened_hub(read_settings()) as hub, hub.database.work() as work:
        [posted] = hub.hosted.post(work, [request], now=hub.clock.now())
    if not isinstance(posted, PointsPosted):
        raise posted
    document = {"id": posted.id, "kind": kind, "amount": posted.amount, "balance": posted.balance}
    show(
        document,
        as_json=as_json,
        plain=lambda: click.echo(f"{kind} {posted.amount:,}: {posted.membership} has {posted.balance:,} [{posted.id}]"),
    )


@hosted.command("move")
@click.argument("unit")
@click.argument("membership")
@click.argument("to", type=click.Choice([str(one) for one in MembershipState]))
@click.option("--reason", required=True, help="For the audit log.")
@actor_option
@json_option
def move(unit: str, membership: str, to: str, reason: str, actor: str, as_json: bool) -> None:
    """Block a MEMBERSHIP of UNIT, let it be active again, or close it."""
    with opened_hub(read_settings()) as hub, hub.database.work() as work:
        moved = hub.hosted.move(
            work, unit, membership, MembershipState(to), actor=actor, reason=reason, now=hub.clock.now()
        )
    show(_membership(moved), as_json=as_json, plain=lambda: click.echo(f"{moved.number} is {moved.state}"))


@hosted.command("lapse")
@click.option("--parts", type=click.IntRange(min=1), default=None, help="At most so many parts of 2,000 lots.")
@json_option
def lapse(parts: int | None, as_json: bool) -> None:
    """Let points lapse that are due. The scheduler does so by itself; safe beside it, and to interrupt and repeat."""
    with opened_hub(read_settings()) as hub, _bar("lots", quiet=as_json) as told:
        run = hub.runs.lapse(now=hub.clock.now(), parts_max=parts, progress=told)
    document = {"memberships": run.memberships, "lots": run.lots, "points": run.points, "over": run.over}

    def plain() -> None:
        click.echo(f"{run.points:,} points of {run.lots:,} lots in {run.memberships:,} memberships have lapsed")
        if not run.over:
            click.echo("more is due: run it again")

    show(document, as_json=as_json, plain=plain)


@hosted.command("warn")
@json_option
def warn(as_json: bool) -> None:
    """Announce which points lapse soon. The scheduler does so by itself; nobody is told of the same points twice."""
    with opened_hub(read_settings()) as hub, _bar("warnings", quiet=as_json) as told:
        run = hub.runs.warn(now=hub.clock.now(), progress=told)
    show({"warnings": run.warnings}, as_json=as_json, plain=lambda: click.echo(f"{run.warnings:,} warnings"))


@contextmanager
def _bar(what: str, *, quiet: bool) -> Iterator[Progress]:
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Bars(*columns, console=Console(stderr=True, quiet=quiet)) as bars:
        task = bars.add_task(what, total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)


def _programme(programme: HostedProgramme) -> dict[str, object]:
    return {
        "unit": programme.unit,
        "partner": programme.partner,
        "name": programme.rules.name,
        "live": programme.live,
        "time_zone": str(programme.zone),
        "expiry": _expiry(programme),
    }


def _expiry(programme: HostedProgramme) -> str:
    rule = programme.rules.expiry
    if not rule.months:
        return "points never lapse"
    since = "they were earned" if not rule.qualifying else f"the last {' or '.join(sorted(rule.qualifying))}"
    end = "" if rule.end_of == "day" else f", at the end of the {rule.end_of}"
    return f"points lapse {rule.months} months after {since}{end}, in {programme.zone}"


def _membership(member: Membership) -> dict[str, object]:
    return {
        "id": member.id,
        "unit": member.unit,
        "number": member.number,
        "state": str(member.state),
        "reference": member.reference or None,
    }


COMMANDS = (hosted,)
