import pytest

from orchestrator.dispatch.call import Json, Outcome
from orchestrator.flow.asking import parse_arguments
from orchestrator.flow.definition import Rejected
from orchestrator.flow.events import CallProgressed, CallSettled, TimerFired
from tests.flow.restaurant import (
    AWAY,
    BOOKED,
    DETAILS,
    FREE,
    at_booking,
    at_details,
    started,
)
from tests.flow.scene import Scene
from tests.flow.small import play


def at_check() -> Scene:
    """The availability is being looked up."""
    scene = at_details()
    scene.model(set_details=DETAILS)
    return scene


def test_a_step_that_fails_for_good_follows_its_edge() -> None:
    scene = at_details()
    scene.model(set_details=DETAILS)
    scene.settle("check_availability", Outcome.failed("worker", "refused", "closed"))
    assert scene.path[-1] == "transfer"
    assert scene.snapshot.run.erred is None


def test_a_failed_attempt_is_made_again_with_the_same_key_after_a_pause() -> None:
    scene = at_details()
    scene.model(set_details=DETAILS)
    scene.settle("check_availability", AWAY)
    assert len(scene.dispatches("check_availability")) == 1
    scene.wait(0.3)
    first, second = scene.dispatches("check_availability")
    assert (first.attempt, second.attempt) == (1, 2)
    assert first.key == second.key


def test_an_attempt_that_never_answers_is_withdrawn_and_made_again_until_none_is_left() -> None:
    scene = at_details()
    scene.model(set_details=DETAILS)
    scene.wait(14)
    assert len(scene.dispatches("check_availability")) == 3
    assert {w.by for w in scene.withdrawals} == {"deadline"}
    assert scene.said[1:] == ["Let me look at the book.", "I'll put you through to a colleague."]
    assert scene.path[-1] == "transfer"


def test_a_worker_that_was_first_at_the_deadline_counts() -> None:
    scene = at_details()
    scene.model(set_details=DETAILS)
    [call] = scene.snapshot.work.calls.values()
    scene.at += 4.1
    scene.apply(TimerFired(scene.at, f"timeout:{call.id}"))
    assert [w.by for w in scene.withdrawals] == ["deadline"]
    scene.apply(CallSettled(scene.at, call.id, 1, FREE))
    assert scene.state == "confirm"
    assert not scene.reports("call.late")


def test_a_call_of_the_model_is_answered_and_followed_by_one_answer() -> None:
    scene = started()
    scene.caller("Anything vegetarian?")
    [call] = scene.model(menu__search_dishes={"query": "vegetarian"})
    assert len(scene.answers) == 1
    scene.settle("menu.search_dishes", Outcome("worker", {"dishes": ["risotto"]}))
    assert scene.output(call) == {"dishes": ["risotto"]}
    assert [answer.purpose for answer in scene.answers] == ["answer", "answer"]


def test_a_call_of_the_model_that_fails_is_told_to_the_model() -> None:
    scene = started()
    scene.caller("Anything vegetarian?")
    [call] = scene.model(menu__search_dishes={"query": "vegetarian"})
    scene.settle("menu.search_dishes", Outcome.failed("worker", "crashed", "outcome unknown"))
    assert scene.output(call) == {"error": "crashed", "message": "outcome unknown"}
    assert scene.state == "welcome"


def test_two_calls_of_one_answer_are_followed_by_one_answer() -> None:
    scene = started()
    scene.caller("Anything vegetarian? And what is in the risotto?")
    scene.model(menu__search_dishes={"query": "vegetarian"}, menu__allergens={"dish": "risotto"})
    scene.settle("menu.search_dishes", Outcome("worker", {}))
    assert len(scene.answers) == 1
    scene.settle("menu.allergens", Outcome("worker", {}))
    assert len(scene.answers) == 2


def test_a_caller_who_speaks_while_work_is_open_is_answered_and_the_result_comes_later() -> None:
    scene = at_booking()
    confirmed = list(scene.asked)[-1]
    scene.caller("Is there parking?")
    assert scene.output(confirmed) == {"status": "pending"}
    scene.model("There is, behind the house.")
    scene.settle("create_booking", BOOKED)
    assert any("AB12" in note for note in scene.notes)
    assert scene.state == "goodbye"


def test_a_timer_that_fires_early_is_ignored() -> None:
    scene = at_check()
    [timer] = [timer for timer in scene.snapshot.timers if timer.startswith("timeout:")]
    scene.apply(TimerFired(scene.at, timer))
    assert not scene.withdrawals


def test_an_outcome_of_a_former_attempt_is_late() -> None:
    scene = at_check()
    [call] = scene.snapshot.work.calls
    scene.settle("check_availability", AWAY)
    scene.apply(CallSettled(scene.at, call, 1, FREE))
    scene.wait(1)
    scene.apply(CallSettled(scene.at, call, 1, FREE))
    assert len(scene.reports("call.late")) == 2
    assert scene.state == "check"


def test_the_pause_before_an_attempt_grows_and_heeds_what_the_tool_asks_for() -> None:
    scene = at_booking()
    pauses = list[Json]()
    for after in (None, None, 9.0):
        scene.settle("create_booking", Outcome.failed("worker", "unavailable", "", after))
        pauses.append(scene.reports("call.retrying")[-1].data["pause"])
        scene.wait(1.2)
    assert 0.5 <= pauses[0] <= 0.55
    assert 1.0 <= pauses[1] <= 1.1
    assert pauses[2] == 9.0
    scene.wait(8)
    scene.settle("create_booking", AWAY)
    assert scene.path[-1] == "transfer"


def test_a_failure_that_the_author_did_not_name_is_not_tried_again() -> None:
    scene = at_check()
    scene.settle("check_availability", Outcome.failed("worker", "rate_limited"))
    assert scene.path[-1] == "transfer"


def test_no_attempt_is_made_that_could_outlast_the_deadline() -> None:
    scene = play(LOOKUP.replace("EXTRA", "deadline: 20s, retry: {max: 9, backoff: 1s, factor: 1}"))
    scene.model(go_look={})
    scene.wait(60)
    assert len(scene.dispatches("look")) == 2
    assert scene.state == "bye"


LOOKUP = """
vars:
  seen: text
tools:
  look: {queue: q, describe: Look., returns: {text: text}, safe: true, timeout: 8s, EXTRA}
start: desk
states:
  desk:
    goal: Help.
    tools: [look]
    next: [{intent: The caller wants news., id: look, goto: found}]
  found:
    do: [{tool: look, as: found}]
    goal: Tell ${found.text}.
    next:
      - {event: tool.look.failed, goto: bye}
      - {intent: The caller is done., id: done, goto: bye}
  bye:
    do: [{say: Bye.}]
    end: {reason: completed}
"""
RAIN = Outcome("worker", {"text": "rain"})


def looking(extra: str) -> Scene:
    scene = play(LOOKUP.replace("EXTRA", extra))
    scene.model(go_look={})
    return scene


def test_a_result_is_told_although_a_filler_was_said_meanwhile() -> None:
    scene = looking("filler: {after: 1s, every: 2s, say: [One moment., Still looking.]}")
    scene.wait(4)
    assert scene.said == ["One moment.", "Still looking."]
    scene.settle("look", RAIN)
    assert scene.answers[-1].purpose == "goal"
    assert "Tell rain." in scene.answers[-1].instructions
    scene.wait(20)
    assert len(scene.said) == 2


def test_a_filler_tells_the_newest_word_of_the_handler_once() -> None:
    scene = looking("filler: {after: 1s, every: 1s, say: One moment., progress: true}")
    scene.wait(0.5)
    scene.progress("look", "Asking.")
    scene.progress("look", "Two of three.")
    assert scene.said == []
    scene.wait(2)
    assert scene.said == ["Two of three.", "One moment."]


def test_what_a_handler_reports_is_shown_and_not_said_unless_the_flow_wants_it() -> None:
    scene = looking("filler: {after: 1s, say: One moment.}")
    scene.progress("look", "Asking.", {"done": 1})
    scene.wait(2)
    assert scene.said == ["One moment."]
    [shown] = scene.reports("call.progress")
    assert (shown.data["text"], shown.data["data"]) == ("Asking.", {"done": 1})


def test_news_of_an_attempt_that_is_over_is_none() -> None:
    scene = looking("retry: {max: 1, backoff: 5s}, filler: {after: 1s, say: Hm., progress: true}")
    [dispatched] = scene.dispatches("look")
    scene.settle("look", Outcome.failed("worker", "unavailable"))
    scene.apply(CallProgressed(scene.at, dispatched.call, 1, "Nearly."))
    scene.apply(CallProgressed(scene.at, "call_x", 1, "Nearly."))
    scene.wait(2)
    assert scene.said == ["Hm."]
    assert scene.reports("call.progress") == []


def test_a_result_is_told_although_words_stood_before_the_call() -> None:
    text = LOOKUP.replace(", EXTRA", "").replace("{tool: look,", "{say: One moment.}, {tool: look,")
    scene = play(text)
    scene.model(go_look={})
    scene.settle("look", RAIN)
    assert scene.answers[-1].purpose == "goal"


def test_a_result_that_the_model_asked_for_is_told_in_the_state_that_it_moved_to() -> None:
    text = LOOKUP.replace("{tool: look, as: found}", "{say: Here.}").replace("${found.text}", "it")
    scene = play(
        text.replace(", EXTRA", "").replace("      - {event: tool.look.failed, goto: bye}\n", "")
    )
    [call, _] = scene.model(look={}, go_look={})
    assert not scene.speaking
    scene.settle("look", RAIN)
    assert scene.output(call) == {"text": "rain"}
    assert scene.answers[-1].purpose == "answer"


def test_the_first_filler_waits_for_a_pause_in_the_talk() -> None:
    scene = play(LOOKUP.replace("EXTRA", "mode: background, filler: {after: 0s, say: One moment.}"))
    scene.model(go_look={})
    [filler] = [timer for timer in scene.snapshot.timers if timer.startswith("filler:")]
    assert scene.speaking
    scene.apply(TimerFired(scene.at, filler))
    assert "One moment." not in scene.said
    scene.model("Well.")
    scene.wait(0.5)
    assert scene.said.count("One moment.") == 1
    scene.wait(5)
    assert scene.said.count("One moment.") == 1


def test_a_filler_does_not_come_between_a_prompt_that_failed_and_its_next_try() -> None:
    scene = play(
        LOOKUP.replace("EXTRA", "mode: background, filler: {after: 1s, say: One moment.}").replace(
            "{tool: look, as: found}", "{tool: look, as: found}, {prompt: Say hello.}"
        ),
        channel="websocket",
    )
    scene.model(go_look={})
    scene.wait(0.8)
    scene.fail("server_error")
    scene.wait(5)
    assert scene.answers[-1].purpose == "prompt"


LEFT = """
tools:
  record: {queue: q, describe: Record., EXTRA}
on_error: sorry
interrupts:
  hours: {intent: The caller asks for the hours., goto: hours}
start: desk
states:
  desk:
    goal: Help.
    next: [{intent: The caller wants it., id: it, goto: write}]
  write:
    do: [{tool: record}]
    next: [{event: tool.record.failed, goto: desk}, {goto: hours}]
  hours:
    goal: Talk about hours.
    next: [{intent: The caller is done., id: done, goto: sorry}]
  sorry:
    do: [{say: Sorry.}]
    end: {reason: sorry}
"""


def left(extra: str) -> Scene:
    """A step's call was under way when the caller went elsewhere."""
    scene = play(LEFT.replace("EXTRA", extra))
    scene.model(go_it={})
    scene.caller("When do you close?")
    scene.model(go_hours={})
    scene.model("At eleven.")
    return scene


def test_a_failure_of_a_state_that_was_left_is_not_fatal_elsewhere() -> None:
    scene = left("safe: false")
    scene.settle("record", Outcome.failed("worker", "refused"))
    assert scene.snapshot.run.erred is None
    assert scene.state == "hours"


def test_the_steps_after_one_that_failed_are_not_done() -> None:
    scene = play(
        LEFT.replace(", EXTRA", "").replace("{tool: record}", "{tool: record}, {note: Recorded.}")
    )
    scene.model(go_it={})
    scene.settle("record", Outcome.failed("worker", "refused"))
    assert scene.path == ["desk", "write", "desk"]
    assert not scene.notes


def test_an_edge_of_which_a_step_failed_is_not_followed() -> None:
    text = LOOKUP.replace(", EXTRA", "").replace(
        "goto: bye}\n  bye", "do: [{tool: look}], goto: bye}\n  bye"
    )
    scene = play(text)
    scene.model(go_look={})
    scene.settle("look", Outcome("worker", {"text": "rain"}))
    scene.model(go_done={})
    assert scene.state == "found"
    scene.settle("look", Outcome.failed("worker", "refused"))
    assert scene.reports("state.entered")[-1].data["by"] == "tool.look.failed"


def test_a_failure_that_no_edge_takes_is_fatal_where_it_was_made() -> None:
    scene = play(
        LEFT.replace(", EXTRA", "").replace("{event: tool.record.failed, goto: desk}, ", "")
    )
    scene.model(go_it={})
    scene.settle("record", Outcome.failed("worker", "refused"))
    assert scene.snapshot.run.erred == "tool.record.failed"
    assert scene.ended


def test_a_step_that_only_reads_is_withdrawn_when_its_state_is_left() -> None:
    assert [w.by for w in left("safe: true").withdrawals] == ["cancel"]
    assert not left("safe: false").withdrawals


def test_a_step_whose_arguments_have_no_value_fails_without_a_call() -> None:
    scene = play(
        LEFT.replace("EXTRA", "params: {what: text}")
        .replace("{tool: record}", '{tool: record, with: {what: "${missing}"}}')
        .replace("tools:\n", "vars: {missing: text}\ntools:\n", 1)
    )
    scene.model(go_it={})
    assert scene.path == ["desk", "write", "desk"]
    assert not scene.dispatches("record")


def test_arguments_nested_without_end_are_refused() -> None:
    with pytest.raises(Rejected):
        parse_arguments("[" * 200_000)
    with pytest.raises(Rejected, match="too deeply"):
        parse_arguments(f'{{"a": {"[" * 100}{"]" * 100}}}')
    assert parse_arguments(f'{{"a": {"[" * 90}{"]" * 90}}}')


def test_news_of_a_former_attempt_is_none() -> None:
    scene = looking("retry: {max: 1, backoff: 1s}, filler: {after: 5s, say: Hm., progress: true}")
    [first] = scene.dispatches("look")
    scene.settle("look", Outcome.failed("worker", "unavailable"))
    scene.wait(3)
    assert len(scene.dispatches("look")) == 2
    scene.apply(CallProgressed(scene.at, first.call, 1, "Nearly."))
    scene.wait(3)
    assert scene.said == ["Hm."]
