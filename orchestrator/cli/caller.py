"""The caller's turns, from standard input. Nothing blocks a thread: the program must be able to
end while nobody types."""

import os
import stat
from collections.abc import AsyncIterator

import anyio

__all__ = ["typed_lines"]


async def typed_lines(descriptor: int) -> AsyncIterator[str]:
    """The lines of a terminal, a pipe or a file, without blank ones, until its end."""
    rest = b""
    while chunk := await _read(descriptor):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if text := _text(line):
                yield text
    if text := _text(rest):
        yield text


async def _read(descriptor: int) -> bytes:
    if _may_block(descriptor):
        await anyio.wait_readable(descriptor)
    return os.read(descriptor, 65536)


def _may_block(descriptor: int) -> bool:
    """Files and devices such as /dev/null are always readable, and cannot be waited for."""
    mode = os.fstat(descriptor).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or os.isatty(descriptor)


def _text(line: bytes) -> str:
    return line.decode(errors="replace").strip()
