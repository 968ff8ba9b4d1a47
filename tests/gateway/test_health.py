"""Health, metrics, and the pages that say what the hub is."""

import base64
import hashlib
import os
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from hub.config import SettingInvalid
from hub.gateway.app import create_app
from hub.storage import Database
from tests.gateway.contract_client import ROOT, World, contract
from tests.gateway.test_contract import operations


def test_it_lives_and_is_ready(world: World) -> None:
    assert world.client().get("/healthz").json == {"status": "alive"}

    response = world.client().get("/readyz")

    assert (response.status_code, response.json["status"]) == (200, "ready")


def test_a_dead_broker_or_database_or_a_long_lag_makes_it_not_ready(world: World) -> None:
    def broken() -> bool:
        raise OSError

    nowhere = Database("postgresql+psycopg://nobody@127.0.0.1:1/none")

    for changed, failing in (
        ({"broker_answers": lambda: False}, "broker"),
        ({"broker_answers": broken}, "broker"),
        ({"database": nowhere}, "database"),
    ):
        response = world.restarted(**changed).client().get("/readyz")
        assert (response.status_code, response.json["checks"][failing]) == (503, "failing")
        assert response.headers["Retry-After"] == "5"
        assert world.restarted(**changed).client().get("/healthz").status_code == 200
        assert world.restarted(**changed).client().get("/metrics").status_code == 200


def test_a_message_that_waits_too_long_makes_it_not_ready(world: World) -> None:
    world.accept()
    with world.database.work() as work:
        work.run("UPDATE outbox_message SET available_at = available_at - interval '1 hour'")

    response = world.client().get("/readyz")

    assert (response.status_code, response.json["checks"]["lag"]) == (503, "failing")
    assert response.json["lag_seconds"] >= 3_600


def test_requests_are_counted_by_method_route_and_status(world: World) -> None:
    world.accept()
    world.get("/v1/conversions/" + "x" * 5)
    world.client().open("/v1/units", method="BREW")

    families = {one.name: one for one in text_string_to_metric_families(world.client().get("/metrics").text)}

    counted = {
        (one.labels["method"], one.labels["route"], one.labels["status"]): one.value
        for one in families["hub_http_requests"].samples
        if one.name.endswith("_total")
    }
    assert counted[("POST", "/v1/conversions", "202")] == 1
    assert counted[("GET", "/v1/conversions/<id>", "404")] == 1
    assert counted[("other", "other", "405")] == 1
    assert {one.labels["state"] for one in families["hub_outbox_messages"].samples} == {
        "due",
        "in_flight",
        "later",
        "dead",
    }


def test_processes_that_share_a_folder_answer_for_each_other(tmp_path: Path) -> None:
    script = (
        "from hub.gateway.metrics import Metrics\n"
        "from hub.outbox.service import Backlog\n"
        "from hub.webhooks.types import Pending\n"
        "metrics = Metrics()\n"
        "metrics.observe('GET', '/x', 200, 1_000_000)\n"
        "print(metrics.render(Backlog(0, 0, 0, 0, None), Pending()).decode())\n"
    )
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}

    texts = [
        subprocess.run(
            [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
        ).stdout
        for _ in range(2)
    ]

    assert 'hub_http_requests_total{method="GET",route="/x",status="200"} 2.0' in texts[1]


def test_the_contract_is_served_as_it_is_kept_and_as_a_page_of_all_there_is(still: World) -> None:
    client = still.client()

    assert client.get("/openapi.yaml").get_data() == (ROOT / "openapi.yaml").read_bytes()
    page = _Read(client.get("/docs").text)
    for path, method, operation in operations():
        assert operation["operationId"] in page.ids, (path, method)
    assert {f"shape-{name}" for name in contract()["components"]["schemas"]} <= page.ids
    assert len(page.ids) == len(page.ids_given), "an id is given twice"


def test_the_page_loads_nothing_and_its_links_lead_somewhere(still: World) -> None:
    response = still.client().get("/docs")
    page = _Read(response.text)

    assert page.elements & _LOADING == set()
    assert {name for name in page.attributes if name.startswith("on")} == set()
    assert page.attributes & {"src", "srcset", "style", "background", "action", "data", "ping", "poster"} == set()
    assert {link for link in page.links if not link.startswith("#")} == {"openapi.yaml"}
    assert {link[1:] for link in page.links if link.startswith("#")} <= page.ids
    assert all(word not in page.style for word in ("url(", "@import", "expression"))
    policy = response.headers["Content-Security-Policy"]
    digest = base64.b64encode(hashlib.sha256(page.style.encode()).digest()).decode()
    assert policy.split("; ")[:2] == ["default-src 'none'", f"style-src 'sha256-{digest}'"]
    assert "unsafe" not in policy


# What makes a browser fetch, run or send something.
_LOADING = {"script", "link", "img", "iframe", "object", "embed", "audio", "video", "source", "form", "base", "svg"}


class _Read(HTMLParser):
    """What a browser would make of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: set[str] = set()
        self.attributes: set[str] = set()
        self.links: set[str] = set()
        self.ids_given: list[str] = []
        self.style = ""
        self._in_style = False
        self.feed(text)

    @property
    def ids(self) -> set[str]:
        return set(self.ids_given)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links |= {value or "" for name, value in attrs if name == "href"}
        self.ids_given += [value or "" for name, value in attrs if name == "id"]
        self._in_style = tag == "style"

    def handle_data(self, data: str) -> None:
        if self._in_style:
            self.style += data

    def handle_endtag(self, tag: str) -> None:
        self._in_style = False


def test_every_code_has_its_page(still: World) -> None:
    page = still.client().get("/problems/quote_expired")

    assert (page.status_code, page.mimetype) == (200, "text/markdown")
    assert "What to do" in page.text
    assert still.client().get("/problems/no_such_code").status_code == 404


@pytest.mark.parametrize("url", ["http://hub.example", "http://localhost:80@evil.example", "ftp://hub.example", ""])
def test_tokens_never_travel_in_the_clear(still: World, url: str) -> None:
    with pytest.raises(SettingInvalid):
        create_app(still.restarted_services(public_url=url))
