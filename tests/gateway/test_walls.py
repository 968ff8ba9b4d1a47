"""All routes of the contract, for everybody who may not: without a token, with a token that lacks the scope, and for
what belongs to another partner. New routes are walked by themselves, as soon as they are in the contract."""

import copy
import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest
from werkzeug.test import TestResponse

from hub.access.scopes import MEMBER_SCOPES, OPERATORS_ONLY, PARTNER_SCOPES
from hub.access.service import get_client, list_clients
from tests.gateway.contract_client import World
from tests.gateway.making import MAKERS, address, maker_of
from tests.gateway.test_contract import operations, resolved

_numbers = itertools.count(1)
# A token with scopes of members among others is no token at all; what members do has tests of its own.
ALL = sorted(PARTNER_SCOPES | OPERATORS_ONLY)
_ANY_TAG = '"' + "0" * 32 + '"'


def guarded() -> Iterator[tuple[str, str]]:
    """Every operation that takes a token."""
    for path, method, operation in operations():
        scopes = [scope for one in operation.get("security", []) for scope in one.get("oauth", [])]
        if scopes and not MEMBER_SCOPES & set(scopes):
            yield path, method


ROUTES = sorted(guarded())
OF_SOMEBODY = [(path, method) for path, method in ROUTES if "{" in path]
LISTS = [path for path, method in ROUTES if method == "get" and "{" not in path]


def operation_of(path: str, method: str) -> dict[str, Any]:
    return next(one for where, how, one in operations() if (where, how) == (path, method))


def scope_of(path: str, method: str) -> str:
    return str(next(one["oauth"][0] for one in operation_of(path, method)["security"] if "oauth" in one))


def token(world: World, partner: str, scopes: list[str]) -> str:
    """A token of a client of `partner` with these scopes, whether it may have them or not."""
    now = world.services.clock.now()
    with world.database.read() as work:
        id = next(one.id for one in list_clients(work, now=now) if one.partner == partner)
        client = get_client(work, id, now=now)
    return world.services.guard.issue(client, scopes)


def ask(world: World, path: str, method: str, target: str, token: str) -> TestResponse:
    """The first example of the operation, or the operation alone where it takes no body."""
    headers = {"Idempotency-Key": f"wall-{next(_numbers)}", "If-Match": _ANY_TAG}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    body = resolved(operation_of(path, method).get("requestBody", {})).get("content", {})
    media = next(iter(body.values()), {})
    value = copy.deepcopy(next(iter(media.get("examples", {}).values()), {}).get("value"))
    if value is None:
        return world.client().open(target, method=method, headers=headers)
    return world.client().open(target, method=method, json=value, headers=headers)


def nowhere(path: str) -> str:
    """The address with an id that nothing has: who may not come in learns nothing from a real one either."""
    return path.replace("{id}", "cnv_" + "0" * 26).replace("{code}", "nobody").replace("{", "").replace("}", "")


@pytest.mark.parametrize(("path", "method"), ROUTES)
def test_without_a_token_every_route_says_401(still: World, path: str, method: str) -> None:
    response = ask(still, path, method, nowhere(path), "")

    assert (response.status_code, response.json["code"]) == (401, "token_missing")
    assert response.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize(("path", "method"), ROUTES)
def test_every_scope_but_the_right_one_says_403(still: World, path: str, method: str) -> None:
    right = scope_of(path, method)

    for scope in sorted((PARTNER_SCOPES | OPERATORS_ONLY) - {right}):
        for partner in ("aerojet", ""):
            response = ask(still, path, method, nowhere(path), token(still, partner, [scope]))
            assert (response.status_code, response.json["code"]) == (403, "scope_missing"), scope
            assert f'error="insufficient_scope", scope="{right}"' in response.headers["WWW-Authenticate"]


@pytest.mark.parametrize(("path", "method"), [one for one in ROUTES if scope_of(*one) in OPERATORS_ONLY])
def test_what_operators_do_no_partner_does_whatever_its_token_says(still: World, path: str, method: str) -> None:
    response = ask(still, path, method, nowhere(path), token(still, "aerojet", ALL))

    assert (response.status_code, response.json["code"]) == (403, "scope_missing")


@pytest.mark.parametrize("pair", [("aerojet", "staywell"), ("staywell", "aerojet")])
@pytest.mark.parametrize(("path", "method"), OF_SOMEBODY)
def test_what_is_another_partners_is_not_there(walked: World, path: str, method: str, pair: tuple[str, str]) -> None:
    owner, other = pair
    if scope_of(path, method) in OPERATORS_ONLY:
        return  # refused before anything is looked up, as the test above shows
    target = address(walked, path, owner)

    foreign = ask(walked, path, method, target, token(walked, other, ALL))
    own = ask(walked, path, method, target, token(walked, owner, ALL))

    assert own.status_code not in (401, 404), own.get_data(as_text=True)
    if maker_of(path).shared:
        assert foreign.status_code == own.status_code
        return
    assert (foreign.status_code, foreign.json["errors"]) == (404, [])
    absent = ask(walked, path, method, nowhere(path), token(walked, other, ALL))
    assert (absent.status_code, absent.json["code"]) == (404, foreign.json["code"])


@pytest.mark.parametrize("path", LISTS)
def test_lists_show_nothing_of_other_partners(walked: World, path: str) -> None:
    if scope_of(path, "get") in OPERATORS_ONLY:
        return
    kinds = [kind for kind in MAKERS if kind.startswith(path + "/") and not MAKERS[kind].shared]
    ids = {kind: MAKERS[kind].make(walked, "staywell") for kind in kinds}
    for kind in kinds:
        MAKERS[kind].make(walked, "aerojet")

    shown = list(everything(walked, path, "aerojet"))

    assert ids or path in {kind.rpartition("/")[0] for kind in MAKERS}, (
        f"{path} lists what no line of MAKERS (tests/gateway/making.py) makes"
    )
    assert not kinds or shown
    for id in ids.values():
        assert id not in json.dumps(shown)


def everything(world: World, path: str, partner: str) -> Iterator[dict[str, Any]]:
    """All pages of a list."""
    headers, cursor = {"Authorization": f"Bearer {token(world, partner, ALL)}"}, ""
    for _ in range(1_000):
        page = world.client().get(f"{path}?limit=200{cursor}", headers=headers).json
        yield from page["data"]
        if page["next_cursor"] is None:
            return
        cursor = f"&cursor={page['next_cursor']}"
