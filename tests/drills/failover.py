"""D9: Redis dies for good, and a replica takes its place.

In `failover` all processes reach Redis through a proxy, as they would through an address that
moves. The replica has its own line to the primary, which is half open for a while before that
dies: what was written then never got there.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial

import anyio

from orchestrator.dispatch import keys
from orchestrator.link import Link, connect
from tests.drills.asker import QUEUE, Plan
from tests.drills.proxy import Proxy, proxy
from tests.drills.scene import Figures, Scene, scene, until
from tests.redis_sentinels import running_sentinels, sentinel_url, watched
from tests.redis_server import RedisServer, free_port, running_redis

__all__ = ["failover", "sentinel"]


async def failover(*, waits: bool, calls: int = 200, lag: float = 4.0) -> Figures:
    """`waits`: only what a replica has counts as written (`?replicas=1`). `calls` are answered
    before, and again after.
    """
    async with _pair(lagging=True) as (here, way, line, replica):
        url = way.url + ("?replicas=1" if waits else "")
        for _ in range(2):
            await here.worker(url=url)
        plan = Plan(2 * calls, seconds=0.3, enough=str(here.enough))
        asker = await here.asker(plan, url=url)
        await until(lambda: len(here.ledger.answers()) >= calls)
        line.manner = "half-open"
        await anyio.sleep(lag)
        here.redis.kill()
        missing = await _missing(replica, here.ledger.ids())
        await _promote(replica)
        async with _replica_of(replica.port):
            _move(here, way, replica)
            answered = len(here.ledger.answers())
            await until(lambda: len(here.ledger.answers()) >= answered + calls)
            here.enough.touch()
            await here.answered(asker)
            # What was answered by a server that is gone need not be on record.
            figures = await here.verdict(recorded=waits)
        noticed = here.said(asker).count("Redis has lost it")
        assert (missing == 0) == waits
        assert (noticed == 0) == waits
        return {**figures, "acknowledged and lost": missing, "asked for again": noticed}


async def sentinel(calls: int = 200) -> Figures:
    """The primary is killed; three Sentinels agree on that and promote the replica, and all
    processes ask them where it is.
    """
    async with _pair(lagging=False) as (here, _, _, replica):
        with running_sentinels(here.redis) as watchers:
            for watcher in watchers:
                await until(partial(watched, watcher, "num-other-sentinels", "2"))
                await until(partial(watched, watcher, "num-slaves", "1"))
            url = sentinel_url(watchers)
            for _ in range(2):
                await here.worker(url=url)
            asker = await here.asker(Plan(2 * calls, enough=str(here.enough)), url=url)
            await until(lambda: len(here.ledger.answers()) >= calls)
            here.redis.kill()
            here.url = replica.url
            await until(partial(watched, watchers[0], "port", str(replica.port)))
            here.enough.touch()
            await here.answered(asker)
        return await here.verdict(recorded=False)


@asynccontextmanager
async def _pair(*, lagging: bool) -> AsyncGenerator[tuple[Scene, Proxy, Proxy, RedisServer]]:
    """A primary with a scene, the way to it, the line of its replica, and that replica."""
    with running_redis({"port": str(free_port())}) as primary:
        async with (
            scene(primary) as here,
            proxy(primary.socket) as way,
            proxy(("127.0.0.1", primary.port)) as line,
            _replica_of(line.port if lagging else primary.port) as replica,
        ):
            yield here, way, line, replica


@asynccontextmanager
async def _replica_of(port: int) -> AsyncGenerator[RedisServer]:
    """In step with the server at this port."""
    options = {"port": str(free_port()), "replicaof": f"127.0.0.1 {port}"}
    with running_redis(options) as replica:
        async with connect(replica.url) as link:
            await until(partial(_in_step, link))
        yield replica


async def _in_step(link: Link) -> bool:
    [state] = await link.ask(("INFO", "replication"))
    return "master_link_status:up" in state


async def _promote(replica: RedisServer) -> None:
    async with connect(replica.url) as link:
        await link.ask(("REPLICAOF", "NO", "ONE"))


async def _missing(replica: RedisServer, calls: list[str]) -> int:
    """How many of these it does not know."""
    async with connect(replica.url) as link:
        there = await link.ask(*(("EXISTS", keys.call_record(QUEUE, call)) for call in calls))
    return there.count(0)


def _move(here: Scene, way: Proxy, replica: RedisServer) -> None:
    """From now on the address is the replica's."""
    here.redis, here.url = replica, replica.url
    way.target = replica.socket
    way.cut()
