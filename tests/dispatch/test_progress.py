"""What handlers report reaches who asked, through memory and through Redis alike."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager

import anyio
import anyio.to_thread
import pytest

from orchestrator.dispatch import keys
from orchestrator.dispatch.call import Call, Outcome, Progress
from orchestrator.dispatch.news import UNREAD, News
from orchestrator.dispatch.progress import ENTRY, TEXT, StreamProgress, heard
from orchestrator.dispatch.streams import StreamCalls
from orchestrator.interfaces import Calls
from orchestrator.link import Link
from orchestrator.memory import MemoryBroker, MemoryCalls
from tests.dispatch.samples import CALL, other

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
        yield MemoryCalls(broker, "asker"), broker.tell
    else:
        async with telling(link) as tell:
            yield StreamCalls(link, "asker"), tell


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
    async with reading(calls) as reports:
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
    async with reading(calls) as reports:
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
    async with reading(calls) as reports:
        assert await anext(reports) == (other(2).id, Progress("In time."))


async def test_a_thread_can_tell(link: Link) -> None:
    calls = StreamCalls(link, "asker")
    await calls.publish(CALL)
    async with telling(link) as tell, reading(calls) as reports:
        await anyio.to_thread.run_sync(tell, CALL, Progress("From a thread."))
        assert await anext(reports) == (CALL.id, Progress("From a thread."))


async def test_an_entry_is_as_documented_and_bounded(link: Link) -> None:
    calls = StreamCalls(link, "asker")
    await calls.publish(CALL)
    async with telling(link) as tell, reading(calls) as reports:
        tell(CALL, Progress("é" * 1000, {"long": "x" * ENTRY}))
        assert await anext(reports) == (CALL.id, Progress("é" * TEXT))
    [[[_, fields]]] = await link.ask(("XRANGE", keys.replies("asker"), "-", "+"))
    assert fields == ["call", CALL.id, "progress", Progress("é" * TEXT).to_json()]


async def test_a_report_beside_an_outcome_is_no_outcome(
    link: Link, caplog: pytest.LogCaptureFixture
) -> None:
    calls = StreamCalls(link, "asker")
    await calls.publish(CALL)
    done = Outcome("worker", "done")
    stream = keys.replies("asker")
    await link.ask(
        ("XADD", stream, "*", "call", CALL.id, "progress", Progress("Hm.").to_json()),
        ("XADD", stream, "*", "call", CALL.id, "progress", "no JSON"),
        ("XADD", stream, "*", "call", CALL.id, "queue", CALL.queue, "outcome", done.to_json()),
    )
    with anyio.fail_after(30):
        assert await anext(calls.settled()) == (CALL.id, done)
    assert not caplog.records


@pytest.mark.parametrize("fields", [{}, {"call": "c"}, {"call": "c", "progress": "[1]"}])
def test_what_is_no_report_is_none(fields: dict[str, str]) -> None:
    assert heard(fields) is None


async def test_news_that_nobody_takes_is_bounded() -> None:
    news = News()
    for number in range(UNREAD + 5):
        news.put(f"c{number}", Progress())
    assert len(await news.take()) == UNREAD
