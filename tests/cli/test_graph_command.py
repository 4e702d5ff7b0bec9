"""`orchestrator graph`, as typed."""

import sys
from pathlib import Path

import pytest

from orchestrator.cli.main import main

FLOW = """\
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


def graph(text: str, monkeypatch: pytest.MonkeyPatch, directory: Path) -> int | str | None:
    monkeypatch.chdir(directory)
    Path("hello.flow.yaml").write_text(text)
    monkeypatch.setattr(sys, "argv", ["orchestrator", "graph", "hello.flow.yaml"])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code


def test_a_flow_is_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert graph(FLOW, monkeypatch, tmp_path) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "flowchart TD"
    assert '  s_talk -->|"“The caller is done.”"| s_bye' in lines


def test_a_flow_with_errors_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert graph(FLOW.replace("goto: bye", "goto: by"), monkeypatch, tmp_path) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "hello.flow.yaml:10:55: error G001" in printed.err
