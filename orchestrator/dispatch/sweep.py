"""What becomes of calls whose lease has lapsed: their worker is dead, frozen or cut off.

What may run twice goes round again, in whatever worker takes it: whoever sweeps needs no free
slot. What may not has an unknown outcome, and its asker is told so. What has been tried too often
is a dead letter. Each verdict is one atomic act that is void if the worker was heard of since, so
that any number of workers may sweep at a time. See docs/redis.md.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from orchestrator.crashpoints import crashpoint
from orchestrator.dispatch import acts, keys
from orchestrator.dispatch.acts import LANES, Act, Held, Letter
from orchestrator.dispatch.call import Call, Outcome, Priority
from orchestrator.dispatch.streams import pairs
from orchestrator.link import Link, RedisRefused

__all__ = ["Sweep", "bury", "read_entry"]

BATCH = 100
"""How many lapsed entries of a stream are judged at a time."""

_Row: TypeAlias = tuple[str, str, int, int]
"""A pending entry: its id, its holder, for how long it is idle (ms), how often it was delivered."""

logger = logging.getLogger(__name__)


def read_entry(fields: Mapping[str, str]) -> tuple[Call, int] | str:
    """The call of an entry and how often it was delivered before; why it is none otherwise."""
    try:
        call, deliveries = Call.from_json(fields["request"]), int(fields.get("deliveries", 0))
        # Redis takes UTF-8, in which half of a surrogate pair cannot be written.
        "".join((call.id, call.queue, call.tool, call.key, call.reply_to)).encode()
    except (KeyError, ValueError) as error:
        return f"not a call: {error!r}"
    if fields.get("call") != call.id:
        return "not a call: the entry names another one"
    return call, deliveries


def bury(held: Held, fields: Mapping[str, str], reason: str, deliveries: int) -> Act:
    """Make a dead letter of an entry that cannot be read."""
    logger.error("queue %s: entry %s is dead: %s", held.queue, held.entry, reason)
    outcome = Outcome.failed("dead", "invalid", "it cannot be read")
    letter = Letter(fields.get("request", ""), reason, deliveries)
    return acts.bury(held, fields.get("call", ""), outcome, letter)


class Sweep:
    """Judges the lapsed calls of one queue; `run` is one pass. Raises as `Link.ask` does."""

    def __init__(self, link: Link, queue: str, lease: float, tries: int) -> None:
        self._link = link
        self._queue = queue
        self._lease = lease
        self._tries = tries

    async def run(self) -> None:
        for lane in LANES:
            while len(await self._pass(lane)) == BATCH:
                pass

    async def _pass(self, lane: Priority) -> Sequence[_Row]:
        stream = acts.stream(self._queue, lane)
        idle = ("IDLE", int(self._lease * 1000), "-", "+", BATCH)
        rows: Sequence[_Row]
        [rows] = await self._link.ask(("XPENDING", stream, keys.GROUP, *idle))
        if not rows:
            return ()
        crashpoint("sweep.found")
        found = await self._link.ask(*(("XRANGE", stream, row[0], row[0]) for row in rows))
        there = [(row, pairs(each[0][1])) for row, each in zip(rows, found, strict=True) if each]
        deleted = [row[0] for row, each in zip(rows, found, strict=True) if not each]
        if deleted:
            await self._link.ask(("XACK", stream, keys.GROUP, *deleted))
        judged = await self._judge([self._verdict(lane, row, fields) for row, fields in there])
        return rows if judged else ()  # those that cannot be judged are there the next time, too

    async def _judge(self, verdicts: Sequence[Act]) -> bool:
        """Whether Redis took all of them."""
        replies = await self._link.act_all(verdicts)
        crashpoint("sweep.judged")
        refusals = [reply for reply in replies if isinstance(reply, RedisRefused)]
        for refusal in refusals:
            logger.error("queue %s: a verdict is refused: %s", self._queue, refusal)
        return not refusals

    def _verdict(self, lane: Priority, row: _Row, fields: Mapping[str, str]) -> Act:
        entry, holder, _, count = row
        held = Held(self._queue, lane, entry, holder, self._lease)
        read = read_entry(fields)
        if isinstance(read, str):
            return bury(held, fields, read, count)
        call, before = read
        deliveries = before + count
        logger.warning("call %s: %s was not heard of any more", call.id, holder)
        if not call.rerun:
            return acts.give_up(held, call, Outcome.withdrawn("dead"))
        if deliveries < self._tries:
            return acts.go_round(held, call, deliveries)
        reason = f"no worker lived to answer it in {deliveries} deliveries"
        letter = Letter(fields["request"], reason, deliveries)
        return acts.give_up(held, call, Outcome.given_up(deliveries), letter)
