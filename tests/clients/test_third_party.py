"""Clients that others wrote hold conversations with the emulator, and know all that it sends."""

import json
import subprocess
import sys
from collections.abc import Generator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import anyio
import pytest

from orchestrator.emulator.faults import Faults
from orchestrator.emulator.model import CallTool, Fail, Output, Speech
from orchestrator.emulator.scripted import ScriptedModel
from orchestrator.emulator.server import serve
from orchestrator.emulator.servers import Outcome
from orchestrator.emulator.session import Session
from tests.emulator.test_native import answer, asking, streamed
from tests.processes import running

HERE = Path(__file__).parent
SCRIPT = [
    [{"say": "Good evening to you."}],
    [{"call": "opening_hours", "arguments": {"day": "today"}}],
    [{"say": "We open at six."}],
]


@pytest.fixture
def emulator(tmp_path: Path) -> Generator[str, None, None]:
    """The URL of an emulator in a process of its own."""
    script = tmp_path / "script.json"
    script.write_text(json.dumps(SCRIPT))
    command = [sys.executable, "-m", "orchestrator.emulator", "--script", str(script)]
    with running(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        yield json.loads(process.stdout.readline())["url"]


@pytest.mark.processes
@pytest.mark.parametrize("client", ["openai_sdk.py", "openai_agents.py"])
async def test_an_unmodified_client_holds_a_conversation(
    client: str, clients_python: str, emulator: str
) -> None:
    endless = Faults(done_after="response.cancel")
    async with serve(lambda: ScriptedModel([[Speech("Well.")]]), faults=[endless]) as stalling:
        with anyio.fail_after(50):
            command = [clients_python, str(HERE / client), emulator, stalling]
            ran = await anyio.run_process(command, check=False)
    assert ran.returncode == 0, ran.stderr.decode()
    assert json.loads(ran.stdout) == {
        "greeting": "Good evening to you.",
        "called": ["opening_hours", {"day": "today"}],
        "answer": "We open at six.",
        "error": ["conversation_already_has_active_response", "second"],
        "first": "cancelled",
    }


class Recorder:
    """A client that keeps every event that a session sends."""

    def __init__(self, *responses: Sequence[Output], faults: Faults | None = None) -> None:
        numbers = count(1)
        self.session = Session(
            ScriptedModel(responses),
            name="gpt-realtime-2.1",
            new_id=lambda kind: f"{kind}_{next(numbers)}",
            expires_at=3600,
            faults=faults,
        )
        self.events = [self.session.opening()]

    def send(self, kind: str, *, cancel_after: int | None = None, **fields: Any) -> None:
        reaction = self.session.receive(json.dumps({"type": kind, **fields}))
        self.events.extend(reaction.events)
        if response := reaction.response:
            for made, event in enumerate(response.stream):
                self.events.append(event)
                if made == cancel_after:
                    self.send("response.cancel")
            self.events.extend(self.session.finish(response))
            self.events.append(self.session.rate_limits(response))

    def last(self, kind: str) -> dict[str, Any]:
        return next(event for event in reversed(self.events) if event["type"] == kind)


def everything() -> list[dict[str, Any]]:
    """What the emulator sends in sessions that touch all that it does."""
    both: list[Output] = [Speech("One moment, please."), CallTool("book", '{"people": 4}')]
    client = Recorder(both, both, both, [Fail()], [Fail("content_filter", "incomplete")], both)
    audio_input = {"turn_detection": None, "transcription": {"model": "gpt-transcribe"}}
    update = {"type": "realtime", "instructions": "x", "audio": {"input": audio_input}}
    client.send("session.update", session=update)
    client.send("input_audio_buffer.append", audio="AAAA" * 4000)
    client.send("input_audio_buffer.commit")
    client.send("input_audio_buffer.clear")
    client.send("response.create", response={"metadata": {"purpose": "aloud"}})
    message, call = client.last("response.done")["response"]["output"]
    client.send("conversation.item.retrieve", item_id=message["id"])
    where = {"item_id": message["id"], "content_index": 0}
    client.send("conversation.item.truncate", **where, audio_end_ms=100)
    output = {"type": "function_call_output", "call_id": call["call_id"], "output": "{}"}
    client.send("conversation.item.create", item=output, previous_item_id="root")
    client.send("conversation.item.delete", item_id=call["id"])
    client.send("response.create", response={"output_modalities": ["text"]}, cancel_after=4)
    client.send("response.create", response={"conversation": "none"}, cancel_after=12)
    for _ in range(3):
        client.send("response.create")
    client.send("conversation.item.delete", item_id="none", event_id="mine")
    client.send("session.update", session={"type": "realtime", "voice": "marin"})

    vad = Recorder()
    vad.send("input_audio_buffer.append", audio="AAAA")
    faulty = Recorder(both, both, faults=Faults(fail_responses=1, duplicate_calls=True))
    faulty.send("response.create")
    faulty.send("response.create")
    cut = Recorder(both, faults=Faults(incomplete_calls=True))
    cut.send("response.create", response={"output_modalities": ["text"]})
    return [*client.events, *vad.events, *faulty.events, *cut.events, *at_a_server()]


def at_a_server() -> list[dict[str, Any]]:
    """What it sends of MCP servers that a session asks itself."""
    calls = [[CallTool("kb__search", "{}")], [Speech("Well.")], [CallTool("kb__search", "{}")]]
    client, listed = asking(*calls, [CallTool("kb__file", "{}")])
    error = {"type": "tool_execution_error", "message": "no"}
    events = [*listed, *streamed(client, client.start(), Outcome('{"found": 1}'))]
    events += streamed(client, client.start(), Outcome(error=error))
    reaction = answer(client, events[-1]["response"]["output"][-1]["id"], True)
    [call] = reaction.calls
    return [*events, *reaction.events, *client.session.called(call, Outcome("filed"))]


SENT = {
    "conversation.item.added",
    "conversation.item.deleted",
    "conversation.item.done",
    "conversation.item.input_audio_transcription.failed",
    "conversation.item.retrieved",
    "conversation.item.truncated",
    "error",
    "input_audio_buffer.cleared",
    "input_audio_buffer.committed",
    "mcp_list_tools.completed",
    "mcp_list_tools.in_progress",
    "rate_limits.updated",
    "response.content_part.added",
    "response.content_part.done",
    "response.created",
    "response.done",
    "response.function_call_arguments.delta",
    "response.function_call_arguments.done",
    "response.mcp_call.completed",
    "response.mcp_call.failed",
    "response.mcp_call.in_progress",
    "response.mcp_call_arguments.delta",
    "response.mcp_call_arguments.done",
    "response.output_audio.delta",
    "response.output_audio.done",
    "response.output_audio_transcript.delta",
    "response.output_audio_transcript.done",
    "response.output_item.added",
    "response.output_item.done",
    "response.output_text.delta",
    "response.output_text.done",
    "session.created",
    "session.updated",
}


def test_every_event_of_the_emulator_is_one_that_the_openai_package_knows(
    clients_python: str,
) -> None:
    events = everything()
    assert {event["type"] for event in events} == SENT
    lines = "".join(json.dumps(event) + "\n" for event in events)
    command = [clients_python, str(HERE / "validate_events.py"), "server"]
    ran = subprocess.run(command, input=lines, capture_output=True, text=True, check=False)
    assert (ran.stdout, ran.returncode) == ("", 0), ran.stderr
