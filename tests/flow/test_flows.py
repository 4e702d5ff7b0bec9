"""The flows that come with the project check clean and play through."""

from functools import cache
from pathlib import Path

import pytest

from orchestrator.dispatch.call import Outcome
from orchestrator.flow.compile import check, compile_flow
from orchestrator.flow.definition import Flow
from orchestrator.flow.events import CallerLeft, DigitPressed, TranscriptFinal
from orchestrator.flow.snapshot import drained
from orchestrator.mcp_host.lock import read_lock
from tests.flow.restaurant import ROOT
from tests.flow.scene import Scene

FLOWS = sorted((ROOT / "flows").glob("*.flow.yaml"))


@pytest.mark.parametrize("path", FLOWS, ids=lambda path: path.name)
def test_a_flow_checks_clean(path: Path) -> None:
    lock = read_lock(ROOT / "mcp.lock.json").definitions()
    assert not check(path.read_text(), path.name, lock)


@cache
def flow(name: str) -> Flow:
    path = ROOT / f"flows/{name}.flow.yaml"
    return compile_flow(path.read_text(), path.name)[0]


def test_the_minutes_store_every_line_under_its_own_key_and_end_with_a_summary() -> None:
    scene = Scene(flow("minutes"))
    scene.start(channel="websocket")
    for item, text in (("item_1", "Let us begin."), ("item_2", "Ana calls the plumber.")):
        scene.apply(TranscriptFinal(scene.at, item, text))
    assert [(call.key, call.arguments["text"]) for call in scene.dispatches("store_line")] == [
        ("item_1", "Let us begin."),
        ("item_2", "Ana calls the plumber."),
    ]
    scene.settle("find_action", Outcome("worker", {"action": True}))
    assert scene.vars["action"] is True
    scene.apply(CallerLeft(scene.at))
    assert [call.arguments for call in scene.dispatches("summarise")] == [{"lines": 2}]
    assert not scene.answers
    scene.settle("store_line", Outcome("worker", None))
    scene.settle("store_line", Outcome("worker", None))
    scene.settle("find_action", Outcome("worker", {"action": False}))
    assert not drained(scene.snapshot)
    scene.settle("summarise", Outcome("worker", None))
    assert drained(scene.snapshot)


def test_the_minutes_stop_when_a_line_cannot_be_stored() -> None:
    scene = Scene(flow("minutes"))
    scene.start()
    scene.apply(TranscriptFinal(scene.at, "item_1", "Let us begin."))
    scene.settle("store_line", Outcome.failed("worker", "unavailable"))
    assert scene.snapshot.run.ended == "error"
    assert scene.dispatches("summarise")


def reminding() -> Scene:
    """The patient is on the line and has been told of the appointment."""
    scene = Scene(flow("reminder"))
    slot = "2026-11-24T10:00:00+01:00"
    scene.start(direction="outbound", values={"patient": "Ana Ruiz", "slot": slot})
    scene.caller("Yes, that is me.")
    scene.model(go_is_patient={})
    return scene


def recorded(scene: Scene) -> list[object]:
    return [(call.key, call.arguments) for call in scene.dispatches("record_answer")]


def test_the_reminder_names_the_patient_and_the_appointment() -> None:
    scene = reminding()
    assert scene.said[0].endswith("Am I speaking with Ana Ruiz?")
    assert "24 November" in scene.answers[-1].instructions


@pytest.mark.parametrize(("digit", "answer"), [("1", "confirmed"), ("2", "cancelled")])
def test_the_reminder_takes_a_key_for_an_answer_and_records_it(digit: str, answer: str) -> None:
    scene = reminding()
    scene.model("Can you come?")
    scene.apply(DigitPressed(scene.at, digit))
    scene.model("Goodbye.")
    assert scene.snapshot.run.ended == answer
    assert recorded(scene) == [("s1", {"answer": answer})]


def test_the_reminder_records_a_new_appointment() -> None:
    scene = reminding()
    scene.model("Can you come?")
    scene.caller("I'd rather come on Wednesday at ten.")
    scene.model(go_moves={})
    scene.model(set_move={"new_slot": "2026-11-25T10:00:00+01:00"})
    scene.model("Goodbye.")
    assert scene.snapshot.run.ended == "moved"
    [(_, arguments)] = [(call.key, call.arguments) for call in scene.dispatches("record_answer")]
    assert arguments["new_slot"].startswith("2026-11-25T10:00")


def test_the_reminder_records_a_hang_up_as_unknown() -> None:
    scene = reminding()
    scene.apply(CallerLeft(scene.at))
    assert recorded(scene) == [("s1", {"answer": "unknown"})]
    scene.settle("record_answer", Outcome("worker", None))
    assert drained(scene.snapshot)


def test_the_reminder_does_not_wait_for_an_answer_for_ever() -> None:
    scene = reminding()
    scene.model("Can you come?")
    scene.wait(61)
    scene.model("Goodbye.")
    assert scene.snapshot.run.ended == "unknown"
