"""Whole conversations through real processes: Redis, emulator, worker, MCP host, session."""

import pytest

from tests.interaction.project import DAY, SPOKEN_DAY, Booked, Project

pytestmark = [pytest.mark.processes, pytest.mark.timeout(120)]

PHONE = "My number is +33 6 12 34 56 78."


def test_a_table_is_booked(project: Project) -> None:
    told = project.say(
        "Good evening, I'd like to book a table.",
        "We are four.",
        f"On {SPOKEN_DAY}, please.",
        "At half past seven.",
        "The name is Martin.",
        PHONE,
        "Yes, please.",
    )
    assert (told.ended, told.status) == ("completed", 0), told.said
    assert told.path == ["welcome", "details", "check", "confirm", "goodbye"]
    assert project.booked() == [Booked("Martin", DAY.isoformat(), 19 * 60 + 30, 4)]
    assert "Your reference is" in told.said


def test_several_values_in_one_sentence_are_all_taken(project: Project) -> None:
    told = project.say(
        f"Hello, a table for two on {SPOKEN_DAY} at eight in the evening, name of Ana Lopez.",
        PHONE,
        "Yes.",
    )
    assert told.ended == "completed", told.said
    assert project.booked() == [Booked("Ana Lopez", DAY.isoformat(), 20 * 60, 2)]


def test_a_correction_in_the_middle_counts(project: Project) -> None:
    told = project.say(
        f"I want to book a table for four on {SPOKEN_DAY} at half past seven for Martin.",
        PHONE,
        "No, make it five people.",
        "Yes, that's right.",
    )
    assert told.ended == "completed", told.said
    assert project.booked() == [Booked("Martin", DAY.isoformat(), 19 * 60 + 30, 5)]


def test_a_menu_question_goes_through_the_mcp_host(project: Project) -> None:
    told = project.say("Do you have anything vegetarian?")
    [asked] = told.named("call.dispatched", tool="menu.search_dishes")
    assert asked["queue"] == "mcp.menu"
    assert told.named("call.done", tool="menu.search_dishes")
    assert told.status == 3


def test_a_caller_who_hangs_up_ends_the_session(project: Project) -> None:
    told = project.say("I'd like to book a table.", "For two.")
    assert (told.ended, told.status) == ("hangup", 3)


def test_personal_data_is_masked_in_what_is_printed(project: Project) -> None:
    told = project.say("I'd like to book a table for two.", PHONE)
    assert "33 6 12 34" not in str(told.events)
    assert "33612345678" not in str(told.events)
    assert told.values["phone"] == "•••"


def test_a_talk_in_one_process_needs_no_redis_and_leaves_none_behind(project: Project) -> None:
    told = project.say(
        f"A table for two on {SPOKEN_DAY} at eight in the evening, name of Ana Lopez.",
        PHONE,
        "Yes.",
        options=("--in-process",),
        REDIS_URL="redis://127.0.0.1:1",
    )
    assert told.ended == "completed", told.said
    assert project.booked() == [Booked("Ana Lopez", DAY.isoformat(), 20 * 60, 2)]
    assert not (project.directory / ".orchestrator/redis").exists()


def test_a_queue_that_no_handler_serves_is_named_before_the_first_turn(project: Project) -> None:
    project.edit("workers/booking.py", ('@handler(queue="booking")', '@handler(queue="book")'))
    told = project.say("Goodbye.")
    assert "nobody serves the queue booking just now (served: book, " in told.errors


def test_what_one_process_cannot_serve_fails_at_once(project: Project) -> None:
    told = project.say("Do you have anything vegetarian?", options=("--in-process",))
    assert told.named("call.failed", tool="menu.search_dishes", code="unavailable")
