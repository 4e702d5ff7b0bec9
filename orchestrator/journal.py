"""The journal of a session on Redis: one stream, the header first, one entry per event.

Entries are numbered from 1, and a number is an entry's id in the stream. So an append whose
answer was lost can be repeated, and a second process that believes it drives the session is
refused. While Redis is away a session goes on: its entries are held here, up to a bound, and
written in order when Redis is back.
"""

import json
import logging
from collections.abc import Mapping, Sequence

import anyio

from orchestrator.backoff import Backoff
from orchestrator.dispatch import keys
from orchestrator.dispatch.call import Json
from orchestrator.errors import QueueUnavailable
from orchestrator.link import Link, Script

__all__ = ["RedisJournal"]

logger = logging.getLogger(__name__)

APPEND = Script.load("orchestrator", "journal.lua")

WEEK = 7 * 86400
PATIENCE = 1.0
"""Seconds that an append waits for Redis before it leaves the entries to `run`."""
BATCH = 500


class RedisJournal:
    """`Journal` of one session. `run` must run beside it, in the session's task group.

    Past `bound` held entries the journal ends where it stands, which is logged once: what is
    kept can be replayed, whereas a journal with a gap could not.
    """

    def __init__(self, session: str, link: Link, *, bound: int = 10_000) -> None:
        self._session = session
        self._stream = keys.journal(session)
        self._link = link
        self._bound = bound
        self._held: list[str] = []
        self._next: int | None = None  # number of the first held entry, once it is known
        self._away = anyio.Event()
        self._ended = False
        self._writing = anyio.Lock()

    async def append(self, entries: Sequence[Mapping[str, Json]]) -> None:
        """Raises `ServiceError` if another process writes this journal, or Redis refuses us."""
        self._hold([json.dumps(entry) for entry in entries])
        if self._away.is_set():
            return
        with anyio.move_on_after(PATIENCE) as waited:
            await self._write_or_report()
        if waited.cancelled_caught:
            self._report("it does not answer")

    async def read(self) -> Sequence[Mapping[str, Json]]:
        """All entries in Redis. Raises `QueueUnavailable`.

        What is appended from now on follows the last of these. If another process has added
        to them meanwhile, it is the one that drives the session: the append is refused.
        """
        [rows] = await self._link.ask(("XRANGE", self._stream, "-", "+"))
        if not self._held:
            self._next = _number(rows[-1][0]) + 1 if rows else 1
        return [json.loads(fields[1]) for _, fields in rows]

    async def run(self) -> None:
        """Write what is held when Redis is back, for ever; once more when this is cancelled."""
        try:
            while True:
                await self._away.wait()
                await self._write_on_return()
        finally:
            with anyio.move_on_after(PATIENCE, shield=True):
                await self._write_or_report()

    async def _write_on_return(self) -> None:
        backoff = Backoff()
        while self._away.is_set():
            await anyio.sleep(backoff.next())
            try:
                await self._write()
            except QueueUnavailable:
                continue
            self._away = anyio.Event()
            logger.info("session %s: its journal is written again", self._session)

    def _hold(self, texts: Sequence[str]) -> None:
        if self._ended:
            return
        if len(self._held) + len(texts) > self._bound:
            self._ended = True
            logger.error("session %s: its journal ends here, too long without Redis", self._session)
            return
        self._held.extend(texts)

    async def _write_or_report(self) -> None:
        try:
            await self._write()
        except QueueUnavailable as error:
            self._report(str(error))

    def _report(self, why: str) -> None:
        if not self._away.is_set():
            logger.warning("session %s: its journal is held in memory: %s", self._session, why)
            self._away.set()

    async def _write(self) -> None:
        async with self._writing:
            while self._held:
                first = self._next = self._next or await self._length() + 1
                batch = self._held[:BATCH]
                await self._link.act(APPEND, [self._stream], [first, WEEK, *batch])
                del self._held[: len(batch)]
                self._next = first + len(batch)

    async def _length(self) -> int:
        [newest] = await self._link.ask(("XREVRANGE", self._stream, "+", "-", "COUNT", 1))
        return _number(newest[0][0]) if newest else 0


def _number(entry: str) -> int:
    """Of an entry, from its id in the stream."""
    return int(entry.partition("-")[0])
