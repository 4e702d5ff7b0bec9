from pathlib import Path

import pytest
from mcp import Client
from mcp.types import RequestParamsMeta

from mcp_servers import ticketing
from orchestrator.dispatch.call import Json
from orchestrator.mcp_host import LOCK, lock
from orchestrator.mcp_host.host import KEY

PROJECT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ticketing, "data", tmp_path / "tickets.sqlite3")


async def ask(tool: str, key: str = "k", **given: Json) -> Json:
    meta: RequestParamsMeta = {KEY: key}  # pyright: ignore[reportAssignmentType]
    async with Client(ticketing.server) as client:
        result = await client.call_tool(tool, given, meta=meta)
    return result.content if result.is_error else result.structured_content


def test_the_key_is_the_one_that_the_host_sends() -> None:
    assert ticketing.KEY == KEY


async def test_the_same_request_twice_is_one_ticket() -> None:
    made = [await ask("create_ticket", title="VPN is down", priority="high") for _ in range(2)]
    assert made[0] == made[1] == {"id": "T1", "title": "VPN is down", "priority": "high"}
    found = await ask("find_tickets", query="")
    assert found == {"tickets": [made[0]]}


async def test_tickets_are_found_by_words_of_their_title_the_newest_first() -> None:
    for key, title in (("a", "Laptop is slow"), ("b", "No VPN at home"), ("c", "VPN is slow")):
        await ask("create_ticket", key, title=title)
    found = await ask("find_tickets", query="vpn")
    assert [ticket["id"] for ticket in found["tickets"]] == ["T3", "T2"]


async def test_a_comment_needs_a_ticket() -> None:
    await ask("create_ticket", title="VPN is down")
    assert (await ask("add_comment", id="t1", text="It is up again."))["id"] == "T1"
    [words] = await ask("add_comment", id="T9", text="Hello?")
    assert "no ticket T9" in words.text


async def test_the_lock_holds_what_the_server_offers() -> None:
    async with Client(ticketing.server) as client:
        offered = (await client.list_tools()).tools
    pinned = lock.read_lock(PROJECT / LOCK).definitions()["ticketing"]
    assert {tool.name: tool.description for tool in offered} == {
        name: definition["description"] for name, definition in pinned.items()
    }
