"""MCP servers that a session asks itself: pure, and with a real server behind the socket."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from orchestrator.emulator.model import CallTool, Output, Prompt, Speech
from orchestrator.emulator.response import Response
from orchestrator.emulator.server import serve
from orchestrator.emulator.servers import Outcome
from orchestrator.emulator.wire import Event
from orchestrator.realtime.connection import Socket, connect
from tests.emulator.client import Client, kinds
from tests.processes import over_http

KNOWLEDGE = Path(__file__).with_name("knowledge_server.py")

SERVER: dict[str, Any] = {
    "type": "mcp",
    "server_label": "kb",
    "server_url": "http://127.0.0.1:1/mcp",
    "headers": {"X-Key": "secret"},
    "allowed_tools": ["search", "file"],
    "require_approval": {"always": {"tool_names": ["file"]}, "never": {"tool_names": ["search"]}},
}
NARROWED: dict[str, Any] = {"type": "mcp", "server_label": "kb"}
TOOLS = [
    {"name": name, "description": name, "input_schema": {"type": "object"}, "annotations": hints}
    for name, hints in (("search", {"readOnlyHint": True}), ("file", None), ("drop", None))
]


def asking(*responses: Sequence[Output], **changed: Any) -> tuple[Client, list[Event]]:
    """A session that has listed its server."""
    client = Client(*responses)
    tools = [{**SERVER, **changed}]
    update = {"type": "session.update", "session": {"type": "realtime", "tools": tools}}
    reaction = client.session.receive(json.dumps(update))
    [listing] = reaction.listings
    return client, [*reaction.events, *client.session.listed(listing, TOOLS)]


def streamed(client: Client, response: Response, outcome: Outcome) -> list[Event]:
    """The response, with this for each call that it makes."""
    seen: list[Event] = []
    for event in response.stream:
        seen.append(event)
        if response.calling:
            response.returned(outcome)
    return [*seen, *client.session.finish(response)]


def names(prompt: Prompt) -> list[str]:
    return [str(tool["name"]) for tool in prompt.tools]


def test_a_server_is_listed_and_its_secrets_are_told_to_nobody() -> None:
    _, events = asking()
    assert kinds(events) == [
        "session.updated",
        "mcp_list_tools.in_progress",
        "mcp_list_tools.completed",
        "conversation.item.added",
        "conversation.item.done",
    ]
    assert [tool["name"] for tool in events[-1]["item"]["tools"]] == ["search", "file", "drop"]
    assert "secret" not in json.dumps(events)


def test_a_server_that_cannot_be_listed_is_told() -> None:
    client = Client()
    update = {"type": "session.update", "session": {"type": "realtime", "tools": [SERVER]}}
    [listing] = client.session.receive(json.dumps(update)).listings
    assert kinds(client.session.listed(listing, None)) == ["mcp_list_tools.failed"]


@pytest.mark.parametrize(
    ("allowed", "narrowed", "offered"),
    [
        (["search", "file"], None, ["kb__search", "kb__file"]),
        (["search", "file"], ["file"], ["kb__file"]),
        (None, {"read_only": True}, ["kb__search"]),
        ({"tool_names": ["drop"]}, ["search"], []),
    ],
)
def test_a_response_offers_what_both_allow(allowed: Any, narrowed: Any, offered: Any) -> None:
    client, _ = asking([Speech("Well.")], allowed_tools=allowed)
    tool = NARROWED if narrowed is None else {**NARROWED, "allowed_tools": narrowed}
    client.respond(tools=[tool])
    assert names(client.model.prompts[0]) == offered


def test_what_is_not_listed_yet_is_not_offered() -> None:
    client = Client([Speech("Well.")])
    client.send("session.update", session={"type": "realtime", "tools": [SERVER]})
    client.respond()
    assert names(client.model.prompts[0]) == []


def test_a_call_is_made_within_the_response_and_spoken_about_in_it() -> None:
    client, _ = asking([CallTool("kb__search", '{"topic": "x"}')], [Speech("Done.")])
    events = streamed(client, client.start(), Outcome('{"article": "y"}'))
    assert kinds(events)[:9] == [
        "response.output_item.added",
        "conversation.item.added",
        "response.mcp_call_arguments.delta",
        "response.mcp_call_arguments.delta",
        "response.mcp_call_arguments.done",
        "response.mcp_call.in_progress",
        "response.mcp_call.completed",
        "conversation.item.done",
        "response.output_item.done",
    ]
    call, message = events[-1]["response"]["output"]
    assert (call["server_label"], call["name"]) == ("kb", "search")
    assert (call["output"], call["error"]) == ('{"article": "y"}', None)
    assert message["content"] == [{"type": "output_text", "text": "Done."}]
    assert client.model.prompts[1].items[-1]["type"] == "mcp_call"


def test_a_call_that_fails_is_told_with_its_error() -> None:
    client, _ = asking([CallTool("kb__search")])
    error = {"type": "tool_execution_error", "message": "no"}
    events = streamed(client, client.start(), Outcome(error=error))
    assert "response.mcp_call.failed" in kinds(events)
    assert events[-1]["response"]["output"][0]["error"] == error


def asked(client: Client) -> str:
    events = streamed(client, client.start(), Outcome())
    [request] = events[-1]["response"]["output"]
    assert request["type"] == "mcp_approval_request" and request["name"] == "file"
    return str(request["id"])


def answer(client: Client, request: str, approve: bool) -> Any:
    item = {"type": "mcp_approval_response", "approval_request_id": request, "approve": approve}
    event = {"type": "conversation.item.create", "item": item}
    return client.session.receive(json.dumps(event))


def test_a_call_that_needs_a_yes_is_made_when_the_yes_comes() -> None:
    client, _ = asking([CallTool("kb__file", '{"title": "x"}')])
    request = asked(client)
    reaction = answer(client, request, True)
    [call] = reaction.calls
    events = [*reaction.events, *client.session.called(call, Outcome("filed"))]
    assert kinds(events) == [
        "conversation.item.added",
        "conversation.item.done",
        "conversation.item.added",
        "response.mcp_call.in_progress",
        "response.mcp_call.completed",
        "conversation.item.done",
    ]
    assert events[-1]["item"]["approval_request_id"] == request
    assert events[-1]["item"]["output"] == "filed"


def test_a_no_makes_no_call_and_nobody_is_asked_twice() -> None:
    client, _ = asking([CallTool("kb__file")])
    request = asked(client)
    assert list(answer(client, request, False).calls) == []
    [error] = answer(client, request, True).events
    assert error["error"]["param"] == "item.approval_request_id"


def test_a_server_of_another_kind_is_refused_by_name() -> None:
    tool = {"type": "mcp", "server_label": "x", "connector_id": "connector_dropbox"}
    error = Client().error("session.update", session={"type": "realtime", "tools": [tool]})
    assert (error["code"], error["param"]) == ("not_emulated", "session.tools[0].connector_id")


class Helpdesk:
    def respond(self, prompt: Prompt) -> Sequence[Output]:
        calls = [item for item in prompt.items if item["type"] == "mcp_call"]
        topics = {item["arguments"] for item in calls}
        for topic in ('{"topic": "laptop"}', '{"topic": "nothing"}'):
            if topic not in topics:
                return [CallTool("kb__search", topic)]
        return [Speech("Turn it off and on.")]


async def until(connection: Socket, kind: str) -> list[Event]:
    seen: list[Event] = []
    async for event in connection:
        seen.append(dict(event))
        if event["type"] == kind:
            break
    return seen


async def test_a_real_server_is_listed_and_called() -> None:
    with over_http(KNOWLEDGE) as (_, address):
        async with (
            serve(Helpdesk) as url,
            connect(url, "key", model="gpt-realtime-2.1") as connection,
        ):
            tools = [{**SERVER, "server_url": address}]
            session = {"type": "realtime", "output_modalities": ["text"], "tools": tools}
            await connection.send({"type": "session.update", "session": session})
            await until(connection, "mcp_list_tools.completed")
            await connection.send({"type": "response.create"})
            events = await until(connection, "response.done")
    found, missing, message = events[-1]["response"]["output"]
    assert json.loads(found["output"]) == {"article": "Turn the laptop off and on again."}
    assert missing["error"]["type"] == "tool_execution_error"
    assert message["content"][0]["text"] == "Turn it off and on."


async def test_a_server_that_is_not_there_cannot_be_listed() -> None:
    async with serve(Helpdesk) as url, connect(url, "key", model="gpt-realtime-2.1") as talk:
        session = {"type": "realtime", "tools": [SERVER]}
        await talk.send({"type": "session.update", "session": session})
        await until(talk, "mcp_list_tools.failed")
