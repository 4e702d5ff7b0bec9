"""Dead letters on Redis, for people: what was given up, to be read, redriven or dropped."""

from collections.abc import Mapping, Sequence

from orchestrator.dispatch import acts, keys
from orchestrator.dispatch.call import Call, Outcome
from orchestrator.dispatch.redrive import redriven
from orchestrator.dispatch.streams import pairs
from orchestrator.interfaces import DeadLetter
from orchestrator.link import Link, RedisRefused

__all__ = ["StreamDeadLetters", "queues_with_dead_letters"]

BATCH = 1000
"""How many letters are read at a time."""


class StreamDeadLetters:
    """`DeadLetters` of one queue."""

    def __init__(self, link: Link, queue: str) -> None:
        self._link = link
        self._queue = queue
        self._stream = keys.dead(queue)

    async def list(self) -> Sequence[DeadLetter]:
        letters: list[DeadLetter] = []
        start = "-"
        while True:
            part = ("XRANGE", self._stream, start, "+", "COUNT", BATCH)
            [entries] = await self._link.ask(part)
            letters += (_letter(entry, pairs(flat)) for entry, flat in entries)
            if len(entries) < BATCH:
                return letters
            start = f"({letters[-1].id}"

    async def show(self, letter: str) -> DeadLetter | None:
        try:
            [entries] = await self._link.ask(("XRANGE", self._stream, letter, letter))
        except RedisRefused:
            return None  # no id at all
        return next((_letter(entry, pairs(flat)) for entry, flat in entries), None)

    async def redrive(self, letter: str) -> tuple[Call, Outcome | None]:
        call = redriven(self._queue, letter, await self.show(letter))
        outcome = await self._link.act(*acts.publish(call))
        await self.drop(letter)
        return call, Outcome.from_json(outcome) if outcome else None

    async def drop(self, letter: str) -> bool:
        try:
            [dropped] = await self._link.ask(("XDEL", self._stream, letter))
        except RedisRefused:
            return False
        return bool(dropped)


async def queues_with_dead_letters(link: Link) -> Sequence[str]:
    """The names of the queues that have some, sorted. Raises `QueueUnavailable`."""
    head, tail = keys.dead("\0").split("\0")
    names = await link.names(f"{head}*{tail}")
    queues = sorted(name.removeprefix(head).removesuffix(tail) for name in names)
    lengths = await link.ask(*(("XLEN", keys.dead(queue)) for queue in queues))
    return [queue for queue, length in zip(queues, lengths, strict=True) if length]


def _letter(entry: str, fields: Mapping[str, str]) -> DeadLetter:
    """Anybody may have written it, an earlier version too: what is missing is empty."""
    return DeadLetter(
        id=entry,
        call=fields.get("call", ""),
        request=fields.get("request", ""),
        reason=fields.get("reason", ""),
        deliveries=_number(fields.get("deliveries"), 1),
        worker=fields.get("worker", ""),
        at=int(entry.partition("-")[0]) / 1000,  # an id begins with the time, in milliseconds
    )


def _number(text: str | None, default: int) -> int:
    return int(text) if text and text.isdigit() else default
