"""The caller's speech and keys, and what the caller hears, as events of the engine. Pure.

What is heard is told by the service only where it plays the sound itself: on WebRTC and SIP.
"""

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
from orchestrator.realtime.protocol import (
    DtmfReceived,
    InputCommitted,
    OutputCleared,
    OutputStopped,
    ServerEvent,
    SpeechStarted,
    SpeechStopped,
    TranscriptionCompleted,
)

__all__ = ["SPEECH", "Playback", "caller_event"]

SPEECH = (
    "input_audio_buffer.speech_started",
    "input_audio_buffer.speech_stopped",
    "input_audio_buffer.committed",
    "input_audio_buffer.dtmf_event_received",
    "conversation.item.input_audio_transcription.completed",
    "output_audio_buffer.stopped",
    "output_audio_buffer.cleared",
)
"""The server events that are about sound."""

KEPT = 16
"""Responses whose sound may still be told of; far more than are ever waiting to be played."""


def caller_event(event: ServerEvent, at: float) -> Event | None:
    """What the caller does, if the server event is about that."""
    match event:
        case SpeechStarted():
            return CallerBegan(at)
        case SpeechStopped():
            return CallerStopped(at)
        case InputCommitted(item_id=item):
            return TurnCommitted(at, item)
        case DtmfReceived(event=digit):
            return DigitPressed(at, digit)
        case TranscriptionCompleted(item_id=item, transcript=text):
            return TranscriptFinal(at, item, text.strip())
        case _:
            return None


class Playback:
    """Which answer the sound of a response belongs to. A response is over before its sound is."""

    def __init__(self) -> None:
        self._answers: dict[str, str] = {}

    def begins(self, response: str, speak: str) -> None:
        self._answers[response] = speak
        while len(self._answers) > KEPT:
            del self._answers[next(iter(self._answers))]

    def event(self, event: ServerEvent, at: float) -> Event | None:
        """What became of the sound of one of our answers; the service does not say how much of
        a cut one was heard, because it shortens the conversation itself."""
        match event:
            case OutputStopped(response_id=response) if response in self._answers:
                return AgentFinished(at, self._answers.pop(response))
            case OutputCleared(response_id=response) if response in self._answers:
                return AgentCutOff(at, self._answers.pop(response), 0)
            case _:
                return None
