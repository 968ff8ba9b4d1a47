"""What the doors may do with endpoints, deliveries and replays.

Knows where each function lives; holds no logic of its own.
"""

from hub.webhooks.endpoint_secrets import forget_expired, infos, issue, rotate
from hub.webhooks.endpoints import (
    add_endpoint,
    disable_endpoint,
    edit_endpoint,
    get_endpoint,
    list_endpoints,
    pause_endpoint,
    remove_endpoint,
    resume_endpoint,
    send_test,
)
from hub.webhooks.log import (
    DELIVERIES_KEPT_DAYS,
    DeliveriesSought,
    attempts,
    event_of_delivery,
    forget_deliveries,
    get_delivery,
    list_deliveries,
    pending,
)
from hub.webhooks.releasing import release, release_forgotten
from hub.webhooks.replaying import replay, replay_one

__all__ = [
    "DELIVERIES_KEPT_DAYS",
    "DeliveriesSought",
    "add_endpoint",
    "attempts",
    "disable_endpoint",
    "edit_endpoint",
    "event_of_delivery",
    "forget_deliveries",
    "forget_expired",
    "get_delivery",
    "get_endpoint",
    "infos",
    "issue",
    "list_deliveries",
    "list_endpoints",
    "pause_endpoint",
    "pending",
    "release",
    "release_forgotten",
    "remove_endpoint",
    "replay",
    "replay_one",
    "resume_endpoint",
    "rotate",
    "send_test",
]
