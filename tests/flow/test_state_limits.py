"""What one stage may take: turns, time, and values that are refused."""

import pytest

from tests.flow.scene import Scene
from tests.flow.small import play

DESK = """
vars: {day: date, size: {type: int, max: 20}}
on_error: sorry
start: ask
states:
  ask:
    goal: Ask for the day and the size.
    limits: {turns: 2, time: 60s}
    collect: {vars: [day, size], attempts: 2, on_failed: person}
    next:
      - {event: limits, if: event.limit == 'time', goto: bye}
      - {event: collect.failed, if: event.name == 'size', goto: bye}
      - {event: collected, goto: bye}
  person:
    goal: Be a person.
    next:
      - {intent: The caller is done., id: done, goto: bye}
      - {intent: The caller asks again., id: again, goto: ask}
  sorry: {do: [{say: Sorry.}], end: {reason: sorry}}
  bye: {end: {reason: completed}}
"""


def desk(flow: str = DESK) -> Scene:
    scene = play(flow)
    scene.model("Which day?")
    return scene


def gives(scene: Scene, **values: object) -> None:
    scene.model(set_ask=values)
    if scene.speaking:
        scene.model("Once more, please.")


def test_a_variable_that_was_refused_too_often_leads_to_where_its_state_says() -> None:
    scene = desk()
    scene.caller("Someday.")
    gives(scene, day="someday")
    assert scene.state == "ask"
    scene.caller("Sometime.")
    scene.model(set_ask={"day": "sometime"})
    assert scene.state == "person"
    assert scene.reports("state.entered")[-1].data["by"] == "collect.failed"


def test_an_edge_may_take_it_and_knows_which_variable_it_was() -> None:
    scene = desk()
    scene.caller("Thirty.")
    gives(scene, size=30)
    scene.caller("Forty.")
    scene.model(set_ask={"size": 40})
    assert scene.path == ["ask", "bye"]


def test_each_variable_has_its_own_attempts_and_a_new_entry_new_ones() -> None:
    scene = desk()
    scene.caller("Someday, thirty.")
    gives(scene, day="someday", size=30)
    assert scene.state == "ask"
    scene.caller("Sometime.")
    scene.model(set_ask={"day": "sometime"})
    scene.model("A person here.")
    scene.caller("Again.")
    scene.model(go_again={})
    scene.model("Which day?")
    scene.caller("Someday.")
    gives(scene, day="someday")
    assert scene.state == "ask"


def test_without_a_way_out_it_is_an_error() -> None:
    scene = desk(DESK.replace(", on_failed: person", "").replace("person:", "person_:"))
    for words in ("Someday.", "Sometime."):
        scene.caller(words)
        scene.model(set_ask={"day": words})
        if scene.speaking:
            scene.model("Once more.")
    assert scene.snapshot.run.erred == "collect.failed"


def test_a_state_that_takes_too_long_follows_its_edge() -> None:
    scene = desk()
    scene.wait(59)
    assert scene.state == "ask"
    scene.wait(1)
    assert scene.state == "bye"


def test_a_state_with_too_many_turns_is_an_error_if_no_edge_takes_that() -> None:
    scene = desk()
    for words in ("Hm.", "Well."):
        scene.caller(words)
        scene.model("Which day?")
    assert scene.state == "ask"
    scene.caller("Er.")
    assert scene.snapshot.run.erred == "limits"


@pytest.mark.parametrize("seconds", [61, 600])
def test_time_runs_for_the_state_that_the_talk_is_in(seconds: float) -> None:
    scene = desk()
    for words in ("Someday.", "Sometime."):
        scene.caller(words)
        scene.model(set_ask={"day": words})
        if scene.speaking and scene.state == "ask":
            scene.model("Once more.")
    scene.model("A person here.")
    scene.wait(seconds)
    assert scene.state == "person"
