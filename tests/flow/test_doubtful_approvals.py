"""A condition of an approval that cannot be told: in doubt somebody is asked."""

from collections.abc import Mapping

import pytest

from orchestrator.dispatch.call import Json
from orchestrator.flow.compile import compile_flow
from tests.flow.scene import Scene

FLOW = """
dsl: 1
flow: shop
version: "1"
session: {mode: text}
vars:
  limit: {type: int, writable: engine}
  vip: {type: bool, writable: engine}
mcp:
  shop:
    server: shop
    allow: [pay]
    approval: {pay: {by: human, if: CONDITION}}
on_error: bye
start: talk
states:
  talk:
    goal: Help.
    tools: [shop.pay]
    next: [{event: tool.shop.pay.done, goto: bye}]
  bye: {end: {reason: completed}}
"""
UNTYPED: Mapping[str, Json] = {"type": "object", "properties": {"total": {}, "order": {}}}
TYPED: Mapping[str, Json] = {
    "type": "object",
    "properties": {
        "total": {"type": "integer"},
        "order": {"type": "object", "properties": {"total": {"type": ["integer", "null"]}}},
        "lines": {"type": "array", "items": {"type": "number"}},
    },
}


def paying(
    condition: str, arguments: dict[str, Json], schema: Mapping[str, Json] = UNTYPED
) -> tuple[Scene, str]:
    tool: Mapping[str, Json] = {"description": "Pay.", "input_schema": schema, "annotations": {}}
    text = FLOW.replace("CONDITION", f"'{condition}'")
    scene = Scene(compile_flow(text, "shop.flow.yaml", {"shop": {"pay": tool}})[0])
    scene.start()
    scene.model("Hello.")
    scene.caller("I pay.")
    [call] = scene.model(shop__pay=arguments)
    return scene, call


@pytest.mark.parametrize(
    ("condition", "arguments"),
    [
        ("args.total > 50", {"total": "900"}),
        ("args.total > 50", {"total": [900]}),
        ("args.total > 50", {"total": True}),
        ("args.order.total > 50", {"order": {"Total": 900}}),
        ("args.order.total > 50 and not vip", {"order": {"total": 900}}),
        ("args.order.total * 2 > 50", {"order": {"total": "900"}}),
        ("not (args.total <= 50)", {"total": "900"}),
        ("args.total > limit", {"total": 900}),
        ("args.total == 900", {"total": "900"}),
        ("args.total in [900, 901]", {"total": "900"}),
        ("args.total in args.order", {"total": 900, "order": {}}),
        ("args.total > 50 if vip else false", {"total": 900}),
        ("args.total > 50", {"total": 10**400}),
    ],
)
def test_a_call_whose_condition_cannot_be_told_is_not_let_pass(
    condition: str, arguments: dict[str, Json]
) -> None:
    scene, _ = paying(condition, arguments)
    assert scene.dispatches("shop.pay", handler="review")
    assert not scene.dispatches("shop.pay")


@pytest.mark.parametrize(
    ("condition", "arguments"),
    [
        ("args.total > 50", {"total": 50}),
        ("args.total > 50", {"total": 49.5}),
        ("args.total not in [1, 2]", {"total": 2}),
        ("args.total == 900", {"total": 901}),
        ("limit != null and args.total > limit", {"total": 900}),
    ],
)
def test_a_call_that_is_plainly_not_meant_is_made(
    condition: str, arguments: dict[str, Json]
) -> None:
    scene, _ = paying(condition, arguments)
    assert not scene.dispatches("shop.pay", handler="review")
    assert scene.dispatches("shop.pay")


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"total": "900"}, "total must be of type integer"),
        ({"total": 1.5}, "total must be of type integer"),
        ({"order": {"total": True}}, "order.total must be of type integer or null"),
        ({"lines": [1, "2"]}, "lines[1] must be of type number"),
    ],
)
def test_arguments_that_are_not_of_the_pinned_types_are_refused(
    arguments: dict[str, Json], problem: str
) -> None:
    scene, call = paying("args.total > 50", arguments, TYPED)
    assert scene.output(call) == {"error": "invalid", "message": problem}
    assert not scene.dispatches("shop.pay", handler="review")


def test_arguments_of_the_pinned_types_are_taken() -> None:
    arguments: dict[str, Json] = {"total": 9.0, "order": {"total": None}, "lines": [1, 2.5], "x": 1}
    scene, _ = paying("args.total > 50", arguments, TYPED)
    assert scene.dispatches("shop.pay")[0].arguments == arguments
