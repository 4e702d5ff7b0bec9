"""The journal on Redis: order, repetition, and what happens while Redis is away."""

import logging
from collections.abc import AsyncGenerator, Mapping
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from orchestrator.dispatch import keys
from orchestrator.interfaces import Journal
from orchestrator.journal import RedisJournal
from orchestrator.link import Link, RedisRefused, connect
from orchestrator.memory import MemoryBroker, MemoryJournal
from tests.redis_server import RedisServer

HEADER: Mapping[str, Any] = {"flow": "restaurant", "hash": "ab12"}


def event(number: int) -> Mapping[str, Any]:
    return {"n": number, "said": "größer 🍕 \udc00"}


@pytest.fixture
async def link(own_redis: RedisServer) -> AsyncGenerator[Link]:
    async with connect(own_redis.url) as link:
        yield link


@pytest.fixture(params=["memory", "redis"])
def journals(request: pytest.FixtureRequest) -> list[Journal]:
    """Two handles on one session's journal, and one on another's."""
    sessions = ["s1", "s1", "s2"]
    if request.param == "memory":
        broker = MemoryBroker()
        return [MemoryJournal(broker, session) for session in sessions]
    link: Link = request.getfixturevalue("link")
    return [RedisJournal(session, link) for session in sessions]


async def written(journal: Journal, count: int) -> list[Mapping[str, Any]]:
    """The journal once it holds `count` entries."""
    with anyio.fail_after(30):
        while True:
            entries = list(await journal.read())
            if len(entries) >= count:
                return entries


async def test_entries_come_back_in_order(journals: list[Journal]) -> None:
    journal, reader, _ = journals
    await journal.append([HEADER])
    await journal.append([event(1), event(2)])
    await journal.append([])
    await journal.append([event(3)])
    assert list(await reader.read()) == [HEADER, event(1), event(2), event(3)]


async def test_each_session_has_its_own_journal(journals: list[Journal]) -> None:
    journal, _, another = journals
    await journal.append([HEADER])
    assert list(await another.read()) == []


async def test_a_successor_goes_on_where_the_journal_ends(journals: list[Journal]) -> None:
    journal, successor, _ = journals
    await journal.append([HEADER, event(1)])
    await successor.append([event(2)])
    assert list(await journal.read()) == [HEADER, event(1), event(2)]


async def test_a_journal_is_kept_for_a_week(link: Link) -> None:
    await RedisJournal("s1", link).append([HEADER])
    [seconds] = await link.ask(("TTL", keys.journal("s1")))
    assert 6 * 86400 < seconds <= 7 * 86400


async def test_two_processes_cannot_write_one_journal(link: Link) -> None:
    first, second = RedisJournal("s1", link), RedisJournal("s1", link)
    await first.append([HEADER])
    await second.append([event(1)])
    with pytest.raises(RedisRefused, match="another"):
        await first.append([event(2)])


async def test_who_has_read_a_journal_writes_after_what_it_read(link: Link) -> None:
    owner, successor = RedisJournal("s1", link), RedisJournal("s1", link)
    await owner.append([HEADER])
    assert list(await successor.read()) == [HEADER]
    await owner.append([event(1)])
    with pytest.raises(RedisRefused, match="another"):
        await successor.append([event(2)])
    assert list(await owner.read()) == [HEADER, event(1)]


async def test_entries_are_held_while_redis_is_away_and_written_in_order(
    own_redis: RedisServer, link: Link
) -> None:
    journal = RedisJournal("s1", link)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(journal.run)
        await journal.append([HEADER])
        own_redis.kill()
        for number in range(1200):
            await journal.append([event(number)])
        own_redis.start()
        assert await written(journal, 1201) == [HEADER, *map(event, range(1200))]
        await journal.append([event(1200)])
        assert len(await written(journal, 1202)) == 1202
        tasks.cancel_scope.cancel()


async def test_a_frozen_redis_delays_one_append_and_doubles_none(
    own_redis: RedisServer, link: Link
) -> None:
    journal = RedisJournal("s1", link)
    await journal.append([HEADER])
    own_redis.freeze()
    with anyio.fail_after(30):
        for number in range(100):
            await journal.append([event(number)])
    own_redis.thaw()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(journal.run)
        assert await written(journal, 101) == [HEADER, *map(event, range(100))]
        tasks.cancel_scope.cancel()


async def test_held_entries_are_written_when_the_session_ends(
    own_redis: RedisServer, link: Link
) -> None:
    journal = RedisJournal("s1", link)
    own_redis.kill()
    await journal.append([HEADER, event(1)])
    own_redis.start()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(journal.run)
        await anyio.lowlevel.checkpoint()
        tasks.cancel_scope.cancel()
    assert list(await journal.read()) == [HEADER, event(1)]


async def test_a_journal_past_its_bound_ends_without_a_gap(
    own_redis: RedisServer, link: Link, caplog: pytest.LogCaptureFixture
) -> None:
    journal = RedisJournal("s1", link, bound=3)
    await journal.append([HEADER])
    own_redis.kill()
    for number in range(6):
        await journal.append([event(number)])
    own_redis.start()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(journal.run)
        assert await written(journal, 4) == [HEADER, event(0), event(1), event(2)]
        tasks.cancel_scope.cancel()
    errors = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert ["ends here" in record.getMessage() for record in errors] == [True]
