"""The bytes of one connection: what is sent together is answered together.

Between the socket and who waits stands nothing but hiredis' parser. A stream's reader would wake
a task for every read, which is much of what a small exchange costs.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

import hiredis

__all__ = ["Wire"]

_PUSHED: Any = getattr(hiredis, "PushNotification")  # noqa: B009 - its types are partial


class Wire(asyncio.Protocol):
    """Takes an open connection of redis-py over, which sees to address, TLS and login.

    One exchange at a time. `lost` once it is of no more use. Raises `OSError` for a connection on
    which something was said that nobody has read.
    """

    def __init__(self, connection: Any) -> None:
        self.lost = False
        self._replies: list[Any] = []
        self._awaited = 0
        self._answer: asyncio.Future[list[Any]] | None = None
        # These are not public: tests/test_wire.py tells when they are others.
        self._parser: Any = connection._parser._reader
        if self._parser.has_data() or connection._reader._buffer:
            raise ConnectionError("Redis has said more than it was asked")
        self._nothing = self._parser.gets()  # what it gives when there is no whole reply
        self._transport: Any = connection._writer.transport
        self._transport.set_protocol(self)

    async def exchange(self, packed: Sequence[bytes]) -> list[Any]:
        """A reply to each command, error replies as exceptions. Raises `OSError`."""
        self._replies, self._awaited = [], len(packed)
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(b"".join(packed))
        return await self._answer

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed(data)
            while (reply := self._parser.gets()) is not self._nothing:
                if not isinstance(reply, _PUSHED):
                    self._replies.append(reply)
        except Exception as garbage:
            self._lose(ConnectionError(f"not what Redis says: {garbage}"))
            return
        if self._answer and len(self._replies) >= self._awaited and not self._answer.done():
            self._answer.set_result(self._replies)

    def connection_lost(self, exc: Exception | None) -> None:
        self._lose(ConnectionError(str(exc or "the connection was closed")))

    def _lose(self, why: ConnectionError) -> None:
        self.lost = True
        self._transport.abort()
        if self._answer and not self._answer.done():
            self._answer.set_exception(why)
