"""From the settings of a flow to the configuration of a session of the service. Pure.

Only what is valid for the channel is sent. In text there is no audio; a session that only
transcribes has no model that answers. We ask for every response ourselves (`create_response`
is false), while the service still stops one that the caller talks over.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

from orchestrator.dispatch.call import Json
from orchestrator.flow.definition import Session, Turns
from orchestrator.flow.models import reasons

__all__ = ["Channel", "session_object"]

Channel: TypeAlias = Literal["text", "websocket", "webrtc", "sip"]

VOICE = "marin"
TRANSCRIPTION = "gpt-transcribe"


def session_object(
    settings: Session,
    channel: Channel,
    *,
    model: str,
    tools: Sequence[Mapping[str, Json]] = (),
) -> dict[str, Json]:
    """The `session` of a `session.update`, without the model: that is chosen on connecting.

    `model` is the one that was, and `tools` are what the session is to know from its start.
    """
    if settings.mode == "transcribe" and channel != "text":
        return {"type": "transcription", "audio": {"input": _hearing(settings)}}
    session: dict[str, Json] = {
        "type": "realtime",
        "output_modalities": ["text" if channel == "text" else "audio"],
        **_common(settings, model),
    }
    if tools:
        session["tools"] = [dict(tool) for tool in tools]
    if channel != "text":
        session["audio"] = {"input": _hearing(settings), "output": _speaking(settings)}
    return session


def _common(settings: Session, model: str) -> dict[str, Json]:
    """What is the same with and without a voice; what was not said stays the service's own."""
    effort = {"effort": settings.reasoning} if settings.reasoning else None
    given = {
        "instructions": settings.persona or None,
        "reasoning": effort if reasons(model) else None,
        "parallel_tool_calls": settings.parallel_tools if reasons(model) else None,
        "max_output_tokens": settings.max_output,
        "truncation": _truncation(settings),
        "tracing": "auto" if settings.trace else None,
    }
    return {key: value for key, value in given.items() if value is not None}


def _truncation(settings: Session) -> Json:
    truncation = settings.truncation
    if truncation is None:
        return None
    shape: dict[str, Json] = {"type": "retention_ratio", "retention_ratio": truncation.keep}
    if truncation.after_tokens is not None:
        shape["token_limits"] = {"post_instructions": truncation.after_tokens}
    return shape


def _hearing(settings: Session) -> dict[str, Json]:
    audio: dict[str, Json] = {
        "transcription": _transcription(settings),
        "turn_detection": _detection(settings.turns, answers=settings.mode != "transcribe"),
    }
    if settings.noise:
        audio["noise_reduction"] = {"type": settings.noise}
    return audio


def _transcription(settings: Session) -> dict[str, Json]:
    transcribe = settings.transcribe
    transcription: dict[str, Json] = {"model": transcribe.model or TRANSCRIPTION}
    if language := transcribe.language or settings.language:
        transcription["language"] = language
    if transcribe.terms:
        transcription["keywords"] = list(transcribe.terms)
    return transcription


def _detection(turns: Turns, *, answers: bool) -> Json:
    """None where the program itself says when a turn ends."""
    if turns.detect == "manual":
        return None
    ours = {"create_response": False, "interrupt_response": turns.interrupt} if answers else {}
    if turns.detect == "semantic":
        return {"type": "semantic_vad", "eagerness": turns.eagerness, **ours}
    times = {"silence_duration_ms": turns.end_after, "prefix_padding_ms": turns.prefix}
    given = {key: round(1000 * value) for key, value in times.items() if value is not None}
    return {"type": "server_vad", **given, **ours}


def _speaking(settings: Session) -> dict[str, Json]:
    voice = settings.voice or VOICE
    audio: dict[str, Json] = {"voice": {"id": voice} if voice.startswith("voice_") else voice}
    if settings.speed is not None:
        audio["speed"] = settings.speed
    return audio
