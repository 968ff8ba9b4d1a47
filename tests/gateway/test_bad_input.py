"""Everything that is malformed, oversized, unauthorised or out of place gets a code of its own and writes nothing."""

import json

import pytest

from hub.gateway.parsing import parse_json
from hub.gateway.refusals import JsonInvalid
from hub.kernel.errors import Overloaded
from hub.storage import Database
from tests.gateway.contract_client import World

QUOTE = {"source_unit": "aerojet.mile", "target_unit": "staywell.point", "amount": 100}


def _code(response: object) -> tuple[int, str]:
    return response.status_code, response.json["code"]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"nonsense",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": -Infinity}',
        b'{"amount": 1, "amount": 2}',
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b"[" * 30 + b"]" * 30,
        b"\xff\xfe",
        b'"\xc3"',
        b'{"a": "\\ud800"}',
        b'{"a": "\\u0000"}',
        b'{"a": 1' + b"0" * 5_000 + b"}",
        b"\xef\xbb\xbf{}",
        b"{} {}",
        b"{'a': 1}",
        b'{"a": 01}',
        b'{"a": "\x00"}',
    ],
)
def test_what_is_not_strict_json_is_refused(still: World, body: bytes) -> None:
    headers = still.headers() | {"Content-Type": "application/json"}

    response = still.client().post("/v1/quotes", data=body, headers=headers)

    assert _code(response) == (400, "json_invalid")


def test_json_that_only_looks_odd_is_taken() -> None:
    for body, value in (
        (b'{"a": "\\\\u0000"}', {"a": "\\u0000"}),
        (b'{"a": "\\u00e9\\ud83d\\ude00"}', {"a": "é😀"}),
        (b"[" * 24 + b"]" * 24, json.loads("[" * 24 + "]" * 24)),
        (b" {} ", {}),
        (b"1e5", 1e5),
    ):
        assert parse_json(body) == value
    with pytest.raises(JsonInvalid):
        parse_json(b"[" * 26 + b"]" * 26)


@pytest.mark.parametrize(
    ("changed", "pointer", "code"),
    [
        ({"amount": True}, "#/amount", "invalid_amount"),
        ({"amount": 1.0}, "#/amount", "invalid_amount"),
        ({"amount": 1e400}, "#/amount", "json"),
        ({"amount": "5"}, "#/amount", "invalid_amount"),
        ({"amount": 0}, "#/amount", "invalid_amount"),
        ({"amount": -1}, "#/amount", "invalid_amount"),
        ({"amount": 2**53}, "#/amount", "invalid_amount"),
        ({"amount": None}, "#/amount", "null"),
        ({"amount": []}, "#/amount", "invalid_amount"),
        ({"source_unit": 5}, "#/source_unit", "not_a_string"),
        ({"source_unit": ""}, "#/source_unit", "invalid"),
        ({"source_unit": "a b"}, "#/source_unit", "invalid"),
        ({"source_unit": "aerojet.mile\n"}, "#/source_unit", "invalid"),
        ({"source_unit": "x" * 200}, "#/source_unit", "invalid"),
        ({"extra": 1}, "#/extra", "unknown_field"),
        ({"a/b~": 1}, "#/a~1b~0", "unknown_field"),
        ({"traits": "gold"}, "#/traits", "not_an_object"),
        ({"traits": {"tier": 5}}, "#/traits/tier", "not_a_string"),
        ({"traits": {f"t{n}": "x" for n in range(9)}}, "#/traits", "invalid_length"),
        ({"member": "x" * 81}, "#/member", "invalid_length"),
    ],
)
def test_wrong_fields_are_named(still: World, changed: dict[str, object], pointer: str, code: str) -> None:
    response = still.post("/v1/quotes", {**QUOTE, **changed})

    if code == "json":  # Python writes a number without bound as Infinity, which is no JSON
        assert _code(response) == (400, "json_invalid")
        return
    assert _code(response) == (400, "validation_failed")
    assert [(one["pointer"], one["code"]) for one in response.json["errors"]] == [(pointer, code)]


def test_missing_fields_are_all_named(world: World) -> None:
    response = world.post("/v1/quotes", {})

    assert {(one["pointer"], one["code"]) for one in response.json["errors"]} == {
        ("#/source_unit", "missing"),
        ("#/target_unit", "missing"),
        ("#/amount", "missing"),
    }


@pytest.mark.parametrize("body", [[], "text", 5, None, True, [QUOTE]])
def test_a_body_that_is_no_object_is_refused(still: World, body: object) -> None:
    headers = still.headers() | {"Content-Type": "application/json"}

    response = still.client().post("/v1/quotes", data=json.dumps(body), headers=headers)

    assert _code(response) == (400, "validation_failed")


@pytest.mark.parametrize(
    "kind", ["", "text/plain", "application/xml", "application/x-www-form-urlencoded", "application/jsonx"]
)
def test_another_media_type_is_refused(still: World, kind: str) -> None:
    response = still.client().post(
        "/v1/quotes", data=json.dumps(QUOTE), headers=still.headers() | {"Content-Type": kind}
    )

    assert _code(response) == (415, "media_type_unsupported")


def test_a_body_with_a_charset_is_taken(world: World) -> None:
    headers = world.headers() | {"Content-Type": "application/json; charset=utf-8"}

    assert world.client().post("/v1/quotes", data=json.dumps(QUOTE), headers=headers).status_code == 200


def test_bodies_have_a_largest_size_and_batches_a_larger_one(world: World) -> None:
    big = {**QUOTE, "member": "x" * 300_000}
    item = {"idempotency_key": "k", "quote": "x" * 8_192, "member": "m"}

    assert _code(world.post("/v1/quotes", big)) == (413, "body_too_large")
    assert _code(world.post("/v1/conversions", big, key="k")) == (413, "body_too_large")
    assert world.post("/v1/conversion-batches", {"items": [item] * 100}).status_code == 200
    assert _code(world.post("/v1/conversion-batches", {"items": [item] * 600})) == (413, "body_too_large")


def test_a_body_without_a_length_is_bounded_too(world: World) -> None:
    from io import BytesIO

    response = world.client().post(
        "/v1/quotes",
        input_stream=BytesIO(b" " * 300_000),
        environ_overrides={"wsgi.input_terminated": True},
        headers=world.headers() | {"Content-Type": "application/json"},
    )

    assert _code(response) == (413, "body_too_large")


@pytest.mark.parametrize("items", [[], None, {}, "x", [{}] * 1_001])
def test_a_batch_has_1_to_1000_items(still: World, items: object) -> None:
    assert _code(still.post("/v1/conversion-batches", {"items": items})) == (400, "validation_failed")


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        (None, "token_missing"),
        ("", "token_missing"),
        ("Bearer", "token_missing"),
        ("Bearer ", "token_missing"),
        ("Basic YTpi", "token_missing"),
        ("DPoP", "token_missing"),
        ("DPoP x", "token_invalid"),
        ("Bearer x", "token_invalid"),
        ("Bearer a.b.c", "token_invalid"),
        ("Bearer " + "x" * 9_000, "token_invalid"),
        ("bearer é", "token_invalid"),
    ],
)
def test_without_a_good_token_nobody_comes_in(still: World, authorization: str | None, code: str) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}

    response = still.client().post("/v1/quotes", json=QUOTE, headers=headers)

    assert _code(response) == (401, code)
    challenge = response.headers["WWW-Authenticate"]
    assert challenge == ("Bearer" if code == "token_missing" else 'Bearer error="invalid_token"')


def test_a_token_in_the_query_is_no_token(world: World) -> None:
    response = world.client().get(f"/v1/units?access_token={world.tokens['aerojet']}")

    assert _code(response) == (401, "token_missing")


ROUTES = [
    ("POST", "/v1/quotes", "quotes:read"),
    ("POST", "/v1/conversions", "conversions:write"),
    ("POST", "/v1/conversion-batches", "conversions:write"),
    ("GET", "/v1/conversions", "conversions:read"),
    ("GET", "/v1/conversions/cnv_00000000000000000000000000", "conversions:read"),
    ("POST", "/v1/conversions/cnv_00000000000000000000000000/cancel", "conversions:write"),
    ("POST", "/v1/conversions/cnv_00000000000000000000000000/reversals", "conversions:write"),
    ("GET", "/v1/units", "units:read"),
    ("GET", "/v1/partners", "partners:read"),
    ("GET", "/v1/partners/aerojet", "partners:read"),
    ("GET", "/v1/rate-rules", "rates:read"),
    ("GET", "/v1/rate-rules/rul_00000000000000000000000000", "rates:read"),
    ("POST", "/v1/rate-rules", "rates:write"),
    ("POST", "/v1/rate-rules/rul_00000000000000000000000000/activate", "rates:write"),
    ("POST", "/v1/rate-rules/rul_00000000000000000000000000/withdraw", "rates:write"),
    ("POST", "/v1/members", "members:write"),
    ("POST", "/v1/links", "members:write"),
    ("GET", "/v1/links/lnk_00000000000000000000000000", "members:read"),
]


def test_each_route_wants_its_own_scope_and_a_token(world: World) -> None:
    everything = {scope for _, _, scope in ROUTES}

    for method, path, scope in ROUTES:
        without = world.token("", tuple(everything - {scope}))
        headers = {"Authorization": f"Bearer {without}", "Idempotency-Key": "k"}
        response = world.client().open(path, method=method, headers=headers, json={} if method == "POST" else None)
        assert _code(response) == (403, "scope_missing"), path
        assert f'scope="{scope}"' in response.headers["WWW-Authenticate"]
        assert _code(world.client().open(path, method=method)) == (401, "token_missing")


@pytest.mark.parametrize(
    ("key", "code"),
    [
        (None, "idempotency_key_missing"),
        ("", "idempotency_key_missing"),
        ("x" * 256, "idempotency_key_invalid"),
        ("with space", "idempotency_key_invalid"),
        ("é", "idempotency_key_invalid"),
    ],
)
def test_what_moves_needs_a_good_idempotency_key(still: World, key: str | None, code: str) -> None:
    headers = still.headers() if key is None else still.headers() | {"Idempotency-Key": key}
    id = "cnv_" + "0" * 26

    for path, body in (
        ("/v1/conversions", {"quote": "q", "member": "m"}),
        (f"/v1/conversions/{id}/cancel", {}),
        (f"/v1/conversions/{id}/reversals", {}),
        ("/v1/members", {"reference": "r"}),
        ("/v1/links", {"member": "m", "partner": "staywell", "membership": "SW1"}),
    ):
        assert _code(still.client().post(path, json=body, headers=headers)) == (400, code), path


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=201", "limit=x", "limit=", "limit=5&limit=6", "limit=٣", "state=lost", "state=", "unknown=1",
     "partner=%00", "since=yesterday", "since=2026-04-06", "until=2026-04-06T09:00:00", "member=%F0%9F%98%80"],
)  # fmt: skip
def test_odd_queries_are_refused(still: World, query: str) -> None:
    response = still.get(f"/v1/conversions?{query}")

    assert _code(response) == (400, "validation_failed")
    assert response.json["errors"][0]["pointer"].startswith("?")


@pytest.mark.parametrize(
    "id",
    ["x", "cnv_", "CNV_" + "0" * 26, "cnv_" + "0" * 27, "cnv_%00" + "0" * 25, "%2e%2e", "cnv_" + "0" * 26 + "%0a"],
)
def test_ids_that_cannot_be_are_not_found(still: World, id: str) -> None:
    assert _code(still.get(f"/v1/conversions/{id}")) == (404, "not_found")


def test_unknown_addresses_and_methods_are_refused(world: World) -> None:
    for path in (
        "/",
        "/v1",
        "/v2/quotes",
        "/v1/quotes/",
        "/v1//quotes",
        "/problems/nothing",
        "/problems/..%2f..%2fREADME",
    ):
        assert _code(world.client().get(path)) in ((404, "not_found"), (405, "method_not_allowed")), path
    for method, path in (
        ("DELETE", "/v1/quotes"),
        ("PUT", "/v1/conversions"),
        ("TRACE", "/docs"),
    ):
        response = world.client().open(path, method=method)
        assert _code(response) == (405, "method_not_allowed")
        assert response.headers["Allow"]


def test_a_foreign_host_never_shows_in_an_answer(world: World) -> None:
    headers = world.headers(key="k") | {"Host": "evil.example", "X-Forwarded-Host": "evil.example"}
    body = {"quote": world.quote(), "member": world.member}

    response = world.client().post("/v1/conversions", json=body, headers=headers)

    assert response.status_code == 202
    assert "evil" not in str(response.headers) + response.get_data(as_text=True)


def test_nothing_was_written_by_any_of_it(world: World) -> None:
    before = {table: world.count(table) for table in ("idempotency_keys", "conversion", "outbox_message", "leg")}

    for body in ({}, {"quote": "q"}, {"quote": 5, "member": "m"}, {"quote": "q", "member": "m", "x": 1}):
        world.post("/v1/conversions", body, key="k")
    world.client().post("/v1/conversions", json={"quote": "q", "member": "m"}, headers={"Idempotency-Key": "k"})

    assert {table: world.count(table) for table in before} == before


def test_request_ids_are_echoed_or_given(world: World) -> None:
    for sent, echoed in (
        ("abc-1_X", True),
        ("x" * 64, True),
        ("x" * 65, False),
        ("a b", False),
        ("<script>", False),
        ("", False),
    ):
        response = world.client().get("/healthz", headers={"X-Request-Id": sent})
        assert (response.headers["X-Request-Id"] == sent) is echoed


def test_traces_go_on_or_begin(world: World) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    headers = world.headers(key="k") | {"traceparent": f"00-{trace}-b7ad6b7169203331-01"}

    response = world.client().post(
        "/v1/conversions", json={"quote": world.quote(), "member": world.member}, headers=headers
    )

    assert response.headers["traceparent"].startswith(f"00-{trace}-")
    assert "b7ad6b7169203331" not in response.headers["traceparent"]
    for odd in ("", "00-" + "0" * 32 + "-b7ad6b7169203331-01", "garbage", f"ff-{trace}-b7ad6b7169203331-01"):
        again = world.client().post(
            "/v1/conversions",
            json={"quote": "q", "member": "m"},
            headers=world.headers(key="z") | {"traceparent": odd},
        )
        assert trace not in again.headers["traceparent"]


def test_a_client_that_asks_too_often_waits_and_others_do_not(world: World) -> None:
    slow = world.restarted(requests_per_minute=3)

    statuses = [slow.get("/v1/units").status_code for _ in range(4)]
    refused = slow.get("/v1/units")

    assert statuses == [200, 200, 200, 429]
    assert _code(refused) == (429, "rate_limited")
    assert 1 <= int(refused.headers["Retry-After"]) <= 20
    assert refused.headers["RateLimit"].startswith('"default";r=0;t=')
    assert slow.get("/v1/units", who="staywell").status_code == 200


def test_the_items_of_a_batch_count_one_each(world: World) -> None:
    slow = world.restarted(requests_per_minute=10)
    item = {"idempotency_key": "k", "quote": "q", "member": "m"}

    assert slow.post("/v1/conversion-batches", {"items": [item] * 9}).status_code == 200
    assert slow.post("/v1/conversion-batches", {"items": [item] * 9}).status_code == 429


def test_a_full_hub_says_when_to_come_back(world: World) -> None:
    class Full:
        def __getattr__(self, name: str) -> object:
            raise Overloaded("The hub has more work queued than it can do soon; try again.", retry_after_seconds=1)

    full = world.restarted(conversions=Full())

    response = full.post("/v1/conversions", {"quote": "q", "member": "m"}, key="k")

    assert _code(response) == (503, "overloaded")
    assert response.headers["Retry-After"] == "1"
    assert world.count("idempotency_keys") == 0


def test_without_its_database_the_hub_says_come_back_later(world: World) -> None:
    away = world.restarted(database=Database("postgresql+psycopg://nobody@127.0.0.1:1/none"))

    for response in (
        away.post("/v1/quotes", QUOTE),
        away.post("/v1/conversions", {"quote": "q", "member": "m"}, key="k"),
        away.get("/v1/conversions"),
    ):
        assert _code(response) == (503, "unavailable")
        assert response.headers["Retry-After"] == "2"


def test_a_fault_of_ours_is_told_without_details_and_keeps_no_key(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken:
        def lay_ground(self, *_: object, **__: object) -> object:
            return None

        def accept(self, *_: object, **__: object) -> object:
            raise RuntimeError("a secret detail")

    broken = world.restarted(conversions=Broken())

    plain = broken.app.test_client()
    response = plain.post("/v1/conversions", json={"quote": "q", "member": "m"}, headers=broken.headers(key="k"))

    assert (response.status_code, response.json["code"]) == (500, "internal_fault")
    assert "secret detail" not in response.get_data(as_text=True)
    assert "a secret detail" in caplog.text
    assert world.count("idempotency_keys") == 0
