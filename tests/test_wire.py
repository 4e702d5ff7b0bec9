"""What `Wire` makes of the bytes of a server. The rest of a connection is in test_link.py."""

import asyncio
import math
import socket
from collections.abc import AsyncGenerator
from types import SimpleNamespace
from typing import Any

import anyio
import anyio.lowlevel
import hiredis
import pytest
from redis import exceptions as redis_errors

from orchestrator import wire as wire_module
from orchestrator.addresses import ServerAddress, address
from orchestrator.link import pack
from orchestrator.wire import Wire
from tests.redis_server import RedisServer

ANSWER = b"*2\r\n$1\r\na\r\n:7\r\n"
PUSH = b">2\r\n$10\r\ninvalidate\r\n_\r\n"


@pytest.fixture
async def ends() -> AsyncGenerator[tuple[Wire, socket.socket]]:
    """A wire and the server's end of it."""
    ours, theirs = socket.socketpair()
    reader, writer = await asyncio.open_connection(sock=ours)
    parser: Any = hiredis.Reader(encoding="utf-8", notEnoughData=object())
    opened = SimpleNamespace(_reader=parser)
    connection = SimpleNamespace(_parser=opened, _reader=reader, _writer=writer)
    with theirs:
        yield Wire(connection), theirs
    writer.close()


async def told(wire: Wire, theirs: socket.socket, *parts: bytes, commands: int = 1) -> list[Any]:
    """The replies when the server says this, a part at a time."""

    async def say() -> None:
        for part in parts:
            theirs.send(part)
            await anyio.wait_all_tasks_blocked()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(say)
        return await wire.exchange([b"PING\r\n"] * commands, math.inf)
    raise AssertionError


async def test_replies_are_whole_however_they_arrive(ends: tuple[Wire, socket.socket]) -> None:
    for cut in range(1, len(ANSWER)):
        parts = (ANSWER[:cut], ANSWER[cut:] + b"+OK\r\n")
        assert await told(*ends, *parts, commands=2) == [["a", 7], "OK"]


async def test_who_was_answered_in_time_ends_no_connection_later(
    ends: tuple[Wire, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    wire, theirs = ends
    loop, timers = asyncio.get_running_loop(), list[asyncio.TimerHandle]()
    call_at = loop.call_at

    def noted(*arguments: Any, **options: Any) -> asyncio.TimerHandle:
        timers.append(call_at(*arguments, **options))
        return timers[-1]

    theirs.send(b"+PONG\r\n")
    with monkeypatch.context() as patched:
        patched.setattr(loop, "call_at", noted)
        assert await wire.exchange([b"PING\r\n"], loop.time() + 60) == ["PONG"]
    assert [timer.cancelled() for timer in timers] == [True]


async def test_who_is_not_answered_in_time_hears_so(ends: tuple[Wire, socket.socket]) -> None:
    wire, _ = ends
    with pytest.raises(TimeoutError):
        await wire.exchange([b"PING\r\n"], 0.0)
    assert wire.lost


async def test_an_error_reply_is_a_reply(ends: tuple[Wire, socket.socket]) -> None:
    [error] = await told(*ends, b"-ERR no\r\n")
    assert str(error) == "ERR no"


async def test_what_is_pushed_is_no_reply(ends: tuple[Wire, socket.socket]) -> None:
    assert await told(*ends, PUSH + ANSWER + PUSH) == [["a", 7]]


async def test_what_redis_would_not_say_ends_the_connection(
    ends: tuple[Wire, socket.socket],
) -> None:
    wire, theirs = ends
    theirs.send(b"HTTP/1.1 400 Bad Request\r\n")
    with pytest.raises(ConnectionError, match="not what Redis says"):
        await wire.exchange([b"PING\r\n"], math.inf)
    assert wire.lost


async def test_a_connection_that_is_closed_meanwhile_is_lost(
    ends: tuple[Wire, socket.socket],
) -> None:
    wire, theirs = ends
    theirs.close()
    with pytest.raises(ConnectionError):
        await wire.exchange([b"PING\r\n"], math.inf)
    assert wire.lost


SUBSCRIBED = b">3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n+PONG\r\n"


def said(*words: str) -> bytes:
    return b"".join(pack(("message", "news", word)).replace(b"*", b">", 1) for word in words)


async def subscribed(wire: Wire, theirs: socket.socket, *behind: bytes) -> None:
    theirs.send(SUBSCRIBED + b"".join(behind))
    assert await wire.subscribe(b"SUBSCRIBE news\r\n", math.inf) == "PONG"


async def test_a_subscription_gives_what_is_said_from_its_beginning_on(
    ends: tuple[Wire, socket.socket],
) -> None:
    wire, theirs = ends
    await subscribed(wire, theirs, said("a", "b"))
    assert await wire.messages(0) == ["a", "b"]
    theirs.send(said("c") + PUSH + said("d"))
    assert await wire.messages(math.inf) == ["c", "d"]
    assert await wire.messages(0) == []


async def test_what_is_said_is_no_reply(ends: tuple[Wire, socket.socket]) -> None:
    wire, theirs = ends
    await subscribed(wire, theirs)
    assert await told(wire, theirs, said("a") + b"+PONG\r\n") == ["PONG"]
    assert await wire.messages(0) == ["a"]


async def test_a_subscription_that_is_refused_says_why(ends: tuple[Wire, socket.socket]) -> None:
    wire, theirs = ends
    theirs.send(b"-NOPERM no\r\n+PONG\r\n")
    assert str(await wire.subscribe(b"SUBSCRIBE news\r\n", math.inf)) == "NOPERM no"


async def test_who_waits_for_messages_hears_that_the_connection_is_lost(
    ends: tuple[Wire, socket.socket],
) -> None:
    wire, theirs = ends
    await subscribed(wire, theirs)
    theirs.close()
    with pytest.raises(ConnectionError):
        await wire.messages(math.inf)
    assert wire.lost


async def test_no_more_is_read_than_is_taken(
    ends: tuple[Wire, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire_module, "UNREAD", 2)
    wire, theirs = ends
    await subscribed(wire, theirs, said("a", "b", "c"))
    theirs.send(said("d"))
    await anyio.wait_all_tasks_blocked()
    assert await wire.messages(0) == ["a", "b", "c"]
    assert await wire.messages(math.inf) == ["d"]


@pytest.fixture
async def opened(shared_redis: RedisServer) -> AsyncGenerator[Any]:
    """A connection of redis-py to a real server, as it is taken over."""
    there = address(shared_redis.url)
    assert isinstance(there, ServerAddress)
    connection = there.pool.make_connection()
    await connection.connect()
    yield connection
    await connection.disconnect(nowait=True)


async def test_a_connection_of_redis_py_can_be_taken_over(opened: Any) -> None:
    wire = Wire(opened)
    size = 1_000_000  # more than is read at a time
    packed = [pack(("SET", "a", "b" * size)), pack(("GET", "a"))]
    with anyio.fail_after(30):
        assert await wire.exchange(packed, math.inf) == ["OK", "b" * size]
        [error] = await wire.exchange([pack(("NONSENSE",))], math.inf)
    assert isinstance(error, redis_errors.ResponseError)


@pytest.mark.parametrize("read", [0, 1], ids=["none of it", "half of it"])
async def test_a_connection_on_which_something_is_unread_is_not_taken_over(
    opened: Any, read: int
) -> None:
    await opened.send_packed_command(b"PING\r\n" * 2, check_health=False)
    for _ in range(read):
        assert await opened.read_response() == "PONG"
    with anyio.fail_after(30):
        while not await opened._parser.can_read():
            await anyio.lowlevel.checkpoint()
    with pytest.raises(ConnectionError, match="more than it was asked"):
        Wire(opened)
