"""Which column of a bank's file is what: as its rules declare, else by the names that are usual.

Knows names only. What a value may look like is checked elsewhere.
"""

from collections.abc import Sequence

from hub.earning.refusals import SpendFileInvalid
from hub.earning.types import FileFormat

# Ours, the name in `frames`, and the names that are taken for it, the likeliest first.
_USUAL = {
    "id": ("transaction_id", "id", "transaction", "reference"),
    "token": ("token", "card_token", "member_token", "card", "card_last4", "member"),
    "time": ("time", "occurred_at", "transacted_at", "transacted_on", "timestamp", "date"),
    "amount": ("billed_amount", "amount", "value"),
    "currency": ("billed_currency", "currency"),
    "category": ("category_code", "mcc", "category"),
    "merchant": ("merchant", "merchant_name", "description"),
    "product": ("product", "card_product"),
    "original": ("original", "original_transaction_id", "original_id", "refund_of"),
    "kind": ("kind", "type", "transaction_type"),
}
_NEEDED = ("id", "token", "time", "amount", "currency", "category")
_DECLARED_AS = {"id": "transaction_id"}


def columns_of(names: Sequence[str], declared: FileFormat) -> dict[str, str]:
    """For each of our columns the file's name of it. Raises: SpendFileInvalid, saying which cannot be found."""
    by_small = {name.lower(): name for name in names}
    found: dict[str, str] = {}
    for ours, usual in _USUAL.items():
        said = declared.columns.get(_DECLARED_AS.get(ours, ours))
        if said is not None:
            if said not in names:
                raise SpendFileInvalid(f"The rules say that {ours} stands in the column {said!r}, which is not there.")
            found[ours] = said
            continue
        name = next((by_small[one] for one in usual if one in by_small), None)
        if name is not None:
            found[ours] = name
    missing = [ours for ours in _NEEDED if ours not in found]
    if missing:
        raise SpendFileInvalid(
            f"No column for {', '.join(missing)}. Declare it under [file.columns] of the rules; the file has: "
            f"{', '.join(names)[:300]}."
        )
    return found
