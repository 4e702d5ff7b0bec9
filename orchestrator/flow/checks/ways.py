"""Checks of where the states lead: which are reached, and what ends. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import TypeAlias

from orchestrator.flow.checks.graph import waits
from orchestrator.flow.checks.walk import called, complete
from orchestrator.flow.document import Document, State
from orchestrator.flow.part import Report

__all__ = ["anywhere", "check_ways", "targets"]

Ways: TypeAlias = Mapping[str, frozenset[str]]


def check_ways(document: Document, report: Report) -> None:
    if not complete(report, "G001"):
        return
    ways = {name: frozenset(targets(state)) for name, state in document.states.items()}
    reached = _closure(_roots(document), ways)
    back = _backwards(ways)
    # A state without any exit has been reported (G003); those before it need no word of their own.
    ending = _closure((name for name, targets in ways.items() if not targets), back)
    ending |= _closure((n for n, s in document.states.items() if s.ends), back)
    for name in document.states:
        mark = document.node.at("states").key(name)
        if name not in reached:
            report.warn("G002", mark, f"no way leads to state '{name}'")
        elif name not in ending:
            report("G010", mark, f"from '{name}' no way leads to an end")
        elif not _lets_go(name, document.states[name], document):
            hint = "add an interrupt, as {intent: The caller wants a person., goto: …}"
            message = f"a caller who cannot give what '{name}' asks for has no way on"
            report.warn("G021", mark, message, hint)
    _check_loops(document, ways, report)


def _lets_go(name: str, state: State, document: Document) -> bool:
    """Whether a caller can leave a state that asks for something without giving it."""
    if not state.collect:
        return True
    asked = {"collected"}
    wanted = any(edge.goto and edge.event not in asked and edge.when is None for edge in state.next)
    others = {*targets(state)} - {edge.goto for edge in state.next}
    called_off = any(i.goto and name not in i.except_in for i in document.interrupts.values())
    return wanted or bool(others) or called_off or any(s.goto for s in document.silence)


def targets(state: State) -> Iterator[str]:
    for edge in state.next:
        if edge.goto:
            yield edge.goto
    if state.collect and state.collect.on_failed:
        yield state.collect.on_failed
    for silence in state.silence or ():
        if silence.goto:
            yield silence.goto
    if state.transfer and state.transfer.on_failed:
        yield state.transfer.on_failed


def anywhere(document: Document) -> Iterator[str]:
    """Where the flow may go from whatever state it is in, interrupts aside."""
    if document.on_error:
        yield document.on_error
    for guard in document.guards.output if document.guards else ():
        if guard.then and guard.then.goto:
            yield guard.then.goto
    for silence in document.silence:
        if silence.goto:
            yield silence.goto


def _roots(document: Document) -> Iterator[str]:
    yield document.start
    yield from anywhere(document)
    for interrupt in document.interrupts.values():
        yield interrupt.goto or ""
    if document.outbound:
        outbound = document.outbound
        yield from (outbound.voicemail or "", outbound.busy or "", outbound.no_answer or "")


def _backwards(ways: Ways) -> Ways:
    back: dict[str, set[str]] = {}
    for name, leads_to in ways.items():
        for other in leads_to:
            back.setdefault(other, set()).add(name)
    return {name: frozenset(before) for name, before in back.items()}


def _closure(roots: Iterable[str], ways: Ways) -> set[str]:
    found: set[str] = set()
    todo = list(roots)
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo.extend(ways.get(name, ()))
    return found


def _check_loops(document: Document, ways: Ways, report: Report) -> None:
    passing = {
        name
        for name, state in document.states.items()
        if state.next and not waits(state) and not called(state.do)
    }
    order = list(document.states)
    while loop := _loop({name: ways[name] & passing for name in passing}):
        first = min(loop, key=order.index)
        mark = document.node.at("states").key(first)
        report.warn("G011", mark, f"'{first}' is in a loop of states that never waits")
        passing -= loop


def _loop(ways: Ways) -> set[str]:
    """States that lead to each other in a circle, if there are any."""
    try:
        TopologicalSorter(ways).prepare()
    except CycleError as error:
        return set(error.args[1])
    return set()
