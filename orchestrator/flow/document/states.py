"""States, edges and interrupts, as their author wrote them. Pure."""

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from orchestrator.dispatch.call import Json
from orchestrator.flow.document.steps import Step
from orchestrator.flow.loader import Table
from orchestrator.flow.operations import is_list
from orchestrator.flow.part import Part
from orchestrator.flow.shapes import (
    EventName,
    Id,
    Key,
    Seconds,
    Values,
)

__all__ = [
    "Collect",
    "Context",
    "ContextOf",
    "Edge",
    "End",
    "HandedOn",
    "Handoff",
    "Interrupt",
    "Silence",
    "State",
    "StateLimits",
    "Transfer",
    "Voice",
]


class Edge(Part):
    """One entry of `next`."""

    TRIGGERS: ClassVar[tuple[str, ...]] = ("intent", "event", "dtmf", "silence", "after")
    other_words: ClassVar[Mapping[str, str]] = {
        "on": "event", "when": "if", "then": "goto", "to": "goto", "target": "goto",
    }  # fmt: skip

    intent: str | None = Field(None, description="What the caller wants: the model calls `go_ID`")
    id: Id | None = Field(None, description="The intent's name, required with it")
    examples: list[str] = Field([], description="Phrases for the intent")
    unless: str = Field("", alias="not", description="When it is not meant")
    fill: list[str] = Field(
        [], description="Variables that the model may give with it; a refused value stops the move"
    )
    event: str | None = Field(None, description="The name of an event")
    dtmf: Key | None = Field(
        None, description='A telephone key: `"0"` to `"9"`, `"*"`, `"#"`; in tests only, so far'
    )
    silence: Seconds | None = Field(None, description="How long the caller has been silent")
    after: Seconds | None = Field(None, description="Time since the state was entered")
    when: str | None = Field(
        None, alias="if", description="Condition; an intent is offered only while it holds"
    )
    set: Values = Field({}, description="Values, given before `do` and the move")
    do: list[Step] = Field([], description="Steps before the move")
    goto: str | None = Field(
        None,
        description=(
            "The next state; it may be this one, which is entered again. Without it the state stays"
        ),
    )

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

    intent: str | None = Field(None, description="As of an edge; the model calls `go_NAME`")
    event: str | None = Field(None, description="As of an edge; any tool's events")
    dtmf: Key | None = Field(None, description="As of an edge")
    signal: EventName | None = Field(None, description="The name of a signal")
    when: str | None = Field(
        None,
        alias="if",
        description=(
            "With a trigger: a condition for it. Alone: the interrupt is taken when this "
            "*becomes* true, once, until it has been false again; it waits for steps that are "
            "under way"
        ),
    )
    examples: list[str] = Field([], description="As of an edge")
    unless: str = Field("", alias="not", description="As of an edge")
    goto: str | None = Field(None, description="The state to go to; it does not happen there")
    do: list[Step] = Field([], description="Done first")
    run: Id | None = Field(None, description="A sub-flow after the steps; needs `return: true`")
    arguments: Values = Field({}, alias="with", description="Inputs of the sub-flow")
    returns: bool = Field(False, alias="return", description="The state goes on afterwards")
    except_in: list[str] = Field([], alias="except", description="States where it does not happen")
    cool_down: Annotated[int, Field(ge=0, le=1000)] = Field(
        0, description="Moves for which it does not happen again"
    )

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

    vars: list[str] = Field(
        description="What the model may store, with `set_STATE`, several at a time"
    )
    optional: list[str] = Field([], description="Those of them that need not be given")
    fresh: list[str] = Field([], description="Those that have a value, and need a new one here")
    attempts: Annotated[int, Field(ge=1, le=20)] | None = Field(
        None,
        description=(
            "How often what is given for one of them may be refused: the last time is the event "
            "`collect.failed`; a check that fails or is overtaken does not count; no end by "
            "default"
        ),
    )
    on_failed: str | None = Field(
        None,
        description=(
            "The state to go to when the `attempts` are used up, if no edge takes "
            "`collect.failed`; without it that is an error"
        ),
    )
    confirm: Annotated[bool | str, BeforeValidator(_confirm)] = Field(
        False,
        description=(
            "Read back what was collected, and ask for the caller's yes; a text is the words for it"
        ),
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

    keep_last: Annotated[int, Field(ge=0, le=1000)] = Field(
        description=(
            "How many of the last items stay: a turn of either side, a note, a call and its "
            "output are one each"
        )
    )
    summary: bool = Field(False, description="Whether a summary takes the place of the others")


def _context(value: Json) -> Json:
    """`keep` drops nothing; `reset` all that was before."""
    return (
        {"keep": None, "reset": {"keep_last": 0}}.get(value, value)
        if isinstance(value, str)
        else value
    )


class End(Part):
    fallback: ClassVar[Mapping[str, Json]] = {"reason": ""}

    reason: str = Field(description="A text that tells how the session, or the sub-flow, ended")
    outcome: Values = Field({}, description="Values by name, for whoever runs the sub-flow")


class Transfer(Part):
    fallback: ClassVar[Mapping[str, Json]] = {"to": ""}

    to: str = Field(description="Where to: `sip:…`, `tel:…`")
    note: str | None = Field(None, description="For whoever takes over")
    summary: bool = Field(
        False,
        description=(
            "Whether the model sums up the talk for them, too; the transfer waits for it, at most "
            "10 s"
        ),
    )
    headers: Values = Field(
        {}, description="SIP headers by name; the Realtime service passes none on"
    )
    on_failed: str | None = Field(None, description="The state if it fails; an error by default")


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

    after: Seconds = Field(description="How long the caller has been silent")
    say: str | None = Field(None, description="These words")
    prompt: str | None = Field(None, description="One utterance of the model by this instruction")
    goto: str | None = Field(None, description="The state to go to")

    def rules(self) -> Iterator[tuple[str, str]]:
        if sum(key in self.node.keys for key in self.KINDS) != 1:
            yield "", f"a silence does one thing: {', '.join(self.KINDS)}"


class Voice(Part):
    """What differs in one state from `session.turns`."""

    eagerness: Literal["low", "medium", "high", "auto"] | None = Field(
        None, description="How soon a turn is taken to be over; no effect yet"
    )
    interrupt: bool | None = Field(
        None, description="Whether the caller may cut the agent off; the session's by default"
    )


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

    flow: Id = Field(description="The flow, `NAME.flow.yaml` beside this one")
    arguments: Values = Field({}, alias="with", description="Values for its inputs")
    context: HandedOn = Field(
        None,
        description=(
            "What it sees of the conversation: everything (`all`), nothing (`none`), a `summary`, "
            "or the `last` so many items"
        ),
    )


class StateLimits(Part):
    """Of one entry of a state."""

    turns: Annotated[int, Field(ge=1)] | None = Field(
        None, description="Of the caller, those within its sub-flow too"
    )
    time: Seconds | None = Field(None, description="Since the entry")


class State(Part):
    """A stage of the call."""

    ENDINGS: ClassVar[tuple[str, ...]] = ("end", "transfer", "handoff")

    do: list[Step] = Field([], description="Done on entering")
    goal: str | None = Field(None, description="What the model is to reach here")
    collect: Collect | None = Field(None, description="Variables to ask for")
    tools: list[str] = Field([], description="Tools that the model may call here")
    next: list[Edge] = Field([], description="Ways out, in order")
    examples: list[str] = Field([], description="Phrases that a caller may use here")
    context: ContextOf = Field(
        None,
        description=(
            "What the model still sees of what was before: everything (`keep`), nothing "
            "(`reset`), or the last items"
        ),
    )
    silence: list[Silence] | None = Field(None, description="Instead of the flow's")
    voice: Voice | None = Field(None, description="Instead of the session's")
    limits: StateLimits | None = Field(None, description="Of one entry")
    end: End | None = Field(None, description="The session, or the sub-flow, ends here")
    transfer: Transfer | None = Field(None, description="The session is passed on to somebody")
    handoff: Handoff | None = Field(None, description="The session goes on with another flow")
    run: Id | None = Field(
        None,
        description=(
            "A sub-flow that has the talk here, `NAME.flow.yaml` beside this one; such a state "
            "has, besides, only `do` and `next`"
        ),
    )
    arguments: Values = Field({}, alias="with", description="Inputs of the sub-flow")
    name: Id | None = Field(
        None, alias="as", description="A name for the sub-flow's reason and outcome"
    )

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
