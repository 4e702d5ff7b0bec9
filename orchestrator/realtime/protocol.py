"""The Realtime protocol (GA), both directions, for the client and for the emulator. Pure.

Events travel as JSON objects in text frames; `type` says which. Choose by it before
parsing: a delta that is only passed on needs no model.

Client events are strict: what the service would refuse comes back from `parse_client` as
`Invalid`, with the service's own code and the path of the parameter. Server events are
lenient: unknown types survive as `Unknown`, unknown fields are ignored, and only what an
event is about is required. Audio stays the base64 text that it came as.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Unpack

from pydantic import ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from orchestrator.dispatch.call import Json
from orchestrator.errors import ProtocolError
from orchestrator.realtime.objects import (
    ClientItem,
    ContentPart,
    ErrorDetail,
    Item,
    Lenient,
    OneOf,
    RateLimit,
    RealtimeSession,
    Response,
    ResponseConfig,
    Strict,
    TranscriptionSession,
    is_object,
    named,
)

CLIENT_EVENTS: dict[str, type["ClientEvent"]] = {}
SERVER_EVENTS: dict[str, type["ServerEvent"]] = {}
"""Every event by the `type` that it has on the wire."""


class ClientEvent(Strict):
    """`event_id` comes back only in an error that the event causes."""

    type: str
    event_id: str | None = Field(None, max_length=512)

    def __init_subclass__(cls, wire: str = "", **options: Unpack[ConfigDict]) -> None:
        super().__init_subclass__(**options)
        CLIENT_EVENTS[wire] = cls


class SessionUpdate(ClientEvent, wire="session.update"):
    session: Annotated[
        RealtimeSession | TranscriptionSession,
        OneOf({"realtime": RealtimeSession, "transcription": TranscriptionSession}),
    ]


class InputAppend(ClientEvent, wire="input_audio_buffer.append"):
    audio: str = Field(max_length=15 * 1024 * 1024)


class InputCommit(ClientEvent, wire="input_audio_buffer.commit"): ...


class InputClear(ClientEvent, wire="input_audio_buffer.clear"): ...


class ItemCreate(ClientEvent, wire="conversation.item.create"):
    """`previous_item_id`: absent or null appends, `root` puts in front."""

    item: ClientItem
    previous_item_id: str | None = None


class ItemRetrieve(ClientEvent, wire="conversation.item.retrieve"):
    item_id: str


class ItemTruncate(ClientEvent, wire="conversation.item.truncate"):
    item_id: str
    content_index: int = Field(ge=0)
    audio_end_ms: int = Field(ge=0)


class ItemDelete(ClientEvent, wire="conversation.item.delete"):
    item_id: str


class ResponseCreate(ClientEvent, wire="response.create"):
    response: ResponseConfig | None = None


class ResponseCancel(ClientEvent, wire="response.cancel"):
    response_id: str | None = None


class OutputClear(ClientEvent, wire="output_audio_buffer.clear"):
    """WebRTC and SIP only."""


class ServerEvent(Lenient):
    type: str
    event_id: str | None = None

    def __init_subclass__(cls, wire: str = "", **options: Unpack[ConfigDict]) -> None:
        super().__init_subclass__(**options)
        if wire:
            SERVER_EVENTS[wire] = cls


class _SessionEvent(ServerEvent):
    session: dict[str, Json]


class SessionCreated(_SessionEvent, wire="session.created"): ...


class SessionUpdated(_SessionEvent, wire="session.updated"): ...


class ConversationCreated(ServerEvent, wire="conversation.created"):
    conversation: dict[str, Json]


class _WholeItem(ServerEvent):
    item: Item
    previous_item_id: str | None = None


class ItemAdded(_WholeItem, wire="conversation.item.added"): ...


class ItemDone(_WholeItem, wire="conversation.item.done"): ...


class ItemCreated(_WholeItem, wire="conversation.item.created"):
    """The name of `added` before GA; to be ignored."""


class ItemRetrieved(_WholeItem, wire="conversation.item.retrieved"): ...


class _OfItem(ServerEvent):
    item_id: str


class ItemTruncated(_OfItem, wire="conversation.item.truncated"):
    content_index: int = 0
    audio_end_ms: int


class ItemDeleted(_OfItem, wire="conversation.item.deleted"): ...


class SpeechStarted(_OfItem, wire="input_audio_buffer.speech_started"):
    audio_start_ms: int


class SpeechStopped(_OfItem, wire="input_audio_buffer.speech_stopped"):
    audio_end_ms: int


class InputCommitted(_OfItem, wire="input_audio_buffer.committed"):
    previous_item_id: str | None = None


class InputCleared(ServerEvent, wire="input_audio_buffer.cleared"): ...


class InputTimeout(_OfItem, wire="input_audio_buffer.timeout_triggered"):
    audio_start_ms: int
    audio_end_ms: int


class DtmfReceived(ServerEvent, wire="input_audio_buffer.dtmf_event_received"):
    """A key of the caller's telephone. SIP sideband only; has no `event_id`."""

    event: str
    received_at: int


class TranscriptionDelta(_OfItem, wire="conversation.item.input_audio_transcription.delta"):
    content_index: int = 0
    delta: str = ""


class TranscriptionCompleted(_OfItem, wire="conversation.item.input_audio_transcription.completed"):
    content_index: int = 0
    transcript: str
    usage: dict[str, Json] | None = None


class TranscriptionFailed(_OfItem, wire="conversation.item.input_audio_transcription.failed"):
    content_index: int = 0
    error: ErrorDetail


class TranscriptionSegment(_OfItem, wire="conversation.item.input_audio_transcription.segment"):
    """`start` and `end` are in seconds."""

    id: str
    content_index: int = 0
    text: str
    speaker: str
    start: float
    end: float


class _WholeResponse(ServerEvent):
    response: Response


class ResponseCreated(_WholeResponse, wire="response.created"): ...


class ResponseDone(_WholeResponse, wire="response.done"): ...


class _OutputItem(ServerEvent):
    response_id: str
    output_index: int = 0
    item: Item


class OutputItemAdded(_OutputItem, wire="response.output_item.added"): ...


class OutputItemDone(_OutputItem, wire="response.output_item.done"): ...


class _OutputPart(_OfItem):
    response_id: str
    output_index: int = 0
    content_index: int = 0


class ContentPartAdded(_OutputPart, wire="response.content_part.added"):
    part: ContentPart


class ContentPartDone(_OutputPart, wire="response.content_part.done"):
    part: ContentPart


class TextDelta(_OutputPart, wire="response.output_text.delta"):
    delta: str


class TextDone(_OutputPart, wire="response.output_text.done"):
    text: str


class AudioDelta(_OutputPart, wire="response.output_audio.delta"):
    delta: str


class AudioDone(_OutputPart, wire="response.output_audio.done"): ...


class TranscriptDelta(_OutputPart, wire="response.output_audio_transcript.delta"):
    delta: str


class TranscriptDone(_OutputPart, wire="response.output_audio_transcript.done"):
    transcript: str


class _Arguments(_OfItem):
    response_id: str
    output_index: int = 0


class ArgumentsDelta(_Arguments, wire="response.function_call_arguments.delta"):
    call_id: str
    delta: str


class ArgumentsDone(_Arguments, wire="response.function_call_arguments.done"):
    call_id: str
    name: str
    arguments: str


class McpListInProgress(_OfItem, wire="mcp_list_tools.in_progress"): ...


class McpListCompleted(_OfItem, wire="mcp_list_tools.completed"): ...


class McpListFailed(_OfItem, wire="mcp_list_tools.failed"): ...


class McpArgumentsDelta(_Arguments, wire="response.mcp_call_arguments.delta"):
    delta: str


class McpArgumentsDone(_Arguments, wire="response.mcp_call_arguments.done"):
    arguments: str


class McpCallInProgress(_OfItem, wire="response.mcp_call.in_progress"):
    output_index: int = 0


class McpCallCompleted(_OfItem, wire="response.mcp_call.completed"):
    output_index: int = 0


class McpCallFailed(_OfItem, wire="response.mcp_call.failed"):
    output_index: int = 0


class _OutputBuffer(ServerEvent):
    """What the caller hears. WebRTC and SIP only."""

    response_id: str


class OutputStarted(_OutputBuffer, wire="output_audio_buffer.started"): ...


class OutputStopped(_OutputBuffer, wire="output_audio_buffer.stopped"): ...


class OutputCleared(_OutputBuffer, wire="output_audio_buffer.cleared"): ...


class RateLimitsUpdated(ServerEvent, wire="rate_limits.updated"):
    rate_limits: list[RateLimit]


class Error(ServerEvent, wire="error"):
    """Something went wrong; the session goes on unless a close follows."""

    error: ErrorDetail


@dataclass(frozen=True, slots=True)
class Unknown:
    """A server event of a type that this version does not know."""

    type: str
    data: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Invalid:
    """Why the service refuses a client event: an `invalid_request_error`.

    `param` is the path of what is wrong, as in `session.tools[0].meta`.
    """

    code: str
    message: str
    param: str | None = None
    event_id: str | None = None


def parse_server(data: Mapping[str, Json]) -> ServerEvent | Unknown:
    """Raises `ProtocolError` if a known event lacks what it is about."""
    name = data.get("type")
    model = SERVER_EVENTS.get(name) if isinstance(name, str) else None
    if model is None:
        return Unknown(str(name), data)
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise ProtocolError(f"The Realtime service sent a broken {name}: {error}") from error


def parse_client(data: Json) -> ClientEvent | Invalid:
    """The event, or the first thing in it that the service would refuse."""
    if not is_object(data):
        return Invalid("invalid_event", "An event must be a JSON object.")
    try:
        model: type[ClientEvent] = named(CLIENT_EVENTS, data)
        return model.model_validate(data)
    except ValidationError as error:
        return _invalid(error.errors(include_url=False)[0], data)


def _invalid(error: ErrorDetails, data: Mapping[str, Json]) -> Invalid:
    param = _path(error["loc"], data)
    code, message = _refusal(error, param)
    event_id = data.get("event_id")
    return Invalid(code, message, param, event_id if isinstance(event_id, str) else None)


def _refusal(error: ErrorDetails, param: str) -> tuple[str, str]:
    kind, wrong = error["type"], error["msg"]
    if kind == "extra_forbidden":
        return "unknown_parameter", f"Unknown parameter: '{param}'."
    if kind == "missing":
        return "missing_required_parameter", f"Missing required parameter: '{param}'."
    if kind == "literal_error":
        expected = error.get("ctx", {}).get("expected")
        value = error["input"]
        return "invalid_value", f"Invalid value: '{value}'. Supported values are: {expected}."
    if kind.endswith("_type"):
        return "invalid_type", f"Invalid type for '{param}': {wrong}."
    return "invalid_value", f"Invalid value for '{param}': {wrong}."


def _path(location: tuple[int | str, ...], data: Json) -> str:
    """The path in the service's notation, without the tags that pydantic's unions add."""
    path = ""
    for part in location:
        if isinstance(part, int):
            path += f"[{part}]"
            data = data[part]
        elif is_object(data):
            path += f".{part}" if path else part
            data = data.get(part)
    return path
