"""What this folder refuses. Knows the codes and their titles; does not know who asks or over what door."""

from hub.kernel.errors import HubError


class RouteMissing(HubError):
    """No rate rule leads from this unit to that one now, for this member."""

    code = "route_missing"


class RouteStopped(HubError):
    """A route that an operator has stopped, or whose source or target partner is stopped."""

    code = "route_stopped"


class BelowMinimum(HubError):
    """An amount below the route's minimum."""

    code = "below_minimum"


class AboveMaximum(HubError):
    """An amount above the route's maximum."""

    code = "above_maximum"


class OffStep(HubError):
    """An amount that is no multiple of the route's step."""

    code = "off_step"


class YieldsNothing(HubError):
    """An amount too small to yield a single smallest unit at the target."""

    code = "yields_nothing"


class QuoteInvalid(HubError):
    """A quote that was not signed by this hub, or was changed after it was."""

    code = "quote_invalid"


class QuoteExpired(HubError):
    """A quote whose time is over."""

    code = "quote_expired"


class QuoteForeign(HubError):
    """A quote that was made for another member or for another partner's client."""

    code = "quote_foreign"


class RateWithdrawn(HubError):
    """A quote from a rule that was taken back for a pricing error."""

    code = "rate_withdrawn"


class CampaignStopped(HubError):
    """A quote whose bonus comes from a campaign that is stopped or withdrawn; never executed without the bonus."""

    code = "campaign_stopped"


class RuleMissing(HubError):
    """A rate rule the hub does not know."""

    code = "rule_missing"


class RuleInvalid(HubError):
    """A draft of a rate rule that cannot stand: ratio, blocks, minimum, step, fee, selectors or dates."""

    code = "rule_invalid"


class RuleStateWrong(HubError):
    """A step that the present state of a rate rule or campaign does not allow."""

    code = "rule_state_wrong"


class CampaignMissing(HubError):
    """A campaign the hub does not know."""

    code = "campaign_missing"


class CampaignInvalid(HubError):
    """A draft of a campaign that cannot stand: bonus, funder, cap, selectors or dates."""

    code = "campaign_invalid"


class CampaignConflict(HubError):
    """A campaign that exists already with other particulars."""

    code = "campaign_conflict"


class CampaignUnfunded(HubError):
    """A campaign between live partners whose budget nobody has funded."""

    code = "campaign_unfunded"


class NoticeTooShort(HubError):
    """A change that is worse for members and starts before its notice period is over."""

    code = "notice_too_short"


class ArbitrageFound(HubError):
    """A set of rules in which a round trip gains points."""

    code = "arbitrage_found"


class LossUnsigned(HubError):
    """A route on which the hub would lose money, and nobody has signed for it."""

    code = "loss_unsigned"


class RatesFileInvalid(HubError):
    """A file of routes or campaigns with broken rows; nothing of it was written."""

    code = "rates_file_invalid"
