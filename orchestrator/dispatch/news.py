"""Reports of handlers, between who puts them and who takes them: the newest of each call."""

from collections.abc import Sequence

import anyio

from orchestrator.dispatch.call import Progress

__all__ = ["News"]

UNREAD = 1000
"""How many calls may have news that nobody takes before the oldest are dropped."""


class News:
    """The newest report of each call that was not read yet. One reader at a time."""

    def __init__(self) -> None:
        self._newest: dict[str, Progress] = {}
        self._bell = anyio.Event()

    def put(self, call_id: str, progress: Progress) -> None:
        self._newest.pop(call_id, None)
        self._newest[call_id] = progress
        if len(self._newest) > UNREAD:
            del self._newest[next(iter(self._newest))]
        self._bell.set()

    async def take(self) -> Sequence[tuple[str, Progress]]:
        """All that is new, the oldest first; waits until there is something."""
        while not self._newest:
            self._bell = anyio.Event()
            await self._bell.wait()
        taken = tuple(self._newest.items())
        self._newest.clear()
        return taken
