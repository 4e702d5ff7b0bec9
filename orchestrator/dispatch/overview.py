"""What lies in the queues, for people: how much waits, for how long, and what became of a call.

Nothing here is one atomic look: the figures of a busy queue are of almost the same moment.
"""

import math
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from orchestrator.dispatch import keys
from orchestrator.dispatch.acts import LANES, stream
from orchestrator.dispatch.call import Call
from orchestrator.dispatch.roster import Present, Roster
from orchestrator.dispatch.streams import pairs, readable
from orchestrator.link import Link, RedisRefused

__all__ = [
    "QueueState",
    "find_call",
    "held_by",
    "names_of",
    "queue_names",
    "queue_state",
    "record",
]

MOST = 10_000
"""How many calls of a queue are looked at for who has them."""


@dataclass(frozen=True, slots=True)
class QueueState:
    """`waiting` calls were taken by nobody yet, `running` ones are some worker's, `parked` ones
    are held back by a limit or rate. `oldest` is how many seconds ago the oldest
    of all these entered its stream; None if there is none. `dead` counts dead letters. `limits`
    are those that its workers were started with, each once (None: no limit); they should be one.

    `came` and `went` count the entries that were ever added to the queue's streams and removed.
    Redis keeps these counts anyway. Who goes round again, after being parked, comes and goes twice.
    """

    queue: str
    waiting: int
    running: int
    parked: int
    oldest: float | None
    workers: int
    limits: Sequence[int | None]
    dead: int
    came: int
    went: int


async def queue_names(link: Link) -> Sequence[str]:
    """The queues that were ever used or are served now, sorted. Raises `QueueUnavailable`."""
    found = {queue for worker in await Roster(link).present() for queue in worker.queues}
    for lane in LANES:
        head, tail = stream("\0", lane).split("\0")
        names = await link.names(f"{head}*{tail}")
        found |= {name.removeprefix(head).removesuffix(tail) for name in names}
    return sorted(found)


async def queue_state(link: Link, queue: str) -> QueueState:
    """Raises `QueueUnavailable`."""
    streams = [stream(queue, lane) for lane in LANES]
    infos = [await _info(link, each) for each in streams]
    there, came = (sum(info[what] for info in infos) for what in ("length", "entries-added"))
    running, parked = len(await held_by(link, queue)), await _parked(link, queue)
    since = [_since(info["first-entry"][0]) for info in infos if info["first-entry"]]
    [dead] = await link.ask(("XLEN", keys.dead(queue)))
    serving = [each for each in await Roster(link).present() if queue in each.queues]
    return QueueState(
        queue,
        waiting=max(0, there - running - parked),
        running=running,
        parked=parked,
        oldest=round(max(since), 1) if since else None,
        workers=len(serving),
        limits=_limits(serving),
        dead=dead,
        came=came,
        went=came - there,
    )


def _limits(workers: Iterable[Present]) -> Sequence[int | None]:
    """Those by which calls are taken now; ascending, None last."""
    limits = {worker.limit for worker in workers if not worker.draining}
    return sorted(limits, key=lambda limit: limit or math.inf)


async def _info(link: Link, name: str) -> Mapping[str, Any]:
    [exists] = await link.ask(("EXISTS", name))
    if not exists:
        return {"length": 0, "entries-added": 0, "first-entry": None}
    [info] = await link.ask(("XINFO", "STREAM", name))
    return dict(info)


async def _parked(link: Link, queue: str) -> int:
    """Those of the parked calls whose entry is there: the others were withdrawn, or have a slot."""
    [members] = await link.ask(("ZRANGE", keys.due(queue), 0, MOST))
    entries = [member.split(" ")[:2] for member in members]  # LANE ENTRY DEADLINE
    found = await link.ask(
        *(("XRANGE", stream(queue, lane), entry, entry) for lane, entry in entries)
    )
    return sum(bool(each) for each in found)


def _since(entry: str) -> float:
    """Seconds since an entry was added: its id begins with the time, in milliseconds."""
    return max(0.0, time.time() - int(entry.partition("-")[0]) / 1000)


async def held_by(link: Link, queue: str) -> Mapping[str, str]:
    """Which worker has which call that nobody has settled, by the call's id."""
    held: dict[str, str] = {}
    for lane in LANES:
        rows = await _pending(link, stream(queue, lane))
        entries = await link.ask(*(("XRANGE", stream(queue, lane), row[0], row[0]) for row in rows))
        for row, found in zip(rows, entries, strict=True):
            if found:  # else it was withdrawn, and its worker does not know yet
                held[pairs(found[0][1]).get("call", "")] = row[1]
    return held


async def _pending(link: Link, name: str) -> Sequence[Any]:
    try:
        [rows] = await link.ask(("XPENDING", name, keys.GROUP, "-", "+", MOST))
    except RedisRefused as refusal:
        if refusal.code != "NOGROUP":
            raise
        return ()  # no worker was ever there
    return list(rows)


async def record(link: Link, queue: str, call_id: str) -> Mapping[str, str]:
    """The record of a call as it lies in Redis; empty if there is none."""
    [found] = await link.ask(("HGETALL", keys.call_record(queue, call_id)))
    return dict(found)


Found: TypeAlias = tuple[Call, Mapping[str, str]]
"""A call and its record."""


async def find_call(link: Link, name: str, queue: str | None = None) -> Found | None:
    """A call of this queue, or of any: by its id, or by the one that `run --json` prints.

    The latter may be that of several, attempts and calls of other sessions: one that is open goes
    first, then the last that was made. Raises `QueueUnavailable`.
    """
    for each in [queue] if queue else await queue_names(link):
        found = await record(link, each, name)
        if found and (call := readable(found)):
            return call, found
    several = [found for found in await _like(link, name, queue) if name in names_of(found[0].id)]
    return max(several, key=lambda each: (_is_open(each), each[0].created), default=None)


async def _like(link: Link, name: str, queue: str | None) -> Sequence[Found]:
    """Calls with this somewhere in their id, between dots."""
    plain = re.sub(r"[*?\\\[]", r"\\\g<0>", name)
    records = await link.names(keys.call_record(queue or "*", f"*.{plain}.*"))
    found = [dict((await link.ask(("HGETALL", each)))[0]) for each in records]
    return [(call, each) for each in found if each and (call := readable(each))]


def _is_open(found: Found) -> bool:
    return found[1].get("status") == "open"


def names_of(call_id: str) -> tuple[str, str]:
    """The id of a call, and the one that `run --json` prints: without session and attempt."""
    return call_id, call_id.partition(".")[2].rpartition(".")[0]
