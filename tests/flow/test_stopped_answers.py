"""What becomes of an answer that a guard stops, and of all that hangs on it."""

from orchestrator.dispatch.call import Outcome
from orchestrator.flow.commands import Ask, Hush
from orchestrator.flow.events import AgentSaying, Answered
from tests.flow.families import ADDRESS, SHOP, flows
from tests.flow.families import play as play_family
from tests.flow.scene import Scene
from tests.flow.small import play

DESK = """
tools:
  inspect: {queue: q, params: {text: text}, returns: {hit: bool}}
  pay: {queue: bank, describe: Pay., params: {amount: int}, approval: caller}
guards: {output: [{id: watch, match: secret, then: {goto: sorry}}]}
start: desk
states:
  desk:
    goal: Help.
    tools: [pay]
    next:
      - {event: tool.pay.denied, goto: bye}
      - {intent: The caller wants a person., id: person, goto: person}
      - {intent: Done., id: done, goto: bye}
  sorry:
    do: [{wait: 5s}]
    goal: Apologise.
    next: [{intent: Done., id: done, goto: bye}]
  person:
    transfer: {to: "tel:+331"}
  bye: {end: {reason: completed}}
"""
ASKS = "classify: Is it rude?, then: {say: Excuse me.}"
LOOKS = "tool: inspect, then: {say: Excuse me.}"


def desk(guard: str = "match: secret, then: {goto: sorry}") -> Scene:
    return play(DESK.replace("match: secret, then: {goto: sorry}", guard))


def says(scene: Scene, text: str) -> None:
    """The agent is saying this, and not done."""
    assert scene.speaking
    scene.apply(AgentSaying(scene.at, scene.speaking, text))


def finds(scene: Scene) -> None:
    """The question of the guard is answered: there is something."""
    [ask] = [c for c in scene.commands if isinstance(c, Ask)]
    scene.apply(Answered(scene.at, ask.id, True, "yes"))


def hushed(scene: Scene) -> list[str]:
    return [c.speak for c in scene.commands if isinstance(c, Hush)]


def test_what_a_stopped_answer_asked_for_is_not_kept_waiting() -> None:
    scene = desk()
    call = scene.asks("no_such_tool", {})
    says(scene, "It is secret")
    assert (scene.state, scene.speaking) == ("sorry", None), "it waits"
    assert scene.output(call)["error"] == "not_available"


def test_nobody_waits_for_words_of_a_stopped_answer() -> None:
    scene = desk()
    says(scene, "It is secret")
    assert "answer:" not in scene.snapshot.timers


def test_an_answer_that_is_coming_is_not_given_up() -> None:
    scene = desk()
    scene.wait(20)
    says(scene, "Well")
    scene.wait(20)
    assert scene.speaking
    assert hushed(scene) == []


def test_a_guard_lets_a_transfer_that_is_under_way_be() -> None:
    scene = desk("classify: Is it rude?, then: {goto: sorry}")
    scene.model("Fool.", go_person={})
    assert scene.snapshot.place.transferring
    finds(scene)
    assert (scene.state, scene.snapshot.place.transferring) == ("person", True)


def test_a_read_back_that_was_heard_already_can_still_be_agreed_to() -> None:
    scene = desk(ASKS)
    scene.model(pay={"amount": 20})
    scene.model("I pay twenty, you fool.")
    finds(scene)
    assert scene.said == ["Excuse me."]
    scene.caller("Yes.")
    scene.model(confirm_pay={})
    assert scene.dispatches("pay")


def test_what_a_tool_finds_stops_the_agent_too() -> None:
    scene = desk(LOOKS)
    scene.model("You fool.")
    scene.caller("What?")
    answer = scene.speaking
    scene.settle("inspect", Outcome("worker", {"hit": True}))
    assert hushed(scene) == [answer]
    assert scene.said == ["Excuse me."]


GUARDS = "guards: {output: [{id: promise, match: guarantee, then: {cancel: false}}]}\nstart: talk\n"
WATCHED = SHOP.replace("start: talk\n", GUARDS, 1).replace(
    "    next:\n      - event: run",
    "    next:\n      - {event: guard.promise, goto: human}\n      - event: run",
)
"""What the guard around a sub-flow finds is for the state that runs it."""


def test_a_guard_around_a_sub_flow_tells_its_own_flow_what_it_found() -> None:
    scene = play_family(WATCHED)
    scene.model(go_order={})
    says(scene, "I guarantee it")
    assert flows(scene)[-1] == "address.ask"
    scene.model(go_refuse={})
    assert flows(scene)[-1] == "human"


def test_what_a_tool_finds_for_a_flow_that_is_over_stops_nobody() -> None:
    tool = "  look: {queue: q, params: {text: text}, returns: {hit: bool}}\ninterrupts:"
    guard = "guards: {output: [{id: rude, tool: look, then: {goto: refused}}]}\nstart: "
    address = ADDRESS.replace("interrupts:", tool, 1).replace("start: ", guard, 1)
    scene = play_family(address=address)
    scene.model(go_order={})
    scene.model("Where to, fool?")
    scene.caller("I do not say.")
    scene.model(go_refuse={})
    speaking = scene.speaking
    scene.settle("look", Outcome("worker", {"hit": True}))
    assert (scene.state, scene.speaking) == ("talk", speaking)
    assert hushed(scene) == []
