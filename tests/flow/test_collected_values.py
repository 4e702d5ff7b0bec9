"""`collect.confirm`: what was collected is read back before `collected` happens."""

import pytest

from orchestrator.flow.engine import offered
from orchestrator.flow.events import AgentCutOff, AgentFinished, AgentSaid, AnswerEnded
from orchestrator.flow.snapshot import quiescent
from tests.flow.scene import Scene
from tests.flow.small import play

FLOW = """
vars:
  size: {type: int, max: 12}
  day: text
  wish: text
tools:
  pay: {queue: bank, describe: Pay., params: {to: {type: text, optional: true}}, approval: caller}
interrupts:
  check:
    intent: The caller wants it checked.
    do: [{tool: pay, with: {to: Ana}, approval: caller}]
    return: true
start: talk
states:
  talk:
    goal: Ask for the details.
    collect: {vars: [size, day, wish], optional: [wish], confirm: CONFIRM}
    tools: [pay]
    next:
      - {intent: The caller gives up., id: leave, goto: bye}
      - {intent: It is another day., id: other, set: {day: Sunday}}
      - {event: tool.pay.denied, do: [{note: Not paid.}]}
      - {event: collected, goto: done}
  done:
    goal: Go on.
    next: [{intent: The caller is done., id: end, goto: bye}]
  bye: {end: {reason: completed}}
"""


def flow(confirm: str = "true") -> str:
    return FLOW.replace("CONFIRM", confirm)


def given(confirm: str = "true") -> Scene:
    """Everything that is needed has been given, and the read-back is due."""
    scene = play(flow(confirm))
    scene.model("How many, and when?")
    scene.caller("Four on Monday.")
    scene.model(set_talk={"size": 4, "day": "Monday"})
    return scene


def offers(scene: Scene) -> frozenset[str]:
    return offered(scene.flow, scene.snapshot)


def asked(confirm: str = "true") -> Scene:
    scene = given(confirm)
    scene.model("Four on Monday, is that right?")
    return scene


def test_what_was_collected_is_read_back_before_it_counts() -> None:
    scene = given()
    assert (scene.answers[-1].purpose, scene.answers[-1].tools) == ("readback", ())
    assert "size 4, day Monday" in scene.answers[-1].instructions
    scene.model("Four on Monday, is that right?")
    assert scene.state == "talk"
    assert quiescent(scene.snapshot), "the caller has the word"


def test_a_yes_after_it_leads_on() -> None:
    scene = asked()
    scene.caller("Yes.")
    assert {"confirm_talk", "decline_talk", "set_talk"} <= offers(scene)
    [call] = scene.model(confirm_talk={})
    assert scene.output(call) == {"ok": True}
    assert scene.path == ["talk", "done"]


def test_an_author_words_what_is_read_back() -> None:
    scene = given('"${size} people on ${day}"')
    assert "4 people on Monday" in scene.answers[-1].instructions


def test_nothing_is_read_back_while_something_is_needed() -> None:
    scene = play(flow())
    scene.model("How many, and when?")
    scene.caller("Four.")
    scene.model(set_talk={"size": 4})
    assert scene.answers[-1].purpose == "answer"


def test_a_yes_that_came_with_the_values_does_not_count() -> None:
    scene = play(flow())
    scene.model("How many, and when?")
    scene.caller("Four on Monday, yes.")
    _, yes = scene.model(set_talk={"size": 4, "day": "Monday"}, confirm_talk={})
    assert scene.output(yes)["error"] == "not_available"
    assert scene.state == "talk"


def test_a_read_back_that_was_cut_off_is_made_again() -> None:
    scene = given()
    scene.fail(how="cancelled")
    scene.caller("What?")
    assert "confirm_talk" not in offers(scene)
    scene.model("I was saying:")
    assert scene.answers[-1].purpose == "readback"


def test_with_a_voice_a_yes_counts_once_it_was_heard_to_its_end() -> None:
    scene = play(flow(), channel="websocket")
    scene.model("How many, and when?")
    scene.caller("Four on Monday.")
    scene.model(set_talk={"size": 4, "day": "Monday"})
    readback = scene.speaking
    assert readback
    scene.apply(AgentSaid(scene.at, readback, "Four on Monday?"))
    scene.apply(AnswerEnded(scene.at, readback, "completed"))
    assert "confirm_talk" not in offers(scene)
    scene.apply(AgentFinished(scene.at, readback))
    assert "confirm_talk" in offers(scene)


def test_with_a_voice_one_that_is_cut_off_while_it_is_heard_is_made_again() -> None:
    scene = play(flow(), channel="websocket")
    scene.model("How many, and when?")
    scene.caller("Four on Monday.")
    scene.model(set_talk={"size": 4, "day": "Monday"})
    readback = scene.speaking
    assert readback
    scene.apply(AgentSaid(scene.at, readback, "Four on Monday?"))
    scene.apply(AnswerEnded(scene.at, readback, "completed"))
    scene.apply(AgentCutOff(scene.at, readback, 300))
    assert "confirm_talk" not in offers(scene)
    scene.caller("What?")
    scene.model("I was saying:")
    assert scene.answers[-1].purpose == "readback"


def test_a_correction_is_read_back_anew() -> None:
    scene = asked()
    scene.caller("Five, that is.")
    _, late = scene.model(set_talk={"size": 5}, confirm_talk={})
    assert scene.output(late)["error"] in ("not_available", "not_confirmed")
    assert scene.state == "talk"
    assert scene.answers[-1].purpose == "readback"
    assert "size 5, day Monday" in scene.answers[-1].instructions
    scene.model("Five on Monday?")
    scene.caller("Yes.")
    scene.model(confirm_talk={})
    assert scene.state == "done"


def test_a_correction_in_the_answer_that_says_yes_takes_the_yes_back() -> None:
    scene = asked()
    scene.caller("Yes. No, five.")
    scene.model(confirm_talk={}, set_talk={"size": 5})
    assert scene.state == "talk"
    assert "size 5, day Monday" in scene.answers[-1].instructions


def test_a_value_that_cannot_be_is_told_before_anything_is_read_back_again() -> None:
    scene = asked()
    scene.caller("Fifty, on Tuesday.")
    scene.model(set_talk={"size": 50, "day": "Tuesday"})
    assert scene.answers[-1].purpose == "answer"
    assert "confirm_talk" not in offers(scene)


def test_after_a_no_the_values_stay_and_the_model_asks_what_is_wrong() -> None:
    scene = asked()
    scene.caller("No.")
    [call] = scene.model(decline_talk={})
    assert scene.output(call) == {
        "ok": True,
        "message": "Ask what is wrong, and store it with set_talk.",
    }
    assert (scene.vars["size"], scene.vars["day"]) == (4, "Monday")
    assert scene.answers[-1].purpose == "answer"
    assert "confirm_talk" not in offers(scene)
    scene.model("What should I change?")
    scene.caller("The day: Tuesday.")
    scene.model(set_talk={"day": "Tuesday"})
    assert "size 4, day Tuesday" in scene.answers[-1].instructions


def test_the_same_values_given_once_more_after_a_no_are_read_back_once_more() -> None:
    scene = asked()
    scene.caller("No.")
    scene.model(decline_talk={})
    scene.model("What should I change?")
    scene.caller("Oh, nothing. Four on Monday.")
    scene.model(set_talk={"size": 4, "day": "Monday"})
    assert scene.answers[-1].purpose == "readback"


def test_what_the_flow_has_changed_since_is_read_back_anew() -> None:
    scene = asked()
    scene.caller("Make it Sunday.")
    scene.model(go_other={})
    scene.model("Sunday, then.")
    assert scene.vars["day"] == "Sunday"
    scene.caller("Yes.")
    [yes] = scene.model(confirm_talk={})
    assert scene.output(yes) == {
        "error": "not_available",
        "message": "Things have changed since.",
    }
    assert scene.state == "talk"
    assert "size 4, day Sunday" in scene.answers[-1].instructions


def test_the_caller_may_leave_instead() -> None:
    scene = asked()
    scene.caller("Never mind.")
    scene.model(go_leave={})
    assert scene.path == ["talk", "bye"]


def test_a_tool_that_needs_a_yes_waits_for_the_answer_about_the_values() -> None:
    scene = asked()
    scene.caller("Pay, too.")
    [call] = scene.model(pay={})
    message = "First the caller has to answer about what was collected."
    assert scene.output(call) == {"error": "not_available", "message": message}


def test_values_wait_for_the_answer_about_a_tool() -> None:
    scene = asked()
    scene.caller("No. Pay Ana first.")
    scene.model(decline_talk={}, pay={"to": "Ana"})
    scene.model("To Ana, right?")
    scene.caller("Well, four on Monday is right.")
    scene.model(set_talk={"size": 4, "day": "Monday"})
    assert scene.answers[-1].purpose == "answer"
    scene.model("And Ana?")
    scene.caller("No.")
    scene.model(decline_pay={})
    assert "size 4, day Monday" in scene.answers[-1].instructions
    assert scene.answers[-1].purpose == "readback"


def test_a_step_that_asks_meanwhile_goes_first() -> None:
    scene = asked()
    scene.caller("Check it.")
    scene.model(go_check={})
    assert "to Ana" in scene.answers[-1].instructions
    scene.model("To Ana, right?")
    scene.caller("No.")
    scene.model(decline_pay={})
    assert "Not paid." in scene.notes
    assert scene.answers[-1].purpose == "readback"
    assert "size 4, day Monday" in scene.answers[-1].instructions


@pytest.mark.parametrize("confirm", ["false", "true"])
def test_where_all_is_known_on_entry_it_is_read_back_at_once_if_at_all(confirm: str) -> None:
    scene = play(
        flow(confirm)
        .replace("day: text", "day: {type: text, default: Monday}")
        .replace("max: 12", "max: 12, default: 4")
    )
    assert scene.path == (["talk"] if confirm == "true" else ["talk", "done"])
    assert (scene.answers[-1].purpose == "readback") == (confirm == "true")


def test_a_yes_is_given_once() -> None:
    scene = asked()
    scene.caller("Yes.")
    _, no = scene.model(confirm_talk={}, decline_talk={})
    assert scene.output(no)["error"] == "not_available"
    assert scene.state == "done"


def test_values_that_were_agreed_to_and_led_nowhere_stand_in_nobodys_way() -> None:
    scene = play(flow().replace("{event: collected, goto", "{event: collected, if: size > 9, goto"))
    scene.model("How many, and when?")
    scene.caller("Four on Monday.")
    scene.model(set_talk={"size": 4, "day": "Monday"})
    scene.model("Four on Monday, is that right?")
    scene.caller("Yes. And pay!")
    scene.model(confirm_talk={})
    [call] = scene.model(pay={})
    assert scene.output(call)["status"] == "needs_confirmation"
