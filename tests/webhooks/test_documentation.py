"""What the page about webhooks promises in numbers and names is what the code does."""

import re
from pathlib import Path

from hub.commands.webhooks import webhook
from hub.webhooks.backoff import SCHEDULE
from hub.webhooks.endpoints import ENDPOINTS_MAX
from hub.webhooks.log import DELIVERIES_KEPT_DAYS
from hub.webhooks.reading import EVENTS_KEPT_DAYS
from hub.webhooks.replaying import REPLAY_EVENTS_MAX
from hub.webhooks.sending import TOTAL_SECONDS
from hub.webhooks.standing import FAILING_MAX, OPENING_MAX
from schemas.webhooks import EndpointRequest

PAGE = " ".join((Path(__file__).resolve().parents[2] / "docs" / "webhooks" / "README.md").read_text().split())
_UNITS = {"s": 1, "min": 60, "h": 3_600}


def test_the_schedule_is_the_one_of_the_page() -> None:
    sentence = re.search(r"It tries again (.*?) after the attempt before", PAGE)

    assert sentence is not None
    waits = re.findall(r"(\d+) (s|min|h)\b", sentence[1])
    assert [int(count) * _UNITS[unit] for count, unit in waits] == [int(one.total_seconds()) for one in SCHEDULE]


def test_the_bounds_are_those_of_the_page() -> None:
    for said in (
        f"Answer 2xx within {TOTAL_SECONDS} seconds",
        f"A partner may have {ENDPOINTS_MAX}.",
        f"covers {REPLAY_EVENTS_MAX:,} events",
        f"up to {OPENING_MAX} messages",
        f"Deliveries are kept for {DELIVERIES_KEPT_DAYS} days, events for {EVENTS_KEPT_DAYS}.",
    ):
        assert said in PAGE, said
    assert FAILING_MAX.days == 5
    assert "five days of nothing but failure" in PAGE


def test_fields_and_commands_are_named() -> None:
    assert all(f"`{name}`" in PAGE for name in EndpointRequest().fields if name != "description")
    assert all(f"hub webhook {name}" in PAGE for name in webhook.commands)
