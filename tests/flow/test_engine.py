from orchestrator.flow.engine import SORRY, offered, replay
from orchestrator.flow.events import (
    CallerLeft,
    ProviderLost,
    TransferEnded,
)
from tests.flow.restaurant import (
    DETAILS,
    FULL,
    at_booking,
    at_details,
    started,
)


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
