"""Settings of a session, and the flow as a whole. Pure."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from orchestrator.dispatch.call import Json
from orchestrator.flow.definition.states import Guard, Interrupt, On, State, Trigger
from orchestrator.flow.definition.steps import Step
from orchestrator.flow.definition.texts import Variable
from orchestrator.flow.definition.tools import Tool

__all__ = ["Flow", "Limits", "Session", "Sources", "Transcribe", "Truncation", "Turns"]


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


@dataclass(frozen=True, slots=True, weakref_slot=True, eq=False)
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
        triggers = (trigger for flow in self.family for trigger in flow.triggers)
        return any(isinstance(t, On) and t.event.startswith("signal.") for t in triggers)

    @property
    def triggers(self) -> Iterator[Trigger]:
        """What its edges and interrupts wait for."""
        for edge in (edge for state in self.states.values() for edge in state.next):
            if edge.trigger is not None:
                yield edge.trigger
        for interrupt in self.interrupts:
            if interrupt.trigger is not None:
                yield interrupt.trigger
