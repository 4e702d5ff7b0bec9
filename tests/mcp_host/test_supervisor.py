import os
from dataclasses import replace
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from orchestrator.mcp_host.lock import Tools
from orchestrator.mcp_host.registry import Server, Stdio
from orchestrator.mcp_host.server import ServerDown, Session
from orchestrator.mcp_host.supervisor import Supervisor
from tests.mcp_host.conftest import Plain, running


def nothing(tools: Tools) -> None:
    pass


async def test_a_caller_waits_for_the_attempt_under_way(plain: Plain, tmp_path: Path) -> None:
    supervisor = Supervisor(plain(), tmp_path, nothing)
    async with running(supervisor):
        session = await supervisor.session(10)
        assert "answer" in session.tools


async def test_a_caller_is_told_at_once_when_the_attempt_fails(tmp_path: Path) -> None:
    supervisor = Supervisor(Server("gone", Stdio("no-such-command"), ""), tmp_path, nothing)
    async with running(supervisor):
        with anyio.fail_after(30), pytest.raises(ServerDown, match="gone: its command") as down:
            await supervisor.session(60)
    assert not down.value.sent


async def test_a_server_that_hangs_at_connect_is_given_up(plain: Plain, tmp_path: Path) -> None:
    supervisor = Supervisor(plain("hang"), tmp_path, nothing, connect_limit=0.2)
    async with running(supervisor):
        with anyio.fail_after(30), pytest.raises(ServerDown, match="did not answer in time"):
            await supervisor.session(60)


async def test_the_patience_of_a_caller_has_an_end(plain: Plain, tmp_path: Path) -> None:
    supervisor = Supervisor(plain("hang"), tmp_path, nothing)
    async with running(supervisor):
        with pytest.raises(ServerDown, match="is not started"):
            await supervisor.session(0.01)


async def test_a_server_that_dies_is_started_again(plain: Plain, tmp_path: Path) -> None:
    supervisor = Supervisor(plain(), tmp_path, nothing)
    async with running(supervisor):
        with anyio.fail_after(20):
            first = await supervisor.session(10)
            before = await first.call("where", {}, 5, {})
            with pytest.raises(ServerDown) as down:
                await first.call("die", {}, 5, {})
            second = await supervisor.session(10)
            after = await second.call("where", {}, 5, {})
    assert down.value.sent
    assert before.structured_content["found"]["pid"] != after.structured_content["found"]["pid"]


async def test_one_server_that_cannot_start_does_not_disturb_another(
    plain: Plain, tmp_path: Path
) -> None:
    gone = Supervisor(Server("gone", Stdio("no-such-command"), ""), tmp_path, nothing)
    fine = Supervisor(plain(), tmp_path, nothing)
    async with running(gone, fine):
        with pytest.raises(ServerDown):
            await gone.session(10)
        session = await fine.session(10)
        assert (await session.call("where", {}, 5, {})).structured_content


async def test_nothing_is_left_running_when_it_ends(plain: Plain, tmp_path: Path) -> None:
    supervisor = Supervisor(plain(), tmp_path, nothing)
    async with running(supervisor):
        session = await supervisor.session(10)
        found = await session.call("where", {}, 5, {})
    with pytest.raises(ProcessLookupError):
        os.kill(found.structured_content["found"]["pid"], 0)


async def test_a_server_that_comes_back_is_found(plain: Plain, tmp_path: Path) -> None:
    """The command does not exist at first: a later attempt succeeds by itself."""
    server, command = plain(), tmp_path / "python"
    assert isinstance(server.transport, Stdio)
    there = server.transport.command
    late = replace(server, transport=replace(server.transport, command=str(command)))
    supervisor = Supervisor(late, tmp_path, nothing)
    async with running(supervisor):
        with anyio.fail_after(20):
            with pytest.raises(ServerDown):
                await supervisor.session(10)
            command.symlink_to(there)
            assert (await session_after_failures(supervisor)).tools


async def session_after_failures(supervisor: Supervisor) -> Session:
    """The first session that comes about, however many attempts it takes."""
    while True:
        try:
            return await supervisor.session(10)
        except ServerDown:
            await anyio.lowlevel.checkpoint()
