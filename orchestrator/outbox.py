"""What flows emit, on Redis: one stream per name, read by whoever cares."""

import json
from collections.abc import Mapping

from orchestrator.dispatch import keys
from orchestrator.dispatch.call import Json
from orchestrator.link import Link

__all__ = ["RedisOutbox"]

KEPT = 10_000


class RedisOutbox:
    """`Outbox` of one session."""

    def __init__(self, session: str, link: Link) -> None:
        self._session = session
        self._link = link

    async def emit(self, name: str, data: Mapping[str, Json]) -> None:
        text = json.dumps(data, ensure_ascii=True)
        stream = ("XADD", keys.emitted(name), "MAXLEN", "~", KEPT, "*")
        await self._link.ask((*stream, "session", self._session, "data", text))
