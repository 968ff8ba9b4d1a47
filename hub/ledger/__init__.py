"""A double-entry ledger over many units on PostgreSQL, behind a tiny interface.

It knows accounts, units, whole amounts, keys, holds, labels and periods. It does not know HTTP, partners, members,
rates or windows: account codes and units are opaque strings, and `hub/chart.py` is the only file that spells them.

Promises, all checked by `verify` from the stored rows alone:
1. in every unit, posted debits equal posted credits, per posting and over all;
2. no account's available balance is ever below its floor, after every prefix of a batch;
3. a key that was used once never moves an amount twice;
4. nothing posted is ever changed;
5. every posting belongs to exactly one period, fixed when it posts.

Use, inside one transaction: `enter(work)` first of all, then the flow locks its own rows, then `book = lock(...)`
once for everything the batch needs, then decide request by request in memory, then `book.write()` once.
"""

from hub.ledger.book import Book
from hub.ledger.locking import lock, look_up
from hub.ledger.opening import open_accounts, set_floors
from hub.ledger.reading import (
    accounts,
    balance_at,
    balance_before,
    balances,
    entries,
    keys_of,
    latest_entries,
    posting,
    postings,
    turnover,
)
from hub.ledger.roots import Leaf, Proof, Root, leaves, leaves_after, prove, roots, seal_period, verify_complete
from hub.ledger.slices import close_period, enter, period, periods
from hub.ledger.types import (
    Account,
    AccountConflict,
    AccountInvalid,
    AccountMissing,
    Balance,
    Difference,
    Entry,
    FloorBreached,
    Held,
    HoldExceeded,
    HoldMissing,
    HoldResolved,
    KeyReused,
    LedgerOverflow,
    LedgerRefusal,
    Period,
    PeriodOpen,
    Posted,
    Posting,
    PostingInvalid,
    PostingMissing,
    PostingRecord,
    Reversal,
    ReversalExceeded,
    Transfer,
    Turnover,
    UnitMismatch,
    Voided,
)
from hub.ledger.verification import verify

__all__ = [
    "Account",
    "AccountConflict",
    "AccountInvalid",
    "AccountMissing",
    "Balance",
    "Book",
    "Difference",
    "Entry",
    "FloorBreached",
    "Held",
    "HoldExceeded",
    "HoldMissing",
    "HoldResolved",
    "KeyReused",
    "Leaf",
    "LedgerOverflow",
    "LedgerRefusal",
    "Period",
    "PeriodOpen",
    "Posted",
    "Posting",
    "PostingInvalid",
    "PostingMissing",
    "PostingRecord",
    "Proof",
    "Reversal",
    "ReversalExceeded",
    "Root",
    "Transfer",
    "Turnover",
    "UnitMismatch",
    "Voided",
    "accounts",
    "balance_at",
    "balance_before",
    "balances",
    "close_period",
    "enter",
    "entries",
    "keys_of",
    "latest_entries",
    "leaves",
    "leaves_after",
    "lock",
    "look_up",
    "open_accounts",
    "period",
    "periods",
    "posting",
    "postings",
    "prove",
    "roots",
    "seal_period",
    "set_floors",
    "turnover",
    "verify",
    "verify_complete",
]
