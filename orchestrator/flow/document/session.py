"""Settings and limits of a session, as their author wrote them. Pure."""

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from orchestrator.dispatch.call import Json
from orchestrator.flow.part import Part
from orchestrator.flow.shapes import (
    Seconds,
)

__all__ = ["Limits", "Session", "Transcribe", "Truncation", "Turns"]


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown, no name at all, a directory of zones
        raise PydanticCustomError(
            "zone", 'should be a time zone of the IANA database, as "Europe/Paris"'
        ) from None
    return name


class Turns(Part):
    """How the service finds the end of the caller's turns."""

    OF: ClassVar[Mapping[str, str]] = {
        "eagerness": "semantic", "end_after": "server", "prefix": "server",
    }  # fmt: skip

    detect: Literal["semantic", "server", "manual"] = "semantic"
    eagerness: Literal["low", "medium", "high", "auto"] = "auto"
    end_after: Seconds | None = Field(None, description="Silence that ends a turn")
    interrupt: bool = Field(True, description="Whether the caller may cut the agent off")
    prefix: Seconds | None = Field(None, description="What is kept of before the turn began")

    def rules(self) -> Iterator[tuple[str, str]]:
        for key, detect in self.OF.items():
            if key in self.node.keys and self.detect != detect:
                yield key, f"only `detect: {detect}` has '{key}'"


class Transcribe(Part):
    model: str | None = None
    language: str | None = None
    terms: list[str] = Field([], description="Words to expect")


class Truncation(Part):
    """What the service does when the conversation has grown too long for the model."""

    fallback: ClassVar[Mapping[str, Json]] = {"keep": 1.0}

    keep: Annotated[float, Field(gt=0, le=1)] = Field(description="The share that is kept")
    after_tokens: Annotated[int, Field(ge=1)] | None = None


class Session(Part):
    """Settings of the provider's session."""

    mode: Literal["voice", "text", "transcribe"] = "voice"
    channel: Literal["text", "websocket", "webrtc", "sip"] | None = Field(
        None, description="What the flow is for; it may ask for nothing that this cannot do"
    )
    model: str | None = None
    backup: str | None = Field(None, description="The model if the service refuses the first")
    voice: str | None = None
    speed: Annotated[float, Field(ge=0.25, le=1.5)] | None = None
    language: str | None = Field(None, description="Of the transcription, unless that has its own")
    zone: Annotated[str, AfterValidator(_zone)] | None = None
    persona: str = ""
    turns: Turns | None = None
    transcribe: Transcribe | None = None
    noise: Literal["near_field", "far_field"] | None = None
    reasoning: Literal["minimal", "low", "medium", "high", "xhigh"] | None = None
    max_output: Annotated[int, Field(ge=1, le=4096)] | None = Field(
        None, description="Tokens of one answer"
    )
    truncation: Truncation | None = None
    parallel_tools: bool | None = Field(None, description="Several calls in one answer")
    prompting: Literal["per_state", "stable"] = Field(
        "per_state", description="Whether each answer has its own tools, or all the same"
    )
    inputs: list[Literal["audio", "text", "image"]] | None = Field(
        None, description="What the caller may give"
    )
    trace: bool = Field(False, description="Let the service keep a trace of the session")


class Limits(Part):
    duration: Seconds | None = None
    visits: Annotated[int, Field(ge=1, le=1000)] = 25
    tool_calls: Annotated[int, Field(ge=1)] | None = None
    turns: Annotated[int, Field(ge=1)] | None = None
    cost: Annotated[float, Field(gt=0)] | None = Field(None, description="In US dollars")
