"""Says why a posting, a hold or a reversal must be refused, over balances that are locked; changes nothing.

Knows the rules of double entry. `state.py` judges one account, `book.py` asks in the right order.
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction

from hub.kernel.limits import AMOUNT_LEDGER_MAX, POSTING_TRANSFERS_MAX
from hub.ledger.lines import storable, storable_metadata
from hub.ledger.state import AccountState, Known, StoredHold
from hub.ledger.types import (
    AccountMissing,
    HoldExceeded,
    LedgerRefusal,
    Posting,
    PostingInvalid,
    PostingMissing,
    Reversal,
    ReversalExceeded,
    Transfer,
    UnitMismatch,
)


class Judge:
    """Judges requests by what is locked and known now. codes, keys: what the batch asked for when it locked."""

    def __init__(
        self,
        *,
        accounts: Mapping[str, AccountState],
        known: Known,
        codes: frozenset[str],
        keys: frozenset[str],
    ) -> None:
        self._accounts = accounts
        self._known = known
        self._codes = codes
        self._keys = keys
        # Kinds and labels repeat all the time; each is checked once a batch.
        self._good: set[str | None] = {None}

    def asked(self, key: str) -> None:
        """Our own promise: a key is looked up before anything is decided about it."""
        assert key in self._keys, f"key {key!r} was not named when the book was locked"

    def refusal_of_shape(self, posting: Posting, reverses: Reversal | None) -> LedgerRefusal | None:
        """Why this cannot be a posting at all; None if it can."""
        self.asked(posting.key)
        if not storable(posting.key) or not self._is_good(posting.kind):
            return PostingInvalid("A posting needs a key and a kind, of characters that can be kept.")
        if posting.reference is not None and not storable(posting.reference):
            return PostingInvalid("The reference is empty, too long, or has characters that cannot be kept.")
        if posting.metadata and not storable_metadata(posting.metadata):
            return PostingInvalid("The metadata is too long or has characters that cannot be kept.")
        if not 0 < len(posting.transfers) <= POSTING_TRANSFERS_MAX:
            return PostingInvalid(f"A posting has from 1 to {POSTING_TRANSFERS_MAX} transfers.")
        accounts = self._accounts
        good = self._good
        for one in posting.transfers:
            debit = accounts.get(one.debit)
            credit = accounts.get(one.credit)
            if type(one.amount) is not int or not 0 < one.amount <= AMOUNT_LEDGER_MAX:
                return PostingInvalid(f"An amount is a whole number from 1 to {AMOUNT_LEDGER_MAX}.")
            if one.label not in good and not self._is_good(one.label):
                return PostingInvalid("A label is empty, too long, or has characters that cannot be kept.")
            if debit is None or credit is None or debit is credit or debit.unit != credit.unit:
                return self._refusal_of_sides(one, debit, credit)
        return None if reverses is None else self.refusal_of_reversal(posting.key, reverses, None)

    def _is_good(self, text: str | None) -> bool:
        if text not in self._good:
            if not storable(text):
                return False
            self._good.add(text)
        return True

    def _refusal_of_sides(
        self, one: Transfer, debit: AccountState | None, credit: AccountState | None
    ) -> LedgerRefusal:
        """What is wrong with the two accounts of a transfer."""
        if one.debit == one.credit:
            return PostingInvalid("A transfer goes from one account to another one.")
        if debit is None or credit is None:
            code = one.debit if debit is None else one.credit
            if not storable(code):
                return PostingInvalid("An account code is empty, too long, or has characters that cannot be kept.")
            assert code in self._codes, f"account {code} was not named when the book was locked"
            return AccountMissing("This account was never opened.", account=code)
        return UnitMismatch(
            "A transfer stays within one unit.",
            debit=debit.code,
            debit_unit=debit.unit,
            credit=credit.code,
            credit_unit=credit.unit,
        )

    def refusal_of_sums(self, transfers: Sequence[Transfer]) -> LedgerRefusal | None:
        """Why the accounts cannot take these transfers together; None if they can."""
        debits, credits = sums(transfers)
        for code, amount in debits.items():
            refusal = self._accounts[code].refusal_of(debits=amount, credits=credits.pop(code, 0))
            if refusal is not None:
                return refusal
        for code, amount in credits.items():
            refusal = self._accounts[code].refusal_of(debits=0, credits=amount)
            if refusal is not None:
                return refusal
        return None

    def refusal_of_credits(self, transfers: Sequence[Transfer]) -> LedgerRefusal | None:
        for code, amount in sums(transfers)[1].items():
            refusal = self._accounts[code].refusal_of(debits=0, credits=amount)
            if refusal is not None:
                return refusal
        return None

    def refusal_of_reversal(self, key: str, reverses: Reversal, reference: str | None) -> LedgerRefusal | None:
        """Why this share of that posting cannot be undone; None if it can."""
        self.asked(key)
        self.asked(reverses.key)
        share = reverses.share
        if not storable(key) or (reference is not None and not storable(reference)):
            return PostingInvalid("A reversal needs a key and a reference of characters that can be kept.")
        if not 0 < share <= 1 or share.denominator > AMOUNT_LEDGER_MAX:
            return PostingInvalid("The share of a reversal is above 0 and at most 1.")
        original = self._known.postings.get(reverses.key)
        if original is None:
            return PostingMissing("There is no posting under the key that was to be reversed.")
        left = 1 - sum((part.share for part in self._known.parts_of.get(original.id, [])), Fraction(0))
        if share > left:
            return ReversalExceeded("Less of this posting is left to be reversed.", left=str(left), share=str(share))
        return None

    def refusal_of_hold(self, transfers: Sequence[Transfer]) -> LedgerRefusal | None:
        """Why the accounts cannot reserve these transfers together; None if they can."""
        for code, amount in sums(transfers)[0].items():
            refusal = self._accounts[code].refusal_of_hold(debits=amount)
            if refusal is not None:
                return refusal
        return None


def refusal_of_amounts(hold: StoredHold, wanted: Sequence[int]) -> LedgerRefusal | None:
    """Why these amounts cannot be posted of a hold; None if they can."""
    if len(wanted) != len(hold.transfers) or not any(wanted):
        return PostingInvalid("Give one amount per transfer of the hold, not all of them 0.", key=hold.key)
    for amount, one in zip(wanted, hold.transfers, strict=True):
        if type(amount) is not int or amount < 0:
            return PostingInvalid("An amount is a whole number, 0 or more.", key=hold.key)
        if amount > one.amount:
            return HoldExceeded("More was asked for than was held.", key=hold.key, held=one.amount, asked=amount)
    return None


def sums(transfers: Sequence[Transfer]) -> tuple[dict[str, int], dict[str, int]]:
    """Debits and credits of each account, in the order the accounts are first named."""
    debits: dict[str, int] = {}
    credits: dict[str, int] = {}
    for one in transfers:
        debits[one.debit] = debits.get(one.debit, 0) + one.amount
        credits[one.credit] = credits.get(one.credit, 0) + one.amount
    return debits, credits
