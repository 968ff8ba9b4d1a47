"""Settlement: calendars and windows, and what partners object to."""

import csv
from datetime import date, time
from pathlib import Path

import click

from hub.agreements.currencies import exponent
from hub.commands.output import actor_option, json_option, show
from hub.config import read_settings
from hub.kernel.amounts import decimal_text
from hub.reports import books
from hub.reports.objections import objection_view
from hub.settlement import objections, service, store
from hub.settlement.headroom import simulate
from hub.settlement.refusals import CalendarInvalid
from hub.settlement.types import Calendar, LineChoice, Netted, ObjectionState, Rhythm, Window
from hub.wiring import opened_hub

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@click.group("calendar")
def calendar() -> None:
    """Settlement calendars: when windows are cut off and when they are due."""


@calendar.command("add")
@click.argument("code")
@click.option("--every", type=click.Choice([one.value for one in Rhythm]), required=True, help="How often it cuts off.")
@click.option("--zone", default="UTC", help="IANA time zone of everything here.")
@click.option("--at", default="00:00", help="Local time of the cut-off, HH:MM; 00:00 ends the day before.")
@click.option("--on", type=click.Choice(_DAYS), default="monday", help="Day of a weekly cut-off.")
@click.option("--system", default="", help="Payment system whose closing days count; empty for weekends only.")
@click.option("--advice-days", type=int, default=2, help="Business days until the statement is due.")
@click.option("--call-days", type=int, default=5, help="Business days until payment is due.")
@actor_option
def add_calendar(
    code: str, every: str, zone: str, at: str, on: str, system: str, advice_days: int, call_days: int, actor: str
) -> None:
    """Add a calendar that agreements can name."""
    try:
        local = time.fromisoformat(at)
    except ValueError as fault:
        raise CalendarInvalid(f"{at[:20]!r} is no time such as 18:00.") from fault
    wanted = Calendar(code, zone, Rhythm(every), local, _DAYS.index(on), system, advice_days, call_days)
    with opened_hub(read_settings()) as hub, hub.database.work() as work:
        service.add_calendar(work, wanted, actor=actor, now=hub.clock.now())
    click.echo(f"calendar {code} is there")


@calendar.command("list")
@json_option
def list_calendars(as_json: bool) -> None:
    """Show the calendars and when each cuts off next."""
    with opened_hub(read_settings()) as hub, hub.database.work() as work:
        now = hub.clock.now()
        found = [(one, service.opened(work, one.code, now=now)) for one in store.calendars(work)]
    document = [
        {
            "code": one.code,
            "every": one.rhythm.value,
            "time_zone": one.zone,
            "at": one.at.isoformat("minutes"),
            "system": one.system or None,
            "advice_days": one.advice_days,
            "call_days": one.call_days,
            "open_window": window.id,
            "cut_off": window.cut_off.isoformat(),
        }
        for one, window in found
    ]

    def plain() -> None:
        for one in document:
            click.echo(f"{one['code']:<16} every {one['every']:<6} {one['time_zone']:<20} next {one['cut_off']}")

    show({"calendars": document}, as_json=as_json, plain=plain)


@calendar.command("close-days")
@click.argument("system")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@actor_option
def close_days(system: str, file: Path, actor: str) -> None:
    """Add the days on which a payment system is closed: a CSV file with the columns day and name."""
    days: dict[date, str] = {}
    with file.open(newline="", encoding="utf-8") as text:
        for number, row in enumerate(csv.DictReader(text), start=2):
            try:
                days[date.fromisoformat(row["day"] or "")] = (row.get("name") or "")[:100]
            except (KeyError, ValueError) as fault:
                raise CalendarInvalid(f"Line {number} has no day such as 2026-12-25 in a column `day`.") from fault
    with opened_hub(read_settings()) as hub, hub.database.work() as work:
        added = service.add_closing_days(work, system, days, actor=actor, now=hub.clock.now())
    click.echo(f"{added} closing days of {system} added")


@click.group("window")
def window() -> None:
    """Settlement windows: cut off, net, state, instruct, settle."""


@window.command("list")
@click.option("--calendar", "code", default="", help="Only of this calendar.")
@json_option
def list_windows(code: str, as_json: bool) -> None:
    """Show the windows, oldest first."""
    with opened_hub(read_settings()) as hub, hub.database.read() as work:
        found = store.windows(work, calendar=code)
    document = [_window_view(one) for one in found]

    def plain() -> None:
        for one in found:
            click.echo(
                f"{one.id}  {one.calendar:<12} {one.number:>4}  {one.state:<11} cut-off {one.cut_off:%Y-%m-%d %H:%M}Z"
            )

    show({"windows": document}, as_json=as_json, plain=plain)


@window.command("close")
@click.argument("code", required=False, default="")
@click.option("--due-only", is_flag=True, help="Only where the cut-off has passed, as the scheduler does.")
@json_option
def close(code: str, due_only: bool, as_json: bool) -> None:
    """Cut off now, of one calendar or of all: closes the open windows, nets them and writes the statements.

    Asked again after a fault it goes on where it stopped: every closed window is netted and stated.
    """
    with opened_hub(read_settings()) as hub:
        hub.settling.close(hub.clock.now(), calendar=code, early=not due_only)
        found = hub.settling.finish(hub.clock.now())
    _show_netted(found, as_json=as_json)


@window.command("show")
@click.argument("id")
@json_option
def show_window(id: str, as_json: bool) -> None:
    """Show a window with its obligations."""
    with opened_hub(read_settings()) as hub, hub.database.read() as work:
        found = service.read(work, id)
    _show_netted([found], as_json=as_json)


@window.command("instruct")
@click.argument("id")
@actor_option
@json_option
def instruct(id: str, actor: str, as_json: bool) -> None:
    """Ask for payment: from now on the window takes payments and cannot be aborted."""
    with opened_hub(read_settings()) as hub, hub.database.work() as work:
        found = service.instruct(work, id, actor=actor, now=hub.clock.now())
    _show_netted([found], as_json=as_json)


@window.command("headroom")
@click.argument("id")
@json_option
def headroom(id: str, as_json: bool) -> None:
    """Show what instructing a window would leave to each partner under its cap; changes nothing."""
    with opened_hub(read_settings()) as hub, hub.database.read() as work:
        rooms, money = simulate(work, id), service.read(work, id).money

    def text(units: int | None, currency: str) -> str | None:
        return None if units is None else decimal_text(units, money[currency].scale)

    document = [
        {
            "partner": one.partner,
            "currency": one.currency,
            "available": text(one.available, one.currency),
            "payout": text(one.payout, one.currency),
            "later_payouts": text(one.later, one.currency),
            "after": text(one.after, one.currency),
            "to_pay": text(one.to_pay, one.currency),
            "suffices": one.suffices,
        }
        for one in rooms
    ]

    def plain() -> None:
        for one in document:
            left = one["after"] or "no cap"
            verdict = "" if one["suffices"] else "  REFUSED: beyond its cap"
            click.echo(f"{one['partner']:<18} {one['currency']}  pays out {one['payout']}  leaves {left}{verdict}")

    show({"window": id, "headroom": document}, as_json=as_json, plain=plain)


@window.command("pay")
@click.argument("obligation")
@click.option("--amount", required=True, type=int, help="What moved, in the currency's smallest units (cents).")
@click.option("--reference", required=True, help="The payment's reference at the bank; the same again does nothing.")
@actor_option
@json_option
def pay(obligation: str, amount: int, reference: str, actor: str, as_json: bool) -> None:
    """Record money that moved for an obligation; the last payment settles the window."""
    with opened_hub(read_settings()) as hub, hub.database.work() as work:
        found = service.pay(work, obligation, amount=amount, reference=reference, actor=actor, now=hub.clock.now())
    _show_netted([found], as_json=as_json)


@window.command("abort")
@click.argument("id")
@actor_option
def abort(id: str, actor: str) -> None:
    """Take a window back before payment is asked for; its lines come with the next one."""
    with opened_hub(read_settings()) as hub, hub.database.work() as work:
        service.abort(work, id, actor=actor, now=hub.clock.now())
    click.echo(f"window {id} is aborted; the next window of its calendar has its lines")


@window.command("disputes")
@click.option("--all", "every", is_flag=True, help="Decided ones too.")
@json_option
def disputes(every: bool, as_json: bool) -> None:
    """Show what partners object to, oldest first."""
    states = () if every else (ObjectionState.OPEN,)
    with opened_hub(read_settings()) as hub, hub.database.read() as work:
        found = [objection_view(work, one) for one in objections.listed(work, states=states)]
    _show_objections(found, as_json=as_json)


@window.command("dispute")
@click.argument("partner")
@click.option("--window", "id", required=True, help="Id of the window that the statement is of.")
@click.option("--line", "lines", multiple=True, required=True, help="KIND:COUNTERPARTY, such as debit:staywell.")
@click.option("--reason", required=True, help="What the partner says.")
@actor_option
@json_option
def dispute(partner: str, id: str, lines: tuple[str, ...], reason: str, actor: str, as_json: bool) -> None:
    """Object to lines of a partner's statement on its behalf, because it wrote or called."""
    choices = [LineChoice(*one.partition(":")[::2]) for one in lines]
    with opened_hub(read_settings()) as hub, hub.database.work() as work:
        of = store.statement(work, id, partner)
        made = service.object_to(
            work, of.id, choices, books.render_statement, partner=of.partner, live=of.live, reason=reason, actor=actor,
            now=hub.clock.now(),
        )  # fmt: skip
        found = objection_view(work, made)
    _show_objections([found], as_json=as_json)


@window.command("decide")
@click.argument("objection")
@click.option("--uphold/--reject", "upheld", default=None, required=True, help="Whether the partner is right.")
@click.option("--both-sides", is_flag=True, help="Upheld: take it back from the other partners too, not from the hub.")
@click.option("--remark", required=True, help="Why; the partner reads it.")
@actor_option
@json_option
def decide(objection: str, upheld: bool, both_sides: bool, remark: str, actor: str, as_json: bool) -> None:
    """Decide about an objection; final. The next window bills what was held out, with corrections if it is upheld."""
    decision = ObjectionState.UPHELD if upheld else ObjectionState.REJECTED
    with opened_hub(read_settings()) as hub, hub.database.work() as work:
        made = service.decide(
            work, objection, decision, both_sides=both_sides, remark=remark, actor=actor, now=hub.clock.now()
        )
        found = objection_view(work, made)
    _show_objections([found], as_json=as_json)


def _show_netted(found: list[Netted], *, as_json: bool) -> None:
    def plain() -> None:
        for one in found:
            window = one.window
            click.echo(f"{window.id}  {window.calendar} {window.number}  {window.state}  due {window.due_on}")
            for each in one.obligations:
                side = each.side
                amount = decimal_text(each.amount, exponent(side.currency))
                kept = decimal_text(each.closing, one.money[side.currency].scale)
                who = "nobody pays" if not each.amount else "the hub pays" if each.amount > 0 else "partner pays"
                aside = " ".join(text for text in (side.counterparty, side.direction) if text)
                click.echo(
                    f"  {side.partner:<18} {amount:>16} {side.currency}  {who:<13} stays {kept}  {each.id} {aside}"
                )
        if not found:
            click.echo("no window was closed")

    show({"windows": [_netted_view(one) for one in found]}, as_json=as_json, plain=plain)


def _show_objections(found: list[dict[str, object]], *, as_json: bool) -> None:
    def plain() -> None:
        for one in found:
            where = "held out" if one["held_out"] else "billed"
            click.echo(f"{one['id']}  {one['partner']:<18} {one['state']:<9} {where:<9} decide by {one['decide_by']}")
            click.echo(f"  {one['statement']}  {one['reason']}")
        if not found:
            click.echo("no objections")

    show({"objections": found}, as_json=as_json, plain=plain)


def _window_view(one: Window) -> dict[str, object]:
    return {
        "id": one.id,
        "calendar": one.calendar,
        "number": one.number,
        "state": one.state.value,
        "first_slice": one.first_period,
        "last_slice": one.last_period,
        "opened_at": one.opened_at.isoformat(),
        "cut_off": one.cut_off.isoformat(),
        "closed_at": one.closed_at.isoformat() if one.closed_at else None,
        "advice_on": one.advice_on.isoformat() if one.advice_on else None,
        "due_on": one.due_on.isoformat() if one.due_on else None,
    }


def _netted_view(one: Netted) -> dict[str, object]:
    currencies = sorted({each.side.currency for each in one.obligations})
    return {
        **_window_view(one.window),
        "obligations": [
            {
                "id": each.id,
                "partner": each.side.partner,
                "currency": each.side.currency,
                "counterparty": each.side.counterparty or None,
                "direction": each.side.direction or None,
                "amount": decimal_text(each.amount, exponent(each.side.currency)),
                "paid": decimal_text(each.paid, exponent(each.side.currency)),
                "closing": decimal_text(each.closing, one.money[each.side.currency].scale),
            }
            for each in one.obligations
        ],
        "hub": {currency: decimal_text(one.hub_obligation(currency), exponent(currency)) for currency in currencies},
    }


COMMANDS = (calendar, window)
