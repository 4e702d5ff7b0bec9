"""What the model is asked beside the conversation, and what becomes of the answer."""

import pytest

from orchestrator.dispatch.call import Json
from orchestrator.flow.commands import AddItem, Ask, Hush
from orchestrator.flow.events import Answered, CallerLeft
from orchestrator.flow.snapshot import quiescent
from tests.flow.scene import Scene
from tests.flow.small import play

SORT = """
vars:
  topic: {type: enum, values: [password, network], default: network}
  urgent: {type: bool}
interrupts:
  away: {intent: The caller has something else., goto: talk}
start: talk
states:
  talk:
    goal: Talk.
    next:
      - {intent: The caller has a problem., id: problem, goto: sort}
      - {intent: It is urgent?, id: urgent, do: [{classify: Is it urgent?, into: urgent}]}
  sort:
    do: [{classify: "Not ${topic}?", into: topic}, {note: Sorted.}]
    next: [{if: topic == 'password', goto: bye}, {goto: talk}]
  bye:
    end: {reason: completed}
"""


def asked(scene: Scene) -> list[Ask]:
    return [command for command in scene.commands if isinstance(command, Ask)]


def sorting() -> Scene:
    """A caller's problem is being sorted."""
    scene = play(SORT)
    scene.model("Hello.")
    scene.caller("I forgot my password.")
    scene.model(go_problem={})
    return scene


def answer(scene: Scene, text: str, *, ok: bool = True) -> None:
    scene.apply(Answered(scene.at, asked(scene)[-1].id, ok, text))


def test_a_step_asks_with_the_words_to_choose_from_and_waits() -> None:
    scene = sorting()
    [ask] = asked(scene)
    assert ask.purpose == "classify"
    assert "# Classify\nNot network?\n" in ask.instructions
    assert ask.instructions.endswith("# Choose one of\n- password\n- network")
    assert "Sorted." not in scene.notes
    assert not quiescent(scene.snapshot)


@pytest.mark.parametrize("text", ["password", "Password.", ' "password" '])
def test_the_answer_becomes_the_variables_value_and_the_steps_go_on(text: str) -> None:
    scene = sorting()
    answer(scene, text)
    assert scene.vars["topic"] == "password"
    assert scene.notes == ["Sorted."]
    assert scene.path == ["talk", "sort", "bye"]


@pytest.mark.parametrize(("text", "value"), [("Yes.", True), ("no", False), ("maybe", None)])
def test_a_truth_is_a_yes_or_a_no(text: str, value: Json) -> None:
    scene = play(SORT)
    scene.model(go_urgent={})
    answer(scene, text)
    assert scene.vars["urgent"] is value


@pytest.mark.parametrize(("text", "ok"), [("neither", True), ("server_error", False)])
def test_without_a_value_the_variable_is_unset_and_edges_see_that(text: str, ok: bool) -> None:
    scene = sorting()
    answer(scene, text, ok=ok)
    assert scene.vars["topic"] is None
    assert [r.data["name"] for r in scene.reports("classify.failed")] == ["topic"]
    assert scene.state == "talk"


def test_an_answer_that_does_not_come_in_time_is_given_up() -> None:
    scene = sorting()
    scene.wait(10)
    assert [c.speak for c in scene.commands if isinstance(c, Hush)] == [asked(scene)[0].id]
    assert scene.state == "talk"
    before = scene.snapshot.values
    answer(scene, "password")
    assert scene.snapshot.values == before


def test_what_is_open_at_the_end_is_abandoned() -> None:
    scene = play(SORT)
    scene.model(go_urgent={})
    scene.apply(CallerLeft(scene.at))
    answer(scene, "yes")
    assert scene.vars["urgent"] is None
    assert not scene.snapshot.work.asks


def test_nothing_of_it_enters_the_conversation() -> None:
    scene = sorting()
    before = len([c for c in scene.commands if isinstance(c, AddItem)])
    answer(scene, "network")
    added = [c for c in scene.commands if isinstance(c, AddItem)][before:]
    assert [item.text for item in added] == ["Sorted."]
