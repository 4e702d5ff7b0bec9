"""What becomes of open calls when the caller cuts in, or leaves."""

import pytest

from orchestrator.dispatch.call import Outcome
from orchestrator.flow.commands import AskToStop
from orchestrator.flow.events import (
    AgentSaid,
    AnswerEnded,
    CallerBegan,
    CallerLeft,
    CallerStopped,
    TurnCommitted,
)
from tests.flow.scene import Scene
from tests.flow.sound import DESK, call, heard, turn


def test_a_harmless_tool_is_cancelled_if_it_says_so_and_another_is_kept() -> None:
    scene = call()
    scene.model(safe={}, kept={})
    scene.apply(CallerBegan(scene.at))
    assert [w.call for w in scene.withdrawals] == [scene.dispatches("safe")[0].call]
    assert [c.tool for c in scene.snapshot.work.calls.values()] == ["kept"]
    assert scene.output("call_0")["error"] == "cancelled"
    assert scene.notes == ["Stopped."]


def stopping() -> tuple[Scene, str]:
    """The caller cuts in while something with an effect is running; the model's call for it."""
    scene = call()
    [asked] = scene.model(write={})
    scene.apply(CallerBegan(scene.at))
    return scene, asked


def test_what_may_take_effect_is_asked_to_stop_once_and_stays_open() -> None:
    scene, _ = stopping()
    scene.apply(CallerStopped(scene.at))
    scene.apply(CallerBegan(scene.at))
    [dispatch] = scene.dispatches("write")
    assert scene.stops == [AskToStop(dispatch.call, 1)]
    assert scene.withdrawals == []
    assert [c.tool for c in scene.snapshot.work.calls.values()] == ["write"]


def test_only_its_outcome_closes_it() -> None:
    scene, asked = stopping()
    scene.settle("write", Outcome.withdrawn("cancel"))
    assert scene.output(asked) == {"error": "cancelled", "message": "it was stopped on the way"}
    assert len(scene.reports("call.cancelled")) == 1
    turn(scene)
    assert scene.notes == ["Not written."]
    assert not scene.snapshot.work.calls
    assert len(scene.dispatches("write")) == 1, "it is not tried again"


def test_what_was_done_before_it_could_stop_counts() -> None:
    scene, asked = stopping()
    scene.settle("write", Outcome("worker", {"ref": "A1"}))
    assert scene.output(asked) == {"ref": "A1"}
    assert scene.reports("call.done")


def test_what_was_asked_to_stop_and_failed_is_not_tried_again() -> None:
    scene, asked = stopping()
    scene.settle("write", Outcome.failed("worker", "timeout"))
    assert scene.output(asked)["error"] == "timeout"
    assert len(scene.dispatches("write")) == 1


def test_who_may_not_cut_in_stops_no_tool() -> None:
    scene = call("session: {turns: {interrupt: false}}" + DESK)
    heard(scene)
    turn(scene)
    scene.model("I look.", safe={})
    scene.apply(CallerBegan(scene.at))
    assert scene.withdrawals == []
    assert scene.snapshot.work.calls


def test_a_tool_is_kept_unless_it_says_so() -> None:
    scene = call()
    heard(scene)
    turn(scene)
    scene.model("I write.", kept={})
    scene.apply(CallerBegan(scene.at))
    assert (scene.withdrawals, scene.stops) == ([], [])


def test_what_would_be_tried_again_is_not_when_the_caller_cuts_in() -> None:
    scene = call()
    heard(scene)
    turn(scene)
    scene.model("I write.", write={})
    scene.settle("write", Outcome.failed("worker", "timeout"))
    scene.apply(CallerBegan(scene.at))
    assert not scene.snapshot.work.calls
    assert scene.reports("call.cancelled")


CHECKED = """
vars: {code: {type: text, validate: {tool: check}}}
tools: {check: {queue: q, params: {value: text}, returns: {ok: bool}, on_interrupt: cancel}}
on_error: bye
start: desk
states:
  desk: {goal: Help., collect: {vars: [code]}, next: [{event: collected, goto: bye}]}
  bye: {end: {reason: completed}}
"""


def test_a_look_at_a_value_goes_on_when_the_caller_cuts_in() -> None:
    scene = call(CHECKED)
    heard(scene)
    turn(scene)
    scene.model("I look.", set_desk={"code": "A1"})
    scene.apply(CallerBegan(scene.at))
    assert (scene.withdrawals, scene.stops) == ([], [])


def test_a_call_that_somebody_else_cancelled_has_failed() -> None:
    scene = call()
    heard(scene)
    turn(scene)
    scene.model("I write.", kept={})
    scene.settle("kept", Outcome.withdrawn("cancel"))
    assert scene.reports("call.failed")
    assert not scene.reports("call.cancelled")


WAITS = """
tools:
  ask: {queue: q, describe: Ask., on_interrupt: cancel, approval: human}
  write:
    queue: q
    describe: Write.
    params: {what: text}
    on_interrupt: cancel
    concurrency: 1
    undo: erase
  look: {queue: q, safe: true, on_interrupt: cancel}
  file: {queue: q, on_interrupt: cancel}
  erase: {queue: q}
on_error: bye
start: desk
states:
  desk:
    goal: Help.
    tools: [ask, write]
    next:
      - {event: tool.write.cancelled, do: [{note: Not written.}]}
      - {intent: The caller wants it looked up., id: look, goto: look}
      - {intent: The caller wants it filed., id: file, goto: file}
  look:
    do: [{tool: look}, {note: Looked up.}]
    goal: Help.
    next: [{intent: The caller is done., id: done, goto: bye}]
  file:
    do: [{tool: file}, {note: Filed.}]
    goal: Help.
    next: [{intent: The caller is done., id: done, goto: bye}]
  bye: {end: {reason: completed}}
"""


def waiting() -> Scene:
    scene = call(WAITS)
    heard(scene)
    turn(scene)
    return scene


def test_what_a_person_has_not_approved_yet_is_withdrawn_when_the_caller_cuts_in() -> None:
    scene = waiting()
    scene.model("I ask.", ask={})
    scene.apply(CallerBegan(scene.at))
    assert [withdrawn.by for withdrawn in scene.withdrawals] == ["cancel"]
    assert not scene.snapshot.work.calls


def test_of_two_that_write_the_one_that_has_begun_is_asked_to_stop_and_the_other_given_up() -> None:
    scene = waiting()
    answer = scene.speaking or ""
    scene.apply(AgentSaid(scene.at, answer, "I write."))
    for what in ("a", "a"):
        scene.asks("write", {"what": what})
    scene.apply(AnswerEnded(scene.at, answer, "completed"))
    begun, queued = scene.snapshot.work.calls
    scene.apply(CallerBegan(scene.at))
    assert [stop.call for stop in scene.stops] == [begun]
    assert [report.data["call"] for report in scene.reports("call.cancelled")] == [queued]
    assert list(scene.snapshot.work.calls) == [begun]


@pytest.mark.parametrize("step", ["look", "file"])
def test_steps_whose_call_the_caller_has_stopped_are_over(step: str) -> None:
    scene = waiting()
    scene.asks(f"go_{step}", {})
    scene.apply(AnswerEnded(scene.at, scene.speaking or "", "completed"))
    scene.apply(CallerBegan(scene.at))
    scene.apply(CallerStopped(scene.at))
    scene.apply(TurnCommitted(scene.at, "item_2"))
    if step == "file":
        scene.settle("file", Outcome.withdrawn("cancel"))
    scene.model("As you like.")
    assert scene.state == step
    assert scene.notes == []


def test_what_nobody_wants_any_more_is_no_event_though_it_could_be_stopped() -> None:
    scene = waiting()
    [first] = scene.model("I write.", write={"what": "a"})
    scene.apply(CallerBegan(scene.at))
    turn(scene)
    scene.model("I write that.", write={"what": "b"})
    scene.settle("write", Outcome.withdrawn("cancel"))
    assert first not in scene.snapshot.work.calls
    assert "Not written." not in scene.notes


def test_who_hangs_up_while_a_call_is_open_leaves_no_event_behind() -> None:
    scene = call()
    heard(scene)
    turn(scene)
    scene.model("I look.", safe={})
    scene.apply(CallerLeft(scene.at))
    assert scene.reports("call.cancelled")
    assert scene.snapshot.place.outcomes == ()
