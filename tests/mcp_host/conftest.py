"""Servers and hosts for the tests of the MCP host."""

import gc
import sys
from collections.abc import AsyncGenerator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Protocol

import anyio
import pytest

from orchestrator.dispatch.call import Call, Json
from orchestrator.mcp_host import LOCK, lock
from orchestrator.mcp_host.host import Host
from orchestrator.mcp_host.registry import Server, Stdio
from orchestrator.mcp_host.server import look
from orchestrator.mcp_host.supervisor import Supervisor


@pytest.fixture(autouse=True)
def swept() -> Iterator[None]:
    """Collect each test's garbage here and now.

    The MCP SDK does not wait for a server that it had to kill; on a busy machine its pipes are
    then found open by the garbage collector, in whichever test happens to be running.
    """
    yield
    told = sys.unraisablehook
    sys.unraisablehook = _ignore
    try:
        gc.collect()
    finally:
        sys.unraisablehook = told


def _ignore(unraisable: "sys.UnraisableHookArgs") -> None:
    """What has been left behind is not this test's business."""


class Plain(Protocol):
    def __call__(self, *options: str) -> Server: ...


class Hosting(Protocol):
    def __call__(self, *servers: Server) -> AbstractAsyncContextManager[Host]: ...


class MakeCall(Protocol):
    def __call__(self, tool: str, server: str = ..., limit: float = ..., **given: Json) -> Call: ...


@pytest.fixture
def plain(tmp_path: Path) -> Plain:
    """Makes the registration of a `plain_server.py`."""

    def make(*options: str) -> Server:
        script = str(Path(__file__).with_name("plain_server.py"))
        transport = Stdio(sys.executable, (script, *options), {"GREETING": "hello"}, str(tmp_path))
        return Server("plain", transport, "plain_server.py")

    return make


@pytest.fixture
def hosting(tmp_path: Path) -> Hosting:
    """Runs a host whose lock holds what the servers offer at first."""

    @asynccontextmanager
    async def run(*servers: Server) -> AsyncGenerator[Host]:
        await pin(tmp_path, *servers)
        host = Host({server.name: server for server in servers}, tmp_path, tmp_path / "logs")
        async with running(*host.supervisors.values()):
            yield host

    return run


@asynccontextmanager
async def running(*supervisors: Supervisor) -> AsyncGenerator[None]:
    """Runs supervisors as tasks for the block, which has twenty seconds."""
    async with anyio.create_task_group() as tasks:
        for supervisor in supervisors:
            tasks.start_soon(supervisor.run)
        with anyio.fail_after(20):
            yield
        tasks.cancel_scope.cancel()


@pytest.fixture
def call() -> MakeCall:
    def make(tool: str, server: str = "plain", limit: float = 10.0, **given: Json) -> Call:
        return Call(
            id=f"s1.{tool}.1",
            queue=f"mcp.{server}",
            tool=tool,
            arguments=given,
            key="key-1",
            attempt=1,
            timeout=limit,
            deadline=2e9,
            session="s1",
            reply_to="p1",
            created=1e9,
            trace={"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
        )

    return make


async def pin(directory: Path, *servers: Server) -> None:
    pinned = lock.Lock()
    for server in servers:
        pinned = pinned.pinned(server.name, (await look(server, directory / "logs")).values())
    lock.write_lock(directory / LOCK, pinned)
