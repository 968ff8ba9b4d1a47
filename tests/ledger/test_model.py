"""The ledger against a dictionary model, in random batches: same answers, same balances, and verify is silent.

Twice: seeded runs that steer towards what is rare (ends of holds, reversals), and a state machine of Hypothesis.
"""

import itertools
import random
from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from hub import ledger
from hub.ledger import Account, Book, Posting, Transfer
from hub.storage import Database
from tests.ledger.model import Model, Sides
from tests.ledger.support import NOW, differences, word

UNITS = {"a": "USD", "b": "USD", "c": "USD", "m": "mile", "n": "mile"}
KEYS = [f"{letter}{digit}" for letter in "abcdefghij" for digit in "0123456789"]
SHARES = [Fraction(1, 3), Fraction(1, 2), Fraction(2, 3), Fraction(1), Fraction(1, 50)]

Request = tuple[object, ...]


class Run:
    """One run in accounts and under keys of its own, so that many share a database."""

    def __init__(self, database: Database, name: str, floors: dict[str, int | None]) -> None:
        self._database = database
        self._name = f"{name}:"
        self.model = Model(units=UNITS, floors=floors)
        with database.work() as work:
            accounts = [Account(self._name + code, UNITS[code], floors[code]) for code in UNITS]
            ledger.open_accounts(work, accounts, now=NOW)

    def decide(self, batch: list[Request]) -> list[str]:
        """Ask the ledger and the model the same, in one transaction."""
        words = []
        with self._database.work() as work:
            ledger.enter(work)
            codes = [self._name + one for one in [*UNITS, "?"]]
            book = ledger.lock(work, codes=codes, keys=[self._name + key for key in KEYS], now=NOW)
            for request in batch:
                verb, *arguments = request
                words.append(word(self._ask(book, request)))
                assert words[-1] == getattr(self.model, str(verb))(*arguments), request
            book.write()
        return words

    def compare(self) -> None:
        """Balances are those of the model, and no floor is crossed."""
        with self._database.read() as work:
            found = ledger.balances(work, [self._name + code for code in UNITS])
        for code in UNITS:
            balance = found[self._name + code]
            assert (balance.posted, balance.held) == (self.model.posted[code], self.model.held[code]), code
            assert balance.floor is None or balance.available >= balance.floor

    def _posting(self, key: str, sides: Sides) -> Posting:
        name = self._name
        return Posting(name + key, "model", tuple(Transfer(name + d, name + c, a) for d, c, a in sides), NOW)

    def _ask(self, book: Book, request: Request) -> object:
        name = self._name
        match request:
            case ("post", str(key), sides):
                return book.post(self._posting(key, sides))  # type: ignore[arg-type]
            case ("hold", str(key), sides):
                return book.hold(self._posting(key, sides))  # type: ignore[arg-type]
            case ("hold_all", asked):
                return book.hold_all([self._posting(key, sides) for key, sides in asked])  # type: ignore[attr-defined]
            case ("post_hold", str(key), wanted):
                return book.post_hold(name + key, effective_at=NOW, amounts=wanted)  # type: ignore[arg-type]
            case ("void", str(key)):
                return book.void_hold(name + key)
            case ("reverse", str(key), str(of), share):
                return book.reverse(name + key, of=name + of, share=share, effective_at=NOW)  # type: ignore[arg-type]
        raise AssertionError(request)


class _Author:
    """Writes random requests; sees the model to know what would be interesting."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._said: list[Request] = []

    def floors(self) -> dict[str, int | None]:
        pick = self._random
        return {code: None if pick.random() < 0.3 else pick.randint(-40, 0) for code in UNITS}

    def batch(self, model: Model) -> list[Request]:
        said = [self._request(model) for _ in range(self._random.randint(1, 9))]
        self._said += said
        return said

    def _request(self, model: Model) -> Request:
        pick = self._random
        if self._said and pick.random() < 0.1:
            return pick.choice(self._said)
        verb = pick.choice(["post", "post", "hold", "hold", "hold_all", "post_hold", "post_hold", "void", "reverse"])
        if verb in ("post", "hold"):
            return verb, pick.choice(KEYS), self._sides()
        if verb == "hold_all":
            return verb, [(pick.choice(KEYS), self._sides()) for _ in range(pick.randint(1, 3))]
        held = pick.choice([*model.holds, *model.holds, pick.choice(KEYS)])
        if verb == "post_hold":
            return verb, held, None if pick.random() < 0.5 else [pick.randint(0, 8) for _ in range(pick.randint(1, 3))]
        if verb == "void":
            return verb, held
        posted = pick.choice([*model.sides, *model.sides, pick.choice(KEYS)])
        return verb, pick.choice(KEYS), posted, pick.choice(SHARES)

    def _sides(self) -> Sides:
        pick = self._random
        among = "abc" if pick.random() < 0.9 else "abcmn?"
        return tuple(
            (pick.choice(among), pick.choice(among), pick.randint(1, 12))
            if len(among) > 3
            else (*pick.sample(among, 2), pick.randint(1, 12))  # type: ignore[misc]
            for _ in range(pick.randint(1, 3))
        )


# What a run of 60 seeds must have met at least once, or it would prove little.
MET = {
    "posted", "posted again", "held", "held again", "voided", "voided again", "key_reused", "floor_breached",
    "unit_mismatch", "account_missing", "posting_invalid", "posting_missing", "hold_missing", "hold_resolved",
    "hold_exceeded", "reversal_exceeded",
}  # fmt: skip


def test_seeded_runs_answer_like_the_model(database: Database) -> None:
    met: Counter[str] = Counter()

    for seed in range(60):
        author = _Author(seed)
        run = Run(database, str(seed), author.floors())
        for step in range(10):
            met.update(run.decide(author.batch(run.model)))
            run.compare()
            if step == 5:
                with database.work() as work:
                    ledger.close_period(work, now=NOW)

    assert set(met) >= MET
    assert differences(database) == []


@pytest.mark.parametrize("seed", range(3))
def test_sums_over_everything_are_zero_in_every_unit(database: Database, seed: int) -> None:
    author = _Author(1_000 + seed)
    run = Run(database, "run", author.floors())
    for _ in range(12):
        run.decide(author.batch(run.model))

    with database.read() as work:
        totals = work.fetch(
            "SELECT a.unit, sum(b.posted) FROM ledger_account a JOIN ledger_balance b ON b.account = a.id GROUP BY 1"
        )
        turnover = ledger.turnover(work, 1)

    assert {int(total) for _, total in totals} == {0}
    assert sum(one.debits for one in turnover) == sum(one.credits for one in turnover)


codes = st.sampled_from([*"aaabbbcmn", "?"])
amounts = st.integers(1, 12)
sides_any = st.lists(st.tuples(codes, codes, amounts), min_size=1, max_size=3).map(tuple)
keys = st.sampled_from(KEYS[:12])
requests = st.one_of(
    st.tuples(st.just("post"), keys, sides_any),
    st.tuples(st.just("hold"), keys, sides_any),
    st.tuples(st.just("hold_all"), st.lists(st.tuples(keys, sides_any), min_size=1, max_size=3)),
    st.tuples(st.just("post_hold"), keys, st.none() | st.lists(st.integers(0, 8), min_size=1, max_size=3)),
    st.tuples(st.just("void"), keys),
    st.tuples(st.just("reverse"), keys, keys, st.sampled_from(SHARES)),
)


class LedgerMachine(RuleBasedStateMachine):
    """Steps of one run."""

    database: Database
    names = itertools.count()

    @initialize(floors=st.fixed_dictionaries(dict.fromkeys(UNITS, st.none() | st.integers(-30, 0))))
    def open(self, floors: dict[str, int | None]) -> None:
        self.run = Run(self.database, f"machine{next(self.names)}", floors)

    @rule(batch=st.lists(requests, min_size=1, max_size=8))
    def decide(self, batch: list[Request]) -> None:
        self.run.decide(batch)

    @rule()
    def close_period(self) -> None:
        with self.database.work() as work:
            ledger.close_period(work, now=NOW)

    @invariant()
    def balances_are_those_of_the_model(self) -> None:
        self.run.compare()


def test_the_state_machine_answers_like_the_model(database: Database) -> None:
    machine = type("BoundMachine", (LedgerMachine,), {"database": database})

    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=25,
            stateful_step_count=10,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            # Shrinking would go on for minutes: each try is a run of transactions. The seeded runs are short already.
            phases=[Phase.generate],
            database=None,
        ),
    )

    assert differences(database) == []
