"""What people get wrong, on the command line and around it: words, an exit code, no traceback."""

import shutil
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import anyio
import pytest
from anyio.abc import SocketAttribute, SocketStream

from orchestrator.cli.main import main
from orchestrator.emulator.rule import RuleModel
from orchestrator.emulator.server import serve
from tests.redis_server import RedisServer

ROOT = Path(__file__).parents[2]
FLOW = "flows/restaurant.flow.yaml"
NOBODY = "127.0.0.1:1"

TEN_FAULTS = ROOT / "tests/flow/faulty/several-ten-faults-in-one-run.flow.yaml"

Orchestrator = Callable[..., tuple[int, str]]


@pytest.fixture
def orchestrator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Orchestrator:
    """Runs a command in a copy of this project: its exit code, and all that it said."""
    for name in ("flows", "workers"):
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copy(ROOT / "mcp.lock.json", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    for name in ("OPENAI_API_KEY", "REDIS_URL", "ORCHESTRATOR_URL"):
        monkeypatch.delenv(name, raising=False)

    def run(*arguments: str, **environ: str) -> tuple[int, str]:
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["orchestrator", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        assert isinstance(ended.value.code, int)
        said = capsys.readouterr()
        return ended.value.code, said.out + said.err

    return run


def test_a_command_that_is_mistyped(orchestrator: Orchestrator) -> None:
    status, said = orchestrator("chek", FLOW)
    assert status == 2
    assert "Error: No such command 'chek', did you mean 'check'?\n" in said
    assert "No such command 'xyz'" in orchestrator("xyz")[1]


@pytest.mark.parametrize("command", ["run", "check"])
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "error: my.flow.yaml: there is no such file\n"),
        (b"", "my.flow.yaml:1:1: error S001: a flow is a mapping"),
        (b"states: [one\nflow: {", "my.flow.yaml:1:9: error Y001: this bracket is never closed"),
        (b"flow: \xff", "error: my.flow.yaml: not UTF-8 (byte 6)\n"),
    ],
    ids=["missing", "empty", "broken", "binary"],
)
def test_a_file_that_is_no_flow(
    orchestrator: Orchestrator, command: str, content: bytes | None, words: str
) -> None:
    if content is not None:
        Path("my.flow.yaml").write_bytes(content)
    status, said = orchestrator(command, "my.flow.yaml")
    assert status == 2
    assert said.startswith(words)


def test_a_directory_is_no_flow(orchestrator: Orchestrator) -> None:
    assert orchestrator("run", "flows") == (
        2,
        "error: flows: that is a directory; name a file of flows/\n",
    )


@pytest.mark.parametrize("command", ["run", "check"])
def test_ten_faults_are_told_in_one_run(orchestrator: Orchestrator, command: str) -> None:
    status, said = orchestrator(command, str(TEN_FAULTS))
    assert status == 2
    errors = [line for line in said.splitlines() if ": error " in line]
    assert len(errors) == 10
    places = [
        tuple(map(int, line.removeprefix(f"{TEN_FAULTS}:").split(":")[:2])) for line in errors
    ]
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run", FLOW, "--lout"), "No such option '--lout'"),
        (("run",), "Missing argument 'FLOW'"),
        (("rum", FLOW), "No such command 'rum'"),
        (("worker", "--slots", "0"), "0 is not in the range x>=1"),
    ],
)
def test_a_command_that_cannot_be(
    orchestrator: Orchestrator, arguments: tuple[str, ...], words: str
) -> None:
    status, said = orchestrator(*arguments)
    assert (status, words in said) == (2, True), said


def test_a_redis_that_is_not_there_is_named_without_its_password(
    orchestrator: Orchestrator,
) -> None:
    status, said = orchestrator("run", FLOW, REDIS_URL=f"redis://me:hush@{NOBODY}/0")
    assert status == 4
    assert f"Redis at {NOBODY} is not available" in said
    assert "correct REDIS_URL" in said
    assert "hush" not in said


@pytest.mark.parametrize("url", ["http://localhost", "redis://me:hush@localhost:port"])
def test_a_redis_url_that_is_none(orchestrator: Orchestrator, url: str) -> None:
    status, said = orchestrator("run", FLOW, REDIS_URL=url)
    assert (status, "REDIS_URL: not a" in said) == (2, True), said
    assert "hush" not in said
    assert not Path(".orchestrator").exists()


def test_a_realtime_service_that_is_not_there(
    orchestrator: Orchestrator, shared_redis: RedisServer
) -> None:
    url = f"ws://{NOBODY}/v1/realtime"
    status, said = orchestrator("run", FLOW, "--url", url, REDIS_URL=shared_redis.url)
    assert status == 4
    assert f"error: Cannot reach the Realtime service at ws://{NOBODY}:" in said


@pytest.mark.parametrize("url", ["here", "http://localhost:8080", ""])
@pytest.mark.parametrize("command", [("run", FLOW), ("test", "--live", "flows")])
def test_an_address_that_is_none_starts_nothing(
    orchestrator: Orchestrator, command: tuple[str, ...], url: str
) -> None:
    why = "error: --url: not a URL that starts with ws:// or wss://\n"
    assert orchestrator(*command, "--url", url) == (2, why)
    assert not Path(".orchestrator").exists()


def test_what_is_wrong_with_a_first_value_is_told(orchestrator: Orchestrator) -> None:
    status, said = orchestrator("run", FLOW, "--set", "day", "--set", "dya=2026-12-02")
    assert status == 2
    assert said.endswith(
        "error: --set day: should be NAME=VALUE\n"
        "--set dya=2026-12-02: the flow has no variable 'dya'\n"
    )


@asynccontextmanager
async def counting(url: str) -> AsyncGenerator[tuple[str, list[str]]]:
    """Another address of a service, and the connections that were made there."""
    place, seen = urlsplit(url), list[str]()

    async def carry(source: SocketStream, target: SocketStream) -> None:
        async for data in source:
            await target.send(data)
        await target.send_eof()

    async def relay(client: SocketStream) -> None:
        seen.append("connected")
        assert place.hostname and place.port
        service = await anyio.connect_tcp(place.hostname, place.port)
        async with client, service, anyio.create_task_group() as both:
            both.start_soon(carry, client, service)
            both.start_soon(carry, service, client)

    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener:
        port = listener.extra(SocketAttribute.local_port)
        async with anyio.create_task_group() as serving:
            serving.start_soon(listener.serve, relay)
            yield place._replace(netloc=f"127.0.0.1:{port}").geturl(), seen
            serving.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("key", "options", "words"),
    [
        ("wrong", (), "error: The Realtime service refused: it does not know the key."),
        ("right", ("--model", "gpt-9"), "The model 'gpt-9' does not exist."),
    ],
    ids=["key", "model"],
)
async def test_what_the_service_refuses_for_good_is_tried_once(
    orchestrator: Orchestrator,
    shared_redis: RedisServer,
    key: str,
    options: tuple[str, ...],
    words: str,
) -> None:
    def run(url: str) -> tuple[int, str]:
        environ = {"REDIS_URL": shared_redis.url, "OPENAI_API_KEY": key}
        return orchestrator("run", FLOW, "--url", url, *options, **environ)

    async with serve(RuleModel, key="right") as service, counting(service) as (url, seen):
        status, said = await anyio.to_thread.run_sync(run, url)
    assert status == 4
    assert words in said
    assert "wrong" not in said
    assert len(seen) == 1


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (None, "{file}: there is no such file"),
        ("def (", "{file}:1: invalid syntax"),
        ("import os\n1 / 0\n", "{file}:2: ZeroDivisionError: division by zero"),
        ("def answer(): ...\n", "no function is marked with @handler in {file}: nothing to serve"),
    ],
    ids=["missing", "syntax", "raises", "no-handler"],
)
def test_a_worker_module_that_cannot_be_served(
    orchestrator: Orchestrator, shared_redis: RedisServer, source: str | None, words: str
) -> None:
    file = Path("desk.py").resolve()
    if source is not None:
        file.write_text(source)
    expected = f"error: {words.format(file=file)}\n"
    assert orchestrator("worker", "desk.py", REDIS_URL=shared_redis.url) == (2, expected)


def test_a_module_that_is_nowhere(orchestrator: Orchestrator, shared_redis: RedisServer) -> None:
    status, said = orchestrator("worker", "no_desk", REDIS_URL=shared_redis.url)
    assert status == 2
    assert said.startswith("error: no_desk: there is no such module")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "error: no MCP server is registered in {file}"),
        ('{"mcpServers"', "error: {file}:1:14: error M001: this is not JSON"),
        ("[]", 'error: {file}:1:1: error M002: expected {{"mcpServers"'),
        ('{"mcpServers": {"a": {}}}', "error: {file}:1:1: error M007: a server needs a command"),
    ],
    ids=["none", "broken", "another-shape", "no-command"],
)
def test_a_registry_that_cannot_be_served(
    orchestrator: Orchestrator, shared_redis: RedisServer, text: str | None, words: str
) -> None:
    file = Path(".mcp.json").resolve()
    if text is not None:
        file.write_text(text)
    status, said = orchestrator("mcp-host", REDIS_URL=shared_redis.url)
    assert status == 2
    assert said.startswith(words.format(file=file))


def test_a_place_where_no_file_can_be_written(orchestrator: Orchestrator) -> None:
    Path(".orchestrator").write_text("not a directory")
    status, said = orchestrator("run", FLOW)
    assert status == 2
    assert f"error: {Path('.orchestrator/logs').resolve()}: Not a directory\n" in said
