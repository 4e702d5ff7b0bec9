"""What moves a flow besides the model: keys, time, transcripts, text, its own start and end."""

import pytest

from orchestrator.dispatch.call import Json, Outcome
from orchestrator.flow.commands import Emit
from orchestrator.flow.engine import SORRY
from orchestrator.flow.events import (
    CallerLeft,
    DigitPressed,
    ProviderLost,
    TimerFired,
    TranscriptFinal,
)
from orchestrator.flow.snapshot import drained, quiescent
from tests.flow.scene import Scene
from tests.flow.small import play

MENU = """
vars:
  chosen: text
start: menu
states:
  menu:
    do: [{say: Press one or two.}]
    next:
      - {dtmf: "1", if: turns > 0, set: {chosen: one again}, goto: menu}
      - {dtmf: "1", set: {chosen: one}, goto: one}
      - {dtmf: "#", set: {chosen: hash}}
      - {after: 10s, goto: bye}
  one:
    goal: Talk about one.
    next:
      - {after: 30s, goto: bye}
      - {after: 5s, set: {chosen: patience}}
      - {intent: The caller goes back., id: back, goto: menu}
  bye:
    do: [{say: Bye.}]
    end: {reason: completed}
"""


def press(scene: Scene, digit: str) -> None:
    scene.apply(DigitPressed(scene.at, digit))


def test_a_key_follows_the_first_edge_for_it_whose_guard_holds() -> None:
    scene = play(MENU)
    press(scene, "1")
    assert (scene.state, scene.vars["chosen"]) == ("one", "one")
    assert scene.reports("state.entered")[-1].data["by"] == "dtmf:1"


def test_a_key_that_no_edge_waits_for_does_nothing() -> None:
    scene = play(MENU)
    press(scene, "7")
    assert scene.state == "menu"
    assert quiescent(scene.snapshot)


def test_a_key_may_set_something_and_stay_without_a_word() -> None:
    scene = play(MENU)
    press(scene, "#")
    assert (scene.state, scene.vars["chosen"]) == ("menu", "hash")
    assert not scene.speaking


def test_a_key_that_is_pressed_while_the_model_answers_counts_when_it_has_ended() -> None:
    scene = play(MENU)
    scene.caller("What was that?")
    press(scene, "#")
    assert scene.vars["chosen"] is None
    scene.model("One or two.")
    assert scene.vars["chosen"] == "hash"


def test_time_runs_from_the_entry_and_is_forgotten_on_leaving() -> None:
    scene = play(MENU)
    scene.wait(9)
    press(scene, "1")
    scene.model("About one.")
    scene.wait(20)
    assert scene.state == "one"
    assert scene.vars["chosen"] == "patience"
    scene.wait(11)
    assert scene.state == "bye"
    assert scene.reports("state.entered")[-1].data["by"] == "after"


def test_time_is_not_started_anew_by_an_edge_that_stays() -> None:
    scene = play(MENU)
    scene.wait(6)
    press(scene, "#")
    scene.wait(5)
    assert scene.state == "bye"


def test_time_that_ran_out_while_the_model_answered_counts_only_in_its_own_state() -> None:
    scene = play(MENU)
    press(scene, "1")
    scene.asks("go_back", {})
    scene.wait(29)
    scene.apply(TimerFired(scene.at + 2, "after:2.0"))
    scene.model("Back.")
    assert scene.path == ["menu", "one", "menu"]
    scene.wait(2)
    assert scene.state == "menu"


def test_a_timer_of_another_entry_is_ignored() -> None:
    scene = play(MENU)
    press(scene, "1")
    scene.apply(TimerFired(scene.at + 60, "after:1.3"))
    assert scene.state == "one"


PAUSES = """
vars: {count: {type: int, default: 0}}
start: pauses
states:
  pauses:
    do:
      - {wait: 2s}
      - {set: {count: "${count + 1}"}}
      - {wait: 3s, if: count < 2}
      - {emit: paused.enough, with: {count: "${count}", text: "${count} times"}}
    next:
      - {dtmf: "0", goto: pauses}
      - {goto: bye}
  bye: {end: {reason: completed}}
"""


def test_steps_wait_and_nothing_else_is_decided_meanwhile() -> None:
    scene = play(PAUSES)
    scene.wait(1.9)
    assert scene.vars["count"] == 0
    scene.wait(0.2)
    assert scene.vars["count"] == 1
    assert not scene.ended
    scene.wait(3)
    assert scene.ended


def test_an_emitted_event_keeps_the_types_of_its_values() -> None:
    scene = play(PAUSES)
    scene.wait(6)
    assert emitted(scene) == [("paused.enough", {"count": 1, "text": "1 times"})]


def emitted(scene: Scene) -> list[tuple[str, Json]]:
    return [(c.name, c.data) for c in scene.commands if isinstance(c, Emit)]


def test_a_caller_who_speaks_while_steps_wait_is_answered() -> None:
    scene = play(PAUSES)
    scene.caller("Hello?")
    assert scene.answers[-1].purpose == "answer"
    scene.wait(2.5)
    assert scene.vars["count"] == 0
    scene.model("One moment.")
    assert scene.vars["count"] == 1


LINES = """
vars: {last: text, long: {type: bool, default: false}}
tools:
  store: {queue: q, params: {text: text}, idempotency: "line-${event.item_id}", mode: detached}
start: listen
states:
  listen:
    next:
      - {event: transcript.final, if: event.text == 'stop', goto: bye}
      - event: transcript.final
        set: {last: "${event.text}", long: "${len(event.text) > 5}"}
        do: [{tool: store, with: {text: "${event.text}"}}]
      - {event: text, if: event.text == 'bye', goto: bye}
  bye: {end: {reason: completed}}
"""


def hear(scene: Scene, item: str, text: str) -> None:
    scene.apply(TranscriptFinal(scene.at, item, text))


def test_a_transcript_is_seen_by_guards_values_steps_and_keys() -> None:
    scene = play(LINES)
    hear(scene, "item_1", "Good morning.")
    hear(scene, "item_2", "Hi.")
    assert [(c.arguments, c.key) for c in scene.dispatches("store")] == [
        ({"text": "Good morning."}, "line-item_1"),
        ({"text": "Hi."}, "line-item_2"),
    ]
    assert (scene.vars["last"], scene.vars["long"]) == ("Hi.", False)
    hear(scene, "item_3", "stop")
    assert scene.snapshot.run.ended == "completed"


def test_a_transcript_makes_nobody_speak() -> None:
    scene = play(LINES)
    hear(scene, "item_1", "Good morning.")
    assert not scene.answers


def test_typed_text_is_an_event_with_its_words() -> None:
    scene = play(LINES)
    scene.caller("bye")
    assert scene.snapshot.run.ended == "completed"
    assert not scene.answers


WHOLE = """
vars:
  customer: {type: text, from: call.caller}
  name: text
tools:
  who:
    queue: q
    params: {caller: text}
    returns: {name: text}
    safe: true
    assign: {name: "${result.name}"}
  log: {queue: q, params: {name: text, how: {type: text, optional: true}}, retry: {max: 1}}
  never: {queue: q}
on_start:
  do:
    - {say: One moment.}
    - {tool: who, with: {caller: "${customer}"}, if: set(customer)}
on_end:
  do:
    - {set: {name: "${name if set(name) else 'nobody'}"}}
    - {tool: log, with: {name: "${name}"}}
    - {tool: never, if: turns > 99}
    - {emit: over, with: {name: "${name}"}}
on_error: sorry
limits: {turns: 2, duration: 5m}
start: desk
states:
  desk:
    do: [{note: "The caller is ${name}."}]
    goal: Help ${name}.
    next: [{intent: The caller is done., id: done, goto: bye}]
  bye:
    do: [{say: Bye.}]
    end: {reason: completed}
  sorry:
    goal: Say that it did not work.
    next: [{intent: The caller accepts., id: fine, goto: bye}]
"""


def begun() -> Scene:
    scene = play(WHOLE, caller="+33612345678")
    scene.settle("who", Outcome("worker", {"name": "Ana"}))
    return scene


def test_on_start_is_done_before_the_first_state_and_does_not_speak_for_it() -> None:
    scene = play(WHOLE, caller="+33612345678")
    assert scene.said == ["One moment."]
    assert not scene.notes
    scene.settle("who", Outcome("worker", {"name": "Ana"}))
    assert scene.notes == ["The caller is Ana."]
    assert scene.answers[-1].purpose == "goal"


def test_a_failure_in_on_start_is_an_error_of_the_first_state() -> None:
    scene = play(WHOLE, caller="+33612345678")
    scene.settle("who", Outcome.failed("worker", "refused"))
    assert scene.snapshot.run.erred == "tool.who.failed"


def by_the_model(scene: Scene) -> None:
    scene.model(go_done={})


def by_a_hang_up(scene: Scene) -> None:
    scene.apply(CallerLeft(scene.at))


def by_the_provider(scene: Scene) -> None:
    scene.apply(ProviderLost(scene.at, "1006"))


def by_an_error(scene: Scene) -> None:
    scene.wait(31)
    scene.wait(31)


@pytest.mark.parametrize("end", [by_the_model, by_a_hang_up, by_the_provider, by_an_error])
def test_on_end_is_done_once_however_it_ends(end: object) -> None:
    assert callable(end)
    scene = begun()
    end(scene)
    scene.apply(CallerLeft(scene.at))
    assert [call.arguments for call in scene.dispatches("log")] == [{"name": "Ana"}]
    assert emitted(scene) == [("over", {"name": "Ana"})]
    assert not scene.dispatches("never")


def test_calls_of_on_end_are_kept_until_they_have_come_back() -> None:
    scene = begun()
    scene.apply(CallerLeft(scene.at))
    scene.settle("log", Outcome.failed("worker", "unavailable"))
    assert not drained(scene.snapshot)
    scene.wait(1)
    assert len(scene.dispatches("log")) == 2
    scene.settle("log", Outcome("worker", None))
    assert drained(scene.snapshot)


def test_a_call_of_on_end_that_never_comes_back_is_withdrawn_at_its_deadline() -> None:
    scene = begun()
    scene.apply(CallerLeft(scene.at))
    scene.wait(30)
    assert drained(scene.snapshot)
    assert scene.reports("call.failed")[-1].data["code"] == "timeout"


def test_on_end_sees_values_that_were_set_there() -> None:
    scene = play(WHOLE)
    scene.apply(CallerLeft(scene.at))
    assert emitted(scene) == [("over", {"name": "nobody"})]


def test_nobody_speaks_after_the_end_although_on_end_failed() -> None:
    scene = begun()
    scene.apply(CallerLeft(scene.at))
    scene.settle("log", Outcome.failed("worker", "refused"))
    assert scene.snapshot.run.how == "hangup"
    assert SORRY not in scene.said


def test_too_many_turns_lead_to_the_error_state_once() -> None:
    scene = begun()
    for _ in range(4):
        if scene.speaking:
            scene.model("Yes?")
        scene.caller("And?")
    assert scene.path == ["desk", "sorry"]
    assert scene.snapshot.run.erred == "limit.turns"


def test_as_many_turns_as_allowed_are_no_error() -> None:
    scene = begun()
    for _ in range(2):
        scene.model("Yes?")
        scene.caller("And?")
    assert scene.snapshot.run.erred is None


def test_a_limit_in_the_error_state_is_the_end() -> None:
    scene = begun()
    scene.wait(31)
    assert scene.snapshot.run.erred == "answer.timeout"
    for _ in range(3):
        scene.caller("And?")
    assert scene.snapshot.run.ended == "error"


def test_the_duration_also_ends_the_error_state() -> None:
    scene = begun()
    scene.wait(31)
    scene.model("That did not work.")
    scene.wait(300)
    assert scene.snapshot.run.ended == "error"


def test_too_many_calls_of_tools_are_an_error() -> None:
    text = WHOLE.replace("turns: 2", "tool_calls: 2").replace(
        "goal: Help ${name}.", "goal: Help ${name}.\n    tools: [never]"
    )
    scene = play(text, caller="+33612345678")
    scene.settle("who", Outcome("worker", {"name": "Ana"}))
    scene.asks("never", {})
    assert scene.snapshot.run.erred is None
    scene.asks("never", {})
    assert scene.snapshot.run.erred == "limit.tool_calls"
