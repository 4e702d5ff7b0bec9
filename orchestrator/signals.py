"""What is sent to sessions from outside, on Redis: a stream for each session, its inbox."""

import json
import logging
from collections.abc import AsyncGenerator, Mapping, Sequence

import anyio

from orchestrator.backoff import Backoff
from orchestrator.dispatch import keys
from orchestrator.dispatch.call import Json
from orchestrator.errors import QueueUnavailable
from orchestrator.interfaces import Signal
from orchestrator.link import Link

__all__ = ["RedisSignals"]

log = logging.getLogger(__name__)

KEPT = 1000
DAY = 86_400
WAIT = 5.0
"""Seconds that one read waits for the next signal."""


class RedisSignals:
    """`Signals` of a project."""

    def __init__(self, link: Link) -> None:
        self._link = link

    async def send(self, session: str, name: str, data: Mapping[str, Json]) -> str:
        stream = keys.inbox(session)
        text = json.dumps(data, ensure_ascii=True)
        add = ("XADD", stream, "MAXLEN", "~", KEPT, "*", "signal", name, "data", text)
        entry, _ = await self._link.ask(add, ("EXPIRE", stream, DAY))
        return str(entry)

    async def received(self, session: str, after: str = "0-0") -> AsyncGenerator[Signal]:
        line, backoff = self._link.line(), Backoff()
        stream, block = keys.inbox(session), ("BLOCK", round(WAIT * 1000))
        while True:
            try:
                reply = await line.ask(("XREAD", *block, "STREAMS", stream, after), WAIT)
            except QueueUnavailable:
                await anyio.sleep(backoff.next())
                continue
            backoff.reset()
            for after, fields in reply[stream] if reply else ():
                if (signal := _signal(after, fields)) is not None:
                    yield signal


def _signal(entry: str, flat: Sequence[str]) -> Signal | None:
    """Anybody can write to Redis: what is no signal is told to people and passed over."""
    fields = dict(zip(flat[::2], flat[1::2], strict=True))
    try:
        data = json.loads(fields.get("data", "{}"))
    except ValueError:
        data = None
    if "signal" not in fields or not isinstance(data, dict):
        log.error("entry %s of an inbox is no signal", entry)
        return None
    return Signal(entry, fields["signal"], data)  # pyright: ignore[reportUnknownArgumentType]
