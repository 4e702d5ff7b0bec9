from pathlib import Path

import pytest

from orchestrator.flow.compile import check, document_of
from orchestrator.flow.diagram import mermaid
from orchestrator.flow.document import read
from orchestrator.flow.loader import load
from orchestrator.flow.part import Report
from tests.flow.families import FAMILY, SHOP, reader

ROOT = Path(__file__).parents[2]
FLOW = """\
dsl: 1
flow: f
version: "1"
session: {mode: text}
interrupts:
  person: {intent: The caller wants a person., goto: colleague, except: [end]}
  hours: {intent: The caller asks when we are open., do: [{say: At noon.}], return: true}
silence:
  - {after: 8s, prompt: Ask whether they are there.}
  - {after: 16s, goto: end}
outbound: {to: "+33123456789", voicemail: end}
on_error: end
start: talk
states:
  talk:
    goal: Talk.
    next:
      - {intent: The caller is done., id: done, if: turns > 1, goto: end}
      - {dtmf: "#", goto: colleague}
      - {after: 60s, do: [{say: Hello?}]}
      - {if: "daypart == 'night'", goto: rest}
      - {goto: rest}
  rest:
    next:
      - {goto: talk}
  colleague:
    transfer: {to: "sip:desk@x.example", on_failed: end}
  end: {end: {reason: completed}}
"""


def drawn(text: str) -> list[str]:
    assert check(text, "f.flow.yaml") == ()
    root = load(text, "f.flow.yaml").root
    document = read(root, Report()) if root else None
    assert document
    return [line.strip() for line in mermaid(document).splitlines()]


def labelled(text: str) -> str:
    """How a text of the author stands in a label."""
    flow = FLOW.replace("The caller is done.", text)
    return next(line for line in drawn(flow) if "s_talk -->" in line).split("“")[1].split("”")[0]


def test_states_are_drawn_by_what_they_are() -> None:
    assert drawn(FLOW)[:6] == [
        "flowchart TD",
        "start(( ))",
        's_talk["talk"]',
        's_rest["rest"]',
        's_colleague[["colleague<br>transfers to sip:desk@x.example"]]',
        's_end(["end<br>ends: completed"])',
    ]


def test_ways_have_their_cause_and_stand_in_the_order_they_are_tried() -> None:
    assert [line for line in drawn(FLOW) if "-->" in line] == [
        "start --> s_talk",
        'start -->|"voicemail"| s_end',
        's_talk -->|"“The caller is done.” [turns #62; 1]"| s_end',
        's_talk -->|"key #35;"| s_colleague',
        's_talk -->|"after 60 s"| s_talk',
        "s_talk -->|\"if daypart == 'night'\"| s_rest",
        's_talk -->|"otherwise"| s_rest',
        "s_rest --> s_talk",
        's_colleague -->|"if it fails"| s_end',
    ]


def test_what_can_happen_anywhere_is_dotted() -> None:
    assert [line for line in drawn(FLOW) if "-.->" in line] == [
        'anywhere -.->|"“The caller wants a person.”, not in end"| s_colleague',
        'anywhere -.->|"“The caller asks when we are open.”, and back"| anywhere',
        'anywhere -.->|"16 s of silence"| s_end',
        'anywhere -.->|"on_error"| s_end',
    ]


def test_nothing_is_anywhere_in_a_flow_that_says_nothing_of_it() -> None:
    head, states = FLOW.split("interrupts:")[0], FLOW[FLOW.index("start: talk") :]
    assert not any("anywhere" in line for line in drawn(head + states))


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("'Say \"stop\"; or <b>50%</b>'", "Say #34;stop#34;#59; or #60;b#62;50#37;#60;/b#62;"),
        ("'|]) --> `x` %%{init}%%'", "|]) --#62; #96;x#96; #37;#37;{init}#37;#37;"),
        ('"Over\\n  two lines"', "Over two lines"),
        (f"They {'talk ' * 30}", f"They {'talk ' * 9}talk…"),
        ("x" * 90, "x" * 59 + "…"),
    ],
)
def test_an_authors_text_stays_a_text(written: str, shown: str) -> None:
    assert labelled(written) == shown


def test_the_graph_of_the_restaurant_in_the_docs_is_current() -> None:
    flow = (ROOT / "flows/restaurant.flow.yaml").read_text()
    root = load(flow, "restaurant.flow.yaml").root
    document = read(root, Report()) if root else None
    assert document
    page = (ROOT / "docs/restaurant.md").read_text()
    assert f"```mermaid\n{mermaid(document)}```\n" in page


def test_a_state_that_runs_a_flow_or_hands_over_to_one_says_so() -> None:
    drawn = mermaid(document_of(SHOP, "shop.flow.yaml", reader(FAMILY)))
    assert 's_where[["where<br>runs address"]]' in drawn
    assert 's_billing[["billing<br>hands over to bills"]]' in drawn
    assert "“The caller wants the newsletter.”, runs letter, and back" in drawn
