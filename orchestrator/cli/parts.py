"""What serves the calls of `orchestrator run`: a worker and an MCP host, for as long as it talks.

One that has served and ends by itself is started again: what it held is judged by another that
serves its queues, and there may be none. One that does not come up is for people to mend.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import anyio

from orchestrator.dispatch.roster import Roster
from orchestrator.errors import ServiceError
from orchestrator.flow.definition import Flow
from orchestrator.launch import Part, part
from orchestrator.link import Link
from orchestrator.settings import Settings

__all__ = ["Notice", "Parts", "keep"]

Notice: TypeAlias = Callable[[str], None]

STEADY = 10.0
"""Seconds after which an end is the first of a row, not its next: the part has done something."""
ENDS = 5
"""After so many ends in a row it is left alone. A call that no worker survives ends three, and the
fourth makes a dead letter of it."""


@dataclass(frozen=True, slots=True)
class Parts:
    """Those that a flow needs, if they are not said to run elsewhere."""

    flow: Flow
    settings: Settings
    link: Link
    redis_url: str
    notice: Notice
    worker: bool
    mcp_host: bool

    async def serve(self, ready: Callable[[], None]) -> None:
        """Serve until cancelled; `ready` when they are up, or have told why they are not."""
        queues = {tool.queue for tool in self.flow.all_tools if not tool.native}
        async with anyio.create_task_group() as tasks:
            up = list[anyio.Event]()
            for start in self._wanted(queues):
                up.append(anyio.Event())
                tasks.start_soon(keep, start, self.notice, up[-1].set)
            for each in up:
                await each.wait()
            if queues:
                await self._tell_unserved(queues)
            ready()

    def _wanted(
        self, queues: set[str]
    ) -> Iterator[Callable[[], AbstractAsyncContextManager[Part]]]:
        servers = sorted(q.removeprefix("mcp.") for q in queues if q.startswith("mcp."))
        if self.worker and len(queues) > len(servers):
            yield self._part("worker")
        if self.mcp_host and servers:
            yield self._part("mcp-host", *servers)

    def _part(self, name: str, *served: str) -> Callable[[], AbstractAsyncContextManager[Part]]:
        arguments = ["orchestrator", name, *served, "--lifeline", "--ready"]
        environ = {**os.environ, "REDIS_URL": self.redis_url}
        data, project = self.settings.data, self.settings.project
        return partial(part, name, arguments, data / "logs", environ, project)

    async def _tell_unserved(self, queues: set[str]) -> None:
        """Whoever serves them: our own parts, or anybody else of the same Redis."""
        with suppress(ServiceError):  # then calls fail, and the flow says so
            there = await Roster(self.link).present()
            served = {queue for each in there for queue in each.queues}
            if missing := ", ".join(sorted(queues - served)):
                known = ", ".join(sorted(served)) or "none"
                self.notice(f"nobody serves the queue {missing} just now (served: {known})")


async def keep(
    start: Callable[[], AbstractAsyncContextManager[Part]], notice: Notice, up: Callable[[], None]
) -> None:
    """Run a part, and again when it has ended by itself after it was `up`; tells what happens."""
    ends = 0  # in a row
    while ends < ENDS:
        async with start() as process:
            try:
                await process.ready()
            except ServiceError as problem:
                notice(str(problem))
                return
            finally:
                up()
            began = anyio.current_time()
            how = await process.ended()
        ends = ends + 1 if anyio.current_time() - began < STEADY else 1
        again = "it is started again" if ends < ENDS else f"{ENDS} times in a row: not again"
        notice(f"{how}; {again}")
