"""The one door to Redis: connections, pipelining, scripts and errors.

`Link` is what everybody else sees. `ServerLink` is one to a single server; `cluster` has one of
those for each node.

A `ServerLink` owns one connection for everything that is answered at once. What is asked in one
turn of the event loop travels in one write, so that a process needs no pool. A blocking read takes
a connection for itself (`Link.line`), and so does a subscription (`Link.listen`).

This uses redis-py's `Connection`, which brings addresses, TLS, authentication and parsing, and
not its client, which costs more time per command than Redis does. Replies are therefore those
of the wire (RESP3), with text decoded; redis-py's reshaping, old or new, never happens.

Every command given to a `Link` must be idempotent: when its connection breaks, a batch is sent
once more over a new one. redis-py itself repeats nothing.

With `?replicas=N` in its URL a link believes an answer only when N replicas have what was written
until then (`WAIT`): what it was told then outlives the loss of the server that said so.
"""

import asyncio
import contextlib
import hashlib
import importlib.resources
import math
import random
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import anyio
import hiredis
from redis import exceptions as redis_errors

from orchestrator.addresses import Address, ServerAddress, address
from orchestrator.errors import QueueUnavailable, ServiceError
from orchestrator.wire import Wire

__all__ = [
    "LIMIT",
    "Backoff",
    "Command",
    "Line",
    "Link",
    "RedisRefused",
    "Reply",
    "Script",
    "ServerLine",
    "ServerLink",
    "checked",
    "connect",
    "new_enough",
    "pack",
    "translated",
]

Command: TypeAlias = Sequence[str | int | float]
Reply: TypeAlias = Any  # str, int, None, or lists and dicts of these

# The types that it brings along are partial.
_hiredis: Any = hiredis

LIMIT = 2.0
"""Seconds within which Redis must answer, connecting included."""
SILENCE = 10.0
"""Seconds without a message after which a subscription asks whether Redis is there."""
PATIENCE = 1000
"""Milliseconds within which the replicas must have what was written, where that is wanted."""
OLDEST = 7
"""The major version of Redis that has every command used here."""

_UNAVAILABLE = (
    redis_errors.ConnectionError,
    redis_errors.TimeoutError,
    redis_errors.OutOfMemoryError,
    redis_errors.ReadOnlyError,
    redis_errors.MasterDownError,
    redis_errors.ClusterDownError,
    redis_errors.TryAgainError,
    redis_errors.AskError,  # and MovedError: a slot is on its way
    OSError,
    TimeoutError,
)
_ELSEWHERE = (redis_errors.ReadOnlyError, redis_errors.ConnectionError)
"""It is no longer the primary, or not there yet: a new connection may find the one that is."""
_UNAVAILABLE_CODES = {"MISCONF", "NOREPLICAS", "BUSY", "UNKILLABLE", "UNBLOCKED"}
_REFUSED = (
    redis_errors.AuthenticationError,
    redis_errors.AuthorizationError,
    redis_errors.NoPermissionError,
)


class RedisRefused(ServiceError):
    """Redis answered with an error; `code` is its first word (`NOGROUP`, `WRONGPASS`, …)."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Script:
    """A Lua act. Redis knows it by its SHA-1 once it has seen the text."""

    text: str
    sha: str

    @classmethod
    def load(cls, package: str, *names: str) -> "Script":
        """The texts of these files, one after another."""
        files = importlib.resources.files(package)
        text = "\n".join(files.joinpath(name).read_text("utf-8") for name in names)
        return cls(text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


class Backoff:
    """Growing pauses with jitter, in seconds, so that a crowd does not come back in step."""

    def __init__(self, first: float = 0.05, most: float = 2.0) -> None:
        self._first, self._most = first, most
        self._failures = 0

    def next(self) -> float:
        pause = min(self._most, self._first * 2.0**self._failures)
        self._failures += 1
        return random.uniform(pause / 2, pause)

    def reset(self) -> None:
        self._failures = 0


class Line(Protocol):
    """A connection for what may block; one exchange at a time."""

    async def ask(self, command: Command, wait: float = 0.0) -> Reply:
        """One reply, which may take `wait` seconds. Raises `QueueUnavailable` or `RedisRefused`."""
        ...

    def subscribe(self, channel: str) -> AsyncIterator[str | None]:
        """`None` once the subscription stands, then messages. Raises `QueueUnavailable`."""
        ...

    async def close(self) -> None: ...


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
        try:
            async with asyncio.timeout(wait + LIMIT):
                wire = self._wire
                if wire is None or wire.lost:
                    wire = self._wire = await self._opened()
                replies = await wire.exchange(packed)
            for reply in replies:
                if isinstance(reply, _ELSEWHERE):
                    raise reply
            return replies
        except BaseException as error:
            raise await self._closed_by(error) from None

    async def ask(self, command: Command, wait: float = 0.0) -> Reply:
        [reply] = await self.exchange([pack(command)], wait)
        return checked(reply, self._place)

    async def subscribe(self, channel: str) -> AsyncIterator[str | None]:
        try:
            with anyio.fail_after(LIMIT):
                await self._connection.connect()
                await self._connection.send_command("SUBSCRIBE", channel, check_health=False)
                await self._pushed(math.inf)
            yield None
            while True:
                kind, *rest = await self._pushed(SILENCE) or await self._alive()
                if kind == "message":
                    yield rest[1]
        except BaseException as error:
            raise await self._closed_by(error) from None

    async def close(self) -> None:
        self._wire = None
        await self._connection.disconnect(nowait=True)

    async def _opened(self) -> Wire:
        await self.close()
        await self._connection.connect()
        return Wire(self._connection)

    async def _pushed(self, wait: float) -> Sequence[Any] | None:
        pushed: Sequence[Any] | None = await self._connection.read_response(
            timeout=wait, push_request=True
        )
        return pushed

    async def _alive(self) -> Sequence[Any]:
        await self._connection.send_command("PING", check_health=False)
        if (answer := await self._pushed(LIMIT)) is None:
            raise TimeoutError
        return ("pong",) if isinstance(answer, str) else answer

    async def _closed_by(self, error: BaseException) -> BaseException:
        """A connection whose exchange did not end is never used again."""
        await self.close()
        if isinstance(error, redis_errors.RedisError | OSError):
            return translated(error, self._place)
        return error


def pack(command: Command) -> bytes:
    packed: bytes = _hiredis.pack_command(tuple(command))
    return packed


def checked(reply: Reply, place: str) -> Reply:
    if isinstance(reply, Exception):
        raise translated(reply, place)
    return reply


def new_enough(hello: Mapping[str, Any], place: str) -> None:
    """Raise `ServiceError` unless who says this has every command that is used."""
    version = str(hello["version"])
    if int(version.partition(".")[0]) < OLDEST:
        raise ServiceError(f"Redis at {place} has version {version}; {OLDEST}.0 or newer is needed")


def translated(error: Exception, place: str) -> ServiceError:
    """What callers hear of an error at this place."""
    if isinstance(error, ServiceError):
        return error
    if error.args and isinstance(error.args[0], redis_errors.RedisError):
        error = error.args[0]  # redis-py wraps what a Unix socket's handshake raised
    code = getattr(error, "status_code", None) or str(error).partition(" ")[0]
    what = str(error) or "no answer in time"
    if isinstance(error, _REFUSED):
        return RedisRefused(code, f"Redis at {place} refuses us: {what}")
    if isinstance(error, _UNAVAILABLE) or code in _UNAVAILABLE_CODES:
        return QueueUnavailable(f"Redis at {place} is not available: {what}")
    return RedisRefused(code, f"Redis at {place}: {what}")


@dataclass(eq=False, slots=True)
class _Request:
    packed: list[bytes]
    replies: "asyncio.Future[list[Reply]]"


class Link(ABC):
    """Everything a process asks of one Redis, be it a server or a cluster. Made by `connect`.

    A cluster asks for one thing: the keys of one command, or one act, lie in one slot.
    """

    def __init__(self, place: str) -> None:
        self._place = place
        self._lines: list[Line] = []

    async def ask(self, *commands: Command) -> list[Reply]:
        """The replies to some commands, sent together. Raises `QueueUnavailable` after about
        two seconds at the latest, or `RedisRefused` with the first error among the replies.
        """
        replies = await self.submit(commands) if commands else []
        return [checked(reply, self._place) for reply in replies]

    async def ask_each(self, *commands: Command) -> list[Reply | ServiceError]:
        """As `ask`, but each answer by itself: what is wrong with one is in its place. Raises only
        what is wrong with all.
        """
        replies = await self.submit(commands) if commands else []
        told = [translated(r, self._place) if isinstance(r, Exception) else r for r in replies]
        if told and all(isinstance(each, ServiceError) for each in told):
            raise told[0]
        return told

    async def act(self, script: Script, keys: Sequence[str], args: Command) -> Reply:
        """Run a script; all its keys must lie in one slot. Raises as `ask` does."""
        [reply] = await self.act_all([(script, keys, args)])
        return reply

    async def act_all(self, acts: Sequence[tuple[Script, Sequence[str], Command]]) -> list[Reply]:
        """Run some scripts, sent together, each an atomic act of its own. Raises as `ask` does."""
        if not acts:
            return []
        rest = [(len(keys), *keys, *args) for _, keys, args in acts]
        first = zip(acts, rest, strict=True)
        replies = await self.submit([("EVALSHA", act[0].sha, *each) for act, each in first])
        for place, reply in enumerate(replies):
            if isinstance(reply, redis_errors.NoScriptError):
                text = acts[place][0].text
                [replies[place]] = await self.submit([("EVAL", text, *rest[place])])
        return [checked(reply, self._place) for reply in replies]

    def line(self) -> Line:
        """A connection for blocking reads. It closes with the link."""
        line = self.new_line()
        self._lines.append(line)
        return line

    async def listen(self, channel: str) -> AsyncIterator[str | None]:
        """Messages of a channel, over any number of connections.

        `None` says that the subscription stands (again): what was said before is lost.
        """
        line, backoff = self.line(), Backoff()
        try:
            while True:
                try:
                    async for message in line.subscribe(channel):
                        backoff.reset()
                        yield message
                except QueueUnavailable:
                    await anyio.sleep(backoff.next())
        finally:
            self._lines.remove(line)
            await line.close()

    @abstractmethod
    async def submit(self, commands: Sequence[Command]) -> list[Reply]:
        """The replies to at least one command, error replies as exceptions among them, and
        `QueueUnavailable` for those whose node of a cluster is not.

        Raises `QueueUnavailable` for all. It is then unknown which of them were carried out.
        """

    @abstractmethod
    def new_line(self) -> Line: ...

    @abstractmethod
    async def names(self, pattern: str) -> set[str]:
        """The keys that match, in which `*` stands for any text. Raises as `ask` does."""

    @abstractmethod
    async def check(self) -> None:
        """Raise `ServiceError` unless this Redis is there, lets us in and is new enough."""

    @abstractmethod
    async def run(self) -> None:
        """Send what is asked, for ever. `connect` runs this."""

    async def aclose(self) -> None:
        for line in self._lines:
            await line.close()


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


@contextlib.asynccontextmanager
async def connect(url: str) -> AsyncGenerator[Link]:
    """A link to the Redis at a URL (docs/deploy.md has its forms), checked, open for the block.

    `?replicas=N` in the URL: see the top of this file.

    Raises `UsageError` for a URL that is none, `ServiceError` when that Redis is not usable.
    """
    link = _link(address(url))
    # A plain task: a task group would wrap what the block raises into a group.
    sender = asyncio.create_task(link.run())
    try:
        await link.check()
        yield link
    finally:
        sender.cancel()
        with anyio.CancelScope(shield=True), contextlib.suppress(asyncio.CancelledError):
            await sender
        await link.aclose()


def _link(there: Address) -> Link:
    if isinstance(there, ServerAddress):
        return ServerLink(there)
    from orchestrator.cluster import ClusterLink  # which needs this module

    return ClusterLink(there)
