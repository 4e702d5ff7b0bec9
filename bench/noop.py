"""The tools that do nothing, for the worker process of the benchmarks."""

import asyncio

from orchestrator import handler


@handler(queue="bench")
async def noop() -> dict[str, bool]:
    return {"done": True}


@handler(queue="busy")
async def rest(seconds: float) -> dict[str, bool]:
    if seconds:
        await asyncio.sleep(seconds)
    return {"done": True}
