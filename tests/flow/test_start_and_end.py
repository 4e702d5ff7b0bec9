"""What is done at the start and at the end, what is kept, and the limits that lead there."""

from collections.abc import Callable

import pytest

from orchestrator.dispatch.call import Outcome
from orchestrator.flow.commands import End
from orchestrator.flow.events import (
    CallerLeft,
    ProviderLost,
)
from orchestrator.flow.moves import SORRY
from orchestrator.flow.snapshot import drained
from tests.flow.restaurant import AWAY, BOOKED, DETAILS, at_booking, at_details
from tests.flow.scene import Scene
from tests.flow.small import play

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
def test_on_end_is_done_once_however_it_ends(end: Callable[[Scene], None]) -> None:
    scene = begun()
    end(scene)
    scene.apply(CallerLeft(scene.at))
    assert [call.arguments for call in scene.dispatches("log")] == [{"name": "Ana"}]
    assert scene.emitted == [("over", {"name": "Ana"})]
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


def test_a_call_of_on_end_is_kept_although_it_changes_nothing() -> None:
    scene = play(WHOLE.replace("retry: {max: 1}", "safe: true"))
    scene.apply(CallerLeft(scene.at))
    assert len(scene.dispatches("log")) == 1
    assert not scene.withdrawals


def test_a_call_of_on_end_that_never_comes_back_is_withdrawn_at_its_deadline() -> None:
    scene = begun()
    scene.apply(CallerLeft(scene.at))
    scene.wait(30)
    assert drained(scene.snapshot)
    assert scene.reports("call.failed")[-1].data["code"] == "timeout"


def test_on_end_sees_values_that_were_set_there() -> None:
    scene = play(WHOLE)
    scene.apply(CallerLeft(scene.at))
    assert scene.emitted == [("over", {"name": "nobody"})]


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


def test_what_the_model_wanted_before_an_error_is_no_move_of_the_error_state() -> None:
    scene = begun()
    for _ in range(3):
        scene.caller("And?")
    assert scene.state == "sorry"
    [call] = scene.model(go_fine={})
    assert scene.output(call) == {"ignored": "already moved"}
    assert scene.state == "sorry"


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


def test_a_hang_up_keeps_the_booking_and_withdraws_what_is_only_read() -> None:
    scene = at_booking()
    scene.apply(CallerLeft(scene.at))
    assert scene.snapshot.run.ended == "hangup"
    assert not drained(scene.snapshot)
    scene.settle("create_booking", BOOKED)
    assert scene.vars["booking_ref"] == "AB12"
    assert drained(scene.snapshot)


def test_a_hang_up_cancels_a_safe_call() -> None:
    scene = at_details()
    scene.model(set_details=DETAILS)
    scene.apply(CallerLeft(scene.at))
    assert [w.by for w in scene.withdrawals] == ["cancel"]
    assert drained(scene.snapshot)


def test_a_kept_call_is_retried_after_the_hang_up() -> None:
    scene = at_booking()
    scene.apply(CallerLeft(scene.at))
    scene.settle("create_booking", AWAY)
    scene.wait(1)
    assert len(scene.dispatches("create_booking")) == 2


def test_what_is_undone_after_the_end_is_told_to_nobody() -> None:
    scene = at_booking()
    scene.caller("Wait, make it five.")
    scene.model(go_correct={"party_size": 5})
    scene.apply(CallerLeft(scene.at))
    notes = len(scene.notes)
    scene.settle("create_booking", BOOKED)
    assert scene.dispatches("cancel_booking")
    assert len(scene.notes) == notes


def test_an_ending_has_the_reason_of_its_author() -> None:
    scene = play("start: bye\nstates: {bye: {do: [{say: Bye.}], end: {reason: sold}}}\n")
    assert [c.reason for c in scene.commands if isinstance(c, End)] == ["sold"]
    assert scene.snapshot.run.how == "completed"
