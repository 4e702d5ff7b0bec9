"""A conversation with sound: turns, cutting in, and what waits until it was heard."""

from typing import Literal

import pytest

from orchestrator.dispatch.call import Outcome
from orchestrator.flow.commands import Transfer
from orchestrator.flow.engine import offered
from orchestrator.flow.events import (
    AgentCutOff,
    AgentFinished,
    AgentSaid,
    AnswerEnded,
    CallerBegan,
    CallerLeft,
    CallerStopped,
    TranscriptFinal,
    TurnCommitted,
)
from orchestrator.flow.snapshot import quiescent
from tests.flow.scene import Scene
from tests.flow.small import BANK, play
from tests.flow.sound import DESK, call, heard, hushed, says, turn


def test_a_turn_is_answered_once_when_it_is_committed_and_not_again_for_its_words() -> None:
    scene = call()
    heard(scene)
    before = len(scene.answers)
    turn(scene)
    assert len(scene.answers) == before + 1
    scene.apply(TranscriptFinal(scene.at, "item_1", "Good morning."))
    assert len(scene.answers) == before + 1


def test_words_of_a_turn_are_an_event_for_the_edges() -> None:
    scene = call()
    heard(scene)
    turn(scene, "Bye.")
    says(scene)
    assert scene.state == "bye"


def test_nobody_begins_to_speak_while_the_caller_does() -> None:
    scene = call()
    heard(scene)
    turn(scene)
    scene.model(kept={})
    scene.apply(CallerBegan(scene.at))
    scene.settle("kept", Outcome("worker", {}))
    assert scene.speaking is None
    scene.wait(1)
    assert scene.speaking is None
    scene.apply(TurnCommitted(scene.at, "item_2"))
    assert scene.speaking


def test_a_caller_of_whom_nothing_came_is_waited_for_a_moment_only() -> None:
    scene = call()
    heard(scene)
    turn(scene)
    scene.model(kept={})
    scene.apply(CallerBegan(scene.at))
    scene.apply(CallerStopped(scene.at))
    scene.settle("kept", Outcome("worker", {}))
    assert scene.speaking is None
    scene.wait(2)
    assert scene.speaking
    assert scene.answers[-1].purpose == "answer"


def test_a_caller_who_never_stops_is_not_waited_for_for_ever() -> None:
    scene = call()
    heard(scene)
    scene.apply(CallerBegan(scene.at))
    assert not quiescent(scene.snapshot)
    scene.wait(120)
    assert quiescent(scene.snapshot)


def test_who_cuts_in_stops_the_answer_and_gets_another_one() -> None:
    scene = call()
    answer = scene.speaking
    turn(scene)
    assert hushed(scene) == [answer]
    assert scene.speaking not in (None, answer)
    scene.apply(AnswerEnded(scene.at, answer or "", "cancelled"))
    assert scene.speaking
    assert scene.notes == ["Cut off."]


def test_who_cuts_in_on_what_is_being_heard_stops_that() -> None:
    scene = call()
    answer = says(scene)
    scene.apply(CallerBegan(scene.at))
    assert hushed(scene) == [answer]
    assert scene.notes == ["Cut off."]
    scene.apply(AgentCutOff(scene.at, answer, 800))
    assert scene.notes == ["Cut off."]


def test_a_move_that_was_asked_for_is_made_although_the_caller_cuts_in() -> None:
    scene = call()
    scene.asks("go_details", {})
    scene.apply(CallerBegan(scene.at))
    assert scene.state == "details"
    assert scene.speaking is None
    scene.apply(TurnCommitted(scene.at, "item_2"))
    assert scene.answers[-1].instructions.endswith("First.")


def test_where_the_caller_may_not_cut_in_the_agent_goes_on() -> None:
    scene = call()
    scene.model(go_details={})
    turn(scene)
    assert hushed(scene) == []
    assert scene.answers[-1].instructions.endswith("First.")


def test_a_session_may_forbid_to_cut_in_and_a_state_allow_it() -> None:
    flow = DESK.replace("interrupt: false", "interrupt: true")
    scene = call("session: {turns: {interrupt: false}}\n" + flow)
    scene.apply(CallerBegan(scene.at))
    assert hushed(scene) == []
    scene.apply(TurnCommitted(scene.at, "item_1"))
    scene.model(go_details={})
    scene.apply(CallerBegan(scene.at))
    assert len(hushed(scene)) == 1


def test_a_filler_waits_until_the_last_words_were_heard() -> None:
    scene = call()
    says(scene)
    turn(scene)
    scene.asks("kept", {})
    says(scene, "I'll write it down.")
    scene.wait(1)
    assert scene.speaking is None
    scene.apply(AgentFinished(scene.at, scene.answers[-1].id))
    scene.wait(1)
    assert scene.answers[-1].purpose == "say"


def test_an_end_waits_until_its_words_were_heard() -> None:
    scene = call()
    scene.model(go_done={})
    goodbye = says(scene, "Goodbye.")
    assert not scene.ended
    scene.apply(AgentFinished(scene.at, goodbye))
    assert scene.ended


def test_an_end_does_not_wait_for_ever() -> None:
    scene = call()
    scene.model(go_done={})
    says(scene, "Goodbye.")
    scene.wait(60)
    assert scene.ended


def test_words_that_were_heard_before_their_answer_was_over_are_not_waited_for() -> None:
    scene = call()
    scene.model(go_done={})
    goodbye = scene.speaking
    assert goodbye
    scene.apply(AgentSaid(scene.at, goodbye, "Goodbye."))
    scene.apply(AgentFinished(scene.at, goodbye))
    assert not scene.ended
    scene.apply(AnswerEnded(scene.at, goodbye, "completed"))
    assert scene.ended


def test_a_transfer_waits_until_its_words_were_heard() -> None:
    scene = call()
    scene.model(go_person={})
    words = says(scene, "One moment.")
    assert not any(isinstance(command, Transfer) for command in scene.commands)
    scene.apply(AgentFinished(scene.at, words))
    assert any(isinstance(command, Transfer) for command in scene.commands)


def reading() -> tuple[Scene, str]:
    """A bank's caller hears what they are about to pay; the answer that reads it back."""
    scene = play(BANK, channel="websocket", caller="+33612345678")
    heard(scene, "Hello.")
    turn(scene)
    scene.model(pay={"amount": 5})
    return scene, says(scene, "Five, is that right?")


def test_a_read_back_counts_from_when_it_was_heard() -> None:
    scene, read_back = reading()
    assert "confirm_pay" not in offered(scene.flow, scene.snapshot)
    assert len([a for a in scene.answers if a.purpose == "readback"]) == 1
    scene.apply(AgentFinished(scene.at, read_back))
    turn(scene)
    scene.model(confirm_pay={})
    assert len(scene.dispatches("pay")) == 1


def test_a_yes_into_a_read_back_is_none_and_it_is_read_back_again() -> None:
    scene, _ = reading()
    turn(scene)
    assert "confirm_pay" not in offered(scene.flow, scene.snapshot)
    says(scene, "Let me repeat that.")
    assert scene.answers[-1].purpose == "readback"


@pytest.mark.parametrize("how", ["cut off", "never told"])
def test_a_read_back_whose_end_was_not_heard_of(how: str) -> None:
    scene, read_back = reading()
    if how == "cut off":
        scene.apply(AgentCutOff(scene.at, read_back, 700))
    else:
        scene.wait(60)
    assert ("confirm_pay" in offered(scene.flow, scene.snapshot)) == (how == "never told")


def test_a_read_back_that_broke_off_with_a_call_is_made_again_though_it_was_heard() -> None:
    scene = play(BANK, channel="websocket", caller="+33612345678")
    heard(scene, "Hello.")
    turn(scene)
    scene.model(pay={"amount": 5})
    read_back = scene.speaking or ""
    scene.apply(AgentSaid(scene.at, read_back, "Five,"))
    scene.asks("balance", {})
    scene.apply(AnswerEnded(scene.at, read_back, "incomplete"))
    scene.apply(AgentFinished(scene.at, read_back))
    assert "confirm_pay" not in offered(scene.flow, scene.snapshot)
    scene.settle("balance", Outcome("worker", {"ok": True}))
    assert [answer.purpose for answer in scene.answers].count("readback") == 2


def test_where_a_flow_only_transcribes_a_turn_is_not_answered() -> None:
    scene = play(
        """
session: {mode: transcribe}
vars: {lines: {type: int, default: 0}}
start: listen
states:
  listen:
    next: [{event: transcript.final, set: {lines: "${lines + 1}"}}, {dtmf: "1", goto: bye}]
  bye: {end: {reason: completed}}
""",
        channel="websocket",
    )
    turn(scene, "A line.")
    assert (scene.answers, scene.vars["lines"]) == ([], 1)


def test_where_a_flow_only_transcribes_its_lines_are_turns() -> None:
    scene = play(
        """
session: {mode: transcribe}
guards: {input: [{id: cough, match: hm, every: 3 turns}]}
on_error: bye
start: listen
states:
  listen:
    limits: {turns: 5}
    next:
      - {event: guard.cough, do: [{emit: cough}]}
      - {event: limits, goto: bye}
      - {dtmf: "1", goto: bye}
  bye: {end: {reason: "${turns} lines"}}
""",
        channel="websocket",
    )
    for _ in range(5):
        turn(scene, "hm")
    assert len(scene.reports("guard.hit")) == 1
    assert scene.snapshot.run.ended is None
    turn(scene, "hm")
    assert scene.snapshot.run.ended == "6 lines"


def test_who_cuts_in_stops_what_is_heard_and_what_is_about_to_be() -> None:
    scene = call(DESK.replace("describe: Write down.", "describe: Write.\n    mode: background"))
    heard(scene)
    turn(scene)
    scene.model("I write.", write={})
    scene.model("I am writing.")
    scene.settle("write", Outcome("worker", {}))
    last = scene.answers[-1].id
    hearing = scene.snapshot.talk.hearing
    assert scene.speaking == last
    assert hearing
    scene.apply(CallerBegan(scene.at))
    assert hushed(scene) == [last, hearing]


def test_a_caller_who_stops_without_having_begun_is_not_waited_for() -> None:
    scene = call()
    heard(scene)
    scene.apply(CallerStopped(scene.at))
    assert scene.snapshot.timers == {}


def test_the_end_of_other_words_is_not_the_end_of_what_is_being_heard() -> None:
    scene = call()
    scene.model("Hello.")
    answer = scene.snapshot.talk.hearing
    scene.apply(AgentFinished(scene.at, "say_0_0"))
    assert answer and scene.snapshot.talk.hearing == answer


def test_a_read_back_that_was_heard_is_not_unheard_by_what_is_told_afterwards() -> None:
    scene, read_back = reading()
    scene.apply(AgentFinished(scene.at, read_back))
    scene.apply(AgentCutOff(scene.at, read_back, 700))
    confirming = scene.snapshot.work.confirming
    assert confirming
    assert (confirming.spoken, confirming.cut_off) == (None, None)
    assert "confirm_pay" in offered(scene.flow, scene.snapshot)


@pytest.mark.parametrize("how", ["cancelled", "completed"])
def test_a_read_back_whose_words_were_heard_before_its_end_counts_if_it_was_whole(
    how: Literal["cancelled", "completed"],
) -> None:
    scene = play(BANK, channel="websocket", caller="+33612345678")
    scene.model("Hello.")
    scene.apply(AgentFinished(scene.at, scene.answers[-1].id))
    turn(scene)
    scene.model(pay={"amount": 5})
    read_back = scene.speaking or ""
    scene.apply(AgentSaid(scene.at, read_back, "Five?"))
    scene.apply(AgentFinished(scene.at, read_back))
    assert "confirm_pay" not in offered(scene.flow, scene.snapshot)
    scene.apply(AnswerEnded(scene.at, read_back, how))
    assert ("confirm_pay" in offered(scene.flow, scene.snapshot)) == (how == "completed")


def test_who_hangs_up_hears_nothing_any_more() -> None:
    scene = call()
    says(scene)
    scene.apply(CallerLeft(scene.at))
    assert scene.snapshot.talk.hearing is None


def test_a_turn_that_has_come_is_not_waited_for() -> None:
    scene = call()
    heard(scene)
    turn(scene)
    assert "caller:" not in scene.snapshot.timers


def test_an_answer_that_its_player_has_cut_off_is_stopped() -> None:
    scene = call()
    answer = scene.speaking or ""
    scene.apply(AgentSaid(scene.at, answer, "Well"))
    scene.apply(AgentCutOff(scene.at, answer, 300))
    assert hushed(scene) == [answer]
    assert not scene.speaking
