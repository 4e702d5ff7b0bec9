"""What is known of a caller before they say a word, and what is said where nothing is known."""

import pytest

from orchestrator.dispatch.call import Json, Outcome
from orchestrator.flow.commands import Remember
from orchestrator.flow.compile import check
from orchestrator.flow.events import CallerLeft
from tests.flow.scene import Scene
from tests.flow.small import play

FLOW = """
vars:
  phone: {type: phone, from: call.caller, clears: [verified]}
  name: {type: text, scope: caller, missing: my friend, normalise: [trim]}
  size: {type: int, max: 9, scope: caller, ttl: 2d, from: call.header.X-Size}
  verified: {type: bool, default: false, scope: caller, writable: engine}
  shop: {type: text, from: caller.shop}
tools:
  look: {queue: desk, describe: Look., on_hangup: keep, assign: {name: "${result.name}"}}
start: talk
states:
  talk:
    do: [{say: "Hello, ${name}, ${size}."}, {say: "Hello, ${name}."}]
    goal: Talk.
    tools: [look]
    collect: {vars: [name, size]}
    next: [{event: collected, if: turns > 90, goto: bye}]
  bye: {end: {reason: completed}}
"""
CALLER = "+33612345678"


def begun(caller: str | None = CALLER, **started: Json) -> Scene:
    return play(FLOW, caller=caller, **started)


def kept(scene: Scene) -> list[Json]:
    return [c.values for c in scene.commands if isinstance(c, Remember)]


def test_what_is_remembered_is_there_again() -> None:
    scene = begun(remembered={"name": "Ana", "size": 4, "verified": True, "shop": "Lyon"})
    assert scene.said == ["Hello, Ana, 4.", "Hello, Ana."]
    assert (scene.vars["verified"], scene.vars["shop"]) == (True, "Lyon")
    assert kept(scene) == []


def test_what_the_flow_no_longer_takes_is_left_out() -> None:
    scene = begun(remembered={"name": "Ana", "size": 40, "phone": "+33700000000", "gone": 1})
    assert (scene.vars["name"], scene.vars["size"], scene.vars["phone"]) == ("Ana", None, CALLER)
    [rejected] = scene.reports("value.rejected")
    assert rejected.data["name"] == "size"


def test_a_header_of_the_call_gives_a_first_value_that_what_is_remembered_goes_before() -> None:
    assert begun(headers={"x-size": "3"}).vars["size"] == 3
    assert begun(headers={"x-size": "3"}, remembered={"size": 4}).vars["size"] == 4
    assert begun(remembered={"size": 4}, values={"size": 5}).vars["size"] == 5


def test_a_value_that_changes_is_remembered_for_its_time() -> None:
    scene = begun()
    scene.caller("Ana, two of us.")
    scene.model(set_talk={"name": "Ana", "size": 2})
    assert kept(scene) == [{"name": ("Ana", 90 * 86400.0), "size": (2, 2 * 86400.0)}]
    scene.model(set_talk={"name": "Ana"})
    assert len(kept(scene)) == 1


def test_a_value_that_is_emptied_is_forgotten() -> None:
    scene = begun(remembered={"name": "Ana"})
    scene.caller("Look.")
    scene.model(look={})
    scene.settle("look", Outcome("worker", {}))
    assert kept(scene) == [{"name": (None, 90 * 86400.0)}]


def test_what_a_kept_call_brings_is_remembered_after_the_end() -> None:
    scene = begun()
    scene.caller("Look.")
    scene.model(look={})
    scene.apply(CallerLeft(scene.at))
    scene.settle("look", Outcome("worker", {"name": "Ana"}))
    assert kept(scene) == [{"name": ("Ana", 90 * 86400.0)}]


@pytest.mark.parametrize(
    "caller",
    [
        *(None, "", "anonymous", "Unknown", "restricted", "private", "unavailable"),
        "sip:anonymous@anonymous.invalid",
    ],
)
def test_a_caller_without_a_number_is_not_remembered(caller: str | None) -> None:
    scene = begun(caller=caller)
    scene.caller("Ana.")
    scene.model(set_talk={"name": "Ana"})
    assert kept(scene) == []


def test_the_authors_words_stand_for_what_is_missing_and_nothing_else_does() -> None:
    assert begun().said == ["Hello, my friend."]
    assert [r.data["name"] for r in begun().reports("say.unset")] == ["size"]


def test_what_is_missing_stays_unset_where_it_is_not_spoken() -> None:
    flow = """
vars: {name: {type: text, missing: my friend}}
tools: {look: {queue: q, params: {name: {type: text, optional: true}}, idempotency: "key-${name}"}}
on_error: bye
start: talk
states:
  talk: {do: [{tool: look, with: {name: "${name}"}}], next: [{goto: bye}]}
  bye: {end: {reason: "as ${name}"}}
"""
    scene = play(flow)
    [call] = scene.dispatches("look")
    assert call.arguments == {}
    assert call.key == f"s1.{call.call}"
    scene.settle("look", Outcome("worker", {}))
    assert scene.snapshot.run.ended == "as (unknown)"


def test_what_another_flow_remembers_is_no_variable_without_a_value() -> None:
    flow = """dsl: 1
flow: f
version: "1"
session: {mode: text}
vars: {name: {type: text, scope: caller, missing: you}}
start: bye
states: {bye: {do: [{say: "Bye, ${name}."}], end: {reason: completed}}}
"""
    assert check(flow, "f") == ()
