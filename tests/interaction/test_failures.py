"""What a caller meets when a part of the system is not there, or dies."""

import pytest

from tests.interaction.project import DAY, SPOKEN_DAY, Booked, Project

pytestmark = [pytest.mark.processes, pytest.mark.timeout(120)]

WISH = f"I'd like to book a table for four on {SPOKEN_DAY} at half past seven for Martin."
PHONE = "My number is +33 6 12 34 56 78."
DIE_ONCE = """
def die_once() -> None:
    if not Path("died").exists():
        Path("died").touch()
        os._exit(1)


"""
SORRY = "I'll put you through to a colleague."


def test_without_a_worker_the_call_is_tried_again_and_then_handed_to_a_person(
    project: Project,
) -> None:
    project.time_for("check_availability", limit="200ms")
    project.edit_flow(("backoff: 200ms", "backoff: 50ms"))
    told = project.say(WISH, PHONE, options=("--no-worker", "--no-mcp-host"))
    assert [event["code"] for event in told.named("call.retrying")] == ["timeout", "timeout"]
    [failed] = told.named("call.failed")
    assert (failed["tool"], failed["attempt"], failed["code"]) == (
        "check_availability",
        3,
        "timeout",
    )
    assert not told.named("call.late")
    assert told.path == ["welcome", "details", "check", "transfer"]
    assert told.said.endswith(SORRY)
    assert (told.ended, told.status) == ("transferred", 0)


def test_another_worker_takes_up_what_a_killed_one_left(project: Project) -> None:
    project.time_for("create_booking", limit="2s")
    project.edit_flow(
        ("retry: {max: 3, backoff: 500ms", "retry: {max: 20, factor: 1, backoff: 50ms")
    )
    gate = project.gate("create_booking")
    with project.talk("--no-mcp-host", "--no-worker") as talk, project.part("worker") as worker:
        talk.take_turns(WISH, PHONE, "Yes.")
        with gate.held():
            worker.kill()
        talk.until("call.retrying", tool="create_booking", code="timeout")
        with project.part("worker"):
            gate.open()
            talk.until("call.done", tool="create_booking")
            assert talk.finish() == 0
    assert talk.ended == "completed"
    assert project.booked() == [Booked("Martin", DAY.isoformat(), 19 * 60 + 30, 4)]


def test_the_conversation_goes_on_when_an_mcp_server_dies_in_a_call(project: Project) -> None:
    project.edit(
        "mcp_servers/menu.py",
        ("import argparse\n", "import argparse\nimport os\nfrom pathlib import Path\n"),
        ("    words = plain(query)", "    die_once()\n    words = plain(query)"),
        ("def main()", f"{DIE_ONCE}def main()"),
    )
    told = project.say(
        "Do you have anything vegetarian?",
        "What desserts do you have?",
        options=("--no-worker",),
    )
    [failed] = told.named("call.failed")
    assert failed["code"] == "unavailable"
    [done] = told.named("call.done")
    assert done["tool"] == "menu.search_dishes"
    _, sorry, desserts = (event["text"] for event in told.named("agent.said"))
    assert sorry.startswith("Sorry")
    assert "Tarte Tatin" in desserts
    assert (told.path, told.status) == (["welcome"], 3)
