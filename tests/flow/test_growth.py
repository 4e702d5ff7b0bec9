"""No expression makes the session's data grow without end."""

import json
from collections.abc import Mapping

import pytest

from orchestrator.dispatch.call import Json
from orchestrator.flow.compile import compile_flow
from orchestrator.flow.engine import step
from orchestrator.flow.events import AgentSaid, AnswerEnded, DigitPressed, SessionStarted
from orchestrator.flow.snapshot import Snapshot

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
    return len(json.dumps(value, ensure_ascii=False))


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
