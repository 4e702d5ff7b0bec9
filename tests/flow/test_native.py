"""Tools that the Realtime service calls itself: what the engine makes of what it hears."""

import json
from collections.abc import Mapping

from orchestrator.dispatch.call import Json, Outcome
from orchestrator.flow.commands import AnswerNative
from orchestrator.flow.compile import Lock, compile_flow
from orchestrator.flow.events import AgentSaid, AnswerEnded, NativeAsked, NativeSettled
from tests.flow.scene import Scene

TOOL: Mapping[str, Json] = {"description": "A tool.", "input_schema": {"type": "object"}}
LOCK: Lock = {"knowledge": {"search": TOOL, "fetch": TOOL, "file": TOOL, "delete": TOOL}}
FLOW = """
dsl: 1
flow: desk
version: "1"
session: {mode: text}
vars: {topic: text}
mcp:
  kb:
    server: knowledge
    via: openai
    allow: [search, fetch, file, delete]
    timeout: 5s
    approval:
      file: caller
      delete: {by: human, timeout: 20s, if: args.id != 'draft'}
start: talk
states:
  talk:
    goal: Help.
    collect: {vars: [topic]}
    tools: [kb.search, kb.file, kb.delete]
    next:
      - {event: tool.kb.delete.denied, goto: sorry}
      - {event: tool.kb.delete.failed, goto: sorry}
      - {event: tool.kb.delete.done, goto: bye}
      - {event: tool.kb.file.done, goto: bye}
      - {event: tool.kb.search.failed, goto: sorry}
      - {event: tool.kb.search.done, if: event.result.final, goto: bye}
      - {event: collected, goto: more}
  more: {goal: Go on., tools: [kb.fetch], next: [{intent: Done., id: done, goto: bye}]}
  sorry: {end: {reason: failed}}
  bye: {end: {reason: completed}}
"""


def talking() -> Scene:
    scene = Scene(compile_flow(FLOW, "desk.flow.yaml", LOCK)[0])
    scene.start()
    scene.model("Hello.")
    scene.caller("My laptop is broken.")
    return scene


def asks(scene: Scene, tool: str, **arguments: Json) -> None:
    """The service asks for a call of the open answer, which ends with that."""
    answer = scene.speaking
    assert answer
    scene.apply(NativeAsked(scene.at, "mcpr_1", "kb", tool, json.dumps(arguments)))
    scene.apply(AnswerEnded(scene.at, answer, "completed"))


def settles(scene: Scene, tool: str, outcome: Outcome, call: str = "mcpr_1") -> None:
    scene.apply(NativeSettled(scene.at, call, "kb", tool, "{}", outcome))


def answered(scene: Scene) -> list[tuple[str, bool, str]]:
    found = [c for c in scene.commands if isinstance(c, AnswerNative)]
    return [(c.request, c.approve, c.reason) for c in found]


def servers(scene: Scene) -> list[Mapping[str, Json]]:
    return [tool for tool in scene.answers[-1].tools if tool["type"] == "mcp"]


def test_an_answer_is_offered_the_tools_of_its_state_and_no_secret() -> None:
    scene = talking()
    entry = {"type": "mcp", "server_label": "kb", "allowed_tools": ["search", "file", "delete"]}
    assert servers(scene) == [entry]
    scene.model(set_talk={"topic": "laptop"})
    assert servers(scene) == [{**entry, "allowed_tools": ["fetch"]}]


def test_the_model_cannot_call_it_as_a_function_of_ours() -> None:
    scene = talking()
    [call] = scene.model(kb__search={})
    assert scene.output(call)["error"] == "not_available"


def test_words_after_the_result_are_all_the_answer_there_is() -> None:
    scene = talking()
    answer = scene.speaking
    assert answer
    settles(scene, "search", Outcome("worker", {"final": False}), "mcp_1")
    scene.apply(AgentSaid(scene.at, answer, "Turn it off and on."))
    scene.apply(AnswerEnded(scene.at, answer, "completed"))
    assert scene.speaking is None
    assert scene.reports("call.done")[0].data["seconds"] is None


def test_a_result_without_words_is_spoken_about() -> None:
    scene = talking()
    answer = scene.speaking
    assert answer
    settles(scene, "search", Outcome("worker", {"final": False}), "mcp_1")
    scene.apply(AnswerEnded(scene.at, answer, "completed"))
    assert scene.answers[-1].purpose == "answer" and scene.speaking != answer


def test_the_edges_see_its_outcome() -> None:
    scene = talking()
    answer = scene.speaking
    assert answer
    settles(scene, "search", Outcome("worker", {"final": True}), "mcp_1")
    scene.apply(AnswerEnded(scene.at, answer, "completed"))
    assert scene.state == "bye"


def test_the_edges_see_its_failure() -> None:
    scene = talking()
    answer = scene.speaking
    assert answer
    settles(scene, "search", Outcome.failed("worker", "unavailable", "502"), "mcp_1")
    scene.apply(AnswerEnded(scene.at, answer, "completed"))
    assert scene.state == "sorry"


def test_a_call_that_needs_the_callers_yes_is_read_back_first() -> None:
    scene = talking()
    asks(scene, "file", title="broken laptop")
    assert answered(scene) == []
    assert scene.answers[-1].purpose == "readback"
    assert "title broken laptop" in scene.answers[-1].instructions
    scene.model("Shall I file: broken laptop?")
    scene.caller("Yes.")
    [call] = scene.model(confirm_kb__file={})
    assert answered(scene) == [("mcpr_1", True, "")]
    settles(scene, "file", Outcome("worker", {"id": "T1"}))
    assert scene.output(call) == {"id": "T1"}
    assert scene.state == "bye"


def test_a_no_of_the_caller_is_told_to_the_service() -> None:
    scene = talking()
    asks(scene, "file", title="broken laptop")
    scene.model("Shall I file: broken laptop?")
    scene.caller("No.")
    scene.model(decline_kb__file={})
    assert answered(scene) == [("mcpr_1", False, "the caller said no")]


def test_what_was_read_back_and_then_corrected_is_refused() -> None:
    scene = talking()
    asks(scene, "file", title="broken laptop")
    scene.model("Shall I file: broken laptop?")
    scene.caller("It is the network.")
    scene.model(set_talk={"topic": "network"})
    [(request, approved, _)] = answered(scene)
    assert (request, approved) == ("mcpr_1", False)


def test_a_person_is_asked_and_the_conversation_goes_on() -> None:
    scene = talking()
    asks(scene, "delete", id="7")
    [review] = scene.dispatches("kb.delete", "review")
    assert review.queue == "approvals" and review.arguments["arguments"] == {"id": "7"}
    assert scene.notes == ["kb__delete is pending: a person has to approve it first."]
    scene.model("I am asking a colleague.")
    scene.settle("kb.delete", Outcome("worker", {"approved": True, "by": "ana"}))
    assert answered(scene) == [("mcpr_1", True, "")]
    settles(scene, "delete", Outcome("worker", {"ok": True}))
    assert scene.state == "bye"


def test_a_persons_no_is_told_to_the_service_and_the_edges() -> None:
    scene = talking()
    asks(scene, "delete", id="7")
    scene.model("I am asking a colleague.")
    scene.settle("kb.delete", Outcome("worker", {"approved": False, "note": "never"}))
    assert answered(scene) == [("mcpr_1", False, "never")]
    assert scene.state == "sorry"


def test_nobody_in_time_is_a_no() -> None:
    scene = talking()
    asks(scene, "delete", id="7")
    scene.model("I am asking a colleague.")
    scene.wait(25)
    assert [approved for _, approved, _ in answered(scene)] == [False]
    assert scene.state == "sorry"


def test_a_condition_lets_some_calls_pass() -> None:
    scene = talking()
    asks(scene, "delete", id="draft")
    assert answered(scene) == [("mcpr_1", True, "")]


def test_an_approved_call_that_never_comes_back_has_failed() -> None:
    scene = talking()
    asks(scene, "delete", id="draft")
    scene.model("One moment.")
    scene.wait(6)
    assert scene.reports("call.failed")[0].data["code"] == "timeout"
    assert scene.state == "sorry"


def test_a_call_of_another_state_is_refused() -> None:
    scene = talking()
    asks(scene, "fetch", id="7")
    assert answered(scene) == [("mcpr_1", False, "it is not available now")]


def test_a_question_that_is_asked_twice_is_answered_once() -> None:
    scene = talking()
    scene.apply(NativeAsked(scene.at, "mcpr_1", "kb", "fetch", "{}"))
    scene.apply(NativeAsked(scene.at, "mcpr_1", "kb", "fetch", "{}"))
    assert len(answered(scene)) == 1


def test_a_request_that_the_wire_repeats_is_asked_about_and_answered_once() -> None:
    scene = talking()
    asks(scene, "file", title="broken laptop")
    [request] = [event for event in scene.events if isinstance(event, NativeAsked)]
    scene.apply(request)
    assert answered(scene) == []
    scene.model("Shall I file: broken laptop?")
    scene.apply(request)
    scene.caller("Yes.")
    scene.model(confirm_kb__file={})
    scene.apply(request)
    assert answered(scene) == [("mcpr_1", True, "")]


def test_a_request_that_is_repeated_while_a_person_looks_at_it_asks_nobody_else() -> None:
    scene = talking()
    asks(scene, "delete", id="7")
    scene.apply(scene.events[-2])
    assert len(scene.dispatches("kb.delete", handler="review")) == 1
    assert answered(scene) == []


def test_an_outcome_that_comes_after_our_patience_is_told_to_people_only() -> None:
    scene = talking()
    asks(scene, "file", title="broken laptop")
    scene.model("Shall I file: broken laptop?")
    scene.caller("Yes.")
    scene.model(confirm_kb__file={})
    scene.wait(5)
    scene.model("It did not work.")
    assert scene.reports("call.failed")[-1].data["code"] == "timeout"
    settles(scene, "file", Outcome("worker", {"id": "T1"}))
    assert scene.state == "talk"
    assert [report.data["call"] for report in scene.reports("call.late")] == ["mcpr_1"]
    assert scene.snapshot.run.tool_calls == 1
