"""The help desk through real processes: two MCP servers, one of which the service asks itself."""

import json
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.interaction.project import Project
from tests.processes import over_http

pytestmark = [pytest.mark.processes, pytest.mark.timeout(120)]

SLOWLY = "timeout: 60s\n    retry: {create_ticket: {max: 5, backoff: 2s}}"


class Desk(Project):
    """The project with the tickets' server, and the knowledge base on HTTP."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        tickets = {"command": "python", "args": ["mcp_servers/ticketing.py"]}
        knowledge = {"type": "http", "url": "${KNOWLEDGE_URL}"}
        servers = {"ticketing": tickets, "knowledge": knowledge}
        (directory / ".mcp.json").write_text(json.dumps({"mcpServers": servers}))

    @property
    def flow(self) -> Path:
        return self.directory / "flows/helpdesk.flow.yaml"


@pytest.fixture
def desk(tmp_path: Path) -> Generator[Desk]:
    made = Desk(tmp_path)
    # Where much else runs, the tickets' server may not be there yet when it is called.
    made.edit("flows/helpdesk.flow.yaml", ("timeout: 8s", SLOWLY))
    with over_http(tmp_path / "mcp_servers/knowledge.py") as (_, url):
        made.environ["KNOWLEDGE_URL"] = url
        yield made
    made.gone(20)


def test_two_fixes_are_walked_through_and_then_a_ticket_is_opened(desk: Desk) -> None:
    told = desk.say(
        "My number is E one zero zero zero one.",
        "My laptop is slow.",
        "That did not help.",
        "It still does not work.",
        "Please open a ticket.",
        "Yes.",
    )
    assert (told.ended, told.status) == ("completed", 0), told.said
    assert told.path == ["identify", "triage", "ticketed", "bye"]
    assert [event["tool"] for event in told.named("call.done")] == [
        "verify_employee",
        "kb.search",
        "kb.fetch",
        "desk.create_ticket",
    ]
    for words in (
        "Thank you. One moment, please.",
        "The laptop is slow. Close what is not needed. Does it work now?",
        "Restart the laptop. Does it work now?",
        "Shall I open a ticket?",
        "Your ticket is T 1.",
    ):
        assert words in told.said
