"""Processes that tests start: what runs where, that it is gone, and a sign that it gives."""

import os
import re
import select
import signal
import subprocess
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import anyio


class Sign:
    """What another process tells by opening this file for writing, and closing it.

    A FIFO while somebody reads, from the start, so that who gives the sign never waits.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        os.mkfifo(path)
        self._file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb")

    def wait(self) -> None:
        select.select([self._file], [], [])

    async def given(self) -> None:
        await anyio.wait_readable(self._file)

    def close(self) -> None:
        self._path.unlink()
        self._file.close()


@contextmanager
def signs(directory: Path, *names: str) -> Generator[list[Sign]]:
    """Signs that are given in files of these names."""
    made = [Sign(directory / name) for name in names]
    try:
        yield made
    finally:
        for sign in made:
            sign.close()


@contextmanager
def running(command: Sequence[str | Path], **options: Any) -> Generator[subprocess.Popen[str]]:
    """A process that does not outlive the block, however that ends."""
    with subprocess.Popen(command, text=True, **options) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def over_http(script: Path, *options: str) -> Generator[tuple[subprocess.Popen[str], str]]:
    """An MCP server that chooses its port, and its address."""
    command = [sys.executable, str(script), *options, "0"]
    with running(command, stderr=subprocess.PIPE) as process:
        assert process.stderr
        said = ""
        for line in process.stderr:
            said += line
            if found := re.search(r"running on (http://\S+)", line):
                yield process, f"{found[1]}/mcp"
                return
        raise AssertionError(said)


def processes_in(directory: Path) -> dict[int, str]:
    """Processes whose working directory or arguments lie in this project."""
    found: dict[int, str] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                where = os.readlink(entry / "cwd")
                state = re.search(r"^State:\s+(\S)", (entry / "status").read_text(), re.MULTILINE)
            except OSError:
                continue
            alive = state is not None and state[1] != "Z"
            if alive and (where.startswith(str(directory)) or str(directory) in words):
                found[int(entry.name)] = words
    return found


def gone_within(directory: Path, seconds: float) -> None:
    """Wait until nothing runs there any more: parts end by themselves when their parent has.

    What does not end in that time is killed, and the test fails.
    """
    while running := processes_in(directory):
        for process in running:
            if not _ends(process, seconds):
                for left in running:
                    with suppress(ProcessLookupError):
                        os.kill(left, signal.SIGKILL)
                raise AssertionError(f"still there after {seconds:g} s: {running}")


def _ends(process: int, seconds: float) -> bool:
    try:
        handle = os.pidfd_open(process)
    except ProcessLookupError:
        return True
    with open(handle, "rb"):
        ended, _, _ = select.select([handle], [], [], seconds)
    return bool(ended)
