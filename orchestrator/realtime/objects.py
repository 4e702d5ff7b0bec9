"""The objects that Realtime events carry: items, configuration, responses. Pure.

What a client sends is `Strict`: an unknown field is an error, as it is at the service.
What the service sends is `Lenient`: unknown fields are ignored, and only what an object
cannot be without is required. Models compile when first used, so that importing is cheap.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeAlias, TypeGuard

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import InitErrorDetails, PydanticKnownError, core_schema

from orchestrator.dispatch.call import Json

FATAL_CODES = frozenset(
    {
        "account_deactivated",
        "beta_api_shape_disabled",
        "billing_hard_limit_reached",
        "credit_balance_exhausted",
        "insufficient_quota",
        "invalid_api_key",
        "invalid_model",
        "missing_model",
    }
)
"""Codes, or types, of an `error` after which no session will ever be accepted."""

VOICES = ("alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse", "marin", "cedar")

Status: TypeAlias = Literal["in_progress", "completed", "incomplete"]


class Strict(BaseModel):
    """What a client sends. Fields with `| None` may be null; any with a default may be absent."""

    model_config = ConfigDict(extra="forbid", strict=True, defer_build=True)


class Lenient(BaseModel):
    """What the service sends."""

    model_config = ConfigDict(extra="ignore", defer_build=True)


@dataclass(frozen=True, eq=False)
class OneOf:
    """One of these words, or an object of the one of `models` that its field `by` names.

    `models` may also be a single model, and its values may be choices themselves. Unlike
    a union of pydantic's this keeps the paths of errors free of tags, and compiles no
    model before it is needed.
    """

    models: type[Strict] | Mapping[str, "type[Strict] | OneOf"]
    words: tuple[str, ...] = ()
    by: str = "type"

    def __get_pydantic_core_schema__(self, _source: Any, _handler: Any) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(self.validate)

    def validate(self, value: Any) -> Any:
        if not is_object(value):
            return self._word(value)
        chosen = self.models
        if isinstance(chosen, Mapping):
            chosen = named(chosen, value, self.by)
        return chosen.validate(value) if isinstance(chosen, OneOf) else chosen.model_validate(value)

    def _word(self, value: Any) -> Any:
        if not self.words:
            raise PydanticKnownError("dict_type")
        if value not in self.words:
            raise PydanticKnownError("literal_error", {"expected": _listed(self.words)})
        return value


def is_object(value: Json) -> TypeGuard[Mapping[str, Json]]:
    return isinstance(value, Mapping)


def named(choices: Mapping[str, Any], value: Mapping[str, Any], by: str = "type") -> Any:
    """The choice that the object's field `by` names. Raises `ValidationError` at that field."""
    if by not in value:
        raise _error("missing", by, value)
    name = value[by]
    if not isinstance(name, str) or name not in choices:
        raise _error("literal_error", by, name, {"expected": _listed(choices)})
    return choices[name]


def _error(kind: str, name: str, value: Any, context: Any = None) -> ValidationError:
    details = InitErrorDetails(type=kind, loc=(name,), input=value, ctx=context or {})
    return ValidationError.from_exception_data("object", [details])


def _listed(words: Mapping[str, Any] | tuple[str, ...]) -> str:
    return ", ".join(f"'{word}'" for word in words)


class InputText(Strict):
    type: Literal["input_text"]
    text: str


class InputAudio(Strict):
    type: Literal["input_audio"]
    audio: str
    transcript: str | None = None


class InputImage(Strict):
    type: Literal["input_image"]
    image_url: str
    detail: Literal["auto", "low", "high"] = "auto"


class OutputText(Strict):
    type: Literal["output_text"]
    text: str


class _Item(Strict):
    id: str | None = None
    object: Literal["realtime.item"] = "realtime.item"
    status: Status = "completed"


UserContent: TypeAlias = Annotated[
    InputText | InputAudio | InputImage,
    OneOf({"input_text": InputText, "input_audio": InputAudio, "input_image": InputImage}),
]
SystemContent: TypeAlias = Annotated[InputText, OneOf({"input_text": InputText})]
AssistantContent: TypeAlias = Annotated[OutputText, OneOf({"output_text": OutputText})]


class UserMessage(_Item):
    type: Literal["message"]
    role: Literal["user"]
    content: list[UserContent]


class SystemMessage(_Item):
    type: Literal["message"]
    role: Literal["system"]
    content: list[SystemContent]


class AssistantMessage(_Item):
    """A client may add the agent's words as text only, never as audio."""

    type: Literal["message"]
    role: Literal["assistant"]
    content: list[AssistantContent]


class FunctionCall(_Item):
    type: Literal["function_call"]
    name: str
    arguments: str
    call_id: str | None = None


class FunctionCallOutput(_Item):
    type: Literal["function_call_output"]
    call_id: str
    output: str


class McpApprovalResponse(_Item):
    type: Literal["mcp_approval_response"]
    approval_request_id: str
    approve: bool
    reason: str | None = None


class McpApprovalRequest(_Item):
    type: Literal["mcp_approval_request"]
    server_label: str
    name: str
    arguments: str


class McpListTools(_Item):
    type: Literal["mcp_list_tools"]
    server_label: str
    tools: list[dict[str, Json]]


class McpCall(_Item):
    type: Literal["mcp_call"]
    server_label: str
    name: str
    arguments: str
    approval_request_id: str | None = None
    output: str | None = None
    error: dict[str, Json] | None = None


class ItemReference(Strict):
    """Legal only in the `input` of a response."""

    type: Literal["item_reference"]
    id: str


_ITEMS: Mapping[str, type[Strict] | OneOf] = {
    "message": OneOf(
        {"user": UserMessage, "system": SystemMessage, "assistant": AssistantMessage}, by="role"
    ),
    "function_call": FunctionCall,
    "function_call_output": FunctionCallOutput,
    "mcp_approval_response": McpApprovalResponse,
    "mcp_approval_request": McpApprovalRequest,
    "mcp_list_tools": McpListTools,
    "mcp_call": McpCall,
}
AnyItem: TypeAlias = (
    UserMessage
    | SystemMessage
    | AssistantMessage
    | FunctionCall
    | FunctionCallOutput
    | McpApprovalResponse
    | McpApprovalRequest
    | McpListTools
    | McpCall
)
ClientItem: TypeAlias = Annotated[AnyItem, OneOf(_ITEMS)]
InputItem: TypeAlias = Annotated[
    AnyItem | ItemReference, OneOf({**_ITEMS, "item_reference": ItemReference})
]


class FunctionTool(Strict):
    type: Literal["function"]
    name: str = Field(min_length=1)
    description: str = ""
    parameters: dict[str, Json] = Field(default={})


class McpTool(Strict):
    """An MCP server that the service itself calls."""

    type: Literal["mcp"]
    server_label: str
    server_url: str | None = None
    connector_id: str | None = None
    tunnel_id: str | None = None
    server_description: str | None = None
    authorization: str | None = None
    headers: dict[str, str] | None = None
    allowed_tools: list[str] | dict[str, Json] | None = None
    allowed_callers: list[Literal["direct", "programmatic"]] | None = None
    require_approval: Literal["always", "never"] | dict[str, Json] | None = None
    defer_loading: bool = False


class FunctionChoice(Strict):
    type: Literal["function"]
    name: str


class McpChoice(Strict):
    type: Literal["mcp"]
    server_label: str
    name: str | None = None


class Pcm(Strict):
    type: Literal["audio/pcm"]
    rate: Literal[24000] = 24000


class G711(Strict):
    """8 kHz."""

    type: Literal["audio/pcmu", "audio/pcma"]


class CustomVoice(Strict):
    id: str


class NoiseReduction(Strict):
    type: Literal["near_field", "far_field"]
    strength: float | None = None


class Transcription(Strict):
    model: str = ""
    language: str = ""
    languages: list[str] = Field(default=[])
    prompt: str = ""
    keywords: list[str] = Field(default=[])
    delay: Literal["minimal", "low", "medium", "high", "xhigh"] = "medium"


class ServerVad(Strict):
    type: Literal["server_vad"]
    threshold: Annotated[float, Field(ge=0, le=1)] = 0.5
    prefix_padding_ms: Annotated[int, Field(ge=0)] = 300
    silence_duration_ms: Annotated[int, Field(ge=0)] = 200
    idle_timeout_ms: Annotated[int, Field(ge=5000, le=30000)] | None = None
    create_response: bool = True
    interrupt_response: bool = True


class SemanticVad(Strict):
    type: Literal["semantic_vad"]
    eagerness: Literal["low", "medium", "high", "auto"] = "auto"
    create_response: bool = True
    interrupt_response: bool = True


class Reasoning(Strict):
    effort: Literal["minimal", "low", "medium", "high", "xhigh"]


class RetentionRatio(Strict):
    type: Literal["retention_ratio"]
    retention_ratio: float = Field(ge=0, le=1)
    token_limits: dict[str, int] = Field(default={})


class Tracing(Strict):
    workflow_name: str = ""
    group_id: str = ""
    metadata: dict[str, Json] = Field(default={})


Format: TypeAlias = Annotated[
    Pcm | G711, OneOf({"audio/pcm": Pcm, "audio/pcmu": G711, "audio/pcma": G711})
]
Voice: TypeAlias = Annotated[str | CustomVoice, OneOf(CustomVoice, VOICES)]
TurnDetection: TypeAlias = Annotated[
    ServerVad | SemanticVad, OneOf({"server_vad": ServerVad, "semantic_vad": SemanticVad})
]
Tool: TypeAlias = Annotated[
    FunctionTool | McpTool, OneOf({"function": FunctionTool, "mcp": McpTool})
]
ToolChoice: TypeAlias = Annotated[
    str | FunctionChoice | McpChoice,
    OneOf({"function": FunctionChoice, "mcp": McpChoice}, ("auto", "none", "required")),
]
Modalities: TypeAlias = Annotated[list[Literal["text", "audio"]], Field(min_length=1, max_length=1)]
MaxTokens: TypeAlias = Annotated[int, Field(ge=1, le=4096)] | Literal["inf"]
Metadata: TypeAlias = Annotated[
    dict[Annotated[str, Field(max_length=64)], Annotated[str, Field(max_length=512)]],
    Field(max_length=16),
]
Includes: TypeAlias = list[Literal["item.input_audio_transcription.logprobs"]]


class AudioIn(Strict):
    format: Format | None = None
    noise_reduction: NoiseReduction | None = None
    transcription: Transcription | None = None
    turn_detection: TurnDetection | None = None


class AudioOut(Strict):
    format: Format | None = None
    voice: Voice | None = None
    speed: Annotated[float, Field(ge=0.25, le=1.5)] = 1.0


class SessionAudio(Strict):
    input: AudioIn = Field(default_factory=AudioIn)
    output: AudioOut = Field(default_factory=AudioOut)


class RealtimeSession(Strict):
    """Of an update: what is absent stays as it is; `model_fields_set` tells."""

    type: Literal["realtime"]
    model: str = ""
    instructions: str = ""
    output_modalities: Modalities = Field(default=["audio"])
    audio: SessionAudio = Field(default_factory=SessionAudio)
    tools: list[Tool] = Field(default=[])
    tool_choice: ToolChoice = "auto"
    parallel_tool_calls: bool = True
    reasoning: Reasoning | None = None
    max_output_tokens: MaxTokens = "inf"
    truncation: Annotated[
        str | RetentionRatio, OneOf({"retention_ratio": RetentionRatio}, ("auto", "disabled"))
    ] = "auto"
    tracing: Annotated[str | Tracing, OneOf(Tracing, ("auto",))] | None = None
    prompt: dict[str, Json] | None = None
    include: Includes | None = None


class TranscriptionAudio(Strict):
    input: AudioIn = Field(default_factory=AudioIn)


class TranscriptionSession(Strict):
    type: Literal["transcription"]
    audio: TranscriptionAudio = Field(default_factory=TranscriptionAudio)
    include: Includes | None = None


class ResponseAudioOut(Strict):
    format: Format | None = None
    voice: Voice | None = None


class ResponseAudio(Strict):
    output: ResponseAudioOut = Field(default_factory=ResponseAudioOut)


class ResponseConfig(Strict):
    """What one response differs in from its session. `input: []` is an empty context."""

    conversation: Literal["auto", "none"] = "auto"
    input: list[InputItem] | None = None
    instructions: str = ""
    metadata: Metadata | None = None
    output_modalities: Modalities = Field(default=["audio"])
    audio: ResponseAudio = Field(default_factory=ResponseAudio)
    tools: list[Tool] = Field(default=[])
    tool_choice: ToolChoice = "auto"
    parallel_tool_calls: bool = True
    reasoning: Reasoning | None = None
    max_output_tokens: MaxTokens = "inf"
    prompt: dict[str, Json] | None = None


class ContentPart(Lenient):
    """Of an item, or of a response while it is made (there `text` and `audio`)."""

    type: str
    text: str | None = None
    transcript: str | None = None
    audio: str | None = None


class Item(Lenient):
    """Any item as the service sends it; `type` says which of the fields count."""

    id: str
    type: str
    status: str | None = None
    role: str | None = None
    content: list[ContentPart] = Field(default=[])
    name: str | None = None
    call_id: str | None = None
    arguments: str | None = None
    output: str | None = None
    server_label: str | None = None
    approval_request_id: str | None = None
    error: dict[str, Json] | str | None = None

    @property
    def words(self) -> str:
        """All text and transcripts of the item, in order."""
        return "".join(part.text or part.transcript or "" for part in self.content)


class ErrorDetail(Lenient):
    """`event_id` is the client event's that it answers, if that had one."""

    type: str | None = None
    code: str | None = None
    message: str = ""
    param: str | None = None
    event_id: str | None = None

    @property
    def fatal(self) -> bool:
        """Trying again cannot help."""
        return self.code in FATAL_CODES or self.type in FATAL_CODES


class StatusDetails(Lenient):
    type: str | None = None
    reason: str | None = None
    error: ErrorDetail | None = None


class Response(Lenient):
    """`conversation_id` is null when the response is out of band."""

    id: str
    status: Literal["in_progress", "completed", "cancelled", "failed", "incomplete"] | str
    status_details: StatusDetails | None = None
    output: list[Item] = Field(default=[])
    metadata: dict[str, str] | None = None
    conversation_id: str | None = None
    usage: dict[str, Json] | None = None


class RateLimit(Lenient):
    name: str
    limit: int
    remaining: int
    reset_seconds: float
