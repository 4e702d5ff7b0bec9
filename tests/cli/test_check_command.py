"""`orchestrator check`, as typed: what is checked, what is printed, how it ends."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from orchestrator.cli import problems
from orchestrator.cli.main import main
from orchestrator.errors import Problem
from tests.processes import running

ROOT = Path(__file__).parents[2]
GOOD = """\
dsl: 1
flow: hello
version: "1.0.0"
session: {mode: text}
start: talk
states:
  talk:
    goal: Greet the caller.
    next:
      - {intent: The caller is done., id: done, goto: bye}
  bye: {end: {reason: completed}}
"""
BAD = GOOD.replace("goto: bye", "goto: by")
DOUBTFUL = GOOD.replace("session: {mode: text}\n", "")
DOUBT = "a voice flow should have on_error: what to do when something fails"

Run = Callable[..., int]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `orchestrator check` in a directory with some flows; the exit code."""
    monkeypatch.chdir(tmp_path)
    Path("flows/.old").mkdir(parents=True)
    for name, text in {"good": GOOD, "bad": BAD, ".old/bad": BAD, "doubtful": DOUBTFUL}.items():
        Path(f"flows/{name}.flow.yaml").write_text(text)

    def orchestrator_check(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["orchestrator", "check", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        assert isinstance(ended.value.code, int)
        return ended.value.code

    return orchestrator_check


def test_the_cost_of_both_ways_of_prompting_is_estimated_with_what_was_assumed(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--cost", "flows/good.flow.yaml") == 0
    _, head, per_state, stable, assumed = capsys.readouterr().out.splitlines()
    assert "estimated; gpt-realtime-2.1, prices of November 2026" in head
    assert per_state.startswith("  prompting: per_state  $0.")
    assert stable.startswith("  prompting: stable     $0.")
    assert "four characters a token" in assumed


def test_a_flow_without_problems_is_told_of_in_one_line(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("flows/good.flow.yaml") == 0
    assert capsys.readouterr().out == "1 flow, no problems\n"


def test_a_directory_is_every_flow_below_it_but_hidden_ones(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("flows", "flows/bad.flow.yaml") == 2
    assert capsys.readouterr().out.splitlines() == [
        "flows/bad.flow.yaml:10:55: error G001: no state 'by' [did you mean 'bye'?]",
        f"flows/doubtful.flow.yaml:2:1: warning G020: {DOUBT}",
        "2 problems in 3 flows",
    ]


@pytest.mark.parametrize("trouble", [FileNotFoundError, PermissionError])
def test_a_directory_that_vanishes_or_cannot_be_read_is_passed_over(
    run: Run,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    trouble: type[OSError],
) -> None:
    Path("flows/gone").mkdir()
    Path("flows/good.flow.yaml").rename("good.flow.yaml")
    scan = os.scandir

    def scandir(path: str) -> Any:
        if Path(path).name == "gone":
            raise trouble(path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert run(".") == 2
    assert capsys.readouterr().out.endswith("\n2 problems in 3 flows\n")


def test_warnings_are_told_and_are_no_failure(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("flows/doubtful.flow.yaml") == 0
    assert capsys.readouterr().out.endswith("\n1 problem in 1 flow\n")


@pytest.mark.parametrize("path", ["flows/none.flow.yaml", "empty"])
def test_there_must_be_something_to_check(
    run: Run, capsys: pytest.CaptureFixture[str], path: str
) -> None:
    Path("empty").mkdir()
    assert run(path) == 2
    assert capsys.readouterr().err.startswith(f"error: {path}: ")


def test_programs_get_an_object_per_problem_and_nothing_else(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--format", "json", "flows/good.flow.yaml", "flows/bad.flow.yaml") == 2
    [line] = capsys.readouterr().out.splitlines()
    assert json.loads(line) == {
        "file": "flows/bad.flow.yaml",
        "line": 10,
        "column": 55,
        "code": "G001",
        "message": "no state 'by'",
        "hint": "did you mean 'bye'?",
        "level": "error",
    }


def test_github_gets_annotations(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--format", "github", "flows/bad.flow.yaml") == 2
    assert capsys.readouterr().out == (
        "::error file=flows/bad.flow.yaml,line=10,col=55,title=G001"
        "::no state 'by' [did you mean 'bye'?]\n"
    )


def test_an_annotation_cannot_be_broken_out_of() -> None:
    problem = Problem("a,b:c.yaml", 1, 2, "S001", "100%\n::error::x", level="warning")
    assert problems.FORMATS["github"](problem) == (
        "::warning file=a%2Cb%3Ac.yaml,line=1,col=2,title=S001::100%25%0A::error::x"
    )


def printed_on_a_terminal(directory: Path, **environ: str) -> bytes:
    ours, theirs = os.openpty()
    command = [sys.executable, "-m", "orchestrator", "check", "flows/bad.flow.yaml"]
    kept = {key: value for key, value in os.environ.items() if key != "NO_COLOR"}
    subprocess.run(
        command,
        cwd=directory,
        env={**kept, "PYTHONPATH": str(ROOT), **environ},
        stdout=theirs,
        check=False,
    )
    os.close(theirs)
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        return terminal.read(4096)


def test_colors_are_for_terminals_whose_users_want_them(run: Run, tmp_path: Path) -> None:
    assert b"\x1b[31merror G001:" in printed_on_a_terminal(tmp_path)
    assert b"\x1b" not in printed_on_a_terminal(tmp_path, NO_COLOR="1")


@contextmanager
def watching(directory: Path) -> Generator[subprocess.Popen[str]]:
    with running(
        [sys.executable, "-m", "orchestrator", "check", "--watch", "flows/good.flow.yaml"],
        cwd=directory,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        yield process


def test_what_is_watched_is_checked_after_each_change_until_ctrl_c(
    run: Run, tmp_path: Path
) -> None:
    flow = tmp_path / "flows/good.flow.yaml"
    with watching(tmp_path) as process:
        assert process.stdout
        assert process.stdout.readline() == "1 flow, no problems\n"
        flow.unlink()
        assert process.stdout.readline() == "flows/good.flow.yaml: there is no such file\n"
        flow.write_text(BAD)
        assert "G001" in process.stdout.readline()
        assert process.stdout.readline() == "1 problem in 1 flow\n"
        process.send_signal(signal.SIGINT)
        assert process.wait() == 130


def test_what_a_flow_includes_is_watched_with_it(run: Run, tmp_path: Path) -> None:
    flow, shared = tmp_path / "flows/good.flow.yaml", tmp_path / "flows/shared.yaml"
    flow.write_text(GOOD.replace("start: talk\n", "start: talk\nuse: [shared.yaml]\n"))
    shared.write_text("dsl: 1\n")
    with watching(tmp_path) as process:
        assert process.stdout
        assert process.stdout.readline() == "1 flow, no problems\n"
        shared.write_text("dsl: 1\nvras: {}\n")
        assert process.stdout.readline().startswith("flows/shared.yaml:2:1: error S010: ")
