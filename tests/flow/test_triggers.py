"""What moves a flow besides the model: keys, time, transcripts, text."""

from orchestrator.flow.events import (
    DigitPressed,
    LineFound,
    TimerFired,
    TranscriptFinal,
)
from orchestrator.flow.snapshot import quiescent
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


def test_a_guard_that_is_null_is_false() -> None:
    scene = play(
        MENU.replace("if: turns > 0", "if: ready").replace("vars:", "vars:\n  ready: bool")
    )
    press(scene, "1")
    assert scene.state == "one"


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
    assert scene.emitted == [("paused.enough", {"count": 1, "text": "1 times"})]


def test_a_caller_who_speaks_while_steps_wait_is_answered() -> None:
    scene = play(PAUSES)
    scene.caller("Hello?")
    assert scene.answers[-1].purpose == "answer"
    scene.wait(2.5)
    assert scene.vars["count"] == 0
    scene.model("One moment.")
    assert scene.vars["count"] == 1


def test_what_a_step_waited_for_is_forgotten_when_its_state_is_left() -> None:
    leaving = "interrupts:\n  out: {intent: The caller leaves., goto: hall}\nstart: pauses"
    hall = "states:\n  hall:\n    goal: Wait.\n    next: [{dtmf: '0', goto: pauses}]"
    scene = play(PAUSES.replace("start: pauses", leaving).replace("states:", hall))
    scene.caller("I am leaving.")
    scene.model(go_out={})
    assert scene.state == "hall"
    assert not [timer for timer in scene.snapshot.timers if timer.startswith("wait:")]


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


OUTBOUND = """
outbound: {to: "${call.caller}", voicemail: message, busy: later}
start: hello
states:
  hello:
    do: [{say: Hello.}]
    next:
      - {event: call.voicemail, if: turns > 0, goto: later}
      - {intent: The caller is done., id: done, goto: bye}
  message:
    do: [{say: Please call us back.}]
    end: {reason: voicemail}
  later: {end: {reason: later}}
  bye: {end: {reason: completed}}
"""


def test_a_machine_that_no_edge_waits_for_leads_where_outbound_says() -> None:
    scene = play(OUTBOUND)
    scene.apply(LineFound(scene.at, "voicemail"))
    assert scene.snapshot.run.ended == "voicemail"
    assert scene.reports("state.entered")[-1].data["by"] == "call.voicemail"


def test_an_edge_for_a_machine_comes_before_outbound() -> None:
    scene = play(OUTBOUND.replace("if: turns > 0, ", ""))
    scene.apply(LineFound(scene.at, "voicemail"))
    assert scene.snapshot.run.ended == "later"


def test_a_line_that_nobody_planned_for_changes_nothing() -> None:
    scene = play(OUTBOUND)
    scene.apply(LineFound(scene.at, "no_answer"))
    assert scene.state == "hello"
