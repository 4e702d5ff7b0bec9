"""What handlers report while they work, on its way to whoever asked: best effort.

It travels on the reply stream of the asker as an entry with `call` and `progress`, which those
who only want outcomes leave out. Only the newest of each call counts: a handler may report as
often as it likes, and neither Redis nor a journal is flooded.
"""

import asyncio
import logging
from collections.abc import Iterator, Mapping, Sequence

import anyio

from orchestrator.dispatch import keys
from orchestrator.dispatch.call import Call, Progress
from orchestrator.dispatch.news import News
from orchestrator.errors import ServiceError
from orchestrator.link import Link

__all__ = ["StreamProgress", "heard"]

log = logging.getLogger(__name__)

PAUSE = 0.2
"""Seconds between two rounds of telling: each call reports at most so often."""
TEXT, ENTRY = 500, 4096
"""How long a text may be, and a whole report; more text is cut, more data is left out."""
REPLIES, HOUR = 10_000, 3600


class StreamProgress:
    """The working side: `tell` from any thread, while `run` runs in the event loop."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._loop = asyncio.get_running_loop()
        self._news = News()
        self._calls: dict[str, Call] = {}

    def tell(self, call: Call, progress: Progress) -> None:
        if call.reply_to:  # else nobody waits
            self._loop.call_soon_threadsafe(self._put, call, progress)

    def _put(self, call: Call, progress: Progress) -> None:
        if not call.reply_to:
            return  # nobody waits
        self._calls[call.id] = call
        self._news.put(call.id, progress)

    async def run(self) -> None:
        """Tell what is new, for ever; what Redis does not take is lost."""
        while True:
            news = await self._news.take()
            calls, self._calls = self._calls, {}
            try:
                await self._link.ask(*(c for i, told in news for c in _entry(calls[i], told)))
            except ServiceError as error:
                log.info("nobody was told how far %d calls are: %s", len(news), error)
            await anyio.sleep(PAUSE)


def heard(fields: Mapping[str, str]) -> tuple[str, Progress] | None:
    """What an entry of a reply stream reports, if it does: anybody can write to Redis."""
    try:
        return fields["call"], Progress.from_json(fields["progress"])
    except (KeyError, ValueError):
        return None


def _entry(call: Call, progress: Progress) -> Iterator[Sequence[str | int]]:
    text = progress.text[:TEXT]
    told = Progress(text, progress.data).to_json()
    if len(told) > ENTRY:
        log.warning("call %s: the data that %s reports is too long to be told", call.id, call.tool)
        told = Progress(text).to_json()
    stream = keys.replies(call.reply_to)
    yield ("XADD", stream, "MAXLEN", "~", REPLIES, "*", "call", call.id, "progress", told)
    yield ("EXPIRE", stream, HOUR)
