"""Dispatch over Redis Streams: `Claims` for who works.

A call that nobody bounds takes one blocking read to claim and one atomic act to settle. Only a
call that goes round again, or whose tool or queue is bounded, is asked about once more before it
runs. What is claimed is leased: it stays pending under the consumer's name, and its idle time
is how long ago the lease was renewed. See docs/redis.md.
"""

import logging
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import anyio

from orchestrator.backoff import Backoff
from orchestrator.crashpoints import crashpoint
from orchestrator.dispatch import acts, keys
from orchestrator.dispatch.acts import LANES, Act, Ended, Held
from orchestrator.dispatch.call import Call, Outcome, Priority
from orchestrator.dispatch.streams import pairs
from orchestrator.dispatch.sweep import Sweep, bury, read_entry
from orchestrator.errors import QueueUnavailable
from orchestrator.interfaces import Claimed, Settlement
from orchestrator.link import Command, Link, RedisRefused

__all__ = ["LEASE", "TRIES", "StreamClaims"]

LEASE = 5.0
"""Seconds after which a worker that was not heard of counts as dead."""
TRIES = 3
"""After so many deliveries a call is a dead letter."""
FORGOTTEN = 86_400_000  # milliseconds after which a consumer that holds nothing is removed

logger = logging.getLogger(__name__)


_Place: TypeAlias = tuple[Priority, str]
"""A lane and an entry: two streams may well give the same id in the same millisecond."""


def _place(claimed: Claimed) -> _Place:
    return claimed.lane, claimed.entry


class _Taken(NamedTuple):
    """What a read gave us. `again`: it was in other hands before, so the record decides."""

    claimed: Claimed
    again: bool

    @property
    def questionable(self) -> bool:
        call = self.claimed.call
        return self.again or call.limit is not None or call.rate is not None


class _Lease(NamedTuple):
    claimed: Claimed
    started: float
    asked: bool  # whether it may run: then it may have slots


class StreamClaims:
    """`Claims` of one consumer on one queue. `consumer` must be new for every start of a process.

    `lease` is in seconds; `tries` is how often a call is delivered before it is a dead letter;
    no more than `limit` calls of the queue run at a time, of all consumers that say so.
    """

    def __init__(
        self,
        link: Link,
        queue: str,
        consumer: str,
        *,
        lease: float = LEASE,
        tries: int = TRIES,
        limit: int | None = None,
    ) -> None:
        self._link = link
        self._queue = queue
        self._consumer = consumer
        self._lease = lease
        self._limit = limit
        self._sweep = Sweep(link, queue, lease, tries)
        self._reader = link.line()
        self._leased: dict[_Place, _Lease] = {}
        # A read gives as many jobs as live calls: those for which there was no slot. They wait
        # here until the next claim, at most until the next renewal.
        self._spare: list[_Taken] = []
        self._grouped = False
        # A read whose reply never reached us may have left something pending under our name.
        self._unsure = False
        self._due = 0.0  # when parked calls are looked at next, on the monotonic clock
        self._backoff = Backoff()

    @property
    def lease(self) -> float:
        return self._lease

    async def claim(self, slots: int, wait: float) -> Sequence[Claimed]:
        try:
            claimed = await self._take(slots, wait)
        except QueueUnavailable:
            await anyio.sleep(min(wait, self._backoff.next()))
            return ()
        self._backoff.reset()
        return claimed

    async def settle(self, claimed: Claimed, outcome: Outcome) -> Settlement:
        [settlement] = await self.settle_all([(claimed, outcome)])
        return settlement

    async def settle_all(self, ended: Sequence[tuple[Claimed, Outcome]]) -> Sequence[Settlement]:
        told = [self._ended(claimed, outcome) for claimed, outcome in ended]
        settlements = await self._settlements(told)
        crashpoint("worker.settled")
        for each in told:
            self._leased.pop((each.lane, each.entry), None)
        return settlements

    async def _settlements(self, ended: Sequence[Ended]) -> Sequence[Settlement]:
        """What Redis refuses of one call must cost no other its outcome: then each goes alone."""
        act = acts.settle(self._queue, self._consumer, ended)
        try:
            settlements: Sequence[Settlement] = await self._link.act(*act)
        except RedisRefused as refusal:
            if len(ended) > 1:
                return [each for one in ended for each in await self._settlements([one])]
            logger.error("call %s: its outcome is refused: %s", ended[0].call.id, refusal)
            return ["refused"]
        return settlements

    def _ended(self, claimed: Claimed, outcome: Outcome) -> Ended:
        lease = self._leased.get(_place(claimed))
        started, asked = (lease.started, lease.asked) if lease else (time.time(), True)
        try:
            text = outcome.to_json()
        except ValueError as error:
            logger.error("call %s: its outcome cannot be written: %s", claimed.call.id, error)
            outcome = Outcome.failed("worker", "error", f"{claimed.call.tool} gave no JSON.")
            text = outcome.to_json()
        return Ended(claimed.lane, claimed.entry, claimed.call, text, outcome.ok, started, asked)

    async def withdrawn(self) -> AsyncIterator[str]:
        async for message in self._link.listen(keys.control(self._queue)):
            for call_id in [message] if message else await self._withdrawn_unheard():
                yield call_id

    async def renew(self) -> bool:
        try:
            await self._return_spare()
            await self._link.ask(*self._renewals())
        except QueueUnavailable:
            return False
        except RedisRefused as refusal:
            self._heed(refusal)
        return True

    async def sweep(self) -> None:
        try:
            await self._sweep.run()
            await self._wake()
        except QueueUnavailable:
            return
        except RedisRefused as refusal:
            self._heed(refusal)

    async def hand_back(self, claimed: Claimed) -> None:
        await self._link.act(*self._returning(claimed))
        self._leased.pop(_place(claimed), None)

    async def leave(self) -> None:
        try:
            await self._return_spare()
            pending = await self._link.ask(*(self._pending(lane, 1) for lane in LANES))
            for lane, rows in zip(LANES, pending, strict=True):
                if not rows:
                    await self._forget(acts.stream(self._queue, lane), self._consumer)
        except (QueueUnavailable, RedisRefused) as problem:
            logger.warning("queue %s: left behind for others: %s", self._queue, problem)

    async def _take(self, slots: int, wait: float) -> Sequence[Claimed]:
        if not self._grouped:
            await self._create_groups()
        if time.monotonic() >= self._due:
            await self._wake()
        taken = await self._recovered(slots) if self._unsure else ()
        if not taken:
            taken = await self._read(slots, min(wait, self._due - time.monotonic()))
        admitted = await self._admitted(taken)
        now = time.time()
        for each in admitted:
            self._leased[_place(each.claimed)] = _Lease(each.claimed, now, self._asks(each))
        return [each.claimed for each in admitted]

    async def _create_groups(self) -> None:
        for lane in LANES:
            stream = acts.stream(self._queue, lane)
            try:
                await self._link.ask(("XGROUP", "CREATE", stream, keys.GROUP, "0", "MKSTREAM"))
            except RedisRefused as refusal:
                if refusal.code != "BUSYGROUP":
                    raise
            [consumers] = await self._link.ask(("XINFO", "CONSUMERS", stream, keys.GROUP))
            for each in consumers:
                if not each["pending"] and each["idle"] > FORGOTTEN:
                    await self._forget(stream, each["name"])
        self._grouped = True

    async def _forget(self, stream: str, consumer: str) -> None:
        """Only for one that holds nothing there: what it held would be nobody's."""
        await self._link.ask(("XGROUP", "DELCONSUMER", stream, keys.GROUP, consumer))

    async def _read(self, slots: int, wait: float) -> Sequence[_Taken]:
        """Live calls first. While jobs are at hand, only live ones are read, without waiting."""
        lanes = LANES[:1] if self._spare else LANES
        streams = [acts.stream(self._queue, lane) for lane in lanes]
        block: Command = () if self._spare else ("BLOCK", max(1, round(wait * 1000)))
        group = ("GROUP", keys.GROUP, self._consumer, "COUNT", slots, *block)
        command = ("XREADGROUP", *group, "STREAMS", *streams, *(">" for _ in streams))
        self._unsure = True
        try:
            reply = await self._reader.ask(command, 0.0 if self._spare else wait)
        except RedisRefused as refusal:
            self._heed(refusal)
            return ()
        found: Mapping[str, Sequence[Any]] = reply or {}
        taken = [
            each
            for lane, stream in zip(lanes, streams, strict=True)
            for each in await self._opened(lane, found.get(stream, ()), {})
        ]
        taken += self._spare
        self._spare = [_Taken(each.claimed, again=True) for each in taken[slots:]]
        return taken[:slots]

    def _heed(self, refusal: RedisRefused) -> None:
        """Without a group somebody has emptied this Redis, and it is made again."""
        if refusal.code != "NOGROUP":
            raise refusal
        self._grouped = False

    async def _recovered(self, slots: int) -> Sequence[_Taken]:
        """Entries that Redis counts as ours and that we do not hold."""
        known = {*self._leased, *(_place(each.claimed) for each in self._spare)}
        for lane in LANES:
            limit = len(known) + slots
            [rows] = await self._link.ask(self._pending(lane, limit))
            deliveries = {row[0]: row[3] + 1 for row in rows if (lane, row[0]) not in known}
            if ids := list(deliveries)[:slots]:
                stream = acts.stream(self._queue, lane)
                # Claiming drops those from the list whose entry was deleted.
                claim = ("XCLAIM", stream, keys.GROUP, self._consumer, 0, *ids)
                [entries] = await self._link.ask(claim)
                opened = await self._opened(lane, entries, deliveries)
                return [_Taken(each.claimed, again=True) for each in opened]
        return ()

    async def _opened(
        self, lane: Priority, entries: Sequence[Any], deliveries: Mapping[str, int]
    ) -> Sequence[_Taken]:
        taken: list[_Taken] = []
        for entry, flat in entries:
            fields = pairs(flat)
            read = read_entry(fields)
            if isinstance(read, str):
                held = Held(self._queue, lane, entry, self._consumer)
                await self._link.act(*bury(held, fields, read, 1))
                continue
            call, before = read
            claimed = Claimed(call, entry, before + deliveries.get(entry, 1), lane)
            taken.append(_Taken(claimed, again="deliveries" in fields))
        return taken

    def _asks(self, taken: _Taken) -> bool:
        return self._limit is not None or taken.questionable

    async def _admitted(self, taken: Sequence[_Taken]) -> Sequence[_Taken]:
        """Those of the entries that may run now. Others are parked, or forgotten."""
        asked = [each.claimed for each in taken if self._asks(each)]
        refused: set[_Place] = set()
        if asked:
            acted = [acts.admit(self._held(each), each.call) for each in asked]
            verdicts = await self._link.act_all(acted)
            for claimed, verdict in zip(asked, verdicts, strict=True):
                if not self._may_run(claimed, verdict):
                    refused.add(_place(claimed))
        self._unsure = False
        return [each for each in taken if _place(each.claimed) not in refused]

    def _may_run(self, claimed: Claimed, reply: tuple[str, int] | RedisRefused) -> bool:
        """What Redis cannot judge is left to the sweep, which gives it up."""
        if isinstance(reply, RedisRefused):
            logger.error("call %s: whether it may run is refused: %s", claimed.call.id, reply)
            return False
        verdict, wait = reply
        if verdict == "parked":
            self._due = min(self._due, time.monotonic() + wait / 1000)
        return verdict == "run"

    async def _wake(self) -> None:
        """Let parked calls go round whose time has come, and note when the next one's comes."""
        next_due = await self._link.act(*acts.wake(self._queue))
        wait = self._lease if next_due < 0 else min(self._lease, next_due / 1000)
        self._due = time.monotonic() + wait

    async def _return_spare(self) -> None:
        spare, self._spare = self._spare, []
        self._unsure = self._unsure or bool(spare)  # until they are known to be gone
        await self._link.act_all([self._returning(each.claimed) for each in spare])

    def _returning(self, claimed: Claimed) -> Act:
        # That we have no time for it is no fault of the call: this delivery does not count.
        return acts.go_round(self._held(claimed), claimed.call, claimed.deliveries - 1)

    def _renewals(self) -> list[Command]:
        renewals: list[Command] = []
        for lane in LANES:
            stream = acts.stream(self._queue, lane)
            if ids := [entry for where, entry in self._leased if where == lane]:
                whose = ("XCLAIM", stream, keys.GROUP, self._consumer, 0)
                renewals.append((*whose, *ids, "IDLE", 0, "JUSTID"))
        return renewals

    def _pending(self, lane: Priority, limit: int) -> Command:
        stream = acts.stream(self._queue, lane)
        return ("XPENDING", stream, keys.GROUP, "-", "+", limit, self._consumer)

    def _held(self, claimed: Claimed) -> Held:
        held = (self._queue, claimed.lane, claimed.entry, self._consumer)
        return Held(*held, limit=self._limit)

    async def _withdrawn_unheard(self) -> Sequence[str]:
        """Calls leased to us that were settled without our hearing of it."""
        backoff = Backoff()
        while True:
            try:
                return await self._settled([each.claimed.call for each in self._leased.values()])
            except QueueUnavailable:
                await anyio.sleep(backoff.next())

    async def _settled(self, calls: Sequence[Call]) -> Sequence[str]:
        records = (("HGET", keys.call_record(self._queue, call.id), "status") for call in calls)
        found = zip(calls, await self._link.ask(*records), strict=True)
        return [call.id for call, status in found if status == "settled"]
