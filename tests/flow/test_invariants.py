"""What holds in any conversation, whoever misbehaves: see `world` for the promises."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from random import Random

import pytest

from orchestrator.dispatch.call import Json
from orchestrator.flow.compile import compile_flow
from orchestrator.flow.definition import Flow
from orchestrator.flow.engine import replay
from orchestrator.flow.events import from_json, to_json
from orchestrator.flow.snapshot import drained
from orchestrator.mcp_host.lock import read_lock
from tests.flow.chance import Chance
from tests.flow.families import compiled
from tests.flow.generated import generated
from tests.flow.restaurant import DETAILS, ROOT
from tests.flow.test_native import FLOW as NATIVE
from tests.flow.test_native import LOCK as NATIVE_LOCK


@dataclass(frozen=True)
class Play:
    """A flow, how its sessions begin, and what a model may give with a call."""

    path: str
    begin: Mapping[str, Json] = field(default_factory=dict[str, Json])
    values: Sequence[Json] = ({},)
    stable: bool = False


PLAYS = {
    "restaurant": Play(
        "flows/restaurant.flow.yaml",
        values=[
            DETAILS,
            {},
            {"party_size": 5},
            {"at": "18:30"},
            {"party_size": 14},
            {"party_size": "lots", "hat": 1},
            {"query": "soup", "dish": "soup"},
            "not json",
            [1],
            {**DETAILS, "at": "20:00", "ref": "POISON"},
        ],
    ),
    "wide": Play(
        "tests/flow/wide.flow.yaml",
        {"caller": "+33612345678", "values": {"amount": 5, "verified": True}},
        [
            {"amount": 5, "day": "2026-11-24"},
            {},
            {"amount": 7},
            {"amount": 7, "day": "2026-11-25", "at": "19:30"},
            {"amount": 60},
            {"amount": "lots"},
            {"customer": "POISON"},
            "not json",
            {},
        ],
    ),
    "wide, spoken": Play(
        "tests/flow/wide.flow.yaml",
        {"channel": "websocket"},
        [{"amount": 5, "day": "2026-11-24"}, {}, {"amount": 7}, {"customer": "POISON"}],
    ),
    "wide, stable": Play(
        "tests/flow/wide.flow.yaml",
        {"values": {"amount": 5, "verified": True}},
        [{"amount": 5, "day": "2026-11-24"}, {}, {"amount": 7}, {"customer": "POISON"}],
        stable=True,
    ),
    "minutes": Play("flows/minutes.flow.yaml", {"channel": "websocket"}),
    "reminder": Play(
        "flows/reminder.flow.yaml",
        {"values": {"patient": "Ana", "slot": "2026-11-24T10:00:00+01:00"}},
        [{}, {"new_slot": "2026-11-25T10:00:00+01:00"}, {"new_slot": "never"}],
    ),
}
PLAYS["helpdesk"] = Play(
    "flows/helpdesk.flow.yaml",
    values=[{"employee_id": "E12345"}, {"topic": "password"}, {"topic": "laptop"}, {}, "not json"],
)
PLAYS["helpdesk, spoken"] = replace(PLAYS["helpdesk"], begin={"channel": "websocket"})
PLAYS["native"] = Play("native", values=[{"topic": "laptop"}, {}])
FAMILY = Play(
    "family",
    values=[{"street": "Main Street 1"}, {}, {"mail": "a@b.example"}, {"street": 5}, "not json"],
)
PLAYS["family"] = FAMILY
SEEDS = range(80)
FLOWS = range(100)


@cache
def flow(path: str) -> Flow:
    if path == "family":
        return compiled()
    if path == "native":
        return compile_flow(NATIVE, path, NATIVE_LOCK)[0]
    lock = read_lock(ROOT / "mcp.lock.json").definitions()
    return compile_flow((ROOT / path).read_text(), path, lock)[0]


def _flow(play: Play) -> Flow:
    made = flow(play.path)
    return replace(made, session=replace(made.session, prompting="stable")) if play.stable else made


def played(play: Play, seed: int) -> Chance:
    """A conversation by chance, the same for the same seed."""
    return _played(Chance(_flow(play), play.values), play.begin, seed)


def _played(world: Chance, begin: Mapping[str, Json], seed: int) -> Chance:
    chance = Random(seed)
    world.start(**begin)
    for _ in range(chance.randrange(20, 160)):
        world.tick(chance.randrange(10**7))
    return world


def of_a_flow_by_chance(seed: int) -> Chance:
    values: Sequence[Json] = [{"day": "2026-11-24", "fine": True}, {}, {"fine": 1}, "not json"]
    channel = ("text", "websocket")[seed % 2]
    return _played(Chance(generated(seed), values), {"channel": channel}, seed)


def rests(world: Chance) -> None:
    world.come_to_rest()
    assert sorted(world.closed) == sorted(world.begun)
    assert drained(world.snapshot) if world.ended else all(world.asked.values())


def replays(world: Chance, seed: int) -> None:
    events = [from_json(to_json(event)) for event in world.events]
    cut = seed % len(events)
    head = replay(world.flow, events[:cut])
    assert replay(world.flow, events[cut:], head) == world.snapshot


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("play", PLAYS.values(), ids=PLAYS)
def test_every_promise_holds_and_everything_comes_to_rest(play: Play, seed: int) -> None:
    rests(played(play, seed))


@pytest.mark.parametrize("seed", SEEDS[::5])
@pytest.mark.parametrize("play", PLAYS.values(), ids=PLAYS)
def test_replay_from_any_cut_equals_live(play: Play, seed: int) -> None:
    replays(played(play, seed), seed)


@pytest.mark.parametrize("seed", FLOWS)
def test_every_promise_holds_in_a_flow_by_chance(seed: int) -> None:
    world = of_a_flow_by_chance(seed)
    replays(world, seed)
    rests(world)
