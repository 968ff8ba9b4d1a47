"""A hosted programme in plain Python, written from what the programme promises and not from the hub's code.

Points lapse twelve months after they were earned, at the end of the month, in a zone seven hours ahead of UTC. They
are taken from the earliest expiry first, of one expiry the earliest earned first; a reversal of what came in takes that
very lot first. What comes back goes to the lots it came from, in proportion.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone

_HERE = timezone(timedelta(hours=7))


def good_until(earned: datetime) -> datetime:
    """The midnight after the last good day of points earned then."""
    local = earned.astimezone(_HERE)
    year, month = (local.year + 1, local.month + 1) if local.month < 12 else (local.year + 2, 1)
    return datetime(year, month, 1, tzinfo=_HERE).astimezone(UTC)


@dataclass
class Pile:
    """Points that came in together. source: what brought them."""

    source: str
    earned: datetime
    lapses: datetime
    amount: int
    left: int
    held: int = 0


# What was taken of which piles, in order.
Taken = list[tuple[Pile, int]]


@dataclass
class Pocket:
    """What one member has."""

    piles: list[Pile] = field(default_factory=list)

    def bring(self, source: str, amount: int, earned: datetime, lapses: datetime | None = None) -> Pile:
        """Points come in."""
        pile = Pile(source, earned, lapses or good_until(earned), amount, amount)
        self.piles.append(pile)
        return pile

    def spendable(self, now: datetime) -> int:
        """What may be taken now."""
        return sum(pile.left - pile.held for pile in self.piles if pile.lapses > now)

    def choose(self, amount: int, now: datetime, source: str = "") -> Taken | None:
        """From which piles so many points would be taken; None when there are too few."""
        if self.spendable(now) < amount:
            return None
        good = [pile for pile in self.piles if pile.lapses > now and pile.left > pile.held]
        chosen: Taken = []
        for pile in sorted(good, key=lambda one: (one.source != source, one.lapses, one.earned)):
            part = min(pile.left - pile.held, amount)
            if part:
                chosen.append((pile, part))
                amount -= part
        return chosen

    def lapse(self, now: datetime) -> int:
        """Everything that is due and not held is gone; how much that was."""
        gone = 0
        for pile in self.piles:
            if pile.lapses <= now:
                gone += pile.left - pile.held
                pile.left = pile.held
        return gone

    def rows(self) -> list[tuple[datetime, datetime, int, int, int]]:
        """Every pile, in an order of its own."""
        return sorted((one.lapses, one.earned, one.amount, one.left, one.held) for one in self.piles)


def remove(taken: Taken) -> None:
    """They leave."""
    for pile, part in taken:
        pile.left -= part


def reserve(taken: Taken, sign: int = 1) -> None:
    """They are set apart, or no longer (-1)."""
    for pile, part in taken:
        pile.held += sign * part


@dataclass
class Given:
    """What left under one key, and how much of each pile has come back so far."""

    taken: Taken
    back: list[int] = field(default_factory=list)

    def come_back(self, amount: int) -> None:
        """So many points come back: each pile gets its share of all that came back, the rest goes to the first piles
        that can still take a point, and what was given too early is made up for by the last.
        """
        self.back = self.back or [0] * len(self.taken)
        whole = sum(part for _, part in self.taken)
        all_back = sum(self.back) + amount
        shares = [max(0, part * all_back // whole - had) for (_, part), had in zip(self.taken, self.back, strict=True)]
        for place, (_, part) in enumerate(self.taken):
            if sum(shares) < amount and self.back[place] + shares[place] < part:
                shares[place] += 1
        for place in range(len(shares) - 1, -1, -1):
            shares[place] -= min(shares[place], max(0, sum(shares) - amount))
        assert sum(shares) == amount
        for place, share in enumerate(shares):
            self.back[place] += share
            self.taken[place][0].left += share
            assert self.taken[place][0].left <= self.taken[place][0].amount
