"""Whether a draft of a rate rule or campaign can stand at all, whoever proposes it.

Knows bounds and shapes. Does not know what is in force already, nor money.
"""

from fractions import Fraction

from hub.agreements.currencies import is_currency
from hub.kernel.limits import AMOUNT_LEDGER_MAX, AMOUNT_WIRE_MAX, RATE_BLOCKS_MAX
from hub.rates.arithmetic import base_exact, first_on_step
from hub.rates.refusals import CampaignInvalid, RuleInvalid
from hub.rates.types import Block, CampaignDraft, Fee, RateRule

SELECTORS = frozenset({"sub_product", "tier", "channel", "segment"})
_SELECTOR_CHARS_MAX = 100
_PRIORITY_MAX = 1_000_000
# Ten times the base is far beyond any real bonus and keeps a slip of the pen out.
_PERCENT_MAX = 1_000
_TEXT_CHARS_MAX = 200


def check_rule(rule: RateRule) -> None:
    """Raises: RuleInvalid, saying which part cannot stand."""
    _check_blocks(rule.blocks)
    if not (0 < rule.minimum <= AMOUNT_WIRE_MAX and 0 < rule.step <= AMOUNT_WIRE_MAX):
        raise RuleInvalid("Minimum and step are whole numbers above zero.")
    first = first_on_step(rule)
    if not first <= (AMOUNT_WIRE_MAX if rule.maximum is None else rule.maximum):
        raise RuleInvalid("There is no amount on the step between minimum and maximum.")
    if base_exact(rule.blocks, AMOUNT_WIRE_MAX if rule.maximum is None else rule.maximum) < 1:
        raise RuleInvalid("Not even the largest amount yields a single target unit.")
    if rule.fee is not None:
        _check_fee(rule.fee)
    reason = _selector_fault(rule.selectors)
    if reason:
        raise RuleInvalid(reason)
    if abs(rule.priority) > _PRIORITY_MAX:
        raise RuleInvalid(f"A priority is at most {_PRIORITY_MAX} either way.")
    if len(rule.typical_time) > _TEXT_CHARS_MAX or not rule.typical_time.isprintable():
        raise RuleInvalid(f"A typical time is at most {_TEXT_CHARS_MAX} characters without control characters.")
    if rule.effective_until is not None and rule.effective_until <= rule.effective_from:
        raise RuleInvalid("A rule ends after it starts.")
    if rule.source_unit == rule.target_unit:
        raise RuleInvalid("A route leads from one unit to another.")


def check_campaign(draft: CampaignDraft) -> None:
    """Raises: CampaignInvalid, saying which part cannot stand."""
    if not 0 < len(draft.name) <= _TEXT_CHARS_MAX or not draft.name.isprintable():
        raise CampaignInvalid(f"A campaign has a name of at most {_TEXT_CHARS_MAX} printable characters.")
    if not 0 <= draft.percent <= _PERCENT_MAX or draft.percent.denominator > AMOUNT_WIRE_MAX:
        raise CampaignInvalid(f"A bonus is 0 to {_PERCENT_MAX} percent of the base.")
    if not 0 <= draft.flat <= AMOUNT_WIRE_MAX or not (draft.percent or draft.flat):
        raise CampaignInvalid("A campaign adds a percentage, a flat number of target units, or both.")
    if draft.member_cap is not None and not 0 < draft.member_cap <= AMOUNT_WIRE_MAX:
        raise CampaignInvalid("A cap per member is a whole number above zero.")
    if draft.ends_on_inclusive < draft.starts_on:
        raise CampaignInvalid("A campaign's last day is not before its first.")
    reason = _selector_fault(draft.selectors)
    if reason:
        raise CampaignInvalid(reason)


def _check_blocks(blocks: tuple[Block, ...]) -> None:
    if not 1 <= len(blocks) <= RATE_BLOCKS_MAX:
        raise RuleInvalid(f"A rate has 1 to {RATE_BLOCKS_MAX} blocks.")
    if blocks[0].above != 0:
        raise RuleInvalid("The first block of a rate starts above 0.")
    for block in blocks:
        if not (0 < block.give <= AMOUNT_WIRE_MAX and 0 < block.get <= AMOUNT_WIRE_MAX):
            raise RuleInvalid("Both sides of a ratio are whole numbers above zero.")
    bounds = [block.above for block in blocks]
    if bounds != sorted(set(bounds)) or bounds[-1] > AMOUNT_WIRE_MAX:
        raise RuleInvalid("The blocks of a rate stand in rising order.")


def _check_fee(fee: Fee) -> None:
    if fee.kind not in ("points", "money"):
        raise RuleInvalid("A fee is charged in points or in money.")
    if (fee.kind == "money") != bool(fee.currency) or (fee.currency and not is_currency(fee.currency)):
        raise RuleInvalid("A fee in money names an ISO 4217 currency; one in points names none.")
    parts = Fraction(fee.per_point)
    if not (0 <= fee.flat <= AMOUNT_LEDGER_MAX and parts >= 0):
        raise RuleInvalid("A fee is not negative.")
    if max(parts.numerator, parts.denominator) > AMOUNT_LEDGER_MAX:
        raise RuleInvalid("The fee for one point has more digits than can be kept.")
    if fee.cap is not None and not 0 <= fee.cap <= AMOUNT_LEDGER_MAX:
        raise RuleInvalid("The cap of a fee is not negative.")


def _selector_fault(selectors: dict[str, str]) -> str:
    if set(selectors) - SELECTORS:
        return f"A selector is one of {', '.join(sorted(SELECTORS))}."
    if any(not 0 < len(value) <= _SELECTOR_CHARS_MAX or not value.isprintable() for value in selectors.values()):
        return f"A selector's value has 1 to {_SELECTOR_CHARS_MAX} printable characters."
    return ""
