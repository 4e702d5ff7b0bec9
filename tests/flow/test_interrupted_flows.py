"""Flows within flows, and interrupts of both."""

from orchestrator.flow.engine import offered
from orchestrator.flow.events import Signalled
from tests.flow.families import ADDRESS, LETTER, SHOP, asked_for_the_street, flows, play


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


def test_in_the_flow_of_an_interrupt_no_other_that_returns_is_offered() -> None:
    scene = play()
    scene.model("Hello.")
    scene.caller("The newsletter.")
    scene.model(go_news={})
    may = offered(scene.flow, scene.snapshot)
    assert "go_human" in may
    assert not may & {"go_hours", "go_news"}


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
