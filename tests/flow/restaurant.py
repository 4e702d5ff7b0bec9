"""The restaurant's flow, compiled, and the words that its tests speak in."""

from functools import cache
from pathlib import Path

from orchestrator.dispatch.call import Json, Outcome
from orchestrator.flow.compile import compile_flow
from orchestrator.flow.definition import Flow
from orchestrator.mcp_host.lock import read_lock
from tests.flow.scene import Scene

ROOT = Path(__file__).parents[2]
FREE = Outcome("worker", {"free": True, "alternatives": []})
FULL = Outcome("worker", {"free": False, "alternatives": ["18:30", "21:30"]})
BOOKED = Outcome("worker", {"ref": "AB12"})
AWAY = Outcome.failed("worker", "unavailable", "not now")
DETAILS: dict[str, Json] = {
    "party_size": 4,
    "day": "2026-11-24",
    "at": "19:30",
    "guest": "Martin",
    "phone": "+33612345678",
}


@cache
def restaurant() -> Flow:
    path = ROOT / "flows/restaurant.flow.yaml"
    flow, warnings = compile_flow(
        path.read_text(), path.name, lock=read_lock(ROOT / "mcp.lock.json").definitions()
    )
    assert not warnings
    return flow


def started() -> Scene:
    """The caller has been greeted."""
    scene = Scene(restaurant())
    scene.start()
    return scene


def at_details() -> Scene:
    """A caller who wants to book; the model has been asked to take the details."""
    scene = started()
    scene.caller("I'd like to book a table.")
    scene.model(go_book={})
    return scene


def at_confirm() -> Scene:
    """Everything is known and free; the model has been asked to book."""
    scene = at_details()
    scene.model(set_details=DETAILS)
    scene.settle("check_availability", FREE)
    return scene


def at_read_back() -> Scene:
    """The details have been read back, and the caller has said yes."""
    scene = at_confirm()
    scene.model(create_booking={})
    scene.model()
    scene.caller("Yes, please.")
    return scene


def at_booking() -> Scene:
    """The booking is being written."""
    scene = at_read_back()
    scene.model(confirm_create_booking={})
    return scene
