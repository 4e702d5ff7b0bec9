"""What is sent to sessions from outside: one contract, in memory and on Redis."""

from collections.abc import AsyncGenerator

import anyio
import pytest

from orchestrator.dispatch import keys
from orchestrator.interfaces import Signal, Signals
from orchestrator.link import Link, connect
from orchestrator.memory import MemoryBroker, MemorySignals
from orchestrator.signals import RedisSignals
from tests.redis_server import RedisServer

LIMIT = 30.0


@pytest.fixture
async def link(shared_redis: RedisServer) -> AsyncGenerator[Link]:
    async with connect(shared_redis.url) as link:
        await link.ask(("FLUSHALL",))
        yield link


@pytest.fixture(params=["memory", "redis"])
def signals(request: pytest.FixtureRequest, link: Link) -> Signals:
    return MemorySignals(MemoryBroker()) if request.param == "memory" else RedisSignals(link)


async def first(
    signals: Signals, number: int, session: str = "s1", after: str = "0-0"
) -> list[Signal]:
    found: list[Signal] = []
    with anyio.fail_after(LIMIT):
        async for signal in signals.received(session, after):
            found.append(signal)
            if len(found) == number:
                break
    return found


async def test_what_was_sent_before_comes_in_its_order(signals: Signals) -> None:
    entry = await signals.send("s1", "closing", {"minutes": 5, "who": "Zoë"})
    await signals.send("s1", "news", {})
    one, two = await first(signals, 2)
    assert one == Signal(entry, "closing", {"minutes": 5, "who": "Zoë"})
    assert (two.name, two.data) == ("news", {})


async def test_what_is_sent_while_somebody_reads_comes_too(signals: Signals) -> None:
    found: list[Signal] = []
    async with anyio.create_task_group() as tasks:

        async def read() -> None:
            found.extend(await first(signals, 1))

        tasks.start_soon(read)
        await anyio.lowlevel.checkpoint()
        await signals.send("s1", "news", {"n": 1})
    assert [signal.data for signal in found] == [{"n": 1}]


async def test_a_session_reads_its_own_only(signals: Signals) -> None:
    await signals.send("s2", "other", {})
    await signals.send("s1", "own", {})
    assert [signal.name for signal in await first(signals, 1)] == ["own"]


async def test_what_was_read_before_does_not_come_again(signals: Signals) -> None:
    entry = await signals.send("s1", "first", {})
    await signals.send("s1", "second", {})
    assert [signal.name for signal in await first(signals, 1, after=entry)] == ["second"]


async def test_what_is_no_signal_is_passed_over(
    link: Link, caplog: pytest.LogCaptureFixture
) -> None:
    for data in ("5", "{"):
        await link.ask(("XADD", keys.inbox("s1"), "*", "signal", "bad", "data", data))
    await link.ask(("XADD", keys.inbox("s1"), "*", "noise", "x"))
    await RedisSignals(link).send("s1", "good", {})
    assert [signal.name for signal in await first(RedisSignals(link), 1)] == ["good"]
    assert len(caplog.records) == 3


async def test_an_inbox_does_not_stay_for_ever(link: Link) -> None:
    await RedisSignals(link).send("s1", "news", {})
    [left] = await link.ask(("TTL", keys.inbox("s1")))
    assert 0 < left <= 86_400
