"""Questions that the adapter asks beside the conversation."""

import pytest

from orchestrator.dispatch.call import Json
from orchestrator.flow.commands import Ask, Hush
from orchestrator.flow.events import Answered, AnswerEnded, ProviderLost
from orchestrator.realtime.translate import Realtime
from tests.realtime.frames import ASK, AT, aside, created, done, failure, item_done, message


def test_a_question_is_asked_out_of_band_and_beside_an_answer(speaking: Realtime) -> None:
    (create,) = speaking.perform(ASK)
    assert create == {
        "type": "response.create",
        "event_id": "ask.1",
        "response": {
            "conversation": "none",
            "instructions": "# Classify\nWhich?",
            "metadata": {"purpose": "classify", "id": "ask.1"},
            "output_modalities": ["text"],
            "tools": [],
            "tool_choice": "none",
        },
    }


def test_what_a_question_is_about_stands_in_for_the_conversation() -> None:
    (create,) = Realtime().perform(Ask("ask.1", "guard", "…", "Your password is x."))
    content = [{"type": "input_text", "text": "Your password is x."}]
    assert create["response"]["input"] == [{"type": "message", "role": "user", "content": content}]


def test_its_answer_is_heard_once_and_the_conversations_goes_on(speaking: Realtime) -> None:
    speaking.perform(ASK)
    begun = created("resp_a", "ask.1")
    begun["response"]["conversation_id"] = None
    assert speaking.receive(begun, AT) == ((), ())
    assert speaking.receive(item_done(message("a", "item_a"), "resp_a"), AT) == ((), ())
    assert speaking.receive(aside("a"), AT) == ((Answered(AT, "ask.1", True, "a"),), ())
    assert speaking.receive(aside("a"), AT) == ((), ())
    assert speaking.receive(done(), AT) == ((AnswerEnded(AT, "s.1", "completed"),), ())


@pytest.mark.parametrize(
    ("event", "why"),
    [
        (aside("", "failed", status_details={"error": {"code": "server_error"}}), "server_error"),
        (aside("a", "cancelled"), "cancelled"),
        (aside(""), "empty"),
        (failure("invalid_value", "ask.1"), "invalid_value"),
    ],
)
def test_a_question_without_an_answer_is_over_too(event: Json, why: str) -> None:
    realtime = Realtime()
    realtime.perform(ASK)
    assert realtime.receive(event, AT) == ((Answered(AT, "ask.1", False, why),), ())


def test_a_question_that_nobody_waits_for_is_stopped_at_the_service() -> None:
    realtime = Realtime()
    realtime.perform(ASK)
    assert realtime.perform(Hush("ask.1")) == (), "there is nothing to stop yet"
    realtime.receive(created("resp_a", "ask.1"), AT)
    assert realtime.perform(Hush("ask.1")) == (
        {"type": "response.cancel", "response_id": "resp_a"},
    )


def test_questions_are_lost_with_the_session() -> None:
    realtime = Realtime()
    realtime.perform(ASK)
    lost = (ProviderLost(AT, "1001"), Answered(AT, "ask.1", False, "1001"))
    assert realtime.lost("1001", AT) == (lost, ())
