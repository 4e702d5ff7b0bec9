"""Many calls at a time, however each is made. It needs nothing but Python: peers use it, too."""

import asyncio
import statistics
import time
from array import array
from collections.abc import Awaitable, Callable
from typing import TypeAlias

__all__ = ["Ask", "make"]

Ask: TypeAlias = Callable[[float], Awaitable[object]]
"""One call, answered; it is given the seconds that its handler takes."""


async def make(ask: Ask, calls: int, flight: int, seconds: float) -> float:
    """So many calls, at most `flight` of them at a time; the median of what each took."""
    left = iter(range(calls))
    took = array("d")

    async def one_after_another() -> None:
        for _ in left:
            began = time.perf_counter()
            await ask(seconds)
            took.append(time.perf_counter() - began)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(flight):
            tasks.create_task(one_after_another())
    return statistics.median(took)
