"""The floor of a dispatch: two processes and two Redis streams, and nothing that is ours.

One entry is added, the other process reads it and adds one to the reply stream, which is
read here: no record, no group, no settling, on the same library's bare connections.
"""

import sys
import time
from typing import Any

import anyio
from redis.asyncio import ConnectionPool

_pools: Any = ConnectionPool  # whose types are partial
WORK, REPLIES = "floor:work", "floor:replies"


class Floor:
    """One asker. `round_trip` gives seconds."""

    def __init__(self, url: str) -> None:
        pool = _pools.from_url(url, socket_timeout=None)
        self._writer: Any = pool.make_connection()
        self._reader: Any = pool.make_connection()
        self._last = b"0"

    async def open(self) -> None:
        await self._writer.connect()
        await self._reader.connect()

    async def round_trip(self) -> float:
        began = time.perf_counter()
        await command(self._writer, "XADD", WORK, "*", "request", '{"tool":"noop"}')
        reply = await command(self._reader, "XREAD", "BLOCK", 0, "STREAMS", REPLIES, self._last)
        self._last = _first(reply)
        return time.perf_counter() - began

    async def close(self) -> None:
        await self._writer.disconnect()
        await self._reader.disconnect()


async def command(connection: Any, *words: Any) -> Any:
    await connection.send_command(*words)
    return await connection.read_response()


def _first(reply: Any) -> bytes:
    """The id of the first entry, in whichever shape the protocol version gives it."""
    entries: Any = next(iter(reply.values())) if hasattr(reply, "values") else reply[0][1]
    return bytes(entries[0][0])


async def _work(url: str) -> None:
    pool = _pools.from_url(url, socket_timeout=None)
    reader: Any = pool.make_connection()
    writer: Any = pool.make_connection()
    await reader.connect()
    await writer.connect()
    print("{}", flush=True)
    last = b"0"
    while True:
        last = _first(await command(reader, "XREAD", "BLOCK", 0, "STREAMS", WORK, last))
        await command(writer, "XADD", REPLIES, "*", "outcome", '{"done":true}')


if __name__ == "__main__":
    anyio.run(_work, sys.argv[1])
