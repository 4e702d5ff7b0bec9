"""The document of a flow, as its author wrote it: keys and their types, nothing else. Pure.

What the language has and this version does not is named in `later`, so that it is refused
and not taken for a slip. The descriptions are what editors show.
"""

# ruff: noqa: RUF012 (pydantic copies defaults)

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, Literal, TypeAlias, cast
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, WithJsonSchema
from pydantic_core import PydanticCustomError

from orchestrator.dispatch.call import Json
from orchestrator.flow.guard_parts import Guards
from orchestrator.flow.loader import Node, Table
from orchestrator.flow.operations import is_list
from orchestrator.flow.part import Part, Report
from orchestrator.flow.shapes import (
    EventName,
    Id,
    Key,
    Lines,
    Param,
    Rate,
    Seconds,
    Values,
    Variable,
)

__all__ = [
    "READ_ONLY",
    "Approval",
    "Collect",
    "Context",
    "Defaults",
    "Document",
    "Edge",
    "End",
    "Filler",
    "Handoff",
    "Included",
    "Interrupt",
    "Limits",
    "McpServer",
    "Retry",
    "Session",
    "Silence",
    "State",
    "StateLimits",
    "Step",
    "Tool",
    "Transfer",
    "Truncation",
    "Turns",
    "Voice",
    "read",
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


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown, no name at all, a directory of zones
        raise PydanticCustomError(
            "zone", 'should be a time zone of the IANA database, as "Europe/Paris"'
        ) from None
    return name


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


class Show(Part):
    """Something that the model sees as if the caller had shown it: exactly one of the two."""

    text: str | None = None
    image: str | None = Field(None, description="A PNG or JPEG of the project")

    def rules(self) -> Iterator[tuple[str, str]]:
        if (self.text is None) == (self.image is None):
            yield "image", "one thing is shown: a `text` or an `image`"


class Step(Part):
    """One thing to do, of `KINDS`."""

    KINDS: ClassVar[tuple[str, ...]] = (
        "say", "prompt", "note", "set", "tool", "emit", "wait", "classify", "dtmf", "play",
        "show",
    )  # fmt: skip
    when: str | None = Field(None, alias="if")
    say: str | None = None
    prompt: str | None = None
    note: str | None = None
    set: Values | None = None
    tool: str | None = None
    emit: EventName | None = Field(None, description="Tell other programs")
    wait: Seconds | None = None
    classify: str | None = Field(
        None, description="A question that the model answers unheard, with a value of `into`"
    )
    into: str | None = Field(None, description="The enum or bool that `classify` sets")
    dtmf: str | None = Field(None, description="Keys to press on the caller's line")
    play: str | None = Field(None, description="A recorded file")
    show: Show | None = Field(None, description="A text or an image, into the conversation")
    exact: bool = Field(False, description="The words of `say` are played, from `audio`")
    audio: str | None = Field(None, description="The recorded file of an exact `say`")
    arguments: Values = Field({}, alias="with")
    name: Id | None = Field(None, alias="as", description="Name of the tool's result")
    approval: Approval | None = Field(None, description="Stricter than the tool's own")

    def rules(self) -> Iterator[tuple[str, str]]:
        kinds = [kind for kind in self.KINDS if kind in self.node.keys]
        if not kinds:
            yield "", f"a step is one of {', '.join(self.KINDS)}"
        for kind in kinds[1:]:
            yield kind, f"a step does one thing; this one has '{kinds[0]}' already"
        if ("classify" in kinds) != ("into" in self.node.keys):
            yield "classify", "`classify` and `into` go together"
        if self.exact != (self.audio is not None) or (self.exact and "say" not in kinds):
            yield "exact" if self.exact else "audio", "an exact `say` has both `exact` and `audio`"
        if "as" in self.node.keys and "tool" not in kinds:
            yield "as", "only a tool has 'as'"
        if self.approval and "tool" not in kinds:
            yield "approval", "only a tool has 'approval'"
        if "with" in self.node.keys and not {"tool", "emit"} & set(kinds):
            yield "with", "only a tool and an emit have 'with'"


class Edge(Part):
    """One entry of `next`."""

    TRIGGERS: ClassVar[tuple[str, ...]] = ("intent", "event", "dtmf", "silence", "after")
    other_words: ClassVar[Mapping[str, str]] = {
        "on": "event", "when": "if", "then": "goto", "to": "goto", "target": "goto",
    }  # fmt: skip

    intent: str | None = Field(None, description="The model decides: what the caller wants")
    id: Id | None = None
    examples: list[str] = []
    unless: str = Field("", alias="not")
    fill: list[str] = []
    event: str | None = None
    dtmf: Key | None = Field(None, description="A key of the caller's telephone")
    silence: Seconds | None = Field(None, description="How long the caller has been silent")
    after: Seconds | None = Field(None, description="Time since the state was entered")
    when: str | None = Field(None, alias="if", description="The engine decides")
    set: Values = {}
    do: list[Step] = []
    goto: str | None = None

    def rules(self) -> Iterator[tuple[str, str]]:
        triggers = [key for key in self.TRIGGERS if key in self.node.keys]
        for key in triggers[1:]:
            yield key, f"an edge has one trigger; this one has '{triggers[0]}' already"
        if self.intent is not None and self.id is None:
            yield "intent", "an intent needs an `id`: the model calls go_<id>"
        for key in ("id", "examples", "not", "fill"):
            if key in self.node.keys and self.intent is None:
                yield key, f"only an intent has '{key}'"
        if self.goto is None and not self.set and not self.do:
            yield "", "this edge does nothing: it has no goto, set or do"


class Interrupt(Part):
    """What leads away, or aside, from every state."""

    TRIGGERS: ClassVar[tuple[str, ...]] = ("intent", "event", "dtmf", "signal")

    intent: str | None = Field(None, description="The model decides: what the caller wants")
    event: str | None = None
    dtmf: Key | None = Field(None, description="A key of the caller's telephone")
    signal: EventName | None = Field(None, description="A signal from outside, by its name")
    when: str | None = Field(
        None, alias="if", description="Alone: taken when it becomes true. Else: while it holds"
    )
    examples: list[str] = []
    unless: str = Field("", alias="not")
    goto: str | None = None
    do: list[Step] = []
    run: Id | None = Field(None, description="A sub-flow, after which the talk goes on")
    arguments: Values = Field({}, alias="with", description="Its inputs")
    returns: bool = Field(False, alias="return")
    except_in: list[str] = Field([], alias="except", description="States where it does not apply")
    cool_down: Annotated[int, Field(ge=0, le=1000)] = 0

    def rules(self) -> Iterator[tuple[str, str]]:
        triggers = [key for key in self.TRIGGERS if key in self.node.keys]
        for key in triggers[1:]:
            yield key, f"an interrupt has one trigger; this one has '{triggers[0]}' already"
        if not triggers and self.when is None:
            yield "", f"an interrupt needs a trigger: {', '.join(self.TRIGGERS)}, or `if` alone"
        for key in ("examples", "not"):
            if key in self.node.keys and self.intent is None:
                yield key, f"only an intent has '{key}'"
        if self.goto is not None and self.returns:
            yield "return", "an interrupt that leaves by goto does not return"
        if self.run is not None and not self.returns:
            yield "run", "an interrupt with `run` has `return: true`"
        if "with" in self.node.keys and self.run is None:
            yield "with", "only a `run` has 'with'"


def _confirm(value: Json) -> Json:
    if not isinstance(value, bool | str):
        raise PydanticCustomError("confirm", "should be true, or a text to be read back")
    return value


class Collect(Part):
    fallback: ClassVar[Mapping[str, Json]] = {"vars": []}

    vars: list[str]
    optional: list[str] = []
    fresh: list[str] = Field([], description="Readable, but a new value is needed here")
    attempts: Annotated[int, Field(ge=1, le=20)] | None = Field(
        None, description="How often what is given for one of them may be refused"
    )
    on_failed: str | None = Field(None, description="The state to go to then")
    confirm: Annotated[bool | str, BeforeValidator(_confirm)] = Field(
        False, description="Read back to the caller, who has to say yes; true, or the words for it"
    )

    @classmethod
    def instead(cls, value: Json) -> str:
        names = [value] if isinstance(value, str) else value if is_list(value) else []
        return f"write {{vars: [{', '.join(map(str, names))}]}}" if names else ""

    def rules(self) -> Iterator[tuple[str, str]]:
        if self.on_failed is not None and self.attempts is None:
            yield "on_failed", "it fails only if there are `attempts`"


class Context(Part):
    """What stays of the conversation when the state is entered."""

    fallback: ClassVar[Mapping[str, Json]] = {"keep_last": 1}

    keep_last: Annotated[int, Field(ge=0, le=1000)]
    summary: bool = False


def _context(value: Json) -> Json:
    """`keep` drops nothing; `reset` all that was before."""
    return (
        {"keep": None, "reset": {"keep_last": 0}}.get(value, value)
        if isinstance(value, str)
        else value
    )


class End(Part):
    fallback: ClassVar[Mapping[str, Json]] = {"reason": ""}

    reason: str
    outcome: Values = Field({}, description="Of a sub-flow: what the flow that runs it gets")


class Transfer(Part):
    fallback: ClassVar[Mapping[str, Json]] = {"to": ""}

    to: str
    note: str | None = None
    summary: bool = Field(False, description="Have the model sum up for whoever takes over")
    headers: Values = Field({}, description="SIP headers by name")
    on_failed: str | None = None


ContextOf: TypeAlias = Annotated[
    Context | None,
    BeforeValidator(_context),
    WithJsonSchema(
        {
            "anyOf": [
                {"enum": ["keep", "reset"]},
                {
                    "type": "object",
                    "additionalProperties": False,
                    "properties": {
                        "keep_last": {"type": "integer"},
                        "summary": {"type": "boolean"},
                    },
                    "required": ["keep_last"],
                },
            ]
        }
    ),
]


class Silence(Part):
    """What to do when the caller has been silent for a while."""

    KINDS: ClassVar[tuple[str, ...]] = ("say", "prompt", "goto")

    after: Seconds
    say: str | None = None
    prompt: str | None = None
    goto: str | None = None

    def rules(self) -> Iterator[tuple[str, str]]:
        if sum(key in self.node.keys for key in self.KINDS) != 1:
            yield "", f"a silence does one thing: {', '.join(self.KINDS)}"


class Voice(Part):
    """What differs in one state from `session.turns`."""

    eagerness: Literal["low", "medium", "high", "auto"] | None = None
    interrupt: bool | None = None


def _handed_on(value: Json) -> Json:
    """`all` stays; `none`; a summary; the last so many items."""
    words = {"all": None, "none": {"keep_last": 0}, "summary": {"keep_last": 0, "summary": True}}
    if isinstance(value, str):
        return words.get(value, value)
    if isinstance(value, Table) and value.keys() == {"last"}:
        return {"keep_last": value["last"]}
    return value


HandedOn: TypeAlias = Annotated[
    Context | None,
    BeforeValidator(_handed_on),
    WithJsonSchema(
        {
            "anyOf": [
                {"enum": ["all", "none", "summary"]},
                {
                    "type": "object",
                    "additionalProperties": False,
                    "properties": {"last": {"type": "integer"}},
                    "required": ["last"],
                },
            ]
        }
    ),
]


class Handoff(Part):
    """Another flow takes the session over."""

    fallback: ClassVar[Mapping[str, Json]] = {"flow": "unnamed"}
    later: ClassVar[frozenset[str]] = frozenset({"on_failed"})

    flow: Id
    arguments: Values = Field({}, alias="with", description="Its inputs")
    context: HandedOn = Field(None, description="What the other flow sees of the conversation")


class StateLimits(Part):
    """Of one entry of a state."""

    turns: Annotated[int, Field(ge=1)] | None = None
    time: Seconds | None = None


class State(Part):
    """A stage of the call."""

    ENDINGS: ClassVar[tuple[str, ...]] = ("end", "transfer", "handoff")

    do: list[Step] = []
    goal: str | None = None
    collect: Collect | None = None
    tools: list[str] = []
    next: list[Edge] = []
    examples: list[str] = []
    context: ContextOf = Field(None, description="What the model still sees of what was before")
    silence: list[Silence] | None = Field(None, description="Instead of the flow's")
    voice: Voice | None = Field(None, description="Instead of the session's")
    limits: StateLimits | None = None
    end: End | None = None
    transfer: Transfer | None = None
    handoff: Handoff | None = None
    run: Id | None = Field(None, description="A sub-flow, in NAME.flow.yaml beside this flow")
    arguments: Values = Field({}, alias="with", description="Its inputs")
    name: Id | None = Field(None, alias="as", description="Name of its reason and outcome")

    @property
    def ends(self) -> bool:
        return bool(self.end or self.transfer or self.handoff)

    def rules(self) -> Iterator[tuple[str, str]]:
        endings = [key for key in self.ENDINGS if key in self.node.keys]
        for key in endings[1:]:
            yield key, f"a state ends in one way; this one has '{endings[0]}' already"
        if endings:
            for key in ("goal", "collect", "tools", "next", "examples", "silence", "limits", "run"):
                if key in self.node.keys:
                    yield key, f"a state that ends has no '{key}'"
        for key in ("with", "as"):
            if key in self.node.keys and self.run is None:
                yield key, f"only a state with `run` has '{key}'"
        if self.run is not None:
            yield from self._running()

    def _running(self) -> Iterator[tuple[str, str]]:
        for key in ("goal", "collect", "tools", "examples"):
            if key in self.node.keys:
                yield key, f"while a sub-flow runs, it has the word: no '{key}' here"
        if any(not {"intent", "dtmf", "after"}.isdisjoint(edge.node.keys) for edge in self.next):
            yield "next", "a sub-flow is left by its end: edges have an `event`, or only `if`"


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


class Steps(Part):
    """What is done when the session starts or ends."""

    fallback: ClassVar[Mapping[str, Json]] = {"do": []}

    do: list[Step]


class Trigger(Part):
    """What begins a session; known, and served when there is a carrier."""

    KINDS: ClassVar[tuple[str, ...]] = ("call", "redis", "schedule", "http")

    call: Values | None = None
    redis: Values | None = None
    schedule: Values | None = None
    http: Values | None = None
    when: str | None = Field(None, alias="if")
    dedupe: str | None = None

    def rules(self) -> Iterator[tuple[str, str]]:
        if sum(key in self.node.keys for key in self.KINDS) != 1:
            yield "", f"a trigger is one of {', '.join(self.KINDS)}"

    @property
    def kind(self) -> str:
        return next((key for key in self.KINDS if getattr(self, key) is not None), "")

    def sets_at(self) -> Iterator[tuple[str, Node]]:
        """The variables that it gives a value, and where that stands."""
        body = self.node.at(self.kind)
        if self.kind and "set" in body.keys:
            for name in body.at("set").keys:
                yield str(name), body.at("set", name)


class Outbound(Part):
    """Whom to call, and the states for a call that nobody answers; served with a carrier."""

    fallback: ClassVar[Mapping[str, Json]] = {"to": ""}

    to: str
    source: str | None = Field(None, alias="from")
    ring: Seconds | None = None
    voicemail: str | None = None
    busy: str | None = None
    no_answer: str | None = None


class Defaults(Part):
    """Keys of each tool, and of each state that does not end, of this file: what one of them does
    not say itself is said here."""

    tool: Values = {}
    state: Values = {}


class Included(Part):
    """A file that flows include: nothing but what is declared by name."""

    dsl: Literal[1]
    use: list[str] = []
    vars: Values = {}
    tools: Values = {}
    mcp: Values = {}
    interrupts: Values = {}
    states: Values = {}

    @classmethod
    def ignores(cls, key: str) -> bool:
        return key.startswith("x-")


class Document(Part):
    """A flow. Keys that begin with `x-` are its author's own."""

    fallback: ClassVar[Mapping[str, Json]] = {
        "dsl": 1, "flow": "unnamed", "version": "", "start": "", "states": {},
    }  # fmt: skip
    dsl: Literal[1]
    flow: Id
    version: str
    title: str = ""
    description: str = ""
    labels: dict[str, str] = {}
    use: list[str] = Field([], description="Files whose vars, tools, mcp, … are taken as these")
    defaults: Defaults | None = Field(None, description="What tools and states share")
    session: Session | None = None
    vars: dict[Id, Variable] = {}
    tools: dict[Id, Tool] = {}
    mcp: dict[Id, McpServer] = {}
    tools_everywhere: list[str] = []
    interrupts: dict[Id, Interrupt] = {}
    guards: Guards | None = Field(None, description="What watches the words of both sides")
    silence: list[Silence] = []
    triggers: list[Trigger] = []
    outbound: Outbound | None = None
    on_start: Steps | None = None
    on_end: Steps | None = None
    on_error: str | None = None
    limits: Limits | None = None
    start: str
    states: dict[Id, State]

    @classmethod
    def ignores(cls, key: str) -> bool:
        return key.startswith("x-")


def read(root: Node, report: Report) -> Document | None:
    """The document; problems S001, S010 and X001 go to `report`. None if nothing is left of it."""
    if not isinstance(root.value, Table):
        report("S001", root.mark, "a flow is a mapping: dsl, flow, version, start, states")
        return None
    if "tests" in root.keys and "flow" not in root.keys:
        hint = "orchestrator test plays it"
        report("S001", root.key("tests"), "these are tests of a flow, not a flow", hint)
        return None
    try:
        return Document.model_validate(root.value, context=report)
    except ValidationError:
        return None  # what is missing has been reported
