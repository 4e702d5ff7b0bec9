"""A case says what the model's choices come to, and a recording finds them again."""

from orchestrator.flow.replaying import decide
from orchestrator.testing.recording import case_of
from tests.flow.small import small
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


GUARDED = small("""
vars: {mood: {type: enum, values: [calm, angry]}}
guards:
  input: [{id: mood, classify: How do they sound?, into: mood}]
  output: [{id: secret, match: secret, then: {say: "I cannot say that.", goto: bye}}]
start: talk
states:
  talk: {goal: Talk., next: [{intent: Done., id: done, goto: bye}]}
  bye: {end: {reason: completed}}
""")


def test_a_guard_is_hit_by_what_the_model_says_and_nobody_hears_that() -> None:
    tried = flow_trial(
        GUARDED,
        """\
      - case: x
        guards: {mood: [angry]}
        turns:
          - {}
          - caller: Well?
            model: [{say: The secret is out.}]
            expect:
              said: [I cannot say that.]
              events: [guard.hit]
              path: [talk, bye]
              vars: {mood: angry}
    """,
    )
    assert tried.failures == ()


def test_nobody_hears_what_a_guard_stopped() -> None:
    tried = flow_trial(
        GUARDED,
        """\
      - case: x
        turns: [{model: [{say: The secret is out.}], expect: {said: [secret]}}]
    """,
    )
    assert [failure.found for failure in tried.failures] == ["'I cannot say that.'"]
