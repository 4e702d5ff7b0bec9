"""A link to one server: connections, and what travels together.

A `ServerLink` owns one connection for everything that is answered at once. What is asked while an
answer is under way travels together in the next write, so that a process needs no pool. Between
the asker and the socket there is no task: who asks sends, and what arrives is handed out.

This uses redis-py's `Connection`, which brings addresses, TLS, authentication and parsing, and
not its client, which costs more time per command than Redis does, reshapes replies and repeats
what failed.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from redis import exceptions as redis_errors

from orchestrator.addresses import ServerAddress
from orchestrator.errors import QueueUnavailable, ServiceError
from orchestrator.link import LIMIT, Command, Link, Reply, checked, new_enough, pack, translated
from orchestrator.wire import Answer, Wire

__all__ = ["ServerLine", "ServerLink"]

PATIENCE = 1000
"""Milliseconds within which the replicas must have what was written, where that is wanted."""

TRIES = 2
"""How often a command is sent; that no connection could be opened for it counts as well."""
_ELSEWHERE = (redis_errors.ReadOnlyError, redis_errors.ConnectionError)
"""It is no longer the primary, or not there yet: a new connection may find the one that is."""


def _until(wait: float = 0.0) -> float:
    """When Redis must have answered what may block so long, on the clock of the event loop."""
    return asyncio.get_running_loop().time() + wait + LIMIT


class ServerLine:
    """A `Line` to one server: one connection, opened when it is needed."""

    def __init__(self, pool: Any, place: str) -> None:
        self._connection: Any = pool.make_connection()
        self._wire: Wire | None = None
        self._place = place

    @property
    def wire(self) -> Wire | None:
        """The open connection, if there is one."""
        return None if self._wire is None or self._wire.lost else self._wire

    async def open(self, until: float) -> None:
        """Raises `QueueUnavailable`, at the latest at `until` on the clock of the event loop."""
        try:
            await self._opened(until)
        except BaseException as error:
            raise await self._closed_by(error) from None

    async def exchange(self, packed: Sequence[bytes], wait: float = 0.0) -> list[Reply]:
        """All replies in order, error replies as exceptions among them.

        `wait` is how long the commands may block, in seconds. Raises `QueueUnavailable`; it
        is then unknown which of the commands were carried out.
        """
        until = _until(wait)
        try:
            wire = self.wire or await self._opened(until)
            replies = await wire.exchange(packed, until)
            if elsewhere := _elsewhere(replies):
                raise elsewhere
            return replies
        except BaseException as error:
            raise await self._closed_by(error) from None

    async def ask(self, command: Command, wait: float = 0.0) -> Reply:
        [reply] = await self.exchange([pack(command)], wait)
        return checked(reply, self._place)

    async def hear(self, channel: str, wait: float) -> Sequence[str] | None:
        try:
            if wire := self.wire:
                return await wire.messages(wait) or await self._silence(wire)
            until = _until()
            wire = await self._opened(until)
            checked(await wire.subscribe(pack(("SUBSCRIBE", channel)), until), self._place)
            return None
        except BaseException as error:
            raise await self._closed_by(error) from None

    def leave(self) -> None:
        """Whatever is asked next is asked over another connection."""
        wire, self._wire = self._wire, None
        if wire:
            wire.abort()  # to disconnect would wait for a server that does not read

    async def close(self) -> None:
        self.leave()
        await self._connection.disconnect(nowait=True)

    async def _silence(self, wire: Wire) -> Sequence[str]:
        await wire.exchange([pack(("PING",))], _until())  # is it still there?
        return ()

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
        if isinstance(error, Exception) and not isinstance(error, ServiceError):
            # What redis-py makes of an answer that is none: the next connection may do better.
            return QueueUnavailable(f"Redis at {self._place} is not available: {error!r}")
        return error


@dataclass(eq=False, slots=True)
class _Request:
    packed: list[bytes]
    until: float  # on the clock of the event loop
    replies: "asyncio.Future[list[Reply]]"
    tries: int = 0

    def fail(self, error: Exception) -> None:
        if not self.replies.done():
            self.replies.set_exception(error)


class ServerLink(Link):
    """A link to one server."""

    def __init__(self, at: ServerAddress) -> None:
        super().__init__(at.place)
        self._pool = at.pool
        self._replicas = at.replicas
        self._waiting: list[_Request] = []
        self._under_way: list[_Request] = []  # while the wire owes an answer
        self._wanted = asyncio.Event()  # a connection
        self._closed = False
        self._line = self.new_line()
        self._lines.append(self._line)

    async def submit(self, commands: Sequence[Command]) -> list[Reply]:
        if self._closed:
            raise QueueUnavailable("this link is closed")
        packed = [pack(command) for command in commands]
        request = _Request(packed, _until(), asyncio.get_running_loop().create_future())
        self._waiting.append(request)
        if not self._under_way:
            self._go_on()
        return await request.replies

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
                await self._wanted.wait()
                self._wanted.clear()
                while self._waiting and not self._line.wire:
                    await self._connect()
        finally:
            self.shut()

    def shut(self) -> None:
        """Nothing more is sent: who waits hears of it, and who comes."""
        self._closed = True
        for request in (*self._under_way, *self._take()):
            request.fail(QueueUnavailable("this link is closed"))

    async def _connect(self) -> None:
        try:
            await self._line.open(max(request.until for request in self._waiting))
        except ServiceError as error:
            waiting = self._take()
            for request in waiting:
                request.tries += 1
            self._try_again(waiting, error)
        else:
            self._go_on()

    def _go_on(self) -> None:
        """Send what is waiting; `run` sees to a connection, if there is none."""
        wire = self._line.wire
        if wire is None:
            self._wanted.set()
        elif batch := self._take():
            self._under_way = batch
            for request in batch:
                request.tries += 1
            packed = [each for request in batch for each in request.packed]
            if self._replicas:
                packed.append(pack(("WAIT", self._replicas, PATIENCE)))
            wire.send(packed, max(request.until for request in batch), self._answered)

    def _take(self) -> list[_Request]:
        """Everything that is waiting, but for what its asker has given up."""
        taken, self._waiting = self._waiting, []
        return [request for request in taken if not request.replies.done()]

    def _answered(self, answer: Answer) -> None:
        batch, self._under_way = self._under_way, []
        try:
            self._judge(batch, answer)
        except Exception as failure:  # of ours: else nobody would ever tell them
            self._line.leave()
            for request in batch:
                request.fail(failure)
        self._go_on()

    def _judge(self, batch: Sequence[_Request], answer: Answer) -> None:
        if isinstance(answer, OSError):
            self._try_again(batch, translated(answer, self._place))
        elif elsewhere := _elsewhere(answer):
            self._line.leave()
            self._try_again(batch, translated(elsewhere, self._place))
        elif self._replicas and (lacking := self._lacking(answer.pop())):
            for request in batch:
                request.fail(lacking)
        else:
            _hand_out(batch, answer)

    def _try_again(self, batch: Sequence[_Request], error: ServiceError) -> None:
        now, again = asyncio.get_running_loop().time(), list[_Request]()
        for request in batch:
            if self._closed or request.tries >= TRIES or request.until <= now:
                request.fail(error)
            else:
                again.append(request)
        self._waiting[:0] = again

    def _lacking(self, copies: Reply) -> ServiceError | None:
        """What is wrong where too few replicas have what was written."""
        if isinstance(copies, Exception):
            return translated(copies, self._place)
        if isinstance(copies, int) and copies >= self._replicas:
            return None
        return QueueUnavailable(
            f"Redis at {self._place} is not available: "
            f"{copies} of {self._replicas} replicas have what was written"
        )


def _elsewhere(replies: Iterable[Reply]) -> redis_errors.RedisError | None:
    return next((reply for reply in replies if isinstance(reply, _ELSEWHERE)), None)


def _hand_out(batch: Iterable[_Request], replies: Iterable[Reply]) -> None:
    given = iter(replies)
    for request in batch:
        mine = [next(given) for _ in request.packed]
        if not request.replies.done():
            request.replies.set_result(mine)
