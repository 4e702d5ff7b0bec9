"""The servers that the service asks itself: what it is told of them, and what it tells."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from orchestrator.dispatch.call import Json, Outcome
from orchestrator.flow.commands import AnswerNative
from orchestrator.flow.compile import Lock, compile_flow
from orchestrator.flow.definition import Flow
from orchestrator.flow.events import NativeAsked, NativeSettled
from orchestrator.realtime.native import Address, mcp_tools
from orchestrator.realtime.protocol import Invalid, parse_client
from orchestrator.realtime.translate import Realtime

AT = 1_800_000_000.0
TOOL: Mapping[str, Json] = {"description": "A tool.", "input_schema": {"type": "object"}}
LOCK: Lock = {"knowledge": {"search": TOOL, "file": TOOL}}
FLOW = """
dsl: 1
flow: desk
version: "1"
session: {mode: text}
mcp:
  kb: {server: knowledge, via: openai, allow: [search, file]APPROVAL}
tools_everywhere: [kb.search, kb.file]
start: talk
states:
  talk: {goal: Help., next: [{intent: Done., id: done, goto: bye}]}
  bye: {end: {reason: completed}}
"""
SERVER = Address("https://kb.example/mcp", {"Authorization": "Bearer secret"})
ITEM: Mapping[str, Json] = {
    "id": "mcp_1",
    "type": "mcp_call",
    "server_label": "kb",
    "name": "search",
    "arguments": '{"q": "x"}',
    "approval_request_id": None,
}


def flow(approval: str = "") -> Flow:
    return compile_flow(FLOW.replace("APPROVAL", approval), "desk.flow.yaml", LOCK)[0]


@pytest.mark.parametrize(
    ("approval", "required"),
    [
        ("", "never"),
        (", approval: human", "always"),
        (
            ", approval: {file: caller}",
            {"always": {"tool_names": ["file"]}, "never": {"tool_names": ["search"]}},
        ),
    ],
)
def test_the_session_names_the_server_its_tools_and_what_needs_a_yes(
    approval: str, required: Json
) -> None:
    [tool] = mcp_tools(flow(approval), {"knowledge": SERVER})
    assert tool == {
        "type": "mcp",
        "server_label": "kb",
        "server_url": "https://kb.example/mcp",
        "headers": {"Authorization": "Bearer secret"},
        "allowed_tools": ["search", "file"],
        "require_approval": required,
    }


def test_of_several_flows_the_most_careful_one_decides_who_is_asked() -> None:
    other = flow(", approval: {file: human}")
    [tool] = mcp_tools(replace(flow(), flows={"other": other}), {"knowledge": SERVER})
    assert tool["allowed_tools"] == ["search", "file"]
    assert tool["require_approval"]["always"] == {"tool_names": ["file"]}


def test_nothing_that_is_shown_holds_the_secret() -> None:
    assert "secret" not in repr(SERVER) and "kb.example" not in repr(SERVER)


def heard(**fields: Json) -> tuple[object, ...]:
    event = {"type": "conversation.item.done", "item": {**ITEM, **fields}}
    return Realtime().receive(event, AT)[0]


def settled(outcome: Outcome, call: str = "mcp_1") -> NativeSettled:
    return NativeSettled(AT, call, "kb", "search", '{"q": "x"}', outcome)


@pytest.mark.parametrize(
    ("output", "result"),
    [('{"found": 2}', {"found": 2}), ("two", "two"), ("", ""), (None, "")],
)
def test_the_output_of_a_call_is_its_result(output: str | None, result: Json) -> None:
    assert heard(output=output) == (settled(Outcome("worker", result)),)


@pytest.mark.parametrize(
    ("kind", "code"),
    [("http_error", "unavailable"), ("protocol_error", "error"), ("tool_execution_error", "error")],
)
def test_an_error_of_a_call_is_a_failure(kind: str, code: str) -> None:
    error = {"type": kind, "message": "no luck"}
    assert heard(error=error) == (settled(Outcome.failed("worker", code, "no luck")),)


def test_a_call_that_we_had_allowed_goes_by_the_name_of_the_question() -> None:
    assert heard(output="1", approval_request_id="mcpr_1") == (
        settled(Outcome("worker", 1), "mcpr_1"),
    )


def test_the_question_is_an_event_of_its_own() -> None:
    assert heard(type="mcp_approval_request", id="mcpr_1") == (
        NativeAsked(AT, "mcpr_1", "kb", "search", '{"q": "x"}'),
    )


def test_an_item_is_told_once() -> None:
    realtime = Realtime()
    event = {"type": "conversation.item.done", "item": dict(ITEM)}
    assert len(realtime.receive(event, AT)[0]) == 1
    assert realtime.receive(event, AT)[0] == ()


def test_other_items_of_the_conversation_tell_nothing() -> None:
    event = {"type": "conversation.item.done", "item": {"id": "i", "type": "message"}}
    assert Realtime().receive(event, AT) == ((), ())


@pytest.mark.parametrize("approve", [True, False])
def test_our_word_is_an_item_that_the_service_takes(approve: bool) -> None:
    [event] = Realtime().perform(AnswerNative("item_1", "mcpr_1", approve, "" if approve else "no"))
    assert event["item"]["approval_request_id"] == "mcpr_1"
    assert event["item"]["approve"] is approve
    assert not isinstance(parse_client(event), Invalid)
