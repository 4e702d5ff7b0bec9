"""Conversations that are typed, piped or read from a file, and shown as text."""

import pytest

from tests.interaction.project import Project

pytestmark = [pytest.mark.processes, pytest.mark.timeout(120)]

FLOW = "flows/restaurant.flow.yaml"
QUICK = ("--no-worker", "--no-mcp-host")
TURNS = "Hello.\n\n  I'd like to book a table for two.  "
SHOWN = [
    "       → welcome  (start)",
    "agent  Chez Ana, hello. How can I help?",
    "caller Hello.",
    "agent  Hello! How can I help?",
    "caller I'd like to book a table for two.",
    "       → details  (intent:book)",
    "         party_size = 2",
    "agent  Could you tell me the day of the booking and the arrival time?",
    "       ■ hangup",
]


def conversation(shown: str) -> list[str]:
    """The lines after those that say what is in use, without what is told beside them."""
    realtime, redis, session, *lines = shown.splitlines()
    assert realtime.startswith("       Realtime: local emulator, model gpt-realtime")
    assert redis.startswith("       Redis: embedded Valkey")
    assert session.startswith("       Session: s")
    return [line for line in lines if "nobody serves" not in line]


def test_piped_lines_are_turns_and_their_end_hangs_up(project: Project) -> None:
    told = project.command("run", FLOW, *QUICK, typed=TURNS)
    assert (told.returncode, told.stderr) == (3, "")
    assert conversation(told.stdout) == SHOWN


def test_a_file_is_read_as_a_pipe_is(project: Project) -> None:
    (project.directory / "turns").write_text(TURNS)
    told = project.command("run", FLOW, *QUICK, redirect="< turns")
    assert (told.returncode, told.stderr) == (3, "")
    assert conversation(told.stdout) == SHOWN


@pytest.mark.parametrize("redirect", ["< /dev/null", "<&-"])
def test_without_input_the_agent_greets_and_the_caller_is_gone(
    project: Project, redirect: str
) -> None:
    told = project.command("run", FLOW, *QUICK, redirect=redirect)
    assert (told.returncode, told.stderr) == (3, "")
    assert conversation(told.stdout) == [*SHOWN[:2], SHOWN[-1]]


def test_with_json_the_events_are_alone_on_standard_output(project: Project) -> None:
    told = project.say("Hello.", options=QUICK)
    assert [event["event"] for event in told.events] == [
        "session.started",
        "state.entered",
        "agent.said",
        "caller.said",
        "answer.asked",
        "agent.said",
        "answer.ended",
        "session.ended",
    ]
    assert "Realtime: local emulator" in told.errors


def test_a_terminal_has_colors_unless_they_are_not_wanted(project: Project) -> None:
    colored = project.screen("run", FLOW, *QUICK, NO_COLOR="")
    assert "\x1b[36m\x1b[1magent \x1b[0m" in colored
    assert "\x1b" not in project.screen("run", FLOW, *QUICK, NO_COLOR="1")


def test_who_sits_at_a_terminal_is_told_to_type(project: Project) -> None:
    with project.talk(*QUICK) as talk:
        talk.until("agent.said")
        talk.hang_up()
        talk.finish()
    assert "Ctrl-D hangs up" in talk.errors
    assert "Ctrl-D" not in project.say(options=QUICK).errors
