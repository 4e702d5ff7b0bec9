import pytest

from orchestrator.dispatch.call import Json, Outcome
from orchestrator.flow.asking import parse_arguments
from orchestrator.flow.definition import Rejected
from orchestrator.flow.engine import offered
from orchestrator.flow.events import AgentSaid, AnswerEnded
from tests.flow.restaurant import BOOKED, at_confirm, at_read_back, started
from tests.flow.scene import Scene
from tests.flow.small import BANK, bank, play


def test_a_call_that_the_next_state_offers_waits_for_the_move() -> None:
    scene = started()
    scene.caller("A table for four.")
    _, stored = scene.model(go_book={}, set_details={"party_size": 4})
    assert scene.output(stored)["ok"] is True
    assert scene.vars["party_size"] == 4


def test_a_call_that_nothing_offers_is_refused_and_not_dispatched() -> None:
    scene = started()
    scene.caller("Book it!")
    [call] = scene.model(create_booking={})
    assert scene.output(call)["error"] == "not_available"
    assert not scene.dispatches("create_booking")


def test_an_approval_reads_back_and_takes_a_yes_only_after_that_was_heard() -> None:
    scene = at_confirm()
    [asked] = scene.model(create_booking={})
    assert scene.output(asked)["status"] == "needs_confirmation"
    assert scene.answers[-1].purpose == "readback"
    assert "Martin" in scene.answers[-1].instructions
    assert scene.answers[-1].tools == ()
    assert not scene.dispatches("create_booking")
    scene.model("For Martin, is that right?")
    assert {"confirm_create_booking", "decline_create_booking"} <= offered(
        scene.flow, scene.snapshot
    )
    assert "create_booking" not in offered(scene.flow, scene.snapshot)


def test_a_yes_dispatches_the_frozen_arguments_and_carries_the_result() -> None:
    scene = at_read_back()
    confirmed = scene.asks("confirm_create_booking", {})
    scene.model()
    [call] = scene.dispatches("create_booking")
    assert call.arguments["guest"] == "Martin"
    scene.settle("create_booking", BOOKED)
    assert scene.output(confirmed) == {"ref": "AB12"}
    assert scene.said[-1] == "Booked. Your reference is A B 1 2."
    assert scene.state == "goodbye"
    scene.model("Thank you, goodbye.")
    assert scene.snapshot.run.ended == "completed"


def test_a_yes_that_came_before_the_read_back_was_heard_does_not_count() -> None:
    scene = at_confirm()
    scene.asks("create_booking", {})
    scene.caller("Yes, yes.")
    scene.model(create_booking={})
    [confirmed] = scene.model(confirm_create_booking={})
    assert scene.output(confirmed)["error"] == "not_available"
    assert not scene.dispatches("create_booking")


def test_a_declined_call_is_not_made_and_may_be_asked_for_again() -> None:
    scene = at_confirm()
    scene.model(create_booking={})
    scene.model()
    scene.caller("Hm, no.")
    scene.model(decline_create_booking={})
    assert not scene.dispatches("create_booking")
    scene.model("Shall we change something?")
    assert "create_booking" in offered(scene.flow, scene.snapshot)


def test_a_parameter_that_the_author_bound_is_not_the_models_to_give() -> None:
    scene = bank()
    scene.caller("My balance, and pay five.")
    assert "customer" not in str(scene.answers[-1].tools)
    scene.model(pay={"customer": "somebody else", "amount": 5})
    assert scene.answers[-1].instructions.endswith("amount 5, customer +33612345678")


def test_a_bound_parameter_without_a_value_is_not_the_models_to_give_either() -> None:
    scene = play(BANK)
    scene.caller("Pay five.")
    scene.model(pay={"customer": "somebody else", "amount": 5})
    scene.model("Five?")
    scene.caller("Yes.")
    scene.model(confirm_pay={})
    assert [call.arguments for call in scene.dispatches("pay")] == [{"amount": 5}]


def read_back(**arguments: Json) -> Scene:
    """A payment has been read back at the bank, and the caller has answered."""
    scene = bank()
    scene.caller("Pay five.")
    scene.model(pay={"amount": 5} | arguments)
    scene.model("Five, is that right?")
    scene.caller("Yes.")
    return scene


def test_a_yes_does_not_open_a_gate_that_has_shut_since_the_read_back() -> None:
    scene = read_back()
    scene.model(balance={})
    scene.settle("balance", Outcome("worker", {"ok": False}))
    [yes] = scene.model(confirm_pay={})
    assert scene.output(yes)["error"] == "not_available"
    assert not scene.dispatches("pay")


def test_a_yes_and_what_shuts_the_gate_in_one_answer_count_in_their_order() -> None:
    scene = read_back()
    scene.model(confirm_pay={}, balance={})
    scene.settle("balance", Outcome("worker", {"ok": False}))
    assert len(scene.dispatches("pay")) == 1


def at_order() -> Scene:
    """An order for five, from a variable, has been read back."""
    scene = bank()
    scene.caller("A card for five.")
    scene.model(go_amount={"amount": 5}, order={})
    scene.model("Five, is that right?")
    return scene


def test_a_yes_does_not_count_for_arguments_that_would_be_others_now() -> None:
    scene = at_order()
    scene.caller("Six. Yes!")
    _, yes = scene.model(go_amount={"amount": 6}, confirm_order={})
    assert "error" in scene.output(yes)
    assert not scene.dispatches("order")


def changed_after_the_read_back() -> Scene:
    """The caller has said yes to five; meanwhile a tool has made it seven."""
    scene = play(BANK.replace('{allowed: "${result.ok}"}', "{amount: 7}"))
    scene.caller("A card for five.")
    scene.model(go_amount={"amount": 5}, order={})
    scene.model("Five, is that right?")
    scene.caller("Yes.")
    scene.model(balance={})
    scene.settle("balance", Outcome("worker", {"ok": True}))
    return scene


def test_a_value_that_a_tool_changes_after_the_read_back_voids_the_yes() -> None:
    scene = changed_after_the_read_back()
    [yes] = scene.model(confirm_order={})
    assert scene.output(yes)["error"] == "not_available"


def test_a_new_value_voids_a_read_back_that_does_not_depend_on_it() -> None:
    scene = read_back()
    _, yes = scene.model(go_amount={"amount": 6}, confirm_pay={})
    assert scene.output(yes)["error"] == "not_available"
    assert not scene.dispatches("pay")


def test_a_value_that_was_only_said_again_does_not_void_the_read_back() -> None:
    scene = at_order()
    scene.caller("Five, yes.")
    scene.model(go_amount={"amount": 5})
    scene.model(confirm_order={})
    assert len(scene.dispatches("order")) == 1


def test_an_approval_survives_a_detour_that_speaks_in_the_same_answer() -> None:
    scene = bank()
    scene.caller("Pay five, and what are the fees?")
    scene.model(pay={"amount": 5}, go_fees={})
    while scene.speaking:
        scene.model("Words.")
    scene.caller("Yes.")
    assert "confirm_pay" in offered(scene.flow, scene.snapshot)


def test_a_read_back_without_a_word_is_not_heard_and_is_made_again() -> None:
    scene = bank()
    scene.caller("Pay five.")
    scene.model(pay={"amount": 5})
    assert scene.speaking
    scene.apply(AnswerEnded(scene.at, scene.speaking, "incomplete", "content_filter"))
    scene.caller("Hello?")
    [yes] = scene.model(confirm_pay={})
    assert scene.output(yes)["error"] == "not_available"
    assert scene.answers[-1].purpose == "readback"


def test_a_read_back_in_which_the_model_only_called_something_is_not_heard() -> None:
    scene = bank()
    scene.caller("Pay five.")
    scene.model(pay={"amount": 5})
    scene.model(wire={"amount": 5})
    assert "confirm_pay" not in offered(scene.flow, scene.snapshot)
    assert scene.answers[-1].purpose == "readback"


def test_a_read_back_that_was_cut_off_is_not_heard() -> None:
    scene = bank()
    scene.caller("Pay five.")
    scene.model(pay={"amount": 5})
    assert scene.speaking
    scene.apply(AgentSaid(scene.at, scene.speaking, "Five, is"))
    scene.apply(AnswerEnded(scene.at, scene.speaking, "cancelled"))
    assert "confirm_pay" not in offered(scene.flow, scene.snapshot)


def test_a_model_that_confirms_without_a_word_of_the_caller_is_told_so() -> None:
    scene = bank()
    scene.caller("Pay five. And my balance?")
    scene.asks("pay", {"amount": 5})
    scene.asks("balance", {})
    scene.caller("Hm.")
    scene.model()
    scene.model("One moment.")
    scene.settle("balance", Outcome("worker", {"ok": True}))
    scene.model("Five, is that right?")
    assert [answer.purpose for answer in scene.answers[-2:]] == ["readback", "result"]
    [yes] = scene.model(confirm_pay={})
    assert scene.output(yes)["error"] == "not_confirmed"
    assert not scene.dispatches("pay")


def test_a_turn_that_crosses_with_a_read_back_is_answered_first_and_with_tools() -> None:
    scene = bank()
    scene.caller("Pay five.")
    scene.asks("pay", {"amount": 5})
    scene.caller("No, make it six!")
    scene.model()
    assert scene.answers[-1].tools
    scene.model("I'll read it back.")
    assert [answer.purpose for answer in scene.answers[-2:]] == ["answer", "readback"]


def test_of_two_approvals_in_one_answer_the_first_is_read_back_and_the_other_refused() -> None:
    scene = bank()
    scene.caller("Pay five and wire six.")
    first, second = scene.model(pay={"amount": 5}, wire={"amount": 6})
    assert scene.output(first)["status"] == "needs_confirmation"
    assert "pay" in scene.output(second)["message"]


def test_a_declined_call_is_an_event_of_the_language() -> None:
    scene = play(
        BANK.replace(
            "- {intent: The caller is done.,",
            "- {event: tool.pay.denied, if: event.by == 'caller', goto: bye}\n"
            "      - {intent: The caller is done.,",
        )
    )
    scene.caller("Pay five.")
    scene.model(pay={"amount": 5})
    scene.model("Five, is that right?")
    scene.caller("No.")
    scene.model(decline_pay={})
    assert scene.state == "bye"


def test_a_state_that_is_left_takes_its_read_back_along() -> None:
    scene = read_back()
    _, yes = scene.model(go_done={}, confirm_pay={})
    assert scene.output(yes)["error"] == "not_available"
    assert not scene.dispatches("pay")


GATED_ENTRY = """
vars:
  verified: {type: bool, default: true, writable: engine}
tools:
  pay: {queue: bank, describe: Pay., requires: verified}
  leave: {queue: bank, describe: Leave.}
start: desk
states:
  desk:
    goal: Help.
    tools: [leave]
    next: [{intent: The caller wants to pay., id: pay, goto: verify}]
  verify:
    do: [{set: {verified: false}}]
    goal: Verify.
    tools: [pay]
    next: [{intent: The caller is done., id: done, goto: bye}]
  bye:
    do: [{prompt: Bye.}]
    end: {reason: completed}
"""


def test_a_call_that_waits_for_the_move_is_judged_after_the_entry_of_its_state() -> None:
    scene = play(GATED_ENTRY)
    _, call = scene.model(go_pay={}, pay={})
    assert scene.output(call)["error"] == "not_available"
    assert not scene.dispatches("pay")


def test_a_tool_of_the_state_that_is_being_left_is_not_used_after_the_move() -> None:
    scene = play(GATED_ENTRY)
    _, call = scene.model(go_pay={}, leave={})
    assert scene.output(call)["error"] == "not_available"
    assert not scene.dispatches("leave")


def test_a_gate_that_is_null_is_shut() -> None:
    scene = play(
        GATED_ENTRY.replace("default: true, ", "").replace("set: {verified: false}", "note: V")
    )
    scene.model(go_pay={})
    assert "pay" not in offered(scene.flow, scene.snapshot)


MOVES = """
vars:
  ready: {type: bool, default: false, writable: engine}
start: one
states:
  one:
    do: [{say: Hello.}]
    goal: Help.
    next:
      - {intent: The caller is ready., id: ready, set: {ready: true}}
      - {intent: The caller goes on., id: on, if: ready, goto: two}
      - {intent: The caller wants the second., id: second, goto: two}
  two:
    do: [{say: Mandatory notice.}]
    goal: Help more.
    next: [{intent: The caller wants three., id: three, goto: three}]
  three:
    goal: Deep.
    next: [{intent: The caller is done., id: done, goto: bye}]
  bye:
    do: [{prompt: Bye.}]
    end: {reason: completed}
"""


def test_one_answer_makes_one_move() -> None:
    scene = play(MOVES)
    scene.caller("Go.")
    _, late = scene.model(go_second={}, go_three={})
    assert scene.output(late) == {"ignored": "already moved"}
    assert scene.path == ["one", "two"]


def test_a_move_that_the_first_move_of_an_answer_makes_possible_is_ignored() -> None:
    scene = play(MOVES)
    scene.caller("I am ready, go on.")
    _, late = scene.model(go_ready={}, go_on={})
    assert scene.output(late) == {"ignored": "already moved"}
    assert scene.path == ["one"]


def test_a_move_that_is_only_possible_after_another_one_is_ignored_although_it_came_first() -> None:
    scene = play(MOVES)
    scene.caller("Go on, I am ready.")
    early, _ = scene.model(go_on={}, go_ready={})
    assert scene.output(early) == {"ignored": "already moved"}
    assert scene.path == ["one"]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_a_number_that_is_none_is_no_argument(number: str) -> None:
    with pytest.raises(Rejected, match="not JSON"):
        parse_arguments(f'{{"amount": {number}}}')


def test_a_fraction_is_an_argument() -> None:
    assert parse_arguments('{"amount": 1.5}') == {"amount": 1.5}


def test_words_about_one_payment_are_not_those_about_another() -> None:
    scene = bank()
    scene.caller("Pay five.")
    scene.model(pay={"amount": 5})
    assert scene.answers[-1].purpose == "readback"
    scene.model("Five, is that right?", go_amount={"amount": 6}, pay={"amount": 6})
    assert scene.answers[-1].purpose == "readback"
    assert "amount 6, customer +33612345678" in scene.answers[-1].instructions
    assert "confirm_pay" not in offered(scene.flow, scene.snapshot)


OPENS = """
vars: {code: text}
tools: {look: {queue: q, safe: true}}
on_error: bye
start: desk
states:
  desk:
    goal: Help.
    collect: {vars: [code]}
    next:
      - {intent: The caller is ready., id: ready, if: set(code), goto: look}
      - {event: collected, if: code == 'out', goto: bye}
  look: {do: [{tool: look}], next: [{event: tool.look.done, goto: bye}]}
  bye: {end: {reason: completed}}
"""


def test_a_move_that_a_value_of_its_answer_makes_possible_is_made() -> None:
    scene = play(OPENS)
    ready, _ = scene.model(go_ready={}, set_desk={"code": "A1"})
    assert scene.output(ready) == {"ok": True}
    assert scene.state == "look"


def test_what_is_not_offered_is_refused_though_the_next_state_waits_for_its_tool() -> None:
    scene = play(OPENS)
    scene.model(set_desk={"code": "A1"})
    nothing, _ = scene.model(look={}, go_ready={})
    assert scene.snapshot.work.calls
    assert scene.output(nothing)["error"] == "not_available"
    assert len(scene.reports("tool.refused")) == 1


EMPTIED = """
vars: {code: {type: text, default: A1}, other: text}
on_error: bye
start: desk
states:
  desk:
    do: [{set: {code: "${other}"}}]
    goal: Help.
    collect: {vars: [code]}
    next: [{event: collected, goto: bye}]
  bye: {end: {reason: completed}}
"""


def test_what_a_state_empties_on_its_entry_is_asked_for() -> None:
    scene = play(EMPTIED)
    assert (scene.state, scene.vars["code"]) == ("desk", None)
    assert "code" in scene.answers[-1].instructions


def test_a_call_whose_read_back_no_longer_holds_may_be_asked_for_again() -> None:
    scene = changed_after_the_read_back()
    scene.model(confirm_order={})
    assert "order" in offered(scene.flow, scene.snapshot)


def test_a_read_back_that_ended_within_its_words_is_not_heard() -> None:
    scene = bank()
    scene.caller("Pay five.")
    scene.model(pay={"amount": 5})
    answer = scene.speaking or ""
    scene.apply(AgentSaid(scene.at, answer, "Fi"))
    scene.asks("wire", {"amount": 5})
    scene.apply(AnswerEnded(scene.at, answer, "incomplete", "max_output_tokens"))
    assert "confirm_pay" not in offered(scene.flow, scene.snapshot)
