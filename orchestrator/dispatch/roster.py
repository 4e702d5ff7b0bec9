"""Who is there to work: each worker says under its own key what it serves, and keeps saying so.

The key expires soon after its worker has died. All of them lie under one tag, so that a
cluster can be asked for all at once; a set holds the names, because keys are not searched for.
"""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import cast

import anyio

from orchestrator.dispatch import keys
from orchestrator.dispatch.call import Json
from orchestrator.errors import ServiceError
from orchestrator.link import Link

__all__ = ["Handled", "Present", "Roster"]

log = logging.getLogger(__name__)

RENEW = 2.0
"""Seconds between two signs of life, and until a worker hears that it is to drain."""
LIFE = 15
"""Seconds without one after which a worker counts as gone."""
HOUR = 3600


@dataclass(frozen=True, slots=True)
class Handled:
    """One handler: JSON Schema of its arguments, and of its result if that is known."""

    arguments: Mapping[str, Json]
    returns: Mapping[str, Json] | None = None


@dataclass(frozen=True, slots=True)
class Present:
    """One worker. `queues` maps queue to handler's name to what it takes and gives;
    `slots` calls of each queue run at a time, and no more than `limit` of all its workers
    together (None: any); `started` is in seconds since the epoch."""

    name: str
    started: float
    slots: int
    queues: Mapping[str, Mapping[str, Handled]] = field(
        default_factory=dict[str, Mapping[str, Handled]]
    )
    draining: bool = False  # it claims nothing more, and ends
    limit: int | None = None

    def to_json(self) -> str:
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> "Present":
        """Raises `ValueError` for what is none. Fields that it does not know are left out."""
        try:
            data: Mapping[str, Json] = json.loads(text)
            queues = {
                queue: {
                    name: Handled(each["arguments"], each.get("returns"))
                    for name, each in cast("Mapping[str, Json]", handlers).items()
                }
                for queue, handlers in data["queues"].items()
            }
            name, started, slots = str(data["name"]), float(data["started"]), int(data["slots"])
            limit = None if data.get("limit") is None else int(data["limit"])
            return cls(name, started, slots, queues, bool(data.get("draining")), limit)
        except (KeyError, TypeError, AttributeError, OverflowError, RecursionError) as problem:
            raise ValueError(f"not a worker: {problem!r}") from None


class Roster:
    """The workers of one Redis."""

    def __init__(self, link: Link) -> None:
        self._link = link

    async def stay(self, worker: Present, drain: Callable[[], None] = lambda: None) -> None:
        """Be there, for ever; then `leave`. Calls `drain` once if somebody asks for it.

        Rides out an absence of Redis.
        """
        while True:
            try:
                asked = await self.come(worker)
            except ServiceError as problem:
                log.warning("the worker cannot be listed just now: %s", problem)
                asked = False
            if asked and not worker.draining:
                drain()
                worker = replace(worker, draining=True)
            else:
                await anyio.sleep(RENEW)

    async def come(self, worker: Present) -> bool:
        """Be there for a while; whether it is asked to drain. Raises `ServiceError`."""
        *_, asked = await self._link.ask(
            ("SADD", keys.workers(), worker.name),
            ("SET", keys.worker(worker.name), worker.to_json(), "EX", LIFE),
            ("EXISTS", keys.drain(worker.name)),
        )
        return bool(asked)

    async def leave(self, name: str) -> None:
        """Raises `ServiceError`; then the key expires by itself."""
        gone = (keys.worker(name), keys.drain(name))
        await self._link.ask(("DEL", *gone), ("SREM", keys.workers(), name))

    async def drain(self, name: str) -> None:
        """Ask a worker to end when its running calls have. Raises `ServiceError`."""
        await self._link.ask(("SET", keys.drain(name), 1, "EX", HOUR))

    async def present(self) -> Sequence[Present]:
        """Who is there, by name. Raises `ServiceError`."""
        [found] = await self._link.ask(("SMEMBERS", keys.workers()))
        names = sorted(found)
        if not names:
            return []
        [texts] = await self._link.ask(("MGET", *map(keys.worker, names)))
        if gone := [name for name, text in zip(names, texts, strict=True) if text is None]:
            await self._link.ask(("SREM", keys.workers(), *gone))
        return [worker for text in texts if text is not None and (worker := _readable(text))]


def _readable(text: str) -> Present | None:
    try:
        return Present.from_json(text)
    except ValueError as problem:
        log.warning("an entry of the workers: %s", problem)
        return None
