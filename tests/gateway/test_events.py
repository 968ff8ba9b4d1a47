"""Events over HTTP: followed by id, page by page, each partner in its own log."""

from itertools import islice
from typing import Any

import pytest
import requests

from hub.outbox.events import Event, announce_events
from hub.webhooks.numbering import number_announced
from tests.conftest import START
from tests.gateway.contract_client import ROOT, World
from tests.gateway.serving import served


@pytest.fixture(autouse=True)
def _quiet(world: World) -> None:
    """What was announced while the world was built is of no interest here."""
    with world.database.work() as work:
        number_announced(work, now=START)
        work.run("DELETE FROM webhook_event")


def announced(world: World, *subjects: str, partner: str = "aerojet", type_: str = "link.active") -> None:
    with world.database.work() as work:
        events = [Event(type_, subject, (partner,), {"link": subject}, live=False) for subject in subjects]
        announce_events(work, events, now=START)
    with world.database.work() as work:
        number_announced(work, now=START)


def page(world: World, query: str = "", *, who: str = "aerojet") -> Any:
    response = world.get(f"/v1/events{query}", who=who)
    assert response.status_code == 200, response.get_data(as_text=True)
    return response.json


def subjects(found: Any) -> list[str]:
    return [event["subject"] for event in found["data"]]


def test_a_program_goes_on_after_the_last_event_it_has_dealt_with(world: World) -> None:
    announced(world, "lnk_1", "lnk_2")
    first = page(world)
    announced(world, "lnk_3")

    rest = page(world, f"?after={first['data'][-1]['id']}")

    assert subjects(first) == ["lnk_1", "lnk_2"]
    assert first["next_cursor"] is None
    assert subjects(rest) == ["lnk_3"]
    assert page(world, f"?after={rest['data'][-1]['id']}")["data"] == []


def test_pages_of_one_reading_go_on_by_cursor_while_events_arrive(world: World) -> None:
    announced(world, *(f"lnk_{number}" for number in range(5)))
    begun = page(world)["data"][0]["id"]

    first = page(world, f"?after={begun}&limit=2")
    announced(world, "lnk_5")
    second = page(world, f"?after={begun}&limit=2&cursor={first['next_cursor']}")
    third = page(world, f"?after={begun}&limit=2&cursor={second['next_cursor']}")

    assert subjects(first) + subjects(second) + subjects(third) == [f"lnk_{number}" for number in range(1, 6)]
    assert third["next_cursor"] is None


def test_events_are_told_apart_by_type_and_subject(world: World) -> None:
    announced(world, "lnk_1", "lnk_2")
    announced(world, "lnk_1", type_="link.refused")

    assert [event["type"] for event in page(world, "?subject=lnk_1")["data"]] == ["link.active", "link.refused"]
    assert subjects(page(world, "?type=link.refused")) == ["lnk_1"]
    assert [event["sequence"] for event in page(world, "?subject=lnk_1")["data"]] == [1, 2]


def test_one_event_is_shown_as_it_stands_in_the_log(world: World) -> None:
    announced(world, "lnk_1")
    (listed,) = page(world)["data"]

    shown = world.get(f"/v1/events/{listed['id']}")

    assert (shown.status_code, shown.json) == (200, listed)


def test_an_id_of_another_partners_log_is_not_there(world: World) -> None:
    announced(world, "lnk_1", partner="staywell")
    (foreign,) = page(world, who="staywell")["data"]

    for path in (f"/v1/events/{foreign['id']}", f"/v1/events?after={foreign['id']}"):
        response = world.get(path)
        assert (response.status_code, response.json["code"]) == (404, "event_missing")  # type: ignore[index]
    assert page(world, "?partner=staywell")["data"] == []


def test_an_operator_says_whose_log(world: World) -> None:
    announced(world, "lnk_1")
    (event,) = page(world)["data"]

    unsaid = world.get("/v1/events", who="hub")
    crossed = world.get(f"/v1/events?partner=staywell&after={event['id']}", who="hub")

    assert (unsaid.status_code, unsaid.json["errors"][0]["pointer"]) == (400, "?partner")  # type: ignore[index]
    assert subjects(page(world, "?partner=aerojet", who="hub")) == ["lnk_1"]
    assert (crossed.status_code, crossed.json["code"]) == (404, "event_missing")  # type: ignore[index]


@pytest.mark.parametrize("query", ["?type=link.lost", "?since=yesterday", "?after=a%20b", "?color=red"])
def test_what_the_log_cannot_be_asked_is_refused(world: World, query: str) -> None:
    response = world.get(f"/v1/events{query}")

    assert (response.status_code, response.json["code"]) == (400, "validation_failed")  # type: ignore[index]


def test_live_and_test_events_stay_apart(world: World) -> None:
    announced(world, "lnk_1")
    (event,) = page(world)["data"]
    headers = {"Authorization": f"Bearer {world.token('', ('events:read',), live=True)}"}

    listed = world.client().get("/v1/events?partner=aerojet", headers=headers)
    shown = world.client().get(f"/v1/events/{event['id']}", headers=headers)

    assert listed.json["data"] == []  # type: ignore[index]
    assert shown.status_code == 404


def test_the_documented_program_reads_everything_once_and_goes_on_where_it_was(world: World) -> None:
    announced(world, *(f"lnk_{number}" for number in range(120)))
    text = (ROOT / "docs" / "webhooks" / "events.md").read_text(encoding="utf-8")
    program: dict[str, Any] = {}
    exec(text.split("```python\n")[1].split("```")[0], program)

    with served(world.app) as url, requests.Session() as session:
        session.headers.update(world.headers())
        begun = list(islice(program["new_events"](session, url), 70))
        rest = list(program["new_events"](session, url, begun[-1]["id"]))

    assert [event["subject"] for event in begun + rest] == [f"lnk_{number}" for number in range(120)]
