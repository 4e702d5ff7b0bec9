"""Stages of a conversation, and the ways between them. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from orchestrator.flow.definition.steps import Step
from orchestrator.flow.definition.texts import Expression, Mark, Template
from orchestrator.flow.definition.tools import ReadBack

__all__ = [
    "MAX_DEPTH",
    "After",
    "Collect",
    "Context",
    "Digit",
    "Edge",
    "End",
    "Find",
    "Guard",
    "Handoff",
    "Intent",
    "Interrupt",
    "On",
    "Side",
    "Silence",
    "Silent",
    "State",
    "StateLimits",
    "SubFlow",
    "Then",
    "Transfer",
    "Trigger",
    "Voice",
]


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


MAX_DEPTH = 4
"""So many flows may be around another one, each begun by the one before."""


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


@dataclass(frozen=True, slots=True, weakref_slot=True, eq=False)
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
