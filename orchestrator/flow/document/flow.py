"""A file as a whole, as its author wrote it. Pure."""

# ruff: noqa: RUF012 (pydantic copies defaults)

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
