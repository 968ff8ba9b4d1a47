"""What conversions refuse."""

from hub.hosted.errors import InsufficientPoints as InsufficientPoints
from hub.kernel.errors import HubError


class ConversionMissing(HubError):
    """There is no conversion with this id among those the client may see."""

    code = "conversion_missing"


class QuoteUsed(HubError):
    """The quote was already accepted under another key; a quote can be used once."""

    code = "quote_used"


class IdempotencyKeyReused(HubError):
    """This key was used before for another request; a new request needs a new key."""

    code = "conversion_key_reused"


class DebitNotAllowed(HubError):
    """A partner's client may debit its own programme only, or another with the member's recorded consent."""

    code = "debit_not_allowed"


class FeeCurrencyMismatch(HubError):
    """A money fee is collected by the source partner and must be in the currency it clears in."""

    code = "fee_currency_mismatch"


class NetDebitCapReached(HubError):
    """The partner would owe the hub more than its net debit cap."""

    code = "net_debit_cap_reached"


class CampaignExhausted(HubError):
    """What is left of the campaign's budget does not cover this bonus; ask for a new quote."""

    code = "campaign_exhausted"


class CampaignCapReached(HubError):
    """The member would get more bonus points of this campaign than one member may; ask for a new quote."""

    code = "campaign_cap_reached"


class RiskDenied(HubError):
    """The risk rules say no."""

    code = "risk_denied"


class CannotCancel(HubError):
    """Only a conversion that waits and was not yet sent to the source partner can be cancelled."""

    code = "cannot_cancel"


class NotInReview(HubError):
    """Only a conversion under review can be released or denied."""

    code = "not_in_review"


class ReversalNotAllowed(HubError):
    """This conversion cannot be reversed: it has not posted, is a reversal itself, or an agreement rules it out."""

    code = "reversal_not_allowed"


class ReversalExceedsRest(HubError):
    """More than what is left of the conversion to reverse."""

    code = "reversal_exceeds_rest"


class ReversalTooSmall(HubError):
    """At the original rate this part is worth less than one smallest unit of the source."""

    code = "reversal_too_small"
