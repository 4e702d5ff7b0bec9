"""D11: the way to Redis is cut, half open, slow or drips: every call ends at its deadline.

The asker's way is bad, or the worker's. Nothing is asked twice here, so that what a single
attempt comes to is seen.
"""

from collections import Counter
from typing import Literal, TypeAlias

import anyio

from tests.drills.asker import Plan
from tests.drills.proxy import Manner, Proxy, proxy
from tests.drills.scene import Figures, scene, until

__all__ = ["Side", "bad_network"]

Side: TypeAlias = Literal["asker", "worker"]
ENDS = {"ok", "timeout", "unavailable", "crashed"}


async def bad_network(
    manner: Manner, side: Side, calls: int = 200, deadline: float = 4.0
) -> Figures:
    async with scene() as here, proxy(here.redis.socket) as way:
        bad = {side: way.url}
        await here.worker(url=bad.get("worker", ""))
        plan = Plan(calls, flight=20, seconds=0.2, timeout=deadline, attempts=1)
        asker = await here.asker(plan, url=bad.get("asker", ""))
        await until(lambda: len(here.ledger.answers()) >= calls // 10)
        way.manner = manner
        async with anyio.create_task_group() as trouble:
            trouble.start_soon(_keep_cutting, way)
            await here.answered(asker)
            trouble.cancel_scope.cancel()
        answers = here.ledger.answers()
        assert {name: len(codes) for name, codes in answers.items()} == dict.fromkeys(
            here.ledger.wanted(), 1
        )
        codes = Counter(codes[0] for codes in answers.values())
        assert set(codes) <= ENDS, codes
        assert max(here.ledger.effects().values(), default=0) <= 1
        return {**codes, "latest after its deadline, s": round(here.ledger.latest(), 2)}


async def _keep_cutting(way: Proxy) -> None:
    while way.manner == "cut":
        way.cut()
        await anyio.sleep(0.1)
