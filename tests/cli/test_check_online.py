"""`orchestrator check --online`: a flow is held against servers and workers that are there."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest

from orchestrator.cli.main import main
from orchestrator.dispatch.roster import Handled, Present, Roster
from orchestrator.link import connect
from tests.redis_server import RedisServer

SCRIPT = str(Path(__file__).parents[1] / "mcp_host" / "plain_server.py")
HEAD = 'dsl: 1\nflow: f\nversion: "1"\nsession: {mode: text}\nstart: talk\n'
STATES = """\
states:
  talk:
    goal: Talk.
    next: [{intent: The caller is done., id: done, goto: bye}]
  bye: {end: {reason: completed}}
"""
ASKING = """\
mcp:
  plain: {server: plain, allow: [answer, refuse]}
tools_everywhere: [plain.answer, plain.refuse]
"""
WORKING = """\
tools:
  book: {queue: desk, describe: Book a table., params: {size: text, day: date, note: text}}
  cancel: {queue: desk, describe: Cancel it.}
  pay: {queue: bank, describe: Pay.}
tools_everywhere: [book, cancel, pay]
"""
BOOK = {
    "properties": {
        "size": {"type": "integer"},
        "day": {"type": "string", "format": "date"},
        "at": {"type": "string"},
    },
    "required": ["size", "day", "at"],
}

Run = Callable[..., int]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `orchestrator` in an empty project; the exit code."""
    monkeypatch.chdir(tmp_path)

    def orchestrator(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["orchestrator", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        assert isinstance(ended.value.code, int)
        return ended.value.code

    return orchestrator


def write(body: str) -> None:
    Path("f.flow.yaml").write_text(HEAD + body + STATES)


def register(**servers: object) -> None:
    Path(".mcp.json").write_text(json.dumps({"mcpServers": servers}))


def places(output: str) -> list[str]:
    """Line, column and code of each problem."""
    lines = [line for line in output.splitlines() if line.startswith("{")]
    found = [json.loads(line) for line in lines]
    return [f"{each['line']}:{each['column']} {each['code']}" for each in found]


def test_a_flow_that_fits_what_is_there_has_no_problem(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    register(plain={"command": sys.executable, "args": [SCRIPT]})
    write(ASKING)
    assert run("mcp", "pin") == 0
    capsys.readouterr()
    assert run("check", "--online", "f.flow.yaml") == 0
    assert capsys.readouterr().out == "1 flow, no problems\n"


def test_a_tool_that_is_gone_and_one_that_changed_are_told_where_they_are_allowed(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    register(plain={"command": sys.executable, "args": [SCRIPT]})
    write(ASKING)
    run("mcp", "pin")
    before, after = Path("before.py"), Path(SCRIPT).read_text()
    before.write_text(after.replace('"refuse"', '"decline"').replace("Answers with `r", "Gives `r"))
    register(plain={"command": sys.executable, "args": [str(before.resolve())]})
    capsys.readouterr()
    assert run("check", "--online", "--format", "json", "f.flow.yaml") == 2
    assert places(capsys.readouterr().out) == ["7:34 N004", "7:42 N003"]


def test_a_server_that_does_not_start_is_told_with_the_reason(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    register(plain={"command": sys.executable, "args": [SCRIPT]})
    write(ASKING)
    run("mcp", "pin")
    register(plain={"command": "no-such-command"})
    capsys.readouterr()
    assert run("check", "--online", "f.flow.yaml") == 2
    assert "f.flow.yaml:7:19: error N002: server 'plain' cannot be asked" in capsys.readouterr().out


def test_without_online_nobody_is_asked(run: Run) -> None:
    register(plain={"command": sys.executable, "args": [SCRIPT]})
    write(ASKING)
    run("mcp", "pin")
    register(plain={"command": "no-such-command"})
    assert run("check", "f.flow.yaml") == 0


def test_workers_are_held_to_the_flow(
    run: Run,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    shared_redis: RedisServer,
) -> None:
    async def announce() -> None:
        async with connect(shared_redis.url) as link:
            await link.ask(("FLUSHALL",))
            worker = Present("w1", 0.0, 1, {"desk": {"book": Handled(BOOK)}})
            await Roster(link).come(worker)

    anyio.run(announce)
    monkeypatch.setenv("REDIS_URL", shared_redis.url)
    write(WORKING)
    assert run("check", "--online", "--format", "json", "f.flow.yaml") == 2
    told = capsys.readouterr().out
    found = places(told)
    assert "they serve: desk" in told
    assert found == ["7:48 N007", "7:57 N007", "7:80 N007", "8:3 N006", "9:16 N005"]


def test_watching_and_asking_exclude_each_other(run: Run) -> None:
    write("")
    assert run("check", "--online", "--watch", "f.flow.yaml") == 2
