"""States of endpoints and deliveries, and the moves between them."""

from enum import StrEnum


class Scheme(StrEnum):
    """How messages to an endpoint are signed."""

    V1 = "v1"  # HMAC-SHA256 with a secret that both sides know
    V1A = "v1a"  # Ed25519: the receiver knows the public key only, so it can show others that we sent it


class EndpointState(StrEnum):
    """Whether an endpoint is sent to."""

    ACTIVE = "active"  # is sent to
    PAUSED = "paused"  # by its partner: deliveries are kept for it and go out when it is resumed
    DISABLED = "disabled"  # gone (410), failing for days, or by an operator: nothing is kept; replay after enabling


ENDPOINT_MOVES: dict[EndpointState, frozenset[EndpointState]] = {
    EndpointState.ACTIVE: frozenset({EndpointState.PAUSED, EndpointState.DISABLED}),
    EndpointState.PAUSED: frozenset({EndpointState.ACTIVE, EndpointState.DISABLED}),
    EndpointState.DISABLED: frozenset({EndpointState.ACTIVE}),
}


class DeliveryState(StrEnum):
    """Where one event is on its way to one endpoint."""

    PARKED = "parked"  # kept until its endpoint is active and somebody releases it
    WAITING = "waiting"  # has a message in the outbox, which keeps the retry clock
    DELIVERED = "delivered"  # the endpoint answered 2xx
    EXHAUSTED = "exhausted"  # every attempt failed, or the endpoint was disabled: a dead letter, replayed on request


DELIVERY_MOVES: dict[DeliveryState, frozenset[DeliveryState]] = {
    DeliveryState.PARKED: frozenset({DeliveryState.WAITING, DeliveryState.EXHAUSTED}),
    DeliveryState.WAITING: frozenset({DeliveryState.DELIVERED, DeliveryState.EXHAUSTED, DeliveryState.PARKED}),
    DeliveryState.DELIVERED: frozenset({DeliveryState.PARKED}),  # replayed although it had arrived
    DeliveryState.EXHAUSTED: frozenset({DeliveryState.PARKED, DeliveryState.DELIVERED}),  # replayed; a late 2xx
}
