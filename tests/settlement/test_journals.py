"""Journals balance, leave no member out or in, and name every account one to one."""

import csv
import io
import re
import subprocess
import sys
from collections import defaultdict
from datetime import date
from fractions import Fraction
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from hub.kernel.clock import ManualClock
from hub.reports import books, journals
from hub.reports.journals import Movement, beancount_account, beancount_commodity
from hub.storage import Database
from tests.conversion.world import World
from tests.settlement.test_windows import closed, posted

_TEXT_ROW = re.compile(r'^ +(\S+)  (-?[0-9.]+) "?([^";\s]+)"?')


def texts(database: Database, clock: ManualClock) -> tuple[list[Movement], dict[str, int]]:
    """The movements of a window with two conversions, and the digits of their units."""
    world = World(database, clock)
    posted(world, ("aerojet", "staywell", 10_000), ("staywell", "northbank", 5_000))
    window = closed(world)
    with database.read() as work:
        return books.movements(work, window), dict(books.scales(work, clock.now()))


def test_every_transaction_of_the_text_journals_balances(database: Database, clock: ManualClock) -> None:
    movements, scales = texts(database, clock)

    for written in (journals.journal_hledger(movements, scales), journals.journal_beancount(movements, scales)):
        sums: dict[str, Fraction] = defaultdict(Fraction)
        rows = [found for line in written.splitlines() if (found := _TEXT_ROW.match(line))]
        for row in rows:
            sums[row[3]] += Fraction(row[2])
        assert len(rows) == len(movements)
        assert set(sums.values()) == {Fraction(0)}


def test_bean_check_accepts_the_journal_and_misses_what_is_left_out(
    database: Database, clock: ManualClock, tmp_path: Path
) -> None:
    written = journals.journal_beancount(*texts(database, clock))
    whole, short = tmp_path / "whole.beancount", tmp_path / "short.beancount"
    whole.write_text(written)
    rows = (found for line in written.splitlines() if (found := _TEXT_ROW.match(line)))
    row = next(found.string for found in rows if Fraction(found[2]))
    short.write_text(written.replace(f"{row}\n", "", 1))

    def checked(file: Path) -> subprocess.CompletedProcess[str]:
        command = [Path(sys.executable).with_name("bean-check"), "--no-cache", file]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    accepted, refused = checked(whole), checked(short)
    assert (accepted.returncode, accepted.stderr) == (0, ""), accepted.stderr
    assert refused.returncode == 1
    assert "does not balance" in refused.stderr


def test_the_journal_ties_out_to_the_trial_balance_to_the_last_digit(database: Database, clock: ManualClock) -> None:
    movements, scales = texts(database, clock)
    with database.read() as work:
        balances = books.trial_balance(work, None)

    rows = list(csv.DictReader(io.StringIO(journals.journal_csv(movements, scales))))
    sums: dict[tuple[str, str], Fraction] = defaultdict(Fraction)
    for row in rows:
        sums[row["unit"], row["account"]] += Fraction(row["credits"]) - Fraction(row["debits"])
    shown = list(csv.DictReader(io.StringIO(journals.trial_balance_csv(balances, scales))))
    stands = {
        (row["unit"], row["account"]): Fraction(row["credit"] or 0) - Fraction(row["debit"] or 0) for row in shown
    }

    assert {key: one for key, one in sums.items() if one} == stands
    for unit in {unit for unit, _ in stands}:
        assert sum(one for (of, _), one in stands.items() if of == unit) == 0


def test_memberships_of_hosted_programmes_are_summed_up() -> None:
    rows = [
        Movement(1, date(2026, 4, 6), "bean.point", "member:bean.point:4711", 5, 0, 1),
        Movement(1, date(2026, 4, 6), "bean.point", "member:bean.point:4712", 0, 9, 2),
        Movement(1, date(2026, 4, 6), "bean.point", "issued:bean.point", 4, 0, 1),
    ]

    (issued, members) = journals.without_members(rows)
    assert (issued.account, issued.debits) == ("issued:bean.point", 4)
    assert (members.account, members.debits, members.credits, members.count) == ("member:bean.point", 5, 9, 3)


_CODES = st.from_regex(
    r"(position|outside|transit|budget):[a-z0-9_]{1,12}(\.[a-z0-9_]{1,12})?(:[A-Z]{3})?", fullmatch=True
)


@given(_CODES, _CODES)
def test_accounts_have_names_that_beancount_takes_and_no_two_share_one(one: str, other: str) -> None:
    names = [beancount_account(code) for code in (one, other)]

    assert all(re.fullmatch(r"(Assets|Liabilities|Equity|Income)(:[A-Z0-9][A-Za-z0-9-]*)+", name) for name in names)
    assert (names[0] == names[1]) == (one == other)


@given(st.from_regex(r"[a-z0-9_]{1,30}\.[a-z_]{1,12}", fullmatch=True))
def test_commodities_have_names_that_beancount_takes(unit: str) -> None:
    assert re.fullmatch(r"[A-Z][A-Z0-9'._-]{0,22}[A-Z0-9]", beancount_commodity(unit))
