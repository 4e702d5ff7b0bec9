"""What the checker says of variables that may be unset when said holds when a flow is played."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.dispatch.call import Json
from orchestrator.flow.commands import Command, Report
from orchestrator.flow.compile import compile_flow
from orchestrator.flow.definition import Flow
from orchestrator.flow.engine import offered, step
from orchestrator.flow.events import (
    AgentSaid,
    AnswerEnded,
    DigitPressed,
    Event,
    SessionStarted,
    ToolAsked,
)
from orchestrator.flow.snapshot import Snapshot

HEAD = """\
dsl: 1
flow: saying
version: "1"
session: {mode: text}
limits: {visits: 1000}
vars:
  a: {type: text, clears: [b]}
  b: text
interrupts:
  again: {intent: All over again., goto: s0}
on_end: {do: [{set: {a: x, b: y}}]}
start: s0
states:
"""
TESTS = st.sampled_from(["set(a)", "set(b)", "not set(a)", "a == 'x' and set(b)", "a == b", "true"])
SETS: st.SearchStrategy[dict[str, Json]] = st.sampled_from(
    [{"a": "x"}, {"b": "y"}, {"a": None}, {"b": "${a}"}, {"a": "${b if set(b) else a}"}]
)
STATES = st.sampled_from(["s0", "s1", "s2"])
Data = dict[str, Json]


def step_of(words: str, values: Data | None, test: str | None) -> Data:
    what: Data = {"set": values} if values else {"say": f"${{{words}}}"}
    return {**what, "if": test} if test else what


def edge_of(key: str, test: str | None, values: Data | None, do: list[Data], goto: str) -> Data:
    given: Data = {"if": test, "set": values, "do": do}
    return {"dtmf": key, **{name: value for name, value in given.items() if value}, "goto": goto}


def state_of(do: list[Data], collect: list[str], edges: list[Data]) -> Data:
    leave: Data = {"dtmf": "9", "goto": "bye"}
    if not collect:
        return {"do": do, "goal": "Talk.", "next": [*edges, leave]}
    collected: Data = {"event": "collected", "do": [{"say": "${a}"}], "goto": "s1"}
    state: Data = {"do": do, "goal": "Talk.", "collect": {"vars": collect}}
    return {**state, "next": [*edges, collected, leave]}


WORDS = st.sampled_from(["a", "b", "a if set(a) else 'z'", "a + b"])
STEPS = st.builds(step_of, WORDS, st.none() | SETS, st.none() | TESTS)
EDGES = st.builds(
    edge_of,
    st.sampled_from("123"),
    st.none() | TESTS,
    st.none() | SETS,
    st.lists(STEPS, max_size=2),
    STATES,
)
BODIES = st.builds(
    state_of,
    st.lists(STEPS, max_size=3),
    st.sampled_from([list[str](), ["a"], ["b"], ["a", "b"]]),
    st.lists(EDGES, max_size=3),
)


def written(states: list[Data]) -> str:
    """Every step on a line of its own, so that a problem's line says which."""
    named = {**{f"s{i}": body for i, body in enumerate(states)}, "bye": {"end": {"reason": "x"}}}
    body = json.dumps(named, indent=1, ensure_ascii=False)
    return HEAD + "\n".join("  " + line for line in body.splitlines())


class Told:
    """A session in which everything that can happen is offered by chance; lines left out."""

    def __init__(self, flow: Flow) -> None:
        self.flow, self.snapshot = flow, Snapshot()
        self.lines: set[int] = set()
        self.apply(SessionStarted(0.0, "s1", "UTC", 0))

    def apply(self, event: Event) -> None:
        self.snapshot, commands = step(self.flow, self.snapshot, event)
        for command in commands:
            self._note(command)

    def _note(self, command: Command) -> None:
        if isinstance(command, Report) and command.name == "say.unset":
            self.lines.add(int(str(command.data["place"]).split(":")[1]))

    def act(self, key: str, call: str) -> None:
        """The model calls something, then the caller presses a key."""
        speaking = self.snapshot.talk.speaking
        if speaking:
            self.apply(AgentSaid(1.0, speaking, "Well."))
            if call in offered(self.flow, self.snapshot):
                given = {"a": "x", "b": "y"} if call.startswith("set_") else {}
                self.apply(ToolAsked(1.0, speaking, "c", call, json.dumps(given)))
            self.apply(AnswerEnded(1.0, speaking, "completed"))
        if not self.snapshot.run.ended:
            self.apply(DigitPressed(1.0, key))


@settings(deadline=None, derandomize=True, max_examples=25)
@given(
    st.lists(BODIES, min_size=3, max_size=3),
    st.lists(
        st.tuples(
            st.sampled_from("123"), st.sampled_from(["", "set_s0", "set_s1", "set_s2", "go_again"])
        ),
        max_size=12,
    ),
)
def test_what_is_left_out_when_it_is_played_was_told_before(
    states: list[Data], acts: list[tuple[str, str]]
) -> None:
    flow, warnings = compile_flow(written(states), "saying.flow.yaml")
    told = Told(flow)
    for key, call in acts:
        told.act(key, call)
    assert told.lines <= {problem.line for problem in warnings if problem.code == "E004"}


def test_what_a_step_empties_on_entry_is_not_collected() -> None:
    ask: Data = {"goal": "Talk.", "collect": {"vars": ["a"]}}
    leave: Data = {"event": "collected", "goto": "s1"}
    states: list[Data] = [
        {"do": [{"set": {"a": "x"}}], "next": [{"goto": "s1"}]},
        {"do": [{"set": {"a": None}}], **ask, "next": [leave, {"dtmf": "9", "goto": "bye"}]},
    ]
    told = Told(compile_flow(written(states), "saying.flow.yaml")[0])
    assert (told.snapshot.place.state, told.snapshot.place.visits["s1"]) == ("s1", 1)
