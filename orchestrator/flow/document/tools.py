"""Tools and servers, as their author wrote them. Pure."""

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, Literal, TypeAlias, cast

from pydantic import BeforeValidator, Discriminator, Field, Tag, WithJsonSchema
from pydantic_core import PydanticCustomError

from orchestrator.dispatch.call import Json
from orchestrator.flow.operations import is_list
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
    if value == {READ_ONLY: True}:
        return READ_ONLY
    if value == READ_ONLY or is_list(value):
        return value
    raise PydanticCustomError("allow", "should be a list of tools, or {read_only: true}")


def _kind_of_allowed(value: Json) -> str:
    return "a list" if is_list(value) else "a word"


Mode: TypeAlias = Literal["wait", "background", "detached"]


class Retry(Part):
    wanted: ClassVar[str] = "should be never or a mapping"

    max: Annotated[int, Field(ge=0, le=20)] = Field(description="Attempts after the first, 0 to 20")
    backoff: Seconds = Field(0.2, description="Pause before the second attempt")
    factor: Annotated[float, Field(ge=1, le=10)] = Field(
        2.0, description="Each pause is so many times the one before, 1 to 10"
    )
    jitter: Annotated[float, Field(ge=0, le=1)] = Field(
        0.1, description="Share of a pause that is added to it at most, 0 to 1"
    )
    on: list[str] = Field(
        ["timeout", "unavailable", "rate_limited"],
        description="Codes of failures that are tried again",
    )

    @classmethod
    def instead(cls, value: Json) -> str:
        return f"write {{max: {value}}}" if type(value) is int else ""


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

    by: Literal["none", "caller", "human"] = Field(
        description="Who is asked; keys below `read_back` need `human`"
    )
    when: str | None = Field(
        None,
        alias="if",
        description=(
            "Condition over `args`; only calls for which it holds, or cannot be told, are asked "
            'about: what it compares is unset, or of another kind (`"900" > 50`)'
        ),
    )
    read_back: str | None = Field(
        None, description="Only with `caller`: a text, what they have to say yes to; sees `args`"
    )
    channel: str = Field(
        "", description="Which people are asked: a name that `approvals list` shows"
    )
    timeout: Seconds = Field(60.0, description="How long they have")
    on_timeout: Literal["deny"] = Field(
        "deny", description="What it means when nobody decides in time"
    )
    reason: str | None = Field(None, description="A text for the person; sees `args`")
    show: list[str] | None = Field(None, description="The arguments that the person sees")

    def rules(self) -> Iterator[tuple[str, str]]:
        for key, askers in self.ONLY.items():
            if key in self.node.keys and self.by not in askers:
                yield key, f"only an approval by {' or '.join(askers)} has '{key}'"


Allowed: TypeAlias = Annotated[
    Annotated[list[str], Tag("a list")] | Annotated[Literal["read_only"], Tag("a word")],
    Discriminator(_kind_of_allowed),
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

    after: Seconds = Field(description="How long the call has taken when it is said")
    every: Seconds | None = Field(
        None, description="How long until the next one; said once by default"
    )
    say: Lines = Field([], description="The words, or several to take in turn")
    auto: bool = Field(False, description="Instead of `say`: the model finds the words")
    progress: bool = Field(
        False,
        description=(
            "Say what the handler reports (`ctx.progress`) instead, whenever there is something new"
        ),
    )

    def rules(self) -> Iterator[tuple[str, str]]:
        if self.say == ["auto"]:
            yield "say", "these words would be said; that the model finds some is `auto: true`"
        elif bool(self.say) == self.auto:
            yield "", "a filler has either lines (`say`) or `auto: true`"


class Tool(Part):
    """A function that a worker runs."""

    fallback: ClassVar[Mapping[str, Json]] = {"queue": ""}
    queue: str = Field(description="The queue of its workers")
    handler: str | None = Field(None, description="The function's name; the tool's by default")
    describe: str = Field("", description="What the model reads")
    params: dict[Id, Param] = Field({}, description="What it is called with, by name")
    args: Values = Field(
        {}, description="Parameters that the engine binds; the model neither sees nor gives them"
    )
    returns: dict[str, Param] = Field({}, description="Types of the result's fields, by name")
    timeout: Seconds = Field(10.0, description="Of one attempt")
    deadline: Seconds | None = Field(
        None, description="No attempt begins that could end after it, counted from the call"
    )
    retry: RetryOrNever = Field(
        None, description="Whether a failed attempt is followed by another; `never` by default"
    )
    safe: bool = Field(
        False, description="It changes nothing: may be repeated and cancelled freely"
    )
    idempotent: bool = Field(
        False, description="The worker commits our key together with its effect"
    )
    idempotency: str | None = Field(
        None,
        description=(
            "The key; the same key with other arguments fails with `conflict`; the call's id by "
            "default"
        ),
    )
    after_crash: Literal["rerun", "unknown"] | None = Field(
        None,
        description=(
            "What becomes of a call whose worker crashed; `rerun` if safe or idempotent, else "
            "`unknown`"
        ),
    )
    mode: Mode = Field(
        "wait",
        description=(
            "`wait`: the conversation waits for the result; `background`: it goes on, and is told "
            "the result later; `detached`: nobody is told, no event, no `assign`"
        ),
    )
    requires: str | None = Field(
        None,
        description=(
            "Condition; hidden from the model and refused while it is not true. Steps of the flow "
            "are not held to it"
        ),
    )
    approval: Approval | None = Field(None, description="Who has to agree first; nobody by default")
    undo: str | None = Field(
        None,
        description=(
            "The tool that takes the effect back when a correction has made it unwanted; its "
            "`args` see `result` and `args` of the call"
        ),
    )
    filler: Filler | None = Field(None, description="What to say meanwhile")
    on_interrupt: Literal["keep", "cancel"] = Field(
        "keep",
        description=(
            "What becomes of it when the caller cuts in. With `cancel` what is safe, or has not "
            "begun, is cancelled at once; anything else is asked to stop, and stays open until "
            "its outcome tells what became of it"
        ),
    )
    on_hangup: Literal["keep", "cancel"] | None = Field(
        None,
        description=(
            "What becomes of it when the session ends: kept calls are waited for, cancelled ones "
            "are not, and what one came to all the same is only in its record; `cancel` if safe, "
            "else `keep`"
        ),
    )
    assign: Values = Field(
        {},
        description=(
            "Variables set from `result` and `args` when it is done, unless the caller has "
            "changed what its `args` were bound to"
        ),
    )
    ok_if: str | None = Field(
        None,
        description=(
            "Condition over `result` and `args`; unless true, the call failed, with code `not_ok`"
        ),
    )
    answer: Literal["speak", "silent"] = Field(
        "speak",
        description=(
            "`silent`: the model is told the result and need not speak because of it. It does if "
            "the caller would hear nothing at all, and of failures"
        ),
    )
    errors: Literal["hide", "summary", "pass"] = Field(
        "summary",
        description=(
            "What the model hears of a failure: `hide` (that it failed), `summary` (the code, and "
            "at most 200 characters of the message), `pass` (all)"
        ),
    )
    concurrency: Annotated[int, Field(ge=1, le=1000)] | None = Field(
        None,
        description=(
            "How many calls of it may be under way in one session; more wait in order, within "
            "their deadline"
        ),
    )
    rate: Rate | None = Field(
        None,
        description=(
            "How many may begin over all sessions, as `10/m`: so many per `s`, `m` or `h`"
        ),
    )
    priority: Literal["live", "job"] | None = Field(
        None,
        description=(
            "`live`: somebody waits for it; `job`: nobody does, as by default of what is detached"
        ),
    )


class McpServer(Part):
    """Tools of a server that is registered in `.mcp.json`."""

    fallback: ClassVar[Mapping[str, Json]] = {"server": "", "allow": []}

    server: str = Field(description="Its name in `.mcp.json`")
    via: Literal["host", "openai"] = Field(
        "host",
        description="Who calls it: `host`, our MCP host; `openai`, the Realtime service itself",
    )
    allow: Allowed = Field(
        description=(
            "The tools that may be used, each by name, or all that are pinned as `read_only`. "
            "Each is pinned"
        )
    )
    approval: Approvals = Field(
        {}, description="As of a tool, for all; or by tool, with `default` for the others"
    )
    pin: Literal[True] = Field(True, description="Tools are held to `mcp.lock.json`")
    timeout: Seconds = Field(10.0, description="Of a call")
    assign: dict[str, Values] = Field({}, description="As of a tool, by tool")
    describe: dict[str, str] = Field({}, description="By tool, instead of the pinned description")
    args: dict[str, Values] = Field({}, description="As of a tool, by tool")
    requires: dict[str, str] = Field({}, description="As of a tool, by tool")
    ok_if: dict[str, str] = Field({}, description="As of a tool, by tool")
    filler: dict[str, Filler] = Field({}, description="As of a tool, by tool")
    retry: dict[str, RetryOrNever] = Field({}, description="As of a tool, by tool")
