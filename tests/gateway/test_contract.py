"""`openapi.yaml` and the server are one: routes, codes, scopes, shapes and examples, both ways."""

import importlib
import pkgutil
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

import hub
import partners
from hub.access.scopes import MEMBER_SCOPES, OPERATOR_SCOPES, WORDS, Scope
from hub.gateway.problems import PAGES, title_of
from hub.gateway.statuses import STATUS
from hub.kernel.errors import declared_refusals
from tests.gateway.contract_client import World, contract

# What is sent in batches carries names of its own, and is answered item by item.
BATCHES = ("/v1/card-transactions", "/v1/conversion-batches")
METHODS = ("get", "post", "put", "patch", "delete")


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in contract()["paths"].items():
        for method in METHODS:
            if method in item:
                yield path, method, item[method]


def resolved(node: Any) -> Any:
    """`node` with its reference followed."""
    while isinstance(node, dict) and "$ref" in node:
        found: Any = contract()
        for step in node["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        node = found
    return node


def complies(value: object, schema: dict[str, Any]) -> list[str]:
    root = {"$schema": "https://json-schema.org/draft/2020-12/schema", "components": contract()["components"], **schema}
    return [error.message for error in Draft202012Validator(root).iter_errors(value)]


def test_the_contract_is_valid_openapi() -> None:
    validate(contract())

    ids = [operation["operationId"] for _, _, operation in operations()]
    assert len(ids) == len(set(ids))
    assert all(operation.get("summary") and "responses" in operation for _, _, operation in operations())


def test_every_route_is_in_the_contract_and_the_other_way_round(still: World) -> None:
    served = {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in still.app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }

    assert served == {(path, method) for path, method, _ in operations()}


def test_every_declared_refusal_has_a_status_and_a_page_and_the_other_way_round() -> None:
    for package in (hub, partners):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not re.search(r"migrations|keeper|__main__", module.name):
                importlib.import_module(module.name)
    codes = {kind.code for kind in declared_refusals() if not kind.__module__.startswith("tests.")}

    assert codes - set(STATUS) == set()
    assert set(STATUS) - codes == set()
    assert {page.stem for page in PAGES.glob("*.md")} == codes
    assert all(400 <= status <= 599 for status in STATUS.values())


def test_pages_name_the_status_they_come_with() -> None:
    for kind in declared_refusals():
        if kind.code in STATUS:
            page = (PAGES / f"{kind.code}.md").read_text(encoding="utf-8")
            assert page.startswith(f"# {kind.code}\n\n**{title_of(kind)}.** HTTP status {STATUS[kind.code]}.\n"), (
                kind.code
            )
            assert "## What to do" in page


def test_scopes_of_the_contract_are_the_scopes_there_are() -> None:
    scheme = contract()["components"]["securitySchemes"]["oauth"]

    assert set(scheme["flows"]["clientCredentials"]["scopes"]) == OPERATOR_SCOPES
    assert set(scheme["flows"]["authorizationCode"]["scopes"]) == MEMBER_SCOPES
    used = {
        scope
        for _, _, operation in operations()
        for requirement in operation.get("security", [])
        for scope in requirement.get("oauth", [])
    }
    assert used == OPERATOR_SCOPES | MEMBER_SCOPES


def test_every_scope_has_words_that_a_person_reads() -> None:
    assert set(WORDS) == set(Scope)
    assert len(set(WORDS.values())) == len(WORDS)


def test_every_operation_under_v1_names_its_scope_and_its_refusals() -> None:
    for path, method, operation in operations():
        if not path.startswith("/v1/"):
            continue
        # Partners sign what they send of their own accord instead of showing a token and a key.
        signed = operation["security"] == [{"signature": []}]
        assert signed or operation["security"][0]["oauth"], path
        expected = {"401", "429", "default"} | ({"403"} if not signed else set())
        names = {resolved(one).get("name") for one in operation.get("parameters", [])}
        if method != "get":
            expected |= {"400", "413", "415"}
            free = signed or path in ("/v1/me/quotes", "/v1/plans", "/v1/quotes", *BATCHES)
            assert ("Idempotency-Key" in names) is not free, path
        if "If-Match" in names:
            expected |= {"412", "428"}
        if "If-None-Match" in names:
            expected |= {"304"}
        assert expected <= set(operation["responses"]), path


def _media() -> Iterator[tuple[str, dict[str, Any]]]:
    for path, method, operation in operations():
        bodies = [resolved(operation["requestBody"])] if "requestBody" in operation else []
        for body in bodies + [resolved(one) for one in operation["responses"].values()]:
            for kind, media in body.get("content", {}).items():
                yield f"{method} {path} {kind}", media


def test_every_example_complies_with_its_schema() -> None:
    seen = 0
    for where, media in _media():
        for name, example in media.get("examples", {}).items():
            assert complies(example["value"], media["schema"]) == [], f"{where} {name}"
            seen += 1
    for parameter in contract()["components"]["parameters"].values():
        if "example" in parameter:
            assert complies(parameter["example"], parameter["schema"]) == []

    assert seen > 20


CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_nothing_that_is_sent_brings_an_answer_outside_the_contract(world: World, mode: GenerationMode) -> None:
    schema = schemathesis.openapi.from_dict(contract())
    schema.app = world.restarted(requests_per_minute=10**9).app
    token = {"Authorization": f"Bearer {world.tokens['hub']}"}
    statuses: list[int] = []

    for found in schema.get_all_operations():
        operation = found.ok()
        # A batch is answered item by item, so a wrong item is refused inside an answer of 200.
        strict = mode is GenerationMode.NEGATIVE and operation.path not in BATCHES
        checks = CHECKS + [negative_data_rejection] * strict
        headers = token if operation.path.startswith("/v1/") else {}
        fuzzed = _fuzz(operation, mode, headers, checks, statuses)
        if fuzzed is not None:
            fuzzed()

    assert len(statuses) > 100
    assert {200, 400, 404} & set(statuses)


def _fuzz(
    operation: Any, mode: GenerationMode, headers: dict[str, str], checks: list[Any], statuses: list[int]
) -> Callable[[], None] | None:
    """A bounded, repeatable run over one operation; None where nothing can be wrong."""
    if mode is GenerationMode.NEGATIVE and not list(operation.iter_parameters()) and not operation.body:
        return None

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=15,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def run(case: Any) -> None:
        response = case.call(headers=headers)
        statuses.append(response.status_code)
        case.validate_response(response, checks=checks)

    return run  # type: ignore[no-any-return]
