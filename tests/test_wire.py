"""What `Wire` makes of the bytes of a server. The rest of a connection is in test_link.py."""

import asyncio
import socket
from collections.abc import AsyncGenerator
from types import SimpleNamespace
from typing import Any

import anyio
import hiredis
import pytest

from orchestrator.wire import Wire

ANSWER = b"*2\r\n$1\r\na\r\n:7\r\n"
PUSH = b">2\r\n$10\r\ninvalidate\r\n_\r\n"


@pytest.fixture
async def ends() -> AsyncGenerator[tuple[Wire, socket.socket]]:
    """A wire and the server's end of it."""
    ours, theirs = socket.socketpair()
    _, writer = await asyncio.open_connection(sock=ours)
    parser: Any = hiredis.Reader(encoding="utf-8", notEnoughData=object())
    connection = SimpleNamespace(_parser=SimpleNamespace(_reader=parser), _writer=writer)
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
        return await wire.exchange([b"PING\r\n"] * commands)
    raise AssertionError


async def test_replies_are_whole_however_they_arrive(ends: tuple[Wire, socket.socket]) -> None:
    for cut in range(1, len(ANSWER)):
        parts = (ANSWER[:cut], ANSWER[cut:] + b"+OK\r\n")
        assert await told(*ends, *parts, commands=2) == [["a", 7], "OK"]


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
        await wire.exchange([b"PING\r\n"])
    assert wire.lost


async def test_a_connection_that_is_closed_meanwhile_is_lost(
    ends: tuple[Wire, socket.socket],
) -> None:
    wire, theirs = ends
    theirs.close()
    with pytest.raises(ConnectionError):
        await wire.exchange([b"PING\r\n"])
    assert wire.lost
