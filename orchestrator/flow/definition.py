"""A compiled flow: frozen, checked, every name resolved. Pure.

What the engine runs. It is made by `compile` from a document and never changes; a
running session keeps the one that it began with. Texts of the author that may hold
`${…}` are `Template`s, conditions are `Expression`s; both were type-checked.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias, cast

from orchestrator.dispatch.call import Json, Priority, Rate

__all__ = [
    "After",
    "Classify",
    "Collect",
    "Context",
    "Digit",
    "Edge",
    "Emit",
    "End",
    "Expression",
    "Filler",
    "Find",
    "Flow",
    "Guard",
    "Handoff",
    "Intent",
    "Interrupt",
    "Limits",
    "Mark",
    "Native",
    "Note",
    "On",
    "Play",
    "Prompt",
    "ReadBack",
    "Rejected",
    "Retry",
    "Review",
    "Say",
    "Scope",
    "SendDigits",
    "Session",
    "Set",
    "Show",
    "Side",
    "Silence",
    "Silent",
    "Sources",
    "State",
    "StateLimits",
    "Step",
    "SubFlow",
    "Template",
    "Then",
    "Tool",
    "Transcribe",
    "Transfer",
    "Trigger",
    "Truncation",
    "Turns",
    "UseTool",
    "Variable",
    "Voice",
    "Wait",
    "in_words",
]

Scope: TypeAlias = Mapping[str, Json]
"""What an expression sees: variables, step results, `call`, `event`, `now` (ISO 8601 text
with offset), `turns`, `visits`, `daypart`, and `result` and `args` where a tool's are."""


class Rejected(ValueError):
    """A value that its variable or parameter does not take; the text may be told to the model."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a file; counts from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Expression:
    """A checked expression. Never raises; what cannot be computed is None."""

    source: str
    mark: Mark
    evaluate: Callable[[Scope], Json] = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Template:
    """Author's text with `${…}` in it.

    `evaluate` keeps the type of a text that is exactly one `${…}`; `unset` names the first
    thing in it that has no value, or None.
    """

    source: str
    mark: Mark
    evaluate: Callable[[Scope], Json] = field(repr=False, compare=False)
    unset: Callable[[Scope], str | None] = field(repr=False, compare=False)

    def text(self, scope: Scope) -> str:
        """As text; what is unset reads `(unknown)`."""
        value = self.evaluate(scope)
        return value if isinstance(value, str) else _plain(value)


def in_words(arguments: Mapping[str, Json]) -> str:
    """Arguments of a call, for a caller who has to say yes to them."""
    said = ((key.replace("_", " "), value) for key, value in arguments.items())
    return ", ".join(f"{key} {_plain(value)}" for key, value in said if value is not None)


def _plain(value: Json) -> str:
    if value is None:
        return "(unknown)"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ", ".join(map(_plain, cast("Sequence[Json]", value)))
    return str(value)


class Accept(Protocol):
    def __call__(self, value: Json, scope: Scope) -> Json:
        """The value in its normal form (JSON: dates and times as ISO text). Raises `Rejected`."""
        ...


@dataclass(frozen=True, slots=True)
class Variable:
    """A typed value of the session. `schema` is JSON Schema for the model, description included."""

    name: str
    describe: str
    schema: Mapping[str, Json]
    accept: Accept = field(repr=False, compare=False)
    default: Json = None
    source: Expression | None = None  # `from:`, evaluated when the session starts
    clears: tuple[str, ...] = ()
    pii: bool = False
    engine_only: bool = False
    checked_by: str | None = None  # the tool that has to agree to what the model gives
    message: str = ""  # the author's, for a value that is refused
    ttl: float | None = None  # seconds for which it is remembered of a caller, if it is
    input: bool = False  # `from: input`: given by who runs the flow
    choices: Mapping[str, Json] = field(default_factory=dict[str, Json])
    """Of an enum or a bool: the words that the model chooses from, and the values they mean."""


@dataclass(frozen=True, slots=True)
class Say:
    """`audio` is a file that says it, where the channel can play one."""

    text: Template
    when: Expression | None = None
    audio: str | None = None


@dataclass(frozen=True, slots=True)
class Prompt:
    """One utterance of the model, by instruction."""

    text: Template
    when: Expression | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """A system item; nobody speaks."""

    text: Template
    when: Expression | None = None


@dataclass(frozen=True, slots=True)
class Set:
    values: Mapping[str, Template]
    when: Expression | None = None


@dataclass(frozen=True, slots=True)
class UseTool:
    """A call that the author makes. Its result is visible as `result_name`, if that is set."""

    tool: str
    arguments: Mapping[str, Template]
    result_name: str | None = None
    when: Expression | None = None
    approval: "ReadBack | Review | None" = None  # stricter than the tool's own


@dataclass(frozen=True, slots=True)
class Emit:
    """Tell other programs: an event `name` with these fields."""

    name: str
    data: Mapping[str, Template]
    when: Expression | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """Do nothing for so many seconds."""

    seconds: float
    when: Expression | None = None


@dataclass(frozen=True, slots=True)
class Classify:
    """The model decides, beside the conversation, which of its `choices` the variable gets."""

    text: Template
    variable: str
    when: Expression | None = None


@dataclass(frozen=True, slots=True)
class SendDigits:
    """Press keys on the caller's line."""

    digits: Template
    when: Expression | None = None


@dataclass(frozen=True, slots=True)
class Play:
    """Let the caller hear a recorded file."""

    file: str
    when: Expression | None = None


@dataclass(frozen=True, slots=True)
class Show:
    """The model sees this as if the caller had shown it: a text, or an image's data URI."""

    text: Template | None = None
    image: str = field(default="", repr=False)
    when: Expression | None = None


Step: TypeAlias = (
    Say | Prompt | Note | Set | UseTool | Emit | Wait | Classify | SendDigits | Play | Show
)


@dataclass(frozen=True, slots=True)
class Intent:
    """The model decides: it calls `go_<id>`. `fill` are variables that it may set with it."""

    id: str
    description: str
    examples: tuple[str, ...] = ()
    unless: str = ""  # `not:`, when it does not apply
    fill: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class On:
    """An event by its name in the language: `collected`, `tool.<name>.done`, …"""

    event: str


@dataclass(frozen=True, slots=True)
class Digit:
    """The caller pressed this key."""

    digit: str


@dataclass(frozen=True, slots=True)
class After:
    """So many seconds have passed since the state was entered."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Silent:
    """The caller has been silent for so many seconds."""

    seconds: float


Trigger: TypeAlias = Intent | On | Digit | After | Silent


@dataclass(frozen=True, slots=True)
class Edge:
    """One entry of a state's `next`. No trigger: it is tried whenever things settle."""

    mark: Mark
    trigger: Trigger | None = None
    condition: Expression | None = None
    set: Mapping[str, Template] = field(default_factory=dict[str, Template])
    do: tuple[Step, ...] = ()
    goto: str | None = None


@dataclass(frozen=True, slots=True)
class SubFlow:
    """A flow within this one: begun with `given` for its variables, its end is seen as
    `result_name`, an object of its reason and outcome."""

    flow: str
    given: Mapping[str, Template]
    result_name: str | None = None


@dataclass(frozen=True, slots=True)
class Interrupt:
    """From anywhere: leave for `goto`, or do the steps and what `run` says, and return to where the
    talk was. One without a trigger is taken when its condition becomes true, once until it is false
    again."""

    id: str
    mark: Mark
    trigger: Intent | On | Digit | None = None
    condition: Expression | None = None
    goto: str | None = None
    do: tuple[Step, ...] = ()
    returns: bool = False
    except_in: tuple[str, ...] = ()
    cool_down: int = 0  # how many moves must pass before it is offered again
    run: SubFlow | None = None


@dataclass(frozen=True, slots=True)
class Collect:
    """The variables that a state asks for, in order; `optional` and `fresh` are subsets."""

    variables: tuple[str, ...]
    optional: frozenset[str] = frozenset()
    fresh: frozenset[str] = frozenset()
    attempts: int | None = None  # how often one of them may be refused
    on_failed: str | None = None
    confirm: "ReadBack | None" = None  # the caller has to say yes to what was collected


@dataclass(frozen=True, slots=True)
class End:
    """Of the session; of a sub-flow alone, whose state sees reason and outcome."""

    reason: Template
    outcome: Mapping[str, Template] = field(default_factory=dict[str, Template])


@dataclass(frozen=True, slots=True)
class Transfer:
    to: Template
    note: Template | None = None
    on_failed: str | None = None
    summary: bool = False
    headers: Mapping[str, Template] = field(default_factory=dict[str, Template])


Side: TypeAlias = Literal["input", "output"]
Find: TypeAlias = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Then:
    """What follows when the agent was stopped: words, a state, or both."""

    say: Template | None = None
    goto: str | None = None


@dataclass(frozen=True, slots=True)
class Guard:
    """Watches the caller's words (`input`) or the model's. It looks in one way: a pattern, a
    question to the model, or a tool. With `into` its answer is kept in that variable."""

    id: str
    mark: Mark
    side: Side
    match: Find | None = field(default=None, repr=False, compare=False)
    classify: Template | None = None
    tool: str | None = None
    every: int = 1
    when: Expression | None = None
    into: str | None = None
    then: Then | None = None


@dataclass(frozen=True, slots=True)
class Context:
    """What stays of the conversation when a state is entered: the last items, and a summary of
    the others if one is wanted."""

    keep_last: int = 0
    summary: bool = False


@dataclass(frozen=True, slots=True)
class Silence:
    """What is done when the caller has been silent for `after` seconds: a step, or a move."""

    mark: Mark
    after: float
    do: tuple[Step, ...] = ()
    goto: str | None = None


@dataclass(frozen=True, slots=True)
class Voice:
    """Of one state, instead of the session's; None leaves that as it is."""

    eagerness: Literal["low", "medium", "high", "auto"] | None = None
    interrupt: bool | None = None


@dataclass(frozen=True, slots=True)
class Handoff:
    """Another flow takes the session over."""

    flow: str
    given: Mapping[str, Template]
    context: Context | None = None  # None: all of it stays


@dataclass(frozen=True, slots=True)
class StateLimits:
    """Of one entry: turns of the caller, seconds."""

    turns: int | None = None
    time: float | None = None


@dataclass(frozen=True, slots=True)
class State:
    name: str
    mark: Mark
    do: tuple[Step, ...] = ()
    goal: Template | None = None
    collect: Collect | None = None
    tools: tuple[str, ...] = ()  # names in `Flow.tools`, `tools_everywhere` included
    next: tuple[Edge, ...] = ()
    examples: tuple[str, ...] = ()
    context: Context | None = None  # None: all of it stays
    final: End | Transfer | Handoff | None = None
    run: SubFlow | None = None
    silence: tuple[Silence, ...] = ()  # the flow's, unless the state has its own
    voice: Voice | None = None
    limits: StateLimits | None = None


@dataclass(frozen=True, slots=True)
class Retry:
    """`max` further attempts after the first; seconds; `jitter` is a share of the pause."""

    max: int = 0
    backoff: float = 0.2
    factor: float = 2.0
    jitter: float = 0.1
    on: frozenset[str] = frozenset({"timeout", "unavailable", "rate_limited"})


@dataclass(frozen=True, slots=True)
class Filler:
    """Without `lines` the model finds the words. With `progress` the handler's own come first,
    when there are new ones."""

    after: float
    lines: tuple[Template, ...]
    every: float | None = None
    progress: bool = False


@dataclass(frozen=True, slots=True)
class ReadBack:
    """The caller has to say yes to the arguments; `words` are the author's for them.

    `condition` says when they are asked at all, and `reads` which arguments it looks at.
    """

    condition: Expression | None = None
    reads: tuple[str, ...] = ()
    words: Template | None = None


@dataclass(frozen=True, slots=True)
class Review:
    """A person decides before the tool is called: `timeout` in seconds, then it is denied.

    `reason` is for that person; `condition` says when one is asked at all, and `reads` which
    arguments it looks at; `show` are those that the person sees, all of them if it is None.
    """

    timeout: float = 60.0
    reason: Template | None = None
    condition: Expression | None = None
    reads: tuple[str, ...] = ()
    channel: str = ""
    show: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Native:
    """Where the Realtime service calls a tool itself: its label for the server, and the name
    under which that is registered."""

    label: str
    server: str


@dataclass(frozen=True, slots=True)
class Tool:
    """A function or an MCP tool, to the engine the same.

    `name` is the author's (`menu.allergens`), `alias` the model's (`menu__allergens`);
    `queue` and `handler` say where a call goes. `schema` is JSON Schema of what the model
    may give: `bound` parameters are not in it. `accept` makes the arguments (bound ones
    included) what is published; it raises `Rejected`. Times are in seconds.
    """

    name: str
    alias: str
    mark: Mark
    queue: str
    handler: str
    describe: str
    schema: Mapping[str, Json]
    accept: Callable[[Mapping[str, Json]], dict[str, Json]] = field(repr=False, compare=False)
    returned: Callable[[Json, Scope], Json] = field(
        default=lambda result, _: result, repr=False, compare=False
    )  # makes of a result what `returns` promises; raises `Rejected`
    bound: Mapping[str, Template] = field(default_factory=dict[str, Template])
    mode: Literal["wait", "background", "detached"] = "wait"
    timeout: float = 10.0
    deadline: float | None = None
    retry: Retry = Retry()
    safe: bool = False
    rerun: bool = False  # `after_crash: rerun`
    key: Template | None = None  # `idempotency`; the call id if None
    requires: Expression | None = None
    read_back: ReadBack | None = None
    review: Review | None = None
    undo: str | None = None
    filler: Filler | None = None
    on_interrupt: Literal["keep", "cancel"] = "keep"
    on_hangup: Literal["keep", "cancel"] = "keep"
    assign: Mapping[str, Template] = field(default_factory=dict[str, Template])
    ok_if: Expression | None = None  # over `result`; false makes the outcome a failure
    silent: bool = False  # its result makes nobody speak
    errors: Literal["hide", "summary", "pass"] = "summary"
    concurrency: int | None = None  # calls at a time in one session
    rate: Rate | None = None
    priority: Priority = "live"
    native: Native | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    duration: float | None = None  # seconds
    visits: int = 25  # per state
    tool_calls: int | None = None
    turns: int | None = None
    cost: float | None = None  # US dollars


@dataclass(frozen=True, slots=True)
class Turns:
    """How the service finds the end of a turn of the caller; times in seconds."""

    detect: Literal["semantic", "server", "manual"] = "semantic"
    eagerness: Literal["low", "medium", "high", "auto"] = "auto"
    end_after: float | None = None
    prefix: float | None = None
    interrupt: bool = True


@dataclass(frozen=True, slots=True)
class Transcribe:
    model: str | None = None
    language: str | None = None
    terms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Truncation:
    """The share of a conversation that is kept when it outgrows the model, or so many tokens."""

    keep: float
    after_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """Settings of the provider's session, as the author gave them; None is the provider's own."""

    mode: Literal["voice", "text", "transcribe"] = "voice"
    persona: str = ""
    model: str | None = None
    voice: str | None = None
    language: str | None = None
    zone: str | None = None
    reasoning: str | None = None
    channel: Literal["text", "websocket", "webrtc", "sip"] | None = None
    backup: str | None = None
    speed: float | None = None
    noise: Literal["near_field", "far_field"] | None = None
    turns: Turns = Turns()
    transcribe: Transcribe = Transcribe()
    max_output: int | None = None
    truncation: Truncation | None = None
    parallel_tools: bool | None = None
    inputs: tuple[str, ...] | None = None
    trace: bool = False
    prompting: Literal["per_state", "stable"] = "per_state"


def _without_annotations(
    lock: Mapping[str, Mapping[str, Mapping[str, Json]]],
) -> dict[str, dict[str, dict[str, Json]]]:
    return {
        server: {
            name: {key: value for key, value in tool.items() if key != "annotations"}
            for name, tool in tools.items()
        }
        for server, tools in lock.items()
    }


@dataclass(frozen=True, slots=True)
class Sources:
    """What a flow is made from: documents by their paths from the directory of its own, which
    is the first, and the pinned tools that it names (server, tool, definition)."""

    texts: Mapping[str, str]
    lock: Mapping[str, Mapping[str, Mapping[str, Json]]] = field(
        default_factory=dict[str, Mapping[str, Mapping[str, Json]]]
    )

    @property
    def sha256(self) -> str:
        """Of all that decides about the conversation; a journal's header carries this.

        Annotations do not: a tool that is read-only is withdrawn at the end, no more.
        """
        own, *others = self.texts.items()
        pinned = json.dumps(_without_annotations(self.lock), sort_keys=True, default=str)
        parts = [own[1], pinned, *(part for other in sorted(others) for part in other)]
        return hashlib.sha256("\0".join(parts).encode(errors="replace")).hexdigest()


@dataclass(frozen=True, slots=True)
class Flow:
    """`sha256` is that of its `sources`; a journal's header carries it.

    `carriers` says what the flow asks for that only a carrier of calls can serve, `unanswered`
    where it goes when nobody takes the call that it made. `flows` are all that it runs or hands
    over to, and those that they do.
    """

    name: str
    version: str
    title: str
    sha256: str
    start: str
    states: Mapping[str, State]
    tools: Mapping[str, Tool]
    variables: Mapping[str, Variable]
    interrupts: tuple[Interrupt, ...] = ()
    guards: tuple[Guard, ...] = ()
    on_start: tuple[Step, ...] = ()
    on_end: tuple[Step, ...] = ()
    on_error: str | None = None
    limits: Limits = Limits()
    session: Session = Session()
    remembers: frozenset[str] = frozenset()  # names of what it wants to know of a caller
    carriers: tuple[str, ...] = ()
    unanswered: Mapping[str, str] = field(default_factory=dict[str, str])  # event -> state
    sources: Sources = Sources({"": ""})
    flows: Mapping[str, "Flow"] = field(default_factory=dict[str, "Flow"])

    @property
    def family(self) -> tuple["Flow", ...]:
        """This flow, and all that it may lead to."""
        return (self, *self.flows.values())

    @property
    def all_tools(self) -> tuple[Tool, ...]:
        """Its own, and those of all flows that it may lead to."""
        return tuple(tool for flow in self.family for tool in flow.tools.values())

    def named(self, name: str) -> "Flow":
        """The flow with this name that this one runs or hands over to; without one, itself."""
        return self.flows.get(name, self) if name else self

    @property
    def hears_signals(self) -> bool:
        return any(flow._hears_signals for flow in self.family)

    @property
    def _hears_signals(self) -> bool:
        edges = (edge.trigger for state in self.states.values() for edge in state.next)
        triggers = (*edges, *(interrupt.trigger for interrupt in self.interrupts))
        return any(isinstance(t, On) and t.event.startswith("signal.") for t in triggers)
