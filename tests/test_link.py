"""Connections, and what they say when they fail."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Sequence
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from anyio.abc import SocketAttribute, SocketStream

from orchestrator import link as link_module
from orchestrator import server as server_module
from orchestrator.addresses import ServerAddress, address
from orchestrator.backoff import Backoff
from orchestrator.errors import QueueUnavailable, ServiceError, UsageError
from orchestrator.link import Link, RedisRefused, Script, connect, pack
from orchestrator.server import ServerLink
from orchestrator.wire import Wire
from tests.redis_server import RedisServer, free_port, running_redis

SECRET = "hunter2-swordfish"


@pytest.fixture
async def link(shared_redis: RedisServer) -> AsyncGenerator[Link]:
    async with connect(shared_redis.url) as link:
        await link.ask(("FLUSHALL",))
        yield link


async def opened(url: str) -> None:
    async with connect(url):
        pass


async def test_what_is_asked_at_once_is_answered_in_order(link: Link) -> None:
    found: list[int] = []

    async def count() -> None:
        found.extend(await link.ask(("INCR", "n"), ("INCR", "n")))

    async with anyio.create_task_group() as tasks:
        for _ in range(100):
            tasks.start_soon(count)
    assert found == list(range(1, 201))


async def test_an_asker_that_is_cancelled_does_not_disturb_the_others(link: Link) -> None:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(link.ask, ("SET", "a", "1"))
        await anyio.lowlevel.checkpoint()
        tasks.cancel_scope.cancel()
    assert await link.ask(("ECHO", "still here")) == ["still here"]


async def test_an_error_reply_is_its_askers_alone(link: Link) -> None:
    async def wrong() -> None:
        with pytest.raises(RedisRefused) as caught:
            await link.ask(("INCR", "text"))
        assert caught.value.code == "ERR"

    await link.ask(("SET", "text", "abc"))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(wrong)
        assert await link.ask(("GET", "text")) == ["abc"]


async def test_a_link_outlives_its_connections(own_redis: RedisServer) -> None:
    async with connect(own_redis.url) as link:
        await link.ask(("SET", "a", "1"))
        own_redis.kill()
        with pytest.raises(QueueUnavailable, match="not available"):
            await link.ask(("GET", "a"))
        own_redis.start()
        assert await link.ask(("GET", "a")) == ["1"]


async def test_a_closed_link_says_so(shared_redis: RedisServer) -> None:
    async with connect(shared_redis.url) as link:
        pass
    with pytest.raises(QueueUnavailable, match="closed"):
        await link.ask(("PING",))


async def test_an_asker_that_is_cancelled_costs_nobody_a_connection(link: Link) -> None:
    [before] = await link.ask(("CLIENT", "ID"))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(link.ask, ("PING",))
        await anyio.lowlevel.checkpoint()
        await anyio.lowlevel.checkpoint()  # it is under way
        tasks.cancel_scope.cancel()
    assert await link.ask(("CLIENT", "ID")) == [before]


async def test_who_asks_again_and_again_holds_up_nobody(link: Link) -> None:
    asked = 0

    async def insist() -> None:
        nonlocal asked
        while True:
            await link.ask(("PING",))
            asked += 1

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(insist)
        await anyio.lowlevel.checkpoint()
        with anyio.fail_after(30):
            for _ in range(5):
                before = asked
                assert await link.ask(("PING",)) == ["PONG"]
                assert asked <= before + 2
        tasks.cancel_scope.cancel()


def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many commands are sent from now on, by each write."""
    sent, send = list[int](), Wire.send

    def count(wire: Wire, packed: Sequence[bytes], *rest: Any) -> None:
        sent.append(len(packed))
        send(wire, packed, *rest)

    monkeypatch.setattr(Wire, "send", count)
    return sent


async def test_acts_are_sent_together(link: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    one = (script("return 1"), (), ())
    assert await link.act_all([one] * 2) == [1, 1]  # it is known now
    sent = counted(monkeypatch)
    assert await link.act_all([one] * 10) == [1] * 10
    assert sent == [10]


async def test_what_redis_py_makes_of_nonsense_while_it_connects_ends_no_link(
    link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(link, ServerLink)
    line = link._line  # pyright: ignore[reportPrivateUsage]

    async def fail() -> None:
        raise AttributeError("'str' object has no attribute 'get'")

    line.leave()
    with monkeypatch.context() as patched:
        patched.setattr(line._connection, "connect", fail)  # pyright: ignore[reportPrivateUsage]
        with pytest.raises(QueueUnavailable, match="no attribute 'get'"):
            await link.ask(("PING",))
    assert await link.ask(("PING",)) == ["PONG"]


async def test_a_fault_of_ours_leaves_nobody_waiting(
    link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a fault")

    with monkeypatch.context() as patched, anyio.fail_after(30):
        patched.setattr(server_module, "_hand_out", fail)
        with pytest.raises(RuntimeError, match="a fault"):
            await link.ask(("PING",))
    assert await link.ask(("PING",)) == ["PONG"]


async def test_a_server_that_knows_no_script_costs_one_more_round(
    link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    echo = script("return ARGV[1]")
    await link.ask(("SCRIPT", "FLUSH"))
    sent = counted(monkeypatch)
    acts = [(echo, (), (number,)) for number in range(3)]
    assert await link.act_all(acts) == ["0", "1", "2"]
    assert sent == [3, 3]


async def test_a_link_that_closes_ends_what_is_connecting(shared_redis: RedisServer) -> None:
    there = address(shared_redis.url)
    assert isinstance(there, ServerAddress)
    link = ServerLink(there)
    connection = link._line._connection  # pyright: ignore[reportPrivateUsage]
    closed, connected = anyio.Event(), connection._connect

    async def slowly() -> None:
        await closed.wait()
        await connected()

    async def ask() -> None:
        with pytest.raises(QueueUnavailable, match="this link is closed"):
            await link.ask(("PING",))

    connection._connect = slowly
    sender = asyncio.create_task(link.run())
    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            await anyio.wait_all_tasks_blocked()
            sender.cancel()
            await asyncio.wait([sender])
            await link.aclose()
            closed.set()
    assert not connection.is_connected


async def test_what_is_cut_off_is_sent_once_more_and_then_given_up() -> None:
    """By a server that reads what it is asked, and goes."""
    asked = list[bytes]()

    async def serve(stream: SocketStream) -> None:
        async with stream:
            async for data in stream:
                if b"CLIENT" in data or b"HELLO" in data:
                    await stream.send(b"%1\r\n$7\r\nversion\r\n$5\r\n9.0.0\r\n" * data.count(b"*"))
                    continue
                asked.append(data)
                return

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = listener.extra(SocketAttribute.local_port)
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, serve)
        async with connect(f"redis://127.0.0.1:{port}") as link:
            with anyio.fail_after(30), pytest.raises(QueueUnavailable):
                await link.ask(("INCR", "a"))
        tasks.cancel_scope.cancel()
    assert asked == [pack(("INCR", "a"))] * 2


async def test_a_quiet_subscription_is_kept(link: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_module, "SILENCE", 0.001)
    listening = link.listen("news")
    with anyio.fail_after(30):
        assert await anext(listening) is None
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(publish_when_pinged, link)
            assert await anext(listening) == "hello"


async def publish_when_pinged(link: Link) -> None:
    """Once the subscription has asked whether Redis is there."""
    while True:
        [stats] = await link.ask(("INFO", "commandstats"))
        if "cmdstat_ping:" in stats:
            break
    await link.ask(("PUBLISH", "news", "hello"))


async def test_a_missing_redis_is_reported_with_its_place() -> None:
    with pytest.raises(QueueUnavailable, match=r"127\.0\.0\.1:1 "):
        await opened("redis://127.0.0.1:1/0")


@pytest.mark.parametrize(
    "url",
    [
        f"redis://user:{SECRET}@127.0.0.1:1/0",
        f"rediss://user:{SECRET}@127.0.0.1:1/0",
        f"unix://user:{SECRET}@/tmp/nowhere.sock",
        f"unix:///tmp/nowhere.sock?password={SECRET}",
        f"redis://user:{SECRET}/x@127.0.0.1:1/0",
        f"redis://user:{SECRET}@127.0.0.1:port/0",
        f"http://user:{SECRET}@127.0.0.1/",
        f"redis+cluster://user:{SECRET}@127.0.0.1:1,127.0.0.1:2",
        f"rediss+cluster://user:{SECRET}@127.0.0.1:1",
        f"redis+cluster://user:{SECRET}@127.0.0.1:1/1",
        f"redis+cluster://user:{SECRET}@127.0.0.1:one",
        f"redis+cluster://user:{SECRET}@,127.0.0.1:1",
        f"redis+cluster://127.0.0.1:1?unknown_option={SECRET}",
        f"redis+sentinel://user:{SECRET}@127.0.0.1:1,127.0.0.1:2/drill/0",
        f"rediss+sentinel://127.0.0.1:1/drill?sentinel_password={SECRET}",
        f"redis+sentinel://user:{SECRET}@127.0.0.1:1",
        f"redis+sentinel://127.0.0.1:1/drill?unknown_option={SECRET}",
        f"redis://127.0.0.1:1/0?unknown_option={SECRET}",
        SECRET,
    ],
)
async def test_a_password_is_never_in_an_error(url: str) -> None:
    with pytest.raises((ServiceError, UsageError)) as caught:
        await opened(url)
    told: BaseException | None = caught.value
    while told is not None:
        assert SECRET not in f"{told!s} {told!r}"
        told = told.__cause__ or (None if told.__suppress_context__ else told.__context__)


async def test_a_wrong_password_is_a_refusal(own_redis: RedisServer) -> None:
    async with connect(own_redis.url) as link:
        await link.ask(("CONFIG", "SET", "requirepass", "right"))
    with pytest.raises(RedisRefused, match="refuses us") as caught:
        await opened(f"{own_redis.url}?password={SECRET}")
    assert SECRET not in str(caught.value)
    with pytest.raises(RedisRefused, match="refuses us"):
        await opened(own_redis.url)
    await opened(f"{own_redis.url}?password=right")


async def told_by_a_server(reply: bytes) -> str:
    """What `connect` raises when every command is answered with `reply`."""

    async def serve(stream: SocketStream) -> None:
        async with stream:
            async for commands in stream:
                await stream.send(reply * commands.count(b"*"))

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = listener.extra(SocketAttribute.local_port)
    told = ""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, serve)
        try:
            await opened(f"redis://127.0.0.1:{port}")
        except ServiceError as error:
            told = str(error)
        tasks.cancel_scope.cancel()
    await listener.aclose()
    return told


async def test_an_old_redis_is_refused_by_its_version() -> None:
    hello = b"%2\r\n$7\r\nversion\r\n$6\r\n6.2.14\r\n$5\r\nproto\r\n:3\r\n"
    assert "has version 6.2.14; 7.0 or newer is needed" in await told_by_a_server(hello)


async def test_a_redis_without_hello_is_refused() -> None:
    told = await told_by_a_server(b"-ERR unknown command `HELLO`\r\n")
    assert "unknown command `HELLO`" in told


async def test_a_redis_that_is_loading_is_not_available_yet() -> None:
    told = await told_by_a_server(b"-LOADING Redis is loading the dataset in memory\r\n")
    assert "not available" in told


def test_pauses_grow_up_to_a_limit_and_start_again() -> None:
    backoff = Backoff(first=1.0, most=8.0)
    pauses = [backoff.next() for _ in range(6)]
    backoff.reset()
    pauses.append(backoff.next())
    for pause, whole in zip(pauses, [1, 2, 4, 8, 8, 8, 1], strict=True):
        assert whole / 2 <= pause <= whole


def test_pauses_stay_as_long_as_they_may_be_in_an_outage_of_hours() -> None:
    backoff = Backoff(first=1.0, most=8.0)
    pauses = [backoff.next() for _ in range(5_000)]
    assert all(4 <= pause <= 8 for pause in pauses[3:])


def script(text: str) -> Script:
    return Script(text, hashlib.sha1(text.encode()).hexdigest())


async def test_scripts_that_are_sent_together_are_answered_in_order(link: Link) -> None:
    double, echo = script("return ARGV[1] * 2"), script("return KEYS[1]")
    acts = [(double, (), (1,)), (echo, ("a",), ()), (double, (), (2,))]
    await link.act(double, (), (0,))  # Redis knows this one, and not the other
    assert [await link.act_all(acts) for _ in range(2)] == [[2, "a", 4]] * 2


async def test_one_script_that_fails_costs_those_it_is_sent_with_nothing(link: Link) -> None:
    fine, faulty = script("return 1"), script("return redis.call('GET')")
    refused, answer = await link.act_all([(faulty, (), ()), (fine, (), ())])
    assert isinstance(refused, RedisRefused)
    assert answer == 1


async def test_no_scripts_have_no_answers(link: Link) -> None:
    assert await link.act_all([]) == []


async def test_what_no_replica_has_does_not_count_where_replicas_are_wanted(
    shared_redis: RedisServer,
) -> None:
    with pytest.raises(QueueUnavailable, match="0 of 1 replicas have what was written"):
        await opened(f"{shared_redis.url}?replicas=1")


async def test_what_a_replica_has_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "PATIENCE", 15_000)
    monkeypatch.setattr(server_module, "LIMIT", 20.0)
    with running_redis({"port": str(free_port())}) as primary:
        options = {"port": str(free_port()), "replicaof": f"127.0.0.1 {primary.port}"}
        with running_redis(options) as replica:
            async with connect(primary.url) as link:
                line = link.line()
                await line.ask(("SET", "a", "0"))
                assert await line.ask(("WAIT", 1, 0), wait=20) == 1
            async with connect(f"{primary.url}?replicas=1") as link:
                await link.ask(("SET", "a", "1"))
            async with connect(replica.url) as there:
                assert await there.ask(("GET", "a")) == ["1"]


@pytest.mark.parametrize(
    "url, told",
    [
        ("redis://127.0.0.1:1/0?replicas=some", "its option 'replicas' is"),
        ("redis://127.0.0.1:1/0?db=1&foo=1", "its option 'foo' is"),
        ("redis+cluster://127.0.0.1:1?foo=1", "its option 'foo' is"),
        ("redis://user:pass?wo=rd@127.0.0.1:1/0?foo=1", "a port is no number"),
        ("redis://user:1?wo=rd@127.0.0.1:1/0", "its option is"),
        ("redis://127.0.0.1:port/0", "a port is no number"),
        ("redis+sentinel://127.0.0.1:1,127.0.0.1:99999/drill", "a port is no number"),
        ("http://127.0.0.1", r"not a Redis URL; expected .*\?replicas=N"),
    ],
)
async def test_what_is_wrong_with_a_url_is_named(url: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        await opened(url)
