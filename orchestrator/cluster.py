"""A link to a Redis Cluster: which node has which slot, and where commands are sent on to.

Every key lies in one of 16384 slots, and every slot has an owner, a node that is no replica. A
`ClusterLink` has a `ServerLink` to each node that it needs, so that what is asked of one node while
it answers travels together there, too. Each command goes to the owner of its first key; a node that
is not the owner, or is about to be none, names another one, and the command follows.

Who owns what is asked of all known nodes, at the start and again whenever a node was not reached.
The first answer that has an owner for every slot counts, or else the one that has most of them.
What a node refuses while a slot is on its way, or while the cluster replaces an owner, is tried
again for as long as a server may take to answer.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

import anyio
from redis import exceptions as redis_errors
from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot

from orchestrator.addresses import ClusterAddress, Node
from orchestrator.backoff import Backoff
from orchestrator.errors import QueueUnavailable, ServiceError
from orchestrator.link import (
    LIMIT,
    Command,
    Line,
    Link,
    RedisRefused,
    Reply,
    checked,
    new_enough,
    pack,
)
from orchestrator.server import ServerLine, ServerLink

__all__ = ["ClusterLink"]

T = TypeVar("T")
Send: TypeAlias = Callable[[Node, Sequence[Command]], Awaitable[Sequence[Reply]]]
"""Sends some commands to a node; the replies are those of `Link.submit`."""

RELEARN = 1.0
"""Seconds after which it is asked again whether a slot without an owner has one."""
_UNSAID = ("", "?", None)
"""What stands for a node's host where that is the one by which its teller was reached."""


class ClusterLink(Link):
    """A link to all nodes of a cluster. Where a node does not answer, asking takes about twice as
    long as with a single server, at worst.
    """

    def __init__(self, cluster: ClusterAddress) -> None:
        super().__init__(cluster.place)
        self._cluster = cluster
        self._known = set(cluster.nodes)
        self._owners: list[Node | None] = [None] * REDIS_CLUSTER_HASH_SLOTS
        self._stale = True
        self._learnt = 0.0  # on the monotonic clock
        self._learning = asyncio.Lock()
        self._links: dict[Node, ServerLink] = {}
        self._senders: dict[Node, asyncio.Task[None]] = {}
        self._closed = False

    async def submit(self, commands: Sequence[Command]) -> list[Reply]:
        return await self.routed(commands, lambda node, part: self._at(node).submit(part))

    def new_line(self) -> Line:
        return ClusterLine(self, self._cluster)

    async def names(self, pattern: str) -> set[str]:
        found = [await self._at(node).names(pattern) for node in await self.owners()]
        return set[str]().union(*found)

    async def check(self) -> None:
        await self._learn()
        node, hello = (await self._told_by_nodes(("HELLO",), lambda _: True))[-1]
        new_enough(hello, self._cluster.at(node).place)

    async def run(self) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            self._closed = True
            senders = tuple(self._senders.values())
            for node in tuple(self._links):
                self._leave(node)
            await asyncio.gather(*senders, return_exceptions=True)

    async def owners(self) -> Sequence[Node]:
        """All nodes that own slots. Raises `QueueUnavailable`."""
        await self._learn()
        return sorted({node for node in self._owners if node})

    def knows(self, node: Node) -> bool:
        return node in self._known

    def doubt(self) -> None:
        """A node was not reached: before anything else is sent, ask who owns what."""
        self._stale = True

    async def routed(self, commands: Sequence[Command], send: Send) -> list[Reply]:
        """The replies from wherever the commands' slots are, as `submit` gives them."""
        replies: dict[int, Reply] = {}
        until, pauses = time.monotonic() + LIMIT, Backoff(0.005, 0.1)
        while rest := [place for place in range(len(commands)) if place not in replies]:
            late = time.monotonic() > until
            await self._learn()
            groups = self._by_owner(commands, rest)
            asked = (self._told(node, [commands[p] for p in groups[node]], send) for node in groups)
            for places, told in zip(groups.values(), await _together(asked), strict=True):
                found = zip(places, told, strict=True)
                replies |= {p: reply for p, reply in found if late or not _elsewhere(reply)}
            if len(replies) < len(commands):
                await anyio.sleep(pauses.next())
        return [replies[place] for place in range(len(commands))]

    def _by_owner(
        self, commands: Sequence[Command], places: Iterable[int]
    ) -> Mapping[Node | None, Sequence[int]]:
        found: dict[Node | None, list[int]] = {}
        for place in places:
            found.setdefault(self._owners[_slot(commands[place])], []).append(place)
        return found

    async def _told(
        self, node: Node | None, commands: Sequence[Command], send: Send
    ) -> Sequence[Reply]:
        """What a node replies, or for once another one that it names. What is wrong with a node
        is the reply to its commands alone.
        """
        if node is None:
            return [self._lacking()] * len(commands)
        try:
            replies = list(await send(node, commands))
        except ServiceError as failure:
            return [await self._why_not(node, commands, failure)] * len(commands)
        for place, reply in enumerate(replies):
            if isinstance(reply, redis_errors.MovedError):
                self._owners[reply.slot_id] = _named(reply, node)
                self._known.add(_named(reply, node))
            elif isinstance(reply, redis_errors.AskError):
                replies[place] = await self._asked(_named(reply, node), commands[place], send)
            elif isinstance(reply, redis_errors.ClusterDownError):
                self.doubt()
        return replies

    async def _asked(self, node: Node, command: Command, send: Send) -> Reply:
        """The reply of a node to which the command's slot is on its way."""
        try:
            _, reply = await send(node, (("ASKING",), command))
        except ServiceError as failure:
            return failure
        return reply

    def _lacking(self) -> ServiceError:
        if time.monotonic() >= self._learnt + RELEARN:
            self.doubt()
        return QueueUnavailable(f"Redis at {self._place} is not whole: it lacks a node")

    async def _why_not(
        self, node: Node, commands: Sequence[Command], failure: ServiceError
    ) -> Exception:
        """`failure`, unless another node has taken that one's place."""
        if isinstance(failure, QueueUnavailable) and not self._closed:
            self.doubt()
            with contextlib.suppress(ServiceError):
                await self._learn()
                if all(self._owners[_slot(command)] != node for command in commands):
                    return redis_errors.TryAgainError("it was replaced")
        return failure

    async def _learn(self) -> None:
        """Ask who owns what, if that is in doubt. Raises `QueueUnavailable` or `RedisRefused`."""
        if not self._stale:
            return
        async with self._learning:
            if self._stale:
                told = await self._told_by_nodes(("CLUSTER", "SLOTS"), _is_whole)
                self._note(*max(told, key=lambda each: _owned(each[1])))
                self._stale, self._learnt = False, time.monotonic()

    def _note(self, teller: Node, ranges: Sequence[Sequence[Any]]) -> None:
        if not ranges:
            raise QueueUnavailable(f"Redis at {self._place} is not whole: no node has any slots")
        self._owners = [None] * REDIS_CLUSTER_HASH_SLOTS
        self._known = set(self._cluster.nodes)
        for first, last, *nodes in ranges:
            there = [(teller[0] if host in _UNSAID else host, port) for host, port, *_ in nodes]
            self._owners[first : last + 1] = there[:1] * (last + 1 - first)
            self._known.update(there)
        for node in set(self._links) - self._known:
            self._leave(node)

    async def _told_by_nodes(
        self, question: Command, enough: Callable[[Any], bool]
    ) -> Sequence[tuple[Node, Any]]:
        """What the known nodes say, until one has said enough. At least one has said something."""
        told: list[tuple[Node, Any]] = []
        failures: list[ServiceError] = []

        async def hear(node: Node) -> None:
            there = self._cluster.at(node)
            line = ServerLine(there.pool, there.place)
            try:
                told.append((node, await line.ask(question)))
                if enough(told[-1][1]):
                    everybody.cancel_scope.cancel()
            except ServiceError as failure:
                failures.append(failure)
            finally:
                await line.close()

        async with anyio.create_task_group() as everybody:
            for node in self._known:
                everybody.start_soon(hear, node)
        if not told:
            raise next((each for each in failures if isinstance(each, RedisRefused)), failures[0])
        return told

    def _at(self, node: Node) -> ServerLink:
        if self._closed:
            raise QueueUnavailable("this link is closed")
        if node not in self._links:
            link = self._links[node] = ServerLink(self._cluster.at(node))
            self._senders[node] = asyncio.create_task(_sending(link))
        return self._links[node]

    def _leave(self, node: Node) -> None:
        # Its sender may not have begun: then nothing in it would tell who waits.
        self._links.pop(node).shut()
        self._senders.pop(node).cancel()


class ClusterLine:
    """A `Line` that goes where the slot of its key is."""

    def __init__(self, link: ClusterLink, cluster: ClusterAddress) -> None:
        self._link = link
        self._cluster = cluster
        self._lines: dict[Node, ServerLine] = {}
        self._subscribed: Node | None = None  # where it hears a channel

    async def ask(self, command: Command, wait: float = 0.0) -> Reply:
        async def send(node: Node, commands: Sequence[Command]) -> Sequence[Reply]:
            await self._leave_others(node)
            return await self._at(node).exchange([pack(each) for each in commands], wait)

        [reply] = await self._link.routed([command], send)
        return checked(reply, self._cluster.place)

    async def hear(self, channel: str, wait: float) -> Sequence[str] | None:
        # What is published anywhere is heard everywhere.
        if self._subscribed is None or not self._link.knows(self._subscribed):
            self._subscribed = random.choice(await self._link.owners())
            await self._leave_others(self._subscribed)
        try:
            return await self._at(self._subscribed).hear(channel, wait)
        except QueueUnavailable:
            self._link.doubt()
            self._subscribed = None
            raise

    async def close(self) -> None:
        if self._subscribed:
            self._link.doubt()
            self._subscribed = None
        for line in self._lines.values():
            await line.close()

    async def _leave_others(self, node: Node) -> None:
        """Close connections to what is no node any more."""
        gone = [each for each in self._lines if each != node and not self._link.knows(each)]
        for each in gone:
            await self._lines.pop(each).close()

    def _at(self, node: Node) -> ServerLine:
        if node not in self._lines:
            address = self._cluster.at(node)
            self._lines[node] = ServerLine(address.pool, address.place)
        return self._lines[node]


def _slot(command: Command) -> int:
    """Of the first key; some slot, for a command without one, which any node may answer."""
    match command:
        case ("EVAL" | "EVALSHA", _, _, key, *_) | ("XGROUP" | "XINFO", _, key, *_):
            pass
        case ("XREAD" | "XREADGROUP", *rest):
            key = rest[rest.index("STREAMS") + 1]
        case _:
            key = command[1] if len(command) > 1 else ""
    return key_slot(str(key).encode())


def _elsewhere(reply: Reply) -> bool:
    """Whether a command is to be sent once more: MovedError is an AskError, too."""
    errors = redis_errors
    return isinstance(reply, errors.AskError | errors.TryAgainError | errors.ClusterDownError)


def _owned(ranges: Sequence[Sequence[Any]]) -> int:
    """How many slots have an owner by this answer."""
    return sum(last + 1 - first for first, last, *_ in ranges)


def _is_whole(ranges: Sequence[Sequence[Any]]) -> bool:
    return _owned(ranges) == REDIS_CLUSTER_HASH_SLOTS


def _named(reply: Any, teller: Node) -> Node:
    """The node that a MovedError or AskError names."""
    return teller[0] if reply.host in _UNSAID else reply.host, reply.port


async def _together(asked: Iterable[Coroutine[Any, Any, T]]) -> Sequence[T]:
    """Nobody waits for a node that another one's answer does not depend on."""
    first, *others = asked
    return await asyncio.gather(first, *others) if others else [await first]


async def _sending(link: ServerLink) -> None:
    try:
        await link.run()
    finally:
        with anyio.CancelScope(shield=True):
            await link.aclose()
