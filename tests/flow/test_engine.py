from orchestrator.dispatch.call import Outcome
from orchestrator.flow.commands import Hush
from orchestrator.flow.engine import MAX_ROUNDS, SORRY, offered, replay
from orchestrator.flow.events import (
    AnswerEnded,
    CallerLeft,
    CallSettled,
    ProviderLost,
    TimerFired,
    TransferEnded,
)
from orchestrator.flow.snapshot import drained, quiescent
from tests.flow.restaurant import (
    BOOKED,
    DETAILS,
    FREE,
    FULL,
    at_booking,
    at_confirm,
    at_details,
    at_read_back,
    restaurant,
)
from tests.flow.scene import Scene

AWAY = Outcome.failed("worker", "unavailable", "not now")


def started() -> Scene:
    scene = Scene(restaurant())
    scene.start()
    return scene


def test_a_say_on_entry_is_spoken_without_the_model_and_waits_for_the_caller() -> None:
    scene = started()
    assert scene.said == ["Chez Ana, hello. How can I help?"]
    assert scene.answers == []
    assert quiescent(scene.snapshot)


def test_a_turn_of_the_caller_gets_exactly_one_answer() -> None:
    scene = started()
    scene.caller("Hello?")
    scene.model("How can I help?")
    assert [answer.purpose for answer in scene.answers] == ["answer"]
    assert quiescent(scene.snapshot)


def test_a_turn_that_comes_while_the_model_answers_is_answered_next() -> None:
    scene = started()
    scene.caller("Hello?")
    scene.caller("Anybody there?")
    assert len(scene.answers) == 1
    scene.model("Yes?")
    assert len(scene.answers) == 2


def test_an_intent_moves_when_its_answer_has_ended_and_creates_no_answer_of_its_own() -> None:
    scene = started()
    scene.caller("A table, please.")
    call = scene.asks("go_book", {})
    assert scene.output(call) == {"ok": True}
    assert scene.state == "welcome"
    scene.model()
    assert scene.state == "details"
    assert [answer.purpose for answer in scene.answers] == ["answer", "goal"]


def test_of_two_moves_in_one_answer_the_first_counts() -> None:
    scene = started()
    scene.caller("A table. Or rather, cancel one.")
    _, second = scene.model(go_book={}, go_change={})
    assert scene.output(second) == {"ignored": "already moved"}
    assert scene.path == ["welcome", "details"]


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


def test_a_bare_condition_is_tried_before_collected() -> None:
    scene = at_details()
    scene.model(set_details={**DETAILS, "party_size": 14})
    assert scene.path[-1] == "transfer"


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


def test_a_taken_hour_leads_to_alternatives_and_a_new_hour_is_checked_anew() -> None:
    scene = at_details()
    scene.model(set_details=DETAILS)
    scene.settle("check_availability", FULL)
    assert scene.state == "alternatives"
    assert "18:30, 21:30" in scene.answers[-1].instructions
    assert "# Still needed\n- at:" in scene.answers[-1].instructions
    scene.model(set_alternatives={"at": "18:30"})
    assert scene.path[-2:] == ["alternatives", "check"]


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


def test_a_detour_returns_to_where_the_talk_was() -> None:
    scene = at_details()
    scene.model("For how many?")
    scene.caller("When do you close?")
    scene.model(go_hours={})
    assert "noon to eleven" in scene.said[-1]
    assert scene.state == "details"
    assert scene.answers[-1].purpose == "resume"
    assert "go_hours" not in offered(scene.flow, scene.snapshot)


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


def test_a_model_that_fails_is_asked_again_after_a_pause_and_then_given_up() -> None:
    scene = started()
    scene.caller("Hello?")
    for _ in range(3):
        assert scene.speaking
        scene.apply(AnswerEnded(scene.at, scene.speaking, "failed", "server_error"))
        scene.wait(2)
    assert len(scene.answers) == 3
    assert scene.snapshot.run.erred == "server_error"
    assert scene.state == "transfer"


def test_an_answer_of_which_nothing_is_heard_is_given_up() -> None:
    scene = started()
    scene.caller("Hello?")
    answer = scene.speaking
    scene.wait(60)
    assert [c.speak for c in scene.commands if isinstance(c, Hush)] == [answer]
    assert scene.snapshot.run.erred == "answer.timeout"


def test_a_model_that_only_calls_tools_is_stopped() -> None:
    scene = at_details()
    for _ in range(MAX_ROUNDS):
        if scene.state == "details":
            scene.model(set_details={"party_size": "many"})
    assert scene.snapshot.run.erred == "model.loop"


def test_a_transfer_in_text_announces_itself_and_ends() -> None:
    scene = started()
    scene.caller("A person, please.")
    scene.model(go_human={})
    assert scene.said[-1] == "I'll put you through to a colleague."
    scene.apply(TransferEnded(scene.at, ok=True))
    assert scene.snapshot.run.ended == "transferred"


def test_a_transfer_that_fails_takes_the_way_out_of_the_flow() -> None:
    scene = started()
    scene.caller("A person, please.")
    scene.model(go_human={})
    scene.apply(TransferEnded(scene.at, ok=False, reason="busy"))
    assert scene.snapshot.run.ended == "transfer_failed"


def test_the_limit_of_the_duration_leads_to_the_error_state_once() -> None:
    scene = started()
    scene.wait(15 * 60)
    assert scene.snapshot.run.erred == "limit.duration"
    assert scene.path[-1] == "transfer"


def test_a_state_visited_too_often_is_an_error() -> None:
    scene = at_details()
    scene.model(set_details=DETAILS)
    for hour in range(60):
        if scene.snapshot.run.erred:
            break
        scene.settle("check_availability", FULL)
        scene.model(set_alternatives={"at": f"{12 + hour % 10}:30"})
        scene.caller("Or then?")
        if scene.speaking:
            scene.model()
    assert scene.snapshot.run.erred == "limit.visits"


def test_a_lost_provider_ends_the_session() -> None:
    scene = started()
    scene.apply(ProviderLost(scene.at, "1006"))
    assert scene.snapshot.run.ended == "provider_lost"
    assert SORRY not in scene.said


def test_nothing_follows_the_end() -> None:
    scene = started()
    scene.apply(CallerLeft(scene.at))
    before = len(scene.commands)
    scene.caller("Hello?")
    assert len(scene.commands) == before


def test_a_journal_replays_to_the_same_snapshot() -> None:
    scene = at_booking()
    assert replay(scene.flow, scene.events) == scene.snapshot


def test_instructions_keep_to_the_documented_layout() -> None:
    scene = at_details()
    prose = scene.answers[-1].instructions
    titles = [line for line in prose.splitlines() if line.startswith("# ")]
    assert titles == [
        "# Role",
        "# Date and zone",
        "# Goal",
        "# Known values",
        "# Still needed",
    ]
    assert '- seating: "any"' in prose
    assert "- party_size: Number of guests" in prose
