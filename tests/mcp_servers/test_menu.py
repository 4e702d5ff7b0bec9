"""The servers that come with the project, as they are registered and pinned."""

from collections.abc import AsyncGenerator
from pathlib import Path

import anyio
import pytest
from mcp import Client

from mcp_servers import menu
from orchestrator.dispatch.call import Call, Json
from orchestrator.mcp_host import LOCK, lock, registry
from orchestrator.mcp_host.host import Host

PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def host(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Host]:
    servers, _ = registry.read_registry(PROJECT)
    host = Host(servers, PROJECT, tmp_path_factory.mktemp("logs"))
    async with anyio.create_task_group() as tasks:
        for supervisor in host.supervisors.values():
            tasks.start_soon(supervisor.run)
        yield host
        tasks.cancel_scope.cancel()


async def ask(host: Host, server: str, tool: str, **given: Json) -> Json:
    call = Call("c1", f"mcp.{server}", tool, given, "k", 1, 30.0, 2e9, "s1", "p1", 1e9)
    outcome = await host.run(call)
    return outcome.result if outcome.error is None else outcome.error


@pytest.mark.parametrize("name", ["menu", "time"])
async def test_the_lock_holds_what_the_server_offers(host: Host, name: str) -> None:
    session = await host.supervisors[f"mcp.{name}"].session(30)
    assert session.tools == lock.read_lock(PROJECT / LOCK).tools(name)
    assert all(tool.repeatable for tool in session.tools.values())


async def test_dishes_are_found_by_ingredient(host: Host) -> None:
    found = await ask(host, "menu", "search_dishes", query="Apples")
    assert [dish["name"] for dish in found["dishes"]] == ["Tarte Tatin"]
    assert found["dishes"][0]["price"] == 9.0


async def test_dishes_are_found_by_course_and_diet(host: Host) -> None:
    found = await ask(host, "menu", "search_dishes", query="main", vegetarian=True)
    assert [dish["name"] for dish in found["dishes"]] == ["Ratatouille", "Mushroom risotto"]


async def test_accents_and_case_do_not_matter(host: Host) -> None:
    found = await ask(host, "menu", "search_dishes", query="COMTE")
    assert [dish["name"] for dish in found["dishes"]] == ["Onion soup"]


async def test_an_empty_query_finds_the_whole_menu(host: Host) -> None:
    found = await ask(host, "menu", "search_dishes", query="")
    assert len(found["dishes"]) == len(menu.MENU)


async def test_the_allergens_of_a_dish_are_named(host: Host) -> None:
    assert await ask(host, "menu", "allergens", dish="risotto") == {
        "dish": "Mushroom risotto",
        "allergens": ["milk", "sulphites"],
    }


async def test_an_unknown_dish_is_answered_with_the_menu(host: Host) -> None:
    error = await ask(host, "menu", "allergens", dish="pizza")
    assert error.code == "error"
    assert "There is no 'pizza' on the menu. There is: Onion soup, " in error.message


async def test_two_dishes_that_fit_are_both_offered() -> None:
    async with Client(menu.server) as client:
        result = await client.call_tool("allergens", {"dish": "oup"})
        assert not result.is_error
        result = await client.call_tool("allergens", {"dish": "s"})
    assert result.is_error
    assert "could be Onion soup or Leeks vinaigrette or " in str(result.content[0])


async def test_a_third_party_server_answers_the_same_way(host: Host) -> None:
    now = await ask(host, "time", "get_current_time", timezone="Asia/Tokyo")
    assert now["datetime"].endswith("+09:00")
