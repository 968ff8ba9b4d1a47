"""The mistakes that hubs of this sort are known to make, one promise each; all their forms are tested beside this file.

OAuth first, then the conventions of the API.
"""

import json
import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
import yaml
from flask.testing import FlaskClient
from joserfc.jwk import ECKey

from hub.access.guard import Guard
from hub.gateway.app import stop_app
from hub.kernel.clock import ManualClock
from tests.conftest import START
from tests.gateway.contract_client import ISSUER, ROOT, World
from tests.gateway.oauth_world import proof
from tests.gateway.test_tokens import ask, assertion, basic, client_of, signed


@pytest.fixture(scope="module")
def shared(walked: World) -> Iterator[World]:
    """A world that these tests share, whose token endpoint does not count."""
    world = walked.restarted(token_requests_per_minute=1_000_000)
    yield world
    stop_app(world.app)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_a_token_in_an_address_is_no_token(shared: World) -> None:
    response = shared.client().get(f"/v1/units?access_token={shared.tokens['aerojet']}")

    assert (response.status_code, response.json["code"]) == (401, "token_missing")


def test_an_assertion_is_remembered_by_its_id_and_not_by_its_text(shared: World) -> None:
    key = ECKey.generate_key("P-256")
    made = client_of(shared, key=key)

    first, resigned = (signed(shared, assertion(key, made.id, jti="the same")) for _ in range(2))

    assert (first.status_code, resigned.status_code) == (200, 401)


def test_a_revoked_token_stays_revoked_however_it_is_written(shared: World) -> None:
    made = client_of(shared)
    token = ask(shared, basic(made.id, made.secret)).json["access_token"]
    head, body, sign = token.split(".")
    shared.client().post("/oauth/revoke", data={"token": token}, headers=basic(made.id, made.secret))
    elsewhere = shared.restarted()  # a process that has not read anything yet

    for text in (token, f"{token}==", f"{head}.{body}.{sign}=", f"{head}=.{body}=.{sign}=", f" {token} "):
        assert elsewhere.client().get("/v1/units", headers=bearer(text)).status_code == 401
    stop_app(elsewhere.app)


def test_the_key_of_a_token_is_chosen_by_us_and_never_by_its_header(shared: World) -> None:
    made, ours = client_of(shared), ECKey.generate_key("P-256", {"kid": "mine"})
    token = ask(shared, basic(made.id, made.secret)).json["access_token"]
    claims = shared.services.guard.check(token)
    from joserfc import jwt

    for header in (
        {"kid": "mine", "jwk": ours.as_dict(private=False)},
        {"kid": "mine", "jku": "https://evil.example/jwks.json"},
        {"kid": "../../etc/passwd"},
        {},
    ):
        forged = jwt.encode({"alg": "ES256", "typ": "at+jwt", **header}, {"sub": claims.subject}, ours)
        assert shared.client().get("/v1/units", headers=bearer(forged)).status_code == 401, header


def test_a_proof_is_for_the_address_that_is_configured_whatever_the_host_header_says(shared: World) -> None:
    made, key = client_of(shared), ECKey.generate_key("P-256")

    there = proof(shared, key, htu="https://evil.example/oauth/token")
    refused = ask(shared, {**basic(made.id, made.secret), **there, "Host": "evil.example"})
    taken = ask(shared, {**basic(made.id, made.secret), **proof(shared, key), "Host": "evil.example"})

    assert (refused.status_code, refused.json["error"]) == (400, "invalid_dpop_proof")
    assert taken.status_code == 200


def test_nobody_is_told_to_keep_our_keys_for_long_and_nobody_keeps_tokens(shared: World) -> None:
    made = client_of(shared)
    kept = shared.client().get("/jwks.json").headers["Cache-Control"]

    assert int(kept.rpartition("max-age=")[2]) <= 20 * 60
    for response in (
        ask(shared, basic(made.id, made.secret)),
        shared.client().post("/oauth/introspect", data={"token": "x"}, headers=basic(made.id, made.secret)),
        shared.get("/v1/conversions"),
    ):
        assert response.headers["Cache-Control"] == "no-store"


def test_who_is_not_known_gets_401_and_who_may_not_gets_403(shared: World) -> None:
    narrow = shared.token("aerojet", ("quotes:read",))

    assert shared.client().get("/v1/units").status_code == 401
    assert shared.client().get("/v1/units", headers=bearer("nonsense")).status_code == 401
    assert shared.client().get("/v1/units", headers=bearer(narrow)).status_code == 403


def test_introspection_tells_a_client_nothing_of_the_tokens_of_others(shared: World) -> None:
    owner, other = client_of(shared), client_of(shared, partner="staywell")
    token = ask(shared, basic(owner.id, owner.secret)).json["access_token"]

    def asked(who: str, secret: str) -> object:
        return shared.client().post("/oauth/introspect", data={"token": token}, headers=basic(who, secret)).json

    assert asked(owner.id, owner.secret)["active"] is True  # type: ignore[index]
    assert asked(other.id, other.secret) == {"active": False}


def test_a_process_that_has_just_started_knows_what_was_revoked(shared: World) -> None:
    made = client_of(shared)
    token = ask(shared, basic(made.id, made.secret)).json["access_token"]
    shared.client().post("/oauth/revoke", data={"token": token}, headers=basic(made.id, made.secret))

    services = shared.services
    fresh = Guard(shared.database, services.vault, ManualClock(START + timedelta(seconds=1)), issuer=ISSUER)

    with pytest.raises(Exception, match="not valid"):
        fresh.check(token)


@pytest.mark.parametrize(
    "body",
    [
        b'{"amount": NaN}',
        b'{"amount": 1e400}',
        b'{"amount": Infinity}',
        b'{"amount": 1, "amount": 2}',
        b"[" * 100_000,
        b'{"amount": "\xff"}',
        b"",
    ],
)
def test_json_is_read_strictly_and_never_breaks_the_hub(shared: World, body: bytes) -> None:
    headers = {**shared.headers(), "Content-Type": "application/json"}

    response = shared.client().post("/v1/quotes", data=body, headers=headers)

    assert (response.status_code, response.json["code"]) in ((400, "json_invalid"), (400, "validation_failed"))


@pytest.mark.parametrize("amount", ["5", 5.0, True, "5\n", None, [5], 2**53, 0, -1, "٥"])
def test_an_amount_is_a_whole_number_and_nothing_that_looks_like_one(shared: World, amount: object) -> None:
    body = {"source_unit": "aerojet.mile", "target_unit": "staywell.point", "amount": amount}

    response = shared.post("/v1/quotes", body)

    assert response.status_code == 400
    assert response.json["errors"][0]["pointer"] == "#/amount"


def test_a_line_break_at_the_end_is_part_of_a_text(shared: World) -> None:
    body = {"source_unit": "aerojet.mile\n", "target_unit": "staywell.point", "amount": 5}

    assert shared.post("/v1/quotes", body).status_code in (400, 422)
    assert shared.client().get("/v1/units/aerojet.mile%0A", headers=shared.headers()).status_code == 404


def test_no_number_of_the_contract_is_a_fraction() -> None:
    """Points and money travel as integers in their smallest unit; rates as exact fractions in text."""
    contract = yaml.safe_load((ROOT / "openapi.yaml").read_text(encoding="utf-8"))

    def kinds(node: object) -> Iterator[object]:
        if isinstance(node, dict):
            if "type" in node and isinstance(node["type"], str | list):
                yield from [node["type"]] if isinstance(node["type"], str) else node["type"]
            for one in node.values():
                yield from kinds(one)
        elif isinstance(node, list):
            for one in node:
                yield from kinds(one)

    assert "number" not in set(kinds(contract["components"]["schemas"]))


@pytest.mark.parametrize("kind", ["", "text/plain", "application/x-www-form-urlencoded", "application/problem+json"])
def test_another_media_type_is_415_and_not_422(shared: World, kind: str) -> None:
    response = shared.client().post("/v1/quotes", data=b"{}", headers={**shared.headers(), "Content-Type": kind})

    assert (response.status_code, response.json["code"]) == (415, "media_type_unsupported")


def test_the_row_of_a_key_lives_and_dies_with_its_effect(world: World) -> None:
    """Written outside the transaction, a key would stand for something that never happened."""
    body = {"quote": world.quote(), "member": world.member}
    with world.database.work() as work:
        work.run("ALTER TABLE conversion ADD CONSTRAINT broken CHECK (false) NOT VALID")

    fault = FlaskClient(world.app).post("/v1/conversions", json=body, headers=world.headers(key="k"))
    kept = world.count("idempotency_keys")
    with world.database.work() as work:
        work.run("ALTER TABLE conversion DROP CONSTRAINT broken")
    again = world.post("/v1/conversions", body, key="k")

    assert (fault.status_code, kept) == (500, 0)
    assert (again.status_code, "Idempotency-Replayed" in again.headers) == (202, False)
    assert (world.count("conversion"), world.count("idempotency_keys")) == (1, 1)


def test_pages_neither_skip_nor_repeat_rows_of_one_instant(world: World) -> None:
    made = {world.accept(key=f"k{number}").json["id"] for number in range(5)}  # the clock stands still

    seen, cursor = [], ""
    while True:
        page = world.get(f"/v1/conversions?limit=1{cursor}").json
        seen += [one["id"] for one in page["data"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"

    assert len(seen) == 5
    assert set(seen) == made


def test_entity_tags_are_strong_and_made_of_the_very_bytes(shared: World) -> None:
    first = shared.get("/v1/units/aerojet.mile")
    tag = first.headers["ETag"]

    known = shared.client().get("/v1/units/aerojet.mile", headers={**shared.headers(), "If-None-Match": tag})
    packed = shared.client().get("/v1/units/aerojet.mile", headers={**shared.headers(), "Accept-Encoding": "gzip"})

    assert tag.startswith('"')
    assert (known.status_code, known.get_data(), known.headers["ETag"]) == (304, b"", tag)
    assert (packed.headers.get("Content-Encoding"), packed.get_data()) == (None, first.get_data())


def test_a_pace_is_told_in_one_structured_header_and_not_in_three_old_ones(shared: World) -> None:
    headers = shared.get("/v1/units").headers

    assert headers["RateLimit-Policy"] == '"default";q=600000;w=60'
    assert headers["RateLimit"].startswith('"default";r=')
    assert not [name for name, _ in headers if name.lower().startswith("x-ratelimit")]


def test_a_problem_has_a_page_a_pointer_and_the_name_of_its_request(shared: World) -> None:
    headers = {**shared.headers(), "X-Request-Id": "mine-1"}

    response = shared.client().post("/v1/quotes", json={"source_unit": 5}, headers=headers)
    body = json.loads(response.get_data())

    assert response.mimetype == "application/problem+json"
    assert body["type"] == f"{ISSUER}/problems/{body['code']}"
    assert body["request_id"] == response.headers["X-Request-Id"] == "mine-1"
    assert {one["pointer"] for one in body["errors"]} >= {"#/source_unit", "#/target_unit", "#/amount"}
    assert shared.client().get(f"/problems/{body['code']}").status_code == 200


def test_many_who_come_at_once_with_a_new_token_are_all_told_the_same(shared: World) -> None:
    token, statuses = shared.token("aerojet", ("units:read",)), []

    def call() -> None:
        statuses.append(shared.app.test_client().get("/v1/units", headers=bearer(token)).status_code)

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert statuses == [200] * 8
