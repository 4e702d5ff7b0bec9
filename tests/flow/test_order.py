"""In which order things count when several come together."""

import pytest

from orchestrator.dispatch.call import Outcome
from orchestrator.flow.commands import AnswerCall
from orchestrator.flow.engine import MAX_ROUNDS
from orchestrator.flow.events import AnswerEnded, DigitPressed
from tests.flow.scene import Scene
from tests.flow.small import play

HEARD = """
vars: {order: {type: text, default: first}}
guards:
  input: [{id: polite, match: please}]
start: talk
states:
  talk:
    goal: Talk.
    next:
      - {event: guard.polite, set: {order: "${order} guard"}}
      - {event: text, set: {order: "${order} text"}}
      - {intent: The caller is done., id: done, goto: bye}
  bye: {end: {reason: completed}}
"""
SKIPPED = """
vars: {n: {type: int, default: 0}}
start: talk
states:
  talk:
    do: [{say: What can I do for you?}, {note: Nobody waits., if: n > 0}]
    goal: Talk.
    next: [{intent: The caller is done., id: done, goto: bye}]
  bye: {end: {reason: completed}}
"""
SHUT = """
vars: {code: text, size: int}
tools:
  first: {queue: q, describe: First., requires: set(code)}
  second: {queue: q, describe: Second., requires: set(code)}
start: talk
states:
  talk:
    goal: Talk.
    collect: {vars: [code, size]}
    tools: [first, second]
    next: [{event: collected, goto: bye}]
  bye: {end: {reason: completed}}
"""
STAGES = """
start: hello
states:
  hello:
    goal: Greet.
    next: [{intent: The caller has a question., id: ask, goto: ask}]
  ask:
    goal: Answer.
    limits: {turns: 2}
    next:
      - {event: limits, goto: bye}
      - {intent: The caller is done., id: done, goto: bye}
  bye: {end: {reason: completed}}
"""
MOVES = """
vars: {day: date}
start: talk
states:
  talk:
    goal: Talk.
    next:
      - {intent: The caller names a day., id: day, fill: [day], goto: day}
      - {intent: The caller is done., id: done, goto: bye}
  day: {goal: "Talk about ${day}.", next: [{intent: Done., id: enough, goto: bye}]}
  bye: {end: {reason: completed}}
"""
LEFT = """
vars: {code: {type: text, validate: {tool: check}}}
tools:
  check: {queue: q, params: {value: text}, returns: {ok: bool}, safe: true}
start: talk
states:
  talk:
    goal: Take the code.
    collect: {vars: [code]}
    next:
      - {event: collected, goto: bye}
      - {after: 10s, goto: later}
  later:
    goal: Say that it takes too long.
    next: [{intent: The caller is done., id: done, goto: bye}]
  bye: {end: {reason: completed}}
"""


def test_events_are_told_to_the_edges_in_the_order_in_which_they_came() -> None:
    scene = play(HEARD)
    scene.model("Hello.")
    scene.caller("A table, please.")
    assert scene.vars["order"] == "first text guard"


def test_a_step_that_is_passed_over_does_not_take_the_word_from_the_caller() -> None:
    scene = play(SKIPPED)
    assert scene.said == ["What can I do for you?"]
    assert not scene.answers


def _outputs(scene: Scene) -> list[str]:
    return [c.call for c in scene.commands if isinstance(c, AnswerCall)]


def test_calls_that_had_to_wait_are_judged_again_in_the_order_of_the_answer() -> None:
    scene = play(SHUT)
    first, second = scene.model(first={}, second={})
    assert _outputs(scene) == [first, second]


def test_what_was_shut_is_made_when_a_value_of_the_same_answer_opens_it() -> None:
    scene = play(SHUT)
    scene.model(first={}, second={}, set_talk={"code": "A1"})
    assert [call.tool for call in scene.snapshot.work.calls.values()] == ["first", "second"]


def test_the_first_move_of_an_answer_counts_though_it_brings_values() -> None:
    scene = play(MOVES)
    first, second = scene.model(go_day={"day": "2026-11-24"}, go_done={})
    assert scene.output(first) == {"ok": True}
    assert scene.output(second) == {"ignored": "already moved"}
    assert scene.state == "day"


def test_turns_count_from_the_entry_of_the_state_that_limits_them() -> None:
    scene = play(STAGES)
    for _ in range(3):
        scene.model("Well?")
        scene.caller("Hm.")
    scene.model(go_ask={})
    for _ in range(2):
        scene.model("So?")
        scene.caller("Hm.")
        assert scene.state == "ask"
    scene.model("So?")
    scene.caller("Hm.")
    assert scene.path[-1] == "bye"


def test_a_value_that_is_still_held_is_lost_with_the_state_and_its_call_answered() -> None:
    scene = play(LEFT)
    [call] = scene.model(set_talk={"code": "A1"})
    scene.wait(10)
    assert scene.state == "later"
    assert scene.output(call) == {"ignored": "already moved"}
    assert not scene.snapshot.work.calls
    assert scene.vars["code"] is None


def test_a_detour_waits_until_an_answer_that_failed_was_tried_again() -> None:
    scene = play(
        """
vars: {n: {type: int, default: 0}}
interrupts:
  news: {dtmf: "#", do: [{prompt: Tell the news.}], return: true}
start: talk
states:
  talk:
    do: [{prompt: Ask for the day.}]
    goal: Talk.
    next: [{intent: The caller is done., id: done, goto: bye}]
  bye: {end: {reason: completed}}
"""
    )
    scene.fail("server_error")
    scene.apply(DigitPressed(scene.at, "#"))
    assert not scene.speaking
    assert not scene.reports("interrupt.taken")
    scene.wait(1)
    scene.model("Which day?")
    assert scene.reports("interrupt.taken")


RESULT = """
tools:
  ship: {queue: q, describe: Ship., mode: background}
  pay: {queue: q, describe: Pay., approval: caller}
  note: {queue: q, describe: Note., mode: background, answer: silent}
on_error: sorry
limits: {turns: 3}
start: talk
states:
  talk:
    goal: Talk.
    tools: [ship, pay, note]
    next:
      - {intent: The caller wants more., id: more, do: [{prompt: Say something.}], goto: talk}
      - {intent: The caller is done., id: done, goto: bye}
  sorry:
    goal: Apologise.
    next:
      - {event: text, goto: bye}
      - {intent: The caller is done., id: done, goto: bye}
  bye: {end: {reason: completed}}
"""


def test_a_result_that_came_meanwhile_is_told_after_the_read_back() -> None:
    scene = play(RESULT)
    scene.model(ship={})
    scene.model("It is on its way.", pay={})
    scene.fail("server_error")
    scene.settle("ship", Outcome("worker", {"ok": True}))
    scene.wait(1)
    assert scene.answers[-1].purpose == "readback"
    scene.model("You pay. Is that right?")
    assert scene.answers[-1].purpose == "result"


def test_a_model_that_only_moves_is_stopped_though_prompts_have_words_in_between() -> None:
    scene = play(RESULT)
    for _ in range(MAX_ROUNDS + 1):
        assert scene.state == "talk"
        scene.model(go_more={})
        if scene.state == "talk":
            scene.model("Something.")
    assert scene.reports("error")[-1].data["reason"] == "model.loop"


def test_an_answer_without_a_word_is_followed_by_one_though_its_tool_is_silent() -> None:
    scene = play(RESULT)
    scene.model(note={})
    assert scene.speaking


def test_what_led_to_an_error_is_no_event_of_the_error_state() -> None:
    scene = play(RESULT)
    for _ in range(4):
        scene.model("Well?")
        scene.caller("Hm.")
    assert scene.path[-1] == "sorry"


@pytest.mark.parametrize("turns", [3, 4])
def test_a_limit_is_what_may_be_used_and_no_more(turns: int) -> None:
    scene = play(RESULT)
    for _ in range(turns):
        scene.model("Well?")
        scene.caller("Hm.")
    assert scene.path[-1] == ("talk" if turns == 3 else "sorry")


def test_an_error_does_not_wait_until_an_answer_that_failed_was_tried_again() -> None:
    scene = play(RESULT.replace("turns: 3", "duration: 10s"))
    scene.wait(9.9)
    scene.fail("server_error")
    scene.wait(0.1)
    assert scene.state == "sorry"
    assert scene.answers[-1].purpose == "goal"
    assert scene.speaking


def test_of_two_interrupts_for_one_event_the_first_in_the_file_is_taken() -> None:
    scene = play(
        """
interrupts:
  one: {dtmf: "#", do: [{say: One.}], return: true}
  two: {dtmf: "#", do: [{say: Two.}], return: true}
start: talk
states:
  talk: {goal: Talk., next: [{intent: The caller is done., id: done, goto: bye}]}
  bye: {end: {reason: completed}}
"""
    )
    scene.model("Hello.")
    scene.apply(DigitPressed(scene.at, "#"))
    assert scene.said == ["One."]


def test_calls_of_an_answer_are_judged_before_a_condition_that_became_true_interrupts() -> None:
    scene = play(
        SHUT.replace("start: talk", "interrupts: {out: {if: code == 'B2', goto: bye}}\nstart: talk")
    )
    scene.model(first={}, set_talk={"code": "B2"})
    assert len(scene.dispatches("first")) == 1
    assert scene.path == ["talk", "bye"]


def test_a_move_whose_value_is_still_held_comes_too_late_for_another_of_its_answer() -> None:
    scene = play(
        """
vars: {code: {type: text, validate: {tool: check}}}
tools:
  check: {queue: q, params: {value: text}, returns: {ok: bool}, safe: true}
start: talk
states:
  talk:
    goal: Talk.
    next:
      - {intent: The caller has a code., id: code, fill: [code], goto: coded}
      - {intent: The caller is done., id: done, goto: bye}
  coded: {goal: Go on., next: [{intent: Enough., id: enough, goto: bye}]}
  bye: {end: {reason: completed}}
"""
    )
    assert scene.speaking
    answer = scene.speaking
    held, done = scene.asks("go_code", {"code": "A1"}), scene.asks("go_done", {})
    scene.settle("check", Outcome("worker", {"ok": True}))
    scene.apply(AnswerEnded(scene.at, answer, "completed"))
    assert scene.output(done) == {"ok": True}
    assert scene.output(held) == {"ignored": "already moved"}
    assert scene.path == ["talk", "bye"]


def test_a_result_that_came_before_other_outputs_is_told_with_them() -> None:
    scene = play(
        RESULT.replace(
            "  note: {queue", "  look: {queue: q, describe: Look.}\n  note: {queue"
        ).replace("tools: [ship,", "tools: [look, ship,")
    )
    scene.model(ship={})
    scene.model("It is on its way.")
    scene.caller("Look it up.")
    scene.model(look={})
    scene.settle("ship", Outcome("worker", {"ok": True}))
    scene.settle("look", Outcome("worker", {"ok": True}))
    assert scene.answers[-1].purpose == "result"
    scene.model("Shipped, and found.")
    assert not scene.speaking


TRIES = """
vars: {size: {type: int, max: 9}}
start: ask
states:
  ask:
    collect: {vars: [size], attempts: 2}
    next:
      - {event: collected, goto: bye}
      - {event: collect.failed, do: [{note: Too often.}]}
      - {intent: The caller starts again., id: again, goto: ask}
      - {intent: The caller waits., id: wait, goto: only}
  only: {next: [{intent: The caller is done., id: done, goto: bye}]}
  bye: {end: {reason: completed}}
"""


def test_values_that_are_refused_are_counted_anew_with_each_entry_and_fail_once() -> None:
    scene = play(TRIES)
    scene.model(set_ask={"size": 99})
    scene.model(go_again={})
    scene.model(set_ask={"size": 99})
    assert scene.notes == []
    for _ in range(2):
        scene.model(set_ask={"size": 99})
    assert scene.notes == ["Too often."]


def test_a_state_with_nothing_but_intents_is_talked_in() -> None:
    scene = play(TRIES)
    scene.model(go_wait={})
    assert scene.speaking
    assert scene.answers[-1].purpose == "goal"
