from orchestrator.dispatch.call import Outcome
from tests.flow.restaurant import DETAILS, FULL, at_details, restaurant
from tests.flow.scene import Scene
from tests.flow.small import play


def test_arguments_that_are_no_json_object_are_told_to_the_model() -> None:
    scene = at_details()
    [call] = scene.model(set_details={"party_size": "a few", "hat": 1})
    output = scene.output(call)
    assert set(output["rejected"]) == {"party_size", "hat"}
    assert "party_size" in output["missing"]


def test_names_that_cannot_be_set_are_told_in_the_order_in_which_they_were_given() -> None:
    names = [f"hat_{letter}" for letter in "hebgdacf"]
    scene = at_details()
    [call] = scene.model(set_details=dict.fromkeys(names, 1))
    assert list(scene.output(call)["rejected"]) == names


def test_good_values_are_stored_although_others_are_rejected() -> None:
    scene = at_details()
    scene.model(set_details={"party_size": 99, "guest": "Martin"})
    assert scene.vars["guest"] == "Martin"
    assert scene.vars["party_size"] is None
    assert scene.state == "details"


def test_everything_collected_goes_on_and_the_tool_gets_the_values() -> None:
    scene = at_details()
    scene.model(set_details=DETAILS)
    assert scene.state == "check"
    [call] = scene.dispatches("check_availability")
    assert call.arguments == {
        "day": "2026-11-24",
        "at": "19:30",
        "party_size": 4,
        "seating": "any",
    }


def test_a_value_from_the_call_need_not_be_asked_for() -> None:
    scene = Scene(restaurant())
    scene.start(caller="+33 6 12 34 56 78")
    assert scene.vars["phone"] == "+33612345678"


def test_a_taken_hour_leads_to_alternatives_and_a_new_hour_is_checked_anew() -> None:
    scene = at_details()
    scene.model(set_details=DETAILS)
    scene.settle("check_availability", FULL)
    assert scene.state == "alternatives"
    assert "18:30, 21:30" in scene.answers[-1].instructions
    assert "# Still needed\n- at:" in scene.answers[-1].instructions
    scene.model(set_alternatives={"at": "18:30"})
    assert scene.path[-2:] == ["alternatives", "check"]


CLEARS = """
vars:
  day: {type: date, clears: [at, seats]}
  at: {type: time, clears: [price]}
  price: {type: int, default: 10}
  seats: {type: int, default: 2}
  phone: {type: phone, from: call.caller, default: "+33600000000"}
start: desk
states:
  desk:
    do: [{say: Hello.}]
    collect: {vars: [day, at, price, seats], optional: [price, seats]}
    next: [{event: collected, goto: full}]
  full:
    do: [{say: Anything else?}]
    goal: Wait for a wish.
    next:
      - {intent: The caller has another time., id: again, fill: [day, at], goto: desk}
      - {if: turns > 99, goto: bye}
  bye: {end: {reason: completed}}
"""


def test_a_value_that_changes_resets_what_it_clears_to_its_default() -> None:
    scene = play(CLEARS)
    scene.caller("The 24th.")
    scene.model(set_desk={"seats": 5, "day": "2026-11-24"})
    scene.model(set_desk={"day": "2026-11-25"})
    assert scene.vars["seats"] == 2


def test_a_value_that_is_only_said_again_clears_nothing() -> None:
    scene = play(CLEARS)
    scene.caller("The 24th.")
    scene.model(set_desk={"seats": 5, "day": "2026-11-24"})
    scene.model(set_desk={"day": "2026-11-24"})
    assert scene.vars["seats"] == 5


def test_what_is_given_together_is_not_cleared_by_its_neighbour() -> None:
    scene = play(CLEARS)
    scene.caller("Half past seven on the 24th.")
    scene.model(set_desk={"at": "19:30", "day": "2026-11-24"})
    assert scene.vars["at"] == "19:30"


def test_what_is_cleared_clears_in_turn() -> None:
    scene = play(CLEARS)
    scene.caller("Half past seven.")
    scene.model(set_desk={"at": "19:30"})
    scene.model(set_desk={"price": 12})
    scene.model(set_desk={"day": "2026-11-24"})
    assert (scene.vars["at"], scene.vars["price"]) == (None, 10)


def test_a_reset_that_changes_nothing_clears_nothing() -> None:
    scene = play(CLEARS)
    scene.caller("Twelve at most, on the 24th.")
    scene.model(set_desk={"price": 12})
    scene.model(set_desk={"day": "2026-11-24"})
    assert scene.vars["price"] == 12


def test_what_is_only_said_again_together_with_a_change_clears_nothing_in_turn() -> None:
    scene = play(CLEARS)
    scene.caller("Half past seven, twelve at most.")
    scene.model(set_desk={"at": "19:30"})
    scene.model(set_desk={"price": 12})
    scene.model(set_desk={"day": "2026-11-24", "at": "19:30"})
    assert scene.vars["price"] == 12


def test_a_default_stands_where_the_call_tells_nothing() -> None:
    assert play(CLEARS).vars["phone"] == "+33600000000"
    assert play(CLEARS, caller="+33612345678").vars["phone"] == "+33612345678"


def test_whoever_begins_the_session_may_give_values() -> None:
    scene = play(CLEARS, caller="+33612345678", values={"phone": "+33700000000", "seats": "many"})
    assert scene.vars["phone"] == "+33700000000"
    assert scene.vars["seats"] == 2
    assert scene.reports("value.rejected")[0].data["name"] == "seats"


def test_what_a_result_lacks_does_not_keep_its_old_value() -> None:
    scene = play("""
vars: {seat: {type: text, default: window}}
tools:
  look:
    queue: q
    returns: {seat: {type: text, optional: true}}
    assign: {seat: "${result.seat}"}
on_error: bye
start: desk
states:
  desk: {do: [{tool: look}], next: [{goto: bye}]}
  bye: {end: {reason: completed}}
""")
    scene.settle("look", Outcome("worker", {}))
    assert scene.vars["seat"] is None


def test_a_state_with_everything_collected_goes_on_at_once() -> None:
    scene = play(CLEARS, values={"day": "2026-11-24", "at": "19:30"})
    assert scene.path == ["desk", "full"]


def test_a_state_entered_with_new_values_goes_on_but_one_entered_without_waits() -> None:
    scene = play(CLEARS, values={"day": "2026-11-24", "at": "19:30"})
    scene.caller("Eight.")
    scene.model(go_again={"at": "20:00"})
    assert scene.path == ["desk", "full", "desk", "full"]
    bare = play(
        CLEARS.replace(", fill: [day, at]", ""), values={"day": "2026-11-24", "at": "19:30"}
    )
    bare.caller("Another time.")
    bare.model(go_again={})
    assert bare.path == ["desk", "full", "desk"]
    bare.caller("The same after all.")
    bare.model(set_desk={})
    assert bare.path[-1] == "full"


def test_a_fill_with_a_bad_value_keeps_the_good_ones_and_does_not_move() -> None:
    scene = play(CLEARS, values={"day": "2026-11-24", "at": "19:30"})
    scene.caller("Eight on no day.")
    [call] = scene.model(go_again={"at": "20:00", "day": "never"})
    assert set(scene.output(call)["rejected"]) == {"day"}
    assert scene.path == ["desk", "full"]
    assert scene.vars["at"] == "20:00"


def test_values_are_not_complete_while_one_of_them_is_rejected() -> None:
    scene = play(CLEARS)
    scene.caller("The 24th at half past seven, for many.")
    [call] = scene.model(set_desk={"day": "2026-11-24", "at": "19:30", "seats": "many"})
    assert "missing" not in scene.output(call)
    assert scene.state == "desk"


CHANGE = """
vars: {day: date, size: int}
interrupts:
  change: {intent: The caller wants another day., goto: ask}
start: talk
states:
  talk:
    goal: Talk.
    next: [{intent: The caller is done., id: done, goto: bye}]
  ask:
    goal: Ask for the day.
    collect: {vars: [day, size], optional: [size]}
    next: [{event: collected, goto: bye}]
  bye: {end: {reason: completed}}
"""


def test_who_wants_to_change_something_is_asked_though_everything_is_set() -> None:
    scene = play(CHANGE, values={"day": "2026-11-24"})
    scene.model(go_change={})
    assert scene.state == "ask"
    scene.model("Which day, then?")
    scene.caller("The next.")
    scene.model(set_ask={"day": "2026-11-25"})
    assert scene.state == "bye"


def test_null_from_the_model_is_no_value() -> None:
    scene = play(CHANGE, values={"day": "2026-11-24", "size": 2})
    scene.model(go_change={})
    scene.model(set_ask={"day": None, "size": None})
    assert scene.vars == {"day": "2026-11-24", "size": 2}
