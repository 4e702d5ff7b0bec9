"""The caller's turns, from standard input. Nothing blocks a thread: the program must be able to
end while nobody types."""

import os
from collections.abc import AsyncIterator
from contextlib import suppress

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
    with suppress(PermissionError):  # files and /dev/null are always ready: nobody can wait
        await anyio.wait_readable(descriptor)
    return os.read(descriptor, 65536)


def _text(line: bytes) -> str:
    return line.decode(errors="replace").strip()
