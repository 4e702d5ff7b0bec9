"""What becomes of calls that were made with what the caller has changed since."""

import pytest

from orchestrator.dispatch.call import Outcome
from orchestrator.flow.engine import offered
from orchestrator.flow.events import CallSettled
from tests.flow.restaurant import (
    AWAY,
    BOOKED,
    FREE,
    at_booking,
)
from tests.flow.scene import Scene
from tests.flow.small import bank, play


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
    scene = bank()
    scene.caller("My balance. And make it six.")
    scene.model(balance={}, go_amount={"amount": 6})
    scene.settle("balance", Outcome("worker", {"ok": False}))
    assert scene.vars["allowed"] is False


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


@pytest.mark.parametrize("event", ["done", "failed"])
def test_what_becomes_of_an_undo_is_no_event(event: str) -> None:
    heed = f"next:\n      - {{event: tool.cancel.{event}, goto: bye}}\n      - {{intent: The"
    text = ORDER.replace("next: [{intent: The", heed).replace("goto: bye}]", "goto: bye}")
    scene = play(text.replace("tools: [order]", "tools: [order, cancel]"))
    [first] = scene.model(order={"dish": "soup"})
    scene.caller("No, the risotto!")
    scene.model(order={"dish": "risotto"})
    scene.apply(CallSettled(scene.at, first, 1, Outcome("worker", {"ref": "S1"})))
    scene.settle("cancel", Outcome("worker") if event == "done" else AWAY)
    assert scene.state == "desk"


SEARCH = """
vars: {what: text, seen: text}
tools:
  look:
    queue: q
    params: {what: {type: text, optional: true}}
    returns: {text: text}
    assign: {seen: "${result.text}"}
start: desk
states:
  desk:
    goal: Help.
    next: [{intent: The caller wants news., id: look, fill: [what], goto: search}]
  search:
    do: [{tool: look, with: {what: "${what}"}, as: found}]
    goal: Tell ${found.text}.
    next:
      - {intent: The caller means something else., id: other, fill: [what], goto: search}
      - {intent: The caller has waited enough., id: again, goto: search}
      - {event: tool.look.failed, goto: bye}
  bye: {end: {reason: completed}}
"""


def searching() -> tuple[Scene, str]:
    """A step's call is under way, and the caller has spoken again; its id."""
    scene = play(SEARCH)
    scene.model(go_look={"what": "weather"})
    [call] = scene.snapshot.work.calls
    scene.caller("No!")
    return scene, call


def test_what_a_step_did_before_a_correction_counts_for_nothing() -> None:
    scene, call = searching()
    scene.model(go_other={"what": "sports"})
    scene.apply(CallSettled(scene.at, call, 1, Outcome("worker", {"text": "rain"})))
    assert scene.vars["seen"] is None
    assert not scene.speaking


def test_what_a_step_did_before_its_state_was_left_counts_but_has_no_name_any_more() -> None:
    scene, call = searching()
    scene.model(go_again={})
    scene.apply(CallSettled(scene.at, call, 1, Outcome("worker", {"text": "rain"})))
    assert scene.vars["seen"] == "rain"
    assert scene.snapshot.values.results == {}


def test_a_result_has_no_name_in_the_next_visit_of_its_state() -> None:
    scene = play(SEARCH)
    scene.model(go_look={})
    scene.settle("look", Outcome("worker", {"text": "rain"}))
    assert "Tell rain." in scene.answers[-1].instructions
    scene.model(go_again={})
    assert scene.snapshot.values.results == {}


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


VERIFY = """
vars:
  number: {type: text, clears: [verified]}
  verified: {type: bool, default: false, writable: engine}
tools:
  verify:
    queue: identity
    params: {number: text}
    args: {number: "${number}"}
    returns: {ok: bool}
    mode: background
    assign: {verified: "${result.ok}"}
start: identify
states:
  identify:
    goal: Ask for the number.
    collect: {vars: [number]}
    next:
      - {event: collected, if: not verified, do: [{tool: verify}]}
      - {if: verified, goto: inside}
      - {event: tool.verify.done, if: not verified, goto: outside}
      - {event: tool.verify.failed, goto: outside}
  inside: {end: {reason: inside}}
  outside: {end: {reason: outside}}
"""


def verifying(*numbers: str) -> tuple[Scene, list[str]]:
    """The caller gives these numbers one after another, while each is looked at."""
    scene = play(VERIFY)
    for number in numbers:
        scene.caller(f"It is {number}.")
        scene.model(set_identify={"number": number})
        scene.model("One moment.")
    return scene, [dispatch.call for dispatch in scene.dispatches("verify")]


def test_nobody_is_let_in_with_what_was_found_out_about_another_number() -> None:
    scene, [first, second] = verifying("E1", "E2")
    scene.apply(CallSettled(scene.at, first, 1, Outcome("worker", {"ok": True})))
    assert (scene.state, scene.vars["verified"]) == ("identify", False)
    scene.apply(CallSettled(scene.at, second, 1, Outcome("worker", {"ok": True})))
    assert scene.snapshot.run.ended == "inside"


def test_a_step_that_is_not_done_again_after_a_change_assigns_nothing_but_goes_on() -> None:
    scene = play(VERIFY.replace("collected, if: not verified,", "collected, if: number == 'E1',"))
    scene.caller("E1.")
    scene.model(set_identify={"number": "E1"})
    scene.model("One moment.")
    scene.caller("No, E2.")
    scene.model(set_identify={"number": "E2"})
    scene.model("One moment.")
    [call] = [dispatch.call for dispatch in scene.dispatches("verify")]
    scene.apply(CallSettled(scene.at, call, 1, Outcome("worker", {"ok": True})))
    assert scene.snapshot.run.ended == "outside"


WAITING = """
vars: {phone: text, other: text}
tools:
  verify:
    queue: identity
    params: {phone: text}
    returns: {ok: bool}
start: ask
states:
  ask:
    goal: Ask for the phone.
    collect: {vars: [phone]}
    next: [{event: collected, goto: check}]
  check:
    do: [{tool: verify, with: {phone: "${phone}"}, as: answer}]
    goal: Wait.
    collect: {vars: [phone, other]}
    next:
      - {event: tool.verify.done, goto: inside}
      - {if: answer.ok, goto: inside}
      - {event: collected, if: answer.ok, goto: inside}
      - {event: tool.verify.failed, if: event.code == 'outdated', goto: check}
      - {event: tool.verify.failed, goto: outside}
  inside: {end: {reason: inside}}
  outside: {end: {reason: outside}}
"""
BINDING = WAITING.replace("returns", 'args: {phone: "${phone}"}\n    returns').replace(
    'with: {phone: "${phone}"}, ', ""
)
REVIEWED = WAITING.replace("as: answer", "as: answer, approval: {by: human}")


def checking(text: str, **changed: str) -> tuple[Scene, str]:
    """The step that looks at a phone is waited for, and the caller gives something new."""
    scene = play(text)
    scene.caller("P1.")
    scene.model(set_ask={"phone": "P1"})
    [call] = scene.snapshot.work.calls
    scene.caller("No!")
    scene.model(set_check=dict(changed))
    scene.model("One moment.")
    return scene, call


OK = Outcome("worker", {"ok": True})


@pytest.mark.parametrize("text", [WAITING, BINDING], ids=["with", "args"])
def test_what_a_step_finds_out_about_an_earlier_phone_is_no_result_and_no_success(
    text: str,
) -> None:
    scene, call = checking(text, phone="P2")
    scene.apply(CallSettled(scene.at, call, 1, OK))
    assert scene.snapshot.run.ended is None
    assert scene.snapshot.values.results == {}
    assert scene.reports("call.failed")[-1].data["code"] == "outdated"
    assert [made.arguments for made in scene.dispatches("verify")] == [
        {"phone": "P1"},
        {"phone": "P2"},
    ]
    scene.settle("verify", OK)
    assert scene.snapshot.run.ended == "inside"


def test_a_step_is_not_outdated_by_a_variable_that_it_was_not_made_with() -> None:
    scene, call = checking(WAITING, other="blue")
    scene.apply(CallSettled(scene.at, call, 1, OK))
    assert scene.snapshot.run.ended == "inside"


def test_an_outdated_step_that_no_edge_takes_is_an_error() -> None:
    lines = [line for line in WAITING.splitlines() if "tool.verify.failed" not in line]
    scene, call = checking("on_error: outside\n" + "\n".join(lines), phone="P2")
    scene.apply(CallSettled(scene.at, call, 1, OK))
    assert scene.snapshot.run.ended == "outside"


def test_a_step_that_a_person_approves_after_a_change_is_not_called() -> None:
    scene, call = checking(REVIEWED, phone="P2")
    scene.apply(CallSettled(scene.at, call, 0, Outcome("worker", {"approved": True})))
    assert not scene.dispatches("verify")
    reviews = scene.dispatches("verify", handler="review")
    assert [asked.arguments["arguments"] for asked in reviews] == [
        {"phone": "P1"},
        {"phone": "P2"},
    ]


def test_an_outdated_step_whose_effect_can_be_taken_back_is_undone() -> None:
    args = 'args: {phone: "${args.phone}"}'
    undo = f"undo: forget\n  forget: {{queue: q, params: {{phone: text}}, {args}}}"
    returns = "returns: {ok: bool}"
    scene, call = checking(WAITING.replace(returns, f"{returns}\n    {undo}"), phone="P2")
    scene.apply(CallSettled(scene.at, call, 1, OK))
    assert [made.arguments for made in scene.dispatches("forget")] == [{"phone": "P1"}]


def test_a_step_is_outdated_by_what_was_behind_an_earlier_result_that_it_was_made_with() -> None:
    step = '{tool: verify, with: {phone: "${phone}"}, as: '
    chained = f"""{step}first}}, {step.replace("phone}", "first.id}")}answer}}"""
    text = WAITING.replace("      - {event: tool.verify.done, goto: inside}\n", "")
    text = text.replace(step + "answer}", chained).replace("{ok: bool}", "{ok: bool, id: text}")
    scene, _ = checking(text, other="blue")
    found = Outcome("worker", {"ok": True, "id": "C1"})
    scene.settle("verify", found)
    assert scene.dispatches("verify")[-1].arguments == {"phone": "C1"}
    scene.caller("It is another phone!")
    scene.model(set_check={"phone": "P2"})
    scene.model("One moment.")
    scene.settle("verify", found)
    assert scene.snapshot.run.ended is None
    assert scene.reports("call.failed")[-1].data["code"] == "outdated"


FOUND = """
vars: {number: text, other: text}
tools:
  verify: {queue: identity, params: {number: text}, returns: {ok: bool, id: text}}
  look: {queue: identity, params: {id: text}, returns: {name: text}}
start: ask
states:
  ask:
    goal: Ask for the number.
    collect: {vars: [number]}
    next: [{event: collected, goto: check}]
  check:
    do: [{tool: verify, with: {number: "${number}"}, as: answer}]
    goal: "Let them in: ${answer.ok}."
    collect: {vars: [number, other], optional: [number]}
    next:
      - {event: collected, if: other == 'out', goto: outside}
      - {intent: The caller wants in., id: in, if: answer.ok, goto: inside}
      - {intent: The caller has another number., id: other, fill: [number], do: [{note: Noted.}]}
      - {intent: The caller is done., id: done, goto: outside}
  inside: {end: {reason: inside}}
  outside: {end: {reason: outside}}
"""
BOUND = FOUND.replace("returns: {ok", 'args: {number: "${number}"}, returns: {ok').replace(
    'with: {number: "${number}"}, ', ""
)
VERIFIED = Outcome("worker", {"ok": True, "id": "C1"})


def verified(text: str) -> Scene:
    """What was found out about the first number has a name, and the agent has spoken of it."""
    scene = play(text)
    scene.caller("N1.")
    scene.model(set_ask={"number": "N1"})
    scene.model("One moment.")
    scene.settle("verify", VERIFIED)
    scene.model("You are in.")
    assert "go_in" in offered(scene.flow, scene.snapshot)
    return scene


@pytest.mark.parametrize("text", [FOUND, BOUND], ids=["with", "args"])
@pytest.mark.parametrize("name", ["set_check", "go_other"])
def test_nobody_is_let_in_by_a_result_for_the_number_that_was_corrected(
    text: str, name: str
) -> None:
    scene = verified(text)
    scene.caller("It is N2.")
    scene.model("", **{name: {"number": "N2"}})
    assert scene.state == "check"
    assert "go_in" not in offered(scene.flow, scene.snapshot)
    assert [report.data for report in scene.reports("result.forgotten")] == [{"name": "answer"}]


@pytest.mark.parametrize("given", [{"other": "blue"}, {"number": "N1"}])
def test_a_result_stays_that_was_not_made_with_what_has_changed(given: dict[str, str]) -> None:
    scene = verified(FOUND)
    scene.caller("By the way.")
    scene.model(set_check=given)
    assert "go_in" in offered(scene.flow, scene.snapshot)


def test_a_result_is_forgotten_with_what_was_behind_the_one_that_it_was_made_with() -> None:
    scene = play(
        FOUND.replace(
            "as: answer}]", 'as: found}, {tool: look, with: {id: "${found.id}"}, as: answer}]'
        ).replace("answer.ok", "set(answer.name)")
    )
    scene.caller("N1.")
    scene.model(set_ask={"number": "N1"})
    scene.model("One moment.")
    scene.settle("verify", VERIFIED)
    scene.settle("look", Outcome("worker", {"name": "Ana"}))
    scene.model("You are in, Ana.")
    scene.caller("It is N2.")
    scene.model(set_check={"number": "N2"})
    assert scene.snapshot.values.results == scene.snapshot.values.sources == {}


def test_what_a_result_was_made_with_is_forgotten_with_its_state() -> None:
    scene = verified(FOUND)
    scene.caller("Bye.")
    scene.model(go_done={})
    assert scene.snapshot.values.sources == {}
