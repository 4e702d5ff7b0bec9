"""D3: a worker is stopped (SIGSTOP) for three leases and goes on: it comes too late."""

import signal
from functools import partial

import anyio

from orchestrator.dispatch import keys
from orchestrator.link import Link, connect
from tests.drills.asker import Plan
from tests.drills.scene import Figures, held, scene, until

__all__ = ["pause_worker"]

SLOTS = 20


async def pause_worker(calls: int = 200, lease: float = 2.0) -> Figures:
    async with scene() as here, connect(here.url) as link:
        frozen = await here.worker(slots=SLOTS, lease=lease)
        [name] = await _consumers(link)
        asker = await here.asker(Plan(calls, flight=calls, seconds=lease / 2))
        await until(lambda: here.ledger.runs_of(frozen.pid) >= SLOTS)
        frozen.send_signal(signal.SIGSTOP)
        mine = await held(link, name)
        await here.worker(slots=SLOTS, lease=lease)
        await anyio.sleep(3 * lease)
        await until(partial(_holds_nothing, link, name))
        frozen.send_signal(signal.SIGCONT)
        await here.answered(asker)
        await until(lambda: _fenced(here.said(frozen)) >= set(mine))
        figures = await here.verdict()
        assert mine
        return {**figures, "held when it was stopped": len(mine), "fenced": len(mine)}


async def _consumers(link: Link) -> list[str]:
    [names] = await link.ask(("SMEMBERS", keys.workers()))
    return list(names)


async def _holds_nothing(link: Link, name: str) -> bool:
    return not await held(link, name)


def _fenced(log: str) -> set[str]:
    words = (line.split() for line in log.splitlines() if line.endswith("does not count: fenced"))
    return {line[line.index("call") + 1] for line in words}
