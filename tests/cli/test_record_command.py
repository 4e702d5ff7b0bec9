"""`orchestrator record`, as typed: its tests pass, and are those that it prints."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.cli.main import main
from tests.journals.recorded import FLOW, HERE
from tests.redis_server import RedisServer

Orchestrator = Callable[..., int]
Output = pytest.CaptureFixture[str]


@pytest.fixture
def orchestrator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Orchestrator:
    """Runs a command where the recorded flow and its traces are; the exit code."""
    monkeypatch.chdir(tmp_path)
    Path("flows").mkdir()
    shutil.copy(FLOW, "flows/restaurant.flow.yaml")
    for file in (HERE / "mcp.lock.json", *HERE.glob("*.jsonl")):
        shutil.copy(file, tmp_path)

    def run(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["orchestrator", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        assert isinstance(ended.value.code, int)
        return ended.value.code

    return run


@pytest.mark.parametrize("name", ["booked", "corrected", "transferred"])
def test_a_recorded_session_is_a_test_that_passes(
    orchestrator: Orchestrator, capsys: Output, name: str
) -> None:
    assert orchestrator("record", f"{name}.jsonl") == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    Path(f"flows/{name}.test.yaml").write_text(printed.out)
    assert orchestrator("test", f"flows/{name}.test.yaml") == 0
    assert capsys.readouterr().out.endswith("1 passed, 0 failed\n")


def test_the_flow_may_be_named_and_has_to_be_the_recorded_one(
    orchestrator: Orchestrator, capsys: Output
) -> None:
    Path("flows/restaurant.flow.yaml").rename("old.flow.yaml")
    assert orchestrator("record", "booked.jsonl", "--flow", "old.flow.yaml") == 0
    assert capsys.readouterr().out.startswith('dsl: 1\ntests: "old.flow.yaml"\ncases:\n')
    Path("old.flow.yaml").write_text(FLOW.read_text() + "# more\n")
    assert orchestrator("record", "booked.jsonl", "--flow", "old.flow.yaml") == 2
    assert "recorded with restaurant 1.4.0" in capsys.readouterr().err


def test_what_is_neither_a_file_nor_a_session_is_told(
    orchestrator: Orchestrator,
    capsys: Output,
    shared_redis: RedisServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("REDIS_URL", shared_redis.url)
    assert orchestrator("record", "nothing.jsonl") == 2
    assert "nothing.jsonl: neither a file nor a session" in capsys.readouterr().err
