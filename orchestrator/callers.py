"""What is remembered of callers, on Redis: one key for each name, which expires by itself."""

import json
from collections.abc import Collection, Mapping

from orchestrator.dispatch import keys
from orchestrator.dispatch.call import Json
from orchestrator.link import Link

__all__ = ["RedisCallers"]


class RedisCallers:
    """`Callers` of a project."""

    def __init__(self, link: Link) -> None:
        self._link = link

    async def recall(self, caller: str, names: Collection[str]) -> Mapping[str, Json]:
        wanted = [*names]
        if not wanted:
            return {}
        [found] = await self._link.ask(("MGET", *(keys.remembered(caller, n) for n in wanted)))
        known = zip(wanted, found, strict=True)
        return {name: json.loads(text) for name, text in known if text is not None}

    async def remember(self, caller: str, values: Mapping[str, tuple[Json, float]]) -> None:
        commands: list[tuple[str | int, ...]] = []
        for name, (value, seconds) in values.items():
            key = keys.remembered(caller, name)
            if value is None:
                commands.append(("DEL", key))
            else:
                commands.append(("SET", key, json.dumps(value), "PX", int(seconds * 1000)))
        await self._link.ask(*commands)
