"""The one door to Redis: what can be asked, scripts and errors.

`Link` is what everybody sees, to a `server` or to a `cluster` of them. What is answered at once is
asked of the link itself. A blocking read takes a connection for itself (`Link.line`), and so does a
subscription (`Link.listen`).

Every command given to a `Link` must be idempotent: when its connection breaks, a batch is sent
once more over a new one. Replies are those of the wire (RESP3), with text decoded.

With `?replicas=N` in its URL a link believes an answer only when N replicas have what was written
until then (`WAIT`): what it was told then outlives the loss of the server that said so.
"""

import asyncio
import contextlib
import hashlib
import importlib.resources
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import anyio
import hiredis
from redis import exceptions as redis_errors

from orchestrator.addresses import Address, ServerAddress, address
from orchestrator.backoff import Backoff
from orchestrator.errors import QueueUnavailable, ServiceError

__all__ = [
    "LIMIT",
    "Command",
    "Line",
    "Link",
    "RedisRefused",
    "Reply",
    "Script",
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
_UNAVAILABLE_CODES = {"MISCONF", "NOREPLICAS", "BUSY", "UNKILLABLE", "UNBLOCKED"}
_REFUSED = (
    redis_errors.AuthenticationError,
    redis_errors.AuthorizationError,
    redis_errors.NoPermissionError,
)


_NOT_OF_THIS_KIND = {
    "cluster support disabled": "is no cluster: begin its URL with redis://",
    "unknown command 'SENTINEL'": "is no Sentinel: write redis://HOST:PORT for a Redis itself",
}
"""What a server answers to what the kind of its URL makes us ask, and what it means."""


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


_Act: TypeAlias = tuple[Script, Sequence[str], Command]
"""A script, its keys and its arguments."""


class Line(Protocol):
    """A connection for what may block; one exchange at a time."""

    async def ask(self, command: Command, wait: float = 0.0) -> Reply:
        """One reply, which may take `wait` seconds. Raises `QueueUnavailable` or `RedisRefused`."""
        ...

    async def hear(self, channel: str, wait: float) -> Sequence[str] | None:
        """What is said on a channel, the only one of this line: waits up to `wait` seconds for
        something. `None` says that the subscription stands (again): what was said before is lost.
        Raises `QueueUnavailable`.
        """
        ...

    async def close(self) -> None: ...


def pack(command: Command) -> bytes:
    packed: bytes = _hiredis.pack_command(tuple(command))
    return packed


def _by_sha(script: Script, keys: Sequence[str], args: Command) -> Command:
    return ("EVALSHA", script.sha, len(keys), *keys, *args)


def _by_text(script: Script, keys: Sequence[str], args: Command) -> Command:
    return ("EVAL", script.text, len(keys), *keys, *args)


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
    for said, meaning in _NOT_OF_THIS_KIND.items():
        if said in what:
            return RedisRefused(code, f"Redis at {place} {meaning}")
    return RedisRefused(code, f"Redis at {place}: {what}")


class Link(ABC):
    """Everything a process asks of one Redis, be it a server or a cluster. Made by `connect`.

    A cluster asks for one thing: the keys of one command, or one act, lie in one slot.
    """

    def __init__(self, place: str) -> None:
        self._place = place
        self._lines: list[Line] = []

    async def ask(self, *commands: Command) -> list[Reply]:
        """The replies to some commands, sent together. Raises `QueueUnavailable` after about
        two seconds, at worst after four, where others were asking already; or `RedisRefused` with
        the first error among the replies.
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
        [reply] = await self._run([(script, keys, args)])
        return checked(reply, self._place)

    async def act_all(self, acts: Sequence[_Act]) -> list[Reply | RedisRefused]:
        """Run some scripts, sent together, each an atomic act of its own: what is refused is so in
        its place. Raises `QueueUnavailable`.
        """
        return [self._or_refusal(reply) for reply in await self._run(acts)] if acts else []

    async def _run(self, acts: Sequence[_Act]) -> list[Reply]:
        replies = await self.submit([_by_sha(*act) for act in acts])
        unknown = [n for n, r in enumerate(replies) if isinstance(r, redis_errors.NoScriptError)]
        if unknown:
            again = await self.submit([_by_text(*acts[n]) for n in unknown])
            for n, reply in zip(unknown, again, strict=True):
                replies[n] = reply
        return replies

    def _or_refusal(self, reply: Reply) -> Reply | RedisRefused:
        try:
            return checked(reply, self._place)
        except RedisRefused as refusal:
            return refusal

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
                    heard = await line.hear(channel, SILENCE)
                except QueueUnavailable:
                    await anyio.sleep(backoff.next())
                    continue
                backoff.reset()
                for message in (None,) if heard is None else heard:
                    yield message
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
    # Both need this module.
    if isinstance(there, ServerAddress):
        from orchestrator.server import ServerLink

        return ServerLink(there)
    from orchestrator.cluster import ClusterLink

    return ClusterLink(there)
