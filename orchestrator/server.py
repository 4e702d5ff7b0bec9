"""A link to one server: connections, and what travels together.

A `ServerLink` owns one connection for everything that is answered at once. What is asked in one
turn of the event loop travels in one write, so that a process needs no pool.

This uses redis-py's `Connection`, which brings addresses, TLS, authentication and parsing, and
not its client, which costs more time per command than Redis does, reshapes replies and repeats
what failed.
"""

import asyncio
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from redis import exceptions as redis_errors

from orchestrator.addresses import ServerAddress
from orchestrator.errors import QueueUnavailable, ServiceError
from orchestrator.link import LIMIT, Command, Link, Reply, checked, new_enough, pack, translated
from orchestrator.wire import Wire

__all__ = ["ServerLine", "ServerLink"]

PATIENCE = 1000
"""Milliseconds within which the replicas must have what was written, where that is wanted."""

_ELSEWHERE = (redis_errors.ReadOnlyError, redis_errors.ConnectionError)
"""It is no longer the primary, or not there yet: a new connection may find the one that is."""


class ServerLine:
    """A `Line` to one server: one connection, opened when it is needed."""

    def __init__(self, pool: Any, place: str) -> None:
        self._connection: Any = pool.make_connection()
        self._wire: Wire | None = None
        self._place = place

    async def exchange(self, packed: Sequence[bytes], wait: float = 0.0) -> list[Reply]:
        """All replies in order, error replies as exceptions among them.

        `wait` is how long the commands may block, in seconds. Raises `QueueUnavailable`; it
        is then unknown which of the commands were carried out.
        """
        until = asyncio.get_running_loop().time() + wait + LIMIT
        try:
            wire = self._open() or await self._opened(until)
            replies = await wire.exchange(packed, until)
            for reply in replies:
                if isinstance(reply, _ELSEWHERE):
                    raise reply
            return replies
        except BaseException as error:
            raise await self._closed_by(error) from None

    async def ask(self, command: Command, wait: float = 0.0) -> Reply:
        [reply] = await self.exchange([pack(command)], wait)
        return checked(reply, self._place)

    async def hear(self, channel: str, wait: float) -> Sequence[str] | None:
        try:
            if wire := self._open():
                return await wire.messages(wait) or await self._silence(wire)
            until = asyncio.get_running_loop().time() + LIMIT
            wire = await self._opened(until)
            checked(await wire.subscribe(pack(("SUBSCRIBE", channel)), until), self._place)
            return None
        except BaseException as error:
            raise await self._closed_by(error) from None

    async def close(self) -> None:
        self._wire = None
        await self._connection.disconnect(nowait=True)

    async def _silence(self, wire: Wire) -> Sequence[str]:
        until = asyncio.get_running_loop().time() + LIMIT
        await wire.exchange([pack(("PING",))], until)  # is it still there?
        return ()

    def _open(self) -> Wire | None:
        return None if self._wire is None or self._wire.lost else self._wire

    async def _opened(self, until: float) -> Wire:
        async with asyncio.timeout_at(until):
            await self.close()
            await self._connection.connect()
        self._wire = Wire(self._connection)
        return self._wire

    async def _closed_by(self, error: BaseException) -> BaseException:
        """A connection whose exchange did not end is never used again."""
        await self.close()
        if isinstance(error, redis_errors.RedisError | OSError):
            return translated(error, self._place)
        return error


@dataclass(eq=False, slots=True)
class _Request:
    packed: list[bytes]
    replies: "asyncio.Future[list[Reply]]"


class ServerLink(Link):
    """A link to one server."""

    def __init__(self, at: ServerAddress) -> None:
        super().__init__(at.place)
        self._pool = at.pool
        self._replicas = at.replicas
        self._waiting: list[_Request] = []
        self._wake = asyncio.Event()
        self._closed = False
        self._line = self.new_line()
        self._lines.append(self._line)

    async def submit(self, commands: Sequence[Command]) -> list[Reply]:
        if self._closed:
            raise QueueUnavailable("this link is closed")
        future: asyncio.Future[list[Reply]] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Request([pack(command) for command in commands], future))
        self._wake.set()
        return await future

    def new_line(self) -> ServerLine:
        return ServerLine(self._pool, self._place)

    async def names(self, pattern: str) -> set[str]:
        found: set[str] = set()
        cursor = "0"
        while True:
            [(cursor, names)] = await self.ask(("SCAN", cursor, "MATCH", pattern))
            found.update(names)
            if cursor == "0":
                return found

    async def check(self) -> None:
        [hello] = await self.ask(("HELLO",))
        new_enough(hello, self._place)
        if hello.get("mode") == "cluster":
            raise ServiceError(
                f"Redis at {self._place} is a node of a cluster: begin its URL with redis+cluster://"
            )

    async def run(self) -> None:
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                while batch := self._take():
                    await self._send(batch)
        finally:
            self.shut()

    def shut(self) -> None:
        """Nothing more is sent: who waits hears of it, and who comes."""
        self._closed = True
        self._fail(self._take(), QueueUnavailable("this link is closed"))

    def _take(self) -> list[_Request]:
        """Everything that is waiting, but for what its asker has given up."""
        taken, self._waiting = self._waiting, []
        return [request for request in taken if not request.replies.done()]

    async def _send(self, batch: list[_Request]) -> None:
        try:
            replies = iter(await self._copied([p for each in batch for p in each.packed]))
        except ServiceError as error:
            # Whoever came meanwhile has waited as long, and would now wait again.
            self._fail(batch + self._take(), error)
            return
        except BaseException:
            self._fail(batch, QueueUnavailable("this link is closed"))
            raise
        for request in batch:
            mine = [next(replies) for _ in request.packed]
            if not request.replies.done():
                request.replies.set_result(mine)

    async def _copied(self, packed: Sequence[bytes]) -> list[Reply]:
        if not self._replicas:
            return await self._exchange(packed)
        wait = pack(("WAIT", self._replicas, PATIENCE))
        *replies, copies = await self._exchange([*packed, wait])
        if checked(copies, self._place) < self._replicas:
            raise QueueUnavailable(
                f"Redis at {self._place} is not available: "
                f"{copies} of {self._replicas} replicas have what was written"
            )
        return replies

    async def _exchange(self, packed: Sequence[bytes]) -> list[Reply]:
        began = time.monotonic()
        try:
            return await self._line.exchange(packed)
        except QueueUnavailable:
            return await self._line.exchange(packed, began - time.monotonic())  # what is left

    def _fail(self, requests: Iterable[_Request], error: ServiceError) -> None:
        for request in requests:
            if not request.replies.done():
                request.replies.set_exception(error)
