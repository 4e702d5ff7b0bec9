"""Where failures lead: once to the error state, in the flow that they belong to."""

import pytest

from orchestrator.dispatch.call import Outcome
from orchestrator.flow.commands import Transfer
from orchestrator.flow.engine import MAX_ROUNDS
from orchestrator.flow.events import (
    Answered,
    CallerBegan,
    CallerLeft,
    ProviderLost,
    TransferEnded,
    TurnCommitted,
)
from orchestrator.flow.snapshot import AGAIN
from tests.flow import families
from tests.flow.families import LETTER, SHOP
from tests.flow.scene import Scene
from tests.flow.small import play

REFUSED = Outcome.failed("worker", "refused")
DESK = """
tools:
  reset: {queue: q, describe: Reset., approval: human}
  order: {queue: q, describe: Order., params: {dish: text}, undo: cancel}
  cancel: {queue: q}
on_error: sorry
limits: {turns: 20}
start: desk
states:
  desk:
    goal: Help.
    tools: [reset, order]
    next:
      - {event: tool.order.failed, goto: later}
      - {intent: The caller wants it done., id: do, goto: reset}
      - {intent: The caller is done., id: done, goto: bye}
  reset: {do: [{tool: reset}], next: [{event: tool.reset.done, goto: bye}]}
  later: {goal: Later., next: [{intent: The caller is done., id: done, goto: bye}]}
  sorry: {goal: Apologise., next: [{intent: The caller is done., id: done, goto: bye}]}
  bye: {end: {reason: completed}}
"""


def desk(**started: str) -> Scene:
    return play(DESK, **started)


def fail_for_good(scene: Scene) -> None:
    """The model fails until it is not asked any more."""
    for pause in (0.5, 1, 0):
        scene.fail("server_error")
        scene.wait(pause)


def test_an_error_state_begins_with_all_its_tries() -> None:
    scene = desk()
    fail_for_good(scene)
    assert scene.state == "sorry"
    scene.fail("server_error")
    assert scene.snapshot.run.ended is None
    scene.wait(0.5)
    assert scene.speaking


def test_a_model_that_was_stopped_for_calling_in_circles_may_call_in_the_error_state() -> None:
    scene = desk()
    for _ in range(MAX_ROUNDS + 1):
        scene.model(go_nowhere={})
    assert scene.state == "sorry"
    scene.model(go_nowhere={})
    assert (scene.state, scene.snapshot.run.ended) == ("sorry", None)


def test_an_answer_that_failed_is_asked_for_again_for_what_it_was_for() -> None:
    scene = desk()
    assert scene.answers[-1].purpose == "goal"
    scene.fail("server_error")
    scene.wait(0.5)
    assert [answer.purpose for answer in scene.answers[-2:]] == ["goal", "goal"]


def test_nobody_speaks_again_for_a_step_into_the_callers_words() -> None:
    scene = play(DESK.replace("goal: Help.", "do: [{prompt: Ask.}]"), channel="websocket")
    scene.fail("server_error")
    scene.apply(CallerBegan(scene.at))
    scene.wait(0.9)
    assert AGAIN in scene.snapshot.timers
    assert not scene.speaking
    scene.apply(TurnCommitted(scene.at, "item_1"))
    scene.wait(0.5)
    assert scene.answers[-1].purpose == "prompt"


def test_the_first_error_is_the_one_that_is_told() -> None:
    scene = desk()
    fail_for_good(scene)
    scene.wait(31)
    assert (scene.snapshot.run.ended, scene.snapshot.run.erred) == ("error", "server_error")


@pytest.mark.parametrize("way", ["model", "step"])
def test_a_no_of_a_person_that_no_edge_takes_is_an_error_only_of_a_step(way: str) -> None:
    scene = desk()
    scene.asks("reset" if way == "model" else "go_do", {})
    scene.model()
    if way == "model":
        scene.model("I am asking.")
    scene.settle("reset", Outcome("worker", {"approved": False, "by": "kim"}))
    assert (scene.path[-1] == "sorry") == (way == "step")


def test_what_nobody_wants_any_more_may_fail() -> None:
    scene = desk()
    scene.model(order={"dish": "soup"})
    scene.caller("No, the risotto!")
    scene.model(order={"dish": "risotto"})
    scene.settle("order", REFUSED)
    assert scene.state == "desk"


def test_a_value_that_was_refused_too_often_is_no_matter_of_the_next_state() -> None:
    scene = play(
        """
vars: {size: {type: int, max: 9}, day: date}
start: one
states:
  one:
    goal: Ask how many.
    collect: {vars: [size], attempts: 1, on_failed: bye}
    next:
      - {event: collected, goto: two}
      - {intent: The caller wants another day., id: day, goto: two}
  two:
    goal: Ask for the day.
    collect: {vars: [day], attempts: 1, on_failed: bye}
    next: [{event: collected, goto: bye}, {event: collect.failed, goto: bye}]
  bye: {end: {reason: completed}}
"""
    )
    scene.model(set_one={"size": 99}, go_day={})
    assert scene.state == "two"
    scene.model(set_two={"day": "never"})
    assert scene.snapshot.run.ended == "completed"


def test_the_time_of_a_state_is_no_limit_of_the_next() -> None:
    scene = play(
        """
session: {mode: text}
start: one
states:
  one:
    goal: Talk.
    limits: {time: 10s}
    next:
      - {event: limits, goto: bye}
      - {intent: The caller goes on., id: forward, goto: two}
  two:
    goal: Talk on.
    limits: {turns: 99}
    next: [{event: limits, goto: bye}, {intent: The caller is done., id: done, goto: bye}]
  bye: {end: {reason: completed}}
"""
    )
    scene.wait(5)
    scene.model(go_forward={})
    scene.model("So?")
    scene.wait(30)
    assert (scene.state, scene.snapshot.timers) == ("two", {})


def test_a_provider_that_is_gone_ends_the_session_and_says_so() -> None:
    scene = desk()
    scene.apply(ProviderLost(scene.at, "1006"))
    assert (scene.snapshot.run.ended, scene.snapshot.run.how) == ("provider_lost", "provider_lost")


PASSED_ON = """
session: {mode: text}
limits: {duration: 5s}
on_error: other
start: person
states:
  person: {transfer: {to: "tel:+331", summary: true, on_failed: other}}
  other:
    do: [{prompt: Say that it takes another line.}]
    transfer: {to: "tel:+332"}
"""


def transferred(scene: Scene) -> list[str]:
    return [c.to for c in scene.commands if isinstance(c, Transfer)]


def test_a_summary_for_a_transfer_that_is_over_does_not_begin_the_next() -> None:
    scene = play(PASSED_ON)
    [ask] = scene.asides
    scene.wait(5)
    assert (scene.state, scene.answers[-1].purpose) == ("other", "prompt")
    scene.apply(Answered(scene.at, ask, True, "A short summary."))
    assert transferred(scene) == []
    scene.model("It takes another line.")
    assert transferred(scene) == ["tel:+332"]


def test_a_transfer_that_is_not_under_way_cannot_end() -> None:
    scene = play(PASSED_ON)
    scene.wait(5)
    scene.apply(TransferEnded(scene.at, ok=True))
    assert not scene.ended


# In flows within flows.

LOOKS = SHOP.replace(
    "tools:\n", "tools:\n  look: {queue: shop, describe: Look., safe: true}\n", 1
).replace(
    '    do: [{set: {score: "${score + 10}"}}, {prompt: Tell the hours.}]\n',
    "    do: [{tool: look}]\n",
)


def within(text: str = LOOKS) -> Scene:
    """The flow around the address follows an interrupt, and waits for its tool."""
    scene = families.play(text)
    scene.model("Hello.")
    scene.caller("A book, please.")
    scene.model(go_order={})
    scene.model("Where to?")
    scene.caller("When are you open?")
    scene.model(go_hours={})
    return scene


def test_what_fails_in_an_interrupt_around_a_sub_flow_is_an_error_at_once() -> None:
    scene = within()
    scene.settle("look", REFUSED)
    assert scene.snapshot.run.erred == "tool.look.failed"
    assert scene.snapshot.run.ended == "error"


def test_other_events_of_the_flow_around_wait_until_the_sub_flow_is_over() -> None:
    edges = "      - {event: text, goto: human}\n      - {goto: talk}\n"
    scene = within(LOOKS.replace("      - {goto: talk}\n", edges))
    scene.caller("Well?")
    scene.settle("look", Outcome("worker"))
    scene.model("From nine.")
    assert (scene.snapshot.place.flow, scene.state) == ("address", "ask")


def test_what_failed_of_a_state_that_was_left_does_not_keep_the_talk_in_the_flow_around() -> None:
    books = SHOP.replace("tools:\n", "tools:\n  book: {queue: shop, mode: background}\n", 1)
    books = books.replace("    goal: Greet", "    do: [{tool: book}]\n    goal: Greet", 1)
    books = books.replace("    run: address\n", "    do: [{tool: book}]\n    run: address\n", 1)
    edge = "      - {event: tool.book.failed, goto: human}\n      - {goto: talk}\n"
    scene = within(books.replace("      - {goto: talk}\n", edge, 1))
    scene.settle("book", REFUSED)
    scene.model("From nine.")
    assert (scene.snapshot.place.flow, scene.state) == ("address", "ask")


def test_the_flow_of_an_interrupt_that_failed_is_an_error_of_the_flow_around() -> None:
    scene = families.play()
    scene.model("Hello.")
    scene.caller("The newsletter.")
    scene.model(go_news={})
    fail_for_good(scene)
    assert scene.reports("state.entered")[-2].data["flow"] == "letter"
    assert scene.snapshot.run.erred == "run.letter.failed"
    assert scene.state == "sorry"


def test_the_error_state_of_a_sub_flow_leaves_the_sessions_own_to_it() -> None:
    letter = LETTER.replace("  sorry: {end: {reason: error}}", "  sorry: {end: {reason: later}}")
    scene = families.play(letter=letter)
    scene.model("Hello.")
    scene.caller("The newsletter.")
    scene.model(go_news={})
    fail_for_good(scene)
    assert (scene.state, scene.snapshot.run.erred) == ("talk", None)
    fail_for_good(scene)
    assert scene.path[-1] == "sorry"


def test_the_error_state_of_a_sub_flow_is_entered_once() -> None:
    talking = "  sorry: {goal: Apologise., next: [{intent: Done., id: done, goto: done}]}"
    scene = families.play(letter=LETTER.replace("  sorry: {end: {reason: error}}", talking))
    scene.model("Hello.")
    scene.caller("The newsletter.")
    scene.model(go_news={})
    fail_for_good(scene)
    assert (scene.snapshot.place.flow, scene.state) == ("letter", "sorry")
    fail_for_good(scene)
    assert (scene.snapshot.place.flow, scene.path[-1]) == ("", "sorry")


def test_a_sub_flow_that_goes_in_circles_in_its_error_state_too_is_the_end() -> None:
    circle = "vars: {n: {type: int, default: 0}, topic: {type: text, from: input}}\non_error: b\n"
    letter = f"""\
dsl: 1
flow: letter
version: "1"
session: {{mode: text}}
limits: {{visits: 1000}}
{circle}start: a
states:
  a: {{next: [{{if: n >= 0, set: {{n: "${{n + 1}}"}}, goto: b}}, {{event: text, goto: c}}]}}
  b: {{next: [{{if: n >= 0, set: {{n: "${{n + 1}}"}}, goto: a}}, {{event: text, goto: c}}]}}
  c: {{end: {{reason: completed}}}}
"""
    scene = families.play(letter=letter)
    scene.model("Hello.")
    scene.caller("The newsletter.")
    scene.model(go_news={})
    assert (scene.snapshot.run.ended, scene.snapshot.run.erred) == ("error", "loop")
    assert not scene.snapshot.frames


def test_whoever_leaves_a_sub_flow_takes_along_what_only_it_waited_for() -> None:
    scene = families.play()
    scene.model("Hello.")
    scene.caller("A book, please.")
    scene.model(go_order={})
    scene.model("Where to?")
    scene.caller("Main Street. No, a person!")
    scene.model(set_ask={"street": "Main Street"})
    assert scene.dispatches("check", handler="check")
    scene.caller("A person!")
    scene.model(go_human={})
    assert [withdrawn.by for withdrawn in scene.withdrawals] == ["cancel"]


def test_who_interrupts_the_program_is_told_from_who_hangs_up() -> None:
    scene = desk()
    scene.apply(CallerLeft(scene.at, "interrupted"))
    assert (scene.snapshot.run.ended, scene.snapshot.run.how) == ("interrupted", "interrupted")


def test_a_word_of_the_caller_lets_the_model_call_anew() -> None:
    scene = desk()
    for _ in range(2):
        for _ in range(MAX_ROUNDS):
            scene.model(go_nowhere={})
        scene.caller("Well?")
    assert scene.state == "desk"
