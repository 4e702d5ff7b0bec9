"""A recorded session becomes a case that goes the same way, or is refused by name."""

from dataclasses import replace

import pytest

from orchestrator.dispatch.call import Json, Outcome
from orchestrator.errors import UsageError
from orchestrator.flow.definition import Flow
from orchestrator.flow.events import (
    AnswerEnded,
    CallerLeft,
    CallerTyped,
    CallSettled,
    Event,
    ProviderLost,
    SessionStarted,
    Signalled,
    ToolAsked,
)
from orchestrator.flow.replaying import decide
from orchestrator.testing.recording import case_of
from tests.flow.restaurant import BOOKED, at_booking, at_details, restaurant
from tests.flow.small import play
from tests.journals.recorded import recorded_flow, recording

REPORTING = """
tools:
  look: {queue: q, describe: Look., filler: {after: 1s, say: Hm., progress: true}}
start: talk
states:
  talk: {goal: Help., tools: [look], next: [{intent: Done., id: done, goto: bye}]}
  bye: {end: {reason: completed}}
"""


def case(events: tuple[Event, ...] | list[Event], flow: Flow | None = None) -> dict[str, Json]:
    flow = flow or restaurant()
    return case_of(flow, tuple(decide(flow, events)))


def test_turns_hold_what_the_caller_said_and_what_the_model_did() -> None:
    made = case(recording("booked").events, recorded_flow())
    assert made["turns"][1] == {
        "caller": "We are four.",
        "model": [
            {"call": "set_details", "args": {"party_size": 4}},
            {"say": "Could you tell me the day of the booking and the arrival time?"},
        ],
    }
    assert made["turns"][-1]["expect"]["path"] == ["confirm", "goodbye"]
    assert made["turns"][-1]["expect"]["ended"] == "completed"


def test_where_nothing_waited_no_time_is_played() -> None:
    made = case(recording("booked").events, recorded_flow())
    assert not any("wait" in turn for turn in made["turns"])
    assert made["tools"]["create_booking"] == [{"ref": "GZ65"}]


def test_an_outcome_that_came_after_the_next_turn_comes_at_its_time() -> None:
    made = case(recording("corrected").events, recorded_flow())
    [first, _] = made["tools"]["create_booking"]
    assert first == {"after": "34ms", "ref": "YB55"}
    [yes] = [turn for turn in made["turns"] if turn["caller"] == "Yes, please."]
    assert yes["wait"] == "12ms"


def test_a_tool_that_did_not_answer_is_a_timeout_for_each_attempt() -> None:
    made = case(recording("transferred").events, recorded_flow())
    assert made["tools"] == {"check_availability": [{"error": "timeout"}] * 3}
    assert made["turns"][-1]["expect"]["attempts"] == {"check_availability": 3}
    assert made["transfer"] == "done"


def test_who_hangs_up_does_so_in_a_turn_of_its_own() -> None:
    scene = at_booking()
    scene.apply(CallerLeft(scene.at))
    scene.settle("create_booking", BOOKED)
    last = case(scene.events)["turns"][-1]
    assert last["then"] == "hangup"
    assert last["expect"]["vars"]["booking_ref"] == "AB12"


@pytest.mark.parametrize(
    ("event", "then"),
    [(CallerLeft(0.0, "interrupted"), "interrupted"), (ProviderLost(0.0, "1006"), "lost")],
    ids=["interrupted", "lost"],
)
def test_every_end_that_nobody_chose_can_be_played(event: Event, then: str) -> None:
    scene = at_details()
    scene.apply(replace(event, at=scene.at))
    assert case(scene.events)["turns"][-1]["then"] == then


REVIEWED = """
vars: {name: {type: text, scope: caller}}
tools: {reset: {queue: q, describe: Reset., params: {user: text}, approval: human}}
start: talk
states:
  talk: {goal: Help., tools: [reset], next: [{intent: Done., id: done, goto: bye}]}
  bye: {end: {reason: completed}}
"""


@pytest.mark.parametrize("approved", [True, False])
def test_what_a_person_decided_has_a_turn_of_its_own(approved: bool) -> None:
    known = {"remembered": {"name": "Ana"}, "headers": {"x-shop": "Nice"}}
    scene = play(REVIEWED, caller="+33612345678", **known)
    scene.model("Hello.")
    scene.caller("Reset it.")
    scene.model(reset={"user": "ana"})
    scene.model("One moment.")
    decision = {"approved": approved, "by": "kim", "note": "" if approved else "not today"}
    scene.settle("reset", Outcome("worker", decision))
    made = case(scene.events, scene.flow)
    assert made["call"]["headers"] == {"x-shop": "Nice"}
    assert made["remembered"] == {"name": "Ana"}
    deed = {"approve": "reset"} if approved else {"deny": {"tool": "reset", "note": "not today"}}
    assert deed.items() <= made["turns"][-1].items()


REFUSED: dict[str, Event] = {
    r"not completed \(cancelled\)": AnswerEnded(0.0, "open", "cancelled"),
    r"not completed \(failed\)": AnswerEnded(0.0, "open", "failed", "server_error"),
    "the model called set_details with": ToolAsked(0.0, "open", "call_x", "set_details", "[1]"),
    "a tool's result has a field": CallSettled(0.0, "c", 1, Outcome("worker", {"error": "no"})),
}


@pytest.mark.parametrize("why", REFUSED)
def test_what_cannot_be_scripted_is_refused_by_name(why: str) -> None:
    scene = at_details()
    event = replace(REFUSED[why], at=scene.at)
    if isinstance(event, AnswerEnded | ToolAsked):
        assert scene.speaking
        event = replace(event, speak=scene.speaking)
    with pytest.raises(UsageError, match=why):
        case([*scene.events, event])


def test_a_spoken_session_is_refused() -> None:
    with pytest.raises(UsageError, match="held by websocket: only text"):
        case([SessionStarted(0.0, "s1", "UTC", 0, channel="websocket"), CallerTyped(1.0, "Hi.")])


def test_where_no_session_began_there_is_nothing_to_test() -> None:
    with pytest.raises(UsageError, match="nothing was recorded"):
        case([])


def test_what_a_handler_reported_to_the_caller_is_refused() -> None:
    scene = play(REPORTING)
    scene.model(look={})
    scene.progress("look", "Two of three.")
    scene.wait(2)
    with pytest.raises(UsageError, match="what a handler reported"):
        case(scene.events, scene.flow)


SIGNALLED = """
start: talk
states:
  talk: {goal: Help., next: [{event: signal.closing, if: event.minutes < 10, goto: bye}]}
  bye: {end: {reason: closed}}
"""


def test_a_signal_is_an_act_of_its_own_and_one_that_comes_again_is_none() -> None:
    scene = play(SIGNALLED)
    scene.model("Hello.")
    for entry, minutes in (("1-0", 50), ("1-0", 50), ("2-0", 5)):
        scene.apply(Signalled(scene.at, "closing", {"minutes": minutes}, entry))
    _, first, second = case(scene.events, scene.flow)["turns"]
    assert first["signal"] == {"name": "closing", "data": {"minutes": 50}}
    assert second["signal"] == {"name": "closing", "data": {"minutes": 5}}
    assert second["expect"]["ended"] == "closed"
