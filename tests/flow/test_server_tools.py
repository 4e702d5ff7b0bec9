"""Tools of MCP servers that our host calls: what an author may say about each of them."""

from collections.abc import Mapping

import pytest

from orchestrator.dispatch.call import Json, Outcome
from orchestrator.flow.compile import Lock, check, compile_flow
from tests.flow.scene import Scene

SCHEMA: Mapping[str, Json] = {"type": "object", "properties": {"q": {"type": "string"}}}


def pinned(**annotations: bool) -> Mapping[str, Json]:
    return {"description": "A tool.", "input_schema": SCHEMA, "annotations": annotations}


LOCK: Lock = {
    "desk": {
        "find": pinned(readOnlyHint=True),
        "read": pinned(readOnlyHint=True),
        "create": pinned(readOnlyHint=False),
    }
}

FLOW = """
dsl: 1
flow: desk
version: "1"
session: {mode: text}
vars:
  known: {type: bool, default: false, writable: engine}
  ticket: text
mcp:
  desk:
    server: desk
    allow: [find, create]
    timeout: 2s
    requires: {create: known}
    ok_if: {create: result.id != ''}
    filler: {create: {after: 1s, say: I am writing it down.}}
    retry: {find: {max: 1, backoff: 100ms}, create: never}
    assign: {find: {known: "${result.found}"}, create: {ticket: "${result.id}"}}
start: talk
states:
  talk:
    goal: Help.
    tools: [desk.find, desk.create]
    next:
      - {event: tool.desk.create.done, goto: bye}
      - {event: tool.desk.create.failed, goto: sorry}
  sorry: {end: {reason: failed}}
  bye: {end: {reason: completed}}
"""


def flow(text: str = FLOW) -> Scene:
    scene = Scene(compile_flow(text, "desk.flow.yaml", LOCK)[0])
    scene.start()
    scene.model("Hello.")
    return scene


def found() -> Scene:
    """A conversation in which the gate of `create` has opened."""
    scene = flow()
    scene.caller("I have a problem.")
    scene.model(desk__find={"q": "problem"})
    scene.settle("desk.find", Outcome("worker", {"found": True}))
    scene.model("Shall I open a ticket?")
    scene.caller("Yes.")
    return scene


def offered(scene: Scene) -> list[str]:
    return [str(tool["name"]) for tool in scene.answers[-1].tools]


def test_a_gate_hides_a_servers_tool_until_it_opens() -> None:
    assert "desk__create" not in offered(flow())
    assert "desk__create" in offered(found())


def test_a_result_that_is_not_right_is_a_failure() -> None:
    scene = found()
    scene.model(desk__create={"q": "problem"})
    scene.settle("desk.create", Outcome("worker", {"id": ""}))
    assert scene.state == "sorry"


def test_a_filler_is_said_while_the_server_takes_its_time() -> None:
    scene = found()
    scene.model(desk__create={"q": "problem"})
    scene.wait(1.5)
    assert scene.said == ["I am writing it down."]


def test_a_servers_tool_is_tried_again_as_its_author_says() -> None:
    scene = flow()
    scene.caller("I have a problem.")
    scene.model(desk__find={})
    scene.settle("desk.find", Outcome.failed("worker", "unavailable", "not now"))
    scene.wait(0.5)
    assert [dispatch.attempt for dispatch in scene.dispatches("desk.find")] == [1, 2]


def test_what_the_pin_says_is_read_only_is_safe() -> None:
    tools = flow().flow.tools
    assert (tools["desk.find"].safe, tools["desk.find"].on_hangup) == (True, "cancel")
    assert (tools["desk.create"].safe, tools["desk.create"].on_hangup) == (False, "keep")


def test_read_only_allows_all_that_is_pinned_so() -> None:
    text = FLOW.replace("allow: [find, create]", "allow: {read_only: true}")
    text = "\n".join(line for line in text.splitlines() if "create" not in line)
    text += "\n"
    text = text.replace("    goal: Help.", "    goal: Help.\n    tools: [desk.find, desk.read]")
    text = text.replace("    next:", "    next:\n      - {event: tool.desk.read.done, goto: bye}")
    text = text.replace("  sorry: {end: {reason: failed}}\n", "")
    compiled, _ = compile_flow(text, "desk.flow.yaml", LOCK)
    assert set(compiled.tools) == {"desk.find", "desk.read"}


@pytest.mark.parametrize("allow", ["'*'", "{read_only: false}", "{read_only: true, also: x}"])
def test_nothing_else_stands_for_a_list_of_tools(allow: str) -> None:
    problems = check(FLOW.replace("[find, create]", allow), "desk.flow.yaml", LOCK)
    assert "S001" in {problem.code for problem in problems}


def test_a_server_without_a_read_only_tool_is_told() -> None:
    text = FLOW.replace("allow: [find, create]", "allow: {read_only: true}")
    lock = {"desk": {"create": LOCK["desk"]["create"]}}
    assert "T021" in {problem.code for problem in check(text, "desk.flow.yaml", lock)}


def test_what_is_not_read_only_may_not_run_again_after_a_crash() -> None:
    text = FLOW.replace("create: never", "create: {max: 1, on: [crashed]}")
    assert [p.code for p in check(text, "desk.flow.yaml", LOCK)] == ["T010"]


def test_a_filler_that_comes_after_the_end_is_told() -> None:
    text = FLOW.replace("after: 1s", "after: 3s")
    assert [p.code for p in check(text, "desk.flow.yaml", LOCK)] == ["L001"]
