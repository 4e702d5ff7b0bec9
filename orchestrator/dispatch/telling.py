"""Tells askers what their calls came to, beside the work.

An asker's reply stream may lie on a node of a cluster that is away. Each asker is told by itself,
so that one who cannot be holds up nobody else, in the order in which it was put and no more than
its stream would keep.
"""

import asyncio
from collections import deque

from orchestrator.crashpoints import crashpoint
from orchestrator.dispatch.call import Call
from orchestrator.dispatch.streams import REPLIES, signal
from orchestrator.link import Link

__all__ = ["Telling"]


class Telling:
    def __init__(self, link: Link) -> None:
        self._link = link
        self._untold: dict[str, deque[tuple[Call, str]]] = {}  # (call, outcome) by asker
        self._busy: set[str] = set()  # the askers that are being told

    def put(self, call: Call, outcome: str) -> None:
        if call.reply_to:  # else nobody waits
            self._untold.setdefault(call.reply_to, deque(maxlen=REPLIES)).append((call, outcome))

    async def run(self) -> None:
        """Tell what was put, unless somebody is at it: who tells an asker goes on until it knows
        everything. As well as we can; see `signal`.
        """
        askers = tuple(self._untold)
        if len(askers) == 1:  # mostly: a task less
            await self._tell(*askers)
        else:
            await asyncio.gather(*map(self._tell, askers))

    async def _tell(self, asker: str) -> None:
        if asker in self._busy:
            return
        self._busy.add(asker)
        try:
            while untold := self._untold.pop(asker, ()):
                await signal(self._link, [(asker, *each) for each in untold])
                crashpoint("worker.signalled")
        finally:
            self._busy.discard(asker)
