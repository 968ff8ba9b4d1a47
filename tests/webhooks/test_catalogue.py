"""What we deliver is what the contract says: a schema and an example for each type, held to the catalogue both ways."""

import ast
import json
from pathlib import Path

import pytest

from hub.outbox.events import Event, announce_events
from hub.webhooks.catalogue import CATALOGUE, EventType
from tests.gateway.contract_client import contract
from tests.gateway.test_contract import complies
from tests.webhooks.world import World

ROOT = Path(__file__).resolve().parents[2]


def schema_of(name: str) -> dict[str, object]:
    content = contract()["webhooks"][name]["post"]["requestBody"]["content"]["application/json"]
    found: dict[str, object] = content["schema"]
    return found


def test_the_contract_has_the_types_of_the_catalogue_and_no_others() -> None:
    assert sorted(contract()["webhooks"]) == sorted(CATALOGUE)


@pytest.mark.parametrize("kind", CATALOGUE.values(), ids=lambda kind: kind.name)
def test_the_contract_says_what_the_catalogue_says(kind: EventType) -> None:
    operation = contract()["webhooks"][kind.name]["post"]
    data = operation["requestBody"]["content"]["application/json"]["schema"]["allOf"][1]["properties"]["data"]

    assert operation["summary"] == kind.meaning
    assert sorted(data["required"]) == sorted(kind.facts)
    kinds = {name: "integer" if name in kind.numbers else "string" for name in kind.facts + kind.optional}
    assert {name: one["type"] for name, one in data["properties"].items()} == kinds
    for example in operation["requestBody"]["content"]["application/json"]["examples"].values():
        assert complies(example["value"], schema_of(kind.name)) == []


@pytest.mark.parametrize("kind", CATALOGUE.values(), ids=lambda kind: kind.name)
def test_what_is_delivered_is_valid_and_what_is_changed_is_not(world: World, kind: EventType) -> None:
    world.endpoint()
    data = {name: 7 if name in kind.numbers else "word" for name in kind.facts}
    if kind.name == "webhook.test":
        with world.database.read() as work:
            data["endpoint"] = work.fetch("SELECT id FROM webhook_endpoint")[0][0]
    with world.database.work() as work:
        announce_events(work, [Event(kind.name, "subject_1", ("aerojet",), data, False)], now=world.clock.now())
    world.carry()

    body = json.loads(world.wire.sent[0].body)

    assert complies(body, schema_of(kind.name)) == []
    assert complies({**body, "type": "other.type"}, schema_of(kind.name))
    assert complies({**body, "data": {**body["data"], "more": "x"}}, schema_of(kind.name))
    assert complies({**body, "more": 1}, schema_of(kind.name))


def announced() -> set[str]:
    """The types of events that the source announces by name."""
    names: set[str] = set()
    constants: dict[str, str] = {}
    calls: list[ast.expr] = []
    for path in (ROOT / "hub").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Assign)
                and isinstance(node.value, ast.Constant)
                and isinstance(node.value.value, str)
            ):
                constants.update({one.id: node.value.value for one in node.targets if isinstance(one, ast.Name)})
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("Event", "_event"):
                calls += node.args[:1] + [one.value for one in node.keywords if one.arg == "type"]
    for call in calls:
        if isinstance(call, ast.Constant) and isinstance(call.value, str):
            names.add(call.value)
        elif isinstance(call, ast.Name) and call.id in constants:
            names.add(constants[call.id])
    return names


def test_every_type_that_is_announced_is_in_the_catalogue() -> None:
    found = announced()

    assert {"conversion.reversed", "prepaid.low", "hosted.points_expiring", "webhook.test"} <= found
    assert found <= set(CATALOGUE)
