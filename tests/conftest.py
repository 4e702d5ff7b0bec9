"""What all tests share: a Redis, and a limit of time that ends a test as any failure does.

A test that runs in an event loop is cancelled at its limit: pytest-timeout's signal would be
raised in the middle of the loop, whose fixtures then wait for it without end. Should what is
cancelled not end either, pytest-timeout ends the process, with the stacks of all threads.
"""

import inspect
import signal
import traceback
from collections.abc import Awaitable, Callable, Generator, Iterator
from typing import Any

import anyio
import pytest

from tests.dispatch.guarded import guarded_cluster
from tests.interaction.project import Project
from tests.redis_cluster import RedisCluster
from tests.redis_server import RedisServer, running_redis

UNWINDING = 30.0
"""Seconds that a test may take to end after it was cancelled."""

LIMIT = pytest.StashKey[float]()

# A shell starts what runs in the background with Ctrl-C ignored, and children inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "anyio_backend" in getattr(item, "fixturenames", ()):
            marker = item.get_closest_marker("timeout")
            limit = float(marker.args[0] if marker else item.config.getini("timeout"))
            item.stash[LIMIT] = limit
            last = pytest.mark.timeout(limit + UNWINDING, method="thread")
            item.add_marker(last, append=False)


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, Any, Any]:
    if LIMIT in pyfuncitem.stash and inspect.iscoroutinefunction(pyfuncitem.obj):
        pyfuncitem.obj = limited(pyfuncitem.obj, pyfuncitem.stash[LIMIT])
    return (yield)


def limited(test: Callable[..., Awaitable[None]], seconds: float) -> Callable[..., Awaitable[None]]:
    async def run(**arguments: Any) -> None:
        where = ""
        with anyio.move_on_after(seconds) as scope:
            try:
                await test(**arguments)
            except anyio.get_cancelled_exc_class():
                where = traceback.format_exc()
                raise
        if scope.cancelled_caught:
            pytest.fail(f"after {seconds:g} s it still waited:\n{where}", pytrace=False)

    return run


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, Any]:
    """A report of a failure ends with what the processes of the project said."""
    report = yield
    if report.failed:
        for value in getattr(item, "funcargs", {}).values():
            if isinstance(value, Project):
                report.sections += [(f"Said: {where}", text) for where, text in value.said()]
    return report


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
