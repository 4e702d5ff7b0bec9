"""What the pure core costs: a replay, a step, a flow from its text, a test; and what must be
paid anyway.

Each floor does the least that the work cannot do without: a journal has to be parsed, a step
gives a new frozen record, a flow's text goes through the YAML parser. Ours and floor take turns,
so that both meet the same load.
"""

import json
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from orchestrator.cli import suites
from orchestrator.flow.compile import compile_flow
from orchestrator.flow.definition import Flow
from orchestrator.flow.engine import replay, step
from orchestrator.flow.events import (
    AgentSaid,
    AnswerEnded,
    CallerTyped,
    Event,
    SessionStarted,
    ToolAsked,
    to_json,
)
from orchestrator.flow.replaying import Decision, decide, header, read
from orchestrator.flow.snapshot import Snapshot
from orchestrator.mcp_host.lock import read_lock
from orchestrator.testing.trial import try_case

__all__ = ["measure"]

ROOT = Path(__file__).parents[1]
JOURNALS = ROOT / "tests/journals"
FLOW = JOURNALS / "restaurant-1.4.0.flow.yaml"
TURNS = 200
ROUNDS = 20


def measure() -> None:
    _replay(_flow())
    _steps(_flow())
    _load()
    _case()


def _flow() -> Flow:
    lock = read_lock(JOURNALS / "mcp.lock.json").definitions()
    return compile_flow(FLOW.read_text(), FLOW.name, lock=lock)[0]


def _replay(flow: Flow) -> None:
    entries = [json.dumps(header(flow, "s1")), *(json.dumps(to_json(e)) for e in _long_talk(flow))]
    print(f"a journal of {len(entries) - 1:,} events, read and replayed")
    _compare(
        "floor: json.loads of its entries",
        lambda: [json.loads(entry) for entry in entries],
        lambda: list(decide(flow, read([json.loads(entry) for entry in entries]).events)),
    )


def _long_talk(flow: Flow) -> Iterator[Event]:
    """The turns, each answer under the id that the engine asked for it with."""
    snapshot = Snapshot()
    for event in _turns():
        if isinstance(event, ToolAsked | AgentSaid | AnswerEnded):
            event = replace(event, speak=snapshot.talk.speaking or "")
        snapshot, _ = step(flow, snapshot, event)
        yield event


def _turns() -> Iterator[Event]:
    """A caller who changes the size of the party in every turn: five events each."""
    yield SessionStarted(0.0, "s1", "UTC", 0)
    for turn in range(TURNS):
        at = turn / 10
        tool, given = ("set_details", {"party_size": turn % 12 + 1}) if turn else ("go_book", {})
        yield CallerTyped(at, "Or rather another one.")
        yield ToolAsked(at, "", f"call_{turn}", tool, json.dumps(given))
        yield AnswerEnded(at, "", "completed")
        yield AgentSaid(at, "", "And your name?")
        yield AnswerEnded(at, "", "completed")


def _steps(flow: Flow) -> None:
    taken = [
        decision for path in sorted(JOURNALS.glob("*.jsonl")) for decision in _decisions(flow, path)
    ]
    blank = Snapshot()
    print(f"a step of the restaurant's flow, mean of the {len(taken)} of three recorded sessions")
    _compare(
        "floor: a frozen record replaced",
        lambda: [replace(blank, timers={}) for _ in taken],
        lambda: [step(flow, decision.before, decision.event) for decision in taken],
        pieces=len(taken),
    )
    each = sorted(
        min(_seconds(partial(step, flow, decision.before, decision.event)) for _ in range(5))
        for decision in taken
    )
    print(f"  each at its best of five: median {each[len(each) // 2] * 1e6:.0f} µs")


def _decisions(flow: Flow, path: Path) -> list[Decision]:
    entries = [json.loads(line) for line in path.read_text().splitlines()]
    return list(decide(flow, read(entries).events))


def _load() -> None:
    text, parser = FLOW.read_text(), yaml.CSafeLoader
    print(f"the restaurant's flow, {len(text.splitlines())} lines, loaded, checked, compiled")
    _compare("floor: the C parser's events", lambda: list(yaml.parse(text, Loader=parser)), _flow)


def _case() -> None:
    """What a case adds to its steps: it plays the model and the tools, and judges."""
    [tests] = suites.load([ROOT / "flows/restaurant.test.yaml"])
    case, flow = max(tests.suite.cases, key=lambda each: len(each.turns)), tests.flow
    items = try_case(flow, tests.suite, case).items
    events = [item.what for item in items if isinstance(item.what, Event)]
    print(f"a scripted test case, '{case.case}', {len(events)} events")
    _compare(
        "floor: its events, replayed",
        lambda: replay(flow, events),
        lambda: try_case(flow, tests.suite, case),
    )


def _compare(
    floor: str, least: Callable[[], Any], ours: Callable[[], Any], *, pieces: int = 1
) -> None:
    below: list[float] = []
    above: list[float] = []
    for _ in range(ROUNDS):
        below.append(_seconds(least) / pieces)
        above.append(_seconds(ours) / pieces)
    base = statistics.median(below)
    for name, seconds in ((floor, below), ("ours", above)):
        median, unit = statistics.median(seconds), "µs" if pieces > 1 else "ms"
        shown = median * (1e6 if pieces > 1 else 1e3)
        print(f"  {name:<34} p50 {shown:8.2f} {unit}  ratio {median / base:7.2f}")


def _seconds(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
