"""A step that asks before it calls, and an author's own words for what is read back."""

from orchestrator.dispatch.call import Json, Outcome
from orchestrator.flow.snapshot import quiescent
from tests.flow.scene import Scene
from tests.flow.small import play

FLOW = """
vars: {amount: {type: int, default: 20}, ref: text}
tools:
  pay:
    queue: bank
    params: {amount: int, to: text, day: {type: date, optional: true}}
    returns: {ref: text}
    assign: {ref: "${result.ref}"}
    MODE
on_error: sorry
start: talk
states:
  talk:
    do:
      - {say: Hello.}
      - {tool: pay, with: {amount: "${amount}", to: Ana}, as: paid, approval: APPROVAL}
      - {say: "Paid, ${paid.ref}."}
    goal: Talk.
    collect: {vars: [amount]}
    next:
      - {event: tool.pay.denied, goto: bye}
      - {intent: The caller leaves., id: leave, goto: bye}
      - {if: turns > 90, goto: bye}
      - {event: collected, if: turns > 80, goto: bye}
  sorry: {end: {reason: sorry}}
  bye: {end: {reason: completed}}
"""
WORDED = '{by: caller, read_back: "${args.amount} euros to ${args.to}"}'


def asked(approval: str = "caller", mode: str = "mode: wait") -> Scene:
    """The step has been read back."""
    scene = play(FLOW.replace("APPROVAL", approval).replace("MODE", mode))
    if scene.speaking:
        scene.model("Twenty to Ana, is that right?")
    return scene


def test_a_step_reads_back_and_waits_for_the_callers_yes() -> None:
    scene = asked()
    assert (scene.answers[0].purpose, scene.answers[0].tools) == ("readback", ())
    assert "amount 20, to Ana" in scene.answers[0].instructions
    assert not scene.dispatches("pay")
    assert scene.said == ["Hello."]
    assert quiescent(scene.snapshot), "the caller has the word"


def test_a_yes_makes_the_call_and_the_rest_of_the_steps_follow() -> None:
    scene = asked()
    scene.caller("Yes.")
    [call] = scene.model(confirm_pay={})
    assert [d.arguments for d in scene.dispatches("pay")] == [{"amount": 20, "to": "Ana"}]
    scene.settle("pay", Outcome("worker", {"ref": "A1"}))
    assert scene.output(call) == {"ref": "A1"}
    assert scene.said == ["Hello.", "Paid, A1."]
    assert scene.vars["ref"] == "A1"


def test_a_yes_to_a_step_in_the_background_lets_the_steps_go_on_at_once() -> None:
    scene = asked(mode="mode: background")
    scene.caller("Yes.")
    [call] = scene.model(confirm_pay={})
    assert scene.output(call) == {"status": "started"}
    assert not scene.snapshot.place.steps


def test_a_no_is_a_denial_that_an_edge_may_take() -> None:
    scene = asked()
    scene.caller("No.")
    scene.model(decline_pay={})
    assert (scene.state, scene.said) == ("bye", ["Hello."])
    assert not scene.dispatches("pay")


def test_a_no_that_no_edge_takes_is_an_error() -> None:
    flow = FLOW.replace("      - {event: tool.pay.denied, goto: bye}\n", "")
    scene = play(flow.replace("APPROVAL", "caller").replace("MODE", "mode: wait"))
    scene.model("Right?")
    scene.caller("No.")
    scene.model(decline_pay={})
    assert scene.snapshot.run.ended == "sorry"


def test_a_value_that_the_caller_changes_is_read_back_anew() -> None:
    scene = asked()
    scene.caller("Thirty.")
    scene.model(set_talk={"amount": 30})
    assert scene.answers[-1].purpose == "readback"
    assert "amount 30" in scene.answers[-1].instructions
    scene.model("Thirty, right?")
    scene.caller("Yes.")
    scene.model(confirm_pay={})
    assert [d.arguments["amount"] for d in scene.dispatches("pay")] == [30]


def test_a_step_that_is_left_asks_no_more() -> None:
    scene = asked()
    scene.caller("Never mind.")
    scene.model(go_leave={})
    assert scene.snapshot.work.confirming is None
    assert scene.snapshot.run.ended == "completed"


def test_a_step_may_want_a_person_where_the_tool_wants_nobody() -> None:
    scene = asked("{by: human, reason: 'Pay ${args.amount}'}")
    [review] = scene.dispatches("pay", handler="review")
    assert review.arguments["reason"] == "Pay 20"
    scene.settle("pay", Outcome("worker", {"approved": True, "by": "kim"}))
    assert [d.attempt for d in scene.dispatches("pay")] == [1]


def test_an_author_words_what_is_read_back() -> None:
    scene = asked(WORDED)
    assert "20 euros to Ana" in scene.answers[0].instructions


def test_words_with_something_unset_in_them_give_way_to_the_arguments() -> None:
    scene = asked('{by: caller, read_back: "${args.amount} on ${args.day}"}')
    assert "amount 20, to Ana" in scene.answers[0].instructions


def test_the_caller_is_asked_only_if_the_condition_holds() -> None:
    assert asked("{by: caller, if: args.amount > 50}").dispatches("pay")
    assert not asked("{by: caller, if: args.amount > 10}").dispatches("pay")


MODEL = """
tools:
  pay:
    queue: bank
    describe: Pay.
    params: {amount: {type: int, optional: true}}
    approval: {by: caller, if: args.amount > 50, read_back: "${args.amount} euros"}
start: talk
states:
  talk:
    do: [{say: Hello.}]
    goal: Talk.
    tools: [pay]
    next: [{intent: The caller is done., id: done, goto: bye}]
  bye: {end: {reason: completed}}
"""


def asks(**arguments: Json) -> Json:
    scene = play(MODEL)
    scene.caller("Pay.")
    [call] = scene.model(pay=arguments)
    return scene.output(call) if scene.snapshot.work.confirming else len(scene.dispatches("pay"))


def test_a_call_of_the_model_is_read_back_in_the_authors_words_where_it_must_be() -> None:
    assert asks(amount=60) == {"status": "needs_confirmation", "read_back": "60 euros"}
    assert asks(amount=20) == 1


def test_in_doubt_the_caller_is_asked() -> None:
    assert asks() == {"status": "needs_confirmation", "read_back": ""}


def test_a_yes_to_a_step_is_not_held_to_the_gate_of_the_model() -> None:
    scene = asked(mode="requires: amount > 90")
    scene.caller("Yes.")
    scene.model(confirm_pay={})
    assert len(scene.dispatches("pay")) == 1


def agreed() -> Scene:
    """The caller has said yes, and the call is made."""
    scene = asked()
    scene.caller("Yes.")
    scene.model(confirm_pay={})
    assert scene.dispatches("pay")
    return scene


def test_a_call_of_a_step_that_fails_after_the_yes_is_an_error_of_the_step() -> None:
    scene = agreed()
    scene.settle("pay", Outcome.failed("worker", "refused"))
    assert scene.snapshot.run.erred == "tool.pay.failed"


def test_a_call_of_a_step_is_outdated_by_what_the_caller_changes_after_the_yes() -> None:
    scene = agreed()
    scene.caller("Thirty!")
    scene.model(set_talk={"amount": 30})
    scene.model("One moment.")
    scene.settle("pay", Outcome("worker", {"ref": "A1"}))
    assert scene.reports("call.failed")[-1].data["code"] == "outdated"
    assert scene.vars["ref"] is None


def test_of_two_approvals_by_a_person_the_steps_own_is_asked_for() -> None:
    text = FLOW.replace("APPROVAL", "{by: human, timeout: 90s}")
    scene = play(text.replace("MODE", "approval: {by: human, timeout: 20s}"))
    [review] = scene.dispatches("pay", handler="review")
    assert review.timeout == 90
