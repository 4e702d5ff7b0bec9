"""What a document declares, by name, and what the names mean. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from orchestrator.dispatch.call import Json
from orchestrator.flow.definition import Mark
from orchestrator.flow.document import READ_ONLY, Approval, Document, McpServer, Tool
from orchestrator.flow.operations import is_list, is_object
from orchestrator.flow.part import Report, did_you_mean
from orchestrator.flow.shapes import Param
from orchestrator.flow.types import ANY, CALL, DATETIME, INT, OBJECT, Type, of_shape

__all__ = [
    "Lock",
    "Parameter",
    "Symbols",
    "ToolSymbol",
    "allow_mark",
    "allowed",
    "declare",
    "is_read_only",
]

Lock: TypeAlias = Mapping[str, Mapping[str, Mapping[str, Json]]]
"""Pinned tools: server, then tool, then `description`, `input_schema` and `annotations`."""

INPUT = "input"
"""The `from` of a variable whose first value is given by whoever runs the flow."""
DAYPART = Type("enum", ("morning", "afternoon", "evening", "night"))
EVERYWHERE: Mapping[str, Type] = {
    "call": CALL,
    "now": DATETIME,
    "turns": INT,
    "visits": INT,
    "daypart": DAYPART,
}


@dataclass(frozen=True, slots=True)
class Parameter:
    type: Type
    required: bool


@dataclass(frozen=True, slots=True)
class ToolSymbol:
    """A tool as its users see it. `parameters` is None where it takes anything.

    `source` is the tool, or the server that it belongs to.
    """

    name: str
    alias: str
    mark: Mark
    source: Tool | McpServer
    parameters: Mapping[str, Parameter] | None
    bound: frozenset[str]
    returns: Type
    gated: bool
    approval: Literal["none", "caller", "human"]
    safe: bool
    native: bool = False  # the Realtime service makes the calls, not we

    @property
    def args(self) -> Type:
        """What `args` is where a call of this tool is looked at."""
        if self.parameters is None:
            return OBJECT
        return Type("object", fields={name: p.type for name, p in self.parameters.items()})

    def parameter_mark(self, name: str) -> Mark:
        """Where a parameter is declared; the tool itself if that is another file's business."""
        node = self.source.node
        return node.at("params").key(name) if isinstance(self.source, Tool) else self.mark


@dataclass(frozen=True, slots=True)
class Callee:
    """A flow as those see it that run it or hand over to it. `outcome` is what it ends with."""

    inputs: Mapping[str, Parameter]
    outcome: Type


@dataclass(frozen=True, slots=True)
class Symbols:
    """`states` and `tools` hold names only whose parts could not be read, too (as None)."""

    variables: Mapping[str, Type]
    tools: Mapping[str, ToolSymbol | None]
    states: frozenset[str]
    missing: Mapping[str, str] = field(default_factory=dict[str, str])
    """What is said of variables that have no value."""
    results: Mapping[str, str] = field(default_factory=dict[str, str])
    """Where the names are known that are given with `as`."""
    flows: Mapping[str, Callee] = field(default_factory=dict[str, Callee])

    @property
    def names(self) -> Mapping[str, Type]:
        """What every expression sees."""
        return {**EVERYWHERE, **self.variables}

    def tool(self, name: str, mark: Mark, report: Report) -> ToolSymbol | None:
        """The tool, or None: T001 has been told then."""
        if name not in self.tools:
            hint = did_you_mean(name, self.tools)
            report("T001", mark, f"no tool '{name}'", hint)
        return self.tools.get(name)

    def check_state(self, name: str | None, mark: Mark, report: Report) -> None:
        if name and name not in self.states:
            report("G001", mark, f"no state '{name}'", did_you_mean(name, self.states))

    def check_variable(self, name: str, mark: Mark, report: Report) -> bool:
        if name not in self.variables:
            hint = did_you_mean(name, self.variables)
            report("V001", mark, f"no variable '{name}'", hint)
        return name in self.variables


def callee(document: Document, outcome: Type) -> Callee:
    inputs = {
        name: Parameter(of_shape(variable), variable.default is None)
        for name, variable in document.vars.items()
        if variable.source == INPUT
    }
    return Callee(inputs, outcome)


def declare(document: Document, lock: Lock) -> Symbols:
    root = document.node
    variables = {name: ANY for name in root.at("vars").keys if isinstance(name, str)}
    variables |= {name: of_shape(variable) for name, variable in document.vars.items()}
    tools: dict[str, ToolSymbol | None] = {str(name): None for name in root.at("tools").keys}
    marks = root.at("tools").key
    tools |= {name: _function(name, tool, marks(name)) for name, tool in document.tools.items()}
    for alias, server in document.mcp.items():
        tools |= _server_tools(alias, server, lock)
    states = frozenset(map(str, root.at("states").keys))
    given = {name: v.missing for name, v in document.vars.items() if v.missing is not None}
    return Symbols(variables, tools, states, given, _results(document))


def _results(document: Document) -> Mapping[str, str]:
    """Where each name is known that a step or a sub-flow gives with `as`, in words."""
    known: dict[str, list[str]] = {}
    for state, made in document.states.items():
        steps = [*made.do, *(step for edge in made.next for step in edge.do)]
        given = (made.name, *(step.name for step in steps))
        for name in dict.fromkeys(name for name in given if name):
            known.setdefault(name, []).append(f"'{state}'")
    return {
        name: f"state{'s' if len(states) > 1 else ''} {', '.join(states)}"
        for name, states in known.items()
    }


def _function(name: str, tool: Tool, mark: Mark) -> ToolSymbol:
    return ToolSymbol(
        name,
        name,
        mark,
        tool,
        {key: _parameter(param) for key, param in tool.params.items()} if tool.whole else None,
        frozenset(tool.args),
        Type("object", fields={k: of_shape(v) for k, v in tool.returns.items()} or None),
        gated=tool.requires is not None or _by(tool.approval) != "none",
        approval=_by(tool.approval),
        safe=tool.safe,
    )


def _by(approval: Approval | None) -> Literal["none", "caller", "human"]:
    return approval.by if approval else "none"


def _parameter(param: Param) -> Parameter:
    return Parameter(of_shape(param), not param.optional)


def allowed(server: McpServer, lock: Lock) -> list[str]:
    """The tools of a server that the flow may use, by their own names."""
    if server.allow == READ_ONLY:
        pinned = lock.get(server.server, {})
        return sorted(name for name, tool in pinned.items() if is_read_only(tool))
    return list(server.allow)


def is_read_only(pinned: Mapping[str, Json]) -> bool:
    """Whether the server says that the tool changes nothing."""
    annotations = pinned.get("annotations")
    return is_object(annotations) and annotations.get("readOnlyHint") is True


def allow_mark(server: McpServer, tool: str) -> Mark:
    """Where it stands that the tool is allowed."""
    node = server.node
    if server.allow == READ_ONLY:
        return node.at("allow").mark
    return node.at("allow", list(server.allow).index(tool)).mark


def _server_tools(alias: str, server: McpServer, lock: Lock) -> Mapping[str, ToolSymbol]:
    pinned = lock.get(server.server, {})
    return {
        f"{alias}.{tool}": _server_tool(alias, tool, server, pinned.get(tool))
        for tool in allowed(server, lock)
    }


def _server_tool(
    alias: str, tool: str, server: McpServer, pinned: Mapping[str, Json] | None
) -> ToolSymbol:
    approval = _by(server.approval.get(tool, server.approval.get("default")))
    return ToolSymbol(
        f"{alias}.{tool}",
        f"{alias}__{tool}",
        allow_mark(server, tool),
        server,
        _schema_parameters(pinned.get("input_schema") if pinned else None),
        frozenset(server.args.get(tool, {})),
        ANY,
        gated=tool in server.requires or approval != "none",
        approval=approval,
        # What a server's tool changes is not known; only gates make the checker look closer.
        safe=True,
        native=server.via == "openai",
    )


def _schema_parameters(schema: Json) -> Mapping[str, Parameter] | None:
    """Parameters of a JSON Schema; None where it does not name them."""
    properties = schema.get("properties") if is_object(schema) else None
    if not is_object(properties) or not properties:
        return None
    required = schema.get("required")
    needed = set(required) if is_list(required) else set[Json]()
    return {name: Parameter(_schema_type(p), name in needed) for name, p in properties.items()}


SCHEMA_TYPES = {"integer": "int", "number": "number", "boolean": "bool", "string": "text"}


def _schema_type(schema: Json) -> Type:
    name = schema.get("type") if is_object(schema) else None
    return Type(SCHEMA_TYPES[name]) if isinstance(name, str) and name in SCHEMA_TYPES else ANY
