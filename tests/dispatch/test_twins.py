"""Whatever is done, in whatever order, the twins in memory and on Redis agree."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.dispatch.call import Outcome, Settler
from orchestrator.interfaces import Claimed, Claims
from tests.dispatch.conftest import InMemory, OnRedis, Twins
from tests.dispatch.samples import CALL, other

CONSUMERS = ("w1", "w2")
NUMBERS = st.integers(0, 3)
OUTCOMES = (
    Outcome("worker", result=1),
    Outcome("worker", result={"two": [2]}),
    Outcome.failed("worker", "unavailable", "no"),
)


@dataclass
class World:
    """One twin, and what its consumers were given so far."""

    twins: Twins
    consumers: dict[str, Claims] = field(default_factory=dict[str, Claims])
    given: defaultdict[str, list[Claimed]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        self.calls = self.twins.calls()
        for consumer in CONSUMERS:
            self.restart(consumer)

    def restart(self, consumer: str) -> None:
        self.consumers[consumer] = self.twins.claims(consumer, limit=2)

    async def publish(self, number: int, guests: int) -> None:
        call = other(
            number,
            key="k",
            arguments={"guests": guests},
            rerun=number % 2 == 0,
            limit=1 if number > 1 else None,
            created=CALL.created + number,
        )
        await self.calls.publish(call)

    async def withdraw(self, number: int, by: Settler) -> Outcome:
        return await self.calls.withdraw(other(number), by)

    async def claim(self, consumer: str, slots: int) -> list[tuple[str, int]]:
        claimed = await self.consumers[consumer].claim(slots, 0.001)
        self.given[consumer] += claimed
        return [(each.call.id, each.deliveries) for each in claimed]

    async def settle(self, consumer: str, holder: str, place: int, outcome: Outcome) -> str:
        given = self.given[holder]
        if not given:
            return "nothing given"
        return await self.consumers[consumer].settle(given[place % len(given)], outcome)

    async def hand_back(self, consumer: str, holder: str, place: int) -> None:
        if given := self.given[holder]:
            await self.consumers[consumer].hand_back(given[place % len(given)])

    async def lapse(self, alive: str) -> list[tuple[str, str, int]]:
        """Only one consumer renews; then it sweeps."""
        await self.twins.age(61)
        await self.consumers[alive].renew()
        await self.consumers[alive].sweep()
        letters = await self.twins.dead().list()
        return [(each.call, each.worker, each.deliveries) for each in letters]

    async def answer(self, consumer: str, place: int, outcome: Outcome) -> str:
        await self.claim(consumer, 3)
        return await self.settle(consumer, consumer, place, outcome)


Step = tuple[str, Sequence[Any]]


def step(name: str, *strategies: st.SearchStrategy[Any]) -> st.SearchStrategy[Step]:
    return st.tuples(st.just(name), st.tuples(*strategies))


CONSUMER = st.sampled_from(CONSUMERS)
STEPS = st.one_of(
    step("publish", NUMBERS, st.integers(1, 2)),
    step("withdraw", NUMBERS, st.sampled_from(["deadline", "cancel"])),
    step("claim", CONSUMER, st.integers(1, 3)),
    step("settle", CONSUMER, CONSUMER, NUMBERS, st.sampled_from(OUTCOMES)),
    step("answer", CONSUMER, NUMBERS, st.sampled_from(OUTCOMES)),
    step("restart", CONSUMER),
    step("hand_back", CONSUMER, CONSUMER, NUMBERS),
    step("lapse", CONSUMER),
)


async def taken(world: World, name: str, arguments: Sequence[Any]) -> object:
    method: Callable[..., Any] = getattr(world, name)
    result = method(*arguments)
    return await result if result is not None else None


@given(steps=st.lists(STEPS, min_size=15, max_size=40))
@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@pytest.mark.timeout(120)
async def test_the_twins_agree(on_redis: OnRedis, steps: list[Step]) -> None:
    await on_redis.link.ask(("FLUSHALL",))
    memory, redis = World(InMemory()), World(on_redis)
    for name, arguments in steps:
        assert await taken(memory, name, arguments) == await taken(redis, name, arguments), name
    for number in range(4):
        assert await memory.withdraw(number, "cancel") == await redis.withdraw(number, "cancel")
