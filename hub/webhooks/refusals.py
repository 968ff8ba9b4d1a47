"""What this folder refuses. Knows the codes and their titles; does not know who asks or over what door."""

from hub.kernel.errors import HubError


class EndpointMissing(HubError):
    """There is no webhook endpoint with this id, or it is another partner's."""

    code = "endpoint_missing"


class EndpointInvalid(HubError):
    """An address, event type or signature scheme that an endpoint cannot have."""

    code = "endpoint_invalid"


class EndpointLimit(HubError):
    """The partner has as many webhook endpoints as one partner may have."""

    code = "endpoint_limit"


class EndpointStateWrong(HubError):
    """A step that an endpoint in this state does not take, such as a test of one that is disabled."""

    code = "endpoint_state_wrong"


class ReplayInvalid(HubError):
    """A replay of a time or from an event that makes no sense."""

    code = "replay_invalid"


class DeliveryMissing(HubError):
    """There is no webhook delivery with this id, or it is another partner's."""

    code = "delivery_missing"
