"""Responses of the emulator: the order of their events, how they end, and what runs beside them."""

from base64 import b64encode

import pytest

from orchestrator.emulator.faults import Faults
from orchestrator.emulator.model import CallTool, Fail, Speech
from tests.emulator.client import TOOL, Client, kinds, until


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
