"""What handlers report while they work, on its way to whoever asked: best effort.

It is said on the asker's channel, as outcomes are. Only the newest of each call counts: a handler
may report as often as it likes, and neither Redis nor a journal is flooded.
"""

import asyncio
import logging

import anyio

from orchestrator.dispatch import keys
from orchestrator.dispatch.call import Call, Message, Progress
from orchestrator.dispatch.news import News
from orchestrator.errors import ServiceError
from orchestrator.link import Command, Link

__all__ = ["StreamProgress"]

log = logging.getLogger(__name__)

PAUSE = 0.2
"""Seconds between two rounds of telling: each call reports at most so often."""
TEXT, REPORT = 500, 4096
"""How long a text may be, and a whole report; more text is cut, more data is left out."""


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
        self._calls[call.id] = call
        self._news.put(call.id, progress)

    async def run(self) -> None:
        """Tell what is new, for ever; what Redis does not take is lost."""
        while True:
            news = await self._news.take()
            calls, self._calls = self._calls, {}
            try:
                await self._link.ask(*(_told(calls[name], progress) for name, progress in news))
            except ServiceError as error:
                log.info("nobody was told how far %d calls are: %s", len(news), error)
            await anyio.sleep(PAUSE)


def _told(call: Call, progress: Progress) -> Command:
    text = progress.text[:TEXT]
    told = Message(call.id, progress=Progress(text, progress.data)).to_json()
    if len(told) > REPORT:
        log.warning("call %s: the data that %s reports is too long to be told", call.id, call.tool)
        told = Message(call.id, progress=Progress(text)).to_json()
    return ("PUBLISH", keys.replies(call.reply_to), told)
