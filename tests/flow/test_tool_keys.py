"""What else an author says about a tool: who speaks, who hears, how many at a time."""

from orchestrator.dispatch.call import Json, Outcome, Rate
from orchestrator.flow.events import CallerLeft
from tests.flow.scene import Scene
from tests.flow.small import play

FLOW = """
vars: {name: text}
tools:
  look:
    queue: desk
    describe: Look it up.
    params: {what: {type: text, optional: true}}
    returns:
      found: bool
      at: {type: time, optional: true}
      notes: {type: list, of: text, optional: true}
    safe: true
    timeout: 4s
    KEYS
start: talk
states:
  talk:
    do: [{say: Hello.}]
    goal: Talk.
    tools: [look]
    next:
      - {event: tool.look.done, set: {name: "${event.result.at}"}}
      - {event: tool.look.failed, set: {name: "${event.code}"}}
      - {intent: The caller is done., id: done, goto: bye}
  bye: {end: {reason: completed}}
"""


def talk(keys: str = "on_interrupt: keep") -> Scene:
    scene = play(FLOW.replace("KEYS", keys))
    scene.caller("Look it up.")
    return scene


def found(**more: Json) -> Outcome:
    return Outcome("worker", {"found": True, **more})


def look(keys: str, says: str = "") -> tuple[Scene, str]:
    scene = talk(keys)
    [call] = scene.model(says, look={})
    return scene, call


# What makes the model speak


def test_a_silent_result_makes_nobody_speak_if_the_model_has_spoken() -> None:
    scene, call = look("answer: silent", says="I am noting that.")
    scene.settle("look", found())
    assert scene.output(call) == {"found": True}
    assert scene.speaking is None
    assert len(scene.answers) == 1


def test_a_silent_result_is_spoken_about_if_the_caller_would_hear_nothing() -> None:
    scene, _ = look("answer: silent")
    scene.settle("look", found())
    assert scene.speaking


def test_a_silent_result_in_the_background_is_noted_only() -> None:
    scene, _ = look("answer: silent\n    mode: background", says="Yes.")
    scene.settle("look", found())
    assert "look has come back" in scene.notes[-1]
    assert scene.speaking is None


def test_another_call_beside_a_silent_one_is_answered() -> None:
    scene = talk("answer: silent")
    scene.model("Noted.", look={}, set_nothing={})
    scene.settle("look", found())
    assert scene.speaking


def test_a_silent_tool_that_fails_is_spoken_about_unless_failures_are_hidden() -> None:
    scene, _ = look("answer: silent", says="Noted.")
    scene.settle("look", Outcome.failed("worker", "refused", "closed"))
    assert scene.speaking
    scene, _ = look("answer: silent\n    errors: hide", says="Noted.")
    scene.settle("look", Outcome.failed("worker", "refused", "closed"))
    assert scene.speaking is None


def test_a_silent_tool_that_cannot_be_called_like_that_is_spoken_about() -> None:
    scene = talk("answer: silent")
    scene.model("Noted.", look={"colour": "red"})
    assert scene.speaking


# What the model hears of a failure


def failed(keys: str) -> Json:
    scene, call = look(keys)
    message = "closed " * 100
    scene.settle("look", Outcome.failed("worker", "refused", message, 2.0))
    assert scene.vars["name"] == "refused"
    return scene.output(call)


def test_by_default_the_model_hears_the_code_and_the_beginning_of_the_message() -> None:
    output = failed("on_interrupt: keep")
    assert output == {"error": "refused", "message": ("closed " * 100)[:200]}


def test_a_failure_can_be_passed_on_whole_or_hidden() -> None:
    whole = {"error": "refused", "message": "closed " * 100, "after": 2.0}
    assert failed("errors: pass") == whole
    assert failed("errors: hide") == {"error": "failed", "message": "it failed"}


def test_a_conflict_of_keys_reaches_the_edges_and_the_model() -> None:
    scene, call = look("idempotency: one")
    scene.settle("look", Outcome.failed("refused", "conflict", "another"))
    assert scene.vars["name"] == "conflict"
    assert scene.output(call) == {"error": "conflict", "message": "another"}


# What a result has to be


def test_a_result_is_read_as_it_was_promised_and_may_hold_more() -> None:
    scene, call = look("on_interrupt: keep")
    scene.settle("look", found(at="7:30 pm", notes=["", "b"], colour="red"))
    expected = {"found": True, "at": "19:30", "notes": ["", "b"], "colour": "red"}
    assert scene.output(call) == expected
    assert scene.vars["name"] == "19:30"


def test_a_result_that_does_not_fit_is_a_failure() -> None:
    wrong: dict[str, Json] = {
        "the result must be an object": "plain text",
        "the result has no found": {"at": "19:30"},
        "the result found must be true or false": {"found": "perhaps"},
        "the result notes must be text": {"found": True, "notes": [1]},
        "the result notes must be a list": {"found": True, "notes": "a"},
    }
    for message, result in wrong.items():
        scene, call = look("on_interrupt: keep")
        scene.settle("look", Outcome("worker", result))
        assert scene.output(call) == {"error": "bad_result", "message": message}
        assert scene.vars["name"] == "bad_result"
        assert scene.reports("call.failed")


def test_a_result_that_does_not_fit_is_tried_again_where_the_author_says_so() -> None:
    scene, _ = look("retry: {max: 1, on: [bad_result]}")
    scene.settle("look", Outcome("worker", None))
    scene.wait(1)
    assert [call.attempt for call in scene.dispatches("look")] == [1, 2]


# What the caller hears meanwhile


def test_the_model_can_find_the_words_of_a_filler() -> None:
    scene, call = look("filler: {after: 1s, auto: true}")
    scene.wait(1)
    assert (scene.answers[-1].purpose, scene.answers[-1].tools) == ("prompt", ())
    assert "a moment" in scene.answers[-1].instructions
    scene.settle("look", found())
    scene.model("One moment.")
    assert scene.output(call) == {"found": True}
    scene.model("It is there.")


# How many at a time


def two(keys: str = "concurrency: 1") -> Scene:
    scene = talk(keys)
    scene.model(look={"what": "a"})
    scene.caller("And the other one?")
    scene.model(look={"what": "b"})
    return scene


def tried(scene: Scene) -> list[Json]:
    return [(call.arguments["what"], call.attempt) for call in scene.dispatches("look")]


def test_calls_beyond_the_limit_wait_for_their_turn() -> None:
    scene = two()
    assert tried(scene) == [("a", 1)]
    [queued] = scene.reports("call.queued")
    assert queued.data["tool"] == "look"
    scene.settle("look", found())
    assert tried(scene) == [("a", 1), ("b", 1)]


def test_a_pause_between_attempts_keeps_the_turn() -> None:
    scene = two("concurrency: 1\n    retry: {max: 1, backoff: 2s}")
    scene.settle("look", Outcome.failed("worker", "unavailable"))
    assert tried(scene) == [("a", 1)]
    scene.wait(3)
    assert tried(scene) == [("a", 1), ("a", 2)]


def test_a_call_whose_turn_does_not_come_within_the_deadline_fails() -> None:
    scene = two("concurrency: 1\n    deadline: 5s")
    scene.wait(1)
    assert scene.vars["name"] == "timeout"
    assert tried(scene) == [("a", 1)]


def test_a_call_that_waits_is_withdrawn_without_a_word_when_the_caller_leaves() -> None:
    scene = two()
    scene.apply(CallerLeft(scene.at))
    assert [(w.call, w.attempt) for w in scene.withdrawals] == [
        (scene.dispatches("look")[0].call, 1)
    ]
    assert tried(scene) == [("a", 1)]


def test_a_call_that_is_kept_still_gets_its_turn_after_the_caller_has_left() -> None:
    scene = two("concurrency: 1\n    on_hangup: keep")
    scene.apply(CallerLeft(scene.at))
    scene.settle("look", found())
    assert tried(scene) == [("a", 1), ("b", 1)]


def test_how_urgent_a_call_is_and_how_many_may_begin_go_with_it() -> None:
    [call] = look("rate: 10/m")[0].dispatches("look")
    assert (call.priority, call.rate) == ("live", Rate(10, 60.0))
    [call] = look("mode: detached")[0].dispatches("look")
    assert (call.priority, call.rate) == ("job", None)
    [call] = look("mode: detached\n    priority: live")[0].dispatches("look")
    assert call.priority == "live"
