"""What answers cost, and what follows when it is too much."""

import pytest

from orchestrator.flow.compile import check
from orchestrator.flow.events import Answered, AnswerEnded
from orchestrator.flow.prices import cost
from tests.flow.scene import Scene
from tests.flow.small import HEAD, play

TALK = """
limits: {cost: 0.5}
start: talk
on_error: sorry
states:
  talk:
    goal: Talk.
    next: [{intent: Done., id: done, goto: bye}EDGE]
  sorry: {goal: Apologise., next: [{intent: Done., id: done, goto: bye}]}
  bye: {end: {reason: completed}}
"""
EDGE = ", {event: budget, goto: bye}"


def talk(edge: str = "", model: str = "gpt-realtime-2.1") -> Scene:
    scene = play(TALK.replace("EDGE", edge), model=model)
    scene.says()
    return scene


def ends(scene: Scene, **usage: int) -> None:
    scene.apply(AnswerEnded(scene.at, scene.speaking or "", "completed", "", usage))


def test_an_answer_costs_what_its_tokens_cost() -> None:
    usage = {"text_in": 1000, "text_cached": 10_000, "audio_out": 2000, "unknown": 5}
    assert cost("gpt-realtime-2.1", usage) == pytest.approx(0.004 + 0.004 + 0.128)
    assert cost("gpt-realtime-2.1-mini-2026-09-01", {"text_out": 10**6}) == 2.40
    assert cost("unheard-of", {"text_out": 10**6}) == 24


def test_where_an_edge_takes_it_the_talk_goes_there() -> None:
    scene = talk(EDGE)
    ends(scene, audio_out=8000)
    assert scene.snapshot.run.cost == pytest.approx(0.512)
    assert scene.snapshot.run.ended == "completed"


def test_elsewhere_it_is_an_error_and_is_told_once() -> None:
    scene = talk()
    ends(scene, audio_out=8000)
    assert scene.state == "sorry"
    assert [r.data["reason"] for r in scene.reports("error")] == ["limit.cost"]
    scene.says()
    ends(scene, audio_out=8000)
    assert scene.snapshot.run.ended is None


def test_the_same_tokens_of_a_smaller_model_are_within_it() -> None:
    scene = talk(model="gpt-realtime-2.1-mini")
    ends(scene, audio_out=8000)
    assert scene.state == "talk"


def test_what_is_asked_beside_the_conversation_counts_too() -> None:
    scene = talk()
    ends(scene)
    scene.apply(Answered(scene.at, "ask_0", True, "", {"audio_out": 8000}))
    assert scene.state == "sorry"


def test_an_edge_for_it_needs_a_limit() -> None:
    text = TALK.replace("limits: {cost: 0.5}\n", "").replace("EDGE", EDGE)
    errors = [p.message for p in check(HEAD + text, "f") if p.level == "error"]
    assert errors == ["nothing limits the cost: add limits.cost"]
