"""What a conversion posts, hold by hold and step by step: pure, over its row.

D (`:d`) is held when it is accepted and posts when the points left the member. B (`:b`), the bonus out of its
budgets, is held beside it and posts with P (`:p`), which posts when the points arrived. A give-back (`:r`) reverses D
in full. A give-back that the partner refused (`:o`) moves what D took, points and their worth, to `owed`: the partner
keeps both the points and its debit, so the hub holds the money for the member. A bonus that is a credit of its own
posts by itself (`:q`), with B, or is owed (`:w`) out of the budget. A reversal's P names the original's P as what it
undoes; its D does not, because a D may still be given back.
"""

from datetime import datetime

from hub import chart
from hub.conversion.record import Record
from hub.ledger import Account, Posting, Transfer


def debit_key(key: str) -> str:
    """Ledger key of D of the conversion with this key."""
    return f"cnv:{key}:d"


def bonus_key(key: str) -> str:
    """Ledger key of B of the conversion with this key."""
    return f"cnv:{key}:b"


def post_key(key: str) -> str:
    """Ledger key of P of the conversion with this key."""
    return f"cnv:{key}:p"


def giveback_key(record: Record) -> str:
    """Ledger key of the reversal of D."""
    return f"cnv:{record.key}:r"


def owed_key(record: Record) -> str:
    """Ledger key of what is owed after a refused give-back."""
    return f"cnv:{record.key}:o"


def bonus_credit_key(record: Record) -> str:
    """Ledger key of a bonus that arrived by a leg of its own."""
    return f"cnv:{record.key}:q"


def bonus_owed_key(record: Record) -> str:
    """Ledger key of a bonus that the target refused."""
    return f"cnv:{record.key}:w"


def debit_posting(record: Record, at: datetime) -> Posting:
    """D: the points leave the member, the source partner owes their worth and the fee."""
    source, unit, currency = _source_account(record), record.source_unit, record.source_currency
    position = chart.position(record.source_partner, currency)
    label = _label(record, "debit", record.source_terms, record.target_partner)
    transfers = [Transfer(source, chart.transit(unit), record.source_amount)]
    if record.fee_points:
        transfers.append(Transfer(source, chart.fees(unit), record.fee_points))
    if record.debit_value:
        transfers.append(Transfer(position, chart.transit(currency), record.debit_value, label))
    if record.reverses and record.bonus_value:
        transfers.append(Transfer(position, chart.transit(currency), record.bonus_value, label))
    if record.fee_value:
        fee_label = _label(record, "fee", record.source_terms, record.target_partner)
        transfers.append(Transfer(position, chart.fees(currency), record.fee_value, fee_label))
    return Posting(debit_key(record.key), "conversion_debit", tuple(transfers), at, record.id)


def bonus_posting(record: Record, at: datetime) -> Posting | None:
    """B: each campaign's budget pays the target partner for its bonus; None when no budget pays."""
    if record.reverses or not record.bonus_value:
        return None
    label = _label(record, "bonus", record.target_terms, record.source_partner)
    position = chart.position(record.target_partner, record.target_currency)
    transfers = [Transfer(chart.budget(campaign), position, value, label) for campaign, value in record.bonus_values()]
    return Posting(bonus_key(record.key), "conversion_bonus", tuple(transfers), at, record.id)


def arrival_posting(record: Record, at: datetime, *, bonus_apart: bool) -> Posting:
    """P: the points arrive, the target partner gets their worth, and the hub keeps the spread.

    bonus_apart: the bonus was not part of this credit.
    """
    target, unit = _target_account(record), record.target_unit
    source_currency, target_currency = record.source_currency, record.target_currency
    transfers = [
        Transfer(chart.transit(record.source_unit), chart.liquidity(record.source_unit), record.source_amount),
        Transfer(chart.liquidity(unit), target, record.base),
    ]
    if record.bonus and not bonus_apart:
        transfers.append(Transfer(chart.liquidity(unit), target, record.bonus))
    if record.debit_value:
        transfers.append(Transfer(chart.transit(source_currency), chart.trading(source_currency), record.debit_value))
    if record.reverses:
        transfers += [
            Transfer(chart.transit(source_currency), chart.budget(campaign), value)
            for campaign, value in record.bonus_values()
        ]
    if record.credit_value:
        label = _label(record, "credit", record.target_terms, record.source_partner)
        position = chart.position(record.target_partner, target_currency)
        transfers.append(Transfer(chart.trading(target_currency), position, record.credit_value, label))
    return Posting(post_key(record.key), "conversion_posted", tuple(transfers), at, record.id)


def owed_posting(record: Record, at: datetime) -> Posting:
    """What D took, points, their worth and the fee, now stands in `owed` for the member."""
    unit, currency = record.source_unit, record.source_currency
    value = record.debit_value + (record.bonus_value if record.reverses else 0)
    moves = (
        (chart.transit(unit), chart.owed(unit), record.source_amount),
        (chart.fees(unit), chart.owed(unit), record.fee_points),
        (chart.transit(currency), chart.owed(currency), value),
        (chart.fees(currency), chart.owed(currency), record.fee_value),
    )
    transfers = tuple(Transfer(debit, credit, amount) for debit, credit, amount in moves if amount)
    return Posting(owed_key(record), "conversion_owed", transfers, at, record.id)


def bonus_credit_posting(record: Record, at: datetime) -> Posting:
    """A bonus that is a credit of its own has arrived."""
    transfer = Transfer(chart.liquidity(record.target_unit), _target_account(record), record.bonus)
    return Posting(bonus_credit_key(record), "conversion_bonus_credit", (transfer,), at, record.id)


def bonus_owed_posting(record: Record, at: datetime) -> Posting:
    """The target refused the bonus, and B is void: the points are owed, their worth is kept for the member."""
    transfers = [Transfer(chart.liquidity(record.target_unit), chart.owed(record.target_unit), record.bonus)]
    transfers += [
        Transfer(chart.budget(campaign), chart.owed(record.target_currency), value)
        for campaign, value in record.bonus_values()
    ]
    return Posting(bonus_owed_key(record), "conversion_bonus_owed", tuple(transfers), at, record.id)


def accounts_of(record: Record, *, source_cap: int, target_cap: int) -> list[Account]:
    """Every account that any posting of this conversion names and that may not be there yet: budgets exist once they
    are funded, those of hosted members since they were enrolled.

    *_cap: net debit caps in ledger units; the floor of a new position account.
    """
    source_unit, target_unit = record.source_unit, record.target_unit
    source_currency, target_currency = record.source_currency, record.target_currency
    hosted = ((source_unit, record.source_hosted), (target_unit, record.target_hosted))
    return [
        *(Account(chart.outside(unit), unit, None) for unit, kept in hosted if not kept),
        # A transit below zero would be a mistake of ours: the floor makes the ledger say so.
        Account(chart.transit(source_unit), source_unit, 0),
        Account(chart.transit(source_currency), source_currency, 0),
        Account(chart.fees(source_unit), source_unit, None),
        Account(chart.fees(source_currency), source_currency, None),
        Account(chart.liquidity(source_unit), source_unit, None),
        Account(chart.liquidity(target_unit), target_unit, None),
        Account(chart.trading(source_currency), source_currency, None),
        Account(chart.trading(target_currency), target_currency, None),
        Account(chart.position(record.source_partner, source_currency), source_currency, -source_cap),
        Account(chart.position(record.target_partner, target_currency), target_currency, -target_cap),
    ]


def owed_accounts(record: Record) -> list[Account]:
    """The accounts of what may be owed; opened when something is."""
    codes = (record.source_unit, record.source_currency, record.target_unit, record.target_currency)
    return [Account(chart.owed(unit), unit, 0) for unit in codes]


def _source_account(record: Record) -> str:
    unit = record.source_unit
    return chart.member(unit, record.source_membership) if record.source_hosted else chart.outside(unit)


def _target_account(record: Record) -> str:
    unit = record.target_unit
    return chart.member(unit, record.target_membership) if record.target_hosted else chart.outside(unit)


def _label(record: Record, kind: str, terms: str, counterparty: str) -> str:
    return chart.price_label("reversal" if record.reverses else kind, terms, counterparty)
