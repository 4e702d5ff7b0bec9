"""What a handler reports reaches the caller while it works, and what handlers share is there."""

import os

import pytest

from tests.interaction.project import Gate, Project

pytestmark = [pytest.mark.processes, pytest.mark.timeout(120)]

FLOW = """
dsl: 1
flow: search
version: "1"
session: {mode: text}
tools:
  search:
    queue: search
    describe: Search.
    timeout: 50s
    safe: true
    filler: {after: 200ms, every: 200ms, say: One moment., progress: true}
start: look
states:
  look:
    do: [{tool: search, as: found}, {say: "${found}"}]
    end: {reason: completed}
on_error: bye
"""
BYE = "  bye: {do: [{say: Sorry.}], end: {reason: failed}}\n"

HANDLERS = """
from collections.abc import Iterator
from pathlib import Path
from orchestrator import Context, handler, lifespan

class Shelves:
    count = 3

@lifespan
def shelves() -> Iterator[Shelves]:
    yield Shelves()

@handler(queue="search")
def search(ctx: Context, shelves: Shelves) -> str:
    ctx.progress(f"Two of {shelves.count} shelves.")
    Path("gate").read_bytes()
    return "Here it is."
"""


@pytest.mark.parametrize("options", [(), ("--in-process",)], ids=["apart", "in process"])
def test_the_filler_tells_how_far_the_handler_is(
    project: Project, options: tuple[str, ...]
) -> None:
    project.flow.write_text(FLOW.replace("on_error", f"{BYE}on_error"))
    (project.directory / "workers/search.py").write_text(HANDLERS)
    gate = project.directory / "gate"
    os.mkfifo(gate)
    with project.talk(*options) as talk:
        reported = talk.until("call.progress")
        assert (reported["tool"], reported["text"]) == ("search", "Two of 3 shelves.")
        talk.until("agent.said", text="Two of 3 shelves.", by="flow")
        Gate(gate).open()
        talk.until("agent.said", text="Here it is.")
        assert talk.finish() == 0
