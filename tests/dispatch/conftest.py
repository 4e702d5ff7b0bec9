"""Both twins of the dispatch seams, behind one face."""

from collections.abc import AsyncGenerator
from typing import Protocol

import pytest

from orchestrator.dispatch import acts, keys
from orchestrator.dispatch.claims import StreamClaims
from orchestrator.dispatch.dead import StreamDeadLetters
from orchestrator.dispatch.streams import StreamCalls
from orchestrator.interfaces import Calls, Claims, DeadLetters, Journal
from orchestrator.journal import RedisJournal
from orchestrator.link import Link, RedisRefused, connect
from orchestrator.memory import (
    MemoryBroker,
    MemoryCalls,
    MemoryClaims,
    MemoryDeadLetters,
    MemoryJournal,
)
from tests.redis_server import RedisServer


class Twins(Protocol):
    def calls(self, process: str = "asker", relook: float = 60.0) -> Calls: ...
    def claims(
        self, consumer: str = "w1", queue: str = "bookings", lease: float = 60.0
    ) -> Claims: ...
    def dead(self, queue: str = "bookings") -> DeadLetters: ...
    async def age(self, seconds: float, queue: str = "bookings") -> None:
        """As if no lease had been renewed for so long."""
        ...

    def journal(self, session: str) -> Journal: ...


class InMemory:
    def __init__(self) -> None:
        self._broker = MemoryBroker()

    def calls(self, process: str = "asker", relook: float = 60.0) -> Calls:
        return MemoryCalls(self._broker, process, relook=relook)

    def claims(self, consumer: str = "w1", queue: str = "bookings", lease: float = 60.0) -> Claims:
        return MemoryClaims(self._broker, queue, consumer, lease=lease)

    def dead(self, queue: str = "bookings") -> DeadLetters:
        return MemoryDeadLetters(self._broker, queue)

    async def age(self, seconds: float, queue: str = "bookings") -> None:
        self._broker.queue(queue).age(seconds)

    def journal(self, session: str) -> Journal:
        return MemoryJournal(self._broker, session)


class OnRedis:
    def __init__(self, link: Link) -> None:
        self.link = link

    def calls(self, process: str = "asker", relook: float = 60.0) -> Calls:
        return StreamCalls(self.link, process, relook=relook)

    def claims(self, consumer: str = "w1", queue: str = "bookings", lease: float = 60.0) -> Claims:
        return StreamClaims(self.link, queue, consumer, lease=lease)

    def dead(self, queue: str = "bookings") -> DeadLetters:
        return StreamDeadLetters(self.link, queue)

    async def age(self, seconds: float, queue: str = "bookings") -> None:
        for lane in acts.LANES:
            stream = acts.stream(queue, lane)
            try:
                [rows] = await self.link.ask(("XPENDING", stream, keys.GROUP, "-", "+", 1000))
            except RedisRefused:
                continue  # nobody has claimed here yet
            for entry, holder, idle, _ in rows:
                aged = ("IDLE", idle + int(seconds * 1000), "JUSTID")
                await self.link.ask(("XCLAIM", stream, keys.GROUP, holder, 0, entry, *aged))

    def journal(self, session: str) -> Journal:
        return RedisJournal(session, self.link)


@pytest.fixture
async def link(shared_redis: RedisServer) -> AsyncGenerator[Link]:
    """An empty Redis."""
    async with connect(shared_redis.url) as link:
        await link.ask(("FLUSHALL",))
        yield link


@pytest.fixture
async def own_link(own_redis: RedisServer) -> AsyncGenerator[Link]:
    async with connect(own_redis.url) as link:
        yield link


@pytest.fixture
def on_redis(link: Link) -> OnRedis:
    return OnRedis(link)


@pytest.fixture(params=["memory", "redis"])
def twins(request: pytest.FixtureRequest) -> Twins:
    if request.param == "memory":
        return InMemory()
    found: OnRedis = request.getfixturevalue("on_redis")
    return found
