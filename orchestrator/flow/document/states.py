"""States, edges and interrupts, as their author wrote them. Pure."""

# ruff: noqa: RUF012 (pydantic copies defaults)

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
