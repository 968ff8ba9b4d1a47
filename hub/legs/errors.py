"""What legs refuse."""

from hub.kernel.errors import HubError


class LegMissing(HubError):
    """There is no leg with this id."""

    code = "leg_missing"


class LegNotByHand(HubError):
    """Only a leg that waits for a person can be decided by one."""

    code = "leg_not_by_hand"


class DecisionInvalid(HubError):
    """A person decides with proof: done or refused, with a written reason; nothing else ends a leg."""

    code = "decision_invalid"
