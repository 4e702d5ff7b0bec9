"""What callers do when things do not go as planned: take another time, correct, hang up."""

import sqlite3
from contextlib import closing

import pytest

from tests.interaction.project import DAY, SPOKEN_DAY, Booked, Project

pytestmark = [pytest.mark.processes, pytest.mark.timeout(120)]

WISH = f"I'd like to book a table for four on {SPOKEN_DAY} at half past seven for Martin."
PHONE = "My number is +33 6 12 34 56 78."
HALF_PAST_SEVEN = 19 * 60 + 30


def fill_the_house(project: Project, start: int) -> None:
    """Somebody sits at every table from then on, for two hours."""
    project.bookings.parent.mkdir(parents=True)
    with closing(sqlite3.connect(project.bookings)) as book, book:
        book.execute(
            "CREATE TABLE bookings (ref TEXT PRIMARY KEY, key TEXT NOT NULL UNIQUE, "
            'day TEXT NOT NULL, start INTEGER NOT NULL, "table" INTEGER NOT NULL, '
            "party_size INTEGER NOT NULL, guest TEXT NOT NULL, phone TEXT, "
            "cancelled INTEGER NOT NULL DEFAULT 0)"
        )
        book.executemany(
            "INSERT INTO bookings VALUES (?, ?, ?, ?, ?, 2, 'Somebody', NULL, 0)",
            [(f"AA0{n}", f"key {n}", DAY.isoformat(), start, n) for n in range(1, 10)],
        )


def test_a_full_hour_is_exchanged_for_a_free_one(project: Project) -> None:
    fill_the_house(project, HALF_PAST_SEVEN)
    told = project.say(
        WISH,
        PHONE,
        "Then half past five, please.",
        "Yes.",
        options=("--no-mcp-host",),
    )
    assert told.ended == "completed", told.said
    states = ["welcome", "details", "check", "alternatives", "check", "confirm", "goodbye"]
    assert told.path == states
    offered = told.named("value.set", name="offered")[0]["value"]
    assert offered == ["17:30", "17:00", "16:30", "16:00"]
    assert "half past five" in told.said or "17:30" in told.said
    assert project.booked()[9:] == [Booked("Martin", DAY.isoformat(), 17 * 60 + 30, 4)]


def test_a_correction_while_the_booking_is_written_undoes_it(project: Project) -> None:
    gate = project.gate("create_booking")
    with project.talk("--no-mcp-host") as talk:
        talk.take_turns(WISH, PHONE, "Yes, please.")
        with gate.held():
            talk.type("Wait, make it five.")
            talk.until("state.entered", state="check", by="intent:correct")
            talk.asked()
        undone = talk.until("call.undone")
        assert undone["by"] == "cancel_booking"
        talk.until("call.done", tool="cancel_booking")
        assert project.booked() == []
        talk.type("Yes, that's right.")
        gate.open()
        assert talk.finish() == 0
    assert talk.ended == "completed", talk.said
    assert project.booked() == [Booked("Martin", DAY.isoformat(), HALF_PAST_SEVEN, 5)]


def test_a_booking_is_kept_when_the_caller_hangs_up_while_it_is_written(project: Project) -> None:
    gate = project.gate("create_booking")
    with project.talk("--no-mcp-host") as talk:
        talk.take_turns(WISH, PHONE, "Yes, please.")
        with gate.held():
            talk.hang_up()
            talk.until("session.ended", reason="hangup")
        talk.until("call.done", tool="create_booking")
        assert talk.finish() == 3
    assert project.booked() == [Booked("Martin", DAY.isoformat(), HALF_PAST_SEVEN, 4)]
