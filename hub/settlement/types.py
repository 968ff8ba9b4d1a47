"""Calendars, windows, lines, obligations and statements as data."""

from dataclasses import dataclass
from datetime import date, datetime, time
from enum import StrEnum


class Rhythm(StrEnum):
    """How often a calendar cuts off."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class Model(StrEnum):
    """What becomes one obligation. Names as agreements spell them."""

    MULTILATERAL = "multilateral_net"  # everything of a partner, against the hub
    BILATERAL = "bilateral_net"  # everything between a partner and one other
    GROSS = "gross"  # what a partner gets and what it pays, each in full


class WindowState(StrEnum):
    """How far a window has come."""

    OPEN = "open"  # postings still fall into it
    CLOSED = "closed"  # its slices are closed; nothing more can be posted into it
    NETTED = "netted"  # its lines and obligations stand
    STATED = "stated"  # every partner's statement is written and never changes again
    INSTRUCTED = "instructed"  # payment was asked for; it cannot be aborted any more
    SETTLED = "settled"  # every obligation is discharged; final
    ABORTED = "aborted"  # taken back before payment was asked for; the next window has its slices; final


MOVES: dict[WindowState, frozenset[WindowState]] = {
    WindowState.OPEN: frozenset({WindowState.CLOSED}),
    WindowState.CLOSED: frozenset({WindowState.NETTED, WindowState.ABORTED}),
    WindowState.NETTED: frozenset({WindowState.STATED, WindowState.ABORTED}),
    WindowState.STATED: frozenset({WindowState.INSTRUCTED, WindowState.ABORTED}),
    WindowState.INSTRUCTED: frozenset({WindowState.SETTLED}),
    WindowState.SETTLED: frozenset(),
    WindowState.ABORTED: frozenset(),
}


@dataclass(frozen=True, slots=True)
class Calendar:
    """When windows are cut off and when they are due.

    zone: IANA time zone that everything here is meant in. at: local time of the cut-off, every day, on `weekday` (0 for
    Monday) or on the first day of the month; 00:00 there is the end of the month before. system: payment system whose
    closing days are no business days, empty for weekends only. advice_days, call_days: business days from the cut-off
    until the statement is due and until payment is.
    """

    code: str
    zone: str
    rhythm: Rhythm
    at: time
    weekday: int
    system: str
    advice_days: int
    call_days: int


@dataclass(frozen=True, slots=True)
class Window:
    """The run of slices between two cut-offs of one calendar.

    number: counts from 1 per calendar. first_period, last_period: the ledger's slices, both in; the latter None while
    it is open. cut_off: when it is to end, or was. advice_on, due_on: None while it is open.
    """

    id: str
    calendar: str
    number: int
    state: WindowState
    first_period: int
    last_period: int | None
    opened_at: datetime
    cut_off: datetime
    closed_at: datetime | None
    advice_on: date | None
    due_on: date | None


LineKey = tuple[str, str, str, str, str]


@dataclass(frozen=True, slots=True)
class Line:
    """What a partner's position moved for one reason. debits, credits: ledger units; credits are owed to the partner.

    kind, agreement, counterparty: as the label of the ledger says. count: entries.
    """

    partner: str
    currency: str
    kind: str
    agreement: str
    counterparty: str
    debits: int
    credits: int
    count: int

    @property
    def key(self) -> LineKey:
        """What makes it another line than its neighbours: partner, currency, kind, agreement, counterparty."""
        return (self.partner, self.currency, self.kind, self.agreement, self.counterparty)


@dataclass(frozen=True, slots=True)
class Side:
    """Whose obligation it is: one of a partner, per currency and, where the model says so, counterparty or direction.

    direction: `pays` or `gets` for gross settlement, else empty. counterparty: for bilateral settlement, else empty.
    """

    partner: str
    currency: str
    counterparty: str = ""
    direction: str = ""


@dataclass(frozen=True, slots=True)
class Obligation:
    """What a partner pays or gets for one window.

    opening: ledger units that the last window left. debits, credits: of its lines. amount: smallest units of the
    currency; above zero the hub pays, below zero the partner does, 0 when it is too small and rolls over. closing:
    ledger units that stay. paid: how much of `amount` is discharged, as a positive number.
    """

    id: str
    side: Side
    opening: int
    debits: int
    credits: int
    count: int
    amount: int
    closing: int
    paid: int = 0

    @property
    def rest(self) -> int:
        """What is still to be paid, as a positive number."""
        return abs(self.amount) - self.paid


@dataclass(frozen=True, slots=True)
class Money:
    """How a currency is written. scale: digits of a ledger unit; exponent: digits of its smallest unit that is paid."""

    currency: str
    scale: int
    exponent: int

    @property
    def factor(self) -> int:
        """Ledger units in one smallest unit."""
        return int(10 ** (self.scale - self.exponent))


@dataclass(frozen=True, slots=True)
class Netted:
    """A window with what was found for it. lines and obligations: sorted. money: by currency.

    held: lines of its slices that are in dispute and not among `lines`; released: lines that earlier windows held out
    and that `lines` have now, both sorted. revision: of the statements that are written from it.
    """

    window: Window
    lines: tuple[Line, ...]
    obligations: tuple[Obligation, ...]
    money: dict[str, Money]
    held: tuple[Line, ...] = ()
    released: tuple[Line, ...] = ()
    revision: int = 1

    def hub_obligation(self, currency: str) -> int:
        """What the hub gets (> 0) or pays (< 0) in a currency: with the partners' own amounts it adds up to zero."""
        return -sum(one.amount for one in self.obligations if one.side.currency == currency)


@dataclass(frozen=True, slots=True)
class Statement:
    """A partner's statement of a window. document: its bytes, the same for ever. digest: SHA-256 of them.

    calendar, number: of the window. live: whether the partner is. revision: counts from 1; a new one is written when
    lines are held out. replaced: whether there is a newer one. acknowledged_at: when the partner accepted it.
    """

    id: str
    window: str
    calendar: str
    number: int
    partner: str
    live: bool
    document: bytes
    digest: bytes
    due_on: date
    stated_at: datetime
    revision: int = 1
    replaced: bool = False
    acknowledged_at: datetime | None = None


class ObjectionState(StrEnum):
    """What became of an objection."""

    OPEN = "open"  # to be decided by an operator
    UPHELD = "upheld"  # the partner is right: new lines correct what it named; final
    REJECTED = "rejected"  # the lines are billed as they were; final
    DROPPED = "dropped"  # its window was taken back; the lines come with another statement; final


@dataclass(frozen=True, slots=True)
class Disputed:
    """What one slice of the ledger has of a line in dispute, or of the other partner's side of it.

    held: whether it left netting. billed_in: window that has it since the decision.
    """

    period: int
    line: Line
    held: bool
    billed_in: str | None = None


@dataclass(frozen=True, slots=True)
class Objection:
    """Lines of a statement that its partner does not accept.

    decide_by: last day for a decision. remark: of who decided.
    """

    id: str
    window: str
    statement: str
    partner: str
    state: ObjectionState
    reason: str
    raised_at: datetime
    decide_by: date
    decided_at: datetime | None
    remark: str


@dataclass(frozen=True, slots=True)
class LineChoice:
    """Lines of a statement that somebody means. currency, agreement: any when empty."""

    kind: str
    counterparty: str
    currency: str = ""
    agreement: str = ""

    def means(self, line: Line) -> bool:
        """Whether this line is one of them."""
        return (
            self.kind == line.kind
            and self.counterparty == line.counterparty
            and self.currency in ("", line.currency)
            and self.agreement in ("", line.agreement)
        )
