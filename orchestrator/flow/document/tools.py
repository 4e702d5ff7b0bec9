"""Tools and servers, as their author wrote them. Pure."""

# ruff: noqa: RUF012 (pydantic copies defaults)

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, Literal, TypeAlias, cast

from pydantic import BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from orchestrator.dispatch.call import Json
from orchestrator.flow.part import Part
from orchestrator.flow.shapes import (
    Id,
    Lines,
    Param,
    Rate,
    Seconds,
    Values,
)

__all__ = [
    "READ_ONLY",
    "Allowed",
    "Approval",
    "Approvals",
    "Filler",
    "McpServer",
    "Mode",
    "Retry",
    "RetryOrNever",
    "Tool",
]


def _unless_never(value: Json) -> Json:
    return None if value == "never" else value


def _approvals(value: Json) -> Json:
    """One policy for every tool of a server is its `default`."""
    whole = isinstance(value, str | bool) or (isinstance(value, dict) and "by" in value)
    return cast("Json", {"default": value} if whole else value)


READ_ONLY = "read_only"


def _allow(value: Json) -> Json:
    if value == "*":
        raise PydanticCustomError(
            "allow", "'*' would offer whatever the server has: name each tool"
        )
    if isinstance(value, dict):
        if cast("dict[str, Json]", value) == {READ_ONLY: True}:
            return READ_ONLY
        raise PydanticCustomError("allow", "should be a list of tools, or {read_only: true}")
    return value


Mode: TypeAlias = Literal["wait", "background", "detached"]


class Retry(Part):
    max: Annotated[int, Field(ge=0, le=20)]
    backoff: Seconds = 0.2
    factor: Annotated[float, Field(ge=1, le=10)] = 2.0
    jitter: Annotated[float, Field(ge=0, le=1)] = 0.1
    on: list[str] = ["timeout", "unavailable", "rate_limited"]


RetryOrNever: TypeAlias = Annotated[
    Retry | None,
    BeforeValidator(_unless_never, json_schema_input_type=Retry | Literal["never"] | None),
]


class Approval(Part):
    """Who has to agree before the tool is called; a bare text is its `by`."""

    short: ClassVar[str] = "by"
    fallback: ClassVar[Mapping[str, Json]] = {"by": "none"}
    wanted: ClassVar[str] = "should be none, caller, human or a mapping"
    ONLY: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "if": ("caller", "human"),
        "read_back": ("caller",),
        **dict.fromkeys(("channel", "timeout", "on_timeout", "reason", "show"), ("human",)),
    }

    by: Literal["none", "caller", "human"]
    when: str | None = Field(None, alias="if", description="Asked only if this is true of `args`")
    read_back: str | None = Field(None, description="What the caller has to agree to; sees `args`")
    channel: str = Field("", description="Which people are asked")
    timeout: Seconds = 60.0
    on_timeout: Literal["deny"] = "deny"
    reason: str | None = Field(None, description="Why, told to the person")
    show: list[str] | None = Field(None, description="The arguments that the person sees")

    def rules(self) -> Iterator[tuple[str, str]]:
        for key, askers in self.ONLY.items():
            if key in self.node.keys and self.by not in askers:
                yield key, f"only an approval by {' or '.join(askers)} has '{key}'"


Allowed: TypeAlias = Annotated[
    list[str] | Literal["read_only"],
    BeforeValidator(_allow),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "array", "items": {"type": "string"}},
                {"type": "object", "properties": {"read_only": {"const": True}}},
            ]
        }
    ),
]


Approvals: TypeAlias = Annotated[
    dict[str, Approval],
    BeforeValidator(_approvals),
    WithJsonSchema({"type": ["string", "object"]}),
]


class Filler(Part):
    """What to say while a call is under way: the author's lines, or words of the model."""

    after: Seconds
    every: Seconds | None = None
    say: Lines = []
    auto: bool = Field(False, description="The model finds the words")
    progress: bool = Field(False, description="Say what the handler reports, if there is news")

    def rules(self) -> Iterator[tuple[str, str]]:
        if self.say == ["auto"]:
            yield "say", "these words would be said; that the model finds some is `auto: true`"
        elif bool(self.say) == self.auto:
            yield "", "a filler has either lines (`say`) or `auto: true`"


class Tool(Part):
    """A function that a worker runs."""

    fallback: ClassVar[Mapping[str, Json]] = {"queue": ""}
    queue: str
    handler: str | None = None
    describe: str = ""
    params: dict[Id, Param] = {}
    args: Values = Field({}, description="Parameters that the engine binds, hidden from the model")
    returns: dict[str, Param] = {}
    timeout: Seconds = Field(10.0, description="Of one attempt")
    deadline: Seconds | None = Field(None, description="Of the whole call")
    retry: RetryOrNever = None
    safe: bool = Field(False, description="Changes nothing: may be repeated and cancelled freely")
    idempotent: bool = Field(False, description="Commits our key together with its effect")
    idempotency: str | None = Field(None, description="The key; the call's id by default")
    after_crash: Literal["rerun", "unknown"] | None = None
    mode: Mode = Field("wait", description="Whether the conversation waits for the result")
    requires: str | None = Field(None, description="Hidden and refused while this is false")
    approval: Approval | None = None
    undo: str | None = Field(None, description="Tool that takes the effect back")
    filler: Filler | None = None
    on_interrupt: Literal["keep", "cancel"] = "keep"
    on_hangup: Literal["keep", "cancel"] | None = None
    assign: Values = {}
    ok_if: str | None = Field(None, description="Over `result`; false makes it a failure")
    answer: Literal["speak", "silent"] = Field(
        "speak", description="Whether the model speaks because of the result"
    )
    errors: Literal["hide", "summary", "pass"] = Field(
        "summary", description="What the model hears of a failure"
    )
    concurrency: Annotated[int, Field(ge=1, le=1000)] | None = Field(
        None, description="Calls at a time in one session; more wait for their turn"
    )
    rate: Rate | None = Field(None, description='Calls begun by all sessions, as "10/m"')
    priority: Literal["live", "job"] | None = Field(
        None, description="Whether somebody waits; a detached call is a job by default"
    )


class McpServer(Part):
    """Tools of a server that is registered in `.mcp.json`."""

    fallback: ClassVar[Mapping[str, Json]] = {"server": "", "allow": []}

    server: str
    via: Literal["host", "openai"] = Field(
        "host", description="Who calls it: our MCP host, or the Realtime service itself"
    )
    allow: Allowed = Field(description="Tools by name, or {read_only: true}: all that are")
    approval: Approvals = {}
    pin: Literal[True] = True
    timeout: Seconds = 10.0
    assign: dict[str, Values] = {}
    describe: dict[str, str] = {}
    args: dict[str, Values] = Field({}, description="Fixed arguments, hidden from the model")
    requires: dict[str, str] = Field({}, description="Conditions, as of a tool")
    ok_if: dict[str, str] = Field({}, description="Conditions over `result`, as of a tool")
    filler: dict[str, Filler] = {}
    retry: dict[str, RetryOrNever] = {}
