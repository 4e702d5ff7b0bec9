"""Many calls at a time, however each is made. It needs nothing but Python: peers use it, too."""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from typing import TypeAlias

__all__ = ["Ask", "make"]

Ask: TypeAlias = Callable[[float], Awaitable[object]]
"""One call, answered; it is given the seconds that its handler takes."""


async def make(ask: Ask, calls: int, flight: int, seconds: float) -> float:
    """So many calls, at most `flight` of them at a time; the median of what each took."""
    flying = asyncio.Semaphore(flight)
    took: list[float] = []

    async def one() -> None:
        async with flying:
            began = time.perf_counter()
            await ask(seconds)
            took.append(time.perf_counter() - began)

    if flight == 1:
        for _ in range(calls):
            await one()
    else:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(calls):
                tasks.create_task(one())
    return statistics.median(took)
