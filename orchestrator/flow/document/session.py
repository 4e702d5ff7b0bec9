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

    detect: Literal["semantic", "server", "manual"] = Field(
        "semantic",
        description=(
            "How a turn's end is found: `server` by silence, `manual` when the program says so"
        ),
    )
    eagerness: Literal["low", "medium", "high", "auto"] = Field(
        "auto", description="How soon, with `semantic`"
    )
    end_after: Seconds | None = Field(
        None, description="With `server`: the silence that ends a turn; the service's by default"
    )
    interrupt: bool = Field(True, description="Whether the caller may cut the agent off")
    prefix: Seconds | None = Field(
        None,
        description=(
            "With `server`: what is kept of before a turn began; the service's by default"
        ),
    )

    def rules(self) -> Iterator[tuple[str, str]]:
        for key, detect in self.OF.items():
            if key in self.node.keys and self.detect != detect:
                yield key, f"only `detect: {detect}` has '{key}'"


class Transcribe(Part):
    model: str | None = Field(None, description="Of the transcription; `gpt-transcribe` by default")
    language: str | None = Field(None, description="Its language; the session's by default")
    terms: list[str] = Field([], description="Words to expect")


class Truncation(Part):
    """What the service does when the conversation has grown too long for the model."""

    fallback: ClassVar[Mapping[str, Json]] = {"keep": 1.0}

    keep: Annotated[float, Field(gt=0, le=1)] = Field(description="The share of it that is kept")
    after_tokens: Annotated[int, Field(ge=1)] | None = Field(
        None, description="How long it may grow, in tokens; the model's limit by default"
    )


class Session(Part):
    """Settings of the provider's session."""

    mode: Literal["voice", "text", "transcribe"] = Field(
        "voice",
        description=(
            "With `transcribe` the caller's lines are `transcript.final` events and nobody "
            "answers; `voice` is warned about a missing `on_error`"
        ),
    )
    channel: Literal["text", "websocket", "webrtc", "sip"] | None = Field(
        None, description="What the flow is for; it may ask for nothing that this cannot do"
    )
    model: str | None = Field(
        None, description="The model, unless `--model` names one; the command's by default"
    )
    backup: str | None = Field(None, description="The model if the service refuses the first")
    voice: str | None = Field(None, description="Who is heard; `marin` by default")
    speed: Annotated[float, Field(ge=0.25, le=1.5)] | None = Field(
        None, description="The pace of the voice, 0.25 to 1.5; 1 by default"
    )
    language: str | None = Field(
        None, description="Of the transcription, unless that has its own; found out by default"
    )
    zone: Annotated[str, AfterValidator(_zone)] | None = Field(
        None, description="IANA time zone of `now`; the machine's by default"
    )
    persona: str = Field("", description="Who speaks; constant, without `${…}`")
    turns: Turns | None = Field(None, description="How the end of a turn is found")
    transcribe: Transcribe | None = Field(
        None, description="How what the caller says is written down"
    )
    noise: Literal["near_field", "far_field"] | None = Field(
        None, description="What noise to remove"
    )
    reasoning: Literal["minimal", "low", "medium", "high", "xhigh"] | None = Field(
        None, description="How much the model thinks before it speaks; not of older models"
    )
    max_output: Annotated[int, Field(ge=1, le=4096)] | None = Field(
        None, description="Tokens of one answer, 1 to 4096"
    )
    truncation: Truncation | None = Field(
        None, description="What happens to a conversation that has grown too long"
    )
    parallel_tools: bool | None = Field(
        None, description="Whether an answer may hold several calls; not of older models"
    )
    prompting: Literal["per_state", "stable"] = Field(
        "per_state",
        description=(
            "`per_state`: each answer is asked for with its own instructions and tools. `stable`: "
            "all tools and the persona are fixed when the session begins, and what to do is said "
            "by messages of the system, so that the service's cache holds"
        ),
    )
    inputs: list[Literal["audio", "text", "image"]] | None = Field(
        None, description="What the caller may give; but for `image`, no effect yet"
    )
    trace: bool = Field(False, description="Whether the service keeps a trace of the session")


class Limits(Part):
    duration: Seconds | None = Field(None, description="Of the session")
    visits: Annotated[int, Field(ge=1, le=1000)] = Field(25, description="Of one state, 1 to 1000")
    tool_calls: Annotated[int, Field(ge=1)] | None = Field(None, description="Calls of tools")
    turns: Annotated[int, Field(ge=1)] | None = Field(None, description="Turns of the caller")
    cost: Annotated[float, Field(gt=0)] | None = Field(
        None,
        description=(
            "US dollars that answers of the model may cost, by our table of prices; other models "
            "count as the dearest. Once it is passed the event `budget` is raised; where no edge "
            "takes it, it is the error"
        ),
    )
