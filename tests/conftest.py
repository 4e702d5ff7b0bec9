from collections.abc import Iterator

import pytest

from tests.dispatch.guarded import guarded_cluster
from tests.redis_cluster import RedisCluster
from tests.redis_server import RedisServer, running_redis


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def shared_redis() -> Iterator[RedisServer]:
    """One server for all tests that leave it running. They must empty it first."""
    with running_redis() as server:
        yield server


@pytest.fixture
def own_redis() -> Iterator[RedisServer]:
    """A server that the test may kill."""
    with running_redis() as server:
        yield server


@pytest.fixture(scope="session")
def shared_cluster() -> Iterator[RedisCluster]:
    """One cluster, with the users of docs/redis.acl, for all tests that leave its nodes running.
    They must empty it first.
    """
    with guarded_cluster() as cluster:
        yield cluster
