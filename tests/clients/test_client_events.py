"""What we send, and what our own rules let pass, is what the service's own client types allow."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from orchestrator.dispatch.call import Json
from orchestrator.flow.commands import AddItem, AnswerCall, AnswerNative, Hush, Say, Speak
from orchestrator.flow.definition import Session, Transcribe, Truncation, Turns
from orchestrator.realtime.native import Address, mcp_tools
from orchestrator.realtime.protocol import CLIENT_EVENTS, Invalid, parse_client
from orchestrator.realtime.settings import Channel, session_object
from orchestrator.realtime.translate import Realtime
from tests.realtime.test_native import flow as native_flow

VALIDATE = Path(__file__).with_name("validate_events.py")


def validate(python: str, direction: str, events: Sequence[Json]) -> str:
    lines = "".join(f"{json.dumps(event)}\n" for event in events)
    run = subprocess.run(
        [python, str(VALIDATE), direction], input=lines, capture_output=True, text=True, check=False
    )
    assert run.returncode in (0, 1), run.stderr
    return run.stdout


def produced() -> list[Json]:
    """Every kind of event that the adapter makes."""
    realtime = Realtime()
    server = Address("https://kb.example/mcp", {"Authorization": "Bearer x"})
    mcp = mcp_tools(native_flow(", approval: {file: caller}"), {"knowledge": server})
    narrowed: Json = {"type": "mcp", "server_label": "kb", "allowed_tools": ["search"]}
    tool: Json = {"type": "function", "name": "book", "description": "Book.", "parameters": {}}
    sends = [
        *(event for session in sessions(mcp) for event in realtime.start(session)),
        *realtime.perform(AddItem("u1", "user", "hello")),
        *realtime.perform(AddItem("n1", "system", "The table is free.")),
        *realtime.perform(Say("a1", "Welcome.")),
        *realtime.perform(AnswerCall("o1", "call_1", '{"ok": true}')),
        *realtime.perform(AnswerNative("o2", "mcpr_1", False, "nobody agreed")),
        *realtime.perform(Speak("s.1", "goal", 1, "# Goal\nGreet.", (tool, narrowed), "none")),
    ]
    named = {"id": "r1", "status": "in_progress", "metadata": {"id": "s.1"}}
    realtime.receive({"type": "response.created", "response": named}, 0.0)
    return [*sends, *realtime.perform(Hush("s.1"))]


def sessions(mcp: Sequence[Mapping[str, Json]]) -> list[dict[str, Json]]:
    """All settings at once, on every channel."""
    all_of_it = Session(
        persona="Be kind.",
        voice="cedar",
        language="fr",
        reasoning="low",
        speed=1.2,
        noise="far_field",
        turns=Turns("server", end_after=0.7, prefix=0.3),
        transcribe=Transcribe("gpt-live-transcribe", "fr", ("Redis",)),
        max_output=500,
        truncation=Truncation(0.8, 20_000),
        parallel_tools=True,
        trace=True,
    )
    several = (
        all_of_it,
        replace(all_of_it, voice="voice_1", turns=Turns(eagerness="low")),
        replace(all_of_it, turns=Turns("manual"), mode="transcribe"),
        replace(all_of_it, mode="transcribe"),
        Session(),
    )
    channels: tuple[Channel, ...] = ("text", "websocket", "webrtc", "sip")
    model = "gpt-realtime-2.1"
    return [session_object(s, c, model=model, tools=mcp) for s in several for c in channels]


def others() -> list[Json]:
    """The kinds that only other clients send."""
    return [
        {"type": "input_audio_buffer.append", "audio": "AAAA"},
        {"type": "input_audio_buffer.commit"},
        {"type": "input_audio_buffer.clear"},
        {"type": "output_audio_buffer.clear"},
        {"type": "conversation.item.retrieve", "item_id": "i"},
        {"type": "conversation.item.delete", "item_id": "i"},
        {
            "type": "conversation.item.truncate",
            "item_id": "i",
            "content_index": 0,
            "audio_end_ms": 5,
        },
    ]


def test_every_client_event_is_one_that_the_openai_package_knows(clients_python: str) -> None:
    events = produced() + others()
    assert {event["type"] for event in events} == set(CLIENT_EVENTS)
    assert not [event for event in events if isinstance(parse_client(event), Invalid)]
    assert validate(clients_python, "client", events) == ""


def test_the_check_finds_what_is_wrong(clients_python: str) -> None:
    events = [
        {"type": "response.cancel"},
        {"type": "response.stop"},
        {"type": "conversation.item.delete"},
        {"type": "response.create", "response": {"temperature": 1}},
    ]
    assert validate(clients_python, "client", events).splitlines() == [
        "line 2: response.stop: no event has this name",
        "line 3: conversation.item.delete: item_id: Field required",
        "line 4: response.create: response.temperature: unknown field",
    ]


def test_the_service_may_add_fields_to_its_own_events(clients_python: str) -> None:
    event: Json = {"type": "input_audio_buffer.cleared", "event_id": "e", "obfuscation": "xx"}
    assert validate(clients_python, "server", [event]) == ""
