"""What holds in any conversation, whoever misbehaves: see `World` for the promises."""

from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.dispatch.call import Json
from orchestrator.flow.engine import replay
from orchestrator.flow.events import from_json, to_json
from orchestrator.flow.snapshot import drained
from tests.flow.restaurant import DETAILS, restaurant
from tests.flow.world import World

VALUES: list[Json] = [
    DETAILS,
    {},
    {"party_size": 5},
    {"at": "18:30"},
    {"party_size": 14},
    {"party_size": "lots", "hat": 1},
    {"query": "soup", "dish": "soup"},
    "not json",
    [1],
    {**DETAILS, "at": "20:00"},
]
CHOICES = st.lists(st.integers(0, 10**7), max_size=120)


def played(choices: list[int]) -> World:
    world = World(restaurant(), VALUES)
    world.start()
    for choice in choices:
        world.tick(choice)
    return world


@settings(max_examples=1500, deadline=None)
@given(CHOICES)
def test_every_promise_holds_and_everything_comes_to_rest(choices: list[int]) -> None:
    world = played(choices)
    world.come_to_rest()
    if world.ended:
        assert drained(world.snapshot)
    else:
        assert all(world.asked.values())


@settings(max_examples=300, deadline=None)
@given(CHOICES, st.integers(0, 120))
def test_replay_from_any_cut_equals_live(choices: list[int], cut: int) -> None:
    world = played(choices)
    events = [from_json(to_json(event)) for event in world.events]
    head = replay(world.flow, events[:cut])
    assert replay(world.flow, events[cut:], head) == world.snapshot
