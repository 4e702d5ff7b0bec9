"""Checks of variables: who gives them a value. Pure."""

from collections.abc import Iterator
from typing import Any

from orchestrator.dispatch.call import Json
from orchestrator.flow.checks.walk import complete, edges, steps
from orchestrator.flow.definition import Mark
from orchestrator.flow.document import Document
from orchestrator.flow.part import Report
from orchestrator.flow.shapes import Variable

__all__ = ["check_values", "given", "literals"]


def check_values(document: Document, report: Report) -> None:
    for name, mark in _asked(document):
        if name in document.vars and document.vars[name].writable == "engine":
            report("V003", mark, f"'{name}' is written by the engine only; nobody may give it")
    if not complete(report, "V001"):
        return
    known = given(document)
    for name, variable in document.vars.items():
        elsewhere = variable.default is not None or variable.source or variable.scope == "caller"
        if name not in known and not elsewhere:
            mark = document.node.at("vars").key(name)
            report.warn("V010", mark, f"nothing ever gives '{name}' a value")


def given(document: Document) -> set[str]:
    """Variables that something in this document gives a value."""
    assigned = {name for values in _assigned(document) for name in values}
    return assigned | {name for name, _ in _asked(document)}


def literals(name: str, document: Document) -> list[Json] | None:
    """The values that a variable can have; None if one of them is not written out here."""
    variable = document.vars[name]
    asked = {each for each, _ in _asked(document)}
    if variable.source is not None or name in asked or _unwritten(variable):
        return None
    values = [variable.default, *(v[name] for v in _assigned(document) if name in v)]
    return None if any(isinstance(value, str) and "${" in value for value in values) else values


def _unwritten(variable: Variable) -> bool:
    """Whether a text that stands in the flow is not yet the value."""
    return bool(variable.normalise) or variable.type not in ("bool", "enum", "int", "number")


def _asked(document: Document) -> Iterator[tuple[str, Mark]]:
    """Variables that the model may set, and where that stands."""
    for state in document.states.values():
        if state.collect:
            for index, name in enumerate(state.collect.vars):
                yield name, state.collect.node.at("vars", index).mark
        for edge in state.next:
            for index, name in enumerate(edge.fill):
                yield name, edge.node.at("fill", index).mark


def _assigned(document: Document) -> Iterator[dict[str, Any]]:
    for tool in document.tools.values():
        yield tool.assign
    for server in document.mcp.values():
        yield from server.assign.values()
    for edge in edges(document):
        yield edge.set
    for step in steps(document):
        yield step.set or {}
        yield {step.into: None} if step.into else {}
    for guard in document.guards.input if document.guards else ():
        yield {guard.into: None} if guard.into else {}
    for trigger in document.triggers:
        yield dict(trigger.sets_at())
