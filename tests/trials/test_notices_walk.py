"""A partner's trial as its engineer makes it: one brand played alone with `--notify`, and a real hub beside it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import requests

from hub.agreements import service as agreements
from hub.agreements.types import PartnerEdit
from hub.commands.running import Running, running_hub
from hub.commands.supervisor import free_port
from hub.config import read_settings
from hub.trials.cast import clients_of
from hub.trials.client import ApiClient
from hub.trials.stage import set_stage

pytestmark = pytest.mark.timeout(300)

BRANDS = ("northbank", "aerojet")
# Real seconds until something that other processes do is given up, and how many conversions are tried.
PATIENCE = 60
TRIES = 10


@dataclass
class Walk:
    """A hub that is up, with two brands played by processes of their own."""

    running: Running
    client: ApiClient
    member: str
    urls: dict[str, str]

    def convert(self) -> dict[str, Any]:
        """One conversion from Northbank to Aerojet, once it has ended."""
        asked = {
            "source_unit": "northbank.cashback",
            "target_unit": "aerojet.mile",
            "amount": 500,
            "member": self.member,
        }
        quote = self.client.post("/v1/quotes", asked)["quote"]
        made = self.client.post("/v1/conversions", {"quote": quote, "member": self.member}, key=f"walk-{quote[-40:]}")
        return until(lambda: self.client.get(f"/v1/conversions/{made['id']}"), lambda one: one["state"] == "posted")


def until(ask: Any, reached: Any) -> dict[str, Any]:
    deadline = time.monotonic() + PATIENCE
    while not reached(found := ask()):
        assert time.monotonic() < deadline, found
        time.sleep(0.05)
    return found  # type: ignore[no-any-return]


@contextmanager
def up(folder: Path) -> Iterator[Walk]:
    settings = replace(read_settings({}), data_dir=folder, api_port=free_port(), log_level="ERROR")
    with running_hub(settings, sandbox=False) as running:
        hub, now = running.hub, running.hub.clock.now()
        set_stage(hub)
        urls = {}
        for brand in BRANDS:
            port = free_port()
            urls[brand] = f"http://127.0.0.1:{port}/{brand}"
            notify = f"{running.url}/v1/partners/{brand}/notifications"
            running.supervisor.start(brand, ["sandbox", brand, "--port", str(port), "--notify", notify])
            running.supervisor.wait_until_answers(f"http://127.0.0.1:{port}/_sim/faults", brand)
            with hub.database.work() as work:
                known = agreements.get_partner(work, brand)
                edit = PartnerEdit(known.name, urls[brand], "", known.time_zone)
                agreements.edit_partner(work, brand, edit, actor="walk", now=now)
        client = clients_of(hub, running.url, ["northbank"])["northbank"]
        member = client.post("/v1/members", {"reference": "walker"}, key="member")["id"]
        for brand, number in (("northbank", "NB000000000100"), ("aerojet", "AJ00000100")):
            body = {"member": member, "partner": brand, "membership": number}
            link = client.post("/v1/links", body, key=f"link-{brand}")["id"]
            until(lambda link=link: client.get(f"/v1/links/{link}"), lambda one: one["state"] == "active")
        yield Walk(running, client, str(member), urls)


def test_conversions_are_carried_by_what_the_partner_tells(tmp_path: Path) -> None:
    with up(tmp_path / "data") as walk:
        converted, applied = [], []
        while not applied and len(converted) < TRIES:
            converted.append(walk.convert()["id"])
            told = walk.client.get("/v1/notifications")["data"]
            assert isinstance(told, list)
            # On a machine with much else to do the hub may have asked before it was told.
            applied = [one for one in told if one["reason"] == "applied"]
        base, _, brand = walk.urls["northbank"].rpartition("/")
        books = requests.get(f"{base}/_sim/{brand}/totals", timeout=5).json()
        posted = requests.get(f"{base}/_sim/{brand}/notifications", timeout=5).json()["posted"]
        events = walk.client.get("/v1/events?type=conversion.posted")["data"]

    assert applied
    assert {one["type"] for one in applied} == {"leg.result"}
    assert books["change"] == {"northbank.cashback": -500 * len(converted)}
    assert {post["status"] for post in posted} <= {200, 202}
    assert isinstance(events, list)
    assert {event["subject"] for event in events} == set(converted)
