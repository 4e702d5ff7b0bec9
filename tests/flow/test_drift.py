"""A voice says the author's words, or nearly."""

import pytest

from orchestrator.flow.drift import likeness
from tests.flow.scene import Scene
from tests.flow.small import play

SHOP = """
vars: {heard: text}
start: shop
states:
  shop:
    do: [{say: "We close at eleven, and open again at noon."}]
    next:
      - {event: say.drift, set: {heard: "${event.said}"}}
      - {intent: Done., id: done, goto: bye}
  bye: {end: {reason: completed}}
"""


def spoken(*words: str) -> Scene:
    scene = play(SHOP, channel="websocket")
    assert scene.answers[-1].purpose == "say"
    for text in words[:-1]:
        scene.says(text)
    scene.model(words[-1])
    return scene


@pytest.mark.parametrize(
    "words",
    [
        ("we close at eleven and open again at noon",),
        ("We close at eleven,", "and open again at noon."),
        ("So: we close at eleven, and open again at noon.",),
    ],
)
def test_the_same_words_have_not_drifted(words: tuple[str, ...]) -> None:
    assert spoken(*words).reports("say.drift") == []


def test_other_words_are_told_of_and_raise_an_event() -> None:
    scene = spoken("Sure! We are open until late tonight.")
    [report] = scene.reports("say.drift")
    assert report.data["likeness"] < 0.85
    assert scene.vars["heard"] == "Sure! We are open until late tonight."


def test_what_was_cut_off_has_not_drifted() -> None:
    scene = play(SHOP, channel="websocket")
    scene.says("We close")
    scene.fail(how="cancelled")
    assert scene.reports("say.drift") == []


def test_likeness_is_about_words_in_their_order() -> None:
    assert likeness("Noon to eleven.", "noon  to ELEVEN") == 1.0
    assert likeness("noon to eleven", "eleven to noon") < 0.85
    assert likeness("noon", "") == 0.0
