"""What the adapter tells of the caller's sound and of ours."""

import pytest

from orchestrator.dispatch.call import Json
from orchestrator.flow.commands import Hush
from orchestrator.flow.events import (
    AgentCutOff,
    AgentFinished,
    CallerBegan,
    CallerStopped,
    DigitPressed,
    Event,
    TranscriptFinal,
    TurnCommitted,
)
from orchestrator.realtime.translate import Realtime
from tests.realtime.frames import AT, done

SAID: Json = {"item_id": "item_9", "event_id": "e"}


@pytest.mark.parametrize(
    ("kind", "fields", "told"),
    [
        ("speech_started", {"audio_start_ms": 10}, CallerBegan(AT)),
        ("speech_stopped", {"audio_end_ms": 900}, CallerStopped(AT)),
        ("committed", {"previous_item_id": None}, TurnCommitted(AT, "item_9")),
        ("dtmf_event_received", {"event": "5", "received_at": 1}, DigitPressed(AT, "5")),
    ],
)
def test_what_the_caller_does_is_told(kind: str, fields: Json, told: Event) -> None:
    event = {"type": f"input_audio_buffer.{kind}", **SAID, **fields}
    assert Realtime().receive(event, AT) == ((told,), ())


def test_what_the_caller_said_comes_when_it_is_final() -> None:
    kind = "conversation.item.input_audio_transcription"
    told = {"type": f"{kind}.completed", **SAID, "content_index": 0, "transcript": " Hello. "}
    assert Realtime().receive(told, AT) == ((TranscriptFinal(AT, "item_9", "Hello."),), ())
    part = {"type": f"{kind}.delta", **SAID, "content_index": 0, "delta": "Hel"}
    assert Realtime().receive(part, AT) == ((), ())


def sound(kind: str, response: str = "resp_1") -> Json:
    return {"type": f"output_audio_buffer.{kind}", "event_id": "e", "response_id": response}


@pytest.mark.parametrize(
    ("kind", "told"),
    [("stopped", AgentFinished(AT, "s.1")), ("cleared", AgentCutOff(AT, "s.1", 0))],
)
def test_how_an_answer_was_heard_is_told_once_and_after_its_end(
    speaking: Realtime, kind: str, told: Event
) -> None:
    speaking.receive(done(), AT)
    assert speaking.receive(sound("started"), AT) == ((), ())
    assert speaking.receive(sound(kind), AT) == ((told,), ())
    assert speaking.receive(sound(kind), AT) == ((), ())


def test_the_sound_of_an_answer_that_is_not_ours_is_nobodys_business(speaking: Realtime) -> None:
    assert speaking.receive(sound("stopped", "resp_other"), AT) == ((), ())


def test_an_answer_that_is_only_being_heard_is_not_stopped_at_the_service(
    speaking: Realtime,
) -> None:
    speaking.receive(done(), AT)
    assert speaking.perform(Hush("s.1")) == ()
