from tests.flow.restaurant import (
    DETAILS,
    FULL,
    at_details,
    restaurant,
)
from tests.flow.scene import Scene


def test_arguments_that_are_no_json_object_are_told_to_the_model() -> None:
    scene = at_details()
    [call] = scene.model(set_details={"party_size": "a few", "hat": 1})
    output = scene.output(call)
    assert set(output["rejected"]) == {"party_size", "hat"}
    assert "party_size" in output["missing"]


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
