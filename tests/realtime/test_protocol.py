import subprocess
import sys

import pytest

from orchestrator.dispatch.call import Json
from orchestrator.errors import ProtocolError
from orchestrator.realtime.objects import AssistantMessage, FunctionTool, RealtimeSession
from orchestrator.realtime.protocol import (
    CLIENT_EVENTS,
    SERVER_EVENTS,
    ClientEvent,
    Error,
    Invalid,
    ItemCreate,
    ResponseDone,
    SessionUpdate,
    Unknown,
    parse_client,
    parse_server,
)


def session(**fields: Json) -> Json:
    return {"type": "session.update", "session": {"type": "realtime"} | fields}


def turns(**fields: Json) -> Json:
    return session(audio={"input": {"turn_detection": fields}})


def create(**item: Json) -> Json:
    return {"type": "conversation.item.create", "item": item}


def respond(**fields: Json) -> Json:
    return {"type": "response.create", "response": fields}


def test_both_directions_are_whole() -> None:
    assert (len(CLIENT_EVENTS), len(SERVER_EVENTS)) == (11, 46)


@pytest.mark.parametrize(
    "event",
    [
        session(),
        session(model="gpt-realtime-2.1", output_modalities=["text"], max_output_tokens="inf"),
        session(tools=[{"type": "function", "name": "f", "parameters": {"type": "object"}}]),
        session(tools=[{"type": "mcp", "server_label": "s", "require_approval": "never"}]),
        session(tool_choice={"type": "function", "name": "f"}, reasoning={"effort": "low"}),
        session(tracing=None, truncation={"type": "retention_ratio", "retention_ratio": 0.8}),
        session(audio={"output": {"voice": {"id": "voice_1"}, "speed": 1}}),
        session(audio={"input": {"turn_detection": None, "format": {"type": "audio/pcmu"}}}),
        turns(type="semantic_vad", eagerness="low", create_response=False),
        {"type": "session.update", "session": {"type": "transcription"}},
        {"type": "input_audio_buffer.append", "audio": "AAAA"},
        {"type": "input_audio_buffer.commit", "event_id": "e1"},
        {"type": "input_audio_buffer.clear"},
        {"type": "output_audio_buffer.clear"},
        create(type="message", role="user", content=[{"type": "input_text", "text": "hi"}]),
        create(type="function_call", name="f", arguments="{}", call_id="c"),
        create(type="function_call_output", call_id="c", output="{}", id="i"),
        create(type="mcp_approval_response", id="i", approval_request_id="a", approve=True),
        {"type": "conversation.item.retrieve", "item_id": "i"},
        {"type": "conversation.item.delete", "item_id": "i"},
        {
            "type": "conversation.item.truncate",
            "item_id": "i",
            "content_index": 0,
            "audio_end_ms": 5,
        },
        {"type": "response.create"},
        respond(conversation="none", input=[{"type": "item_reference", "id": "i"}]),
        respond(metadata={"id": "s.1"}, output_modalities=["audio"], tools=[]),
        {"type": "response.cancel", "response_id": "r"},
    ],
)
def test_what_a_client_may_send_is_accepted(event: Json) -> None:
    assert isinstance(parse_client(event), ClientEvent)


@pytest.mark.parametrize(
    ("event", "code", "param"),
    [
        ([], "invalid_event", None),
        ({}, "missing_required_parameter", "type"),
        ({"type": "response.stop"}, "invalid_value", "type"),
        ({"type": 1}, "invalid_value", "type"),
        ({"type": "session.update"}, "missing_required_parameter", "session"),
        (
            {"type": "session.update", "session": {}},
            "missing_required_parameter",
            "session.type",
        ),
        ({"type": "session.update", "session": "x"}, "invalid_type", "session"),
        (session(temperature=1), "unknown_parameter", "session.temperature"),
        (
            session(tools=[{"type": "function", "name": "f", "meta": 1}]),
            "unknown_parameter",
            "session.tools[0].meta",
        ),
        (
            session(tools=[{"type": "function", "name": "f", "function": {}}]),
            "unknown_parameter",
            "session.tools[0].function",
        ),
        (session(tools={}), "invalid_type", "session.tools"),
        (session(instructions=1), "invalid_type", "session.instructions"),
        (
            session(output_modalities=["text", "audio"]),
            "invalid_value",
            "session.output_modalities",
        ),
        (session(tool_choice="any"), "invalid_value", "session.tool_choice"),
        (session(max_output_tokens=9999), "invalid_value", "session.max_output_tokens"),
        (
            session(audio={"output": {"voice": "bob"}}),
            "invalid_value",
            "session.audio.output.voice",
        ),
        (
            turns(type="server_vad", idle_timeout_ms=10),
            "invalid_value",
            "session.audio.input.turn_detection.idle_timeout_ms",
        ),
        (create(type="message", role="user"), "missing_required_parameter", "item.content"),
        (create(type="message", role="bot", content=[]), "invalid_value", "item.role"),
        (
            create(type="message", role="assistant", content=[{"type": "output_audio"}]),
            "invalid_value",
            "item.content[0].type",
        ),
        (create(type="item_reference", id="i"), "invalid_value", "item.type"),
        (respond(metadata={"n": 1}), "invalid_type", "response.metadata.n"),
        (respond(metadata={"n": "x" * 513}), "invalid_value", "response.metadata.n"),
        (respond(metadata={str(n): "" for n in range(17)}), "invalid_value", "response.metadata"),
        ({"type": "response.cancel", "id": "r"}, "unknown_parameter", "id"),
    ],
)
def test_what_the_service_refuses_names_the_parameter(
    event: Json, code: str, param: str | None
) -> None:
    refused = parse_client(event)
    assert isinstance(refused, Invalid)
    assert (refused.code, refused.param) == (code, param)


def test_a_refusal_is_in_the_services_words_and_names_the_event() -> None:
    event = session(tools=[{"type": "function", "name": "f", "meta": 1}]) | {"event_id": "e1"}
    assert parse_client(event) == Invalid(
        "unknown_parameter",
        "Unknown parameter: 'session.tools[0].meta'.",
        "session.tools[0].meta",
        "e1",
    )


def test_an_update_tells_what_it_changes() -> None:
    update = parse_client(session(audio={"input": {"turn_detection": None}}))
    assert isinstance(update, SessionUpdate)
    assert update.session.model_dump(exclude_unset=True) == {
        "type": "realtime",
        "audio": {"input": {"turn_detection": None}},
    }


def test_objects_are_of_the_type_that_they_name() -> None:
    update = parse_client(session(tools=[{"type": "function", "name": "f"}]))
    assert isinstance(update, SessionUpdate)
    assert isinstance(update.session, RealtimeSession)
    assert isinstance(update.session.tools[0], FunctionTool)
    text = {"type": "output_text", "text": "Hi"}
    added = parse_client(create(type="message", role="assistant", content=[text]))
    assert isinstance(added, ItemCreate)
    assert isinstance(added.item, AssistantMessage)


def test_an_unknown_server_event_survives() -> None:
    event = {"type": "response.sung", "notes": [1, 2]}
    assert parse_server(event) == Unknown("response.sung", event)


def test_unknown_fields_of_a_server_event_are_ignored() -> None:
    event = parse_server({"type": "error", "error": {"message": "no", "x": 1}, "y": 2})
    assert isinstance(event, Error)
    assert event.error.message == "no"


def test_a_custom_voice_breaks_nothing() -> None:
    voice = {"output": {"voice": {"id": "voice_1"}}}
    response = {"id": "r", "status": "completed", "audio": voice}
    assert isinstance(parse_server({"type": "response.done", "response": response}), ResponseDone)


def test_a_known_server_event_needs_what_it_is_about() -> None:
    with pytest.raises(ProtocolError, match=r"broken response\.done"):
        parse_server({"type": "response.done"})


@pytest.mark.parametrize(
    ("error", "fatal"),
    [
        ({"code": "invalid_api_key"}, True),
        ({"type": "insufficient_quota", "code": None}, True),
        ({"type": "invalid_request_error", "code": "invalid_value"}, False),
    ],
)
def test_some_errors_end_all_hope(error: Json, fatal: bool) -> None:
    event = parse_server({"type": "error", "error": error})
    assert isinstance(event, Error)
    assert event.error.fatal is fatal


def test_the_protocol_needs_pydantic_alone() -> None:
    script = (
        "import sys, orchestrator.realtime.protocol;"
        "print(sorted({'websockets', 'redis', 'mcp', 'yaml', 'anyio'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
