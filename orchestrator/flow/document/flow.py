"""A file as a whole, as its author wrote it. Pure."""

from collections.abc import Iterator, Mapping
from typing import ClassVar, Literal

from pydantic import Field, ValidationError

from orchestrator.dispatch.call import Json
from orchestrator.flow.document.session import Limits, Session
from orchestrator.flow.document.states import Interrupt, Silence, State
from orchestrator.flow.document.steps import Step
from orchestrator.flow.document.tools import McpServer, Tool
from orchestrator.flow.guard_parts import Guards
from orchestrator.flow.loader import Node, Table
from orchestrator.flow.part import Part, Report
from orchestrator.flow.shapes import (
    Id,
    Seconds,
    Values,
    Variable,
)

__all__ = ["Defaults", "Document", "Included", "Outbound", "Steps", "Trigger", "read"]


class Steps(Part):
    """What is done when the session starts or ends."""

    fallback: ClassVar[Mapping[str, Json]] = {"do": []}

    do: list[Step] = Field(description="Done in this order")


class Trigger(Part):
    """What begins a session; known, and served when there is a carrier."""

    KINDS: ClassVar[tuple[str, ...]] = ("call", "redis", "schedule", "http")

    call: Values | None = Field(None, description="A session by a call that comes in")
    redis: Values | None = Field(None, description="A session by an entry of a stream")
    schedule: Values | None = Field(None, description="A session by the clock")
    http: Values | None = Field(None, description="A session by a request")
    when: str | None = Field(None, alias="if", description="Condition for beginning one")
    dedupe: str | None = Field(None, description="A key against doubles")

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

    to: str = Field(description="Whom to call")
    source: str | None = Field(None, alias="from", description="From which number")
    ring: Seconds | None = Field(None, description="For how long")
    voicemail: str | None = Field(None, description="The state for a call that a machine takes")
    busy: str | None = Field(None, description="The state for a call that finds the line busy")
    no_answer: str | None = Field(None, description="The state for a call that nobody takes")


class Defaults(Part):
    """Keys of each tool, and of each state that does not end, of this file: what one of them does
    not say itself is said here."""

    tool: Values = Field({}, description="Keys of each tool of this file")
    state: Values = Field({}, description="Keys of each state of this file, but for those that end")


class Included(Part):
    """A file that flows include: nothing but what is declared by name."""

    dsl: Literal[1] = Field(description="The language's version")
    use: list[str] = Field([], description="Other such files, by their paths from this one")
    vars: Values = Field({}, description="As in a flow, whose own they become")
    tools: Values = Field({}, description="As in a flow, whose own they become")
    mcp: Values = Field({}, description="As in a flow, whose own they become")
    interrupts: Values = Field({}, description="As in a flow, whose own they become")
    states: Values = Field({}, description="As in a flow, whose own they become")

    @classmethod
    def ignores(cls, key: str) -> bool:
        return key.startswith("x-")


class Document(Part):
    """A flow. Keys that begin with `x-` are its author's own."""

    fallback: ClassVar[Mapping[str, Json]] = {
        "dsl": 1, "flow": "unnamed", "version": "", "start": "", "states": {},
    }  # fmt: skip
    dsl: Literal[1] = Field(description="The language's version")
    flow: Id = Field(description="The flow's name")
    version: str = Field(description="The flow's version, a text in quotes")
    title: str = Field("", description="For people")
    description: str = Field("", description="For people")
    labels: dict[str, str] = Field({}, description="For people")
    use: list[str] = Field(
        [], description="Files of parts of this flow, each by its path from this file"
    )
    defaults: Defaults | None = Field(None, description="What the tools and the states share")
    session: Session | None = Field(None, description="Settings of the service's session")
    vars: dict[Id, Variable] = Field({}, description="What the session remembers, by name")
    tools: dict[Id, Tool] = Field({}, description="Functions that workers run, by name")
    mcp: dict[Id, McpServer] = Field(
        {}, description="Servers with tools, by the name that this flow gives them"
    )
    tools_everywhere: list[str] = Field(
        [], description="Tools that the model may call in every state"
    )
    interrupts: dict[Id, Interrupt] = Field({}, description="What may happen in any state, by name")
    guards: Guards | None = Field(None, description="What watches the words of both sides")
    silence: list[Silence] = Field([], description="What to do when the caller is silent")
    triggers: list[Trigger] = Field([], description="What begins a session; no effect yet")
    outbound: Outbound | None = Field(None, description="Whom to call; no effect yet")
    on_start: Steps | None = Field(None, description="Done when the session starts")
    on_end: Steps | None = Field(None, description="Done when the session ends, however it does")
    on_error: str | None = Field(None, description="The state for errors that nothing else handles")
    limits: Limits | None = Field(
        None, description="How long a session may be, and what it may cost"
    )
    start: str = Field(description="The first state")
    states: dict[Id, State] = Field(description="The stages of the talk, by name")

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
