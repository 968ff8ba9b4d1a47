"""Reads money stories as text tables and checks them line by line on the real ledger.

One story a file; a line is a verb and its words, `#` starts a comment. Each story begins with the three partners of
`tests/conversion/world.py`, which clear in USD at 8.00 out and 19.60 in per 1,000, all routes at 5:2.

    cap       NAME AMOUNT                     a partner's net debit cap in USD
    fee       A -> B points AMOUNT            or `money AMOUNT`: what the route costs on top
    campaign  A -> B PERCENT budget AMOUNT    a bonus that the target pays for
    reverse_kind NAME KIND                    how a partner gives back: native, by_credit, none
    partner   NAME EVENT EVENT ...            what happens to its next calls (see `tests/legs/fakes.py`), or a reason
    convert   M A POINTS -> B POINTS STATE REASON       a conversion of member M, and how it ends
    reverse   M POINTS STATE REASON           convert back part of M's newest conversion; `all` for the rest
    cancel    M STATE                         call M's newest conversion off before anything else happens
    position  NAME AMOUNT NAME AMOUNT ...     positions, `trading`, `fees` and `owed` in USD
    points    NAME POINTS ...                 what members of a partner won or lost, in the ledger and at the partner
    account   CODE AMOUNT                     any account in its smallest unit
"""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

from hub import chart
from hub.conversion.types import Cancellation, Conversion
from hub.kernel.errors import HubError
from hub.rates.types import Fee
from hub.storage import Database
from partners.base import Reason
from tests.conversion.world import PARTNERS, World, unit_of, usd

_REASONS = {reason.value for reason in Reason}


class Story:
    """One story, told line by line."""

    def __init__(self, world: World, database: Database) -> None:
        self.world = world
        self.database = database
        self.members: dict[str, str] = {}
        self.newest: dict[str, Conversion] = {}

    def tell(self, path: Path) -> None:
        """Every line, in order; an assertion names the line."""
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            words = line.partition("#")[0].split()
            if not words:
                continue
            verb: Callable[[list[str]], None] = getattr(self, f"do_{words[0]}")
            try:
                verb([word for word in words[1:] if word != "->"])
            except AssertionError as fault:
                raise AssertionError(f"{path.name}:{number}: {line.strip()}\n{fault}") from fault
        self.world.require_nothing_under_way()
        self.world.require_books_agree()

    def do_cap(self, words: list[str]) -> None:
        self.world.agree(words[0], cap=words[1])

    def do_fee(self, words: list[str]) -> None:
        source, target, kind, amount = words
        fee = (
            Fee("points", "", int(amount), Fraction(0), None)
            if kind == "points"
            else Fee("money", "USD", usd(amount), Fraction(0), None)
        )
        self.world.add_rule(source, target, fee=fee)

    def do_campaign(self, words: list[str]) -> None:
        source, target, percent, _, budget = words
        self.world.add_campaign(source, target, percent=int(percent), budget=budget)

    def do_reverse_kind(self, words: list[str]) -> None:
        self.world.set_profile(words[0], reverse=words[1])

    def do_partner(self, words: list[str]) -> None:
        self.world.partners[words[0]].then(*(Reason(word) if word in _REASONS else word for word in words[1:]))

    def do_convert(self, words: list[str]) -> None:
        name, source, amount, target, expected, state, *reason = words
        member = self.members.setdefault(name, "") or self.world.member()
        self.members[name] = member
        request = self.world.request(member, int(amount), source=source, target=target)
        answer = self.world.accept(request)[0]
        if isinstance(answer, HubError):
            assert (state, reason) == ("refused", [answer.code]), f"refused: {answer.code}"
            return
        assert answer.target_amount == int(expected), f"it would give {answer.target_amount}"
        self.newest[name] = answer
        if state != "held":
            self.world.run(hours=1)
        self._require(answer, state, reason)

    def do_reverse(self, words: list[str]) -> None:
        name, amount, state, *reason = words
        answer = self.world.reverse(self.newest[name], None if amount == "all" else int(amount))
        if isinstance(answer, HubError):
            assert (state, reason) == ("refused", [answer.code]), f"refused: {answer.code}"
            return
        assert isinstance(answer, Conversion)
        self.world.run(hours=1)
        self._require(answer, state, reason)

    def do_cancel(self, words: list[str]) -> None:
        name, state = words
        with self.database.work() as work:
            now = self.world.clock.now()
            answer = self.world.conversions.cancel(work, [Cancellation(self.newest[name].id, "", live=False)], now=now)[
                0
            ]
        said = answer.code if isinstance(answer, HubError) else answer.state.value
        assert said == state, said

    def do_position(self, words: list[str]) -> None:
        for name, amount in zip(words[::2], words[1::2], strict=True):
            codes = {"trading": chart.trading("USD"), "fees": chart.fees("USD"), "owed": chart.owed("USD")}
            stands = self.world.posted(codes.get(name) or chart.position(name, "USD"))
            assert stands == usd(amount.lstrip("+")), f"{name} stands at {Fraction(stands, usd('1'))}"

    def do_points(self, words: list[str]) -> None:
        for name, amount in zip(words[::2], words[1::2], strict=True):
            assert name in PARTNERS
            stands = self.world.posted(chart.outside(unit_of(name)))
            assert stands == self.world.partners[name].total() == int(amount), f"{name} stands at {stands}"

    def do_account(self, words: list[str]) -> None:
        stands = self.world.posted(words[0])
        assert stands == int(words[1]), f"it stands at {stands}"

    def _require(self, conversion: Conversion, state: str, reason: list[str]) -> None:
        after = self.world.get(conversion)
        said = [after.reason] if after.reason else []
        assert (after.state.value, said) == (state, reason), f"it is {after.state} {after.reason}"
