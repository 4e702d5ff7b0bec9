from orchestrator.flow.engine import offered
from tests.flow.restaurant import (
    BOOKED,
    at_confirm,
    at_read_back,
    started,
)


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
