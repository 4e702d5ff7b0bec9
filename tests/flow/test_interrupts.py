"""Interrupts by what happens and by what becomes true, beside those that the model asks for."""

import pytest

from orchestrator.dispatch.call import Outcome
from orchestrator.flow.engine import offered
from orchestrator.flow.events import DigitPressed, Signalled
from tests.flow.scene import Scene
from tests.flow.small import play

DESK = """
vars:
  mood: {type: enum, values: [calm, angry], default: calm}
  count: {type: int, default: 0}
  news: text
tools:
  look: {queue: desk, describe: Look it up., safe: true}
interrupts:
  angry: {if: mood == 'angry', do: [{say: I am sorry.}], return: true, except: [quiet]}
  zero: {dtmf: "0", goto: person, except: [quiet]}
  nine: {dtmf: "9", do: [{note: Nine.}], return: true, cool_down: 1}
  closing:
    signal: closing
    if: event.minutes < 10
    do: [{say: "We close in ${event.minutes} minutes."}]
    return: true
  looking: {event: tool.look.started, do: [{set: {count: "${count + 1}"}}], return: true}
start: desk
states:
  desk:
    do: [{say: Hello.}]
    goal: Help.
    tools: [look]
    next:
      - {dtmf: "0", goto: bye}
      - {dtmf: "1", set: {mood: angry}}
      - {dtmf: "2", set: {mood: calm}}
      - {event: signal.closing, set: {news: late}}
      - {intent: The caller wants to wait., id: wait, goto: waiting}
      - {intent: The caller wants silence., id: quiet, goto: quiet}
  waiting:
    do: [{tool: look, as: found}, {say: Found it.}]
    next: [{goto: desk}]
  quiet:
    goal: Listen.
    next:
      - {dtmf: "1", set: {mood: angry}}
      - {dtmf: "0", set: {news: nought}}
      - {intent: The caller goes back., id: back, goto: desk}
      - {intent: The caller is done., id: done, goto: bye}
  person:
    goal: Be a person.
    next: [{intent: The caller is done., id: done, goto: bye}]
  bye: {end: {reason: completed}}
"""


def press(scene: Scene, digit: str) -> None:
    scene.apply(DigitPressed(scene.at, digit))


def signal(scene: Scene, name: str = "closing", entry: str = "", **data: int) -> None:
    scene.apply(Signalled(scene.at, name, data, entry))


def taken(scene: Scene) -> list[str]:
    return [str(report.data["id"]) for report in scene.reports("interrupt.taken")]


def test_a_key_interrupts_before_an_edge_of_the_state_gets_it() -> None:
    scene = play(DESK)
    press(scene, "0")
    assert (scene.state, taken(scene)) == ("person", ["zero"])
    assert scene.reports("state.entered")[-1].data["by"] == "interrupt:zero"


def test_where_an_interrupt_is_excepted_the_state_gets_its_key() -> None:
    scene = play(DESK)
    scene.caller("Quiet!")
    scene.model(go_quiet={})
    scene.model("Yes?")
    press(scene, "0")
    assert (scene.state, scene.vars["news"]) == ("quiet", "nought")


def test_a_condition_interrupts_when_it_becomes_true_and_again_only_after_it_was_false() -> None:
    scene = play(DESK)
    press(scene, "1")
    assert scene.said[-1] == "I am sorry."
    scene.model("Where were we?")
    scene.caller("Still angry.")
    scene.model("Hm.")
    assert taken(scene) == ["angry"]
    press(scene, "2")
    press(scene, "1")
    assert taken(scene) == ["angry", "angry"]


def test_a_condition_that_became_true_where_it_is_excepted_interrupts_in_the_next_state() -> None:
    scene = play(DESK)
    scene.caller("Quiet!")
    scene.model(go_quiet={})
    press(scene, "1")
    assert taken(scene) == []
    scene.model("Yes?")
    scene.caller("Back.")
    scene.model(go_back={})
    assert (scene.state, taken(scene)) == ("desk", ["angry"])


def test_a_signal_interrupts_with_its_data_if_its_condition_holds() -> None:
    scene = play(DESK)
    signal(scene, minutes=5)
    assert scene.said[-1] == "We close in 5 minutes."
    assert scene.vars["news"] is None


def test_a_signal_whose_condition_does_not_hold_is_left_to_the_state() -> None:
    scene = play(DESK)
    signal(scene, minutes=50)
    assert (taken(scene), scene.vars["news"]) == ([], "late")


@pytest.mark.parametrize("second", ["5-0", "4-9"])
def test_a_signal_that_was_read_before_is_no_second_one(second: str) -> None:
    scene = play(DESK)
    signal(scene, minutes=50, entry="5-0")
    scene.apply(DigitPressed(scene.at, "2"))
    scene.commands.clear()
    signal(scene, minutes=5, entry=second)
    assert not scene.commands


def test_ids_of_signals_are_ordered_as_numbers() -> None:
    scene = play(DESK)
    signal(scene, minutes=50, entry="9-0")
    signal(scene, minutes=5, entry="10-0")
    assert taken(scene) == ["closing"]


def test_a_detour_without_words_is_taken_back_without_words() -> None:
    scene = play(DESK)
    press(scene, "9")
    assert (taken(scene), scene.notes, scene.speaking) == (["nine"], ["Nine."], None)


def test_a_detour_with_words_ends_in_one_answer_that_resumes() -> None:
    scene = play(DESK)
    press(scene, "1")
    assert [answer.purpose for answer in scene.answers] == ["resume"]


def test_an_interrupt_cools_down_for_as_many_moves_as_it_says() -> None:
    scene = play(DESK)
    press(scene, "9")
    press(scene, "9")
    assert taken(scene) == ["nine"]
    scene.caller("Quiet!")
    scene.model(go_quiet={})
    scene.model("Yes?")
    press(scene, "9")
    assert taken(scene) == ["nine", "nine"]


def test_steps_that_wait_are_interrupted_and_go_on_where_they_were() -> None:
    scene = play(DESK)
    scene.caller("I'll wait.")
    scene.model(go_wait={})
    signal(scene, minutes=5)
    assert scene.said[-1] == "We close in 5 minutes."
    scene.settle("look", Outcome("worker", {}))
    assert scene.said[-2:] == ["Found it.", "Hello."]
    assert [c.tool for c in scene.dispatches("look")] == ["look"]
    assert scene.path == ["desk", "waiting", "desk"]


def test_an_interrupt_that_leaves_takes_the_steps_that_wait_along() -> None:
    scene = play(DESK)
    scene.caller("I'll wait.")
    scene.model(go_wait={})
    press(scene, "0")
    assert (scene.state, scene.snapshot.place.steps) == ("person", ())
    assert scene.withdrawals[-1].by == "cancel"


def test_an_interrupt_by_a_tool_that_began_is_not_taken_within_itself() -> None:
    scene = play(DESK.replace("[{set: {count:", "[{tool: look}, {set: {count:"))
    scene.caller("Look.")
    scene.model(look={})
    assert taken(scene) == ["looking"]
    assert len(scene.dispatches("look")) == 2


def test_an_ending_is_not_interrupted() -> None:
    scene = play(DESK.replace("bye: {end", "bye: {do: [{wait: 5s}], end"))
    scene.caller("Quiet!")
    scene.model(go_quiet={})
    scene.model("Yes?")
    scene.caller("Bye.")
    scene.model(go_done={})
    press(scene, "9")
    scene.wait(5)
    assert (taken(scene), scene.snapshot.run.ended) == ([], "completed")


def test_an_intent_is_offered_only_while_its_condition_holds() -> None:
    flow = DESK.replace(
        "  nine: {",
        "  help: {intent: The caller wants help., if: count > 0, goto: person}\n  nine: {",
    )
    scene = play(flow)
    assert "go_help" not in offered(scene.flow, scene.snapshot)
    scene.caller("Look.")
    scene.model(look={})
    assert "go_help" in offered(scene.flow, scene.snapshot)


NESTED = """
vars: {n: {type: int, default: 0}}
interrupts:
INTERRUPTS
start: desk
states:
  desk:
    next: [{dtmf: "#", goto: bye}]
  bye: {end: {reason: completed}}
"""


def test_detours_within_detours_are_four_deep_at_most() -> None:
    detours = "".join(
        f'  d{n}: {{dtmf: "{n}", do: [{{wait: 60s}}], return: true}}\n' for n in range(1, 6)
    )
    scene = play(NESTED.replace("INTERRUPTS\n", detours))
    for n in "12345":
        press(scene, n)
    assert taken(scene) == ["d1", "d2", "d3", "d4"]
    scene.wait(60)
    assert taken(scene)[-1] == "d5"


def test_a_signal_that_nothing_takes_is_told_of() -> None:
    scene = play(DESK)
    signal(scene, "nonsense")
    signal(scene, minutes=5)
    assert [report.data for report in scene.reports("signal.ignored")] == [{"name": "nonsense"}]
