"""Checks of variables: who gives them a value. Pure."""

from collections.abc import Iterator
from typing import Any

from orchestrator.flow.checks.walk import complete, edges, steps
from orchestrator.flow.definition import Mark
from orchestrator.flow.document import Document
from orchestrator.flow.part import Report

__all__ = ["check_values"]


def check_values(document: Document, report: Report) -> None:
    engine_only = {name for name, v in document.vars.items() if v.writable == "engine"}
    given: set[str] = set()
    for names, mark in _asked(document):
        given.add(names)
        if names in engine_only:
            report("V003", mark, f"'{names}' is written by the engine only; nobody may give it")
    given |= {name for values in _assigned(document) for name in values}
    if not complete(report, "V001"):
        return
    for name, variable in document.vars.items():
        if name not in given and variable.default is None and variable.source is None:
            mark = document.node.at("vars").key(name)
            report.warn("V010", mark, f"nothing ever gives '{name}' a value")


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
    for trigger in document.triggers:
        yield dict(trigger.sets_at())
