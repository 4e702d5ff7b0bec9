import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from orchestrator.errors import ServiceError
from orchestrator.mcp_host.registry import Http, Server, Stdio
from orchestrator.mcp_host.server import ServerDown, Session, connect, look, open_log
from tests.mcp_host.conftest import Plain
from tests.processes import over_http

MENU = Path(__file__).parents[2] / "mcp_servers" / "menu.py"
MODERN = Path(__file__).with_name("modern_server.py")


async def test_what_a_server_offers_is_seen(plain: Plain, tmp_path: Path) -> None:
    tools = await look(plain(), tmp_path)
    assert tools["die_reading"].annotations == {"readOnlyHint": True}
    assert tools["answer"].alias == "plain__answer"


async def test_a_banner_on_standard_output_does_no_harm(plain: Plain, tmp_path: Path) -> None:
    assert "answer" in await look(plain("banner"), tmp_path)


async def test_what_a_server_prints_to_stderr_goes_to_a_file(plain: Plain, tmp_path: Path) -> None:
    await look(plain(), tmp_path)
    assert (tmp_path / "mcp-plain.log").read_text() == "plain server started\n"


async def test_a_large_log_is_begun_anew(plain: Plain, tmp_path: Path) -> None:
    path = tmp_path / "mcp-plain.log"
    path.write_bytes(b"x" * (1 << 20) + b"x")
    open_log(tmp_path, plain()).close()
    assert path.stat().st_size == 0


@pytest.mark.parametrize(
    ("transport", "words"),
    [
        (Stdio("no-such-command"), "plain: its command, or its working directory, does not exist"),
        (Stdio(sys.executable, cwd="/no/such/place"), "working directory, does not exist"),
        (Stdio(os.devnull), "plain: its command may not be executed"),
        (Http("http://127.0.0.1:1/mcp"), "plain: it cannot be reached"),
    ],
)
async def test_a_server_that_is_not_there_is_reported_in_words(
    transport: Stdio | Http, words: str, tmp_path: Path
) -> None:
    with pytest.raises(ServiceError, match=words):
        await look(Server("plain", transport, ""), tmp_path)


async def test_a_server_that_leaves_at_once_is_reported(plain: Plain, tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="plain: Connection closed"):
        await look(plain("leave"), tmp_path)


async def test_a_server_that_never_answers_is_given_up(plain: Plain, tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="plain: it did not answer in time"):
        await look(plain("hang"), tmp_path, limit=0.2)


async def test_python_is_the_interpreter_that_we_run_on(plain: Plain, tmp_path: Path) -> None:
    server = plain()
    assert isinstance(server.transport, Stdio)
    bare = replace(server, transport=replace(server.transport, command="python"))
    with open_log(tmp_path, bare) as log:
        async with connect(bare, log) as session:
            found = await session.call("where", {}, 5, {})
    where = found.structured_content["found"]
    assert where["env"]["PATH"].startswith(str(Path(sys.executable).parent))


async def test_a_server_gets_its_own_environment_and_directory_but_not_ours(
    plain: Plain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "s3cret")
    with open_log(tmp_path, plain()) as log:
        async with connect(plain(), log) as session:
            found = await session.call("where", {}, 5, {})
    where = found.structured_content["found"]
    assert where["env"]["GREETING"] == "hello"
    assert "OPENAI_API_KEY" not in where["env"]
    assert where["cwd"] == str(tmp_path)


async def test_the_end_of_an_idle_server_is_noticed(plain: Plain, tmp_path: Path) -> None:
    with open_log(tmp_path, plain()) as log, anyio.fail_after(30):
        async with connect(plain(), log) as session:
            found = await session.call("where", {}, 5, {})
            os.kill(found.structured_content["found"]["pid"], 9)
            await session.follow(lambda tools: None)
            with pytest.raises(ServerDown) as down:
                await session.call("where", {}, 5, {})
    assert not down.value.sent


def until_said(process: "subprocess.Popen[str]", words: str) -> None:
    assert process.stderr is not None
    next(line for line in process.stderr if words in line)


async def test_an_http_server_that_is_gone_fails_the_call_as_never_sent(
    tmp_path: Path,
) -> None:
    with over_http(MENU, "--http") as (process, url):
        server = Server("menu", Http(url), "")
        with open_log(tmp_path, server) as log:
            async with connect(server, log) as session:
                found = await session.call("allergens", {"dish": "ratatouille"}, 5, {})
                assert found.structured_content == {"dish": "Ratatouille", "allergens": []}
                process.kill()
                process.wait()
                with pytest.raises(ServerDown, match="cannot be reached") as down:
                    await session.call("allergens", {"dish": "ratatouille"}, 5, {})
                assert session.over
    assert not down.value.sent


async def test_an_http_server_that_dies_in_the_middle_may_have_received_the_call(
    tmp_path: Path,
) -> None:
    lost: list[ServerDown] = []

    async def call(session: Session) -> None:
        with pytest.raises(ServerDown) as down:
            await session.call("never", {}, 20, {})
        lost.append(down.value)

    with over_http(MODERN) as (process, url):
        server = Server("modern", Http(url), "")
        with open_log(tmp_path, server) as log:
            async with connect(server, log) as session, anyio.create_task_group() as tasks:
                tasks.start_soon(call, session)
                await anyio.to_thread.run_sync(until_said, process, "never was called")
                process.kill()
    assert [each.sent for each in lost] == [True]
