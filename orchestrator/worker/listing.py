"""A process of workers among those that are there, for as long as it serves."""

from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial

import anyio

from orchestrator.dispatch.roster import Present, Roster
from orchestrator.errors import ServiceError
from orchestrator.link import Link
from orchestrator.worker.runtime import Worker

__all__ = ["beside", "listed"]


@asynccontextmanager
async def listed(link: Link, present: Present, workers: Sequence[Worker]) -> AsyncGenerator[None]:
    """In the roster while the block runs; who asks it to drain stops the workers."""

    def stop() -> None:
        for worker in workers:
            worker.stop()

    roster = Roster(link)
    async with beside(partial(roster.stay, present, stop)):
        yield
    with suppress(ServiceError):  # then the entry expires
        await roster.leave(present.name)


@asynccontextmanager
async def beside(errand: Callable[[], Coroutine[None, None, None]]) -> AsyncGenerator[None]:
    """Run something for as long as the block runs."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(errand)
        yield
        tasks.cancel_scope.cancel()
