"""The ledger as a small dictionary model: what it must answer, without a database, hashes or batches."""

from collections import defaultdict
from dataclasses import dataclass, field
from fractions import Fraction

Sides = tuple[tuple[str, str, int], ...]


@dataclass
class Model:
    """Balances, holds and the first answer of every key. units and floors: of each account that is open."""

    units: dict[str, str]
    floors: dict[str, int | None]
    posted: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    held: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    answers: dict[str, tuple[object, str]] = field(default_factory=dict)
    sides: dict[str, Sides] = field(default_factory=dict)
    holds: dict[str, list[object]] = field(default_factory=dict)  # sides, state, posted amounts
    parts: dict[str, list[tuple[Fraction, list[int]]]] = field(default_factory=lambda: defaultdict(list))

    def post(self, key: str, sides: Sides) -> str:
        return self._once(
            key, ("post", sides), lambda: self._misfit(sides) or self._short(sides) or self._move(key, sides)
        )

    def hold(self, key: str, sides: Sides) -> str:
        def decide() -> str:
            debits = tuple((debit, "", amount) for debit, _, amount in sides)
            refusal = self._misfit(sides) or self._short(debits)
            if refusal:
                return refusal
            for debit, _, amount in sides:
                self.held[debit] += amount
            self.holds[key] = [sides, "pending", None]
            return "held"

        return self._once(key, ("hold", sides), decide)

    def hold_all(self, asked: list[tuple[str, Sides]]) -> str:
        for key, sides in asked:
            content, answer = self.answers.get(key, (("hold", sides), "held"))
            if content != ("hold", sides) or answer != "held":
                return "key_reused" if content != ("hold", sides) else answer
        made: list[tuple[str, Sides]] = []
        for key, sides in asked:
            answer = self.hold(key, sides)
            if answer == "held":
                made.append((key, sides))
            elif answer != "held again":
                for undone, given_up in made:
                    for debit, _, amount in given_up:
                        self.held[debit] -= amount
                    del self.holds[undone], self.answers[undone]
                return answer
        return "held" if made else "held again"

    def post_hold(self, key: str, amounts: list[int] | None) -> str:
        if key not in self.holds:
            return "hold_missing"
        sides, state, before = self.holds[key]
        wanted = [amount for *_, amount in sides] if amounts is None else amounts  # type: ignore[attr-defined]
        if state != "pending":
            again = "posted again" if wanted == before else "key_reused"
            return "hold_resolved" if state == "voided" else again
        if len(wanted) != len(sides) or not any(wanted):  # type: ignore[arg-type]
            return "posting_invalid"
        if any(amount > whole for amount, (*_, whole) in zip(wanted, sides, strict=True)):  # type: ignore[call-overload]
            return "hold_exceeded"
        self._end(key, "posted", wanted)
        return self._move(key, tuple((d, c, amount) for (d, c, _), amount in zip(sides, wanted, strict=True) if amount))  # type: ignore[call-overload]

    def void(self, key: str) -> str:
        if key not in self.holds or self.holds[key][1] != "pending":
            state = self.holds[key][1] if key in self.holds else None
            return {None: "hold_missing", "posted": "hold_resolved", "voided": "voided again"}[state]  # type: ignore[index]
        self._end(key, "voided", None)
        return "voided"

    def reverse(self, key: str, of: str, share: Fraction) -> str:
        def decide() -> str:
            if of not in self.sides:
                return "posting_missing"
            total = share + sum(part for part, _ in self.parts[of])
            if total > 1:
                return "reversal_exceeded"
            earlier = [sum(amounts[n] for _, amounts in self.parts[of]) for n in range(len(self.sides[of]))]
            amounts = [int(a * total) - done for (*_, a), done in zip(self.sides[of], earlier, strict=True)]
            sides = tuple((c, d, a) for (d, c, _), a in zip(self.sides[of], amounts, strict=True) if a)
            refusal = "" if sides else "posting_invalid"
            refusal = refusal or self._short(sides)
            if refusal:
                return refusal
            self.parts[of].append((share, amounts))
            return self._move(key, sides)

        return self._once(key, ("reverse", of, share), decide)

    def _once(self, key: str, content: object, decide: object) -> str:
        if key in self.answers:
            first, answer = self.answers[key]
            return "key_reused" if first != content else f"{answer} again" if answer in ("posted", "held") else answer
        self.answers[key] = (content, decide())  # type: ignore[operator]
        return self.answers[key][1]

    def _misfit(self, sides: Sides) -> str:
        for debit, credit, _ in sides:
            if debit == credit:
                return "posting_invalid"
            if debit not in self.units or credit not in self.units:
                return "account_missing"
            if self.units[debit] != self.units[credit]:
                return "unit_mismatch"
        return ""

    def _short(self, sides: Sides) -> str:
        net: dict[str, int] = defaultdict(int)
        for debit, credit, amount in sides:
            net[debit] -= amount
            net[credit] += amount
        for code, change in net.items():
            floor = self.floors.get(code)
            if floor is not None and change < 0 and self.posted[code] - self.held[code] + change < floor:
                return "floor_breached"
        return ""

    def _move(self, key: str, sides: Sides) -> str:
        for debit, credit, amount in sides:
            self.posted[debit] -= amount
            self.posted[credit] += amount
        self.sides[key] = sides
        return "posted"

    def _end(self, key: str, state: str, amounts: list[int] | None) -> None:
        for debit, _, amount in self.holds[key][0]:  # type: ignore[attr-defined]
            self.held[debit] -= amount
        self.holds[key][1:] = [state, amounts]
