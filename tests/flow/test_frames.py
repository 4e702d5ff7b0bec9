"""Flows within flows: begun, answered, failed, and over."""

import pytest

from orchestrator.dispatch.call import Outcome
from orchestrator.flow.commands import End, Remember
from orchestrator.flow.events import AgentFinished, AgentSaid, CallerLeft, CallSettled, Signalled
from tests.flow.families import ADDRESS, LETTER, SHOP, asked_for_the_street, compiled, flows, play

OK = Outcome("worker", {"ok": True})


def test_a_sub_flow_has_its_own_variables_and_gets_its_inputs() -> None:
    scene = asked_for_the_street()
    assert flows(scene) == ["talk", "where", "address.ask"]
    assert scene.vars == {"city": "Lyon", "street": None}
    assert "Ask for the street in Lyon." in scene.answers[-1].instructions


def test_the_persona_stays_that_of_the_session() -> None:
    scene = asked_for_the_street()
    assert "You sell books." in scene.answers[-1].instructions


def test_its_end_is_an_event_and_its_outcome_an_object_of_the_state_that_ran_it() -> None:
    scene = asked_for_the_street()
    scene.model("Where to?")
    scene.caller("Main Street 1.")
    scene.model(set_ask={"street": "Main Street 1"})
    scene.settle("check", OK)
    assert scene.said == ["To Main Street 1."]
    assert scene.snapshot.run.ended == "completed"
    assert scene.vars["street"] == "Main Street 1"
    assert not scene.snapshot.frames


def test_another_end_leaves_by_another_edge() -> None:
    scene = asked_for_the_street()
    scene.model(go_refuse={})
    assert flows(scene)[-2:] == ["address.refused", "talk"]
    assert scene.vars["street"] is None


def test_epochs_only_grow_and_a_state_that_goes_on_has_its_own() -> None:
    scene = asked_for_the_street()
    scene.model(go_refuse={})
    epochs = [report.data["epoch"] for report in scene.reports("state.entered")]
    assert epochs == sorted(set(epochs))


def test_a_call_of_the_flow_around_it_comes_back_to_that_flow() -> None:
    scene = play()
    scene.model("On its way.", ship={})
    scene.model("Anything else?")
    scene.caller("Another one.")
    scene.model(go_order={})
    scene.settle("ship", Outcome("worker", None))
    assert "score" not in scene.vars
    scene.model("It is shipped. Where to?")
    scene.caller("No.")
    scene.model(go_refuse={})
    assert scene.vars["score"] == 1


BACKGROUND = (
    ADDRESS.replace("    returns: {ok: bool}\n", "    mode: background\n")
    .replace("safe: true", 'assign: {city: "Ulm"}')
    .replace("event: tool.check.done, ", "")
)


def test_a_call_of_a_sub_flow_that_is_over_gives_nothing_to_anybody() -> None:
    scene = asked_for_the_street(address=BACKGROUND.replace("    do: [{tool", "    do: [{tool"))
    scene.model(set_ask={"street": "Main Street 1"})
    assert scene.snapshot.run.ended == "completed"
    scene.settle("check", OK)
    assert scene.vars["street"] == "Main Street 1"
    assert [report.data["tool"] for report in scene.reports("call.done")] == ["check"]


FAILS = LETTER.replace(
    "goal: Ask for the address.", "goal: Ask for the address.\n    do: [{tool: x}]"
)


def test_a_sub_flow_that_cannot_go_on_has_failed() -> None:
    scene = asked_for_the_street()
    scene.model(set_ask={"street": "Main Street 1"})
    scene.settle("check", Outcome.failed("worker", "unavailable"))
    assert [e.data["reason"] for e in scene.reports("error")] == ["tool.check.failed"]
    assert flows(scene)[-1] == "human"
    assert not scene.said


def test_its_own_error_state_comes_first() -> None:
    own = ADDRESS.replace("start: ask\n", "on_error: oh\nstart: ask\n", 1).replace(
        "  refused: {end: {reason: refused}}\n",
        "  refused: {end: {reason: refused}}\n  oh: {do: [{say: Oh.}], end: {reason: error}}\n",
    )
    scene = asked_for_the_street(address=own)
    scene.model(set_ask={"street": "Main Street 1"})
    scene.settle("check", Outcome.failed("worker", "unavailable"))
    assert scene.said == ["Oh."]
    assert flows(scene)[-2:] == ["address.oh", "human"]


GUARDED = SHOP.replace(
    "on_error: sorry\n",
    "guards:\n  output: [{id: promise, match: guarantee, then: {say: Forget it., goto: human}}]\n"
    "on_error: sorry\n",
    1,
)


def test_guards_around_a_sub_flow_watch_it_too() -> None:
    scene = play(GUARDED)
    scene.model(go_order={})
    assert scene.speaking
    scene.apply(AgentSaid(scene.at, scene.speaking, "I guarantee it."))
    assert scene.said == ["Forget it."]
    assert flows(scene)[-1] == "human"
    assert not scene.snapshot.frames


def test_a_failure_that_no_edge_takes_is_the_parents() -> None:
    root = SHOP.replace("      - {event: run.address.failed, goto: human}\n", "")
    scene = play(root)
    scene.model(go_order={})
    scene.model(set_ask={"street": "Main Street 1"})
    scene.settle("check", Outcome.failed("worker", "unavailable"))
    assert flows(scene)[-1] == "sorry"
    assert scene.snapshot.run.erred == "run.address.failed"


def test_a_limit_of_the_session_is_no_sub_flows_business() -> None:
    root = SHOP.replace("start: talk\n", "limits: {turns: 1}\nstart: talk\n", 1)
    scene = play(root)
    scene.model(go_order={})
    scene.model("Where to?")
    scene.caller("Well.")
    scene.model("Yes?")
    scene.caller("Well, well.")
    assert flows(scene)[-1] == "sorry"
    assert scene.snapshot.run.ended == "error"


def test_whoever_hangs_up_ends_every_flow_once() -> None:
    scene = asked_for_the_street()
    scene.apply(CallerLeft(scene.at))
    assert [name for name, _ in scene.emitted] == ["address.over", "shop.over"]
    assert [c.reason for c in scene.commands if isinstance(c, End)] == ["hangup"]
    assert (scene.snapshot.place.flow, scene.state) == ("", "where")


def test_time_of_a_sub_flow_runs_in_it_and_ends_with_it() -> None:
    scene = asked_for_the_street()
    scene.model("Where to?")
    assert any(timer.startswith("after:") for timer in scene.snapshot.timers)
    scene.wait(60)
    assert flows(scene)[-1] == "talk"
    assert not any(timer.startswith("after:") for timer in scene.snapshot.timers)


def test_a_sub_flow_can_be_run_again() -> None:
    scene = asked_for_the_street()
    scene.model(go_refuse={})
    scene.model(go_order={})
    scene.model(set_ask={"street": "Main Street 1"})
    scene.settle("check", OK)
    assert scene.snapshot.run.ended == "completed"


def test_the_hash_is_of_all_flows() -> None:
    assert compiled().sha256 != compiled(letter=LETTER + "\n").sha256


@pytest.mark.parametrize("name", ["address", "bills", "letter"])
def test_the_flows_of_the_family_are_known(name: str) -> None:
    assert compiled().named(name).name == name


def test_what_a_sub_flow_does_at_its_end_is_kept_though_the_caller_hangs_up() -> None:
    leaving = ADDRESS.replace("queue: maps", "queue: maps\n    on_hangup: cancel")
    ending = "{tool: check, with: {street: none}}"
    scene = asked_for_the_street(leaving.replace("{emit: address.over}", ending))
    scene.apply(CallerLeft(scene.at))
    [call] = scene.snapshot.work.calls.values()
    assert (call.tool, call.origin) == ("check", "end")
    assert not scene.withdrawals


KNOWN = ADDRESS.replace("  street: text\n", "  street: {type: text, scope: caller}\n", 1)


def test_what_is_remembered_of_a_caller_is_known_in_a_sub_flow() -> None:
    assert "street" in compiled(address=KNOWN).remembers
    scene = play(
        address=KNOWN, begun={"caller": "+33612345678", "remembered": {"street": "Main Street 1"}}
    )
    scene.model(go_order={})
    assert scene.vars == {"city": "Lyon", "street": "Main Street 1"}


def test_what_a_sub_flow_remembers_is_known_to_the_next() -> None:
    scene = play(address=KNOWN, begun={"caller": "+33612345678"})
    scene.model(go_order={})
    scene.caller("Main Street 1.")
    scene.model("It is there.", set_ask={"street": "Main Street 1"})
    [kept] = [c.values for c in scene.commands if isinstance(c, Remember)]
    assert kept == {"street": ("Main Street 1", 90 * 86400.0)}
    assert scene.snapshot.run.remembered == {"street": "Main Street 1"}


def test_turns_within_a_sub_flow_count_for_the_state_that_runs_it() -> None:
    root = SHOP.replace(
        "    as: found\n    next:\n",
        "    as: found\n    limits: {turns: 1}\n    next:\n      - {event: limits, goto: human}\n",
    )
    scene = play(root)
    scene.model(go_order={})
    for words in ("Well.", "Hm.", "Er."):
        scene.model("Where to?")
        scene.caller(words)
    assert flows(scene)[-1] == "address.ask", "the sub-flow is not broken off"
    scene.model(go_refuse={})
    assert flows(scene)[-1] == "human"


def test_a_filler_of_a_flow_that_is_over_is_not_said() -> None:
    slow = "safe: true\n    mode: background\n    filler: {after: 2s, every: 2s, auto: true}"
    text = ADDRESS.replace("safe: true", slow)
    text = text.replace("{event: tool.check.done, goto: known}", "{goto: refused}")
    scene = asked_for_the_street(text)
    scene.model("Where to?")
    scene.caller("Main Street 1.")
    scene.model(set_ask={"street": "Main Street 1"})
    scene.model("Then not.")
    assert flows(scene)[-2:] == ["address.refused", "talk"]
    before = len(scene.answers)
    scene.wait(3)
    assert (len(scene.answers), scene.said) == (before, [])
    scene.settle("check", OK)


def test_a_read_back_that_a_sub_flow_interrupts_while_it_is_heard_is_made_again() -> None:
    root = SHOP.replace("intent: The caller wants the newsletter.", "signal: news")
    root = root.replace("mode: background", "approval: caller")
    scene = play(root, begun={"channel": "websocket"})
    scene.model("Hello.")
    scene.apply(AgentFinished(scene.at, scene.answers[-1].id))
    scene.caller("Ship it.")
    scene.model(ship={})
    read_back = scene.answers[-1]
    scene.model("I ship it, is that right?")
    assert read_back.purpose == "readback"
    scene.apply(Signalled(scene.at, "news", {}))
    assert flows(scene)[-1] == "letter.ask"
    scene.apply(AgentFinished(scene.at, read_back.id))
    scene.model(go_none={})
    assert (scene.state, scene.answers[-1].purpose) == ("talk", "readback")


def test_flows_are_left_from_the_innermost() -> None:
    letter = LETTER + "on_end: {do: [{emit: letter.over}]}\n"
    scene = play(letter=letter)
    scene.model("Hello.")
    scene.caller("A book, please.")
    scene.model(go_order={})
    scene.model("Where to?")
    scene.caller("The newsletter.")
    scene.model(go_news={})
    scene.apply(CallerLeft(scene.at))
    assert [name for name, _ in scene.emitted] == ["letter.over", "address.over", "shop.over"]


def test_who_leaves_a_sub_flow_has_left_it_before_the_steps_on_the_way() -> None:
    human = "goto: human, do: [{emit: leaving}], except"
    scene = play(SHOP.replace("goto: human, except", human, 1))
    scene.model("Hello.")
    scene.caller("A book, please.")
    scene.model(go_order={})
    scene.model(go_human={})
    assert [name for name, _ in scene.emitted] == ["address.over", "leaving"]


def test_how_long_a_sub_flow_takes_is_the_sessions_business() -> None:
    scene = play(letter="limits: {duration: 5s}\n" + LETTER)
    scene.model("Hello.")
    scene.caller("The newsletter.")
    scene.model(go_news={})
    scene.model("Your address?")
    scene.wait(10)
    assert (scene.snapshot.place.flow, scene.snapshot.run.erred) == ("letter", None)


def test_what_a_sub_flow_finds_out_when_it_is_over_is_stored_nowhere() -> None:
    tool = (
        "tools:\n  find: {queue: maps, describe: Find., mode: background, assign: {inner: found}}\n"
    )
    own = ADDRESS.replace("tools:\n", tool, 1).replace(
        "  street: text\n", "  street: text\n  inner: text\n", 1
    )
    scene = asked_for_the_street(own.replace("    collect:", "    tools: [find]\n    collect:", 1))
    scene.model(find={})
    scene.model("I look.")
    scene.caller("No.")
    scene.model(go_refuse={})
    [call] = scene.snapshot.work.calls
    scene.apply(CallSettled(scene.at, call, 1, OK))
    assert "inner" not in scene.vars
    assert scene.state == "talk"


def test_a_correction_in_a_sub_flow_is_none_of_the_flow_around() -> None:
    params = "    params: {to: {type: text, optional: true}}\n    args: {to: '${street}'}\n"
    ship = "    describe: Ship it.\n"
    scene = play(SHOP.replace(ship, ship + params, 1))
    scene.model(ship={})
    scene.model("On its way.")
    scene.caller("A book, please.")
    scene.model(go_order={})
    scene.model(set_ask={"street": "Main Street"})
    scene.settle("ship", OK)
    assert scene.reports("call.done")
    assert not [r for r in scene.reports("call.failed") if r.data["tool"] == "ship"]


def test_what_is_unset_is_not_given_to_a_sub_flow() -> None:
    root = SHOP.replace('with: {city: "${city}"}', 'with: {city: "${street}"}', 1)
    own = ADDRESS.replace(
        "city: {type: text, from: input}", "city: {type: text, from: input, default: Paris}"
    )
    scene = play(root, address=own)
    scene.model("Hello.")
    scene.caller("A book, please.")
    scene.model(go_order={})
    assert scene.vars["city"] == "Paris"
