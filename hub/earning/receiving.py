"""Card transactions that come a few at a time: one transaction of the database for one lot, one answer for each.

Knows how rows become results. What becomes of a row is decided by `intake`, the same way as for files.
"""

from collections.abc import Collection, Mapping, Sequence

from hub import ledger
from hub.agreements.currencies import exponent, is_currency
from hub.agreements.roster import roster
from hub.earning.codec import accrual_id
from hub.earning.desk import desk_of
from hub.earning.frames import checked, frame_of
from hub.earning.intake import Taken, take
from hub.earning.refusals import ITEM_CODES, BankNotReady
from hub.earning.types import ItemResult
from hub.kernel.amounts import decimal_text
from hub.kernel.clock import Clock
from hub.kernel.limits import AMOUNT_WIRE_MAX, BATCH_REPEATS_MAX
from hub.storage import Database
from hub.storage.batcher import is_repeatable

# The texts of a transaction; its amount is a whole number beside them.
_TEXTS = ("id", "token", "time", "currency", "category", "merchant", "product", "original", "kind")
# Digits of a currency that there is not: the transaction is refused for it, whatever its amount.
_DIGITS = 2


def rows_of(items: Sequence[object]) -> tuple[list[Mapping[str, str]], set[int]]:
    """Transactions as JSON has them, as rows of texts; and the places of those that are none or have unknown fields."""
    malformed = {
        place
        for place, item in enumerate(items)
        if not isinstance(item, Mapping) or not set(item) <= {*_TEXTS, "amount"}
    }
    return [{} if place in malformed else _row(item) for place, item in enumerate(items)], malformed


def _row(item: object) -> Mapping[str, str]:
    """Texts with the amount as files write it; no text for what is no whole number above zero."""
    assert isinstance(item, Mapping), "what is none was sorted out"
    texts = {name: value if isinstance(value := item.get(name), str) else "" for name in _TEXTS}
    amount, currency = item.get("amount"), texts["currency"].strip().upper()
    if type(amount) is not int or not 0 < amount <= AMOUNT_WIRE_MAX:
        return texts
    digits = exponent(currency) if is_currency(currency) else _DIGITS
    return texts | {"amount": decimal_text(amount, digits)}


def receive(
    database: Database,
    clock: Clock,
    rows: Sequence[Mapping[str, str]],
    malformed: Collection[int],
    *,
    bank: str,
    live: bool,
    source: str,
) -> list[ItemResult]:
    """Take rows of texts by our names of columns; one answer each, in order. malformed: places of those to refuse.

    Raises: BankNotReady, EarnRulesMissing.
    """
    for attempt in range(BATCH_REPEATS_MAX):
        try:
            return _results(_taken(database, clock, rows, malformed, bank=bank, live=live, source=source))
        except Exception as fault:
            if attempt == BATCH_REPEATS_MAX - 1 or not is_repeatable(fault):
                raise
    raise AssertionError("unreachable: the last attempt raises")


def _taken(
    database: Database,
    clock: Clock,
    rows: Sequence[Mapping[str, str]],
    malformed: Collection[int],
    *,
    bank: str,
    live: bool,
    source: str,
) -> Taken:
    with database.work() as work:
        ledger.enter(work)
        desk = desk_of(work, roster(work), bank, now=clock.now())
        if desk.live != live:
            raise BankNotReady(f"{bank} moves points of the other kind, live or test.", bank=bank)
        linking = not live and desk.rulesets[-1].link_unknown is True
        frame = checked(frame_of(rows, malformed), desk.reading())
        return take(work, desk, frame, source=source, linking=linking)


def _results(taken: Taken) -> list[ItemResult]:
    columns = ("id", "code", "points", "unit", "chunk", "place")
    return [
        ItemResult(
            transaction=id,
            code=code,
            points=points,
            unit=unit,
            accrual="" if chunk is None else accrual_id(chunk, place),
            posted=not taken.stopped if code == "accepted" else None,
            detail=ITEM_CODES.get(code, ""),
        )
        for id, code, points, unit, chunk, place in taken.frame.select(columns).iter_rows()
    ]
