"""Whatever happens to windows, and in whatever order: each movement of a position is billed once."""

import json
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from hub import chart
from hub.conversion.states import ConversionState
from hub.conversion.types import Conversion
from hub.kernel.amounts import decimal_text
from hub.kernel.clock import ManualClock
from hub.reports.books import render_statement
from hub.settlement import objections, service, store, verification
from hub.settlement.refusals import HeadroomMissing, ObjectionInvalid, WindowStateWrong
from hub.settlement.types import LineChoice, Netted, Objection, ObjectionState, Side, WindowState
from hub.storage import Database, Work
from tests.conversion.world import PARTNERS, USD_SCALE, World

_ROUNDS = 7
_CALENDARS = ("daily", "monthly")

Line = tuple[str, str, str, str]
"""Partner, kind, agreement, counterparty."""


class Life:
    """Partners on two calendars, and steps that a seed picks; what is not possible now is refused or does nothing."""

    def __init__(self, database: Database, clock: ManualClock, seed: int) -> None:
        self.world = World(database, clock)
        self.database = database
        self.random = random.Random(seed)
        self.taken: list[Conversion] = []
        self.steps: Counter[str] = Counter()
        self.deck: tuple[Callable[[], bool], ...] = (
            self.convert, self.convert, self.convert, self.work, self.work, self.reverse, self.price, self.close,
            self.net, self.net, self.state, self.state, self.instruct, self.pay, self.pay, self.object, self.object,
            self.decide,
        )  # fmt: skip
        with database.work() as work:
            work.run("UPDATE agreement SET calendar = 'daily' WHERE partner = 'northbank'")

    def round(self) -> None:
        """Every step of the deck in some order, and one that takes a window back."""
        for step in self.random.sample([*self.deck, self.abort], len(self.deck) + 1):
            self.steps[step.__name__] += step()

    def convert(self) -> bool:
        """A conversion that is left under way."""
        source, target = self.random.sample(PARTNERS, 2)
        self.taken.append(self.world.convert(self.random.randrange(25, 20_000), source=source, target=target))
        return True

    def work(self) -> bool:
        """Let the worker finish what is under way."""
        self.world.run()
        return True

    def reverse(self) -> bool:
        """Give part of a posted conversion back."""
        done = [one for one in self.taken if self.world.state(one) is ConversionState.POSTED]
        if not done:
            return False
        one = self.random.choice(done)
        return isinstance(self.world.reverse(one, self.random.choice([None, 10, 20])), Conversion)

    def price(self) -> bool:
        """A new version of an agreement, on the calendar of the one before it."""
        partner = self.random.choice(PARTNERS)
        self.world.agree(partner, cap="1000000", debit=str(self.random.randrange(8, 11)))
        with self.database.work() as work:
            calendar = "daily" if partner == "northbank" else "monthly"
            work.run("UPDATE agreement SET calendar = %s WHERE partner = %s", (calendar, partner))
        return True

    def close(self) -> bool:
        """Cut a calendar off."""
        with self.database.work() as work:
            code = self.random.choice(_CALENDARS)
            return service.close(work, code, early=True, now=self.world.clock.now()) is not None

    def net(self) -> bool:
        """Net any window, in order or not, again or not."""
        return self._try(WindowState.CLOSED, lambda work, id: service.net(work, id, now=self.world.clock.now()))

    def state(self) -> bool:
        """Write the statements of any window."""
        now = self.world.clock.now()
        return self._try(WindowState.NETTED, lambda work, id: service.state(work, id, render_statement, now=now))

    def instruct(self) -> bool:
        """Ask for the payment of any window."""
        now = self.world.clock.now()
        return self._try(WindowState.STATED, lambda work, id: service.instruct(work, id, actor="maya", now=now))

    def abort(self) -> bool:
        """Take any window back."""
        now = self.world.clock.now()
        return self._try(WindowState.STATED, lambda work, id: service.abort(work, id, actor="maya", now=now))

    def pay(self) -> bool:
        """Pay an obligation, a partner's also in part."""
        with self.database.read() as work:
            instructed = store.windows(work, states=[WindowState.INSTRUCTED])
            due = [one for each in instructed for one in store.obligations(work, each.id) if one.rest]
        if not due:
            return False
        one = self.random.choice(due)
        amount = one.rest if one.amount > 0 else self.random.randrange(1, one.rest + 1)
        reference = f"E2E-{one.id}-{one.paid}"
        for _ in range(2):
            with self.database.work() as work:
                service.pay(work, one.id, amount=amount, reference=reference, actor="maya", now=self.world.clock.now())
        return True

    def object(self) -> bool:
        """Dispute some lines of any statement, in any state of its window."""
        with self.database.read() as work:
            every = [one for window in store.windows(work) for one in store.statements(work, window.id)]
            if not every:
                return False
            one = self.random.choice(every[-5:])
            lines = [line for line in store.lines(work, one.window) if line.partner == one.partner]
        chosen = self.random.sample(lines, min(len(lines), self.random.randrange(1, 3)))
        choices = [LineChoice(line.kind, line.counterparty, agreement=line.agreement) for line in chosen]
        try:
            with self.database.work() as work:
                service.object_to(
                    work, one.id, choices, render_statement, partner=one.partner, live=one.live, reason="not ours",
                    actor="them", now=self.world.clock.now(),
                )  # fmt: skip
        except ObjectionInvalid:
            return False
        return True

    def decide(self) -> bool:
        """Uphold or reject one of the objections that are open."""
        with self.database.read() as work:
            waiting = objections.listed(work, states=[ObjectionState.OPEN])
        return bool(waiting) and self._decide(self.random.choice(waiting))

    def _decide(self, one: Objection) -> bool:
        decision = self.random.choice([ObjectionState.UPHELD, ObjectionState.REJECTED])
        both = self.random.random() < 0.5
        for _ in range(2):
            with self.database.work() as work:
                service.decide(
                    work, one.id, decision, both_sides=both, remark="seen", actor="maya", now=self.world.clock.now()
                )
        return True

    def finish(self) -> None:
        """Post what is under way, and state every window that is left."""
        self.world.run()
        with self.database.read() as work:
            waiting = objections.listed(work, states=[ObjectionState.OPEN])
        for one in waiting:
            self._decide(one)
        for code in _CALENDARS:
            with self.database.work() as work:
                service.close(work, code, early=True, now=self.world.clock.now())
        with self.database.read() as work:
            waiting = store.windows(work, states=[WindowState.CLOSED, WindowState.NETTED])
        for window in waiting:
            with self.database.work() as work:
                service.net(work, window.id, now=self.world.clock.now())
            with self.database.work() as work:
                service.state(work, window.id, render_statement, now=self.world.clock.now())

    def _try(self, likely: WindowState, doing: Callable[[Work, str], object]) -> bool:
        """Do it to a window that is ready for it, or now and then to any; whether it was not refused."""
        with self.database.read() as work:
            every = store.windows(work)
        ready = [one for one in every if one.state is likely]
        if not every:
            return False
        window = ready[0] if ready and self.random.random() < 0.8 else self.random.choice(every[-4:])
        try:
            with self.database.work() as work:
                doing(work, window.id)
        except (WindowStateWrong, HeadroomMissing):
            return False
        return True

    def netted(self) -> list[Netted]:
        """Every window that counts."""
        with self.database.read() as work:
            counting = [one for one in store.windows(work) if one.state not in (WindowState.OPEN, WindowState.ABORTED)]
            return [service.read(work, one.id) for one in counting]

    def documents(self) -> list[dict[str, Any]]:
        """Every statement that counts, as its partner has it."""
        counting = self.netted()
        with self.database.read() as work:
            found = [store.statements(work, one.window.id) for one in counting]
        return [json.loads(one.document) for each in found for one in each]

    def moved(self) -> list[tuple[str, int, Line, int]]:
        """Every entry of a position but payments: account, number in it, line it belongs to, amount."""
        with self.database.read() as work:
            rows = work.fetch(
                "SELECT a.code, e.version, e.label, e.amount FROM ledger_entry e JOIN ledger_account a "
                "ON a.id = e.account WHERE a.code LIKE 'position:%%' ORDER BY a.code, e.version"
            )
        found = []
        for account, number, label, amount in rows:
            kind, version, counterparty = chart.label_parts(label)
            if kind != chart.PAYMENT:
                found.append((account, number, (account.split(":")[1], kind, version, counterparty), amount))
        return found


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_each_movement_is_on_one_statement_whatever_happened(database: Database, clock: ManualClock, seed: int) -> None:
    life = Life(database, clock, seed)
    for _ in range(_ROUNDS):
        life.round()
    life.finish()

    documents = life.documents()

    require_each_entry_under_one_root(life, documents)
    require_lines_are_the_ledger(life, documents)
    require_what_is_unpaid_is_the_position(life)
    with database.read() as work:
        assert verification.verify(work) == []
    assert life.world.differences() == []
    assert min(life.steps[one.__name__] for one in (*life.deck, life.abort)) > 0


def require_each_entry_under_one_root(life: Life, documents: list[dict[str, Any]]) -> None:
    """The roots that statements name cover every entry of a position, and none of them twice."""
    covered = Counter(
        (root["account"], number)
        for document in documents
        for root in document["roots"]
        for number in range(root["first_entry"], root["first_entry"] + root["entries"])
    )
    assert set(covered.values()) <= {1}
    assert {(account, number) for account, number, _, _ in life.moved()} <= covered.keys()


def require_what_is_unpaid_is_the_position(life: Life) -> None:
    """A position is what its obligations still come to, and what the last window left over."""
    expected: dict[str, int] = {}
    carried: dict[tuple[str, Side], int] = {}
    for netted in life.netted():
        for one in netted.obligations:
            signed = one.rest if one.amount > 0 else -one.rest
            expected[one.side.partner] = expected.get(one.side.partner, 0) + signed * netted.money["USD"].factor
            carried[netted.window.calendar, one.side] = one.closing
    for (_, side), closing in carried.items():
        expected[side.partner] += closing
    assert expected == {partner: life.world.position(partner) for partner in expected}


def require_lines_are_the_ledger(life: Life, documents: list[dict[str, Any]]) -> None:
    """For every line, the entries on all statements are as many and as much as the ledger's."""
    expected: dict[Line, list[int]] = {}
    for _, _, line, amount in life.moved():
        sums = expected.setdefault(line, [0, 0, 0])
        sums[0] += max(-amount, 0)
        sums[1] += max(amount, 0)
        sums[2] += 1
    billed: dict[Line, list[int]] = {}
    for document in documents:
        for line in document["lines"]:
            key = (document["partner"]["code"], line["kind"], line["agreement"], line["counterparty"])
            sums = billed.setdefault(key, [0, 0, 0])
            sums[0] += units(line["debits"])
            sums[1] += units(line["credits"])
            sums[2] += line["count"]
    assert billed == expected


def units(text: str) -> int:
    """Ledger units of an amount on a statement."""
    value = int(text.replace(".", ""))
    assert decimal_text(value, USD_SCALE) == text
    return value
