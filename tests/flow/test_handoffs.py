"""A session that is handed from one flow to another."""

from orchestrator.dispatch.call import Outcome
from orchestrator.flow.engine import offered
from orchestrator.flow.events import AnswerEnded
from tests.flow.families import ADDRESS, BILLS, SHOP, asked_for_the_street, flows, play


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


def test_a_sub_flow_hands_over_with_what_it_knows() -> None:
    handoff = "  refused: {handoff: {flow: bills, with: {who: '${city}'}}}"
    own = ADDRESS.replace("  refused: {end: {reason: refused}}", handoff)
    scene = asked_for_the_street(
        own.replace("on_end:\n  do: [", "on_end:\n  do: [{set: {city: Nowhere}}, ")
    )
    scene.model(go_refuse={})
    assert scene.vars["who"] == "Lyon"
    assert [report.data["flow"] for report in scene.reports("handed.over")] == ["bills"]
