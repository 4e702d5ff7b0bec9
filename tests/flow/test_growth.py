"""Nothing makes the session's data grow without end."""

import gc
import json
import weakref
from collections.abc import Mapping
from dataclasses import asdict

import pytest

from orchestrator.dispatch.call import Json
from orchestrator.flow.compile import compile_flow
from orchestrator.flow.definition import Flow
from orchestrator.flow.engine import step
from orchestrator.flow.events import (
    AgentSaid,
    AnswerEnded,
    CallerTyped,
    DigitPressed,
    Event,
    SessionStarted,
    Signalled,
)
from orchestrator.flow.heeded import MOST_EVENTS, MOST_ITEMS
from orchestrator.flow.snapshot import Snapshot
from tests.flow.scene import Scene
from tests.flow.small import play, small

FLOW = """\
dsl: 1
flow: growing
version: "1"
session: {mode: text}
limits: {visits: 1000}
vars:
  t: {type: text, default: ab}
  l: {type: list, of: {type: any}, default: [ab]}
  o: {type: object, default: {k: ab}}
  a: {type: any, default: ab}
start: talk
states:
  talk:
    goal: Talk.
    next:
      - {dtmf: "1", set: VALUES}
      - {intent: The caller is done., id: done, goto: bye}
  bye: {end: {reason: completed}}
"""
MOST = 100_000  # characters


def played(**written: object) -> Mapping[str, Json]:
    """The variables after sixty keys, at each of which one is given what is made of itself."""
    flow, _ = compile_flow(FLOW.replace("VALUES", json.dumps(written)), "growing.flow.yaml")
    snapshot, _ = step(flow, Snapshot(), SessionStarted(0.0, "s1", "UTC", 0))
    for second in range(60):
        if snapshot.talk.speaking:
            snapshot, _ = step(flow, snapshot, AgentSaid(second, snapshot.talk.speaking, "Well."))
            ended = AnswerEnded(second, snapshot.talk.speaking or "", "completed")
            snapshot, _ = step(flow, snapshot, ended)
        snapshot, _ = step(flow, snapshot, DigitPressed(second, "1"))
    return snapshot.values.vars


def size(value: object) -> int:
    """Values and characters; what is shared counts wherever it stands."""
    return len(json.dumps(value, ensure_ascii=False, default=list))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("t", "${t + t}"),
        ("t", "${t}${t}"),
        ("l", "${[l, l]}"),
        ("l", ["${l}"] * 200),
        ("o", {"k": "${o}", "j": "${o}"}),
        ("a", "${[a, a]}"),
        ("a", ["${a}"] * 200),
    ],
)
def test_a_value_that_is_made_of_itself_stays_small(name: str, value: object) -> None:
    first = size(played(**{name: "${" + name + "}"})[name])
    assert first < size(played(**{name: value})[name]) <= MOST


LONG = """
session: {mode: text}
vars: {n: {type: int, default: 0}}
limits: {visits: 1000}
start: talk
states:
  talk:
    do: [DO]
    goal: Talk.
    next:
      - {event: EVENT, set: {n: "${n + 1}"}}
      - {intent: The caller is done., id: done, goto: bye}
  other: {context: CONTEXT, goal: Talk on., next: [{intent: Done., id: done, goto: bye}]}
  bye: {end: {reason: completed}}
""".replace("  other", "      - {event: signal.other, goto: other}\n  other", 1)
WAIT = "{wait: 24h}"


def long(do: str = "{note: Hello.}", event: str = "text", context: str = "keep") -> str:
    return LONG.replace("DO", do).replace("EVENT", event).replace("CONTEXT", context)


def turns(snapshot: Snapshot, flow: Flow, numbers: range) -> Snapshot:
    """The caller says something, and is answered where that can be, so many times."""
    for number in numbers:
        at, answer = float(number), snapshot.talk.speaking or "nobody"
        said: tuple[Event, ...] = (
            AgentSaid(at, answer, "Well.", f"said_{number}"),
            AnswerEnded(at, answer, "completed"),
            CallerTyped(at, f"Line {number:06}."),
        )
        for event in said:
            snapshot, _ = step(flow, snapshot, event)
    return snapshot


@pytest.mark.parametrize(
    ("text", "most"),
    [
        (long(WAIT, context="{keep_last: 4}"), 10_000),
        (long(), 1_000),
        (long(WAIT), 1_000),
        (long(WAIT, event="response.cancelled"), 1_000),
    ],
    ids=["all that it may keep", "nothing to keep", "waiting", "waiting for nothing"],
)
def test_a_long_session_is_no_larger_than_one_of_half_its_turns(text: str, most: int) -> None:
    flow = small(text)
    begun, _ = step(flow, Snapshot(), SessionStarted(0.0, "s1", "UTC", 0))
    half = turns(begun, flow, range(most // 2))
    whole = turns(half, flow, range(most // 2, most))
    assert whole.talk.turns == most
    assert size(asdict(whole)) < 1.05 * size(asdict(half))
    assert len(whole.items) <= MOST_ITEMS
    assert len(whole.place.outcomes) <= MOST_EVENTS


def lines(number: int, event: str) -> Scene:
    """The caller has typed so many lines while a step waited, which is over."""
    scene = play(long(WAIT, event=event))
    for _ in range(number):
        if scene.speaking:
            scene.model("Wait.")
        scene.caller("A line.")
    scene.model("Wait.")
    scene.wait(24 * 3600.0)
    return scene


@pytest.mark.parametrize(("number", "heeded"), [(60, 60), (MOST_EVENTS + 20, MOST_EVENTS)])
def test_lines_that_waited_for_a_step_are_no_loop(number: int, heeded: int) -> None:
    scene = lines(number, "text")
    assert (scene.vars["n"], scene.snapshot.run.erred) == (heeded, None)
    assert len(scene.reports("event.forgotten")) == number - heeded


def test_what_nothing_names_does_not_wait() -> None:
    scene = play(long(WAIT, event="response.cancelled"))
    scene.caller("A line.")
    assert scene.snapshot.place.outcomes == ()


def test_what_must_be_heeded_is_not_forgotten() -> None:
    text = long(WAIT).replace("    goal: Talk.\n", "    goal: Talk.\n    limits: {turns: 1}\n", 1)
    scene = play(text)
    for _ in range(MOST_EVENTS + 20):
        scene.caller("A line.")
        scene.model("Wait.")
    scene.wait(24 * 3600.0)
    assert scene.snapshot.run.erred == "limits"


def test_what_is_told_once_is_not_forgotten_for_what_may_come_again() -> None:
    flow = small(long(WAIT).replace("{visits: 1000}", "{visits: 1000, cost: 0.000001}"))
    snapshot, _ = step(flow, Snapshot(), SessionStarted(0.0, "s1", "UTC", 0, model="gpt-realtime"))
    snapshot, _ = step(flow, snapshot, CallerTyped(1.0, "Hello."))
    spent = AnswerEnded(2.0, snapshot.talk.speaking or "", "completed", usage={"audio_out": 10**6})
    snapshot, _ = step(flow, snapshot, spent)
    for number in range(MOST_EVENTS + 20):
        snapshot, _ = step(flow, snapshot, Signalled(3.0, "other", {}, f"{number + 1}-0"))
    waiting = [happened.name for happened in snapshot.place.outcomes]
    assert (len(waiting), "budget" in waiting) == (MOST_EVENTS, True)


def test_a_flow_is_forgotten_when_its_last_session_is() -> None:
    scene = play(long())
    scene.model("Hello.")
    flow = weakref.ref(scene.flow)
    del scene
    gc.collect()
    assert flow() is None
