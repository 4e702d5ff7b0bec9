"""The emulator's session, without a socket: what it answers, and what it lets happen when."""

import json
from base64 import b64encode
from collections.abc import Sequence
from itertools import count
from typing import Any

import pytest

from orchestrator.emulator.faults import Faults
from orchestrator.emulator.model import CallTool, Fail, Output, Speech
from orchestrator.emulator.response import Response
from orchestrator.emulator.scripted import ScriptedModel
from orchestrator.emulator.session import Session
from orchestrator.emulator.wire import Event

TOOL: dict[str, Any] = {
    "type": "function",
    "name": "book",
    "description": "Book.",
    "parameters": {},
}
ONE_SECOND = b64encode(b"\0" * 48_000).decode()


class Client:
    """Talks to a session without a socket, and streams responses only as far as it is told."""

    def __init__(
        self, *responses: Sequence[Output], text: bool = True, faults: Faults | None = None
    ) -> None:
        numbers = count(1)
        self.model = ScriptedModel(responses)
        self.session = Session(
            self.model,
            name="gpt-realtime-2.1",
            new_id=lambda kind: f"{kind}_{next(numbers)}",
            expires_at=3600,
            faults=faults,
        )
        if text:
            self.send("session.update", session={"type": "realtime", "output_modalities": ["text"]})

    def send(self, kind: str, **fields: Any) -> list[Event]:
        return list(self.session.receive(json.dumps({"type": kind, **fields})).events)

    def one(self, kind: str, **fields: Any) -> Event:
        (event,) = self.send(kind, **fields)
        return event

    def error(self, kind: str, **fields: Any) -> dict[str, Any]:
        event = self.one(kind, **fields)
        assert event["type"] == "error"
        detail: dict[str, Any] = event["error"]
        return detail

    def start(self, **config: Any) -> Response:
        reaction = self.session.receive(json.dumps({"type": "response.create", "response": config}))
        assert [event["type"] for event in reaction.events] == ["response.created"], reaction
        assert reaction.response is not None
        return reaction.response

    def respond(self, **config: Any) -> list[Event]:
        response = self.start(**config)
        return [*response.stream, *self.session.finish(response)]

    def say(self, text: str, **fields: Any) -> list[Event]:
        content = [{"type": "input_text", "text": text}]
        item = {"type": "message", "role": "user", "content": content, **fields.pop("item", {})}
        return self.send("conversation.item.create", item=item, **fields)


def kinds(events: Sequence[Event]) -> list[str]:
    return [event["type"] for event in events]


def until(response: Response, kind: str) -> list[Event]:
    seen: list[Event] = []
    for event in response.stream:
        seen.append(event)
        if event["type"] == kind:
            return seen
    raise AssertionError(f"no {kind} in {kinds(seen)}")


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


# The order of events


def test_a_text_response_has_the_order_of_the_wire() -> None:
    assert kinds(Client([Speech("Good day.")]).respond()) == [
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
    ]


def test_deltas_join_to_the_whole_text() -> None:
    said = "  Two  spaces,\na line and a tail. "
    events = Client([Speech(said)]).respond()
    deltas = [e["delta"] for e in events if e["type"] == "response.output_text.delta"]
    assert len(deltas) > 3 and "".join(deltas) == said
    assert events[-1]["response"]["output"][0]["content"] == [{"type": "output_text", "text": said}]


def test_a_function_call_can_be_acted_on_before_the_response_is_done() -> None:
    client = Client([CallTool("book", '{"people": 4}')], [Speech("Booked.")])
    response = client.start(tools=[TOOL])
    events = until(response, "response.output_item.done")
    assert kinds(events) == [
        "response.output_item.added",
        "conversation.item.added",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "conversation.item.done",
        "response.output_item.done",
    ]
    call = events[-1]["item"]
    assert (call["status"], call["arguments"]) == ("completed", '{"people": 4}')

    output = {"type": "function_call_output", "call_id": call["call_id"], "output": "{}"}
    added = client.send("conversation.item.create", item=output)
    assert kinds(added) == ["conversation.item.added", "conversation.item.done"]
    too_early = client.error("response.create", event_id="mine")
    assert too_early["code"] == "conversation_already_has_active_response"
    assert too_early["event_id"] == "mine"

    assert kinds(client.session.finish(response)) == ["response.done"]
    assert kinds(client.respond())[-1] == "response.done"
    assert [item["type"] for item in client.model.prompts[-1].items] == [
        "function_call",
        "function_call_output",
    ]


def test_speech_and_several_calls_may_come_in_one_response() -> None:
    client = Client([Speech("A moment."), CallTool("book"), CallTool("book", '{"n": 2}')])
    done = client.respond()[-1]["response"]
    assert [item["type"] for item in done["output"]] == [
        "message",
        "function_call",
        "function_call",
    ]
    assert len({item["id"] for item in done["output"]}) == 3


def test_a_spoken_response_carries_a_transcript_and_silence_of_plausible_length() -> None:
    client = Client([Speech("Good day.")], text=False)
    events = client.respond()
    assert kinds(events)[3:9] == [
        "response.output_audio_transcript.delta",
        "response.output_audio.delta",
        "response.output_audio_transcript.delta",
        "response.output_audio.delta",
        "response.output_audio.done",
        "response.output_audio_transcript.done",
    ]
    item = events[-1]["response"]["output"][0]
    assert item["content"] == [{"type": "output_audio", "transcript": "Good day."}]
    retrieved = client.one("conversation.item.retrieve", item_id=item["id"])
    part = retrieved["item"]["content"][0]
    assert part["audio"] == b64encode(b"\0" * 48 * 60 * len("Good day.")).decode()


def test_usage_counts_what_went_in_and_out() -> None:
    client = Client([Speech("x" * 40)])
    client.say("y" * 20)
    usage = client.respond(instructions="z" * 8)[-1]["response"]["usage"]
    assert usage["input_token_details"]["text_tokens"] == 2 + 5
    assert usage["output_token_details"]["text_tokens"] == 10
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"] == 17


# Ending early


def test_a_cancelled_response_closes_what_was_open() -> None:
    client = Client([Speech("One two three."), Speech("Never said.")], [Speech("Next.")])
    response = client.start()
    until(response, "response.output_text.delta")
    tail = client.send("response.cancel")
    assert kinds(tail) == [
        "response.output_text.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
    ]
    assert tail[0]["text"] == "One"
    done = tail[-1]["response"]
    assert done["status"] == "cancelled" and done["output"][0]["status"] == "incomplete"
    assert done["status_details"] == {"type": "cancelled", "reason": "client_cancelled"}
    assert list(response.stream) == [] and client.session.finish(response) == ()
    assert client.respond()[-1]["response"]["status"] == "completed"


def test_a_cancelled_spoken_response_ends_its_audio_first() -> None:
    client = Client([Speech("One two three.")], text=False)
    until(client.start(), "response.output_audio_transcript.delta")
    assert kinds(client.send("response.cancel"))[:2] == [
        "response.output_audio.done",
        "response.output_audio_transcript.done",
    ]


def test_a_cancelled_call_is_incomplete() -> None:
    client = Client([CallTool("book", '{"people": 4}')])
    until(client.start(), "response.function_call_arguments.delta")
    (done,) = [e for e in client.send("response.cancel") if e["type"] == "response.done"]
    assert done["response"]["output"][0]["status"] == "incomplete"


def test_cancelling_nothing_is_an_error_and_harmless() -> None:
    client = Client([Speech("Still here.")])
    assert client.error("response.cancel")["code"] == "response_cancel_not_active"
    assert client.respond()[-1]["response"]["status"] == "completed"


def test_a_response_that_reaches_its_limit_of_tokens_is_incomplete() -> None:
    done = Client([Speech("word " * 20)]).respond(max_output_tokens=5)[-1]["response"]
    assert done["status_details"] == {"type": "incomplete", "reason": "max_output_tokens"}
    assert done["output"][0]["content"][0]["text"] == "word word word word"


@pytest.mark.parametrize(
    ("fail", "details"),
    [
        (Fail(), {"type": "failed", "code": "server_error"}),
        (Fail("content_filter", "incomplete"), {"type": "incomplete", "reason": "content_filter"}),
    ],
)
def test_a_model_can_fail(fail: Fail, details: dict[str, str]) -> None:
    done = Client([fail]).respond()[-1]["response"]
    assert done["status"] == details["type"] == done["status_details"]["type"]
    assert done["output"] == []
    if "code" in details:
        assert done["status_details"]["error"]["code"] == details["code"]
    else:
        assert done["status_details"]["reason"] == details["reason"]


def test_an_empty_answer_is_a_completed_response() -> None:
    assert kinds(Client().respond()) == ["response.done"]


# Out of band


def test_responses_out_of_band_run_beside_the_conversation_and_leave_no_trace() -> None:
    client = Client([Speech("In band.")], [Speech("Aside.")], [Speech("Aside too.")])
    client.start()
    asides = [client.start(conversation="none", metadata={"topic": n}, input=[]) for n in "ab"]
    for aside, topic in zip(asides, "ab", strict=True):
        events = [*aside.stream, *client.session.finish(aside)]
        assert not [kind for kind in kinds(events) if kind.startswith("conversation.")]
        done = events[-1]["response"]
        assert done["conversation_id"] is None and done["metadata"] == {"topic": topic}
    assert client.model.prompts[1].items == []


def test_cancel_without_an_id_hits_the_conversation_and_with_one_any_response() -> None:
    client = Client([Speech("In band.")], [Speech("Aside.")])
    inside, aside = client.start(), client.start(conversation="none")
    assert client.send("response.cancel")[-1]["response"]["id"] == inside.id
    assert client.send("response.cancel", response_id=aside.id)[-1]["response"]["id"] == aside.id


def test_the_input_of_a_response_replaces_the_conversation_and_may_refer_to_it() -> None:
    client = Client([], [])
    client.say("left out")
    client.say("kept", item={"id": "kept"})
    extra = {
        "type": "message",
        "role": "system",
        "content": [{"type": "input_text", "text": "now"}],
    }
    client.respond(conversation="none", input=[{"type": "item_reference", "id": "kept"}, extra])
    words = [item["content"][0]["text"] for item in client.model.prompts[0].items]
    assert words == ["kept", "now"]


# Configuration


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


# Items


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


# The input audio buffer


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


# Faults


def test_the_first_responses_can_be_made_to_fail() -> None:
    client = Client([Speech("At last.")], faults=Faults(fail_responses=2))
    statuses = [client.respond()[-1]["response"]["status"] for _ in range(3)]
    assert statuses == ["failed", "failed", "completed"]


def test_a_call_can_be_announced_twice() -> None:
    events = Client([CallTool("book")], faults=Faults(duplicate_calls=True)).respond()
    done = [e["item"] for e in events if e["type"] == "response.output_item.done"]
    assert len(done) == 2 and done[0] == done[1]


def test_a_call_can_break_off() -> None:
    done = Client([CallTool("book", '{"a": 1}')], faults=Faults(incomplete_calls=True)).respond()
    response = done[-1]["response"]
    assert response["status"] == "incomplete"
    assert response["output"][0]["status"] == "incomplete"
    assert response["output"][0]["arguments"] == '{"a"'
