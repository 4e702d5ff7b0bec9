"""What a document holds, wherever it stands. Pure."""

from collections.abc import Iterable, Iterator

from orchestrator.flow.document import Document, Edge, Step
from orchestrator.flow.guard_parts import Guard
from orchestrator.flow.part import Report

__all__ = ["called", "complete", "edges", "expressions_hold", "guarding", "offered", "steps"]

UNREAD = frozenset({"S001", "S010", "X001"})


def complete(report: Report, *codes: str) -> bool:
    """Whether nothing was left out while reading, nor any of these problems found."""
    return report.codes.isdisjoint({*UNREAD, *codes})


def expressions_hold(report: Report) -> bool:
    """Whether every expression and template could be compiled."""
    return report.codes.isdisjoint({"E001", "E002", "E003"})


def edges(document: Document) -> Iterator[Edge]:
    for state in document.states.values():
        yield from state.next


def steps(document: Document) -> Iterator[Step]:
    for state in document.states.values():
        yield from state.do
    for edge in edges(document):
        yield from edge.do
    for interrupt in document.interrupts.values():
        yield from interrupt.do
    for steps in (document.on_start, document.on_end):
        yield from steps.do if steps else ()


def guarding(document: Document) -> list[Guard]:
    return [*document.guards.input, *document.guards.output] if document.guards else []


def called(steps: Iterable[Step]) -> set[str]:
    return {step.tool for step in steps if step.tool is not None}


def offered(document: Document) -> set[str]:
    """Tools that the model may call somewhere."""
    states = document.states.values()
    return {*document.tools_everywhere, *(name for state in states for name in state.tools)}
