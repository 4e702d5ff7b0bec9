from orchestrator.dispatch.call import Outcome
from orchestrator.flow.events import (
    CallerLeft,
    CallSettled,
    TimerFired,
)
from orchestrator.flow.snapshot import drained
from tests.flow.restaurant import (
    AWAY,
    BOOKED,
    DETAILS,
    FREE,
    at_booking,
    at_details,
    started,
)


def test_a_step_that_fails_for_good_follows_its_edge() -> None:
    scene = at_details()
    scene.model(set_details=DETAILS)
    scene.settle("check_availability", Outcome.failed("worker", "refused", "closed"))
    assert scene.path[-1] == "transfer"
    assert scene.snapshot.run.erred is None


def test_a_failed_attempt_is_made_again_with_the_same_key_after_a_pause() -> None:
    scene = at_details()
    scene.model(set_details=DETAILS)
    scene.settle("check_availability", AWAY)
    assert len(scene.dispatches("check_availability")) == 1
    scene.wait(0.3)
    first, second = scene.dispatches("check_availability")
    assert (first.attempt, second.attempt) == (1, 2)
    assert first.key == second.key


def test_an_attempt_that_never_answers_is_withdrawn_and_made_again_until_none_is_left() -> None:
    scene = at_details()
    scene.model(set_details=DETAILS)
    scene.wait(14)
    assert len(scene.dispatches("check_availability")) == 3
    assert {w.by for w in scene.withdrawals} == {"deadline"}
    assert scene.said[1:] == ["Let me look at the book.", "I'll put you through to a colleague."]
    assert scene.path[-1] == "transfer"


def test_a_worker_that_was_first_at_the_deadline_counts() -> None:
    scene = at_details()
    scene.model(set_details=DETAILS)
    [call] = scene.snapshot.work.calls.values()
    scene.at += 4.1
    scene.apply(TimerFired(scene.at, f"timeout:{call.id}"))
    assert [w.by for w in scene.withdrawals] == ["deadline"]
    scene.apply(CallSettled(scene.at, call.id, 1, FREE))
    assert scene.state == "confirm"
    assert not scene.reports("call.late")


def test_a_call_of_the_model_is_answered_and_followed_by_one_answer() -> None:
    scene = started()
    scene.caller("Anything vegetarian?")
    [call] = scene.model(menu__search_dishes={"query": "vegetarian"})
    assert len(scene.answers) == 1
    scene.settle("menu.search_dishes", Outcome("worker", {"dishes": ["risotto"]}))
    assert scene.output(call) == {"dishes": ["risotto"]}
    assert [answer.purpose for answer in scene.answers] == ["answer", "answer"]


def test_a_call_of_the_model_that_fails_is_told_to_the_model() -> None:
    scene = started()
    scene.caller("Anything vegetarian?")
    [call] = scene.model(menu__search_dishes={"query": "vegetarian"})
    scene.settle("menu.search_dishes", Outcome.failed("worker", "crashed", "outcome unknown"))
    assert scene.output(call) == {"error": "crashed", "message": "outcome unknown"}
    assert scene.state == "welcome"


def test_two_calls_of_one_answer_are_followed_by_one_answer() -> None:
    scene = started()
    scene.caller("Anything vegetarian? And what is in the risotto?")
    scene.model(menu__search_dishes={"query": "vegetarian"}, menu__allergens={"dish": "risotto"})
    scene.settle("menu.search_dishes", Outcome("worker", {}))
    assert len(scene.answers) == 1
    scene.settle("menu.allergens", Outcome("worker", {}))
    assert len(scene.answers) == 2


def test_a_caller_who_speaks_while_work_is_open_is_answered_and_the_result_comes_later() -> None:
    scene = at_booking()
    confirmed = list(scene.asked)[-1]
    scene.caller("Is there parking?")
    assert scene.output(confirmed) == {"status": "pending"}
    scene.model("There is, behind the house.")
    scene.settle("create_booking", BOOKED)
    assert any("AB12" in note for note in scene.notes)
    assert scene.state == "goodbye"


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
