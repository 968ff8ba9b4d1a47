"""A test bank with rules on a real database, and plain recomputations to compare with."""

import csv
from collections.abc import Mapping, Sequence
from datetime import datetime
from fractions import Fraction
from importlib.resources import files
from pathlib import Path

from hub import ledger
from hub.agreements.roster import roster
from hub.earning.desk import desk_of
from hub.earning.frames import checked, frame_of
from hub.earning.intake import Taken, take
from hub.earning.rules_document import read_rules
from hub.earning.rulesets import adopt_rules
from hub.earning.sandbox import prepare
from hub.kernel.clock import ManualClock
from hub.storage import Database

BANK = "northbank"
UNIT = "aerojet.mile"
ACTOR = "operator:maya"
PLAIN = """
currency = "GBP"
target = "aerojet.mile"
effective_from = 2016-01-01
[[rules]]
code = "base"
earn = "1 per 1.00"
"""

Row = Mapping[str, str]


class Spend:
    """A test bank that has just taken on these rules."""

    def __init__(self, database: Database, clock: ManualClock, rules: str = PLAIN) -> None:
        self.database, self.clock = database, clock
        self.ruleset = read_rules(rules, bank=BANK)
        with database.work() as work:
            known = prepare(
                work, self.ruleset, lambda _: None, sandbox_url="http://127.0.0.1:1", actor=ACTOR, now=clock.now()
            )
            adopt_rules(work, known, self.ruleset, actor=ACTOR, now=clock.now())

    def take(self, rows: Sequence[Row], *, linking: bool = True, fresh: bool = False) -> Taken:
        """Take rows in one transaction."""
        now: datetime = self.clock.now()
        with self.database.work() as work:
            ledger.enter(work)
            desk = desk_of(work, roster(work), BANK, now=now)
            frame = checked(frame_of(rows), desk.reading())
            return take(work, desk, frame, source="test", linking=linking, fresh=fresh)

    def codes(self, taken: Taken) -> list[str]:
        """What became of each row."""
        return taken.frame["code"].to_list()

    def points(self) -> dict[str, int]:
        """Net points by token."""
        with self.database.read() as work:
            rows = work.fetch(
                "SELECT k.token, sum(moved.points) FROM (SELECT token, points FROM card_transaction UNION ALL "
                "SELECT token, points FROM earn_adjustment) AS moved JOIN card_token k ON k.number = moved.token "
                "GROUP BY 1 HAVING sum(moved.points) <> 0"
            )
        return {token: int(points) for token, points in rows}

    def balance(self, code: str) -> int:
        """An account's posted balance."""
        with self.database.read() as work:
            found = ledger.balances(work, [code])
        return found[code].posted if code in found else 0

    def differences(self) -> list[ledger.Difference]:
        """Everything that is wrong with the ledger."""
        with self.database.read() as work:
            return ledger.verify(work)


def row(id: str, amount: str, *, token: str = "card-1", time: str = "2016-06-10", **more: str) -> dict[str, str]:
    """A transaction."""
    plain = {"id": id, "token": token, "time": time, "amount": amount, "currency": "GBP", "category": "L100"}
    return plain | {"merchant": "corner shop"} | more


def real_path(month: str) -> Path:
    """The file of a real month."""
    return Path(str(files("hub.trials") / "data" / "card-spend" / f"{month}.csv"))


def real_rows(month: str) -> list[dict[str, str]]:
    """Records of a real month."""
    with real_path(month).open(encoding="utf-8", newline="") as text:
        return list(csv.DictReader(text))


def whole(value: Fraction) -> int:
    """Rounded down."""
    return value.numerator // value.denominator
