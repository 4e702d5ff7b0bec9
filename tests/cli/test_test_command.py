"""`orchestrator test`, as typed: what is played, what is printed, how it ends."""

import json
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator.cli.main import main

ROOT = Path(__file__).parents[2]
HELLO = """\
dsl: 1
flow: hello
version: "1.0.0"
start: talk
session: {channel: text}
states:
  talk:
    goal: Greet the caller.
    next:
      - {intent: The caller is done., id: done, goto: bye}
      - {intent: The caller is angry., id: angry, goto: sorry}
  sorry:
    do:
      - say: I am sorry.
    next:
      - {goto: bye}
  bye: {end: {reason: completed}}
"""
TESTS = """\
dsl: 1
tests: hello.flow.yaml
cases:
  - case: says goodbye
    turns:
      - {caller: Bye., model: [{call: go_done}], expect: {ended: completed}}
"""
WRONG = """\
  - case: never says sorry
    turns:
      - {caller: Hmpf!, model: [[{say: Oh.}, {call: go_angry}]], expect: {state: talk, said: Sorry}}
"""
LIVE = """\
  - {case: is polite, live: true, persona: You are angry., expect: {judge: [Is polite.]}}
"""

Run = Callable[..., int]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `orchestrator test` in a project with a flow and its tests; the exit code."""
    monkeypatch.chdir(tmp_path)
    Path("hello.flow.yaml").write_text(HELLO)
    Path("hello.test.yaml").write_text(TESTS)

    def orchestrator_test(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["orchestrator", "test", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        assert isinstance(ended.value.code, int)
        return ended.value.code

    return orchestrator_test


Output = pytest.CaptureFixture[str]


def records(output: Output) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.readouterr().out.splitlines()]


def test_tests_that_pass_are_named(run: Run, capsys: Output) -> None:
    assert run("hello.flow.yaml") == 0
    assert capsys.readouterr().out == "hello.test.yaml\n  ✓ says goodbye\n\n1 passed, 0 failed\n"


def test_tests_beside_a_flow_that_name_one_that_is_not_there_say_so(
    run: Run, capsys: Output
) -> None:
    Path("hello.test.yaml").write_text(TESTS.replace("hello.flow.yaml", "helo.flow.yaml"))
    assert run("hello.flow.yaml") == 2
    assert "error S001: there is no file 'helo.flow.yaml'" in capsys.readouterr().err


def test_a_test_that_fails_tells_where_why_and_what_happened(run: Run, capsys: Output) -> None:
    Path("hello.test.yaml").write_text(TESTS + WRONG)
    assert run("hello.test.yaml") == 1
    expected = """\
hello.test.yaml
  ✓ says goodbye
  ✗ never says sorry

    hello.test.yaml:9:75: state
      expected  talk
      found     bye

    hello.test.yaml:9:94: said
      expected  'Sorry'
      found     'Oh.', 'I am sorry.'

    What happened until then:

       → talk  (start)
agent  …
caller Hmpf!
agent  Oh.
       model calls go_angry {}
       → sorry  (intent:angry)
agent  I am sorry.
       → bye  (otherwise)
       ■ completed


1 passed, 1 failed
"""
    assert capsys.readouterr().out == expected


def test_a_live_case_is_reported_and_counts_as_no_failure(run: Run, capsys: Output) -> None:
    Path("hello.test.yaml").write_text(TESTS + LIVE)
    assert run(".") == 0
    printed = capsys.readouterr().out
    assert "  - is polite  (not run: live)\n" in printed
    assert printed.endswith("\n1 passed, 0 failed, 1 not run\n")


def test_coverage_names_what_no_case_took(run: Run, capsys: Output) -> None:
    assert run(".", "--coverage") == 0
    assert capsys.readouterr().out.splitlines()[3:] == [
        "never taken in hello.flow.yaml:",
        "  hello.flow.yaml:11:9: edge talk → sorry (intent angry)",
        "  hello.flow.yaml:12:3: state sorry",
        "  hello.flow.yaml:16:9: edge sorry → bye (otherwise)",
        "",
        "1 passed, 0 failed",
    ]


def test_coverage_counts_all_files_of_a_flow_together(run: Run, capsys: Output) -> None:
    head = TESTS.partition("  - case")[0]
    Path("angry.test.yaml").write_text(head + WRONG.replace("state: talk, said: Sorry", ""))
    assert run("hello.flow.yaml", "--coverage") == 0
    assert "every state and edge of hello.flow.yaml was taken\n" in capsys.readouterr().out


@pytest.mark.parametrize(("least", "status"), [("50", 0), ("50.1", 1)])
def test_too_little_coverage_fails_where_that_is_asked_for(
    run: Run, capsys: Output, least: str, status: int
) -> None:
    assert run(".", "--fail-under", least) == status
    told = capsys.readouterr()
    assert "never taken in hello.flow.yaml:\n" in told.out
    under = "50.0 % of states and edges were taken, under 50.1 %\n"
    assert told.err == (under if status else "")


def test_every_result_is_one_json_line(run: Run, capsys: Output) -> None:
    Path("hello.test.yaml").write_text(TESTS + WRONG + LIVE)
    assert run(".", "--json", "--coverage") == 1
    passed, failed, live, coverage, summary = records(capsys)
    assert passed == {
        "event": "case",
        "file": "hello.test.yaml",
        "line": 4,
        "column": 5,
        "case": "says goodbye",
        "outcome": "passed",
        "failures": [],
        "story": [],
    }
    place = {"file": "hello.test.yaml", "line": 9, "column": 75}
    assert failed["failures"][0] == {**place, "what": "state", "expected": "talk", "found": "bye"}
    assert failed["story"][-1]["event"] == "session.ended"
    assert live["outcome"] == "not_run"
    assert coverage == {"event": "coverage", "flow": "hello.flow.yaml", "known": 6, "untaken": []}
    assert summary == {"event": "summary", "passed": 1, "failed": 1, "not_run": 1}


def test_cases_are_chosen_by_their_names(run: Run, capsys: Output) -> None:
    Path("hello.test.yaml").write_text(TESTS + WRONG)
    assert run(".", "-k", "GOODBYE") == 0
    assert capsys.readouterr().out.endswith("\n1 passed, 0 failed\n")
    assert run(".", "-k", "hello?") == 2
    assert "no case has 'hello?' in its name" in capsys.readouterr().err


def test_a_directory_stands_for_all_below_it_but_what_is_hidden(run: Run, capsys: Output) -> None:
    for folder in ("flows/deep", ".hidden"):
        Path(folder).mkdir(parents=True)
        for file in ("hello.flow.yaml", "hello.test.yaml"):
            shutil.copy(file, folder)
    assert run(".") == 0
    printed = capsys.readouterr().out
    assert printed.count("✓") == 2
    assert "flows/deep/hello.test.yaml" in printed


def test_the_same_tests_are_played_once(run: Run, capsys: Output) -> None:
    assert run("hello.flow.yaml", "hello.test.yaml", ".") == 0
    assert capsys.readouterr().out.endswith("\n1 passed, 0 failed\n")


def test_the_problems_of_all_files_are_told_and_nothing_is_played(run: Run, capsys: Output) -> None:
    Path("hello.flow.yaml").write_text(HELLO.replace("goto: sorry", "goto: sory"))
    Path("hello.test.yaml").write_text(TESTS.replace("caller", "coller"))
    Path("lost.test.yaml").write_text(TESTS.replace("hello.flow", "lost.flow"))
    assert run(".") == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    told = printed.err.splitlines()
    assert "hello.flow.yaml:11:57: error G001: no state 'sory' [did you mean 'sorry'?]" in told
    assert "hello.test.yaml:6:10: error S010: unknown key 'coller' [did you mean 'caller'?]" in told
    assert "lost.test.yaml:2:8: error S001: there is no file 'lost.flow.yaml'" in told


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("lost.flow.yaml", "lost.flow.yaml: there is no such file"),
        ("lost.test.yaml", "lost.test.yaml: there is no such file"),
        ("empty", "empty: no tests; they stand in files named *.test.yaml"),
    ],
)
def test_where_nothing_is_the_command_says_so(
    run: Run, capsys: Output, path: str, problem: str
) -> None:
    Path("empty").mkdir()
    assert run(path) == 2
    assert problem in capsys.readouterr().err


def test_this_repositorys_own_tests_pass_and_leave_nothing_out(
    run: Run, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    assert run("flows", "--coverage", "--json") == 0
    told = records(capsys)
    coverage = [record for record in told if record["event"] == "coverage"]
    assert {record["flow"] for record in coverage} >= {"flows/restaurant.flow.yaml"}
    assert not [way for record in coverage for way in record["untaken"]]
    assert told[-1]["passed"] > 0


def test_the_examples_of_the_guide_pass(
    run: Run, capsys: Output, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    guide = (ROOT / "docs/testing-flows.md").read_text()
    first, second, live = re.findall(r"```yaml\n(.*?)```", guide, re.DOTALL)
    Path("hello.test.yaml").write_text(first)
    Path("restaurant.test.yaml").write_text(second)
    Path("live.test.yaml").write_text(live)
    for name in ("flows/restaurant.flow.yaml", "mcp.lock.json"):
        shutil.copy(ROOT / name, tmp_path)
    assert run("hello.flow.yaml") == 0
    assert capsys.readouterr().out in guide
    assert run("restaurant.flow.yaml") == 0
    assert capsys.readouterr().out.endswith("1 passed, 0 failed, 1 not run\n")


def test_live_cases_need_a_model(run: Run, capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("ORCHESTRATOR_URL", raising=False)
    Path("hello.test.yaml").write_text(TESTS + LIVE)
    assert run(".", "--live") == 2
    assert "OPENAI_API_KEY" in capsys.readouterr().err


def test_a_live_case_whose_service_is_not_there_fails(run: Run, capsys: Output) -> None:
    Path("hello.test.yaml").write_text(TESTS + LIVE)
    assert run(".", "--live", "--url", "ws://127.0.0.1:9/v1/realtime") == 1
    assert capsys.readouterr().out.endswith("\n1 passed, 1 failed\n")
