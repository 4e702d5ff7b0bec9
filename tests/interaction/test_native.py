"""A whole conversation whose MCP server the Realtime service asks itself."""

import json
from collections.abc import Generator

import pytest

from tests.interaction.project import Project
from tests.processes import over_http

pytestmark = [pytest.mark.processes, pytest.mark.timeout(120)]

TOKEN = "tok-3141592653"
FLOW = """
dsl: 1
flow: dishes
version: "1"
session: {mode: text}
mcp:
  menu: {server: menu, via: openai, allow: {read_only: true}APPROVAL}
start: talk
states:
  talk:
    goal: Answer questions about our dishes.
    tools: [menu.search_dishes, menu.allergens]
    next:
      - {event: tool.menu.allergens.done, goto: bye}
      - {intent: The caller is done., id: done, goto: bye}
  bye: {end: {reason: told}}
"""


@pytest.fixture
def menu(project: Project) -> Generator[Project]:
    """The project with its menu on HTTP, where the service finds it."""
    with over_http(project.directory / "mcp_servers/menu.py", "--http") as (_, url):
        headers = {"Authorization": "Bearer ${MENU_TOKEN}"}
        server = {"type": "http", "url": url, "headers": headers}
        registry = project.directory / ".mcp.json"
        registry.write_text(json.dumps({"mcpServers": {"menu": server}}))
        yield project


def test_the_service_calls_the_tool_and_nobody_sees_the_token(menu: Project) -> None:
    menu.flow.write_text(FLOW.replace("APPROVAL", ""))
    told = menu.say(
        "What are the allergens of the onion soup?",
        options=("--trace", "trace.jsonl"),
        MENU_TOKEN=TOKEN,
    )
    [call] = told.named("call.done")
    assert (call["tool"], call["seconds"]) == ("menu.allergens", None)
    assert told.ended == "told"
    trace = (menu.directory / "trace.jsonl").read_text()
    assert "native.settled" in trace
    assert TOKEN not in trace + json.dumps(told.events) + told.errors
    replayed = menu.command("replay", "trace.jsonl", "--flow", str(menu.flow))
    assert replayed.returncode == 0, replayed.stderr


def test_what_needs_the_callers_yes_is_read_back(menu: Project) -> None:
    menu.flow.write_text(FLOW.replace("APPROVAL", ", approval: {allergens: caller}"))
    told = menu.say("What are the allergens of the onion soup?", "Yes, please.", MENU_TOKEN=TOKEN)
    assert [event["purpose"] for event in told.named("answer.asked")].count("readback") == 1
    assert told.ended == "told"


def test_a_server_with_a_command_cannot_be_asked_by_the_service(menu: Project) -> None:
    menu.flow.write_text(FLOW.replace("APPROVAL", ""))
    server = {"command": "python", "args": ["mcp_servers/menu.py"]}
    registry = menu.directory / ".mcp.json"
    registry.write_text(json.dumps({"mcpServers": {"menu": server}}))
    failed = menu.command("run", str(menu.flow))
    assert (failed.returncode, "needs a url" in failed.stderr) == (2, True)
