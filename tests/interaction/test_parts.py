"""A worker of `run` that ends by itself is told and replaced, and so is a host; a queue that nobody
serves is told, too."""

import os
import re
import select
import signal

import pytest

from tests.interaction.project import Gate, Project

pytestmark = [pytest.mark.processes, pytest.mark.timeout(120)]

FLOW = """
dsl: 1
flow: look
version: "1"
session: {mode: text}
tools:
  look: {queue: look, describe: Look., timeout: 100s, safe: SAFE}
start: look
states:
  look:
    do: [{say: Let me see.}, {tool: look, as: found}, {say: "${found}"}]
    end: {reason: found}
  lost:
    end: {reason: lost}
on_error: lost
"""
HANDLERS = """
from pathlib import Path
from orchestrator import handler

@handler(queue="look")
def look() -> str:
    print("I look. " * 100_000)
    Path("gate").read_bytes()
    return "Here it is."
"""
REPLACED = re.compile(
    r"the worker has ended \(signal 9, Killed\), see \S+/logs/worker\.log; it is started again\n"
)


def written(project: Project, *, safe: bool) -> Gate:
    """The flow and its handler, and where that waits."""
    project.flow.write_text(FLOW.replace("SAFE", str(safe).lower()))
    (project.directory / "workers/look.py").write_text(HANDLERS)
    os.mkfifo(project.directory / "gate")
    return Gate(project.directory / "gate")


def kill(project: Project, *words: str) -> None:
    """Returns when it is gone: it stands before its gate no more."""
    with open(os.pidfd_open(project.process("orchestrator", *words)), "rb") as process:
        signal.pidfd_send_signal(process.fileno(), signal.SIGKILL)
        select.select([process], [], [])


def test_a_call_that_may_run_twice_is_answered_by_the_worker_that_replaces_a_killed_one(
    project: Project,
) -> None:
    gate = written(project, safe=True)
    with project.talk() as talk:
        with gate.held():
            kill(project, "worker")
        gate.open()
        talk.until("agent.said", text="Here it is.")
        assert talk.finish() == 0
    assert talk.ended == "found"
    assert len(REPLACED.findall(talk.errors)) == 1


def test_a_call_that_may_not_run_twice_has_crashed_with_its_worker(
    project: Project,
) -> None:
    gate = written(project, safe=False)
    with project.talk() as talk:
        with gate.held():
            kill(project, "worker")
        assert talk.until("call.failed")["code"] == "crashed"
        talk.finish()
    assert talk.ended == "lost"
    assert len(REPLACED.findall(talk.errors)) == 1


def test_an_mcp_host_is_replaced_as_well(project: Project) -> None:
    with project.talk("--no-worker") as talk:
        talk.take_turns("Do you have anything vegetarian?")
        talk.until("call.done")
        talk.asked()
        kill(project, "mcp-host")
        talk.type("What desserts do you have?")
        talk.until("call.done")
        talk.hang_up()
        talk.finish()
    assert re.search(r"the mcp-host has ended \(signal 9, Killed\), .*started again", talk.errors)


def test_of_parts_that_end_with_the_conversation_nothing_is_told(project: Project) -> None:
    told = project.say("Do you have anything vegetarian?")
    assert told.named("call.done")
    assert "ended" not in told.errors
    assert "nobody" not in told.errors


def test_a_queue_that_nobody_serves_is_told_once(project: Project) -> None:
    told = project.say("Goodbye.", options=("--no-worker", "--no-mcp-host"))
    unserved = "nobody serves the queue booking, mcp.menu just now (served: none)\n"
    assert told.errors.count(unserved) == 1


def test_a_queue_that_somebody_else_serves_is_served(project: Project) -> None:
    with project.part("worker"), project.part("mcp-host"):
        told = project.say("Goodbye.", options=("--no-worker", "--no-mcp-host"))
    assert "nobody" not in told.errors
