"""The ledger against a dictionary model, in random batches: same answers, same balances, and verify is silent."""

import itertools
from fractions import Fraction

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from hub import ledger
from hub.ledger import Account, Book, Posting, Transfer
from hub.storage import Database
from tests.ledger.model import Model, Sides
from tests.ledger.support import NOW, differences, word

UNITS = {"a": "USD", "b": "USD", "c": "USD", "m": "mile", "n": "mile"}
KEYS = "123456789"

codes = st.sampled_from([*"aaabbbcmn", "?"])
amounts = st.integers(1, 12)
sides_of = st.lists(st.tuples(codes, codes, amounts), min_size=1, max_size=3).map(tuple)
# Mostly transfers that fit, or nearly everything would be refused for its units.
fitting = st.lists(
    st.tuples(st.permutations(["a", "b", "c"]), amounts).map(lambda one: (one[0][0], one[0][1], one[1])),
    min_size=1,
    max_size=3,
).map(tuple)
sides_any = st.one_of(fitting, fitting, fitting, sides_of)
keys = st.sampled_from(KEYS)
shares = st.sampled_from([Fraction(1, 3), Fraction(1, 2), Fraction(2, 3), Fraction(1), Fraction(1, 50)])

requests = st.one_of(
    st.tuples(st.just("post"), keys, sides_any),
    st.tuples(st.just("hold"), keys, sides_any),
    st.tuples(st.just("hold_all"), st.lists(st.tuples(keys, sides_any), min_size=1, max_size=3)),
    st.tuples(st.just("post_hold"), keys, st.none() | st.lists(st.integers(0, 8), min_size=1, max_size=3)),
    st.tuples(st.just("void"), keys),
    st.tuples(st.just("reverse"), keys, keys, shares),
)


class LedgerMachine(RuleBasedStateMachine):
    """Every run has accounts and keys of its own in one shared database."""

    database: Database
    runs = itertools.count()

    @initialize(floors=st.fixed_dictionaries(dict.fromkeys(UNITS, st.none() | st.integers(-30, 0))))
    def open(self, floors: dict[str, int | None]) -> None:
        self.run_name = f"{next(self.runs)}:"
        self.model = Model(units=UNITS, floors=floors)
        with self.database.work() as work:
            accounts = [Account(self.run_name + code, UNITS[code], floors[code]) for code in UNITS]
            ledger.open_accounts(work, accounts, now=NOW)

    @rule(batch=st.lists(requests, min_size=1, max_size=8))
    def decide(self, batch: list[tuple[object, ...]]) -> None:
        with self.database.work() as work:
            ledger.enter(work)
            names = [self.run_name + one for one in [*UNITS, "?"]]
            book = ledger.lock(work, codes=names, keys=[self.run_name + key for key in KEYS], now=NOW)
            for request in batch:
                assert word(self._ask(book, request)) == self._expected(request), request
            book.write()

    @rule()
    def close_period(self) -> None:
        with self.database.work() as work:
            ledger.close_period(work, now=NOW)

    @invariant()
    def balances_are_those_of_the_model(self) -> None:
        with self.database.read() as work:
            found = ledger.balances(work, [self.run_name + code for code in UNITS])
        for code in UNITS:
            balance = found[self.run_name + code]
            assert (balance.posted, balance.held) == (self.model.posted[code], self.model.held[code]), code
            assert balance.floor is None or balance.available >= balance.floor

    def _posting(self, key: str, sides: Sides) -> Posting:
        name = self.run_name
        return Posting(name + key, "model", tuple(Transfer(name + d, name + c, a) for d, c, a in sides), NOW)

    def _ask(self, book: Book, request: tuple[object, ...]) -> object:
        name = self.run_name
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

    def _expected(self, request: tuple[object, ...]) -> str:
        verb, *arguments = request
        return str(getattr(self.model, str(verb))(*arguments))


def test_the_ledger_answers_like_the_model(database: Database) -> None:
    machine = type("BoundMachine", (LedgerMachine,), {"database": database, "runs": itertools.count()})

    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=40, stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )

    assert differences(database) == []
