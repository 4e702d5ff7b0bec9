"""D2: processes die at every named point, so many times at each.

One process after another is armed with a point; it dies there, is counted and started again,
until there were enough hits. Calls are asked for until then, of tools that commit the key with
their effect and of tools that know none.
"""

import signal
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import anyio
from anyio.abc import Process

from tests.drills.asker import Plan
from tests.drills.scene import Figures, Scene, scene, until

__all__ = ["crash_points"]

SLOTS = 6
LEASE = 1.0
AFTER = 5
"""At which passing of a point a process dies, so that something is done in between."""
VICTIM = "worker.claimed"
"""Where a worker dies so that sweepers find something."""
KINDS = ("commit", "once", "commit", "withdrawn")


@dataclass
class Sweep:
    """How often each point is to be hit, and was."""

    points: Sequence[str]
    hits: int
    seen: Counter[str] = field(default_factory=Counter[str])
    deaths: int = 0  # of workers

    def open(self, point: str) -> bool:
        """Whether processes are to die there still: a victim until all is through."""
        return self.seen[point] < self.hits if point in self.points else not self.through

    @property
    def through(self) -> bool:
        return all(self.seen[point] >= self.hits for point in self.points)

    def note(self, point: str, process: Process) -> None:
        self.seen[point] += process.returncode == -signal.SIGKILL


async def crash_points(points: Sequence[str], hits: int = 20, calls: int = 60) -> Figures:
    """All of these points in one scene, beside each other."""
    sweep, plan = Sweep(points, hits), Plan(calls, KINDS, flight=30, seconds=0.4)
    async with scene() as here:
        async with anyio.create_task_group() as crew:
            theirs = [point for point in points if not point.startswith("asker")]
            for point in theirs:
                crew.start_soon(_workers_that_die, here, sweep, point)
            if not theirs:
                await here.worker(slots=SLOTS, lease=LEASE)
            if any(point.startswith("sweep") for point in points):
                crew.start_soon(_workers_that_die, here, sweep, VICTIM)
            await _askers_that_die(here, sweep, replace(plan, enough=str(here.enough)))
            crew.cancel_scope.cancel()
        figures = await here.verdict(unknown=sweep.deaths * SLOTS)
    return {**figures, "hits": {point: sweep.seen[point] for point in points}}


async def _askers_that_die(here: Scene, sweep: Sweep, plan: Plan) -> None:
    for point in [point for point in sweep.points if point.startswith("asker")]:
        while sweep.open(point):
            asker = await here.asker(plan, crash_at=f"{point}:{AFTER}")
            await asker.wait()
            sweep.note(point, asker)
    async with anyio.create_task_group() as last:
        last.start_soon(here.answered, await here.asker(plan))
        await until(lambda: sweep.through)
        here.enough.touch()


async def _workers_that_die(here: Scene, sweep: Sweep, point: str) -> None:
    """One worker at a time, which dies at this point, or lives once that was often enough."""
    drains = point.startswith("drain")
    rare = drains or point.startswith("sweep")
    grace = 0.0 if drains else 30.0
    while True:
        crash_at = f"{point}:{1 if rare else AFTER}" if sweep.open(point) else ""
        worker = await here.worker(slots=SLOTS, lease=LEASE, grace=grace, crash_at=crash_at)
        if drains and crash_at:
            await until(partial(_works, here, worker))
            worker.terminate()
        await worker.wait()
        sweep.deaths += 1
        sweep.note(point, worker)


def _works(here: Scene, worker: Process) -> bool:
    return here.ledger.runs_of(worker.pid) > 0
