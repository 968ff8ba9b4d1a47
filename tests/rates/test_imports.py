"""Route and campaign files: the real ones to the last ratio, again without effect, and every way to be broken."""

import csv
import io
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path

import pytest

from hub.agreements.service import roster
from hub.agreements.types import PartnerState
from hub.rates.catalogue import load
from hub.rates.guard import gaining_cycle
from hub.rates.pricing import price
from hub.rates.refusals import RatesFileInvalid, RouteMissing, RouteStopped
from hub.rates.service import csv_rows, import_campaigns, import_routes, list_rules, stop_rule, withdraw_rule
from hub.rates.types import ImportReport, PriceRequest, RuleState
from hub.storage import Database, Work
from tests.agreements.builders import DAY, NOW, add

DATA = Path(__file__).parents[2] / "hub" / "trials" / "data"
ROUTES = (DATA / "transfer-routes.csv").read_bytes()
BONUSES = (DATA / "transfer-bonuses.csv").read_bytes()
HEADER = "source,source_name,target,target_name,target_kind,give,get,minimum,step,typical_time"
BONUS_HEADER = "id,source,target,bonus_percent,starts_on,ends_on_inclusive,targeted"


def _import(work: Work, data: bytes | str, *, now: datetime = NOW) -> ImportReport:
    rows = csv_rows(data if isinstance(data, bytes) else data.encode())
    return import_routes(work, rows, sandbox_url="http://127.0.0.1:8090", actor="ada", now=now)


def _file(*rows: str) -> str:
    return "\n".join([HEADER, *rows]) + "\n"


def _row(source: str = "bank", target: str = "air", give: str = "1", get: str = "1") -> str:
    return f"{source},Bank,{target},Air,airline,{give},{get},1000,1000,"


def _faults(refusal: RatesFileInvalid) -> dict[str, object]:
    return {name: reason for name, reason in refusal.facts.items() if name != "errors"}


def test_every_route_of_the_real_file_quotes_what_its_ratio_says(database: Database) -> None:
    with database.work() as work:
        report = _import(work, ROUTES)
        listed = load(work)

    rows = list(csv.DictReader(io.StringIO(ROUTES.decode())))
    assert report == ImportReport(partners_added=40, units_added=40, added=81, changed=0, unchanged=0)
    for row in rows:
        give, get, minimum, step = (int(row[name]) for name in ("give", "get", "minimum", "step"))
        for amount in (minimum, minimum + step, 10 * minimum, 37 * step + minimum):
            request = PriceRequest(f"{row['source']}.point", f"{row['target']}.point", amount)
            priced = price(listed, request, NOW)
            assert priced.target_amount == amount * get // give
            assert priced.rate == Fraction(get, give)
            assert amount - step < priced.source_amount <= amount


def test_imported_partners_are_sandbox_partners_of_the_test_world(database: Database) -> None:
    with database.work() as work:
        _import(work, ROUTES)
        listed = roster(work, at=NOW)

    bank, hotel = listed.partners["amex_mr"], listed.partners["hilton"]
    assert (bank.name, bank.kind, bank.profile) == ("Amex Membership Rewards", "bank", "sandbox")
    assert (hotel.kind, hotel.base_url) == ("hotel", "http://127.0.0.1:8090/hilton")
    assert {(one.live, one.state) for one in listed.partners.values()} == {(False, PartnerState.TEST)}
    assert listed.units["hilton.point"].scale == 0


def test_importing_again_changes_nothing(database: Database) -> None:
    with database.work() as work:
        _import(work, ROUTES)
        before = load(work)

        report = _import(work, ROUTES, now=NOW + DAY)

        assert report == ImportReport(0, 0, 0, 0, 81)
        assert load(work) == before


def test_a_byte_order_mark_and_other_line_ends_are_taken(database: Database) -> None:
    with database.work() as work:
        _import(work, ROUTES)

        for spelled in (b"\xef\xbb\xbf" + ROUTES.replace(b"\n", b"\r\n"), ROUTES.replace(b"\n", b"\r")):
            assert _import(work, spelled).unchanged == 81


def test_rows_of_a_plain_reader_are_taken_too(database: Database) -> None:
    text = ("\ufeff" + ROUTES.decode()).replace("\n", "\r\n")
    with database.work() as work:
        report = import_routes(
            work, csv.DictReader(io.StringIO(text, newline="")), sandbox_url="http://127.0.0.1:1", actor="ada", now=NOW
        )

    assert report.added == 81


@pytest.mark.parametrize("changed", ["5,4,1000,1000,", "1,1,500,1000,", "1,1,1000,500,", "1,1,1000,1000,slow"])
def test_a_changed_row_ends_the_old_rule_and_starts_a_new_one(database: Database, changed: str) -> None:
    with database.work() as work:
        _import(work, _file(_row(), _row(target="other")))
        report = _import(work, _file(f"bank,Bank,air,Air,airline,{changed}"), now=NOW + DAY)

        first, second = list_rules(work, source_unit="bank.point", target_unit="air.point")
        listed = load(work)

    assert (report.changed, report.added, report.unchanged) == (1, 0, 0)
    assert (first.effective_from, first.effective_until) == (NOW, NOW + DAY)
    assert (second.effective_from, second.effective_until) == (NOW + DAY, None)
    request = PriceRequest("bank.point", "air.point", 5_000)
    assert price(listed, request, NOW + DAY - timedelta(microseconds=1)).rule == first.id
    assert price(listed, request, NOW + DAY).rule == second.id


def test_the_same_ratio_in_other_words_is_no_change(database: Database) -> None:
    with database.work() as work:
        _import(work, _file(_row(give="5", get="4")))

        assert _import(work, _file(_row(give="250", get="200"))).unchanged == 1


def test_a_stopped_route_stays_stopped_when_its_ratio_changes(database: Database) -> None:
    with database.work() as work:
        _import(work, _file(_row()))
        stop_rule(work, list_rules(work)[0].id, actor="ada", reason="test", now=NOW)
        _import(work, _file(_row(give="2")), now=NOW + DAY)

        with pytest.raises(RouteStopped):
            price(load(work), PriceRequest("bank.point", "air.point", 1_000), NOW + DAY)


def test_a_withdrawn_rule_does_not_come_back_unchanged(database: Database) -> None:
    with database.work() as work:
        _import(work, _file(_row()))
        withdraw_rule(work, list_rules(work)[0].id, actor="ada", reason="test", now=NOW)

        assert _import(work, _file(_row()), now=NOW + DAY).unchanged == 1
        with pytest.raises(RouteMissing):
            price(load(work), PriceRequest("bank.point", "air.point", 1_000), NOW + DAY)
        assert _import(work, _file(_row(give="2")), now=NOW + DAY).changed == 1
        assert price(load(work), PriceRequest("bank.point", "air.point", 1_000), NOW + DAY).target_amount == 500


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (_row(give="0"), "give '0' is not a whole number above zero"),
        (_row(give="-1"), "give '-1' is not a whole number above zero"),
        (_row(get="1.5"), "get '1.5' is not a whole number above zero"),
        (_row(get="x"), "get 'x' is not a whole number above zero"),
        (_row(get=""), "get '' is not a whole number above zero"),
        (_row(get="\u0661"), "get '\u0661' is not a whole number above zero"),
        (_row(get="9007199254740992"), "get '9007199254740992' is not a whole number above zero"),
        ("bank,Bank,air,Air,airline,1,1,0,1000,", "minimum '0' is not a whole number above zero"),
        ("bank,Bank,air,Air,airline,1,1,1000,1e3,", "step '1e3' is not a whole number above zero"),
        ("bank,Bank,air,Air,spaceline,1,1,1,1,", "target_kind 'spaceline' is none of"),
        ("bank,Bank,air,,airline,1,1,1,1,", "target_name is empty"),
        ("Bank 1,Bank,air,Air,airline,1,1,1,1,", "source 'Bank 1' is not small letters"),
        ("bank,Bank,../x,Air,airline,1,1,1,1,", "target '../x' is not small letters"),
        ("hub,Hub,air,Air,airline,1,1,1,1,", "source 'hub' is not small letters"),
        ("bank,Bank,bank,Bank,bank,1,1,1,1,", "a route leads from one programme to another"),
        ("bank,Bank,air,Air,airline,1,1,1,1,,,", "more cells than columns"),
        ("bank,Bank,air,Air,airline,1,1", "no column minimum, step, typical_time"),
        (_row(target="ok"), "this route stands on line 2 already"),
        (f"bank,Bank,air,Air,airline,1,1,1,1,{'x' * 201}", "typical_time is longer than 200"),
    ],
)
def test_a_broken_row_is_named_and_nothing_is_written(database: Database, row: str, reason: str) -> None:
    with database.work() as work:
        with pytest.raises(RatesFileInvalid) as refusal:
            _import(work, _file(_row(target="ok"), row))

        assert str(_faults(refusal.value)["line_3"]).startswith(reason)
        assert f"Line 3: {reason}" in refusal.value.detail
        assert roster(work, at=NOW).partners == {}
        assert list_rules(work) == []


def test_all_broken_rows_are_listed_at_once(database: Database) -> None:
    with database.work() as work, pytest.raises(RatesFileInvalid) as refusal:
        _import(work, _file(_row(give="0", get="0"), _row(), _row(target="x y")))

    assert set(_faults(refusal.value)) == {"line_2", "line_4"}
    assert refusal.value.facts["errors"] == 3


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"", "line_1"),
        (HEADER.encode() + b"\n", "line_1"),
        (b"source,target\nbank,air\n", "line_2"),
        (HEADER.encode() + b"\nbank,B\xffnk\n", "line_2"),
        (HEADER.encode() + b'\nbank,"Bank', "line_2"),
        (HEADER.encode() + b"\nba\x00nk", "line_1"),
    ],
)
def test_what_is_no_file_of_rows_is_refused(database: Database, data: bytes, line: str) -> None:
    with database.work() as work, pytest.raises(RatesFileInvalid) as refusal:
        _import(work, data)

    assert list(_faults(refusal.value)) == [line]


def test_rates_of_live_partners_are_not_imported(database: Database) -> None:
    with database.work() as work:
        add(work, "bank", live=True)

        with pytest.raises(RatesFileInvalid, match="bank is a live partner"):
            _import(work, _file(_row()))


def test_a_unit_that_counts_something_else_is_not_taken_over(database: Database) -> None:
    with database.work() as work:
        add(work, "air", scale=1)

        with pytest.raises(RatesFileInvalid, match="does not count whole points"):
            _import(work, _file(_row()))


def test_the_real_campaigns_add_what_they_say_until_their_last_day_ends(database: Database) -> None:
    with database.work() as work:
        _import(work, ROUTES)
        report = import_campaigns(work, csv_rows(BONUSES), actor="ada", now=NOW)
        again = import_campaigns(work, csv_rows(BONUSES), actor="ada", now=NOW + DAY)
        listed = load(work)

    assert (report.added, again.added, again.unchanged) == (3, 0, 3)
    last = datetime(2026, 5, 1, tzinfo=UTC)
    for source, target, amount, base, bonus in (
        ("chase_ur", "aeroplan", 10_000, 10_000, 2_000),
        ("chase_ur", "ihg", 10_000, 10_000, 7_000),
        ("capital_one", "jal", 1_000, 750, 225),
        ("capital_one", "jal", 1_100, 825, 247),
    ):
        request = PriceRequest(f"{source}.point", f"{target}.point", amount)
        during = price(listed, request, last - timedelta(microseconds=1))
        after = price(listed, request, last)
        assert (during.base, during.bonus) == (base, bonus)
        assert (after.base, after.bonus) == (base, 0)


def test_days_of_a_campaign_are_days_of_its_funder(database: Database) -> None:
    with database.work() as work:
        add(work, "bank", time_zone="Asia/Jakarta")
        add(work, "air")
        _import(work, _file(_row()))
        row = "sale,bank,air,50,2026-04-10,2026-04-10,false"
        import_campaigns(work, csv_rows(f"{BONUS_HEADER}\n{row}\n".encode()), actor="ada", now=NOW)
        listed = load(work)

    request = PriceRequest("bank.point", "air.point", 1_000)
    starts = datetime(2026, 4, 9, 17, tzinfo=UTC)
    bonuses = [
        price(listed, request, starts + offset).bonus
        for offset in (timedelta(microseconds=-1), timedelta(0), DAY - timedelta(microseconds=1), DAY)
    ]
    assert bonuses == [0, 500, 500, 0]


def test_a_targeted_campaign_reaches_its_segment_only(database: Database) -> None:
    with database.work() as work:
        _import(work, _file(_row()))
        row = "sale,bank,air,50,2026-04-01,2026-04-30,true"
        import_campaigns(work, csv_rows(f"{BONUS_HEADER}\n{row}\n".encode()), actor="ada", now=NOW)
        listed = load(work)

    inside = PriceRequest("bank.point", "air.point", 1_000, {"segment": "sale"})
    assert price(listed, inside, NOW).bonus == 500
    assert price(listed, PriceRequest("bank.point", "air.point", 1_000), NOW).bonus == 0


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("sale,bank,air,0,2026-04-01,2026-04-30,false", "bonus_percent '0' is not a number above zero"),
        ("sale,bank,air,-5,2026-04-01,2026-04-30,false", "bonus_percent '-5' is not a number above zero"),
        ("sale,bank,air,x,2026-04-01,2026-04-30,false", "bonus_percent 'x' is not a number above zero"),
        ("sale,bank,air,5000,2026-04-01,2026-04-30,false", "A bonus is 0 to 1000 percent of the base"),
        ("sale,bank,air,5,2026-04-31,2026-04-30,false", "starts_on and ends_on_inclusive are days"),
        ("sale,bank,air,5,20260401,2026-04-30,false", "starts_on and ends_on_inclusive are days"),
        ("sale,bank,air,5,2026-04-30,2026-04-29,false", "A campaign's last day is not before its first"),
        ("sale,bank,air,5,2026-04-01,2026-04-30,maybe", "targeted 'maybe' is neither true nor false"),
        ("SALE!,bank,air,5,2026-04-01,2026-04-30,false", "id is not small letters"),
        ("sale,bank,moon,5,2026-04-01,2026-04-30,false", "there is no unit moon.point; import its route first"),
        ("sale,bank,air", "no column bonus_percent, starts_on, ends_on_inclusive, targeted"),
        ("ok,bank,air,5,2026-04-01,2026-04-30,false", "campaign ok stands on line 2 already"),
    ],
)
def test_a_broken_campaign_row_is_named_and_nothing_is_written(database: Database, row: str, reason: str) -> None:
    good = "ok,bank,air,5,2026-04-01,2026-04-30,false"
    with database.work() as work:
        _import(work, _file(_row()))

        with pytest.raises(RatesFileInvalid) as refusal:
            import_campaigns(work, csv_rows(f"{BONUS_HEADER}\n{good}\n{row}\n".encode()), actor="ada", now=NOW)

        assert str(_faults(refusal.value)["line_3"]).startswith(reason)
        assert load(work).campaigns == {}


def test_a_campaign_is_not_edited_by_a_file(database: Database) -> None:
    with database.work() as work:
        _import(work, ROUTES)
        import_campaigns(work, csv_rows(BONUSES), actor="ada", now=NOW)

        with pytest.raises(RatesFileInvalid, match="exists already with other particulars"):
            import_campaigns(work, csv_rows(BONUSES.replace(b",70,", b",75,")), actor="ada", now=NOW)


def test_campaigns_of_live_partners_are_not_imported(database: Database) -> None:
    with database.work() as work:
        add(work, "bank", live=True)
        add(work, "air", live=True)
        row = "sale,bank,air,50,2026-04-01,2026-04-30,false"

        with pytest.raises(RatesFileInvalid, match="belongs to a live partner"):
            import_campaigns(work, csv_rows(f"{BONUS_HEADER}\n{row}\n".encode()), actor="ada", now=NOW)


def test_the_whole_real_graph_with_its_campaigns_passes_the_guard(database: Database) -> None:
    with database.work() as work:
        _import(work, ROUTES)
        import_campaigns(work, csv_rows(BONUSES), actor="ada", now=NOW)
        listed = load(work)

    assert gaining_cycle(listed, since=NOW, live=False) is None
    assert {rule.state for rules in listed.rules.values() for rule in rules} == {RuleState.ACTIVE}
