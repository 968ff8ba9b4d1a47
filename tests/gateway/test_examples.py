"""Every example of a request in the contract is sent to the server and brings about what the contract promises."""

import base64
import copy
import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest
from werkzeug.test import TestResponse

from hub.access.scopes import MEMBER_SCOPES, OPERATORS_ONLY
from hub.access.service import add_client
from hub.access.types import AuthMethod
from tests.gateway.contract_client import World
from tests.gateway.making import MAKERS, PREPARED, address
from tests.gateway.own_world import Own, linked_member, member_token, own_app
from tests.gateway.test_contract import operations, resolved

_numbers = itertools.count(1)


def examples() -> Iterator[tuple[str, str, str]]:
    for path, method, operation in operations():
        if path.startswith("/oauth/") and path != "/oauth/token":
            continue  # what they ask about has to be there first: tests of their own send them
        if {"signature": []} in operation.get("security", []):
            continue  # signed by a partner: tests of their own sign and send them
        for media in resolved(operation.get("requestBody", {})).get("content", {}).values():
            for name, example in media.get("examples", {}).items():
                if path == "/oauth/token" and example["value"]["grant_type"] != "client_credentials":
                    continue  # a code and a refresh token are good once
                yield path, method, name


def found(path: str, method: str, name: str) -> tuple[dict[str, Any], Any]:
    operation = next(one for where, how, one in operations() if (where, how) == (path, method))
    media = next(iter(resolved(operation["requestBody"])["content"].values()))
    return operation, copy.deepcopy(media["examples"][name]["value"])


def real(world: World, value: Any, who: str) -> Any:
    """An example with ids and quotes that are there: the contract's own are of nobody."""
    if isinstance(value, dict):
        return {name: real(world, one, who) for name, one in value.items()}
    if isinstance(value, list):
        return [real(world, one, who) for one in value]
    if isinstance(value, str) and value.startswith("mbr_"):
        return world.member
    if isinstance(value, str) and value.startswith("q1."):
        return world.quote(1_000, who=who)
    return value


def sent(world: World, path: str, method: str, name: str) -> TestResponse:
    operation, body = found(path, method, name)
    scope = operation["security"][0]["oauth"][0]
    if scope in MEMBER_SCOPES:
        return sent_by_member(world, path, method, body)
    who = "hub" if scope in OPERATORS_ONLY else "aerojet"
    target = address(world, path, who if who != "hub" else "aerojet", prepared=True)
    headers = world.headers(who, f"example-{next(_numbers)}")
    names = {resolved(one).get("name") for one in operation.get("parameters", [])}
    if "If-Match" in names:
        thing = target if path.endswith("}") else target.rpartition("/")[0]
        headers["If-Match"] = world.client().get(thing, headers=headers).headers["ETag"]
    value = real(world, body, who)
    if path == "/v1/claims":
        items = [{"token": value["token"], "member": "customer-1"}]
        world.post("/v1/card-tokens", {"items": items}, who=who, key=f"token-{next(_numbers)}")
    if path == "/v1/links":
        value["member"] = MAKERS["/v1/members/{id}"].make(world, "aerojet")
    return world.client().open(target, method=method, json=value, headers=headers)


def sent_by_member(world: World, path: str, method: str, body: Any) -> TestResponse:
    """The same by a member of its own, with a link to be asked about and a quote for itself."""
    member = linked_member(world, f"example-{next(_numbers)}")
    own = Own(world, member_token(world, own_app(world), member))
    link = own.ask("GET", "/v1/me/links").json["data"][0]["id"]  # type: ignore[index]
    if "quote" in body:
        wanted = {"source_unit": "aerojet.mile", "target_unit": "staywell.point", "amount": 1_000}
        body = {"quote": own.ask("POST", "/v1/me/quotes", wanted).json["quote"]}  # type: ignore[index]
    return own.ask(method.upper(), path.replace("{id}", link), body)


@pytest.mark.parametrize(("path", "method", "name"), sorted(examples()))
def test_an_example_of_a_request_does_what_it_says(walked: World, path: str, method: str, name: str) -> None:
    if path == "/oauth/token":
        response = token(walked, found(path, method, name)[1])
    else:
        response = sent(walked, path, method, name)

    assert response.status_code < 300, response.get_data(as_text=True)
    if path == "/v1/conversion-batches":
        assert {one["status"] for one in json.loads(response.get_data())["data"]} == {202}


def token(world: World, form: dict[str, str]) -> TestResponse:
    with world.database.work() as work:
        made = add_client(
            work, partner="aerojet", auth=AuthMethod.SECRET, jwks="", scopes=form["scope"].split(), live=False,
            actor="alice", now=world.services.clock.now(),
        )  # fmt: skip
    basic = base64.b64encode(f"{made.id}:{made.secret}".encode()).decode()
    return world.client().post("/oauth/token", data=form, headers={"Authorization": f"Basic {basic}"})


def test_nothing_is_prepared_for_addresses_that_are_gone() -> None:
    assert set(PREPARED) <= {path for path, _, _ in operations()}
