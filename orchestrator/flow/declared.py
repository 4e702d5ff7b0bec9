"""Compiles variables: their types, where their first values come from, what they take. Pure."""

import keyword
import re
from collections.abc import Iterator, Mapping

from orchestrator.dispatch.call import Json
from orchestrator.flow import definition as made
from orchestrator.flow.document import Tool
from orchestrator.flow.functions import FUNCTIONS
from orchestrator.flow.part import Report
from orchestrator.flow.patterns import compile_pattern
from orchestrator.flow.shapes import ID, Check, Shape, Variable
from orchestrator.flow.symbols import EVERYWHERE, INPUT, Symbols, ToolSymbol
from orchestrator.flow.texts import Texts
from orchestrator.flow.types import CALL, choices, of_shape
from orchestrator.flow.values import acceptor, fits, normaliser, schema_of

__all__ = ["remembered", "variable"]

RESERVED = {*EVERYWHERE, *FUNCTIONS, "event", "result", "args", "value", "true", "false", "null"}
HEADER = re.compile(r"call\.header\.([A-Za-z0-9-]+)\Z", re.ASCII)
OF_CALLER = "caller."
REMEMBERED = 90 * 86400.0
"""Seconds for which something is remembered of a caller unless the author says otherwise."""


def variable(
    name: str, mark: made.Mark, given: Variable, symbols: Symbols, report: Report
) -> made.Variable:
    node = given.node
    if name in RESERVED or keyword.iskeyword(name):
        message = f"'{name}' is a word of expressions; choose another name"
        report("S001", mark, message)
    for index, other in enumerate(given.clears):
        symbols.check_variable(other, node.at("clears", index).mark, report)
    return made.Variable(
        name,
        given.describe,
        schema_of(given),
        _accept(given, symbols, report),
        default=_default(name, given, report),
        source=_source(given, report) if given.source not in (None, INPUT) else None,
        input=given.source == INPUT,
        clears=tuple(given.clears),
        pii=given.pii,
        engine_only=given.writable == "engine",
        checked_by=_checked_by(given, symbols, report),
        message=given.message,
        ttl=(given.ttl or REMEMBERED) if given.scope == "caller" else None,
        choices=choices(of_shape(given)),
    )


def remembered(variables: Mapping[str, Variable]) -> frozenset[str]:
    """The names under which this flow wants to know what is remembered of a caller."""
    return frozenset(_remembered(variables))


def _remembered(variables: Mapping[str, Variable]) -> Iterator[str]:
    for name, given in variables.items():
        if given.scope == "caller":
            yield name
        if given.source and given.source.startswith(OF_CALLER):
            yield given.source.removeprefix(OF_CALLER)


def _default(name: str, given: Variable, report: Report) -> Json:
    """It is of the type and within bounds; `validate` is for what callers give."""
    if given.default is None or not given.whole:
        return None
    try:
        return acceptor(given)(given.default, {})
    except made.Rejected as problem:
        mark = given.node.at("default").mark
        report("V002", mark, f"the default of '{name}' {problem}")
        return None


def _checked_by(given: Variable, symbols: Symbols, report: Report) -> str | None:
    if not isinstance(given.check, Check):
        return None
    mark = given.node.at("validate", "tool").mark
    tool = symbols.tool(given.check.tool, mark, report)
    why = _cannot_check(tool) if tool else ""
    if tool and why:
        report("V005", mark, f"{tool.name} cannot check a value: {why}")
    return tool.name if tool and not why else None


def _cannot_check(tool: ToolSymbol) -> str:
    """Why this tool cannot say whether a value is possible; empty if it can."""
    needed = {name for name, p in (tool.parameters or {}).items() if p.required} - tool.bound
    if isinstance(tool.source, Tool) and tool.source.mode != "wait":
        return "nobody waits for its result"
    if tool.approval != "none":
        return "somebody has to approve it"
    if tool.parameters is not None and ("value" not in tool.parameters or "value" in tool.bound):
        return "it has no parameter 'value'"
    if needed - {"value"}:
        return f"it needs {', '.join(sorted(needed - {'value'}))}, too"
    fields = tool.returns.fields
    return "" if fields is None or "ok" in fields else "its `returns` has no 'ok'"


def _source(given: Variable, report: Report) -> made.Expression:
    """`call.caller` and its like, a header of the call, or what is remembered of the caller."""
    node, source = given.node.at("from"), str(given.source)
    if header := HEADER.match(source):
        name = header[1].lower()
        return made.Expression(source, node.mark, lambda scope: scope["headers"].get(name))
    if source.startswith(OF_CALLER):
        name = source.removeprefix(OF_CALLER)
        if not ID.match(name):
            report("E002", node.mark, f"'{name}' is no name of a variable", "as caller.name")
        return made.Expression(source, node.mark, lambda scope: scope["remembered"].get(name))
    expression, type_ = Texts(report, {"call": CALL}).expression(node)
    if not fits(type_, of_shape(given)):
        report("V002", node.mark, f"{type_} does not fit {of_shape(given)}")
    return expression


def _accept(given: Variable, symbols: Symbols, report: Report) -> made.Accept:
    node = given.node
    _check_patterns(given, report)
    message = given.message
    read, normalise = acceptor(given, message), normaliser(list(given.normalise))
    texts = Texts(report, {**symbols.names, "value": of_shape(given)})
    valid = texts.condition(node.at("validate")) if isinstance(given.check, str) else None

    def accept(value: Json, scope: made.Scope) -> Json:
        accepted = read(normalise(value), scope)
        if valid and valid.evaluate(made.Extended(scope, {"value": accepted})) is not True:
            raise made.Rejected(message or "is not possible here")
        return accepted

    return accept


def _check_patterns(shape: Shape, report: Report) -> None:
    if shape.pattern is not None and isinstance(why := compile_pattern(shape.pattern), str):
        report("E001", shape.node.at("pattern").mark, why)
