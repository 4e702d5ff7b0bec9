"""Starts the parts of a run as processes of their own, and ends them with it.

Each part is `python -m orchestrator …` and holds the read end of a *life line*: its
standard input. When the parent is gone, for whatever reason, the kernel closes the write
end and the part ends. What a part has to say goes to its log in the project's data.
"""

import json
import signal
import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from subprocess import PIPE
from typing import BinaryIO, cast

import anyio
from anyio.abc import Process
from anyio.streams.buffered import BufferedByteReceiveStream

from orchestrator.dispatch.call import Json
from orchestrator.errors import ServiceError

__all__ = ["Part", "part"]

PATIENCE = 60.0  # seconds that a part may take to come up; one that cannot says so, and ends
GRACE = 5.0  # seconds that a part may take to end


class Part:
    """A process beside us."""

    def __init__(self, name: str, process: Process, log: Path, start: int) -> None:
        self.name = name
        self._process = process
        self._log = log
        self._start = start  # where its part of the log begins

    @property
    def pid(self) -> int:
        return self._process.pid

    async def ready(self) -> Mapping[str, Json]:
        """The JSON object that it says it is ready with.

        Raises `ServiceError` with its last words if it ends or stays silent instead.
        """
        assert self._process.stdout
        lines = BufferedByteReceiveStream(self._process.stdout)
        try:
            with anyio.fail_after(PATIENCE):
                line = await lines.receive_until(b"\n", 65536)
            return cast("Mapping[str, Json]", json.loads(line))
        except (anyio.EndOfStream, anyio.IncompleteRead, TimeoutError, ValueError):
            why = self._last_words() or f"see {self._log}"
            raise ServiceError(f"the {self.name} did not start: {why}") from None

    async def ended(self) -> str:
        """Wait until it has ended by itself, and say so: by what, and where its log is."""
        status = await self._process.wait()
        how = f"exit code {status}" if status >= 0 else f"signal {-status}"
        if status < 0 and (name := signal.strsignal(-status)):
            how += f", {name}"
        return f"the {self.name} has ended ({how}), see {self._log}"

    def _last_words(self) -> str:
        """What it complained of, in as many lines as that takes; else its last line."""
        said = self._log.read_bytes()[self._start :].decode(errors="replace").strip()
        _, complained, words = f"\n{said}".rpartition("\nerror: ")
        return words if complained else said.rpartition("\n")[2]


@asynccontextmanager
async def part(
    name: str,
    arguments: Sequence[str],
    logs: Path,
    environ: Mapping[str, str] | None = None,
    directory: Path | None = None,
) -> AsyncGenerator[Part]:
    """Run `python -m ARGUMENTS` beside us, in `directory`, for as long as the context is open."""
    log = logs / f"{name}.log"
    with _opened(log) as stderr:
        start = stderr.tell()
        process = await anyio.open_process(
            [sys.executable, "-m", *arguments],
            stdin=PIPE,
            stdout=PIPE,
            stderr=stderr,
            env=environ,
            cwd=directory,
            start_new_session=True,  # a Ctrl-C on the terminal is for us, not for it
        )
    try:
        yield Part(name, process, log, start)
    finally:
        with anyio.CancelScope(shield=True):
            await _finish(process)


def _opened(log: Path) -> BinaryIO:
    log.parent.mkdir(parents=True, exist_ok=True)
    return log.open("ab")


async def _finish(process: Process) -> None:
    """Ask it to end, by its life line and by a signal, which ends one that is still coming up."""
    assert process.stdin
    await process.stdin.aclose()
    if process.returncode is None:
        process.terminate()
    with anyio.move_on_after(GRACE):
        await process.wait()
    if process.returncode is None:
        process.kill()
    await process.aclose()
