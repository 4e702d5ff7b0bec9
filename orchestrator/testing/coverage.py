"""What of a flow its tests have been through: states, and the ways that lead from them. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from orchestrator.flow.commands import Report
from orchestrator.flow.definition import (
    After,
    Digit,
    Edge,
    Flow,
    Intent,
    Mark,
    On,
    Silence,
    Silent,
    Transfer,
)
from orchestrator.testing.play import Item

__all__ = ["Untaken", "Way", "taken", "untaken"]

Way: TypeAlias = tuple[str, str, int]
"""`state NAME 0`, `edge STATE INDEX`, `interrupt ID 0`, `silence PLACE 0`, `failed STATE 0` (of
a transfer)."""


@dataclass(frozen=True, slots=True)
class Untaken:
    """A state or an edge of the flow that no case came through."""

    mark: Mark
    kind: str
    name: str


def taken(items: Iterable[Item]) -> Iterator[Way]:
    """The states and ways of the flow itself that these events and commands went through."""
    state = ""
    for item in items:
        match item.what:
            case Report(data={"flow": _}):
                pass
            case Report("state.entered", data):
                if data["by"] in ("transfer.failed", "collect.failed"):
                    yield "failed", state, 0
                state = str(data["state"])
                yield "state", state, 0
            case Report("edge.taken", data):
                yield "edge", str(data["state"]), int(data["index"])
            case Report("silence.passed", data):
                yield "silence", str(data["place"]), 0
            case Report("interrupt.taken", data):
                yield "interrupt", str(data["id"]), 0
            case _:
                pass


def untaken(flow: Flow, ways: Iterable[Way]) -> tuple[Untaken, ...]:
    """All the others, in the order of the file."""
    known = frozenset(ways)
    rest = (found for way, found in _ways(flow) if way not in known)
    return tuple(sorted(rest, key=lambda found: (found.mark.line, found.mark.column)))


def _ways(flow: Flow) -> Iterator[tuple[Way, Untaken]]:
    for interrupt in flow.interrupts:
        yield ("interrupt", interrupt.id, 0), Untaken(interrupt.mark, "interrupt", interrupt.id)
    for item in dict.fromkeys(item for state in flow.states.values() for item in state.silence):
        place = f"{item.mark}:{item.mark.column}"
        yield ("silence", place, 0), Untaken(item.mark, "silence", _silence(item))
    for name, state in flow.states.items():
        yield ("state", name, 0), Untaken(state.mark, "state", name)
        for index, edge in enumerate(state.next):
            text = f"{name} → {edge.goto or name} ({_cause(edge)})"
            yield ("edge", name, index), Untaken(edge.mark, "edge", text)
        if state.collect and state.collect.on_failed:
            text = f"{name} → {state.collect.on_failed} (collect failed)"
            yield ("failed", name, 0), Untaken(state.mark, "edge", text)
        if isinstance(state.final, Transfer) and state.final.on_failed:
            text = f"{name} → {state.final.on_failed} (transfer failed)"
            yield ("failed", name, 0), Untaken(state.final.to.mark, "edge", text)


def _silence(item: Silence) -> str:
    return f"{item.after:g} s" + (f" → {item.goto}" if item.goto else "")


def _cause(edge: Edge) -> str:
    condition = f"if {edge.condition.source}" if edge.condition else ""
    match edge.trigger:
        case Intent(id=name):
            return f"intent {name} {condition}".strip()
        case On(event=name):
            return f"{name} {condition}".strip()
        case Digit(digit=digit):
            return f"key {digit} {condition}".strip()
        case After(seconds=seconds):
            return f"after {seconds:g} s {condition}".strip()
        case Silent(seconds=seconds):
            return f"{seconds:g} s of silence {condition}".strip()
        case None:
            return condition or "otherwise"
