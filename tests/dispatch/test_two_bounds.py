"""Calls that both their tool and their queue bound run, whatever comes when."""

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.dispatch.call import Outcome
from orchestrator.interfaces import Claimed
from orchestrator.memory_queue import MemoryQueue
from tests.dispatch.samples import CALL, other

LIMITS = {"book": 1, "cancel": 2, "look_up": None}
DONE = Outcome("worker", 1)


class World:
    def __init__(self, limit: int) -> None:
        self.queue = MemoryQueue("bookings", lambda: None)
        self._limit = limit
        self._published: list[str] = []
        self.running: list[tuple[str, Claimed]] = []
        self.open: set[str] = set()

    def publish(self, tool: str, job: bool) -> None:
        number = len(self._published)
        call = other(
            number,
            tool=tool,
            limit=LIMITS[tool],
            priority="job" if job else "live",
            created=CALL.created + number,
        )
        self.queue.publish(call)
        self._published.append(call.id)
        self.open.add(call.id)

    def take(self, consumer: str, slots: int) -> None:
        claimed, _ = self.queue.deliver(consumer, slots, self._limit)
        self.running += [(consumer, each) for each in claimed]
        self._is_within_bounds()

    def settle(self, place: int) -> None:
        if self.running:
            consumer, claimed = self.running.pop(place % len(self.running))
            self.queue.settle(claimed, consumer, DONE)
            self.open.discard(claimed.call.id)

    def hand_back(self, place: int) -> None:
        if self.running:
            consumer, claimed = self.running.pop(place % len(self.running))
            self.queue.hand_back(claimed, consumer)

    def withdraw(self, place: int) -> None:
        running = {claimed.call.id for _, claimed in self.running}
        if waiting := sorted(self.open - running):
            call_id = waiting[place % len(waiting)]
            self.queue.withdraw(other(self._published.index(call_id)), "cancel")
            self.open.discard(call_id)

    def _is_within_bounds(self) -> None:
        assert len(self.running) <= self._limit
        for tool, limit in LIMITS.items():
            count = sum(claimed.call.tool == tool for _, claimed in self.running)
            assert limit is None or count <= limit


Step = tuple[str, Sequence[object]]
PLACES, CONSUMERS = st.integers(0, 5), st.sampled_from(["w1", "w2"])
PUBLISH = st.tuples(st.just("publish"), st.tuples(st.sampled_from(list(LIMITS)), st.booleans()))
STEPS = st.one_of(
    PUBLISH,
    st.tuples(st.just("take"), st.tuples(CONSUMERS, st.integers(1, 3))),
    st.tuples(st.sampled_from(["settle", "settle", "hand_back", "withdraw"]), st.tuples(PLACES)),
)


@given(
    limit=st.integers(1, 2),
    first=st.lists(PUBLISH, max_size=8),
    then=st.lists(STEPS, max_size=40),
)
@settings(max_examples=400, deadline=None, derandomize=True)
def test_everything_runs_in_the_end(limit: int, first: list[Step], then: list[Step]) -> None:
    world = World(limit)
    for name, arguments in [*first, *then]:
        getattr(world, name)(*arguments)
    idle = 0
    while world.open:
        world.settle(0)
        for consumer in ("w1", "w2"):
            world.take(consumer, 1)
        idle = 0 if world.running else idle + 1
        assert idle < 30, "nothing runs"
