"""What becomes of calls that were made with what the caller has changed since."""

from orchestrator.dispatch.call import Outcome
from orchestrator.flow.events import CallSettled
from tests.flow.restaurant import (
    AWAY,
    BOOKED,
    FREE,
    at_booking,
    at_confirm,
)
from tests.flow.small import play


def test_a_correction_while_the_booking_is_written_undoes_it() -> None:
    scene = at_booking()
    scene.caller("Wait, make it five.")
    scene.model(go_correct={"party_size": 5})
    assert scene.path[-2:] == ["confirm", "check"]
    scene.settle("check_availability", FREE)
    scene.settle("create_booking", BOOKED)
    [undo] = scene.dispatches("cancel_booking")
    assert undo.arguments == {"ref": "AB12"}
    assert scene.vars["booking_ref"] is None
    assert scene.vars["party_size"] == 5
    assert scene.state == "confirm"
    assert scene.reports("call.undone")


def test_a_corrected_call_that_pauses_is_dropped() -> None:
    scene = at_booking()
    scene.settle("create_booking", AWAY)
    scene.caller("Wait, make it five.")
    scene.model(go_correct={"party_size": 5})
    scene.settle("check_availability", FREE)
    scene.wait(3)
    assert len(scene.dispatches("create_booking")) == 1


def test_a_corrected_call_is_not_attempted_again() -> None:
    scene = at_booking()
    scene.caller("Wait, make it five.")
    scene.model(go_correct={"party_size": 5})
    scene.settle("check_availability", FREE)
    scene.settle("create_booking", AWAY)
    scene.wait(3)
    assert len(scene.dispatches("create_booking")) == 1
    assert scene.state == "confirm"


def test_a_correction_that_changes_nothing_undoes_nothing() -> None:
    scene = at_booking()
    scene.caller("Wait.")
    scene.model(go_correct={})
    scene.settle("check_availability", FREE)
    scene.settle("create_booking", BOOKED)
    assert not scene.dispatches("cancel_booking")


def test_a_correction_does_not_touch_calls_that_do_not_depend_on_it() -> None:
    scene = at_confirm()
    scene.caller("What is vegetarian? And make it five.")
    [search, _] = scene.model(menu__search_dishes={"query": "v"}, go_correct={"party_size": 5})
    scene.settle("menu.search_dishes", Outcome("worker", {"dishes": ["risotto"]}))
    assert scene.output(search) == {"dishes": ["risotto"]}


def test_what_is_undone_assigns_nothing_and_is_no_event() -> None:
    scene = at_booking()
    scene.caller("Wait, make it five.")
    scene.model(go_correct={"party_size": 5})
    scene.settle("create_booking", BOOKED)
    assert scene.vars["booking_ref"] is None
    assert scene.state == "check"
    scene.settle("cancel_booking", Outcome.failed("worker", "refused"))
    assert scene.snapshot.run.erred is None


ORDER = """
vars: {ref: text}
tools:
  order:
    queue: q
    describe: Order.
    params: {dish: text}
    returns: {ref: text}
    assign: {ref: "${result.ref}"}
    undo: cancel
  cancel: {queue: q, params: {ref: text}, args: {ref: "${result.ref}"}}
start: desk
states:
  desk:
    goal: Take the order.
    tools: [order]
    next: [{intent: The caller is done., id: done, goto: bye}]
  bye: {end: {reason: completed}}
"""


def test_the_same_tool_with_other_arguments_undoes_the_former_call() -> None:
    scene = play(ORDER)
    [first] = scene.model(order={"dish": "soup"})
    scene.caller("No, the risotto!")
    [second] = scene.model(order={"dish": "risotto"})
    scene.apply(CallSettled(scene.at, first, 1, Outcome("worker", {"ref": "S1"})))
    scene.apply(CallSettled(scene.at, second, 1, Outcome("worker", {"ref": "R1"})))
    assert [call.arguments for call in scene.dispatches("cancel")] == [{"ref": "S1"}]
    assert scene.vars["ref"] == "R1"


def test_the_same_tool_with_the_same_arguments_is_called_twice() -> None:
    scene = play(ORDER)
    first, second = scene.asks("order", {"dish": "soup"}), scene.asks("order", {"dish": "soup"})
    for call in (first, second):
        scene.apply(CallSettled(scene.at, call, 1, Outcome("worker", {"ref": "S1"})))
    assert not scene.dispatches("cancel")


def test_an_idempotency_key_with_something_unset_in_it_is_not_shared_by_calls() -> None:
    scene = play(ORDER.replace("undo: cancel", 'undo: cancel\n    idempotency: "order-${ref}"'))
    scene.asks("order", {"dish": "soup"})
    scene.asks("order", {"dish": "risotto"})
    first, second = scene.dispatches("order")
    assert first.key != second.key
