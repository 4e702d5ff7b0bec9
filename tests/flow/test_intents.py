"""Intents of one name in a state: the first that fits is what the model may ask for."""

import pytest

from orchestrator.flow.compile import check
from orchestrator.flow.engine import offered
from tests.flow.small import HEAD, play

FLOW = """
vars: {vip: {type: bool, default: VIP, writable: engine}}
start: desk
states:
  desk:
    goal: Sell.
    next:
      - {intent: They are done., id: done, if: vip, goto: lounge}
      - {intent: The caller is done., id: done, IF goto: bye}
  lounge: {end: {reason: completed}}
  bye: {end: {reason: completed}}
"""
INTERRUPT = """
interrupts:
  done: {intent: The caller is done., WHERE goto: person}
start: desk"""
PERSON = "  person: {end: {reason: completed}}\n"


def flow(vip: str = "true", second: str = "") -> str:
    return FLOW.replace("VIP", vip).replace("IF", second)


def interrupted(where: str = "") -> str:
    text = flow(second="if: not vip,").replace("\nstart: desk", INTERRUPT) + PERSON
    return text.replace("WHERE", where)


@pytest.mark.parametrize(
    ("vip", "second", "state"),
    [
        ("true", "if: not vip,", "lounge"),
        ("false", "if: not vip,", "bye"),
        ("true", "if: turns >= 0,", "lounge"),
        ("true", "", "lounge"),
        ("false", "", "bye"),
    ],
)
def test_of_two_intents_of_one_name_the_first_that_fits_is_taken(
    vip: str, second: str, state: str
) -> None:
    scene = play(flow(vip, second))
    scene.model("Hello.", go_done={})
    assert scene.state == state


def test_the_model_is_told_of_the_one_that_is_taken() -> None:
    for vip, prose in (("true", "They are done."), ("false", "The caller is done.")):
        [tool] = play(flow(vip)).answers[-1].tools
        assert tool["description"] == prose


def test_where_none_fits_none_is_offered() -> None:
    scene = play(flow("false", "if: vip,"))
    assert offered(scene.flow, scene.snapshot) == frozenset()


@pytest.mark.parametrize(("where", "state"), [("", "person"), ("except: [desk],", "lounge")])
def test_an_interrupt_goes_before_the_intents_of_its_name_where_it_may_be_taken(
    where: str, state: str
) -> None:
    scene = play(interrupted(where))
    scene.model("Hello.", go_done={})
    assert scene.state == state


def test_what_comes_after_an_intent_without_a_condition_is_told_with_what_to_do() -> None:
    text = flow().replace("if: vip, ", "")
    [problem] = [p for p in check(HEAD + text, "f", {}) if p.level == "error"]
    assert (problem.code, problem.hint) == (
        "T060",
        "the first that fits is taken: give each but the last an `if`",
    )
