"""Values that a tool has to agree to."""

import pytest

from orchestrator.dispatch.call import Json, Outcome
from orchestrator.flow.events import CallerLeft, CallSettled
from orchestrator.projection import MASK, record
from tests.flow import families
from tests.flow.scene import Scene
from tests.flow.small import play

FLOW = """
vars:
  code: {type: text, normalise: [upper], validate: {tool: check}, pii: true, clears: [shop]}
  day: {type: date, validate: {tool: free}, message: is a holiday}
  size: {type: int, max: 9}
  shop: {type: text, default: Lyon}
tools:
  check:
    queue: desk
    params: {value: text, shop: text}
    args: {shop: "${shop}"}
    timeout: 4s
    returns: {ok: bool, value: {type: any, optional: true}, message: {type: text, optional: true}}
    retry: {max: 1, backoff: 1s}
  free: {queue: desk, params: {value: date}, safe: true}
start: talk
states:
  talk:
    do: [{say: Hello.}]
    goal: Take the details.
    collect: {vars: [code, day, size]}
    next:
      - {event: collected, goto: done}
      - {event: tool.check.done, goto: bye}
      - {intent: Another day., id: change, fill: [day, size], goto: other}
      - {intent: The caller leaves., id: leave, goto: bye}
      - {if: turns > 90, do: [{tool: check, with: {value: x}}], goto: bye}
  other:
    goal: Talk on.
    next: [{intent: The caller leaves., id: leave, goto: bye}]
  done: {end: {reason: completed}}
  bye: {end: {reason: bye}}
"""
YES: Json = {"ok": True}


def given(**values: Json) -> tuple[Scene, str]:
    scene = play(FLOW)
    scene.caller("Here you are.")
    [call] = scene.model(set_talk=values)
    return scene, call


def says(scene: Scene, tool: str, result: Json) -> None:
    scene.settle(tool, Outcome("worker", result))


def answered(scene: Scene, call: str) -> bool:
    return scene.asked[call] == 1


def test_a_value_is_held_until_the_tool_agrees_and_the_others_are_stored_at_once() -> None:
    scene, call = given(code="ab1", size=2)
    [asked] = scene.dispatches("check")
    assert asked.arguments == {"value": "AB1", "shop": "Lyon"}
    assert (scene.vars["code"], scene.vars["size"]) == (None, 2)
    assert not answered(scene, call)
    assert scene.speaking is None
    says(scene, "check", YES)
    assert scene.vars["code"] == "AB1"
    assert scene.output(call) == {"ok": True, "missing": ["day"]}
    assert scene.speaking


def test_the_tool_may_give_a_better_value() -> None:
    scene, _ = given(code="ab1")
    says(scene, "check", {"ok": True, "value": "ab-1"})
    assert scene.vars["code"] == "AB-1"


def test_a_better_value_that_the_variable_does_not_take_is_refused() -> None:
    scene, call = given(day="2026-11-24")
    says(scene, "free", {"ok": True, "value": "some day"})
    assert "must be a real date" in scene.output(call)["rejected"]["day"]


def test_a_no_is_told_in_the_words_of_the_tool_or_of_the_author() -> None:
    scene, call = given(code="ab1", day="2026-12-25")
    says(scene, "check", {"ok": False, "message": "is not known"})
    assert not answered(scene, call), "the other one is still open"
    says(scene, "free", {"ok": False})
    assert scene.output(call) == {
        "rejected": {"code": "is not known", "day": "is a holiday"},
        "missing": ["code", "day", "size"],
    }
    assert [r.data["name"] for r in scene.reports("value.rejected")] == ["code", "day"]


def test_a_check_that_fails_says_nothing_of_the_value() -> None:
    for outcome in (
        Outcome.failed("worker", "refused", "secret"),
        Outcome("worker", {"ok": "perhaps"}),
        Outcome("worker", None),
    ):
        scene, call = given(code="ab1")
        scene.settle("check", outcome)
        assert scene.output(call)["rejected"] == {"code": "could not be checked just now"}
        assert scene.vars["code"] is None
        assert scene.state == "talk"


def test_a_check_is_tried_again_like_any_call() -> None:
    scene, call = given(code="ab1")
    scene.settle("check", Outcome.failed("worker", "unavailable"))
    scene.wait(2)
    says(scene, "check", YES)
    assert [c.attempt for c in scene.dispatches("check")] == [1, 2]
    assert answered(scene, call)


def test_the_last_value_to_be_agreed_to_completes_what_is_collected() -> None:
    scene, _ = given(code="ab1", day="2026-11-24", size=2)
    says(scene, "free", YES)
    says(scene, "check", YES)
    assert scene.snapshot.run.ended == "completed"


def test_a_value_that_is_there_already_is_not_checked_again() -> None:
    scene, _ = given(code="ab1")
    says(scene, "check", YES)
    [again] = scene.model(set_talk={"code": "AB1"})
    assert scene.output(again) == {"ok": True, "missing": ["day", "size"]}
    assert len(scene.dispatches("check")) == 1


def test_a_value_of_the_wrong_form_never_reaches_the_tool() -> None:
    scene, call = given(day="some day")
    assert "day" in scene.output(call)["rejected"]
    assert not scene.dispatches("free")


def test_who_speaks_meanwhile_is_told_that_the_answer_comes_later() -> None:
    scene, call = given(code="ab1")
    scene.caller("Are you there?")
    assert scene.output(call) == {"status": "pending"}
    scene.model("One moment.")
    says(scene, "check", YES)
    assert scene.notes[-1] == 'set_talk has come back: {"ok": true, "missing": ["day", "size"]}'
    assert scene.speaking


def test_a_correction_takes_the_place_of_what_is_held() -> None:
    scene, first = given(code="ab1")
    scene.caller("No, it is A B 2.")
    [second] = scene.model(set_talk={"code": "ab2"})
    assert [w.call for w in scene.withdrawals] == [scene.dispatches("check")[0].call]
    assert scene.output(first) == {"status": "pending"}
    assert "anew" in scene.notes[-1]
    says(scene, "check", YES)
    assert scene.vars["code"] == "AB2"
    assert answered(scene, second)


def test_a_move_waits_for_the_values_that_came_with_it() -> None:
    scene = play(FLOW)
    scene.caller("Another day.")
    [call] = scene.model(go_change={"day": "2026-11-24"})
    assert (scene.state, answered(scene, call)) == ("talk", False)
    says(scene, "free", YES)
    assert scene.output(call) == {"ok": True}
    assert (scene.state, scene.vars["day"]) == ("other", "2026-11-24")


def test_a_value_that_is_refused_stops_the_move() -> None:
    scene = play(FLOW)
    scene.caller("Another day.")
    [call] = scene.model(go_change={"day": "2026-12-25"})
    says(scene, "free", {"ok": False})
    assert scene.output(call) == {"rejected": {"day": "is a holiday"}}
    assert scene.state == "talk"


def test_a_state_that_is_left_takes_what_is_held_along() -> None:
    scene, call = given(code="ab1")
    scene.caller("Let us stop here.")
    scene.model(go_leave={})
    assert scene.snapshot.run.ended == "bye"
    assert [w.by for w in scene.withdrawals] == ["cancel"]
    assert scene.output(call) == {"status": "pending"}


def test_a_caller_who_leaves_needs_no_answer() -> None:
    scene, call = given(code="ab1")
    scene.apply(CallerLeft(scene.at))
    assert [w.by for w in scene.withdrawals] == ["cancel"]
    assert not answered(scene, call)
    assert not scene.snapshot.work.calls


def test_a_personal_value_is_masked_while_it_is_checked() -> None:
    scene, _ = given(code="ab1")
    [dispatched] = scene.reports("call.dispatched")
    shown = record(scene.flow, scene.snapshot, dispatched)
    assert shown
    assert shown["arguments"] == {"value": MASK, "shop": "Lyon"}


def limited() -> Scene:
    scene = play(
        FLOW.replace("[code, day, size]}", "[code, day, size], attempts: 1, on_failed: other}")
    )
    scene.caller("Here you are.")
    return scene


def test_a_value_that_was_given_anew_meanwhile_uses_up_no_attempt() -> None:
    scene = limited()
    scene.model(set_talk={"code": "ab1"})
    scene.caller("No, it is A B 2.")
    scene.model(set_talk={"code": "ab2"})
    says(scene, "check", YES)
    assert (scene.state, scene.vars["code"]) == ("talk", "AB2")


def test_a_value_that_could_not_be_checked_uses_up_no_attempt() -> None:
    scene = limited()
    scene.model(set_talk={"code": "ab1"})
    scene.settle("check", Outcome.failed("worker", "refused", "secret"))
    assert scene.state == "talk"
    scene.model(set_talk={"code": "ab1"})
    says(scene, "check", {"ok": False})
    assert scene.state == "other"


SLOT = """
vars:
  day: text
  slot: {type: text, validate: {tool: free}}
tools:
  free: {queue: desk, params: {value: text, day: text}, args: {day: "${day}"}, safe: true}
start: talk
states:
  talk:
    goal: Take the details.
    collect: {vars: [day, slot]}
    next: [{event: collected, goto: done}]
  done: {end: {reason: completed}}
"""


def slot_with_another_day() -> Scene:
    """The slot is being looked at for the 24th, which becomes the 25th."""
    scene = play(SLOT)
    scene.caller("At seven on the 24th.")
    scene.model(set_talk={"day": "24", "slot": "19:00"})
    scene.caller("No, on the 25th.")
    scene.model(set_talk={"day": "25"})
    scene.model("One moment.")
    return scene


def test_a_value_is_checked_again_with_what_the_caller_has_changed_meanwhile() -> None:
    scene = slot_with_another_day()
    [first] = scene.dispatches("free")
    scene.apply(CallSettled(scene.at, first.call, 1, Outcome("worker", YES)))
    assert scene.vars["slot"] is None
    assert scene.snapshot.run.ended is None
    [_, second] = scene.dispatches("free")
    assert second.arguments == {"value": "19:00", "day": "25"}
    scene.apply(CallSettled(scene.at, second.call, 1, Outcome("worker", YES)))
    assert scene.snapshot.run.ended == "completed"


def test_a_no_about_another_day_refuses_nothing() -> None:
    scene = slot_with_another_day()
    says(scene, "free", {"ok": False})
    assert not scene.reports("value.rejected")
    assert len(scene.dispatches("free")) == 2


OUTER = """\
dsl: 1
flow: shop
version: "1"
session: {mode: text}
on_error: bye
start: talk
states:
  talk: {run: letter, next: [{event: run.letter.done, goto: bye}]}
  bye: {end: {reason: completed}}
"""
INNER = FLOW.replace(
    "\nvars:", '\ndsl: 1\nflow: letter\nversion: "1"\nsession: {mode: text}\nvars:'
)


@pytest.mark.parametrize("refused_by", ["variable", "tool"])
def test_a_personal_value_that_a_sub_flow_refuses_is_masked(refused_by: str) -> None:
    scene = families.play(OUTER, letter=INNER)
    scene.caller("Here you are.")
    scene.model(set_talk={"code": ["ab1"] if refused_by == "variable" else "ab1"})
    if refused_by == "tool":
        says(scene, "check", {"ok": False, "message": "Ana has that one"})
    [rejected] = scene.reports("value.rejected")
    assert rejected.data["flow"] == "letter"
    shown = record(scene.flow, scene.snapshot, rejected)
    assert shown
    assert shown["reason"] == MASK
