"""An approval by a person: a call before the call, whose worker is somebody."""

from orchestrator.dispatch.call import Json, Outcome
from orchestrator.flow.compile import compile_flow
from orchestrator.flow.events import CallerLeft
from orchestrator.flow.snapshot import drained
from tests.flow.scene import Scene

FLOW = """
dsl: 1
flow: desk
version: "1"
vars:
  open: {type: bool, default: true, writable: engine}
tools:
  shut:
    queue: identity
    describe: Shut the desk.
    returns: {open: bool}
    safe: true
    assign: {open: "${result.open}"}
  reset:
    queue: identity
    describe: Reset the password.
    params: {user: text, scope: {type: text, optional: true}}
    requires: open
    returns: {sent_to: text}
    approval:
      by: human
      if: args.user != 'guest'
      channel: oncall
      timeout: 90s
      reason: "Password reset for ${args.user}"
      show: [user]
    filler: {after: 3s, say: I am waiting for the engineer.}
on_error: bye
start: talk
states:
  talk:
    goal: Reset the caller's password.
    tools: [reset, shut]
    next:
      - {event: tool.reset.done, goto: bye}
      - {event: tool.reset.denied, goto: sorry}
  sorry: {do: [{say: That was refused.}], end: {reason: denied}}
  bye: {do: [{say: Bye.}], end: {reason: done}}
"""


def at_review(**arguments: Json) -> tuple[Scene, str]:
    """The model has asked for a reset of Ana's password; a person has been asked."""
    flow, _ = compile_flow(FLOW, "desk.flow.yaml")
    scene = Scene(flow)
    scene.start()
    scene.model("Hello.")
    scene.caller("Reset it, please.")
    [call] = scene.model(reset={"user": "ana", **arguments})
    return scene, call


def decided(approved: bool, note: str = "") -> Outcome:
    return Outcome("worker", {"approved": approved, "by": "kim", "note": note})


def test_a_person_is_asked_with_what_they_may_see_and_nothing_else_happens() -> None:
    scene, call = at_review(scope="all")
    [asked] = scene.dispatches("reset", handler="review")
    assert (asked.queue, asked.attempt, asked.timeout) == ("approvals", 0, 90)
    assert asked.arguments == {
        "tool": "reset",
        "arguments": {"user": "ana"},
        "reason": "Password reset for ana",
        "channel": "oncall",
    }
    assert scene.output(call)["status"] == "pending"
    assert not scene.dispatches("reset")


def test_the_caller_is_told_of_the_wait_and_may_go_on_talking() -> None:
    scene, _ = at_review()
    scene.model("One moment.")
    scene.wait(4)
    assert scene.said == ["I am waiting for the engineer."]
    scene.caller("Fine.")
    scene.model("Thank you for your patience.")


def test_an_approved_call_is_made_with_the_arguments_that_were_frozen() -> None:
    scene, _ = at_review()
    scene.model("One moment.")
    scene.settle("reset", decided(True))
    [call] = scene.dispatches("reset")
    assert (call.attempt, call.arguments) == (1, {"user": "ana"})
    scene.settle("reset", Outcome("worker", {"sent_to": "phone"}))
    assert scene.snapshot.run.ended == "done"
    assert any("phone" in note for note in scene.notes)


def test_a_denied_call_is_never_made() -> None:
    scene, _ = at_review()
    scene.model("One moment.")
    scene.settle("reset", decided(False, "not today"))
    assert not scene.dispatches("reset")
    assert scene.snapshot.run.ended == "denied"
    assert any("not today" in note for note in scene.notes)


def test_silence_of_the_person_is_a_no() -> None:
    scene, _ = at_review()
    scene.model("One moment.")
    scene.wait(91)
    assert [w.by for w in scene.withdrawals] == ["deadline"]
    assert scene.snapshot.run.ended == "denied"


def test_what_is_no_decision_is_a_no() -> None:
    for strange in (None, "yes", {"approved": "yes"}, [True]):
        scene, _ = at_review()
        scene.model("One moment.")
        scene.settle("reset", Outcome("worker", strange))
        assert not scene.dispatches("reset")
        assert scene.snapshot.run.ended == "denied"


def test_nobody_is_asked_where_the_condition_does_not_hold() -> None:
    scene, _ = at_review(user="guest")
    assert not scene.dispatches("reset", handler="review")
    assert scene.dispatches("reset")


def test_a_decision_that_comes_after_the_caller_has_left_still_counts_for_a_kept_call() -> None:
    scene, _ = at_review()
    scene.model("One moment.")
    scene.apply(CallerLeft(scene.at))
    scene.settle("reset", decided(True))
    assert scene.dispatches("reset")
    scene.settle("reset", Outcome("worker", {"sent_to": "phone"}))
    assert drained(scene.snapshot)


def test_the_same_request_is_not_asked_twice() -> None:
    scene, _ = at_review()
    scene.model("One moment.")
    scene.caller("And now?")
    [again] = scene.model(reset={"user": "ana"})
    assert scene.output(again)["status"] == "pending"
    assert len(scene.dispatches("reset", handler="review")) == 1


def test_an_approval_does_not_open_a_gate_that_has_shut_since() -> None:
    scene, _ = at_review()
    scene.model("One moment.")
    scene.caller("Are you open?")
    scene.model(shut={})
    scene.settle("shut", Outcome("worker", {"open": False}))
    scene.model("No longer.")
    scene.settle("reset", decided(True))
    assert not scene.dispatches("reset")
    assert any("changed" in note for note in scene.notes)


def test_an_outage_is_a_failure_and_nobodys_denial() -> None:
    scene, _ = at_review()
    scene.model("One moment.")
    scene.settle("reset", Outcome.failed("refused", "unavailable", "Redis is away"))
    assert not scene.reports("call.denied")
    assert scene.reports("call.failed")
    assert scene.state == "talk"


def test_an_argument_that_is_not_there_cannot_let_a_call_pass() -> None:
    text = FLOW.replace("if: args.user != 'guest'", "if: args.scope == 'all'")
    flow, _ = compile_flow(text, "desk.flow.yaml")
    scene = Scene(flow)
    scene.start()
    scene.model("Hello.")
    scene.caller("Reset it, please.")
    scene.model(reset={"user": "ana"})
    assert scene.dispatches("reset", handler="review")
    assert not scene.dispatches("reset")


def test_an_undo_that_a_person_approves_is_made_with_what_it_takes_back() -> None:
    flow, _ = compile_flow(UNDOING, "order.flow.yaml")
    scene = Scene(flow)
    scene.start()
    scene.model("What size?")
    scene.caller("Two.")
    scene.model(order={})
    scene.caller("No, three.")
    scene.model(go_change={"size": 3})
    scene.settle("order", Outcome("worker", {"ref": "R1"}))
    [asked] = scene.dispatches("take_back", handler="review")
    assert asked.arguments["arguments"] == {"ref": "R1"}
    scene.settle("take_back", decided(True))
    [undone] = scene.dispatches("take_back")
    assert undone.arguments == {"ref": "R1"}


UNDOING = """
dsl: 1
flow: order
version: "1"
vars: {size: {type: int, default: 2}}
tools:
  order:
    queue: shop
    describe: Order it.
    params: {size: int}
    args: {size: "${size}"}
    returns: {ref: text}
    undo: take_back
  take_back:
    queue: shop
    describe: Take an order back.
    params: {ref: text}
    args: {ref: "${result.ref}"}
    approval: human
on_error: bye
start: talk
states:
  talk:
    goal: Take the order.
    tools: [order]
    next:
      - {intent: The caller changes the size., id: change, fill: [size], goto: talk}
      - {intent: The caller is done., id: done, goto: bye}
  bye: {do: [{say: Bye.}], end: {reason: done}}
"""


def test_what_the_author_binds_to_it_may_not_change_until_it_is_approved() -> None:
    bound = FLOW.replace("requires: open", 'args: {scope: "${open}"}')
    bound = bound.replace("scope: {type: text", "scope: {type: bool")
    flow, _ = compile_flow(bound, "desk.flow.yaml")
    scene = Scene(flow)
    scene.start()
    scene.model(reset={"user": "ana"})
    scene.model("One moment.", shut={})
    scene.settle("shut", Outcome("worker", {"open": False}))
    scene.settle("reset", decided(True))
    assert not scene.dispatches("reset")
    assert scene.reports("call.failed")[-1].data["code"] == "cancelled"


def test_other_arguments_are_another_question() -> None:
    scene, _ = at_review()
    scene.model("One moment.", reset={"user": "bob"})
    assert len(scene.dispatches("reset", handler="review")) == 2


def test_a_call_that_was_approved_does_not_approve_the_next() -> None:
    scene, _ = at_review()
    scene.model("One moment.")
    scene.settle("reset", decided(True))
    scene.caller("Once more!")
    scene.model(reset={"user": "ana"})
    assert len(scene.dispatches("reset", handler="review")) == 2


def test_a_condition_over_an_argument_that_is_not_there_lets_no_call_pass() -> None:
    text = FLOW.replace("args.user != 'guest'", "starts(args.scope, 'a')")
    flow, _ = compile_flow(text, "desk.flow.yaml")
    scene = Scene(flow)
    scene.start()
    scene.model(reset={"user": "ana"})
    assert scene.dispatches("reset", handler="review")
    assert not scene.dispatches("reset")


def test_the_time_of_a_call_begins_with_its_approval() -> None:
    text = FLOW.replace(
        "requires: open", "requires: open\n    retry: {max: 1}\n    timeout: 5s\n    deadline: 20s"
    )
    flow, _ = compile_flow(text, "desk.flow.yaml")
    scene = Scene(flow)
    scene.start()
    scene.model(reset={"user": "ana"})
    scene.model("One moment.")
    scene.wait(60)
    scene.settle("reset", decided(True))
    scene.settle("reset", Outcome.failed("worker", "unavailable"))
    scene.wait(1)
    assert [made.attempt for made in scene.dispatches("reset")] == [1, 2]
