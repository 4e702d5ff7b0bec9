from pathlib import Path

import pytest

from orchestrator import Context
from workers.minutes import Summary, find_action, store_line, summarise


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKERS_DATA", str(tmp_path))


def meeting(session: str = "s1") -> Context:
    return Context(key=f"{session}.line", session=session)


def test_a_line_that_is_told_twice_stands_once() -> None:
    for _ in range(2):
        store_line(meeting(), "We will ship on Friday.", "line_1")
    assert summarise(meeting(), 1) == Summary(1, ["We will ship on Friday."])


def test_a_summary_names_what_is_to_be_done_in_the_order_of_the_lines() -> None:
    lines = ["Good morning.", "Ana will call the bank.", "It rained.", "I'll book the room."]
    for number, line in enumerate(lines):
        store_line(meeting(), line, f"line_{number}")
    assert summarise(meeting(), 4) == Summary(4, ["Ana will call the bank.", "I'll book the room."])


def test_meetings_are_apart() -> None:
    store_line(meeting("s1"), "One.", "line_1")
    store_line(meeting("s2"), "Two.", "line_1")
    assert summarise(meeting("s2"), 1) == Summary(1, [])


@pytest.mark.parametrize(
    ("line", "action"),
    [
        ("Paul will send the file.", True),
        ("It has been a long day.", False),
        ("We have to pay.", True),
    ],
)
def test_a_promise_is_an_action_item(line: str, action: bool) -> None:
    assert find_action(line).action is action
