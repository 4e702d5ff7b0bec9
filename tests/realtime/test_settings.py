"""What a session of the service is opened with, by what the author said and the channel."""

from dataclasses import replace
from typing import get_args

import pytest

from orchestrator.dispatch.call import Json
from orchestrator.flow.definition import Session, Transcribe, Truncation, Turns
from orchestrator.realtime.protocol import Invalid, parse_client
from orchestrator.realtime.settings import Channel, session_object

MODEL = "gpt-realtime-2.1"
CHANNELS: tuple[Channel, ...] = get_args(Channel)


def audio(settings: Session, part: str) -> Json:
    return session_object(settings, "websocket", model=MODEL)["audio"][part]


def test_a_session_of_text_has_no_audio() -> None:
    settings = Session(persona="Be kind.", voice="ash", noise="far_field", speed=1.2)
    assert session_object(settings, "text", model=MODEL) == {
        "type": "realtime",
        "output_modalities": ["text"],
        "instructions": "Be kind.",
    }


def test_what_concerns_the_model_is_sent_with_and_without_a_voice() -> None:
    settings = Session(
        reasoning="low",
        parallel_tools=False,
        max_output=300,
        truncation=Truncation(0.8, 20_000),
        trace=True,
    )
    for channel in CHANNELS:
        sent = session_object(settings, channel, model=MODEL)
        assert sent["reasoning"] == {"effort": "low"}
        assert sent["parallel_tool_calls"] is False
        assert sent["max_output_tokens"] == 300
        assert sent["tracing"] == "auto"
        assert sent["truncation"] == {
            "type": "retention_ratio",
            "retention_ratio": 0.8,
            "token_limits": {"post_instructions": 20_000},
        }


@pytest.mark.parametrize("model", ["gpt-realtime", "gpt-realtime-1.5", "gpt-realtime-mini"])
def test_a_model_that_does_not_reason_is_not_told_to(model: str) -> None:
    sent = session_object(Session(reasoning="low", parallel_tools=True), "text", model=model)
    assert not {"reasoning", "parallel_tool_calls"} & sent.keys()


def test_the_service_never_answers_by_itself_but_stops_when_talked_over() -> None:
    assert audio(Session(), "input")["turn_detection"] == {
        "type": "semantic_vad",
        "eagerness": "auto",
        "create_response": False,
        "interrupt_response": True,
    }


def test_turns_are_found_as_the_author_says() -> None:
    turns = Turns("server", end_after=0.7, prefix=0.25, interrupt=False)
    assert audio(Session(turns=turns), "input")["turn_detection"] == {
        "type": "server_vad",
        "silence_duration_ms": 700,
        "prefix_padding_ms": 250,
        "create_response": False,
        "interrupt_response": False,
    }
    assert audio(Session(turns=Turns("manual")), "input")["turn_detection"] is None


def test_the_voice_and_its_pace() -> None:
    assert audio(Session(), "output") == {"voice": "marin"}
    assert audio(Session(voice="ash", speed=1.2), "output") == {"voice": "ash", "speed": 1.2}
    assert audio(Session(voice="voice_1"), "output") == {"voice": {"id": "voice_1"}}


def test_transcription_has_its_own_language_or_that_of_the_session() -> None:
    terms = Transcribe(terms=("Redis",))
    assert audio(Session(language="fr", transcribe=terms), "input")["transcription"] == {
        "model": "gpt-transcribe",
        "language": "fr",
        "keywords": ["Redis"],
    }
    own = Transcribe("gpt-live-transcribe", "de")
    assert audio(Session(language="fr", transcribe=own), "input")["transcription"] == {
        "model": "gpt-live-transcribe",
        "language": "de",
    }


def test_a_session_that_only_transcribes_has_nothing_but_ears() -> None:
    settings = Session(mode="transcribe", persona="x", voice="ash", noise="near_field", trace=True)
    assert session_object(settings, "websocket", model=MODEL) == {
        "type": "transcription",
        "audio": {
            "input": {
                "transcription": {"model": "gpt-transcribe"},
                "turn_detection": {"type": "semantic_vad", "eagerness": "auto"},
                "noise_reduction": {"type": "near_field"},
            }
        },
    }


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize("turns", [Turns(), Turns("server", end_after=1.0), Turns("manual")])
def test_the_service_takes_every_configuration(channel: Channel, turns: Turns) -> None:
    everything = Session(
        persona="x",
        voice="ash",
        reasoning="high",
        turns=turns,
        transcribe=Transcribe(terms=("a",)),
        noise="far_field",
        speed=0.9,
        max_output=1,
        truncation=Truncation(0.5),
    )
    for settings in (everything, replace(everything, mode="transcribe")):
        session = session_object(settings, channel, model=MODEL)
        update = {"type": "session.update", "session": session}
        assert not isinstance(parse_client(update), Invalid)
