"""The bytes of one connection: what is sent together is answered together.

Between the socket and who waits stands nothing but hiredis' parser. A stream's reader would wake
a task for every read, which is much of what a small exchange costs.
"""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeAlias

import hiredis

__all__ = ["Answer", "Wire"]

Answer: TypeAlias = list[Any] | OSError
"""A reply to each command, error replies as exceptions; or why there is none."""

_PUSHED: Any = getattr(hiredis, "PushNotification")  # noqa: B009 - its types are partial
UNREAD = 10_000
"""So many messages may wait to be taken before nothing more is read."""


class Wire(asyncio.Protocol):
    """Takes an open connection of redis-py over, which sees to address, TLS and login.

    One exchange at a time. `lost` once it is of no more use. Raises `OSError` for a connection on
    which something was said that nobody has read.
    """

    def __init__(self, connection: Any) -> None:
        self.lost = False
        self._replies: list[Any] = []
        self._awaited = 0
        self._done: Callable[[Answer], None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._said: list[str] | None = None  # on the channel, if there is one
        self._bell: asyncio.Future[None] | None = None
        # These are not public: tests/test_wire.py tells when they are others.
        self._parser: Any = connection._parser._reader
        if self._parser.has_data() or connection._reader._buffer:
            raise ConnectionError("Redis has said more than it was asked")
        self._nothing = self._parser.gets()  # what it gives when there is no whole reply
        self._transport: Any = connection._writer.transport
        self._transport.set_protocol(self)

    def send(self, packed: Sequence[bytes], until: float, done: Callable[[Answer], None]) -> None:
        """Send some commands. `done` is told the answer as it arrives, at the latest at `until` on
        the clock of the event loop.
        """
        self._replies, self._awaited, self._done = [], len(packed), done
        loop = asyncio.get_running_loop()
        self._timer = loop.call_at(until, self._lose, TimeoutError())
        self._transport.write(b"".join(packed))

    async def exchange(self, packed: Sequence[bytes], until: float) -> list[Any]:
        """`send`, and wait for the replies. Raises `OSError`."""
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.send(packed, until, partial(_end, answer))
        replies = await answer
        if isinstance(replies, OSError):
            raise replies
        return replies

    async def subscribe(self, packed: bytes, until: float) -> Any:
        """Send a SUBSCRIBE; an error reply if it is refused. `messages` then gives what is said.
        Raises `OSError`.
        """
        self._said = []
        # Redis confirms a subscription by a push, which is no reply, and refuses it by an error.
        return (await self.exchange([packed + b"PING\r\n"], until))[0]

    async def messages(self, wait: float) -> list[str]:
        """What was said, waiting up to `wait` seconds for something. Raises `OSError`."""
        if not self._said:
            loop = asyncio.get_running_loop()
            self._bell = bell = loop.create_future()
            timer = loop.call_later(wait, _end, bell)
            try:
                await bell
            finally:
                timer.cancel()
        said, self._said = self._said or [], []
        self._transport.resume_reading()
        return said

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed(data)
            while (reply := self._parser.gets()) is not self._nothing:
                if not isinstance(reply, _PUSHED):
                    self._replies.append(reply)
                elif self._said is not None and reply[0] == "message":
                    self._said.append(reply[2])
        except Exception as garbage:
            self._lose(ConnectionError(f"not what Redis says: {garbage}"))
            return
        if len(self._replies) >= self._awaited:
            self._answer(self._replies)
        if self._said:
            _end(self._bell)
            if len(self._said) > UNREAD and not self._done:
                self._transport.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self._lose(ConnectionError(str(exc or "the connection was closed")))

    def abort(self) -> None:
        """End the connection now, whatever was still to be sent."""
        self._lose(ConnectionError("the connection was given up"))

    def _lose(self, why: OSError) -> None:
        self.lost = True
        self._transport.abort()
        self._answer(why)
        if self._bell and not self._bell.done():
            self._bell.set_exception(why)

    def _answer(self, answer: Answer) -> None:
        if self._timer:
            self._timer.cancel()
        done, self._done = self._done, None
        if done:
            done(answer)


def _end(waiting: "asyncio.Future[Any] | None", result: Any = None) -> None:
    if waiting and not waiting.done():
        waiting.set_result(result)
