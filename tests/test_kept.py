"""Flows as sessions ran them, on a real Redis."""

import pytest

from orchestrator import kept
from orchestrator.dispatch import keys
from orchestrator.link import connect
from tests.flow.families import compiled
from tests.redis_server import RedisServer

pytestmark = pytest.mark.anyio


async def test_a_flow_is_found_by_its_hash_with_all_that_it_runs(shared_redis: RedisServer) -> None:
    flow = compiled()
    async with connect(shared_redis.url) as link:
        await kept.keep(link, flow)
        found = await kept.find(link, flow.sha256)
        [left] = await link.ask(("TTL", keys.flow(flow.sha256)))
    assert found
    assert (found.sha256, found.flows.keys()) == (flow.sha256, flow.flows.keys())
    assert 0 < left <= kept.FORTNIGHT


async def test_another_is_not(shared_redis: RedisServer) -> None:
    async with connect(shared_redis.url) as link:
        assert await kept.find(link, "0" * 64) is None
