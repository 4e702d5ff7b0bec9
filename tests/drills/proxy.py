"""A TCP proxy in front of Redis that behaves like a bad network."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncGenerator
from typing import Literal, TypeAlias

import anyio

__all__ = ["Manner", "Proxy", "proxy"]

Manner: TypeAlias = Literal["good", "cut", "half-open", "slow", "drip"]
"""`cut` closes every connection, `half-open` takes all and passes nothing on, `slow` is two
seconds late each way, `drip` passes on a few bytes at a time."""

SLOW = 2.0
DRIP = 7
"""Bytes at a time, one time every two milliseconds."""


class Proxy:
    """`manner` and `target` (a Unix socket, or a host and a port) can change at any time."""

    def __init__(self, target: str | tuple[str, int]) -> None:
        self.target = target
        self.manner: Manner = "good"
        self.port = 0
        self._streams: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def cut(self) -> None:
        """Close what is open."""
        for stream in tuple(self._streams):
            stream.transport.abort()

    async def close(self) -> None:
        self.cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._accept(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._streams.add(writer)
        try:
            await self._serve(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass  # one of the two sides is gone
        finally:
            self._streams.discard(writer)
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.manner == "cut":
            return
        behind_reader, behind = await self._open()
        try:
            async with anyio.create_task_group() as both:
                both.start_soon(self._pass_on, reader, behind, both.cancel_scope)
                both.start_soon(self._pass_on, behind_reader, writer, both.cancel_scope)
        finally:
            behind.transport.abort()

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self.target, str):
            return await asyncio.open_unix_connection(self.target)
        return await asyncio.open_connection(*self.target)

    async def _pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, both: anyio.CancelScope
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                await self._write(writer, data)
        both.cancel()

    async def _write(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        if self.manner == "half-open":
            return
        if self.manner == "slow":
            await anyio.sleep(SLOW)
        size = DRIP if self.manner == "drip" else len(data)
        for start in range(0, len(data), size):
            writer.write(data[start : start + size])
            await writer.drain()
            if self.manner == "drip":
                await anyio.sleep(0.002)


@contextlib.asynccontextmanager
async def proxy(
    target: str | tuple[str, int], tls: ssl.SSLContext | None = None
) -> AsyncGenerator[Proxy]:
    """On 127.0.0.1; with `tls` it speaks that to who comes."""
    between = Proxy(target)
    server = await asyncio.start_server(between.accept, "127.0.0.1", 0, ssl=tls)
    between.port = server.sockets[0].getsockname()[1]
    try:
        yield between
    finally:
        server.close()
        await between.close()
