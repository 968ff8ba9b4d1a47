"""Least privilege, two persons, acting for a partner, secrets shown once, cursors, paces, and routes that grow old."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from hub.access.scopes import OPERATOR_SCOPES
from hub.audit import Sought, find
from hub.gateway.ageing import Ageing
from hub.kernel.clock import ManualClock
from tests.gateway.contract_client import World
from tests.gateway.test_contract import operations

# Asking what something would be writes nothing, so it needs no more than a reading right.
_READING_POSTS = {"/v1/plans", "/v1/quotes"}


def guarded() -> Iterator[tuple[str, str, list[str]]]:
    for path, method, operation in operations():
        scopes = [scope for one in operation.get("security", []) for scope in one.get("oauth", [])]
        if scopes:  # what a partner tells of its own accord is proven by its signature, not by a token
            yield path, method, scopes


def test_every_route_names_one_scope_and_reading_never_needs_a_right_to_write() -> None:
    for path, method, scopes in guarded():
        kinds = {scope.partition(":")[2] for scope in scopes if not scope.startswith("member:")}
        reads = method == "get" or path in _READING_POSTS
        assert kinds <= {"read" if reads else "write"}, (method, path, scopes)
        assert len(scopes) == len({scope.partition(":")[0] for scope in scopes}), "one scope for each kind of caller"


def two_operators(world: World) -> None:
    for name in ("ann", "bob"):
        world.tokens[name] = world.token("", tuple(sorted(OPERATOR_SCOPES)))


@pytest.mark.parametrize("kind", ["partners", "rate-rules", "campaigns"])
def test_what_was_stopped_is_started_by_two_operators_and_no_repeat_makes_one_of_them_two(
    world: World, kind: str
) -> None:
    two_operators(world)
    thing = f"/v1/{kind}/{_running(world, kind)}"
    reason = {"reason": "incident", **({"direction": "both"} if kind == "partners" else {})}

    stopped = world.post(f"{thing}/stop", reason, who="ann", key="stop")
    early = world.post(f"{thing}/start", {}, who="bob", key="early")
    proposed = world.post(f"{thing}/propose-start", {}, who="ann", key="propose")
    alone = world.post(f"{thing}/start", {}, who="ann", key="start")
    again = world.post(f"{thing}/start", {}, who="ann", key="start")
    other = world.post(f"{thing}/start", {}, who="bob", key="start")

    assert (stopped.status_code, proposed.status_code) == (200, 200), stopped.text + proposed.text
    assert early.json["code"] == "start_not_proposed"
    assert (alone.status_code, alone.json["code"]) == (again.status_code, again.json["code"]) == (409, "four_eyes")
    assert other.status_code == 200, "the same key of another operator is another request"


def _running(world: World, kind: str) -> str:
    from tests.gateway.making import PREPARED

    return "staywell" if kind == "partners" else PREPARED[f"/v1/{kind}/{{id}}/stop"](world)


def audited(world: World) -> list[tuple[str, str, dict[str, str]]]:
    with world.database.read() as work:
        found = find(work, Sought(None, "acted_for", None, None, None), before=None, limit=50)
    return [(one.actor, one.subject, dict(one.facts)) for one in found]


def test_an_operator_acts_for_a_partner_only_with_a_reason_and_it_stands_in_the_audit_log(world: World) -> None:
    body = {"quote": world.quote(), "member": world.member}
    operator = {"Authorization": f"Bearer {world.tokens['hub']}", "Idempotency-Key": "acting"}
    good = {"Hub-Acting-For": "aerojet", "Hub-Acting-Reason": "asked by phone"}

    for changed, code in (
        ({}, "acting_missing"),
        ({"Hub-Acting-For": "aerojet"}, "acting_missing"),
        ({"Hub-Acting-Reason": "asked by phone"}, "acting_missing"),
        ({**good, "Hub-Acting-Reason": "  "}, "acting_missing"),
        ({**good, "Hub-Acting-Reason": "x"}, "acting_invalid"),
        ({**good, "Hub-Acting-For": "nobody"}, "acting_invalid"),
        ({**good, "Hub-Acting-For": "AEROJET"}, "acting_invalid"),
    ):
        response = world.client().post("/v1/conversions", json=body, headers={**operator, **changed})
        assert (response.status_code, response.json["code"]) == (400, code), changed
    assert audited(world) == []
    assert world.count("conversion") == 0

    named = {**operator, **good, "X-Request-Id": "by-phone-1"}
    made, again = (world.client().post("/v1/conversions", json=body, headers=named) for _ in range(2))

    assert (made.status_code, again.headers["Idempotency-Replayed"]) == (202, "true")
    ((actor, subject, facts),) = audited(world)
    assert actor == world.services.guard.check(world.tokens["hub"]).client_id
    assert subject == f"/v1/conversions/{made.json['id']}"
    assert facts == {"partner": "aerojet", "reason": "asked by phone", "request": "by-phone-1"}


def test_a_partner_acts_for_nobody(world: World) -> None:
    body = {"quote": world.quote(), "member": world.member}
    headers = {**world.headers(key="k"), "Hub-Acting-For": "aerojet", "Hub-Acting-Reason": "because"}

    response = world.client().post("/v1/conversions", json=body, headers=headers)

    assert (response.status_code, response.json["code"]) == (403, "acting_not_allowed")
    assert audited(world) == []


def test_a_secret_is_shown_once_and_no_repeat_of_its_request_shows_it_again(world: World) -> None:
    body = {"partner": "aerojet", "auth": "secret", "scopes": ["units:read"]}

    made, again = (world.post("/v1/clients", body, who="hub", key="add") for _ in range(2))
    path = f"/v1/clients/{made.json['id']}"
    rotated, rotated_again = (world.post(f"{path}/rotate", {}, who="hub", key="rotate") for _ in range(2))

    for shown, repeated in ((made, again), (rotated, rotated_again)):
        assert len(shown.json["secret"]) >= 43
        assert (repeated.status_code, repeated.headers["Idempotency-Replayed"]) == (shown.status_code, "true")
        assert {**shown.json, "secret": None} == repeated.json
    assert "secret" not in world.get(path, who="hub").json or world.get(path, who="hub").json["secret"] is None
    with world.database.read() as work:
        stored = work.fetch("SELECT string_agg(k::text, ' ') FROM idempotency_keys k")[0][0]
    assert made.json["secret"] not in stored
    assert rotated.json["secret"] not in stored


def test_a_cursor_is_good_for_a_day_for_its_client_its_list_and_its_filters(world: World, clock: ManualClock) -> None:
    cursor = world.get("/v1/units?limit=1").json["next_cursor"]
    url = f"/v1/units?limit=1&cursor={cursor}"

    for asked, who in (
        (f"/v1/partners?limit=1&cursor={cursor}", "aerojet"),
        (f"{url}&partner=staywell", "aerojet"),
        (url, "staywell"),
        (url[:-1] + ("A" if url[-1] != "A" else "B"), "aerojet"),
        ("/v1/units?cursor=" + "x" * 600, "aerojet"),
    ):
        response = world.get(asked, who=who)
        assert (response.status_code, response.json["code"]) == (400, "cursor_invalid"), asked

    assert world.get(url).status_code == 200
    clock.advance(timedelta(days=1, seconds=1))
    world.tokens["aerojet"] = _renewed(world, "aerojet")
    expired = world.get(url)
    assert (expired.status_code, expired.json["code"]) == (400, "cursor_expired")


def _renewed(world: World, partner: str) -> str:
    """Another token of the same client, whose cursors they are."""
    from hub.access.service import get_client, list_clients

    now = world.services.clock.now()
    with world.database.read() as work:
        id = next(one.id for one in list_clients(work, now=now) if one.partner == partner)
        client = get_client(work, id, now=now)
    return world.services.guard.issue(client, client.scopes)


def test_an_allowance_flows_back_evenly(world: World, clock: ManualClock) -> None:
    slow = world.restarted(requests_per_minute=6)

    def asked(count: int) -> list[int]:
        return [slow.get("/v1/units").status_code for _ in range(count)]

    assert asked(7) == [200] * 6 + [429]
    wait = int(slow.get("/v1/units").headers["Retry-After"])
    clock.advance(timedelta(seconds=wait))
    assert asked(2) == [200, 429], "after the time that was named there is one more"
    clock.advance(timedelta(seconds=20))
    assert asked(3) == [200, 200, 429]
    clock.advance(timedelta(seconds=600 - wait - 20 - 1))
    world.tokens["aerojet"] = _renewed(world, "aerojet")
    assert asked(7) == [200] * 6 + [429], "it is never more than full"


def test_a_route_that_grows_old_says_so_in_every_answer_and_no_other_does(world: World) -> None:
    ageing = Ageing(
        datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC), "https://hub.example/docs#listUnits"
    )
    old = world.restarted(ageing={("GET", "/v1/units"): ageing})

    for response in (old.get("/v1/units"), old.client().get("/v1/units"), old.get("/v1/units?odd=1")):
        assert response.headers["Deprecation"] == "@1767225600"  # RFC 9745: a structured date, not `true`
        assert response.headers["Sunset"] == "Fri, 01 Jan 2027 00:00:00 GMT"
        assert response.headers["Link"] == '<https://hub.example/docs#listUnits>; rel="deprecation"; type="text/html"'
    for response in (old.get("/v1/partners"), old.get("/v1/units/aerojet.mile"), world.get("/v1/units")):
        assert {"Deprecation", "Sunset"} & set(response.headers.keys()) == set()
    with pytest.raises(AssertionError):
        Ageing(ageing.sunset_at, ageing.deprecated_at, ageing.guide).headers()
