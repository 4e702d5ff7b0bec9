"""`orchestrator explain`, as typed."""

import sys
from collections.abc import Callable

import pytest

from orchestrator.cli.main import main

Run = Callable[..., int]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    def orchestrator_explain(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["orchestrator", "explain", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        assert isinstance(ended.value.code, int)
        return ended.value.code

    return orchestrator_explain


def test_a_code_is_explained_in_either_case(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("x001") == 0
    said = capsys.readouterr().out
    assert said.startswith("X001: Not supported yet (error)\n\nThe language has this")
    assert "\n\nWrong:\n\n  talk:\n" in said
    assert "\n\nRight:\n\n  talk:\n" in said


def test_without_a_code_each_has_a_line(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run() == 0
    lines = capsys.readouterr().out.splitlines()
    assert "T012  warning  A tool without a description" in lines
    assert all(len(line) <= 80 for line in lines)


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        ("G0003", "did you mean 'G003'?"),
        ("teapot", "`orchestrator explain` lists them all"),
    ],
)
def test_an_unknown_code_is_a_mistake(
    run: Run, capsys: pytest.CaptureFixture[str], code: str, hint: str
) -> None:
    assert run(code) == 2
    assert capsys.readouterr().err == f"error: there is no code {code.upper()} [{hint}]\n"
