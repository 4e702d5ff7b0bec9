"""What only some channels can do, and what becomes of it in text."""

from orchestrator.dispatch.call import Json
from orchestrator.flow.commands import Ask, Play, SendDigits, Transfer
from orchestrator.flow.events import Answered, AnswerEnded, TransferEnded
from tests.flow.scene import Scene
from tests.flow.small import play

STEPS = """
on_error: bye
start: talk
states:
  talk:
    do:
      - {play: music.wav}
      - {dtmf: "12#"}
      - {say: Good morning., exact: true, audio: morning.wav}
    goal: Talk.
    next: [{intent: Done., id: done, goto: bye}]
  bye: {end: {reason: completed}}
"""
TRANSFER = """
vars: {topic: {type: text, default: a laptop}}
on_error: bye
start: talk
states:
  talk: {goal: Talk., next: [{intent: A person., id: person, goto: person}]}
  person:
    transfer:
      to: "sip:desk@example.com"
      note: "About ${topic}"
      summary: true
      headers: {X-Topic: "${topic}"}
      on_failed: talk
  bye: {end: {reason: completed}}
"""


def played(scene: Scene) -> list[str]:
    return [command.file for command in scene.commands if isinstance(command, Play)]


def over(scene: Scene, how: str = "completed") -> None:
    assert scene.speaking
    scene.fail(how="failed") if how == "failed" else scene.apply(
        AnswerEnded(scene.at, scene.speaking, "completed")
    )


def test_a_file_is_waited_for_and_keys_are_pressed_behind_it() -> None:
    scene = play(STEPS, channel="websocket")
    assert played(scene) == ["music.wav"]
    assert not [c for c in scene.commands if isinstance(c, SendDigits)]
    over(scene)
    assert [c.digits for c in scene.commands if isinstance(c, SendDigits)] == ["12#"]
    assert played(scene) == ["music.wav", "morning.wav"]
    over(scene)
    assert scene.speaking is None, "the last step has spoken to the caller"


def test_exact_words_that_cannot_be_played_are_said_by_the_model() -> None:
    scene = play(STEPS, channel="websocket")
    over(scene)
    over(scene, "failed")
    scene.wait(1)
    assert scene.answers[-1].purpose == "say"
    assert "Good morning." in scene.answers[-1].instructions


def test_a_file_without_words_that_cannot_be_played_is_left_out() -> None:
    scene = play(STEPS, channel="websocket")
    over(scene, "failed")
    scene.wait(1)
    assert played(scene) == ["music.wav", "morning.wav"]


def test_where_we_do_not_own_the_media_exact_words_are_asked_of_the_model() -> None:
    scene = play(STEPS.replace("{play: music.wav}", "{note: x}"), channel="sip")
    assert played(scene) == [] and scene.answers[-1].purpose == "say"


def test_in_text_nothing_is_played_and_words_are_printed() -> None:
    scene = play(STEPS)
    assert played(scene) == [] and scene.said == ["Good morning."]
    assert [r.data["step"] for r in scene.reports("step.skipped")] == ["play", "dtmf"]


def transferring() -> tuple[Scene, str]:
    scene = play(TRANSFER)
    scene.model("Hello.")
    scene.caller("A person, please.")
    scene.model(go_person={})
    [ask] = [command for command in scene.commands if isinstance(command, Ask)]
    return scene, ask.id


def transfers(scene: Scene) -> list[Json]:
    found = [command for command in scene.commands if isinstance(command, Transfer)]
    return [(c.to, c.note, c.summary, dict(c.headers)) for c in found]


def test_a_transfer_waits_for_the_summary_that_goes_with_it() -> None:
    scene, ask = transferring()
    assert transfers(scene) == []
    scene.apply(Answered(scene.at, ask, True, "The laptop is broken. "))
    assert transfers(scene) == [
        ("sip:desk@example.com", "About a laptop", "The laptop is broken.", {"X-Topic": "a laptop"})
    ]
    scene.apply(TransferEnded(scene.at, ok=True))
    assert scene.snapshot.run.ended == "transferred"


def test_a_transfer_does_not_wait_for_ever_for_its_summary() -> None:
    scene, _ = transferring()
    scene.wait(11)
    assert [summary for _, _, summary, _ in transfers(scene)] == [""]
    scene.apply(TransferEnded(scene.at, ok=False))
    assert scene.state == "talk"


def test_a_file_may_be_as_long_as_it_likes() -> None:
    scene = play(STEPS, channel="websocket")
    scene.wait(90)
    assert (played(scene), scene.snapshot.run.erred) == (["music.wav"], None)
    over(scene)
    assert played(scene) == ["music.wav", "morning.wav"]
