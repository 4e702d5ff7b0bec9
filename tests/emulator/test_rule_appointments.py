"""Whole conversations about an appointment: yes and no, a day and time in one
value; and the shortest talk of all.
"""

import pytest

from tests.emulator.talk import State, Talk


def reminder(at: str = "who") -> Talk:
    return Talk(
        states={
            "who": State(
                say="Hello, this is the Duval practice. Am I speaking with Ana Lopez?",
                gos={
                    "is_patient": ("Yes, it is the patient.", "ask"),
                    "not_patient": ("Wrong person, or the patient is not there.", "bye"),
                },
            ),
            "ask": State(
                goal="The appointment is Tuesday 24 November at 10:00. Ask whether they can come. "
                "They may also press 1 to confirm or 2 to cancel.",
                gos={
                    "confirms": ("They confirm.", "bye"),
                    "cancels": ("They cannot come.", "bye"),
                    "moves": ("They want another time.", "move"),
                },
            ),
            "move": State(
                goal="Ask for the new day and time. Do not promise it; the practice will confirm "
                "by text.",
                collect=("new_slot",),
            ),
            "bye": State(goal="Thank them and say goodbye.", end=True),
        },
        schemas={
            "new_slot": {
                "type": "string",
                "format": "date-time",
                "description": "New appointment time",
            }
        },
        at=at,
        collected=lambda talk: "bye",
    )


def hello() -> Talk:
    return Talk(
        states={
            "talk": State(
                goal="Greet the caller, answer questions about our opening hours (noon to eleven).",
                gos={"done": ("The caller is done.", "bye")},
            ),
            "bye": State(say="Goodbye.", end=True),
        },
        schemas={},
        at="talk",
    )


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("yes", "go_is_patient"),
        ("speaking", "go_is_patient"),
        ("that's me", "go_is_patient"),
        ("no, wrong number", "go_not_patient"),
        ("she's not here", "go_not_patient"),
        ("no, I'm her husband", "go_not_patient"),
    ],
)
def test_the_patient_is_told_from_others(words: str, name: str) -> None:
    talk = reminder()
    talk.hear(words)
    assert talk.calls == [name]


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("yes I can", "go_confirms"),
        ("I'll be there", "go_confirms"),
        ("absolutely", "go_confirms"),
        ("no I can't come", "go_cancels"),
        ("sorry, I can't make it", "go_cancels"),
        ("could we move it to another day?", "go_moves"),
        ("can I reschedule?", "go_moves"),
        ("I need a different time", "go_moves"),
    ],
)
def test_an_appointment_is_confirmed_cancelled_or_moved(words: str, name: str) -> None:
    talk = reminder()
    assert "Tuesday 24 November at 10:00. Can you come?" in talk.hear("yes")
    talk.hear(words)
    assert talk.calls[-1] == name


@pytest.mark.parametrize(
    ("turns", "slot"),
    [
        (["Thursday at ten"], "2026-11-26T10:00:00+01:00"),
        (["Thursday", "at ten"], "2026-11-26T10:00:00+01:00"),
        (["the 3rd of December at 2pm"], "2026-12-03T14:00:00+01:00"),
        (["how about Friday", "half past three"], "2026-11-27T15:30:00+01:00"),
    ],
)
def test_a_day_and_its_time_are_one_value(turns: list[str], slot: str) -> None:
    talk = reminder("move")
    for words in turns:
        talk.hear(words)
    assert talk.log == [("set_move", {"new_slot": slot})]


def test_ten_lines_are_a_conversation() -> None:
    talk = hello()
    assert talk.hear("hello") == "Hello! How can I help?"
    assert talk.hear("when are you open?").startswith("Our opening hours: noon to eleven.")
    assert talk.hear("that's all, thank you") == "Goodbye."
