"""The document of a flow's tests, as its author wrote it: shapes and types of keys. Pure.

It is read like a flow: strictly, with every problem told at its place. docs/testing-flows.md
says what the keys mean.
"""

# ruff: noqa: RUF012 (pydantic copies defaults)

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError
from pydantic_core import PydanticCustomError

from orchestrator.dispatch.call import Json, Outcome
from orchestrator.flow.loader import Node, Table
from orchestrator.flow.part import Part, Report
from orchestrator.flow.shapes import EventName, Key, Lines, Seconds, parse_duration

__all__ = [
    "Act",
    "Answer",
    "Canned",
    "Case",
    "Denial",
    "Expect",
    "Phone",
    "Setting",
    "Start",
    "Suite",
    "Turn",
    "read",
]

NOT_AN_ANSWER = "an answer is an error (`error`, `message`) or a result, after `after`"


@dataclass(frozen=True, slots=True)
class Canned:
    """What a tool answers, `after` so many seconds. Nothing ever comes if `outcome` is None."""

    outcome: Outcome | None
    after: float = 0.0


def _canned(value: Json) -> Json:
    if not isinstance(value, Table):
        return Canned(Outcome("worker", value))
    result = dict(value)
    after = parse_duration(str(result.pop("after", "0s")))
    if after is None:
        raise PydanticCustomError("canned", "'after' should be a duration, as \"3s\"")
    if "error" not in result:
        return Canned(Outcome("worker", result), after)
    code, message = result.pop("error"), result.pop("message", "")
    if result or not isinstance(code, str) or not isinstance(message, str):
        raise PydanticCustomError("canned", NOT_AN_ANSWER)
    return Canned(None if code == "timeout" else Outcome.failed("worker", code, message), after)


def _moment(value: str) -> str:
    try:
        offset = datetime.fromisoformat(value).utcoffset()
    except ValueError:
        offset = None
    if offset is None:
        text = 'should be a moment with its offset, as "2026-11-23T10:00:00+01:00"'
        raise PydanticCustomError("moment", text)
    return value


def _answer(value: Json) -> Json:
    return [value] if isinstance(value, dict) else value  # pyright: ignore[reportUnknownVariableType]


def _called(value: Json) -> Json:
    return {value: {}} if isinstance(value, str) else value


def _one_tool(value: Mapping[str, Json]) -> Mapping[str, Json]:
    if len(value) != 1:
        raise PydanticCustomError("one_tool", "names one tool: {tool: {argument: value}}")
    return value


class Act(Part):
    """One thing that the scripted model does within an answer."""

    call: str | None = None
    args: dict[str, Any] = {}
    say: str | None = None

    def rules(self) -> Iterator[tuple[str, str]]:
        if (self.call is None) == (self.say is None):
            yield "say", "the model either calls (`call`) or speaks (`say`)"
        if self.args and self.call is None:
            yield "args", "only a call has `args`"


Answer: TypeAlias = Annotated[list[Act], BeforeValidator(_answer)]
Called: TypeAlias = Annotated[
    dict[str, dict[str, Any]], BeforeValidator(_called), AfterValidator(_one_tool)
]


class Expect(Part):
    """What should have come of a turn. Only what stands here is looked at."""

    path: list[str] = Field([], description="States, from the one that the turn began in")
    visits: list[str] = Field([], description="States that are among those of the turn")
    state: str = Field("", description="Where the talk is now")
    vars: dict[str, Any] = Field({}, description="Values of variables; null: unset")
    offered: list[str] = Field([], description="All that the model may call now, in any order")
    tools: list[Called] = Field([], description="Tools called with at least these arguments")
    not_called: list[str] = []
    approvals: list[Called] = Field([], description="Tools that a person was asked about")
    attempts: dict[str, int] = Field({}, description="How often a tool was tried")
    said: Lines = Field([], description="What the caller heard, in this order")
    events: list[str] = Field([], description="Events of `run --json`, in this order")
    kept: list[str] = Field([], description="Tools whose calls outlived the session")
    cancelled: list[str] = []
    ended: str | None = Field(None, description="Why the session ended; null: it did not")
    judge: list[str] = Field([], description="Statements for the judge of a live case")

    def rules(self) -> Iterator[tuple[str, str]]:
        for key in ("visits", "not_called", "events"):
            if key in self.node.keys and not getattr(self, key):
                yield key, "an empty list of these expects nothing"


class Denial(Part):
    """A person's no; a bare text is its `tool`."""

    short: ClassVar[str] = "tool"
    fallback: ClassVar[Mapping[str, Json]] = {"tool": ""}

    tool: str
    note: str = Field("", description="Why, for the model and the flow")


class Told(Part):
    """A signal."""

    fallback: ClassVar[Mapping[str, Json]] = {"name": "unknown"}

    name: EventName
    data: dict[str, Any] = {}


class Turn(Part):
    """What the caller does, what the model answers, and what comes of it."""

    later: ClassVar[frozenset[str]] = frozenset({"image"})
    ACTS: ClassVar[tuple[str, ...]] = ("caller", "digit", "line", "signal", "approve", "deny")

    caller: str | None = None
    digit: Key | None = Field(None, description="A key of the caller's telephone")
    line: Literal["voicemail", "busy", "no_answer"] | None = Field(
        None, description="Who took our call instead of a caller"
    )
    interrupts: bool = Field(
        False, description="The caller speaks into the agent's last words (with a voice)"
    )
    signal: Told | None = Field(None, description="What the session is told from outside")
    model: list[Answer] = Field([], description="Its answers, in the order they are asked for")
    approve: str | None = Field(None, description="A person agrees to a call of this tool")
    deny: Denial | None = Field(None, description="A person says no to a call of this tool")
    wait: Seconds = Field(0.0, description="How much time passes")
    then: Literal["hangup", "interrupted", "lost"] | None = Field(
        None, description="The caller leaves, the program is stopped, the service is lost"
    )
    expect: Expect | None = None

    def rules(self) -> Iterator[tuple[str, str]]:
        if self.interrupts and self.caller is None:
            yield "interrupts", "only a `caller` who speaks cuts in"
        acts = [key for key in self.ACTS if key in self.node.keys]
        for key in acts[1:]:
            yield (
                key,
                f"one thing at a time: what stands beside '{acts[0]}' has a turn of its own",
            )


class Start(Part):
    """Where a case begins, if not at the flow's start."""

    state: str | None = None
    vars: dict[str, Any] = {}


class Phone(Part):
    """What `call` is in the flow's expressions."""

    id: str = "test"
    caller: str | None = None
    to: str | None = None
    direction: Literal["inbound", "outbound"] = "inbound"
    channel: Literal["text", "websocket", "webrtc", "sip"] = "text"
    headers: dict[str, str] = {}


class Setting(Part):
    """What surrounds a conversation."""

    now: Annotated[str, AfterValidator(_moment)] | None = Field(None, description="When it starts")
    call: Phone | None = None
    tools: dict[str, list[Annotated[Canned, BeforeValidator(_canned)]]] = Field(
        {}, description="What each tool answers, one entry per attempt"
    )
    classify: list[str] = Field([], description="What `classify` steps come to, in order")
    guards: dict[str, list[str]] = Field(
        {}, description="What the model's answers to a guard's question are, in order"
    )
    remembered: dict[str, Any] = Field({}, description="What is known of the caller from before")
    summary: str = Field("", description="What the model's summaries of the talk say")
    transfer: Literal["done", "failed"] | None = Field(None, description="How a transfer ends")


class Case(Setting):
    """One conversation. It is scripted, or held with a model by a simulated caller (live)."""

    fallback: ClassVar[Mapping[str, Json]] = {"case": ""}
    LIVE: ClassVar[tuple[str, ...]] = ("persona", "max_turns", "expect")

    case: str = Field(description="Its name, as a sentence")
    live: bool = False
    start: Start | None = None
    turns: list[Turn] = []
    persona: str = Field("", description="Who the simulated caller is")
    max_turns: Annotated[int, Field(ge=1, le=100)] = 12
    expect: Expect | None = None

    def rules(self) -> Iterator[tuple[str, str]]:
        if self.live and self.turns:
            yield "turns", "a live case has no turns: its caller is simulated"
        if not self.live:
            for key in self.LIVE:
                if key in self.node.keys:
                    yield key, f"only a live case has '{key}'; a scripted one has turns"
            if not self.turns:
                yield "case", "this case has no turns"


class Suite(Part):
    """The tests of one flow."""

    fallback: ClassVar[Mapping[str, Json]] = {"dsl": 1, "tests": "", "cases": []}

    dsl: Literal[1]
    tests: str = Field(description="The flow's file, relative to this one")
    defaults: Setting | None = Field(None, description="For every case that does not say otherwise")
    cases: list[Case]


def read(root: Node, report: Report) -> Suite | None:
    """The tests; problems S001, S010 and X001 go to `report`. None if nothing is left of them."""
    if not isinstance(root.value, Table):
        report("S001", root.mark, "tests are a mapping: dsl, tests, cases")
        return None
    try:
        return Suite.model_validate(root.value, context=report)
    except ValidationError:
        return None  # what is missing has been reported
