"""Health, metrics, and the pages that say what the hub is."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from hub.config import SettingInvalid
from hub.gateway.app import create_app
from hub.storage import Database
from tests.gateway.contract_client import ROOT, World, contract


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
        "metrics = Metrics()\n"
        "metrics.observe('GET', '/x', 200, 1_000_000)\n"
        "print(metrics.render(Backlog(0, 0, 0, 0, None)).decode())\n"
    )
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}

    texts = [
        subprocess.run(
            [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
        ).stdout
        for _ in range(2)
    ]

    assert 'hub_http_requests_total{method="GET",route="/x",status="200"} 2.0' in texts[1]


def test_the_contract_is_served_as_it_is_kept_with_pages_that_load_nothing(still: World) -> None:
    client = still.client()

    assert client.get("/openapi.yaml").get_data() == (ROOT / "openapi.yaml").read_bytes()
    page = client.get("/docs")
    for path in contract()["paths"]:
        assert path in page.text
    for outside in ("src=", "href=", "url(", "@import", "<script", "<link"):
        assert outside not in page.text
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]


def test_every_code_has_its_page(still: World) -> None:
    page = still.client().get("/problems/quote_expired")

    assert (page.status_code, page.mimetype) == (200, "text/markdown")
    assert "What to do" in page.text
    assert still.client().get("/problems/no_such_code").status_code == 404


@pytest.mark.parametrize("url", ["http://hub.example", "http://localhost:80@evil.example", "ftp://hub.example", ""])
def test_tokens_never_travel_in_the_clear(still: World, url: str) -> None:
    with pytest.raises(SettingInvalid):
        create_app(still.restarted_services(public_url=url))
