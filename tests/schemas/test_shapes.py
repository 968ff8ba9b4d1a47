"""Shapes of requests: strict, and the same as in the contract."""

from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from apispec.ext.marshmallow.openapi import OpenAPIConverter
from marshmallow import Schema, ValidationError

from schemas import (
    agreements,
    campaigns,
    clients,
    conversions,
    members,
    moves,
    partners,
    plans,
    programmes,
    rates,
    settlement,
    spend,
    webhooks,
)
from schemas.base import StrictSchema, Text, Time, Traits, field_problems

ROOT = Path(__file__).resolve().parents[2]

SHAPES: dict[str, type[Schema]] = {
    "ActivationRequest": moves.ActivationRequest,
    "PriceShape": agreements.PriceShape,
    "AgreementRequest": agreements.AgreementRequest,
    "CardTransactionsRequest": spend.CardTransactionsRequest,
    "CardTokenItem": spend.CardTokenItem,
    "CardTokensRequest": spend.CardTokensRequest,
    "ClaimRequest": spend.ClaimRequest,
    "PrepaidBlockRequest": spend.PrepaidBlockRequest,
    "EarnRulesRequest": spend.EarnRulesRequest,
    "EarnTargetRequest": spend.EarnTargetRequest,
    "CampaignRequest": campaigns.CampaignRequest,
    "ClientRequest": clients.ClientRequest,
    "ConsentRequest": members.ConsentRequest,
    "FundingRequest": campaigns.FundingRequest,
    "PartnerEditRequest": partners.PartnerEditRequest,
    "PartnerMoveRequest": partners.PartnerMoveRequest,
    "PartnerRequest": partners.PartnerRequest,
    "PartnerStopRequest": partners.PartnerStopRequest,
    "ReasonRequest": moves.ReasonRequest,
    "UnitRequest": partners.UnitRequest,
    "HoldingShape": plans.HoldingShape,
    "PlanRequest": plans.PlanRequest,
    "QuoteRequest": conversions.QuoteRequest,
    "ConversionRequest": conversions.ConversionRequest,
    "ConversionItem": conversions.ConversionItem,
    "ConversionBatchRequest": conversions.ConversionBatchRequest,
    "ReversalRequest": conversions.ReversalRequest,
    "ObjectionItem": settlement.ObjectionItem,
    "ObjectionRequest": settlement.ObjectionRequest,
    "NothingRequest": conversions.NothingRequest,
    "BlockShape": rates.BlockShape,
    "FeeShape": rates.FeeShape,
    "RateRuleRequest": rates.RateRuleRequest,
    "WithdrawalRequest": rates.WithdrawalRequest,
    "MemberRequest": members.MemberRequest,
    "MembershipRequest": programmes.MembershipRequest,
    "MembershipStateRequest": programmes.MembershipStateRequest,
    "PointsRequest": programmes.PointsRequest,
    "LinkRequest": members.LinkRequest,
    "OwnConversionRequest": members.OwnConversionRequest,
    "OwnLinkRequest": members.OwnLinkRequest,
    "OwnQuoteRequest": members.OwnQuoteRequest,
    "EndpointRequest": webhooks.EndpointRequest,
    "EndpointEditRequest": webhooks.EndpointEditRequest,
    "ReplayRequest": webhooks.ReplayRequest,
}


@lru_cache(maxsize=1)
def contract() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "openapi.yaml").read_text(encoding="utf-8"))
    return found["components"]["schemas"]  # type: ignore[no-any-return]


def described() -> dict[str, Any]:
    """The shapes as apispec describes them."""
    plugin = MarshmallowPlugin()
    spec = APISpec("shapes", "1", "3.1.0", plugins=[plugin])
    assert isinstance(plugin.converter, OpenAPIConverter)
    for name, shape in SHAPES.items():
        spec.components.schema(name, schema=shape)
    return spec.to_dict()["components"]["schemas"]  # type: ignore[no-any-return]


# What a reader needs and a shape does not know, or what one of both says in other words.
PROSE = {"description", "default", "example", "examples"}


def plain(node: Any) -> Any:
    if isinstance(node, dict):
        found = {name: plain(value) for name, value in node.items() if name not in PROSE}
        if "oneOf" in found or "anyOf" in found:
            kinds = found.get("oneOf", found.get("anyOf"))
            refs = [one["$ref"] for one in kinds if "$ref" in one]
            return {"nullable": refs[0]}
        if isinstance(found.get("type"), list):
            found["type"] = sorted(found["type"])
        if found.get("properties") == {}:
            del found["properties"]
        if isinstance(found.get("required"), list):
            found["required"] = sorted(found["required"])
        return found
    return [plain(one) for one in node] if isinstance(node, list) else node


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_a_shape_is_what_the_contract_says(name: str) -> None:
    ours, theirs = plain(described()[name]), plain(contract()[name])
    # The items of a batch are looked at one by one, and a dictionary's keys and values are described by hand.
    for field, value in theirs.get("properties", {}).items():
        if "propertyNames" in value:
            ours["properties"][field] = value
        if field == "items" and name in ("CardTransactionsRequest", "ConversionBatchRequest"):
            ours["properties"]["items"]["items"] = value["items"]

    assert ours == theirs


def test_every_request_of_the_contract_has_a_shape() -> None:
    forms = {"AuthorizationRequest", "TokenRequest"}  # of OAuth, whose own library reads them
    wanted = {name for name in contract() if name.endswith(("Request", "Shape", "Item"))} - forms

    assert wanted == set(SHAPES)


class Everything(StrictSchema):
    """One of each field."""

    at = Time()
    word = Text(5, pattern="[a-z]+")
    traits = Traits()


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-22T09:30:00Z", datetime(2026, 11, 22, 9, 30, tzinfo=UTC)),
        ("2026-11-22t09:30:00z", datetime(2026, 11, 22, 9, 30, tzinfo=UTC)),
        ("2026-11-22T09:30:00.5+02:00", datetime(2026, 11, 22, 7, 30, 0, 500_000, tzinfo=UTC)),
    ],
)
def test_times_become_utc(text: str, moment: datetime) -> None:
    assert Everything().load({"at": text}) == {"at": moment}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-11-22",
        "2026-11-22T09:30:00",
        "2026-13-01T00:00:00Z",
        "2026-11-22 09:30:00Z",
        "0001-01-01T00:00:00+14:00",
        "2026-11-22T09:30:00Z\n",
        "２026-11-22T09:30:00Z",
        "2026-W47-7T09:30:00Z",
        5,
        None,
    ],
)
def test_other_times_are_refused(text: object) -> None:
    with pytest.raises(ValidationError):
        Everything().load({"at": text})


@pytest.mark.parametrize("word", ["abcdef", "", "A", "ab\n", "a b", 5, None, True, b"ab", ["a"]])
def test_words_of_another_form_are_refused(word: object) -> None:
    with pytest.raises(ValidationError):
        Everything().load({"word": word})


def test_problems_are_flat_and_point_to_the_field() -> None:
    messages = {
        "a": ["Unknown field."],
        "blocks": {1: {"give": ["Missing data for required field."]}},
        "traits": {"tier": {"value": ["Not a valid string."]}},
        "_schema": ["Invalid input type."],
    }

    found = [(one.pointer, one.code) for one in field_problems(messages)]

    assert found == [
        ("#/a", "unknown_field"),
        ("#/blocks/1/give", "missing"),
        ("#/traits/tier", "not_a_string"),
        ("#", "not_an_object"),
    ]


ODD: list[object] = [
    None,
    5,
    1.0,
    True,
    "",
    "x",
    "x" * 80,
    "x" * 81,
    "x" * 8_192,
    "x" * 8_193,
    "x y",
    "x\n",
    "é",
    [],
    {},
    b"x",
]


@pytest.mark.parametrize(
    ("plainly", "shape", "good"),
    [
        (conversions.is_conversion_request, conversions.ConversionRequest(), {"quote": "q", "member": "m"}),
        (
            conversions.is_conversion_item,
            conversions.ConversionItem(),
            {"quote": "q", "member": "m", "idempotency_key": "k"},
        ),
    ],
)
def test_the_quick_look_and_the_schema_say_the_same(plainly: Any, shape: Schema, good: dict[str, object]) -> None:
    assert plainly(good)
    values = [{**good, name: odd} for name in good for odd in ODD] + [{**good, "more": 1}]
    values += [{name: value for name, value in good.items() if name != left_out} for left_out in good]

    for value in values:
        assert plainly(value) == (not shape.validate(value)), value
    for value in (None, [], "x", 5, [good]):
        assert not plainly(value)
