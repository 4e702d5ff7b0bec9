import pytest

from orchestrator.flow.engine import offered, replay
from orchestrator.flow.events import AgentFinished, CallerLeft, ProviderLost, TransferEnded
from orchestrator.flow.moves import SORRY
from orchestrator.flow.settling import MAX_MICROSTEPS
from tests.flow.restaurant import DETAILS, FULL, at_booking, at_details, started
from tests.flow.scene import Scene
from tests.flow.small import play


def test_an_intent_moves_when_its_answer_has_ended_and_creates_no_answer_of_its_own() -> None:
    scene = started()
    scene.caller("A table, please.")
    call = scene.asks("go_book", {})
    assert scene.output(call) == {"ok": True}
    assert scene.state == "welcome"
    scene.model()
    assert scene.state == "details"
    assert [answer.purpose for answer in scene.answers] == ["answer", "goal"]


def test_of_two_moves_in_one_answer_the_first_counts() -> None:
    scene = started()
    scene.caller("A table. Or rather, cancel one.")
    _, second = scene.model(go_book={}, go_change={})
    assert scene.output(second) == {"ignored": "already moved"}
    assert scene.path == ["welcome", "details"]


def test_a_bare_condition_is_tried_before_collected() -> None:
    scene = at_details()
    scene.model(set_details={**DETAILS, "party_size": 14})
    assert scene.path[-1] == "transfer"


def test_a_detour_returns_to_where_the_talk_was() -> None:
    scene = at_details()
    scene.model("For how many?")
    scene.caller("When do you close?")
    scene.model(go_hours={})
    assert "noon to eleven" in scene.said[-1]
    assert scene.state == "details"
    assert scene.answers[-1].purpose == "resume"
    assert "go_hours" not in offered(scene.flow, scene.snapshot)


def test_a_transfer_in_text_announces_itself_and_ends() -> None:
    scene = started()
    scene.caller("A person, please.")
    scene.model(go_human={})
    assert scene.said[-1] == "I'll put you through to a colleague."
    scene.apply(TransferEnded(scene.at, ok=True))
    assert scene.snapshot.run.ended == "transferred"


def test_a_transfer_that_fails_takes_the_way_out_of_the_flow() -> None:
    scene = started()
    scene.caller("A person, please.")
    scene.model(go_human={})
    scene.apply(TransferEnded(scene.at, ok=False, reason="busy"))
    assert scene.snapshot.run.ended == "transfer_failed"


def test_the_limit_of_the_duration_leads_to_the_error_state_once() -> None:
    scene = started()
    scene.wait(15 * 60)
    assert scene.snapshot.run.erred == "limit.duration"
    assert scene.path[-1] == "transfer"


def test_a_state_visited_too_often_is_an_error() -> None:
    scene = at_details()
    scene.model(set_details=DETAILS)
    for hour in range(60):
        if scene.snapshot.run.erred:
            break
        scene.settle("check_availability", FULL)
        scene.model(set_alternatives={"at": f"{12 + hour % 10}:30"})
        scene.caller("Or then?")
        if scene.speaking:
            scene.model()
    assert scene.snapshot.run.erred == "limit.visits"


def test_a_lost_provider_ends_the_session() -> None:
    scene = started()
    scene.apply(ProviderLost(scene.at, "1006"))
    assert scene.snapshot.run.ended == "provider_lost"
    assert SORRY not in scene.said


def test_nothing_follows_the_end() -> None:
    scene = started()
    scene.apply(CallerLeft(scene.at))
    before = len(scene.commands)
    scene.caller("Hello?")
    assert len(scene.commands) == before


def test_a_journal_replays_to_the_same_snapshot() -> None:
    scene = at_booking()
    assert replay(scene.flow, scene.events) == scene.snapshot


TRANSFER = """
limits: {duration: 10m}
on_error: sorry
interrupts:
  stop: {intent: The caller changes their mind., goto: sorry}
start: desk
states:
  desk:
    do: [{say: Hello.}]
    goal: Help.
    next: [{intent: The caller wants a person., id: human, goto: transfer}]
  transfer:
    do: [{say: One moment.}]
    transfer: {to: "sip:a@b.example", on_failed: sorry}
  sorry:
    do: [{say: Sorry.}]
    end: {reason: sorry}
"""


def transferring() -> Scene:
    scene = play(TRANSFER)
    scene.caller("A person, please.")
    scene.model(go_human={})
    return scene


@pytest.mark.parametrize("ok", [True, False])
def test_a_limit_during_a_transfer_does_not_strand_the_session(ok: bool) -> None:
    scene = transferring()
    scene.wait(601)
    scene.apply(TransferEnded(scene.at, ok=ok))
    assert scene.ended


@pytest.mark.parametrize("ok", [True, False])
def test_a_caller_who_speaks_during_a_transfer_does_not_strand_the_session(ok: bool) -> None:
    scene = transferring()
    scene.caller("Oh no, stop!")
    assert not scene.speaking
    scene.apply(TransferEnded(scene.at, ok=ok))
    assert scene.snapshot.run.ended == ("transferred" if ok else "sorry")


def test_a_transfer_that_nobody_asked_for_ends_nothing() -> None:
    scene = play(TRANSFER)
    scene.apply(TransferEnded(scene.at, ok=True))
    assert not scene.ended


def test_a_transfer_that_has_not_begun_is_not_ended() -> None:
    scene = play(TRANSFER, channel="websocket")
    scene.model("Hello.")
    scene.caller("A person, please.")
    scene.model(go_human={})
    scene.apply(TransferEnded(scene.at, ok=True))
    assert not scene.ended


def test_a_transfer_that_fails_without_a_way_out_is_an_error() -> None:
    scene = play(TRANSFER.replace(", on_failed: sorry", ""))
    scene.caller("A person, please.")
    scene.model(go_human={})
    scene.apply(TransferEnded(scene.at, ok=False))
    assert scene.snapshot.run.erred == "transfer.failed"


def test_an_end_waits_until_its_words_were_said() -> None:
    scene = play(TRANSFER, channel="websocket")
    scene.model("Hello.")
    scene.caller("Nonsense.")
    scene.model(go_stop={})
    assert not scene.ended
    scene.model("Sorry.")
    assert not scene.ended
    scene.apply(AgentFinished(scene.at, scene.answers[-1].id))
    assert scene.ended


LOOP = """
vars: {n: {type: int, default: 0}}
on_error: ERROR
start: desk
states:
  desk:
    next: [{if: n >= 0, set: {n: "${n + 1}"}}, {goto: sorry}]
  other:
    next: [{if: n >= 0, set: {n: "${n + 1}"}}, {goto: sorry}]
  sorry:
    do: [{say: Sorry.}]
    end: {reason: sorry}
"""


def test_a_flow_that_goes_in_circles_without_a_word_is_stopped() -> None:
    scene = play(LOOP.replace("ERROR", "sorry"))
    assert scene.snapshot.run.erred == "loop"
    assert scene.snapshot.run.ended == "sorry"
    assert scene.vars["n"] == MAX_MICROSTEPS - 1


def test_an_error_state_that_goes_in_circles_too_is_the_end() -> None:
    scene = play(LOOP.replace("ERROR", "other"))
    assert (scene.snapshot.run.ended, scene.said) == ("error", [SORRY])


DETOURS = """
interrupts:
  prices: {intent: The caller asks for prices., do: [{say: Ten.}], return: true, cool_down: 2}
  again: {intent: The caller starts again., goto: one, cool_down: 1, except: [two]}
start: one
states:
  one:
    do: [{note: One.}]
    goal: One.
    next: [{intent: The caller goes on., id: next, goto: two}]
  two:
    goal: Two.
    next: [{intent: The caller goes on., id: next, goto: three}]
  three:
    goal: Three.
    next: [{intent: The caller goes on., id: next, goto: one}, {if: turns > 99, goto: bye}]
  bye: {end: {reason: completed}}
"""


def test_a_state_may_be_visited_as_often_as_its_limit_says() -> None:
    scene = play("limits: {visits: 2}\non_error: bye" + DETOURS)
    for _ in range(5):
        scene.model(go_next={})
    assert scene.path == ["one", "two", "three", "one", "two", "three"]
    scene.model(go_next={})
    assert scene.snapshot.run.erred == "limit.visits"


def open_interrupts(scene: Scene) -> frozenset[str]:
    return offered(scene.flow, scene.snapshot) & {"go_prices", "go_again"}


def test_a_detour_is_offered_again_after_as_many_moves_as_it_has_to_cool_down() -> None:
    scene = play(DETOURS)
    scene.model(go_prices={})
    assert open_interrupts(scene) == set()
    scene.model(go_next={})
    assert open_interrupts(scene) == set()
    scene.model(go_next={})
    assert open_interrupts(scene) == {"go_prices", "go_again"}


def test_an_interrupt_that_leaves_cools_down_from_where_it_leads() -> None:
    scene = play(DETOURS.replace("cool_down: 1, except: [two]", "cool_down: 2"))
    scene.model(go_next={})
    scene.model(go_again={})
    scene.model(go_next={})
    assert "go_again" not in open_interrupts(scene)
    scene.model(go_next={})
    assert "go_again" in open_interrupts(scene)


def test_an_interrupt_is_not_offered_where_it_leads_or_is_excepted() -> None:
    scene = play(DETOURS)
    assert open_interrupts(scene) == {"go_prices"}
    scene.model(go_next={})
    assert open_interrupts(scene) == {"go_prices"}


def test_a_detour_does_not_enter_its_state_again() -> None:
    scene = play(DETOURS)
    scene.model(go_prices={})
    assert scene.path == ["one"]
    assert scene.notes == ["One."]
    assert (scene.answers[-1].purpose, scene.answers[-1].epoch) == ("resume", 1)


def test_a_bare_edge_does_not_fire_while_steps_wait() -> None:
    scene = at_details()
    scene.model(set_details=DETAILS)
    scene.caller("Hello?")
    scene.model("One moment.")
    assert scene.state == "check"
