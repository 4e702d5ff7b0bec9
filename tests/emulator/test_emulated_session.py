"""The emulator's session: its settings, the items of its conversation, and the caller's audio."""

from base64 import b64encode
from typing import Any

import pytest

from orchestrator.emulator.model import Speech
from tests.emulator.client import ONE_SECOND, TOOL, Client, kinds, until


def test_a_session_opens_with_the_defaults_of_the_service() -> None:
    session = Client(text=False).session.opening()["session"]
    assert session["type"] == "realtime" and session["object"] == "realtime.session"
    assert session["output_modalities"] == ["audio"] and session["tools"] == []
    assert session["audio"]["input"]["turn_detection"] == {
        "type": "server_vad",
        "threshold": 0.5,
        "prefix_padding_ms": 300,
        "silence_duration_ms": 200,
        "idle_timeout_ms": None,
        "create_response": True,
        "interrupt_response": True,
    }


def test_a_response_is_made_with_its_own_instructions_and_tools_or_the_sessions() -> None:
    client = Client([], [])
    client.send("session.update", session={"type": "realtime", "instructions": "A", "tools": []})
    client.respond(instructions="B", tools=[TOOL], tool_choice="required")
    client.respond()
    own, sessions = client.model.prompts
    assert (own.instructions, own.tools, own.tool_choice) == ("B", [TOOL], "required")
    assert (sessions.instructions, sessions.tools, sessions.tool_choice) == ("A", [], "auto")


def test_the_voice_is_locked_once_it_was_heard() -> None:
    client = Client([Speech("Hello.")], text=False)
    voice = {"type": "realtime", "audio": {"output": {"voice": "cedar"}}, "instructions": "new"}
    until(client.start(), "response.output_audio.delta")
    locked = client.error("session.update", session=voice)
    assert (locked["code"], locked["param"]) == (
        "cannot_update_voice",
        "session.audio.output.voice",
    )
    same = {"type": "realtime", "audio": {"output": {"voice": "marin"}}}
    session = client.one("session.update", session=same)["session"]
    assert session["instructions"] != "new", "a refused update changes nothing"


@pytest.mark.parametrize(
    ("session", "code", "param"),
    [
        ({"instructions": "x"}, "missing_required_parameter", "session.type"),
        ({"type": "realtime", "temperature": 1}, "unknown_parameter", "session.temperature"),
        (
            {"type": "realtime", "tools": [{**TOOL, "strict": True}]},
            "unknown_parameter",
            "session.tools[0].strict",
        ),
        ({"type": "realtime", "model": "gpt-realtime"}, "invalid_value", "session.model"),
        (
            {"type": "realtime", "audio": {"output": {"voice": "hal"}}},
            "invalid_value",
            "session.audio.output.voice",
        ),
        (
            {"type": "realtime", "tools": [{"type": "mcp", "server_label": "x"}]},
            "invalid_value",
            "session.tools[0].server_label",
        ),
        ({"type": "transcription"}, "not_emulated", "session.type"),
    ],
)
def test_what_the_service_refuses_is_refused_with_code_and_path(
    session: dict[str, Any], code: str, param: str
) -> None:
    error = Client().error("session.update", session=session, event_id="e1")
    assert (error["code"], error["param"], error["event_id"]) == (code, param, "e1")
    assert error["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("{", "invalid_json"),
        (b"{}", "invalid_event"),
        ("[]", "invalid_event"),
        ("{}", "missing_required_parameter"),
        ('{"type": "response.make"}', "invalid_value"),
        ('{"type": "output_audio_buffer.clear"}', "invalid_event"),
    ],
)
def test_a_broken_frame_is_answered_and_the_session_goes_on(frame: str | bytes, code: str) -> None:
    client = Client([Speech("Unmoved.")])
    (answer,) = client.session.receive(frame).events
    assert answer["error"]["code"] == code
    assert client.respond()[-1]["response"]["status"] == "completed"


def test_items_are_put_where_the_client_wants_them() -> None:
    client = Client([])
    for item_id, after in (("b", {}), ("a", {"previous_item_id": "root"})):
        client.say(item_id, item={"id": item_id}, **after)
    added, done = client.say("ab", item={"id": "ab"}, previous_item_id="a")
    assert kinds([added, done]) == ["conversation.item.added", "conversation.item.done"]
    assert added["previous_item_id"] == "a" and done["item"]["status"] == "completed"
    client.respond()
    assert [item["id"] for item in client.model.prompts[0].items] == ["a", "ab", "b"]


def test_an_id_can_be_used_once() -> None:
    client = Client()
    client.say("once", item={"id": "mine"})
    (error,) = client.say("twice", item={"id": "mine"})
    assert error["error"]["code"] == "item_create_duplicate_item_id"
    client.send("conversation.item.delete", item_id="mine")
    assert kinds(client.say("again", item={"id": "mine"}))[0] == "conversation.item.added"


@pytest.mark.parametrize(
    ("item", "code"),
    [
        ({"type": "function_call_output", "call_id": "c", "output": ""}, "invalid_tool_call_id"),
        (
            {"type": "function_call", "call_id": "a/b", "name": "f", "arguments": ""},
            "invalid_value",
        ),
        (
            {"type": "function_call", "call_id": "c" * 33, "name": "f", "arguments": ""},
            "string_above_max_length",
        ),
        ({"type": "mcp_list_tools", "server_label": "s", "tools": []}, "not_emulated"),
    ],
)
def test_items_that_cannot_be_added_are_refused(item: dict[str, Any], code: str) -> None:
    assert Client().error("conversation.item.create", item=item)["code"] == code


@pytest.mark.parametrize("purpose", ["retrieve", "delete", "truncate"])
def test_an_unknown_item_is_an_error_that_says_for_what(purpose: str) -> None:
    extra = {"content_index": 0, "audio_end_ms": 1} if purpose == "truncate" else {}
    error = Client().error(f"conversation.item.{purpose}", item_id="none", **extra)
    assert error["code"] == f"item_{purpose}_invalid_item_id"


def test_truncation_keeps_what_was_heard_and_drops_the_transcript() -> None:
    client = Client([Speech("Ten words.")], text=False)
    item_id = client.respond()[-1]["response"]["output"][0]["id"]
    where = {"item_id": item_id, "content_index": 0}
    too_long = client.error("conversation.item.truncate", **where, audio_end_ms=601)
    assert too_long["code"] is None and "600ms is already shorter than 601ms" in too_long["message"]
    event = client.one("conversation.item.truncate", **where, audio_end_ms=100)
    assert event["type"] == "conversation.item.truncated" and event["audio_end_ms"] == 100
    (part,) = client.one("conversation.item.retrieve", item_id=item_id)["item"]["content"]
    assert part == {"type": "output_audio", "audio": b64encode(b"\0" * 4800).decode()}


def test_an_item_can_be_retrieved_while_it_is_made() -> None:
    client = Client([Speech("One two.")], text=False)
    item_id = until(client.start(), "response.output_audio.delta")[0]["item"]["id"]
    item = client.one("conversation.item.retrieve", item_id=item_id)["item"]
    assert (item["status"], item["content"]) == ("in_progress", [])


def test_only_the_agents_audio_can_be_truncated() -> None:
    client = Client()
    client.say("words", item={"id": "words"})
    where = {"item_id": "words", "content_index": 0, "audio_end_ms": 0}
    error = client.error("conversation.item.truncate", **where)
    assert error["code"] == "unsupported_content_type"


def test_an_item_deleted_while_it_is_made_stays_deleted() -> None:
    client = Client([Speech("One two.")], [])
    response = client.start()
    item_id = until(response, "response.output_text.delta")[0]["item"]["id"]
    assert client.one("conversation.item.delete", item_id=item_id)["item_id"] == item_id
    assert kinds([*response.stream, *client.session.finish(response)])[-1] == "response.done"
    client.respond()
    assert client.model.prompts[-1].items == []


def manual(client: Client, **audio_input: Any) -> Client:
    settings = {"turn_detection": None, **audio_input}
    client.send("session.update", session={"type": "realtime", "audio": {"input": settings}})
    return client


def test_committed_audio_becomes_an_item_of_the_caller() -> None:
    client = manual(Client([]))
    assert client.send("input_audio_buffer.append", audio=ONE_SECOND) == []
    events = client.send("input_audio_buffer.commit")
    assert kinds(events) == [
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
    ]
    item = events[-1]["item"]
    assert item["content"] == [{"type": "input_audio", "transcript": None}]
    usage = client.respond()[-1]["response"]["usage"]
    assert usage["input_token_details"]["audio_tokens"] == 10
    assert client.error("input_audio_buffer.commit")["code"] == "input_audio_buffer_commit_empty"


def test_a_cleared_buffer_is_empty() -> None:
    client = manual(Client())
    client.send("input_audio_buffer.append", audio=ONE_SECOND)
    assert client.one("input_audio_buffer.clear")["type"] == "input_audio_buffer.cleared"
    assert client.error("input_audio_buffer.commit")["code"] == "input_audio_buffer_commit_empty"


def test_what_is_not_emulated_of_audio_is_said_and_not_passed_over() -> None:
    client = Client()
    refused = client.error("input_audio_buffer.append", audio=ONE_SECOND)
    assert (refused["code"], refused["param"]) == (
        "not_emulated",
        "session.audio.input.turn_detection",
    )
    assert client.send("input_audio_buffer.append", audio=ONE_SECOND) == [], "said once"
    manual(client, transcription={"model": "gpt-transcribe"})
    failed = client.send("input_audio_buffer.commit")[-1]
    assert failed["type"] == "conversation.item.input_audio_transcription.failed"
    assert failed["error"]["code"] == "not_emulated"


def test_audio_that_is_not_base64_is_refused() -> None:
    error = manual(Client()).error("input_audio_buffer.append", audio="?")
    assert (error["code"], error["param"]) == ("invalid_value", "audio")
