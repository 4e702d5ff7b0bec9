"""The host as a process: calls come through Redis, and nothing is left when it ends."""

import json
import os
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import anyio
import pytest

from orchestrator.dispatch.call import Outcome, Progress
from orchestrator.dispatch.streams import StreamCalls
from orchestrator.errors import UsageError
from orchestrator.link import connect
from orchestrator.mcp_host.serve import host_of
from tests.mcp_host.conftest import MakeCall, Plain, pin
from tests.processes import running
from tests.redis_server import RedisServer, running_redis

SCRIPT = Path(__file__).with_name("plain_server.py")
HOST = "from orchestrator.cli.main import main; main()"

pytestmark = pytest.mark.processes


@pytest.fixture
def redis() -> Generator[RedisServer]:
    with running_redis() as server:
        yield server


@pytest.fixture
async def project(tmp_path: Path, plain: Plain) -> Path:
    entry = {"command": sys.executable, "args": [str(SCRIPT)]}
    (tmp_path / ".mcp.json").write_text(json.dumps({"mcpServers": {"plain": entry}}))
    await pin(tmp_path, plain())
    return tmp_path


@pytest.fixture
def host(project: Path, redis: RedisServer) -> "Generator[subprocess.Popen[str]]":
    command = [sys.executable, "-c", HOST, "mcp-host", "--ready", "--lifeline"]
    environment = {
        **os.environ,
        "REDIS_URL": redis.url,
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with running(command, cwd=project, env=environment, **pipes) as process:
        yield process


async def test_calls_are_served_until_standard_input_ends(
    host: "subprocess.Popen[str]", redis: RedisServer, call: MakeCall
) -> None:
    assert host.stdout is not None
    assert host.stdin is not None
    ready = json.loads(host.stdout.readline())
    assert "answer" in ready["queues"]["mcp.plain"]
    where = call("where")
    async with connect(redis.url) as link:
        calls = StreamCalls(link, "p1")
        await calls.publish(where)
        found = await first_outcome(calls)
    host.stdin.close()
    assert host.wait() == 0
    with pytest.raises(ProcessLookupError):
        os.kill(found.result["found"]["pid"], 0)


async def test_how_far_a_server_says_it_is_reaches_the_asker(
    host: "subprocess.Popen[str]", redis: RedisServer, call: MakeCall
) -> None:
    assert host.stdout is not None
    host.stdout.readline()
    async with connect(redis.url) as link:
        calls, never = StreamCalls(link, "p1"), call("never")
        await calls.publish(never)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(first_outcome, calls)
            half = Progress("Half way.", {"progress": 1, "total": 2})
            assert await anext(calls.progressed()) == (never.id, half)
            tasks.cancel_scope.cancel()


def test_a_project_without_servers_has_nothing_to_host(tmp_path: Path) -> None:
    from orchestrator.errors import UsageError

    with pytest.raises(UsageError, match="no MCP server is registered"):
        host_of(project=tmp_path)


async def first_outcome(calls: StreamCalls) -> Outcome:
    with anyio.fail_after(20):
        async for _, outcome in calls.settled():
            return outcome
    raise AssertionError


async def test_only_registered_servers_can_be_named(project: Path) -> None:
    with pytest.raises(UsageError, match=r"not registered in .*: other, plane"):
        host_of(["plain", "plane", "other"], project)
