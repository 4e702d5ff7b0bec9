"""Where the commands look for what belongs to a flow."""

import contextlib
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.cli.flows import project_of
from orchestrator.cli.main import main
from orchestrator.cli.projects import project_around, project_here
from orchestrator.mcp_host.lock import Lock, Tool, write_lock

FLOW = """\
dsl: 1
flow: hello
version: "1.0.0"
session: {mode: text}
use: [../shared/tools.yaml]
start: talk
states:
  talk:
    goal: Talk.
    tools: [find, menu.dishes]
    next:
      - {intent: The caller is done., id: done, goto: bye}
  bye: {end: {reason: completed}}
"""
SHARED = """\
dsl: 1
tools: {find: {queue: shop, describe: Find., safe: true}}
mcp: {menu: {server: menu, allow: [dishes]}}
"""
TESTS = """\
dsl: 1
tests: hello.flow.yaml
cases:
  - case: ends
    turns:
      - {caller: Bye., model: [[{call: go_done}]], expect: {ended: completed}}
"""
Run = Callable[..., int]


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A project with a flow, which a command finds from anywhere."""
    root = tmp_path / "shop"
    (root / "flows").mkdir(parents=True)
    (root / "shared").mkdir()
    (root / "flows/hello.flow.yaml").write_text(FLOW)
    (root / "flows/hello.test.yaml").write_text(TESTS)
    (root / "shared/tools.yaml").write_text(SHARED)
    tool = Tool("menu", "dishes", "Dishes.", {"type": "object"})
    write_lock(root / "mcp.lock.json", Lock().pinned("menu", [tool]))
    return root


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    monkeypatch.delenv("REDIS_URL", raising=False)

    def orchestrator(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["orchestrator", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        assert isinstance(ended.value.code, int)
        return ended.value.code

    return orchestrator


@pytest.mark.parametrize("command", ["check", "test", "graph"])
def test_a_flow_has_its_own_projects_lock_and_files_wherever_one_stands(
    run: Run, shop: Path, command: str
) -> None:
    assert run(command, str(shop / "flows/hello.flow.yaml")) == 0


def test_what_is_wrong_with_an_included_file_is_told_with_its_place(
    run: Run, shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (shop / "shared/tools.yaml").write_text(SHARED.replace("safe", "saef"))
    assert run("check", "--format", "json", str(shop / "flows/hello.flow.yaml")) == 2
    [line] = capsys.readouterr().out.splitlines()
    problem = json.loads(line)
    assert (Path(problem["file"]), problem["line"], problem["code"]) == (
        shop / "shared/tools.yaml",
        2,
        "S010",
    )


def test_a_problem_of_a_shared_file_is_told_once(
    run: Run, shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (shop / "shared/tools.yaml").write_text(SHARED.replace("safe", "saef"))
    (shop / "flows/again.flow.yaml").write_text(FLOW.replace("flow: hello", "flow: again"))
    assert run("check", str(shop / "flows")) == 2
    assert capsys.readouterr().out.count("S010") == 1


def test_nothing_outside_of_the_project_is_read(
    run: Run, shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (shop.parent / "tools.yaml").write_text(SHARED)
    for path in ("../../tools.yaml", "link.yaml"):
        (shop / "flows/hello.flow.yaml").write_text(FLOW.replace("../shared/tools.yaml", path))
        (shop / "flows/link.yaml").unlink(missing_ok=True)
        (shop / "flows/link.yaml").symlink_to(shop.parent / "tools.yaml")
        assert run("check", str(shop / "flows/hello.flow.yaml")) == 2
        assert "that is outside of the project" in capsys.readouterr().out


def test_what_is_no_file_is_not_read(
    run: Run, shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (shop / "flows/hello.flow.yaml").write_text(FLOW.replace("tools.yaml", ""))
    assert run("check", str(shop / "flows/hello.flow.yaml")) == 2
    assert "that is no file" in capsys.readouterr().out


@pytest.mark.parametrize("marker", [".mcp.json", "mcp.lock.json", "pyproject.toml", "workers"])
def test_the_nearest_directory_with_a_mark_of_a_project_is_its_root(
    tmp_path: Path, marker: str
) -> None:
    flow = tmp_path / "shop/a/b/hello.flow.yaml"
    flow.parent.mkdir(parents=True)
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "shop" / marker).touch()
    assert project_of(flow) == tmp_path / "shop"


def test_without_one_it_is_the_current_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert project_of(Path("flows/hello.flow.yaml")) == tmp_path


LOOKS = [
    ("queues",),
    ("calls", "list"),
    ("workers", "list"),
    ("approvals", "list"),
    ("dead", "list"),
    ("signal", "s0", "news"),
    ("record", "s0"),
]


@pytest.mark.parametrize("words", LOOKS, ids=lambda words: words[0])
def test_looking_into_redis_starts_none(
    run: Run, shop: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    before = {*shop.rglob("*")}
    with contextlib.chdir(shop / "flows"):
        assert run(*words) == 2
    why = f"no Redis of this project is there yet: nothing has run in {shop}"
    assert capsys.readouterr().err.endswith(f": {why}\n")
    assert {*shop.rglob("*")} == before


def test_where_there_is_no_project_what_was_looked_for_is_named(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "else").mkdir()
    with contextlib.chdir(tmp_path / "else"):
        assert run("queues") == 2
    told = capsys.readouterr().err
    assert told.startswith(f"error: {tmp_path}/else lies in no project: ")
    assert "flows, .mcp.json, mcp.lock.json, pyproject.toml, workers, .orchestrator;" in told
    assert [*(tmp_path / "else").iterdir()] == []


@pytest.mark.parametrize(
    ("made", "found"),
    [
        (["a/flows/b", "a/.orchestrator"], "a"),
        (["a/flows/b"], "a"),
        (["workers", "a/flows/b"], ""),
        ([".orchestrator", "a/flows/b", "a/workers"], "a"),
        (["a/workers", "a/flows/b", "a/flows/.orchestrator"], "a"),
    ],
)
def test_the_nearest_project_above_counts(tmp_path: Path, made: list[str], found: str) -> None:
    for directory in made:
        (tmp_path / directory).mkdir(parents=True, exist_ok=True)
    with contextlib.chdir(tmp_path / "a/flows/b"):
        assert project_here() == project_around() == tmp_path / found
    assert project_of(tmp_path / "a/flows/b/hello.flow.yaml") == tmp_path / found


def test_mcp_commands_climb_to_the_project_too(
    run: Run, shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with contextlib.chdir(shop / "flows"):
        assert run("mcp", "add", "menu", "--", "menu-server") == 0
        assert run("mcp", "list") == 0
    assert "menu  stdio  menu-server" in capsys.readouterr().out
    assert (shop / ".mcp.json").is_file()


ADVICE = "write them there, or name their file: orchestrator worker FILE"


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("worker", f"no handlers: there is no directory {{shop}}/workers; {ADVICE}"),
        ("mcp-host", "no MCP server is registered in {shop}/.mcp.json"),
    ],
)
def test_what_has_nothing_to_serve_says_so_of_the_project_and_leaves_nothing_behind(
    run: Run, shop: Path, capsys: pytest.CaptureFixture[str], command: str, why: str
) -> None:
    before = {*shop.rglob("*")}
    with contextlib.chdir(shop / "flows"):
        assert run(command) == 2
    assert capsys.readouterr().err == f"error: {why.format(shop=shop)}\n"
    assert {*shop.rglob("*")} == before
