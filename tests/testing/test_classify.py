"""A case says what the model's choices come to, and a recording finds them again."""

from orchestrator.flow.replaying import decide
from orchestrator.testing.recording import case_of
from tests.flow.test_aside import answer, sorting
from tests.testing.suites import flow_trial

FLOW = sorting().flow


def test_a_step_takes_the_next_choice() -> None:
    tried = flow_trial(
        FLOW,
        """\
      - case: x
        classify: [password]
        turns:
          - model: [{call: go_problem}]
            expect: {path: [talk, sort, bye], vars: {topic: password}}
    """,
    )
    assert tried.failures == ()


def test_a_choice_that_nobody_scripted_fails_the_case() -> None:
    tried = flow_trial(
        FLOW,
        """\
      - case: x
        turns: [{model: [{call: go_problem}]}]
    """,
    )
    [failure] = tried.failures
    assert failure.what.startswith("the model has to choose")


def test_a_recorded_choice_is_played_again() -> None:
    scene = sorting()
    answer(scene, "password")
    case = case_of(scene.flow, [*decide(scene.flow, scene.events)])
    assert case["classify"] == ["password"]
