"""The caller's turns, from whatever standard input is."""

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import anyio

from orchestrator.cli.caller import typed_lines


@contextmanager
def opened(path: str | Path) -> Generator[int]:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


async def lines(descriptor: int) -> list[str]:
    with anyio.fail_after(30):
        return [line async for line in typed_lines(descriptor)]


async def test_nothing_comes_from_dev_null() -> None:
    with opened(os.devnull) as descriptor:
        assert await lines(descriptor) == []


async def test_a_file_gives_its_lines_without_blank_ones_and_the_last_without_its_end(
    tmp_path: Path,
) -> None:
    turns = tmp_path / "turns.txt"
    turns.write_bytes("Hello.\r\n\n  \nFür vier, bitte.\nYes".encode())
    with opened(turns) as descriptor:
        assert await lines(descriptor) == ["Hello.", "Für vier, bitte.", "Yes"]


async def test_a_pipe_gives_lines_as_they_come_and_bytes_that_are_no_text() -> None:
    ours, theirs = os.pipe()
    with os.fdopen(theirs, "wb", buffering=0) as writing, os.fdopen(ours, "rb"):
        typed = typed_lines(ours)
        with anyio.fail_after(30):
            writing.write(b"One\nTw")
            assert await anext(typed) == "One"
            writing.write(b"o \xff\n")
            assert await anext(typed) == "Two \ufffd"
            writing.close()
            assert [line async for line in typed] == []
