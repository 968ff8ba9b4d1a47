"""Whether a new rule is worse for members than one it takes the place of, and then whether it was announced in time.

Pure. Knows two rules. Does not know who announces, or how.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from fractions import Fraction

from hub.kernel.limits import AMOUNT_WIRE_MAX
from hub.rates.arithmetic import base_exact, first_on_step
from hub.rates.catalogue import precedence
from hub.rates.refusals import NoticeTooShort
from hub.rates.types import Fee, RateRule

NOTICE = timedelta(days=30)


def require_notice(rule: RateRule, standing: Iterable[RateRule], *, now: datetime, notice: timedelta) -> None:
    """Check a rule against the rules of its route that stand. Raises: NoticeTooShort."""
    if rule.effective_from >= now + notice:
        return
    for old in standing:
        if _takes_the_place(rule, old) and is_worse(rule, old):
            raise NoticeTooShort(
                f"This is worse for members than {old.id}; it may start on {now + notice:%Y-%m-%d} at the earliest.",
                follows=old.id,
                notice_days=notice.days,
            )


def is_worse(new: RateRule, old: RateRule) -> bool:
    """Whether some amount that `old` takes is refused, yields less or costs more under `new`."""
    if first_on_step(new) > first_on_step(old) or old.step % new.step:
        return True
    if (new.maximum or AMOUNT_WIRE_MAX) < (old.maximum or AMOUNT_WIRE_MAX):
        return True
    return _yields_less(new, old) or _costs_more(new, old)


def _takes_the_place(new: RateRule, old: RateRule) -> bool:
    """Whether for some member, at some time, `new` prices what `old` would have priced."""
    if old.id == new.id or precedence(new) < precedence(old):
        return False
    starts = max(new.effective_from, old.effective_from)
    ends = [rule.effective_until for rule in (new, old) if rule.effective_until is not None]
    meet = all(new.selectors[name] == old.selectors[name] for name in new.selectors.keys() & old.selectors.keys())
    return meet and (not ends or starts < min(ends))


def _yields_less(new: RateRule, old: RateRule) -> bool:
    """Both are straight lines between the bounds of blocks, so looking there and at the ends is enough."""
    first, last = first_on_step(old), old.maximum or AMOUNT_WIRE_MAX
    bounds = {first, last}
    bounds |= {block.above for block in (*new.blocks, *old.blocks) if first < block.above < last}
    return any(base_exact(new.blocks, amount) < base_exact(old.blocks, amount) for amount in bounds)


def _costs_more(new: RateRule, old: RateRule) -> bool:
    if new.fee is None:
        return False
    if old.fee is None:
        return new.fee.cap != 0 and bool(new.fee.flat or new.fee.per_point)
    if (new.fee.kind, new.fee.currency) != (old.fee.kind, old.fee.currency):
        return True
    first, last = Fraction(first_on_step(old)), Fraction(old.maximum or AMOUNT_WIRE_MAX)
    bounds = {first, last}
    bounds |= {kink for fee in (new.fee, old.fee) for kink in _kink(fee) if first < kink < last}
    return any(_fee(new.fee, amount) > _fee(old.fee, amount) for amount in bounds)


def _kink(fee: Fee) -> list[Fraction]:
    """The amount from which the cap holds."""
    if fee.cap is None or not fee.per_point:
        return []
    return [(fee.cap - fee.flat) / fee.per_point]


def _fee(fee: Fee, amount: Fraction) -> Fraction:
    exact = fee.flat + fee.per_point * amount
    return exact if fee.cap is None else min(exact, Fraction(fee.cap))
