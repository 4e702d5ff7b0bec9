"""Both twins of the dispatch seams, behind one face."""

from collections.abc import AsyncGenerator
from typing import Protocol

import pytest

from orchestrator.dispatch.streams import StreamCalls, StreamClaims
from orchestrator.interfaces import Calls, Claims, Journal
from orchestrator.journal import RedisJournal
from orchestrator.link import Link, connect
from orchestrator.memory import MemoryBroker, MemoryCalls, MemoryClaims, MemoryJournal
from tests.redis_server import RedisServer


class Twins(Protocol):
    def calls(self, process: str = "asker", relook: float = 60.0) -> Calls: ...
    def claims(self, consumer: str = "w1", queue: str = "bookings") -> Claims: ...
    def journal(self, session: str) -> Journal: ...


class InMemory:
    def __init__(self) -> None:
        self._broker = MemoryBroker()

    def calls(self, process: str = "asker", relook: float = 60.0) -> Calls:
        return MemoryCalls(self._broker, process, relook=relook)

    def claims(self, consumer: str = "w1", queue: str = "bookings") -> Claims:
        return MemoryClaims(self._broker, queue, consumer)

    def journal(self, session: str) -> Journal:
        return MemoryJournal(self._broker, session)


class OnRedis:
    def __init__(self, link: Link) -> None:
        self.link = link

    def calls(self, process: str = "asker", relook: float = 60.0) -> Calls:
        return StreamCalls(self.link, process, relook=relook)

    def claims(self, consumer: str = "w1", queue: str = "bookings") -> Claims:
        return StreamClaims(self.link, queue, consumer)

    def journal(self, session: str) -> Journal:
        return RedisJournal(session, self.link)


@pytest.fixture
async def link(shared_redis: RedisServer) -> AsyncGenerator[Link]:
    """An empty Redis."""
    async with connect(shared_redis.url) as link:
        await link.ask(("FLUSHALL",))
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
