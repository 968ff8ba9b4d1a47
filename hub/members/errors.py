"""What members and links refuse."""

from hub.kernel.errors import HubError


class MemberMissing(HubError):
    """There is no member with this id."""

    code = "member_missing"


class MemberInvalid(HubError):
    """A member's reference is 1 to 128 printable characters, chosen by the client and opaque to the hub."""

    code = "member_invalid"


class MembershipMalformed(HubError):
    """This partner's membership numbers look different."""

    code = "membership_malformed"


class MembershipLinked(HubError):
    """The membership is linked to another member already."""

    code = "membership_linked"


class MemberLinked(HubError):
    """The member has another membership of this partner linked already; close that link first."""

    code = "member_linked"


class LinkMissing(HubError):
    """The member has no link to a membership at this partner."""

    code = "link_missing"


class LinkNotActive(HubError):
    """The link exists, but the partner has not confirmed it, has refused it, or it was closed."""

    code = "link_not_active"


class LinkAttemptsExceeded(HubError):
    """The member asked for too many memberships that were not confirmed; tomorrow again."""

    code = "link_attempts_exceeded"


class ErasureWaits(HubError):
    """Points of the member are on their way; it can be erased when they have arrived."""

    code = "erasure_waits"
