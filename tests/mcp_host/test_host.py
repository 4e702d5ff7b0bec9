import logging
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp.types import (
    AudioContent,
    BlobResourceContents,
    CallToolResult,
    EmbeddedResource,
    ImageContent,
    ResourceLink,
    TextContent,
    TextResourceContents,
)

from orchestrator.dispatch.call import Error, Outcome
from orchestrator.mcp_host import LOCK, lock
from orchestrator.mcp_host.host import KEY, RESULT_SIZE, Host, outcome_of
from orchestrator.mcp_host.registry import Server, Stdio
from orchestrator.memory import MemoryBroker, MemoryCalls, MemoryClaims
from orchestrator.worker.runtime import Worker
from tests.mcp_host.conftest import Hosting, MakeCall, Plain, pin, running


def text(*texts: str) -> list[Any]:
    return [TextContent(type="text", text=each) for each in texts]


@pytest.mark.parametrize(
    ("result", "value"),
    [
        (CallToolResult(content=text("ignored"), structured_content={"a": 1}), {"a": 1}),
        (CallToolResult(content=text('{"a": [1, null]}')), {"a": [1, None]}),
        (CallToolResult(content=text("plain words")), "plain words"),
        (CallToolResult(content=text("two", "blocks")), "two\nblocks"),
        (CallToolResult(content=[]), ""),
    ],
)
def test_a_result_is_its_structured_content_else_its_text(
    result: CallToolResult, value: object
) -> None:
    assert outcome_of(result) == Outcome("worker", value)


def test_what_is_not_text_is_described() -> None:
    image = ImageContent(type="image", data="AAAA", mime_type="image/png")
    audio = AudioContent(type="audio", data="AAAA", mime_type="audio/wav")
    link = ResourceLink(type="resource_link", uri="file:///a", name="a")
    words = TextResourceContents(uri="file:///b", text="words")
    blob = BlobResourceContents(uri="file:///c", blob="AAAA")
    held = [EmbeddedResource(type="resource", resource=each) for each in (words, blob)]
    assert outcome_of(CallToolResult(content=[image, audio, link, *held])).result == (
        "[image: image/png]\n[audio: audio/wav]\n[resource: file:///a]\nwords\n[resource: file:///c]"
    )


def test_an_error_of_the_tool_is_told_in_its_words_but_not_at_any_length() -> None:
    short = outcome_of(CallToolResult(content=text("No table left."), is_error=True))
    long = outcome_of(CallToolResult(content=text("x" * 5_000), is_error=True))
    assert short.error == Error("error", "No table left.")
    assert long.error is not None
    assert long.error.message.endswith("x… (cut, 5000 characters)")


def test_a_huge_result_is_cut() -> None:
    huge = outcome_of(CallToolResult(content=[], structured_content={"a": "x" * 200_000}))
    assert len(huge.result) < RESULT_SIZE + 100
    assert huge.result.endswith("(cut, 200009 characters)")


async def test_the_call_reaches_the_server_with_its_key_and_trace(
    plain: Plain, hosting: Hosting, call: MakeCall
) -> None:
    async with hosting(plain()) as host:
        outcome = await host.run(call("meta"))
    assert outcome.result["found"][KEY] == "key-1"
    assert outcome.result["found"]["traceparent"].startswith("00-0af7651916cd43dd8448eb211c80319c-")


async def test_the_arguments_and_the_answer_pass_unchanged(
    plain: Plain, hosting: Hosting, call: MakeCall
) -> None:
    result = {"structuredContent": {"é": [1, 2.5, None, {"x": True}]}}
    async with hosting(plain()) as host:
        outcome = await host.run(call("answer", result=result))
    assert outcome == Outcome("worker", result["structuredContent"])


@pytest.mark.parametrize(
    ("code", "expected"),
    [(-32602, "invalid"), (-32601, "unknown_tool"), (-32603, "error"), (-32000, "error")],
)
async def test_an_error_of_the_protocol_has_the_code_that_fits(
    code: int, expected: str, plain: Plain, hosting: Hosting, call: MakeCall
) -> None:
    error = {"code": code, "message": "says the server"}
    async with hosting(plain()) as host:
        outcome = await host.run(call("refuse", error=error))
    assert outcome.error == Error(expected, "says the server")


async def test_an_unknown_tool_and_an_unknown_server_are_told_apart_from_failures(
    plain: Plain, hosting: Hosting, call: MakeCall
) -> None:
    async with hosting(plain()) as host:
        tool = await host.run(call("nonsense"))
        server = await host.run(call("answer", server="nobody"))
    assert tool.error == Error("unknown_tool", "The tool nonsense is not offered by plain.")
    assert server.error == Error("unknown_tool", "No MCP server is registered for mcp.nobody.")


async def test_a_tool_lost_in_the_middle_has_an_unknown_outcome(
    plain: Plain, hosting: Hosting, call: MakeCall
) -> None:
    async with hosting(plain()) as host:
        outcome = await host.run(call("die"))
    assert outcome.error == Error("crashed", "outcome unknown")


async def test_a_tool_that_only_reads_may_be_asked_again(
    plain: Plain, hosting: Hosting, call: MakeCall
) -> None:
    async with hosting(plain()) as host:
        outcome = await host.run(call("die_reading"))
        again = await answered(host, call)
    assert outcome.error == Error("unavailable", "plain is not available.")
    assert again.ok


async def test_a_server_that_is_down_is_unavailable(
    tmp_path: Path, call: MakeCall, plain: Plain
) -> None:
    await pin(tmp_path, plain())
    registry = {"plain": Server("plain", Stdio("no-such-command"), "")}
    host = Host(registry, tmp_path, tmp_path)
    async with running(*host.supervisors.values()):
        outcome = await host.run(call("answer"))
    assert outcome.error == Error("unavailable", "plain is not available.")


async def test_a_call_that_is_cancelled_is_cancelled_at_the_server(
    plain: Plain, hosting: Hosting, call: MakeCall
) -> None:
    async with hosting(plain()) as host:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(host.run, call("never"))
            await anyio.wait_all_tasks_blocked()
            await host.run(call("where"))  # answered in order: the other has been received
            tasks.cancel_scope.cancel()
        outcome = await host.run(call("cancelled"))
    assert len(outcome.result["found"]) == 1


async def test_a_call_that_takes_too_long_is_a_timeout(
    plain: Plain, hosting: Hosting, call: MakeCall
) -> None:
    async with hosting(plain()) as host:
        await host.run(call("where"))
        outcome = await host.run(call("never", limit=0.05))
    assert outcome.error is not None
    assert outcome.error.code == "timeout"


async def test_a_tool_that_changes_is_off_until_it_is_pinned_anew(
    plain: Plain,
    hosting: Hosting,
    call: MakeCall,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)
    async with hosting(plain()) as host:
        assert (await answered(host, call)).ok
        assert (await host.run(call("change"))).ok
        while (off := await answered(host, call)).ok:
            pass  # until the notification has led to a new list
        added = await host.run(call("new"))
        dropped = await host.run(call("meta"))
        session = await host.supervisors["mcp.plain"].session(1)
        path = tmp_path / LOCK
        lock.write_lock(path, lock.Lock().pinned("plain", session.tools.values()))
        on = await answered(host, call)
    assert off.error == Error(
        "changed", "The tool answer of plain has changed since it was pinned."
    )
    assert added.error == Error("changed", "The tool new of plain was never pinned.")
    assert dropped.error == Error("changed", "The tool meta is no longer offered by plain.")
    assert on.ok
    assert "answer of plain has changed" in caplog.text
    assert "read out all bookings" not in caplog.text


async def test_a_tool_that_changed_before_the_host_started_is_off(
    plain: Plain, call: MakeCall, tmp_path: Path
) -> None:
    await pin(tmp_path, plain())
    path = tmp_path / LOCK
    pinned = lock.read_lock(path).tools("plain")
    before = replace(pinned["answer"], description="Said otherwise once.")
    lock.write_lock(path, lock.Lock().pinned("plain", {**pinned, "answer": before}.values()))
    host = Host({"plain": plain()}, tmp_path, tmp_path)
    async with running(*host.supervisors.values()):
        changed, same = await answered(host, call), await host.run(call("meta"))
    assert changed.error is not None
    assert changed.error.code == "changed"
    assert same.ok


async def test_it_is_a_worker_whose_handlers_are_tools(
    plain: Plain, hosting: Hosting, call: MakeCall
) -> None:
    broker = MemoryBroker()
    calls = MemoryCalls(broker, "p1")
    async with hosting(plain()) as host:
        worker = Worker(MemoryClaims(broker, "mcp.plain", "w1"), host.run)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(worker.serve)
            await calls.publish(call("answer", result={"structuredContent": {"table": 7}}))
            async for _, outcome in calls.settled():
                assert outcome == Outcome("worker", {"table": 7})
                break
            tasks.cancel_scope.cancel()


async def answered(host: Host, call: MakeCall) -> Outcome:
    return await host.run(call("answer", result={"structuredContent": {}}))


async def test_a_change_is_heard_of_from_servers_of_the_newest_revision_too(
    hosting: Hosting, call: MakeCall
) -> None:
    script = str(Path(__file__).with_name("modern_server.py"))
    async with hosting(Server("modern", Stdio(sys.executable, (script,)), "")) as host:
        first = await host.run(call("change", server="modern"))
        while (last := await host.run(call("change", server="modern"))).ok:
            pass
    assert first == Outcome("worker", {"result": "done"})
    assert last.error is not None
    assert last.error.code == "changed"
