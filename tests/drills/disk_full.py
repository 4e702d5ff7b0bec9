"""D10: the disk under Redis is full for a while. Needs root, for a small disk of its own."""

import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from anyio.abc import Process

from tests.drills.asker import Plan
from tests.drills.scene import Figures, Impossible, Scene, scene, until
from tests.redis_server import RedisServer

__all__ = ["disk_full"]

SIZE = "24m"


async def disk_full(calls: int = 200, refused: int = 50) -> Figures:
    """At least `refused` times Redis takes nothing. Then there is room, and a kill on top."""
    with _small_disk() as disk:
        server = RedisServer(disk)
        server.start()
        try:
            return await _drill(server, disk, calls, refused)
        finally:
            server.stop()


async def _drill(server: RedisServer, disk: Path, calls: int, refused: int) -> Figures:
    async with scene(server) as here:
        crew = [await here.worker() for _ in range(2)]
        asker = await here.asker(Plan(2 * calls, seconds=0.3, enough=str(here.enough)))
        await until(lambda: len(here.ledger.answers()) >= calls)
        _fill(disk / "ballast")
        await until(lambda: _refused(here, asker, *crew) >= refused)
        (disk / "ballast").unlink()
        answered = len(here.ledger.answers())
        await until(lambda: len(here.ledger.answers()) >= answered + calls)
        server.kill()
        server.start()
        here.enough.touch()
        await here.answered(asker)
        return {**await here.verdict(), "refused meanwhile": _refused(here, asker, *crew)}


def _refused(here: Scene, *processes: Process) -> int:
    """How often Redis has said that it cannot write."""
    return sum(here.said(process).count("MISCONF") for process in processes)


@contextmanager
def _small_disk() -> Generator[Path]:
    with tempfile.TemporaryDirectory(prefix="drill-", dir="/tmp") as directory:
        mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", directory]
        mounted = subprocess.run(mount, capture_output=True, text=True, check=False)
        if mounted.returncode:
            raise Impossible(f"it needs a disk of its own: {mounted.stderr.strip()}")
        try:
            yield Path(directory)
        finally:
            subprocess.run(["umount", directory], check=True)


def _fill(ballast: Path) -> None:
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return  # it is full
