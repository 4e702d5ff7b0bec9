"""The floor of a busy dispatch: a consumer group and a reply stream on bare connections.

What is asked in one turn of the event loop travels in one write, as ours does; there is no
record, no lease, no fence and no deadline. `python -m bench.redisconn URL` is its worker.
"""

import asyncio
import json
import sys
from collections.abc import Sequence
from typing import Any

from redis.asyncio import ConnectionPool
from redis.exceptions import ResponseError

__all__ = ["RedisConn"]

_pools: Any = ConnectionPool  # whose types are partial
WORK, REPLIES, GROUP = "busy:work", "busy:replies", "busy"


class Pipe:
    """A connection on which what is asked in one turn is written at once; nobody waits."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._waiting: list[Sequence[Any]] = []
        self._wake = asyncio.Event()

    def ask(self, *command: Any) -> None:
        self._waiting.append(command)
        self._wake.set()

    async def run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            sent, self._waiting = self._waiting, []
            await self._connection.send_packed_command(self._connection.pack_commands(sent))
            for _ in sent:
                await self._connection.read_response()


class RedisConn:
    """The asker. `call` gives when it is answered."""

    def __init__(self, url: str) -> None:
        self._pool = _pools.from_url(url, socket_timeout=None, protocol=3)
        self._answers: dict[bytes, asyncio.Future[bytes]] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._number = 0

    async def open(self) -> None:
        self._writer, self._reader = [await _connection(self._pool) for _ in range(2)]
        self._pipe = Pipe(self._writer)
        self._tasks = [asyncio.create_task(self._pipe.run()), asyncio.create_task(self._read())]

    async def call(self, seconds: float = 0.0) -> None:
        self._number += 1
        name = b"%d" % self._number
        answer = self._answers[name] = asyncio.get_running_loop().create_future()
        self._pipe.ask("XADD", WORK, "*", "id", name, "request", json.dumps({"seconds": seconds}))
        json.loads(await answer)

    async def _read(self) -> None:
        last: Any = "0"
        while True:
            command = ("XREAD", "BLOCK", 0, "STREAMS", REPLIES, last)
            for entry, fields in await _read(self._reader, *command):
                last = entry
                self._answers.pop(fields[1]).set_result(fields[3])

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        for connection in (self._writer, self._reader):
            await connection.disconnect(nowait=True)


async def _connection(pool: Any) -> Any:
    connection = pool.make_connection()
    await connection.connect()
    return connection


async def _read(connection: Any, *command: Any) -> list[Any]:
    """The entries of the one stream that is read."""
    await connection.send_command(*command)
    [entries] = (await connection.read_response()).values()
    return list(entries)


async def _work(url: str) -> None:
    pool = _pools.from_url(url, socket_timeout=None, protocol=3)
    reader, writer = [await _connection(pool) for _ in range(2)]
    pipe = Pipe(writer)
    try:
        await reader.send_command("XGROUP", "CREATE", WORK, GROUP, "0", "MKSTREAM")
        await reader.read_response()
    except ResponseError:
        pass  # there is one
    sys.stdout.write("{}\n")
    sys.stdout.flush()
    group = ("GROUP", GROUP, "one", "COUNT", 256, "BLOCK", 0)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(pipe.run())
        while True:
            for entry, fields in await _read(reader, "XREADGROUP", *group, "STREAMS", WORK, ">"):
                tasks.create_task(_answer(pipe, entry, fields))


async def _answer(pipe: Pipe, entry: bytes, fields: Sequence[bytes]) -> None:
    if seconds := json.loads(fields[3])["seconds"]:
        await asyncio.sleep(seconds)
    pipe.ask("XADD", REPLIES, "MAXLEN", "~", 10_000, "*", "id", fields[1], "outcome", '{"done":1}')
    pipe.ask("XACK", WORK, GROUP, entry)
    pipe.ask("XDEL", WORK, entry)


if __name__ == "__main__":
    asyncio.run(_work(sys.argv[1]))
