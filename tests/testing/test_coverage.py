"""What a flow's tests went through; and flows with keys, with time, with lines of a feed."""

from textwrap import dedent

from orchestrator.flow.compile import compile_flow
from orchestrator.flow.definition import Flow
from orchestrator.testing.coverage import taken, untaken
from orchestrator.testing.trial import Trial, try_case
from tests.testing.suites import read_suite

MENU = """\
dsl: 1
flow: menu
version: "1.0.0"
session: {mode: text}
vars:
  size: {type: int, clears: [price]}
  price: int
start: menu
states:
  menu:
    goal: Ask what the caller wants.
    collect: {vars: [size, price]}
    next:
      - {dtmf: "1", goto: person}
      - {after: 20s, goto: bye}
      - {event: collected, if: size > 3, goto: bye}
      - {event: collected, set: {price: 0}}
  person:
    transfer: {to: "sip:a@b.example", on_failed: menu}
  bye: {end: {reason: completed}}
"""
FEED = """\
dsl: 1
flow: feed
version: "1.0.0"
session: {mode: transcribe}
vars: {line: text}
start: listening
states:
  listening:
    next:
      - {event: transcript.final, set: {line: "${event.text}"}}
      - {if: line == 'over', goto: end}
  end: {end: {reason: completed}}
"""


def flow_of(text: str) -> Flow:
    return compile_flow(text, "x.flow.yaml")[0]


def tried(flow: Flow, case: str) -> Trial:
    head = "dsl: 1\ntests: x.flow.yaml\ncases:\n"
    suite, problems = read_suite(head + dedent(case), "x.test.yaml", flow)
    assert suite and not problems, problems
    trial = try_case(flow, suite, suite.cases[0])
    assert trial.failures == ()
    return trial


def missed(flow: Flow, trial: Trial) -> list[str]:
    return [f"{way.mark.line} {way.kind} {way.name}" for way in untaken(flow, taken(trial.items))]


def test_a_key_is_pressed_and_a_transfer_comes_back() -> None:
    flow = flow_of(MENU)
    trial = tried(
        flow,
        """\
        - case: x
          transfer: failed
          turns: [{digit: "1", expect: {path: [menu, person, menu]}}]
        """,
    )
    assert missed(flow, trial) == [
        "15 edge menu → bye (after 20 s)",
        "16 edge menu → bye (collected if size > 3)",
        "17 edge menu → menu (collected)",
        "20 state bye",
    ]


def test_edges_that_only_time_takes_are_covered_by_waiting() -> None:
    flow = flow_of(MENU)
    trial = tried(flow, "- {case: x, turns: [{wait: 20s, expect: {ended: completed}}]}")
    assert missed(flow, trial) == [
        "14 edge menu → person (key 1)",
        "16 edge menu → bye (collected if size > 3)",
        "17 edge menu → menu (collected)",
        "18 state person",
        "19 edge person → menu (transfer failed)",
    ]


def test_an_edge_that_stays_is_told_from_its_neighbour() -> None:
    flow = flow_of(MENU)
    trial = tried(
        flow,
        "- {case: x, start: {vars: {price: 5, size: 2}}, turns: [{expect: {vars: {price: 0}}}]}",
    )
    assert "17 edge menu → menu (collected)" not in missed(flow, trial)
    assert "16 edge menu → bye (collected if size > 3)" in missed(flow, trial)


def test_a_start_value_outlasts_another_that_would_clear_it() -> None:
    flow = flow_of(MENU)
    tried(
        flow,
        """\
        - case: x
          start: {vars: {price: 5, size: 4}}
          turns: [{expect: {vars: {price: 5, size: 4}, ended: completed}}]
        """,
    )


def test_a_caller_who_is_only_transcribed_is_heard_line_by_line() -> None:
    flow = flow_of(FEED)
    trial = tried(
        flow,
        """\
        - case: x
          turns:
            - {caller: hello, expect: {vars: {line: hello}, state: listening}}
            - {caller: over, expect: {ended: completed}}
        """,
    )
    assert missed(flow, trial) == []
