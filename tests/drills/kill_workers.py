"""D1: all calls are in flight, then each worker is killed in turn and replaced."""

import time

from orchestrator.link import connect
from tests.drills.asker import Plan
from tests.drills.scene import Figures, held, scene, until

__all__ = ["kill_workers"]

WORKERS = 4


async def kill_workers(calls: int = 1000, seconds: float = 10.0, lease: float = 2.0) -> Figures:
    async with scene() as here, connect(here.url) as link:
        slots = -(-calls // WORKERS)
        crew = [await here.worker(slots=slots, lease=lease) for _ in range(WORKERS)]
        asker = await here.asker(Plan(calls, flight=calls, seconds=seconds))
        await until(lambda: sum(here.ledger.runs().values()) >= 0.9 * calls)
        began = time.monotonic()
        in_flight = len(await held(link))
        assert in_flight >= 0.9 * calls
        for worker in crew:
            worker.kill()
            await here.worker(slots=slots, lease=lease)
        await here.answered(asker)
        took = time.monotonic() - began
        figures = await here.verdict()
        assert sum(here.ledger.runs().values()) > calls, "no call died with its worker"
        return {**figures, "in flight at the first kill": in_flight, "took s": round(took, 1)}
