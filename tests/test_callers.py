"""What is remembered of callers: one contract, in memory and on Redis."""

from collections.abc import AsyncGenerator

import pytest

from orchestrator.callers import RedisCallers
from orchestrator.errors import QueueUnavailable
from orchestrator.interfaces import Callers
from orchestrator.link import Link, connect
from orchestrator.memory import MemoryBroker, MemoryCallers
from tests.redis_server import RedisServer

ANA, BEN = "+33612345678", "+33687654321"
DAY = 86400.0
NAMES = ("name", "size")


@pytest.fixture
async def link(shared_redis: RedisServer) -> AsyncGenerator[Link]:
    async with connect(shared_redis.url) as link:
        await link.ask(("FLUSHALL",))
        yield link


@pytest.fixture(params=["memory", "redis"])
def callers(request: pytest.FixtureRequest, link: Link) -> Callers:
    return MemoryCallers(MemoryBroker()) if request.param == "memory" else RedisCallers(link)


async def test_what_was_remembered_is_recalled_with_its_type(callers: Callers) -> None:
    values = {"name": ("Ana", DAY), "size": (2, DAY), "at": (["19:30", None], DAY)}
    await callers.remember(ANA, values)
    assert await callers.recall(ANA, ["name", "at", "day"]) == {
        "name": "Ana",
        "at": ["19:30", None],
    }


async def test_each_caller_is_remembered_alone(callers: Callers) -> None:
    await callers.remember(ANA, {"name": ("Ana", DAY)})
    assert await callers.recall(BEN, NAMES) == {}


async def test_the_latest_value_counts_and_none_is_forgotten(callers: Callers) -> None:
    await callers.remember(ANA, {"name": ("Ana", DAY), "size": (2, DAY)})
    await callers.remember(ANA, {"name": ("Anna", DAY), "size": (None, DAY)})
    assert await callers.recall(ANA, NAMES) == {"name": "Anna"}


async def test_nothing_is_asked_and_nothing_is_answered(callers: Callers) -> None:
    await callers.remember(ANA, {})
    assert await callers.recall(ANA, []) == {}


async def test_in_memory_a_value_is_gone_when_its_time_is_over() -> None:
    now = [0.0]
    callers = MemoryCallers(MemoryBroker(), lambda: now[0])
    await callers.remember(ANA, {"name": ("Ana", 10.0), "size": (2, 20.0)})
    now[0] = 10.0
    assert await callers.recall(ANA, NAMES) == {"size": 2}


async def test_on_redis_each_key_expires_by_itself_and_holds_no_number(link: Link) -> None:
    await RedisCallers(link).remember(ANA, {"name": ("Ana", 10.0), "size": (2, 20.0)})
    [found] = await link.ask(("KEYS", "*"))
    keys = sorted(key.decode() if isinstance(key, bytes) else key for key in found)
    assert [key.rpartition(":")[2] for key in keys] == ["name", "size"]
    assert all(ANA.lstrip("+") not in key for key in keys)
    for key, most in zip(keys, (10_000, 20_000), strict=True):
        [left] = await link.ask(("PTTL", key))
        assert most - 5_000 < left <= most


async def test_without_redis_it_is_said(own_redis: RedisServer) -> None:
    async with connect(own_redis.url) as link:
        own_redis.kill()
        with pytest.raises(QueueUnavailable):
            await RedisCallers(link).recall(ANA, NAMES)
