from pathlib import Path

from mcp import Client

from mcp_servers import knowledge
from orchestrator.dispatch.call import Json
from orchestrator.mcp_host import LOCK, lock

PROJECT = Path(__file__).parents[2]


async def ask(tool: str, **given: Json) -> Json:
    async with Client(knowledge.server) as client:
        result = await client.call_tool(tool, given)
    return result.content if result.is_error else result.structured_content


async def test_the_article_with_most_of_the_words_is_first() -> None:
    found = await ask("search", query="laptop slow")
    assert [each["id"] for each in found["results"]] == ["slow", "wifi"]


async def test_an_article_that_was_found_can_be_read() -> None:
    article = await ask("fetch", id="vpn")
    assert article["steps"][0].startswith("Check")
    [words] = await ask("fetch", id="none")
    assert "search first" in words.text


async def test_the_lock_holds_what_the_server_offers() -> None:
    async with Client(knowledge.server) as client:
        offered = (await client.list_tools()).tools
    assert {tool.name for tool in offered} == lock.read_lock(PROJECT / LOCK).definitions()[
        "knowledge"
    ].keys()
