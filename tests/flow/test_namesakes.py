"""Two tools of one flow, and tools of one name in two flows of a session: each for itself."""

from collections.abc import Iterable

from orchestrator.dispatch.call import Json, Outcome
from orchestrator.flow.commands import Dispatch
from orchestrator.flow.events import CallSettled
from tests.flow.families import play
from tests.flow.scene import Scene

TOOLS = """
  send:
    queue: QUEUE
    describe: Send it.
    params: {to: text}
    mode: background
    KEYS
  look: {queue: QUEUE, describe: Look., params: {to: text}, mode: background, KEYS}
  unsend: {queue: QUEUE, describe: Undo it.}
"""
SHOP = """\
dsl: 1
flow: shop
version: "1"
session: {mode: text}
vars: {seen: {type: int, default: 0}}
tools: TOOLS
start: talk
states:
  talk:
    goal: Hear.
    tools: [send, look]
    next:
      - {event: tool.look.done, set: {seen: "${seen + 1}"}}
      - {intent: The caller wants more., id: more, goto: more}
      - {intent: The caller is done., id: done, goto: bye}
  more:
    run: office
    next: [{event: run.office.done, goto: talk}]
  bye: {end: {reason: completed}}
"""
OFFICE = """\
dsl: 1
flow: office
version: "1"
session: {mode: text}
tools: TOOLS
start: ask
states:
  ask:
    goal: Ask.
    tools: [send, look]
    next: [{intent: That was it., id: over, goto: over}]
  over: {end: {reason: completed}}
"""


def shop(keys: str) -> Scene:
    """The model may send and look in a flow and in another one that it runs, with these keys."""
    root, office = (
        text.replace("TOOLS", TOOLS).replace("KEYS", keys).replace("QUEUE", queue)
        for text, queue in ((SHOP, "shop"), (OFFICE, "office"))
    )
    return play(root, office=office)


def asks(scene: Scene, **to: str) -> None:
    """The model calls these tools in one answer, and the caller goes on."""
    scene.model("", **{tool: {"to": name} for tool, name in to.items()})
    scene.caller("And then?")


def begun(scene: Scene, tool: str = "") -> list[Json]:
    """Where attempts began, what of and with what."""
    return [
        (call.queue, call.tool, call.arguments.get("to"))
        for call in _dispatches(scene)
        if tool in ("", call.tool)
    ]


def _dispatches(scene: Scene) -> Iterable[Dispatch]:
    return (command for command in scene.commands if isinstance(command, Dispatch))


def comes_back(scene: Scene, queue: str, tool: str) -> None:
    """The first call of this queue's tool."""
    first = next(c for c in _dispatches(scene) if (c.queue, c.tool) == (queue, tool))
    scene.dispatched[first.call, first.attempt] = "settled"
    scene.apply(CallSettled(scene.at, first.call, first.attempt, Outcome("worker", {})))


def test_another_tool_with_other_arguments_corrects_nothing() -> None:
    scene = shop("undo: unsend")
    asks(scene, look="Ann")
    asks(scene, send="Bob")
    comes_back(scene, "shop", "look")
    scene.model("It is there.")
    assert scene.vars["seen"] == 1
    assert begun(scene, "unsend") == []


def test_a_tool_of_the_same_name_in_a_sub_flow_corrects_nothing_around_it() -> None:
    scene = shop("undo: unsend")
    asks(scene, send="Ann")
    scene.model(go_more={})
    asks(scene, send="Bob")
    comes_back(scene, "shop", "send")
    assert begun(scene, "unsend") == []


def test_each_tool_has_its_own_turns() -> None:
    scene = shop("concurrency: 1")
    asks(scene, send="Ann", look="Ann")
    assert begun(scene) == [("shop", "send", "Ann"), ("shop", "look", "Ann")]
    asks(scene, send="Bob", look="Bob")
    comes_back(scene, "shop", "look")
    assert begun(scene)[2:] == [("shop", "look", "Bob")]


def test_a_tool_of_the_same_name_in_a_sub_flow_has_its_own_turns() -> None:
    scene = shop("concurrency: 1")
    asks(scene, send="Ann")
    asks(scene, send="Bob")
    scene.model(go_more={})
    asks(scene, send="Cid")
    asks(scene, send="Dan")
    assert begun(scene) == [("shop", "send", "Ann"), ("office", "send", "Cid")]
    comes_back(scene, "office", "send")
    assert begun(scene)[2:] == [("office", "send", "Dan")]


def test_two_tools_with_the_same_arguments_are_two_things_to_approve() -> None:
    scene = shop("approval: human")
    asks(scene, send="Ann", look="Ann")
    assert len(begun(scene, "review")) == 2


def test_a_tool_of_the_same_name_in_a_sub_flow_is_another_thing_to_approve() -> None:
    scene = shop("approval: human")
    asks(scene, send="Ann")
    asks(scene, send="Ann")
    assert len(begun(scene, "review")) == 1
    scene.model(go_more={})
    asks(scene, send="Ann")
    assert len(begun(scene, "review")) == 2
