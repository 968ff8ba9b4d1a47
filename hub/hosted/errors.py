"""What hosted programmes refuse."""

from hub.kernel.errors import HubError


class InsufficientPoints(HubError):
    """The membership has too few points."""

    code = "insufficient_points"


class ProgrammeMissing(HubError):
    """There is no hosted programme with this unit."""

    code = "programme_missing"


class MembershipMissing(HubError):
    """The programme has no such membership."""

    code = "membership_missing"


class MembershipNotActive(HubError):
    """The membership is blocked or closed."""

    code = "membership_not_active"


class MembershipNotEmpty(HubError):
    """A membership can be closed only when nothing is left in it."""

    code = "membership_not_empty"


class MembershipTaken(HubError):
    """The programme has another membership with this number or reference."""

    code = "membership_taken"


class NumberInvalid(HubError):
    """This is no membership number of the programme: its form is another, or its check digits do not hold."""

    code = "number_invalid"


class BalanceAboveMaximum(HubError):
    """The membership would have more points than the programme allows."""

    code = "balance_above_maximum"


class PostingForeign(HubError):
    """Only a posting of this programme's own client can be reversed here; conversions are reversed as conversions."""

    code = "posting_foreign"


class EarnedAtInvalid(HubError):
    """Points cannot have been earned in the future, nor so long ago that they would have lapsed by now."""

    code = "earned_at_invalid"


class TransferToSelf(HubError):
    """Points can be given to another member only."""

    code = "transfer_to_self"
