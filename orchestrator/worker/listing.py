"""A process of workers among those that are there, for as long as it serves."""

from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial

import anyio

from orchestrator.dispatch.call import APPROVALS
from orchestrator.dispatch.roster import Present, Roster
from orchestrator.dispatch.streams import OpenCalls
from orchestrator.errors import ServiceError
from orchestrator.link import Link
from orchestrator.worker.runtime import Worker

__all__ = ["beside", "listed"]

TIDY = 60.0
"""Seconds between two looks at what nobody else would settle."""


@asynccontextmanager
async def listed(link: Link, present: Present, workers: Sequence[Worker]) -> AsyncGenerator[None]:
    """In the roster while the block runs, from its start unless Redis is away just then; who
    asks it to drain stops the workers.

    Meanwhile it settles reviews that are overdue: no worker serves their queue.
    """

    def stop() -> None:
        for worker in workers:
            worker.stop()

    roster = Roster(link)
    with suppress(ServiceError):  # then it comes later
        await roster.come(present)
    async with beside(partial(roster.stay, present, stop)), beside(partial(_tidy, link)):
        yield
    with suppress(ServiceError):  # then the entry expires
        await roster.leave(present.name)


async def _tidy(link: Link) -> None:
    while True:
        with suppress(ServiceError):  # the next time, then
            await OpenCalls(link, APPROVALS).settle_overdue()
        await anyio.sleep(TIDY)


@asynccontextmanager
async def beside(errand: Callable[[], Coroutine[None, None, None]]) -> AsyncGenerator[None]:
    """Run something for as long as the block runs."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(errand)
        yield
        tasks.cancel_scope.cancel()
