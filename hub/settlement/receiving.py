"""What the bank booked, taken to the obligations it names: each entry once, whatever file it comes in and how often.

Nothing is guessed: what names no obligation of ours, or moves more or something else than it may, is handed back by
name for somebody to look at, and nothing is posted for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from hub.kernel.errors import HubError
from hub.settlement import service, store
from hub.settlement.accounts import hub_ibans, obligation_of
from hub.settlement.refusals import ObligationMissing, PaymentFileInvalid
from hub.storage import Database


@dataclass(frozen=True, slots=True)
class BankEntry:
    """One booked transaction. iban: of the account it is on. amount: smallest units of the currency.

    incoming: whether the account grew. reversal: whether it takes an earlier one back. end_to_end, reference: empty
    where the bank gives none.
    """

    iban: str
    currency: str
    amount: int
    incoming: bool
    reversal: bool
    end_to_end: str
    reference: str


@dataclass(frozen=True, slots=True)
class Received:
    """What became of an entry: `paid`, `paid_before`, or the code of what was wrong. detail: a sentence or empty."""

    entry: BankEntry
    outcome: str
    detail: str = ""

    @property
    def is_open(self) -> bool:
        """Whether somebody has to look at it."""
        return self.outcome not in ("paid", "paid_before")


def receive(database: Database, entries: Sequence[BankEntry], *, actor: str, now: datetime) -> list[Received]:
    """Discharge what the entries name, one transaction for each; what became of each, in their order.

    Safe to repeat and to interrupt. Raises: PaymentFileInvalid, when an entry is on an account that is not the hub's.
    """
    with database.read() as work:
        ours = hub_ibans(work)
    for entry in entries:
        if (entry.iban, entry.currency) not in ours:
            raise PaymentFileInvalid("This file is about an account or a currency that is not the hub's.")
    return [_received(database, entry, actor=actor, now=now) for entry in entries]


def _received(database: Database, entry: BankEntry, *, actor: str, now: datetime) -> Received:
    if not entry.end_to_end or not entry.reference:
        return Received(entry, "unallocated", "It has no end-to-end id, or no reference of the bank.")
    if entry.reversal:
        return Received(entry, "reversal", "The bank took a transaction back.")
    obligation = obligation_of(entry.end_to_end)
    try:
        with database.work() as work:
            window = service.read(work, store.window_of(work, obligation))
            one = next(each for each in window.obligations if each.id == obligation)
            if one.side.currency != entry.currency:
                return Received(entry, "currency_mismatch", f"The obligation is in {one.side.currency}.")
            if (one.amount < 0) != entry.incoming:
                return Received(entry, "direction_mismatch", "It moved the other way than the obligation.")
            known = store.payment(work, obligation, entry.reference)
            service.pay(work, obligation, amount=entry.amount, reference=entry.reference, actor=actor, now=now)
    except ObligationMissing:
        return Received(entry, "unallocated", "Its end-to-end id is none of ours.")
    except HubError as refusal:
        return Received(entry, refusal.code, str(refusal))
    return Received(entry, "paid" if known is None else "paid_before")
