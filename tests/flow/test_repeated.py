"""What the wire says twice, or about an answer that is over, counts once."""

from orchestrator.dispatch.call import Outcome
from orchestrator.flow.events import (
    AgentSaid,
    AnswerEnded,
    CallSettled,
    Signalled,
    TimerFired,
    ToolAsked,
    TranscriptFinal,
)
from tests.flow.scene import Scene
from tests.flow.small import play

DESK = """
vars: {day: date}
tools:
  look: {queue: q, describe: Look.}
  note: {queue: q, describe: Note., answer: silent}
on_error: bye
start: desk
states:
  desk:
    goal: Help.
    collect: {vars: [day], attempts: 2, on_failed: bye}
    tools: [look, note]
    next:
      - {event: collected, goto: bye}
      - {intent: The caller goes on., id: next, goto: later}
  later:
    context: reset
    goal: Go on.
    tools: [look]
    next: [{intent: The caller is done., id: done, goto: bye}]
  bye: {end: {reason: completed}}
"""


def desk() -> Scene:
    scene = play(DESK)
    scene.model("Hello.")
    scene.caller("Look it up.")
    return scene


def repeat(scene: Scene) -> None:
    """The wire says again what the model asked for last."""
    asked = [event for event in scene.events if isinstance(event, ToolAsked)]
    scene.apply(asked[-1])


def test_a_call_that_is_asked_for_twice_is_made_and_answered_once() -> None:
    scene = desk()
    call = scene.asks("look", {})
    repeat(scene)
    scene.model()
    scene.settle("look", Outcome("worker", {"ok": True}))
    assert len(scene.dispatches("look")) == 1
    assert scene.output(call) == {"ok": True}
    assert [report.data["call"] for report in scene.reports("tool.ignored")] == [call]


def test_a_call_that_waits_to_be_judged_again_waits_once() -> None:
    scene = desk()
    call = scene.asks("look_again", {})
    repeat(scene)
    scene.model()
    assert "error" in scene.output(call)
    assert len(scene.reports("tool.refused")) == 1


def test_a_refused_value_that_is_given_twice_by_the_wire_is_refused_once() -> None:
    scene = desk()
    call = scene.asks("set_desk", {"day": "someday"})
    repeat(scene)
    scene.model()
    assert "rejected" in scene.output(call)
    assert scene.state == "desk"


def test_a_move_that_is_asked_for_twice_is_made_once() -> None:
    scene = desk()
    call = scene.asks("go_next", {})
    repeat(scene)
    scene.model()
    assert scene.output(call) == {"ok": True}
    assert scene.path == ["desk", "later"]


def test_what_was_asked_for_in_an_answer_that_is_over_is_not_looked_at() -> None:
    scene = desk()
    scene.model("I will.", look={})
    repeat(scene)
    scene.settle("look", Outcome("worker", {}))
    repeat(scene)
    scene.model("There.")
    repeat(scene)
    assert len(scene.dispatches("look")) == 1
    assert len(scene.reports("tool.ignored")) == 3


def test_the_end_of_an_answer_that_is_told_twice_ends_no_other() -> None:
    scene = desk()
    answer = scene.speaking or ""
    scene.model(look={})
    scene.settle("look", Outcome("worker", {}))
    open_answer = scene.speaking
    assert open_answer != answer
    scene.apply(AnswerEnded(scene.at, answer, "completed"))
    assert scene.snapshot.talk.speaking == open_answer


def test_words_that_are_told_twice_stand_in_the_conversation_once() -> None:
    scene = desk()
    said = AgentSaid(scene.at, scene.speaking or "", "Well.", "item_said")
    scene.items["item_said"] = ""
    scene.apply(said)
    scene.apply(said)
    assert [kept.item for kept in scene.snapshot.items].count("item_said") == 1


def test_an_outcome_that_comes_twice_is_told_to_people_the_second_time() -> None:
    scene = desk()
    [call] = scene.model(look={})
    for _ in range(2):
        scene.apply(CallSettled(scene.at, call, 1, Outcome("worker", {"ok": True})))
    assert len(scene.reports("call.done")) == len(scene.reports("call.late")) == 1
    assert scene.output(call) == {"ok": True}


def test_a_timer_that_nobody_set_is_nothing() -> None:
    scene = desk()
    before = scene.snapshot
    for timer in ("limit:duration", "silence:", "again", "timeout:call_x", "over:1", "x"):
        assert scene.apply(TimerFired(scene.at, timer)) == ()
    assert scene.snapshot.place == before.place
    assert scene.snapshot.talk == before.talk


def test_an_answer_with_two_calls_is_followed_by_words_though_the_last_is_silent() -> None:
    scene = desk()
    asked = len(scene.answers)
    scene.model("I note it.", set_desk={"day": "someday"}, note={})
    scene.settle("note", Outcome("worker", {}))
    assert len(scene.answers) == asked + 1
    assert scene.speaking


def test_a_line_that_is_transcribed_twice_is_an_event_each_time_but_no_turn() -> None:
    scene = desk()
    for _ in range(2):
        scene.apply(TranscriptFinal(scene.at, "item_1", "Look it up."))
    assert scene.snapshot.talk.turns == 1


def test_a_signal_without_an_entry_does_not_make_an_earlier_one_new() -> None:
    scene = play(
        DESK.replace(
            "start: desk",
            "interrupts: {out: {signal: out, do: [{note: Out.}], return: true}}\nstart: desk",
        )
    )
    scene.model("Hello.")
    for entry in ("5-0", "", "5-0", "4-9", "5-1"):
        scene.apply(Signalled(scene.at, "out", {}, entry))
    assert scene.notes == ["Out."] * 3
