"""A project whose handlers are called: what the commands of operators and workers show."""

from collections.abc import Callable, Coroutine
from pathlib import Path

import anyio

from orchestrator import Client, Outcome
from orchestrator.dispatch.call import Call
from orchestrator.dispatch.streams import StreamCalls
from orchestrator.link import Link, connect
from tests.interaction.project import Project

HANDLERS = """
import asyncio
from orchestrator import handler

@handler(queue="sums")
def add(a: int, b: int) -> int:
    return a + b

@handler(queue="waits")
async def hang(whom: str = "") -> None:
    open("started", "w").close()
    try:
        await asyncio.sleep(1000)
    finally:
        open("cancelled", "w").close()
"""


class Served(Project):
    """On a Redis of its own, with the handlers in `tools.py`."""

    def __init__(self, directory: Path, redis_url: str) -> None:
        super().__init__(directory)
        self.environ["REDIS_URL"] = redis_url
        self.offer(HANDLERS)

    def offer(self, handlers: str) -> None:
        (self.directory / "tools.py").write_text(handlers)

    def on_redis(self, act: Callable[[Link], Coroutine[None, None, None]]) -> None:
        async def run() -> None:
            async with connect(self.environ["REDIS_URL"]) as link:
                await act(link)

        anyio.run(run)

    def outcome(self, queue: str, call_id: str) -> Outcome:
        """Once there is one."""

        async def ask() -> Outcome:
            async with Client.connect(self.environ["REDIS_URL"]) as client:
                return await client.outcome(queue, call_id)

        return anyio.run(ask)

    def publish(self, *calls: Call) -> None:
        """As `asker`."""

        async def act(link: Link) -> None:
            for each in calls:
                await StreamCalls(link, "asker").publish(each)

        self.on_redis(act)
