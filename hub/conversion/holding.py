"""Opens accounts, locks the ledger once for a batch, and holds what each conversion needs; says why when it cannot.

Knows the ledger's calls and refusals. Does not know how a candidate came about or where its row goes.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from hub import chart, ledger
from hub.conversion.acceptance import Candidate
from hub.conversion.errors import (
    CampaignExhausted,
    IdempotencyKeyReused,
    InsufficientPoints,
    NetDebitCapReached,
)
from hub.conversion.hosting import Reserves, lock_reserves
from hub.conversion.postings import accounts_of, bonus_posting, debit_posting, owed_accounts
from hub.conversion.record import Record
from hub.hosted.types import ProgrammePort
from hub.kernel.errors import AmountOverflow, HubError
from hub.ledger import Account, Book, LedgerRefusal, Posting
from hub.rates.refusals import CampaignUnfunded
from hub.storage import KeyRaced, Work


class KnownAccounts:
    """Accounts that this process has opened or seen opened, so that the hot path need not ask again.

    A transaction that opened some may have been rolled back: the ledger then says that one is missing, everything is
    forgotten, and the batch is repeated.
    """

    def __init__(self) -> None:
        self._codes: set[str] = set()
        self._routes: set[tuple[str, ...]] = set()

    def open(self, work: Work, accounts: Iterable[Account], *, now: datetime) -> None:
        """Open those not known yet."""
        missing = [account for account in accounts if account.code not in self._codes]
        if missing:
            ledger.open_accounts(work, missing, now=now)
            self._codes.update(account.code for account in missing)

    def open_for(self, work: Work, candidates: Iterable[Candidate], *, now: datetime) -> None:
        """Open what any posting of these conversions names; for a route that was seen before, nothing is looked at."""
        fresh = {route: one for one in candidates if (route := _route(one.record)) not in self._routes}
        accounts = [
            account
            for one in fresh.values()
            for account in accounts_of(one.record, source_cap=one.source_cap, target_cap=one.target_cap)
        ]
        self.open(work, accounts, now=now)
        self._routes.update(fresh)

    def forget(self) -> None:
        """Know nothing."""
        self._codes.clear()
        self._routes.clear()


def _route(record: Record) -> tuple[str, ...]:
    """What decides which accounts a conversion needs opened."""
    return (record.source_unit, record.target_unit, record.source_currency, record.target_currency)


def lock_for(
    work: Work, known: KnownAccounts, programmes: ProgrammePort, candidates: Collection[Candidate], *, now: datetime
) -> tuple[Book, Reserves, list[list[Posting]]]:
    """The book and the lots that these candidates' holds need, and the holds of each, in order."""
    reserves = lock_reserves(work, programmes, [one.record for one in candidates], now=now)
    holds = [_holds(one.record, now) for one in candidates]
    known.open_for(work, candidates, now=now)
    codes = {
        code for each in holds for posting in each for one in posting.transfers for code in (one.debit, one.credit)
    }
    keys = {posting.key for each in holds for posting in each}
    return ledger.lock(work, codes=codes, keys=keys, now=now), reserves, holds


def _holds(record: Record, now: datetime) -> list[Posting]:
    bonus = bonus_posting(record, now)
    return [debit_posting(record, now)] if bonus is None else [debit_posting(record, now), bonus]


def hold(
    book: Book,
    known: KnownAccounts,
    reserves: Reserves,
    record: Record,
    holds: Sequence[Posting],
    *,
    original: Record | None = None,
) -> HubError | None:
    """Hold everything of one conversion, or say why not. original: what it takes back, if it does.

    Raises KeyRaced when an account is gone after all.
    """
    planned = reserves.plan(record, original)
    if isinstance(planned, HubError):
        return planned
    answer = book.hold_all(holds)
    if isinstance(answer, LedgerRefusal):
        return _refusal(known, record, answer)
    reserves.hold(record, planned)
    return None


def _refusal(known: KnownAccounts, record: Record, refusal: LedgerRefusal) -> HubError:
    account = refusal.facts.get("account")
    campaign = next((name for name, _ in record.bonus_values() if chart.budget(name) == account), None)
    if isinstance(refusal, ledger.KeyReused):
        return IdempotencyKeyReused("This idempotency key was used for another conversion.")
    if isinstance(refusal, ledger.LedgerOverflow):
        return AmountOverflow("This would take a balance beyond 64 bits; split the request.")
    if isinstance(refusal, ledger.UnitMismatch):
        return CampaignUnfunded("The bonus is funded in a currency that the target does not clear in.")
    if isinstance(refusal, ledger.AccountMissing):
        if campaign is not None:
            return CampaignUnfunded("Nobody has funded this campaign.", campaign=campaign)
        known.forget()
        raise KeyRaced
    assert isinstance(refusal, ledger.FloorBreached), f"the ledger refused a hold of ours: {refusal.code}"
    if campaign is not None:
        return CampaignExhausted("The campaign's budget does not cover this bonus.", campaign=campaign)
    if account == chart.position(record.source_partner, record.source_currency):
        partner = record.source_partner
        return NetDebitCapReached(f"{partner} would owe more than its net debit cap.", partner=partner)
    return InsufficientPoints("The membership has too few points.", partner=record.source_partner)


def open_owed(work: Work, known: KnownAccounts, records: Iterable[Record], *, now: datetime) -> None:
    """Open the accounts of what these conversions may come to owe."""
    known.open(work, [account for record in records for account in owed_accounts(record)], now=now)
