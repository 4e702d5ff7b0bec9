"""However a conversation ends, nothing of it is left running."""

import socket

import pytest

from tests.interaction.project import DAY, SPOKEN_DAY, Booked, Project

pytestmark = [pytest.mark.processes, pytest.mark.timeout(120)]

WISH = f"I'd like to book a table for four on {SPOKEN_DAY} at half past seven for Martin."
PHONE = "My number is +33 6 12 34 56 78."
SHORT = """
dsl: 1
flow: short
version: "1"
title: Short
session: {mode: text}
LIMITS
start: a
states:
  a:
    do: [{say: Hello.}]
    END
"""
REDIS = {"redis_keeper", "valkey-server"}


def test_the_parts_end_before_the_command_does_and_redis_soon_after(project: Project) -> None:
    assert project.say("Hello.").status == 3
    assert project.parts() <= REDIS
    project.gone(10)


def test_everything_ends_with_a_killed_command(project: Project) -> None:
    with project.talk() as talk:
        talk.take_turns("Do you have anything vegetarian?")
        talk.until("call.done")
        assert project.parts() == {"emulator", "worker", "mcp-host", "menu.py", *REDIS}
        talk.process.kill()
    project.gone(10)


def test_ctrl_c_hangs_up_and_the_second_does_not_wait_for_kept_calls(project: Project) -> None:
    gate = project.gate("create_booking")
    with project.talk("--no-mcp-host", "--no-worker") as talk, project.part("worker"):
        talk.take_turns(WISH, PHONE, "Yes.")
        with gate.held():
            talk.interrupt()
            talk.until("session.ended", reason="interrupted")
            talk.interrupt()
            assert talk.finish() == 130
    assert not talk.named("call.done", tool="create_booking")
    assert "Traceback" not in talk.errors


def test_one_ctrl_c_lets_kept_calls_finish(project: Project) -> None:
    gate = project.gate("create_booking")
    with project.talk("--no-mcp-host") as talk:
        talk.take_turns(WISH, PHONE, "Yes.")
        with gate.held():
            talk.interrupt()
            talk.until("session.ended", reason="interrupted")
        assert talk.finish() == 130
    assert project.booked() == [Booked("Martin", DAY.isoformat(), 19 * 60 + 30, 4)]


def test_ctrl_c_while_the_service_does_not_answer(project: Project) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"ws://127.0.0.1:{silent.getsockname()[1]}"
        with project.talk("--url", address) as talk:
            connection, _ = silent.accept()
            with connection:
                talk.interrupt()
                assert talk.finish() == 130
    assert "Traceback" not in talk.errors


def test_the_reason_of_an_end_is_its_authors_and_the_exit_code_is_not(project: Project) -> None:
    text = SHORT.replace("LIMITS", "").replace("END", "end: {reason: hangup}")
    project.flow.write_text(text)
    told = project.say("Hello.")
    assert (told.ended, told.status) == ("hangup", 0)
    assert not told.named("caller.said")


def test_an_error_that_nothing_handles_is_a_failure(project: Project) -> None:
    end = "goal: Talk.\n    next: [{intent: The caller is done., id: done, goto: b}]\n"
    text = SHORT.replace("LIMITS", "limits: {turns: 1}").replace(
        "END", f"{end}  b: {{end: {{reason: completed}}}}"
    )
    project.flow.write_text(text)
    told = project.say("Hello.", "Hello?", "Are you there?")
    assert (told.status, [error["reason"] for error in told.named("error")]) == (1, ["limit.turns"])


def test_a_worker_is_started_for_a_flow_that_begins_with_a_call(project: Project) -> None:
    (project.directory / "workers/first.py").write_text(
        "from orchestrator import handler\n\n\n"
        '@handler(queue="first")\ndef look() -> str:\n    return "found"\n'
    )
    text = SHORT.replace("LIMITS", "tools: {look: {queue: first, describe: Look., safe: true}}")
    text = text.replace("{say: Hello.}", "{tool: look}").replace(
        "END",
        "next: [{event: tool.look.failed, goto: c}, {goto: b}]\n"
        "  b: {end: {reason: found}}\n  c: {end: {reason: lost}}",
    )
    project.flow.write_text(text)
    told = project.say("Hello.")
    assert (told.ended, told.status) == ("found", 0), told.errors
