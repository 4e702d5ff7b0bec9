"""Both twins of the dispatch seams, behind one face."""

import shutil
from collections.abc import AsyncGenerator, Iterator, Sequence
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
from tests.dispatch.guarded import guarded_redis, links_by_role, version
from tests.redis_cluster import RedisCluster
from tests.redis_server import RedisServer, running_redis


class Twins(Protocol):
    def calls(self, process: str = "asker", relook: float = 60.0) -> Calls: ...
    def claims(
        self,
        consumer: str = "w1",
        queue: str = "bookings",
        lease: float = 60.0,
        limit: int | None = None,
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

    def claims(
        self,
        consumer: str = "w1",
        queue: str = "bookings",
        lease: float = 60.0,
        limit: int | None = None,
    ) -> Claims:
        return MemoryClaims(self._broker, queue, consumer, lease=lease, limit=limit)

    def dead(self, queue: str = "bookings") -> DeadLetters:
        return MemoryDeadLetters(self._broker, queue)

    async def age(self, seconds: float, queue: str = "bookings") -> None:
        self._broker.queue(queue).age(seconds)

    def journal(self, session: str) -> Journal:
        return MemoryJournal(self._broker, session)


class OnRedis:
    """`roles` are the links of who asks, who works and who operates, where they differ."""

    def __init__(self, link: Link, roles: Sequence[Link] = ()) -> None:
        self.link = link
        self._asks, self._works, self._operates = roles or (link, link, link)

    def calls(self, process: str = "asker", relook: float = 60.0) -> Calls:
        return StreamCalls(self._asks, process, relook=relook)

    def claims(
        self,
        consumer: str = "w1",
        queue: str = "bookings",
        lease: float = 60.0,
        limit: int | None = None,
    ) -> Claims:
        return StreamClaims(self._works, queue, consumer, lease=lease, limit=limit)

    def dead(self, queue: str = "bookings") -> DeadLetters:
        return StreamDeadLetters(self._operates, queue)

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
        return RedisJournal(session, self._asks)


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


@pytest.fixture(scope="session")
def guarded() -> Iterator[RedisServer]:
    """A Redis with the users of docs/redis.acl."""
    with guarded_redis() as server:
        yield server


@pytest.fixture
async def by_role(guarded: RedisServer) -> AsyncGenerator[OnRedis]:
    """Each side as its user of docs/redis.acl."""
    async with (
        connect(guarded.url) as admin,
        links_by_role(guarded.url) as roles,
    ):
        await admin.ask(("FLUSHALL",))
        yield OnRedis(admin, roles)


@pytest.fixture(scope="session")
def oldest_redis() -> Iterator[RedisServer]:
    """The oldest engine that is supported, where this machine has it."""
    binary = shutil.which("redis-server")
    if binary is None or "v=7.0." not in version(binary):
        pytest.skip("no redis-server 7.0 on the PATH")
    with running_redis(binary=binary) as server:
        yield server


@pytest.fixture
async def on_oldest_redis(oldest_redis: RedisServer) -> AsyncGenerator[OnRedis]:
    async with connect(oldest_redis.url) as link:
        await link.ask(("FLUSHALL",))
        yield OnRedis(link)


@pytest.fixture
async def on_cluster(shared_cluster: RedisCluster) -> AsyncGenerator[OnRedis]:
    """Each side as its user."""
    shared_cluster.flush()
    url = shared_cluster.url
    async with connect(url) as link, links_by_role(url) as roles:
        yield OnRedis(link, roles)


@pytest.fixture(params=["memory", "on_redis", "by_role", "on_oldest_redis", "on_cluster"])
def twins(request: pytest.FixtureRequest) -> Twins:
    if request.param == "memory":
        return InMemory()
    found: OnRedis = request.getfixturevalue(request.param)
    return found
