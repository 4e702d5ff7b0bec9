"""Flows within flows: begun, answered, interrupted, left, failed."""

import pytest

from orchestrator.dispatch.call import Outcome
from orchestrator.flow.commands import End, Remember
from orchestrator.flow.engine import offered
from orchestrator.flow.events import (
    AgentFinished,
    AgentSaid,
    AnswerEnded,
    CallerLeft,
    CallSettled,
    Signalled,
)
from tests.flow.families import ADDRESS, BILLS, LETTER, SHOP, compiled, play
from tests.flow.scene import Scene

OK = Outcome("worker", {"ok": True})


def flows(scene: Scene) -> list[str]:
    """Every state that was entered, with its flow."""
    entered = scene.reports("state.entered")
    return [".".join(filter(None, (r.data.get("flow"), str(r.data["state"])))) for r in entered]


def asked_for_the_street(address: str = ADDRESS) -> Scene:
    scene = play(address=address)
    scene.model("Hello.")
    scene.caller("A book, please.")
    scene.model(go_order={})
    return scene


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


def test_its_interrupts_come_first_and_then_those_around_it() -> None:
    scene = asked_for_the_street()
    may = offered(scene.flow, scene.snapshot)
    assert may >= {"go_elsewhere", "go_human", "go_hours", "go_news", "set_ask", "go_refuse"}
    assert "ship" not in may


def test_one_of_the_same_name_hides_that_around_it() -> None:
    own = "  human: {intent: The caller is lost., goto: refused}\nstart: ask\n"
    scene = asked_for_the_street(address=ADDRESS.replace("start: ask\n", own, 1))
    scene.model(go_human={})
    assert flows(scene)[-2:] == ["address.refused", "talk"]


def test_an_interrupt_around_it_that_leaves_ends_the_sub_flow() -> None:
    scene = asked_for_the_street()
    scene.model(go_human={})
    assert flows(scene)[-1] == "human"
    assert ("address.over", {}) in scene.emitted
    assert not scene.snapshot.frames
    assert scene.snapshot.place.transferring


def test_an_interrupt_around_it_that_returns_is_done_there_and_comes_back() -> None:
    scene = asked_for_the_street()
    scene.model(go_hours={})
    assert scene.answers[-1].purpose == "prompt"
    scene.model("From noon to eleven.")
    assert scene.answers[-1].purpose == "resume"
    assert (scene.snapshot.place.flow, scene.state) == ("address", "ask")
    scene.model(go_refuse={})
    assert scene.vars["score"] == 10


def test_an_interrupt_can_be_a_flow_of_its_own() -> None:
    scene = play()
    scene.model(go_news={})
    assert (scene.snapshot.place.flow, scene.vars["topic"]) == ("letter", "books")
    scene.model(set_ask={"mail": "a@b.example"})
    assert (scene.snapshot.place.flow, scene.state) == ("", "talk")
    assert scene.answers[-1].purpose == "resume"


def test_an_interrupt_around_a_sub_flow_can_run_another_and_come_back_to_it() -> None:
    scene = asked_for_the_street()
    scene.model(go_news={})
    assert scene.snapshot.place.flow == "letter"
    may = offered(scene.flow, scene.snapshot)
    assert "go_human" in may
    assert may.isdisjoint({"go_news", "go_hours", "go_elsewhere"})
    scene.model(go_none={})
    assert (scene.snapshot.place.flow, scene.state) == ("address", "ask")
    scene.model(go_refuse={})
    assert flows(scene)[-1] == "talk"
    assert not scene.snapshot.frames


def test_leaving_from_there_ends_all_of_them() -> None:
    scene = asked_for_the_street()
    scene.model(go_news={})
    scene.model(go_human={})
    assert flows(scene)[-1] == "human"
    assert not scene.snapshot.frames


def test_steps_that_an_interrupt_held_up_go_on_after_its_flow() -> None:
    root = SHOP.replace(
        "    goal: Greet the caller.\n",
        "    do: [{wait: 5s}, {emit: waited}]\n    goal: Greet the caller.\n",
    )
    scene = play(root)
    scene.caller("The newsletter!")
    scene.model(go_news={})
    scene.wait(6)
    assert not scene.emitted
    scene.model(go_none={})
    assert scene.emitted == [("waited", {})]


def test_what_was_to_be_confirmed_is_read_back_again_after_an_interrupts_flow() -> None:
    root = SHOP.replace("mode: background", "approval: caller")
    scene = play(root)
    scene.model(ship={})
    scene.model("To ship it, right?")
    scene.caller("And the newsletter!")
    scene.model(go_news={})
    assert "confirm_ship" not in offered(scene.flow, scene.snapshot)
    scene.model(go_none={})
    assert scene.answers[-1].purpose == "readback"


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


def test_time_of_the_flow_around_an_interrupt_is_told_there() -> None:
    root = SHOP.replace(
        "      - {intent: The caller orders., id: order, goto: where}\n",
        "      - {intent: The caller orders., id: order, goto: where}\n"
        "      - {after: 30s, goto: human}\n",
    )
    scene = play(root)
    scene.model(go_news={})
    scene.model("Which address?")
    scene.wait(31)
    assert scene.snapshot.place.flow == "letter"
    scene.caller("None.")
    scene.model(go_none={})
    assert flows(scene)[-1] == "human"


def test_a_sub_flow_can_be_run_again() -> None:
    scene = asked_for_the_street()
    scene.model(go_refuse={})
    scene.model(go_order={})
    scene.model(set_ask={"street": "Main Street 1"})
    scene.settle("check", OK)
    assert scene.snapshot.run.ended == "completed"


def test_handing_over_another_flow_goes_on() -> None:
    scene = play()
    scene.model(go_bill={})
    assert flows(scene) == ["talk", "billing", "bills.talk"]
    assert scene.vars == {"who": "Lyon"}
    assert scene.emitted == [("shop.over", {"score": 0})]
    spoken = scene.answers[-1].instructions
    assert "You know the bills." in spoken
    assert "You sell books." not in spoken
    assert offered(scene.flow, scene.snapshot) == {"go_book", "go_done"}


def test_the_flow_that_has_the_session_ends_it() -> None:
    scene = play()
    scene.model(go_bill={})
    scene.model(go_done={})
    assert scene.snapshot.run.ended == "paid"
    assert [name for name, _ in scene.emitted] == ["shop.over", "bills.over"]


def test_it_may_hand_it_back() -> None:
    scene = play()
    scene.model(go_bill={})
    scene.model("The bill is paid.")
    scene.caller("A book, then.")
    scene.model(go_book={})
    assert flows(scene)[-1] == "talk"
    assert scene.snapshot.place.flow == ""
    assert "You sell books." in scene.answers[-1].instructions
    assert scene.reports("context.dropped")


def test_a_sub_flow_can_hand_the_whole_session_over() -> None:
    own = ADDRESS.replace(
        "  refused: {end: {reason: refused}}",
        "  refused: {handoff: {flow: bills, with: {who: you}}}",
    )
    scene = asked_for_the_street(address=own)
    scene.model(go_refuse={})
    assert flows(scene)[-1] == "bills.talk"
    assert [name for name, _ in scene.emitted] == ["address.over", "shop.over"]
    assert not scene.snapshot.frames


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


LIMITED = SHOP.replace("on_error: sorry\n", "on_error: sorry\nlimits: {duration: 60s}\n", 1)


def test_the_time_of_the_flow_that_handed_over_ends_no_other() -> None:
    scene = play(LIMITED)
    scene.model(go_bill={})
    scene.model("Your bill.")
    scene.wait(90)
    assert flows(scene)[-1] == "bills.talk"


def test_the_time_of_a_flow_runs_from_its_handoff() -> None:
    bills = BILLS.replace("on_error: sorry\n", "on_error: sorry\nlimits: {duration: 2m}\n", 1)
    scene = play(LIMITED, bills=bills)
    scene.model("Hello.")
    scene.wait(50)
    scene.caller("My bill.")
    scene.model(go_bill={})
    scene.model("Your bill.")
    scene.wait(119)
    assert flows(scene)[-1] == "bills.talk"
    scene.wait(1)
    assert scene.snapshot.run.erred == "limit.duration"


def test_who_is_handed_a_session_that_has_cost_too_much_is_told() -> None:
    cost = "on_error: sorry\nlimits: {cost: 0.1}\n"
    root = SHOP.replace("on_error: sorry\n", cost, 1).replace(
        "      - {intent: The caller has a bill.,",
        "      - {event: budget, goto: billing}\n      - {intent: The caller has a bill.,",
    )
    scene = play(root, bills=BILLS.replace("on_error: sorry\n", cost, 1))
    scene.says()
    scene.apply(AnswerEnded(scene.at, scene.speaking or "", "completed", "", {"audio_out": 8000}))
    assert flows(scene)[-1] == "bills.talk"
    scene.model("The bill.")
    assert scene.snapshot.run.erred == "limit.cost"


def test_flows_do_not_hand_their_errors_to_each_other_for_ever() -> None:
    root = SHOP.replace(
        "  sorry: {end: {reason: error}}", "  sorry: {handoff: {flow: bills, with: {who: you}}}"
    )
    bills = BILLS.replace("  sorry: {end: {reason: error}}", "  sorry: {handoff: {flow: shop}}")
    failing = "    do: [{tool: ship}]\n    goal: Talk about bills"
    bills = bills.replace("    goal: Talk about bills", failing).replace(
        "on_error: sorry\n", "on_error: sorry\ntools: {ship: {queue: shop}}\n"
    )
    root = root.replace("    goal: Greet", "    do: [{tool: ship}]\n    goal: Greet").replace(
        "    mode: background\n    assign", "    assign"
    )
    scene = play(root, bills=bills)
    for _ in range(2):
        scene.settle("ship", Outcome.failed("worker", "refused", "no"))
    assert scene.snapshot.run.ended == "error"
    assert flows(scene) == ["talk", "sorry", "bills.talk"]


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


def test_a_limit_holds_in_each_flow_that_a_session_is_handed_to() -> None:
    root = LIMITED.replace("{duration: 60s}", "{turns: 1}").replace(
        "  sorry: {end: {reason: error}}", "  sorry: {handoff: {flow: bills, with: {who: you}}}"
    )
    bills = BILLS.replace("on_error: sorry\n", "on_error: sorry\nlimits: {turns: 3}\n", 1)
    scene = play(root, bills=bills)
    for words in ("Hm.", "Well.", "Er."):
        scene.model("Hello.")
        scene.caller(words)
    assert flows(scene)[-1] == "bills.talk"
    scene.model("Your bill.")
    scene.caller("So.")
    assert scene.snapshot.run.ended == "error"


def test_in_the_flow_of_an_interrupt_no_other_that_returns_is_offered() -> None:
    scene = play()
    scene.model("Hello.")
    scene.caller("The newsletter.")
    scene.model(go_news={})
    may = offered(scene.flow, scene.snapshot)
    assert "go_human" in may
    assert not may & {"go_hours", "go_news"}


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


def test_time_of_an_interrupts_flow_ends_with_it() -> None:
    letter = LETTER.replace(
        "goto: done}\n  done", "goto: done}\n      - {after: 60s, goto: done}\n  done"
    )
    scene = play(letter=letter)
    scene.model("Hello.")
    scene.caller("The newsletter.")
    scene.model(go_news={})
    assert any(timer.startswith("after:") for timer in scene.snapshot.timers)
    scene.model(go_none={})
    assert not any(timer.startswith("after:") for timer in scene.snapshot.timers)


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


def test_what_was_given_and_not_checked_yet_is_lost_with_a_detour_to_another_flow() -> None:
    check = "tools:\n  known: {queue: q, params: {value: text}, returns: {ok: bool}, safe: true}\n"
    text = SHOP.replace("tools:\n", check, 1).replace(
        "  street: text\n", "  street: text\n  code: {type: text, validate: {tool: known}}\n", 1
    )
    collects = "    collect: {vars: [code]}\n    next:\n      - {event: collected, goto: bye}\n"
    scene = play(text.replace("    next:\n", collects, 1))
    scene.model("Hello.")
    scene.caller("A1, and the newsletter.")
    held, _ = scene.model(set_talk={"code": "A1"}, go_news={})
    assert scene.snapshot.place.flow == "letter"
    assert scene.output(held) == {"ignored": "already moved"}
    assert not scene.snapshot.work.held


def test_a_sub_flow_hands_over_with_what_it_knows() -> None:
    handoff = "  refused: {handoff: {flow: bills, with: {who: '${city}'}}}"
    own = ADDRESS.replace("  refused: {end: {reason: refused}}", handoff)
    scene = asked_for_the_street(
        own.replace("on_end:\n  do: [", "on_end:\n  do: [{set: {city: Nowhere}}, ")
    )
    scene.model(go_refuse={})
    assert scene.vars["who"] == "Lyon"
    assert [report.data["flow"] for report in scene.reports("handed.over")] == ["bills"]


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


def test_what_was_given_and_not_checked_yet_is_lost_with_a_detour_of_the_flow_around() -> None:
    known = "  known: {queue: q, params: {value: text}, returns: {ok: bool}, safe: true}\n"
    own = ADDRESS.replace("tools:\n", "tools:\n" + known, 1)
    own = own.replace("  street: text\n", "  street: {type: text, validate: {tool: known}}\n", 1)
    scene = asked_for_the_street(own)
    held, _ = scene.model(set_ask={"street": "Main Street"}, go_hours={})
    assert scene.answers[-1].purpose == "prompt"
    assert scene.output(held) == {"ignored": "already moved"}
    assert not scene.snapshot.work.held


def test_an_event_is_taken_by_an_interrupt_around_a_sub_flow() -> None:
    alarm = "interrupts:\n  alarm: {signal: alarm, do: [{prompt: Tell it.}], return: true}\n"
    scene = play(SHOP.replace("interrupts:\n", alarm, 1))
    scene.model("Hello.")
    scene.caller("A book, please.")
    scene.model(go_order={})
    scene.model("Where to?")
    scene.apply(Signalled(scene.at, "alarm"))
    assert [report.data for report in scene.reports("interrupt.taken")] == [{"id": "alarm"}]
    assert scene.answers[-1].purpose == "prompt"
