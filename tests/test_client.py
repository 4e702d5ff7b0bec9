"""The public client, with a worker on a real Redis."""

import asyncio
import json
import math
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import date
from functools import partial
from typing import Any

import anyio
import pytest

from orchestrator import Client, Outcome, Rate, Refused, handler
from orchestrator.client import _Waiting  # pyright: ignore[reportPrivateUsage]
from orchestrator.dispatch import keys
from orchestrator.dispatch.call import Progress
from orchestrator.dispatch.claims import StreamClaims
from orchestrator.dispatch.progress import StreamProgress
from orchestrator.errors import QueueUnavailable, UsageError
from orchestrator.link import Link, connect
from orchestrator.worker.declare import Context
from orchestrator.worker.handlers import Handlers
from orchestrator.worker.runtime import Worker
from tests.redis_server import RedisServer
from tests.worker.test_lifespans import served

ran: list[str] = []
started = cancelled = proceed = anyio.Event()


@handler(queue="sums")
async def add(ctx: Context, a: int, b: int) -> int:
    ran.append(ctx.key)
    return a + b


@handler(queue="sums")
async def weekday(day: date) -> str:
    return f"{day:%A}"


@handler(queue="sums")
async def refuse() -> None:
    raise Refused("Not today.")


@handler(queue="sums")
async def hang() -> None:
    started.set()
    try:
        await anyio.sleep_forever()
    finally:
        cancelled.set()


@handler(queue="sums")
async def pause(ctx: Context) -> str:
    ctx.progress("Pausing.")
    started.set()
    await proceed.wait()
    return "done"


@pytest.fixture(autouse=True)
def fresh() -> None:
    global started, cancelled, proceed
    started, cancelled, proceed = anyio.Event(), anyio.Event(), anyio.Event()
    ran.clear()


@asynccontextmanager
async def worker(url: str) -> AsyncGenerator[None]:
    handlers: Handlers = served(add, weekday, refuse, hang, pause)
    async with connect(url) as link, anyio.create_task_group() as tasks:
        progress = StreamProgress(link)
        handlers.tell = progress.tell
        tasks.start_soon(progress.run)
        tasks.start_soon(Worker(StreamClaims(link, "sums", "w1"), handlers.run).serve)
        yield
        tasks.cancel_scope.cancel()


@pytest.fixture
async def url(shared_redis: RedisServer) -> AsyncGenerator[str]:
    """An empty Redis with a worker."""
    async with connect(shared_redis.url) as link:
        await link.ask(("FLUSHALL",))
    async with worker(shared_redis.url):
        yield shared_redis.url


async def test_a_call_is_one_line(url: str) -> None:
    async with Client.connect(url) as client:
        assert await client.call("sums", "add", {"a": 2, "b": 3}) == Outcome("worker", 5)
        saturday = await client.call("sums", "weekday", {"day": date(2026, 11, 28)})
        assert saturday.result == "Saturday"


async def test_a_tool_that_fails_is_an_outcome(url: str) -> None:
    async with Client.connect(url) as client:
        assert await client.call("sums", "refuse") == Outcome.failed(
            "worker", "refused", "Not today."
        )
        unknown = await client.call("sums", "multiply")
        assert unknown.error and unknown.error.code == "unknown_tool"


async def test_what_takes_too_long_is_an_outcome_and_the_handler_stops(url: str) -> None:
    async with Client.connect(url) as client:
        late = await client.call("sums", "hang", timeout=1)
        assert late.error and late.error.code == "timeout"
        await cancelled.wait()


async def test_where_nobody_works_it_is_withdrawn_at_its_deadline(url: str) -> None:
    async with Client.connect(url) as client:
        outcome = await client.call("nobody", "works", id="c1", timeout=0.05)
        assert outcome == Outcome.withdrawn("deadline")
        assert await client.outcome("nobody", "c1") == outcome


async def test_a_cancelled_call_is_withdrawn_and_its_handler_stops(url: str) -> None:
    async with Client.connect(url) as client, anyio.create_task_group() as tasks:
        tasks.start_soon(partial(client.call, "sums", "hang", id="c1"))
        await started.wait()
        tasks.cancel_scope.cancel()
    await cancelled.wait()
    async with Client.connect(url) as client:
        assert await client.outcome("sums", "c1") == Outcome.withdrawn("cancel")


async def test_the_same_id_runs_once_whoever_asks(url: str) -> None:
    async with Client.connect(url) as one, Client.connect(url) as two:
        first = await one.call("sums", "add", {"a": 2, "b": 3}, id="c1")
        again = await one.call("sums", "add", {"a": 2, "b": 3}, id="c1")
        other = await two.call("sums", "add", {"a": 2, "b": 3}, id="c1")
    assert first == again == other == Outcome("worker", 5)
    assert ran == ["c1"]


async def test_two_calls_of_one_id_have_one_outcome(url: str) -> None:
    found: list[Outcome] = []

    async def ask(timeout: float) -> None:  # noqa: ASYNC109 - the call's
        found.append(await client.call("sums", "hang", id="c1", timeout=timeout))

    async with Client.connect(url) as client, anyio.create_task_group() as tasks:
        tasks.start_soon(ask, 50)
        await started.wait()
        tasks.start_soon(ask, 0.2)
    assert found == [Outcome.withdrawn("deadline")] * 2


async def test_who_is_cancelled_leaves_a_call_to_another_who_made_it(url: str) -> None:
    async with Client.connect(url) as client:
        first = asyncio.create_task(client.call("sums", "pause", id="c1", timeout=50))
        await started.wait()
        second = asyncio.create_task(client.call("sums", "pause", id="c1", timeout=50))
        await anyio.wait_all_tasks_blocked()
        first.cancel()
        await asyncio.wait([first])
        proceed.set()
        assert await second == Outcome("worker", "done")
    assert not client._waiting  # pyright: ignore[reportPrivateUsage]


async def test_a_success_under_a_key_is_returned_again(url: str) -> None:
    async with Client.connect(url) as client:
        first = await client.call("sums", "add", {"a": 2, "b": 3}, key="k")
        again = await client.call("sums", "add", {"a": 2, "b": 3}, key="k")
        other = await client.call("sums", "add", {"a": 9, "b": 9}, key="k")
    assert first == again == Outcome("worker", 5)
    assert other.error and other.error.code == "conflict"
    assert ran == ["k"]


async def test_another_process_can_await_the_outcome(url: str) -> None:
    async with Client.connect(url) as one, Client.connect(url) as two:
        found: list[Outcome] = []

        async def wait() -> None:
            found.append(await two.outcome("sums", "c1"))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(partial(one.call, "sums", "hang", id="c1", timeout=1))
            await started.wait()
            tasks.start_soon(wait)
    assert found[0].error and found[0].error.code == "timeout"


async def test_who_waits_ends_a_call_whose_asker_died(url: str) -> None:
    async with Client.connect(url) as client:
        await client.publish("nobody", "works", within=0.05, id="c1")
        assert await client.outcome("nobody", "c1") == Outcome.withdrawn("deadline")


async def test_what_is_published_runs_while_nobody_waits(url: str) -> None:
    async with Client.connect(url) as client:
        call = await client.publish("sums", "add", {"a": 2, "b": 3}, key="k")
    async with Client.connect(url) as another:
        assert await another.outcome("sums", call) == Outcome("worker", 5)
    assert ran == ["k"]


async def test_what_is_published_twice_under_one_id_runs_once(url: str) -> None:
    async with Client.connect(url) as client:
        for _ in range(2):
            assert await client.publish("sums", "add", {"a": 2, "b": 3}, id="c1") == "c1"
        assert await client.outcome("sums", "c1") == Outcome("worker", 5)
    assert ran == ["c1"]


async def test_what_is_published_with_a_used_key_has_that_outcome_at_once(url: str) -> None:
    async with Client.connect(url) as client:
        await client.call("sums", "add", {"a": 2, "b": 3}, key="k")
        again = await client.publish("sums", "add", {"a": 2, "b": 3}, key="k")
        assert await client.outcome("sums", again) == Outcome("worker", 5)
    assert ran == ["k"]


async def claimed(link: Link) -> list[str]:
    """What a worker of the queue `desk` is given at once."""
    found = await StreamClaims(link, "desk", "w1").claim(10, 0.001)
    return [each.call.id for each in found]


async def test_a_live_call_is_taken_before_what_was_published_as_a_job(url: str) -> None:
    async with Client.connect(url) as client, connect(url) as link:
        await client.publish("desk", "tidy", id="job")
        await client.publish("desk", "greet", id="live", priority="live")
        assert await claimed(link) == ["live", "job"]


async def test_beyond_its_limit_a_tool_waits(url: str) -> None:
    async with Client.connect(url) as client, connect(url) as link:
        for name in "abc":
            await client.publish("desk", "tidy", id=name, limit=2)
        assert await claimed(link) == ["a", "b"]


async def test_beyond_its_rate_a_tool_waits(url: str) -> None:
    async with Client.connect(url) as client, connect(url) as link:
        for name in "abc":
            await client.publish("desk", "tidy", id=name, rate=Rate(calls=1, seconds=60))
        assert await claimed(link) == ["a"]


async def test_a_call_that_cannot_run_within_its_rate_is_an_outcome(url: str) -> None:
    once = Rate(calls=1, seconds=3600)
    async with Client.connect(url) as client:
        assert (await client.call("sums", "add", {"a": 2, "b": 3}, rate=once)).result == 5
        again = await client.call("sums", "add", {"a": 2, "b": 3}, rate=once, priority="job")
    assert again == Outcome.rate_limited()


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"limit": 0}, "a limit of 0"),
        ({"priority": "soon"}, "not soon"),
        ({"timeout": math.nan}, "a timeout is"),
        ({"timeout": math.inf}, "a timeout is"),
        ({"arguments": {"deep": json.loads("[" * 400 + "]" * 400)}}, "no JSON"),
        ({"arguments": {"what": object()}}, "no JSON"),
        ({"arguments": {"sum": math.nan}}, "no JSON"),
    ],
)
async def test_a_call_that_no_worker_could_read_is_not_made(
    url: str, given: dict[str, Any], error: str
) -> None:
    async with Client.connect(url) as client:
        with pytest.raises(UsageError, match=error):
            await client.publish("desk", "tidy", **given)
        with pytest.raises(UsageError, match=error):
            await client.call("desk", "tidy", **given)


async def test_a_call_that_nobody_made_is_the_askers_mistake(url: str) -> None:
    async with Client.connect(url) as client:
        with pytest.raises(UsageError, match="nobody has made a call c9 on queue sums"):
            await client.outcome("sums", "c9")


async def test_what_the_handler_reports_is_heard(url: str) -> None:
    heard: list[Progress] = []

    def hear(progress: Progress) -> None:
        heard.append(progress)
        proceed.set()

    async with Client.connect(url) as client:
        assert (await client.call("sums", "add", {"a": 2, "b": 3})).ok  # now it listens
        assert (await client.call("sums", "pause", progress=hear)).ok
    assert heard == [Progress("Pausing.")]


async def test_a_listener_that_fails_is_told_and_harms_nobody(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(progress: Progress) -> None:
        raise RuntimeError(progress.text)

    async with Client.connect(url) as client:
        waiting: Callable[..., Any] = _Waiting
        client._waiting["c1"] = [waiting(fail)]  # pyright: ignore[reportPrivateUsage]
        client._hear("c1", Progress("Hm."))  # pyright: ignore[reportPrivateUsage]
        assert (await client.call("sums", "add", {"a": 2, "b": 3})).ok
    assert "what hears its progress failed" in caplog.text


async def test_redis_that_is_away_is_raised(own_redis: RedisServer) -> None:
    async with Client.connect(own_redis.url) as client:
        own_redis.kill()
        with pytest.raises(QueueUnavailable):
            await client.call("sums", "add", {"a": 2, "b": 3})
        with pytest.raises(QueueUnavailable):
            await client.outcome("sums", "c1")


async def test_an_outage_while_waiting_is_ridden_out(own_redis: RedisServer) -> None:
    async with Client.connect(own_redis.url) as client:
        found: list[Outcome] = []
        answered = anyio.Event()

        async def ask() -> None:
            found.append(await client.call("sums", "add", {"a": 2, "b": 3}, timeout=50))
            answered.set()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            await _published(own_redis.url)
            own_redis.stop()
            own_redis.start()
            async with worker(own_redis.url):
                await answered.wait()
    assert found == [Outcome("worker", 5)]


async def _published(url: str) -> None:
    """Once a call lies in the queue `sums`."""
    async with connect(url) as link:
        await link.line().ask(("XREAD", "BLOCK", 0, "STREAMS", keys.work("sums"), "0"), math.inf)


async def test_what_the_block_raises_comes_through_as_it_is(url: str) -> None:
    with pytest.raises(KeyError):
        async with Client.connect(url):
            raise KeyError
