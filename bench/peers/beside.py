"""Starts the processes of the peers, and has them make calls."""

import asyncio
import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE

__all__ = ["PEERS", "Peer", "peer"]

PEERS = ("saq", "taskiq")
_ROOT = Path(__file__).parents[2]
_PYTHON = _ROOT / ".venv-bench/bin/python"


@dataclass(frozen=True)
class Peer:
    asker: asyncio.subprocess.Process
    worker: asyncio.subprocess.Process

    @property
    def processes(self) -> Sequence[int]:
        return (self.asker.pid, self.worker.pid)

    async def make(self, calls: int, flight: int, seconds: float) -> float:
        assert self.asker.stdin and self.asker.stdout
        self.asker.stdin.write(json.dumps([calls, flight, seconds]).encode() + b"\n")
        answer = await self.asker.stdout.readline()
        if not answer:
            raise RuntimeError("the peer has failed; see above")
        return float(answer)


@asynccontextmanager
async def peer(name: str, url: str) -> AsyncGenerator[Peer | None]:
    """None where it is not installed."""
    if not _PYTHON.exists():
        yield None
        return
    worker, asker = [await _started(name, what, url) for what in ("work", "ask")]
    try:
        yield Peer(asker, worker)
    finally:
        for process in (asker, worker):
            if process.returncode is None:
                process.kill()
            await process.wait()


async def _started(name: str, what: str, url: str) -> asyncio.subprocess.Process:
    command = (str(_PYTHON), "-m", f"bench.peers.{name}", what, url)
    return await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, cwd=_ROOT)
