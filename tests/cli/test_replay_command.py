"""`orchestrator replay`, as typed: what is printed, how it ends."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest

from orchestrator import kept
from orchestrator.cli.flows import load
from orchestrator.cli.main import main
from orchestrator.flow.definition import Flow
from orchestrator.link import connect
from tests.journals.recorded import FLOW, HERE
from tests.redis_server import RedisServer

Replay = Callable[..., int]
Output = pytest.CaptureFixture[str]


@pytest.fixture
def replay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Replay:
    """Runs `orchestrator replay` in a project with a recorded flow and its trace; the exit code."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("REDIS_URL", raising=False)
    Path("flows").mkdir()
    shutil.copy(FLOW, "flows/restaurant.flow.yaml")
    shutil.copy(HERE / "mcp.lock.json", tmp_path)
    shutil.copy(HERE / "booked.jsonl", tmp_path)

    def orchestrator_replay(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["orchestrator", "replay", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        assert isinstance(ended.value.code, int)
        return ended.value.code

    return orchestrator_replay


def edited(name: str, old: str, new: str) -> str:
    text = FLOW.read_text()
    assert old in text
    Path(name).write_text(text.replace(old, new))
    return name


def test_a_file_that_is_no_trace_is_told_in_one_line(replay: Replay, capsys: Output) -> None:
    assert replay("flows/restaurant.flow.yaml") == 2
    why = "no trace: its first line is not a JSON object"
    assert capsys.readouterr().err == f"error: flows/restaurant.flow.yaml: {why}\n"


def test_each_event_is_shown_with_what_came_of_it(replay: Replay, capsys: Output) -> None:
    assert replay("booked.jsonl") == 0
    shown = capsys.readouterr().out
    assert "tool.asked  set_details\n         day = 2026-12-02\n" in shown
    assert "caller My number is •••.\n" in shown
    assert shown.endswith("answer.ended\n       ■ completed\n")


def test_a_flow_that_decides_the_same_ends_with_0(replay: Replay, capsys: Output) -> None:
    new = edited("new.flow.yaml", "limits: {", "# more\nlimits: {")
    assert replay("booked.jsonl", "--flow", new) == 0
    assert capsys.readouterr().out == "0 of 45 events are decided otherwise\n"


def test_each_difference_is_shown_with_both_places(replay: Replay, capsys: Output) -> None:
    new = edited("new.flow.yaml", "goal: Book ${party_size}", "goal: Now ${party_size}")
    assert replay("booked.jsonl", "--flow", new) == 1
    first, *_ = capsys.readouterr().out.split("\n  3")
    assert first.splitlines()[1:] == [
        "       flows/restaurant.flow.yaml:124  in confirm",
        "       new.flow.yaml:124  in confirm",
        "       - Speak goal: Book 4 people, Wednesday 2 December at half past seven, for Martin.",
        "       + Speak goal: Now 4 people, Wednesday 2 December at half past seven, for Martin.",
    ]


def test_where_the_flows_part_is_said_once(replay: Replay, capsys: Output) -> None:
    new = edited("new.flow.yaml", "party_size > 12", "party_size > 3")
    assert replay("booked.jsonl", "--flow", new, "--old", str(FLOW)) == 1
    shown = capsys.readouterr().out
    assert '+ state.entered state "transfer"  by "if"\n' in shown
    assert shown.count("here they part") == 1


def test_a_flow_that_has_changed_is_not_taken_for_the_recorded_one(
    replay: Replay, capsys: Output
) -> None:
    edited("flows/restaurant.flow.yaml", "Chez Ana, hello", "Chez Ana, good day")
    assert replay("booked.jsonl") == 2
    why, what_to_type = capsys.readouterr().err.splitlines()
    assert why.startswith("error: flows/restaurant.flow.yaml: recorded with restaurant 1.4.0 (")
    assert "--old FILE" in what_to_type and "--flow FILE" in what_to_type
    assert replay("booked.jsonl", "--old", "flows/restaurant.flow.yaml") == 2
    assert "--old" not in capsys.readouterr().err


@pytest.mark.parametrize("gone", [False, True])
def test_the_recorded_flow_is_taken_from_redis_where_its_file_is_another_now(
    replay: Replay,
    capsys: Output,
    shared_redis: RedisServer,
    monkeypatch: pytest.MonkeyPatch,
    gone: bool,
) -> None:
    monkeypatch.setenv("REDIS_URL", shared_redis.url)
    recorded, _ = load(Path("flows/restaurant.flow.yaml"))
    anyio.run(keep, shared_redis.url, recorded)
    new = edited(
        "flows/restaurant.flow.yaml", "goal: Book ${party_size}", "goal: Now ${party_size}"
    )
    if gone:
        new = str(Path(new).rename("new.flow.yaml"))
    assert replay("booked.jsonl") == 0
    shown = capsys.readouterr()
    assert shown.out.endswith("answer.ended\n       ■ completed\n")
    assert shown.err.endswith("; taken as Redis keeps it\n")
    assert replay("booked.jsonl", "--flow", new) == 1
    assert "+ Speak goal: Now 4 people" in capsys.readouterr().out


async def keep(url: str, flow: Flow) -> None:
    async with connect(url) as link:
        await kept.keep(link, flow)


def test_a_redis_that_is_away_costs_the_recorded_flow_and_nothing_else(
    replay: Replay, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1")
    new = edited("flows/restaurant.flow.yaml", "Chez Ana, hello", "Chez Ana, good day")
    assert replay("booked.jsonl", "--flow", new) == 0
    assert "agent  Chez Ana, good day." in capsys.readouterr().out


def test_without_the_recorded_flow_a_named_one_is_replayed_and_not_compared(
    replay: Replay, capsys: Output
) -> None:
    new = edited("new.flow.yaml", "Chez Ana, hello", "Chez Ana, good day")
    Path("flows/restaurant.flow.yaml").unlink()
    assert replay("booked.jsonl", "--flow", new) == 0
    shown = capsys.readouterr()
    first, last = shown.err.splitlines()
    assert first.startswith("there is no flows/restaurant.flow.yaml; ")
    assert first.endswith("this is what new.flow.yaml decides, compared with nothing")
    assert last.startswith("nothing was compared: --old FILE names ")
    assert "agent  Chez Ana, good day." in shown.out


def test_what_is_no_trace_is_told_line_by_line(replay: Replay, capsys: Output) -> None:
    lines = Path("booked.jsonl").read_text().splitlines()
    Path("broken.jsonl").write_text("\n".join([lines[0], "{", lines[1], "[]"]))
    assert replay("broken.jsonl") == 2
    assert capsys.readouterr().err == (
        "error: broken.jsonl:2: not a JSON object\nbroken.jsonl:4: not a JSON object\n"
    )
    Path("empty.jsonl").write_text("")
    assert replay("empty.jsonl") == 2
