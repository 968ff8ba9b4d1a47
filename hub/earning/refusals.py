"""What earning refuses. Codes that only ever stand beside one transaction are in `ITEM_CODES`."""

from hub.kernel.errors import HubError


class EarnRulesInvalid(HubError):
    """A set of earn rules that cannot be used; names the line or the key."""

    code = "earn_rules_invalid"


class EarnRulesMissing(HubError):
    """A bank without earn rules, or a set of rules that does not exist."""

    code = "earn_rules_missing"


class EarnRulesStateWrong(HubError):
    """A set of rules that is not in the state this needs."""

    code = "earn_rules_state_wrong"


class SpendFileInvalid(HubError):
    """A file of transactions that cannot be read as a whole: empty, no header, columns that cannot be found."""

    code = "spend_file_invalid"


class SpendFileBusy(HubError):
    """The same file is being imported by somebody else right now."""

    code = "spend_file_busy"


class CardNumberSent(HubError):
    """What was sent as a token looks like a card number; it was neither kept nor logged."""

    code = "card_number_sent"


class TokenConflict(HubError):
    """A token that is linked to another member."""

    code = "card_token_conflict"


class TokenInvalid(HubError):
    """A token that is empty, too long or has characters that tokens do not have."""

    code = "card_token_invalid"


class TokenMissing(HubError):
    """A token that the bank has not linked to a member."""

    code = "card_token_missing"


class TargetNotAllowed(HubError):
    """A unit that the member's points cannot go to."""

    code = "target_not_allowed"


class BankNotReady(HubError):
    """A partner that cannot send card spend: it does not exist, or takes no part right now."""

    code = "bank_not_ready"


class AccrualMissing(HubError):
    """An accrual that does not exist, or is another bank's."""

    code = "accrual_missing"


class SimulationTooWide(HubError):
    """A simulation over more transactions than an answer over HTTP may wait for."""

    code = "simulation_too_wide"


class ClaimMissing(HubError):
    """A claim that does not exist, or is another bank's."""

    code = "claim_missing"


class PayoutMissing(HubError):
    """A payout that does not exist, or is another bank's."""

    code = "payout_missing"


class BlockMissing(HubError):
    """A prepaid block that does not exist, or is another bank's."""

    code = "block_missing"


class PayoutNotReturned(HubError):
    """Only a payout that the partner refused can be sent again."""

    code = "payout_not_returned"


class BlockInvalid(HubError):
    """A prepaid block of no amount, or in a unit or currency that cannot pay for the bank's accruals."""

    code = "block_invalid"


ITEM_CODES: dict[str, str] = {
    "row_malformed": "The record does not have the columns of the header, or holds characters that cannot be kept.",
    "id_invalid": "The transaction id is missing, longer than 64 characters or has spaces.",
    "token_invalid": "The token is missing or has characters that tokens do not have.",
    "card_number": "The token looks like a card number; send tokens only.",
    "token_unknown": "The token is not linked to a member.",
    "amount_invalid": "The amount is not an exact number of the currency's smallest unit, or is zero.",
    "currency_unknown": "The currency is not the one that the bank's rules are in.",
    "date_invalid": "The date or time cannot be read.",
    "date_in_future": "The date is later than today.",
    "too_late": "The transaction is older than the bank's rules allow.",
    "category_missing": "The category is missing.",
    "kind_invalid": "The kind is none of purchase, refund and chargeback, or does not go with the amount.",
    "no_rules": "No earn rules are in force on that day.",
    "id_reused": "The transaction id was used before with other content.",
    "refund_unmatched": "The purchase that this refunds is not known.",
}
"""Codes of refused transactions, with what each means."""
