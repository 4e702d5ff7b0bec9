"""What handlers report reaches who asked, through memory and through Redis alike."""

import json
import math
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager

import anyio
import anyio.to_thread
import pytest

from orchestrator.dispatch import keys
from orchestrator.dispatch.call import Call, Message, Outcome, Progress
from orchestrator.dispatch.news import UNREAD, News
from orchestrator.dispatch.progress import REPORT, TEXT, StreamProgress
from orchestrator.dispatch.streams import StreamCalls
from orchestrator.interfaces import Calls
from orchestrator.link import Link
from orchestrator.memory import MemoryBroker, MemoryCalls
from tests.dispatch.samples import CALL, other
from tests.redis_server import subscribed

Tell = Callable[[Call, Progress], None]


@asynccontextmanager
async def telling(link: Link) -> AsyncGenerator[Tell]:
    async with anyio.create_task_group() as tasks:
        progress = StreamProgress(link)
        tasks.start_soon(progress.run)
        yield progress.tell
        tasks.cancel_scope.cancel()


@pytest.fixture(params=["memory", "redis"])
async def both(request: pytest.FixtureRequest, link: Link) -> AsyncGenerator[tuple[Calls, Tell]]:
    """An asker, and how handlers tell it something."""
    if request.param == "memory":
        broker = MemoryBroker()
        calls = MemoryCalls(broker, "asker")
        async with reading(calls):
            yield calls, broker.tell
    else:
        calls = StreamCalls(link, "asker")
        async with telling(link) as tell, reading(calls):
            await subscribed(link, keys.replies("asker"))
            yield calls, tell


@asynccontextmanager
async def reading(calls: Calls) -> AsyncGenerator[AsyncIterator[tuple[str, Progress]]]:
    """The reports, while outcomes are read beside."""

    async def read() -> None:
        async for _ in calls.settled():
            pass

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(read)
        with anyio.fail_after(30):
            yield calls.progressed()
        tasks.cancel_scope.cancel()


async def test_a_report_reaches_who_asked(both: tuple[Calls, Tell]) -> None:
    calls, tell = both
    await calls.publish(CALL)
    reports = calls.progressed()
    tell(CALL, Progress("Half of it."))
    assert await anext(reports) == (CALL.id, Progress("Half of it."))
    tell(CALL, Progress(data={"done": [1, 2]}))
    assert await anext(reports) == (CALL.id, Progress(data={"done": [1, 2]}))


async def test_of_several_at_once_the_newest_arrives(both: tuple[Calls, Tell]) -> None:
    calls, tell = both
    await calls.publish(CALL)
    await calls.publish(other(2))
    for text in ("One.", "Two.", "Three."):
        tell(CALL, Progress(text))
    tell(other(2), Progress("Four."))
    reports = calls.progressed()
    assert [await anext(reports), await anext(reports)] == [
        (CALL.id, Progress("Three.")),
        (other(2).id, Progress("Four.")),
    ]


async def test_what_nobody_waits_for_any_more_is_not_told(both: tuple[Calls, Tell]) -> None:
    calls, tell = both
    await calls.publish(CALL)
    await calls.publish(other(2))
    await calls.withdraw(CALL, "cancel")
    tell(CALL, Progress("Too late."))
    tell(other(2), Progress("In time."))
    assert await anext(calls.progressed()) == (other(2).id, Progress("In time."))


@pytest.mark.parametrize("both", ["redis"], indirect=True)
async def test_a_thread_can_tell(both: tuple[Calls, Tell]) -> None:
    calls, tell = both
    await calls.publish(CALL)
    await anyio.to_thread.run_sync(tell, CALL, Progress("From a thread."))
    assert await anext(calls.progressed()) == (CALL.id, Progress("From a thread."))


async def test_a_report_is_as_documented_and_bounded(link: Link) -> None:
    line, channel = link.line(), keys.replies("asker")
    assert await line.hear(channel, 0) is None
    async with telling(link) as tell:
        tell(CALL, Progress("é" * 1000, {"long": "x" * REPORT}))
        with anyio.fail_after(30):
            [told] = await line.hear(channel, math.inf) or [""]
    report = {"text": "é" * TEXT, "data": None}
    assert json.loads(told) == {"call": CALL.id, "outcome": None, "progress": report}


async def test_a_report_beside_an_outcome_is_no_outcome(
    link: Link, caplog: pytest.LogCaptureFixture
) -> None:
    calls = StreamCalls(link, "asker")
    await calls.publish(CALL)
    done, channel = Outcome("worker", "done"), keys.replies("asker")
    settled = calls.settled()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(say_when_heard, link, channel, CALL.id, done)
        with anyio.fail_after(30):
            assert await anext(settled) == (CALL.id, done)
    assert not caplog.records


async def say_when_heard(link: Link, channel: str, call: str, outcome: Outcome) -> None:
    await subscribed(link, channel)
    said = (Message(call, progress=Progress("Hm.")), Message(call), Message(call, outcome))
    await link.ask(*(("PUBLISH", channel, each.to_json()) for each in said))


async def test_news_that_nobody_takes_is_bounded() -> None:
    news = News()
    for number in range(UNREAD + 5):
        news.put(f"c{number}", Progress())
    assert len(await news.take()) == UNREAD
