"""A conversion as its row keeps it: everything that later steps need, fixed when it was accepted.

Knows the columns and their order. Does not know SQL or the ledger.
"""

import json
from dataclasses import dataclass, fields
from datetime import datetime
from fractions import Fraction
from operator import attrgetter

from hub.conversion.states import ConversionState
from hub.conversion.types import Conversion


@dataclass(frozen=True, slots=True)
class Record:
    """One row; field names are column names, in the order of the table.

    *_amount, base, bonus, fee: smallest units of the source, target and fee unit. *_value, in `bonuses` too: ledger
    units of the source's or target's clearing currency. debit_value: what the source partner pays; credit_value: what
    the target partner gets for the base; bonus_value: what budgets pay for the bonus. bonuses: JSON `[[campaign,
    target units, value]]`. A reversal (`reverses` not empty) reads the same with the partners' places changed: its
    source is the original's target; debit_value and bonus_value come back from that one, credit_value goes back to
    the original's source. *_hosted: the hub itself keeps the balances of that programme. reversed_amount: target
    units that reversals took back.
    """

    id: str
    key: str
    quote: str
    state: str
    member: str
    client_partner: str
    source_partner: str
    target_partner: str
    source_unit: str
    target_unit: str
    source_scale: int
    target_scale: int
    source_hosted: bool
    target_hosted: bool
    source_membership: str
    target_membership: str
    source_amount: int
    base: int
    bonus: int
    fee: int
    fee_unit: str
    rate_numerator: int
    rate_denominator: int
    remainder_numerator: int
    remainder_denominator: int
    rule: str
    source_terms: str
    target_terms: str
    source_currency: str
    target_currency: str
    debit_value: int
    fee_value: int
    credit_value: int
    bonus_value: int
    bonuses: str
    ball: str
    live: bool
    trace: str
    created_at: datetime
    updated_at: datetime
    reason: str = ""
    reverses: str = ""
    reversed_amount: int = 0
    debit_leg: str = ""
    credit_leg: str = ""
    giveback_leg: str = ""
    bonus_leg: str = ""
    posted_at: datetime | None = None
    version: int = 1

    @property
    def target_amount(self) -> int:
        """What arrives at the target: base and bonus."""
        return self.base + self.bonus

    @property
    def fee_points(self) -> int:
        """The fee, when it is taken in points of the source; else 0."""
        return self.fee if self.fee_unit == self.source_unit else 0

    @property
    def debit_amount(self) -> int:
        """All that leaves the member at the source."""
        return self.source_amount + self.fee_points

    def bonus_points(self) -> list[tuple[str, int]]:
        """(campaign, target units) of each bonus."""
        return [(campaign, points) for campaign, points, _ in json.loads(self.bonuses)]

    def bonus_values(self) -> list[tuple[str, int]]:
        """(campaign, value) of each bonus that is worth something."""
        return [(campaign, value) for campaign, _, value in json.loads(self.bonuses) if value]

    def share_of(self, original: "Record") -> Fraction:
        """Which part of `original` this reversal takes back."""
        return Fraction(self.source_amount, original.target_amount)

    def conversion(self) -> Conversion:
        """What the outside sees of it."""
        return Conversion(
            id=self.id,
            state=ConversionState(self.state),
            member=self.member,
            source_partner=self.source_partner,
            target_partner=self.target_partner,
            source_unit=self.source_unit,
            target_unit=self.target_unit,
            source_amount=self.source_amount,
            target_amount=self.target_amount,
            base=self.base,
            bonus=self.bonus,
            fee=self.fee,
            fee_unit=self.fee_unit,
            rate=Fraction(self.rate_numerator, self.rate_denominator),
            remainder=Fraction(self.remainder_numerator, self.remainder_denominator),
            quote=self.quote,
            rule=self.rule,
            client_partner=self.client_partner,
            reason=self.reason,
            reverses=self.reverses,
            reversed_amount=self.reversed_amount,
            ball=self.ball,
            live=self.live,
            created_at=self.created_at,
            updated_at=self.updated_at,
            version=self.version,
        )


COLUMNS: tuple[str, ...] = tuple(field.name for field in fields(Record))
as_row = attrgetter(*COLUMNS)
