"""What the asker and the worker of every peer do as processes. It needs nothing but Python."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable

from bench.asking import Ask, make

__all__ = ["main", "slept"]


def main(asker: Callable[[str], Awaitable[Ask]], worker: Callable[[str], Awaitable[None]]) -> None:
    what, url = sys.argv[1:]
    asyncio.run(_ask(asker, url) if what == "ask" else _work(worker, url))


async def _ask(asker: Callable[[str], Awaitable[Ask]], url: str) -> None:
    """Each line on standard input is what `make` makes, answered with what it gives."""
    ask = await asker(url)
    while line := await asyncio.to_thread(sys.stdin.readline):
        median = await make(ask, *json.loads(line))
        print(json.dumps(median), flush=True)


async def _work(worker: Callable[[str], Awaitable[None]], url: str) -> None:
    await worker(url)


async def slept(seconds: float) -> dict[str, bool]:
    """What every handler does."""
    if seconds:
        await asyncio.sleep(seconds)
    return {"done": True}
