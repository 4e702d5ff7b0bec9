"""The adapter: what our commands send, and what answers, calls and errors of the service mean."""

import pytest

from orchestrator.dispatch.call import Json
from orchestrator.errors import ProtocolError
from orchestrator.flow.commands import (
    AddItem,
    AnswerCall,
    Ask,
    Dispatch,
    DropItems,
    End,
    Hush,
    Report,
    Say,
    Speak,
    Transfer,
    Withdraw,
)
from orchestrator.flow.definition import Session
from orchestrator.flow.events import (
    AgentSaid,
    AgentSaying,
    Answered,
    AnswerEnded,
    ProviderLost,
    ToolAsked,
)
from orchestrator.realtime.protocol import Invalid, parse_client
from orchestrator.realtime.settings import session_object
from orchestrator.realtime.translate import Realtime, complaint
from tests.realtime.frames import (
    ASK,
    AT,
    SPEAK,
    TOOL,
    aside,
    created,
    done,
    failure,
    function_call,
    item_done,
    message,
)


def test_a_speak_asks_for_a_response_with_whole_instructions_and_its_tools() -> None:
    assert Realtime().perform(SPEAK) == (
        {
            "type": "response.create",
            "event_id": "create.1",
            "response": {
                "instructions": "# Goal\nGreet.",
                "metadata": {"epoch": "3", "purpose": "goal", "id": "s.1"},
                "output_modalities": ["text"],
                "tools": [TOOL],
                "tool_choice": "auto",
            },
        },
    )


def test_answers_are_spoken_where_the_session_is() -> None:
    realtime = Realtime()
    realtime.start(session_object(Session(), "websocket", model="m"))
    (create,) = realtime.perform(SPEAK)
    assert create["response"]["output_modalities"] == ["audio"]


def test_items_carry_the_ids_that_we_chose() -> None:
    realtime = Realtime()
    commands = (
        AddItem("u1", "user", "hello"),
        AddItem("n1", "system", "note"),
        Say("a1", "Welcome."),
        AnswerCall("o1", "call_1", '{"ok": true}'),
    )
    items = [send["item"] for command in commands for send in realtime.perform(command)]
    assert items == [
        {
            "id": "u1",
            "type": "message",
            "role": "user",
            "content": [{"type": "input_text", "text": "hello"}],
        },
        {
            "id": "n1",
            "type": "message",
            "role": "system",
            "content": [{"type": "input_text", "text": "note"}],
        },
        {
            "id": "a1",
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "Welcome."}],
        },
        {
            "id": "o1",
            "type": "function_call_output",
            "call_id": "call_1",
            "output": '{"ok": true}',
        },
    ]


def test_commands_that_others_perform_send_nothing() -> None:
    realtime = Realtime()
    for command in (
        Dispatch("call_1", 1, "q", "t", {}, "k", 5.0, False),
        Withdraw("call_1", 1, "deadline"),
        Transfer("desk"),
        End("done"),
        Report("x"),
    ):
        assert realtime.perform(command) == ()


def test_the_words_of_an_answer_are_heard_once_and_before_its_end(speaking: Realtime) -> None:
    said = message("Hello!")
    assert speaking.receive(item_done(said), AT) == (
        (AgentSaid(AT, "s.1", "Hello!", "item_1"),),
        (),
    )
    assert speaking.receive(done(output=[said]), AT) == ((AnswerEnded(AT, "s.1", "completed"),), ())


def test_spoken_words_are_known_by_their_transcript(speaking: Realtime) -> None:
    events, _ = speaking.receive(item_done(message("Hello!", kind="transcript")), AT)
    assert events == (AgentSaid(AT, "s.1", "Hello!", "item_1"),)


def test_a_call_is_asked_as_soon_as_it_is_complete(speaking: Realtime) -> None:
    events, _ = speaking.receive(item_done(function_call()), AT)
    assert events == (ToolAsked(AT, "s.1", "call_1", "go_book", '{"n": 2}', "item_2"),)


@pytest.mark.parametrize("status", ["incomplete", "in_progress"])
def test_a_call_that_was_cut_off_never_runs(speaking: Realtime, status: str) -> None:
    assert speaking.receive(item_done(function_call(status)), AT) == ((), ())
    events, _ = speaking.receive(done(status="cancelled", output=[function_call(status)]), AT)
    assert events == (AnswerEnded(AT, "s.1", "cancelled"),)


def test_items_known_only_from_the_end_come_before_it() -> None:
    realtime = Realtime()
    realtime.perform(SPEAK)
    events, _ = realtime.receive(done(output=[message("Hi"), function_call()]), AT)
    assert events == (
        AgentSaid(AT, "s.1", "Hi", "item_1"),
        ToolAsked(AT, "s.1", "call_1", "go_book", '{"n": 2}', "item_2"),
        AnswerEnded(AT, "s.1", "completed"),
    )


def test_what_another_response_says_or_asks_is_not_ours(speaking: Realtime) -> None:
    speaking.receive(done(), AT)
    speaking.receive(created("resp_2", None), AT)
    assert speaking.receive(item_done(function_call(), "resp_2"), AT) == ((), ())
    assert speaking.receive(done("resp_2", None, output=[message("Hi")]), AT) == ((), ())


def test_an_answer_waits_for_the_response_of_somebody_else() -> None:
    realtime = Realtime()
    realtime.receive(created("resp_9", None), AT)
    assert realtime.perform(SPEAK) == ()
    _, sends = realtime.receive(done("resp_9", None), AT)
    assert [send["type"] for send in sends] == ["response.create"]


def test_a_response_out_of_band_is_in_nobodys_way() -> None:
    realtime = Realtime()
    event = created("resp_9", None)
    event["response"]["conversation_id"] = None
    realtime.receive(event, AT)
    assert len(realtime.perform(SPEAK)) == 1


def test_a_rejected_request_goes_out_again_in_the_same_words() -> None:
    realtime = Realtime()
    (first,) = realtime.perform(SPEAK)
    error = failure("conversation_already_has_active_response", "create.1")
    assert realtime.receive(error, AT) == ((), ())
    _, (second,) = realtime.receive(done("resp_9", None), AT)
    assert second == first | {"event_id": "create.2"}


@pytest.mark.parametrize(
    ("status", "details", "how", "error"),
    [
        ("completed", None, "completed", ""),
        ("cancelled", {"reason": "turn_detected"}, "cancelled", "turn_detected"),
        ("incomplete", {"reason": "max_output_tokens"}, "incomplete", "max_output_tokens"),
        ("failed", {"error": {"type": "server_error", "code": None}}, "failed", "server_error"),
        ("failed", {"error": {"code": "rate_limit_exceeded"}}, "failed", "rate_limit_exceeded"),
        ("failed", None, "failed", "failed"),
        ("paused", None, "failed", "paused"),
    ],
)
def test_an_answer_ends_as_its_response_did(
    speaking: Realtime, status: str, details: Json, how: str, error: str
) -> None:
    (ended,), _ = speaking.receive(done(status=status, status_details=details), AT)
    assert ended == AnswerEnded(AT, "s.1", how, error)  # type: ignore[arg-type]


def test_a_request_that_the_service_finds_wrong_fails(speaking: Realtime) -> None:
    speaking.receive(done(), AT)
    speaking.perform(Speak("s.2", "answer", 3, "…"))
    events, _ = speaking.receive(failure("unknown_parameter", "create.2"), AT)
    assert events == (AnswerEnded(AT, "s.2", "failed", "unknown_parameter"),)


def test_a_cancelled_answer_is_stopped_at_the_service(speaking: Realtime) -> None:
    stop: Json = {"type": "response.cancel", "response_id": "resp_1"}
    assert speaking.perform(Hush("s.1")) == (stop,)


def test_a_lost_session_fails_what_is_open_first(speaking: Realtime) -> None:
    assert speaking.lost("1001", AT) == (
        (ProviderLost(AT, "1001"), AnswerEnded(AT, "s.1", "failed", "1001")),
        (),
    )


def test_an_accepted_session_is_known() -> None:
    realtime = Realtime()
    assert realtime.session is None
    realtime.receive({"type": "session.created", "session": {"id": "sess_1"}}, AT)
    assert realtime.session == {"id": "sess_1"}


@pytest.mark.parametrize("kind", ["response.output_text.delta", "rate_limits.updated", "new", None])
def test_other_events_mean_nothing_and_are_not_parsed(kind: str | None) -> None:
    assert Realtime().receive({"type": kind}, AT) == ((), ())


def test_an_event_without_what_it_is_about_is_the_services_fault() -> None:
    with pytest.raises(ProtocolError, match=r"response\.done"):
        Realtime().receive({"type": "response.done"}, AT)


def test_people_hear_of_errors_but_not_of_those_that_races_bring() -> None:
    shown = complaint(failure("unknown_parameter"))
    assert shown is not None
    assert shown.code == "unknown_parameter"
    assert complaint(failure("item_create_duplicate_item_id")) is None
    assert complaint(done()) is None


def test_the_emulators_rules_accept_every_event_that_we_send() -> None:
    realtime = Realtime()
    sends = [
        *realtime.start(session_object(Session(language="de"), "websocket", model="m")),
        *realtime.perform(AddItem("u1", "user", "hello")),
        *realtime.perform(Say("a1", "Welcome.")),
        *realtime.perform(AnswerCall("o1", "call_1", "{}")),
        *realtime.perform(SPEAK),
        *realtime.perform(Ask("ask.1", "guard", "…", "words")),
    ]
    assert not [event for send in sends if isinstance(event := parse_client(send), Invalid)]


def test_items_are_dropped_one_by_one_and_one_that_is_gone_is_no_error() -> None:
    realtime = Realtime()
    sends = realtime.perform(DropItems(("i1", "i2")))
    assert [(s["type"], s["item_id"]) for s in sends] == [
        ("conversation.item.delete", "i1"),
        ("conversation.item.delete", "i2"),
    ]
    assert complaint(failure("item_delete_invalid_item_id", "drop.i1")) is None


def test_a_message_may_stand_before_all_else() -> None:
    (create,) = Realtime().perform(AddItem("n1", "system", "note", first=True))
    assert create["previous_item_id"] == "root"
    assert not isinstance(parse_client(create), Invalid)


def delta(text: str, response: str = "resp_1", kind: str = "text") -> Json:
    name = {"text": "output_text", "voice": "output_audio_transcript"}[kind]
    where = {"response_id": response, "item_id": "item_1"}
    return {"type": f"response.{name}.delta", **where, "delta": text}


@pytest.mark.parametrize("kind", ["text", "voice"])
def test_words_are_told_while_they_come_where_they_are_watched(kind: str) -> None:
    realtime = Realtime()
    realtime.start(session_object(Session(), "text", model="m"), watch=True)
    realtime.perform(SPEAK)
    realtime.receive(created(), AT)
    told = [realtime.receive(delta("12345 7890 ", kind=kind), AT)[0] for _ in range(8)]
    assert [len(events) for events in told] == [0, 0, 0, 1, 0, 0, 0, 1]
    assert told[7] == (AgentSaying(AT, "s.1", "12345 7890 " * 8),)
    assert realtime.receive(delta("x" * 50, "resp_other", kind), AT) == ((), ())


def test_nobody_hears_of_the_words_of_an_answer_that_was_stopped() -> None:
    realtime = Realtime()
    realtime.start(session_object(Session(), "text", model="m"), watch=True)
    realtime.perform(SPEAK)
    realtime.receive(created(), AT)
    realtime.perform(Hush("s.1"))
    assert realtime.receive(delta("x" * 50), AT) == ((), ())
    assert realtime.receive(item_done(message("Hello!")), AT) == ((), ())
    (ended,), _ = realtime.receive(done(status="cancelled"), AT)
    assert ended == AnswerEnded(AT, "s.1", "cancelled")


USAGE: Json = {
    "total_tokens": 190,
    "input_token_details": {
        "text_tokens": 100,
        "audio_tokens": 40,
        "image_tokens": 0,
        "cached_tokens": 64,
        "cached_tokens_details": {"text_tokens": 64, "audio_tokens": 0},
    },
    "output_token_details": {"text_tokens": 20, "audio_tokens": 30},
}
USED = {"text_in": 36, "text_cached": 64, "audio_in": 40, "text_out": 20, "audio_out": 30}


def test_the_end_of_an_answer_tells_its_tokens_by_kind(speaking: Realtime) -> None:
    (ended,), _ = speaking.receive(done(usage=USAGE), AT)
    assert ended == AnswerEnded(AT, "s.1", "completed", "", USED)


def test_so_does_the_answer_to_a_question() -> None:
    realtime = Realtime()
    realtime.perform(ASK)
    assert realtime.receive(aside("a", usage=USAGE), AT)[0] == (
        Answered(AT, "ask.1", True, "a", USED),
    )


@pytest.mark.parametrize("usage", [None, {}, {"input_token_details": {"text_tokens": "many"}}])
def test_tokens_that_are_not_told_are_not_counted(speaking: Realtime, usage: Json) -> None:
    assert speaking.receive(done(usage=usage), AT)[0] == (AnswerEnded(AT, "s.1", "completed"),)
