from orchestrator.flow.commands import Hush
from orchestrator.flow.engine import MAX_ROUNDS
from orchestrator.flow.events import (
    AnswerEnded,
)
from orchestrator.flow.snapshot import quiescent
from tests.flow.restaurant import (
    at_details,
    started,
)


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
