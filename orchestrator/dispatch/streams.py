"""Dispatch over Redis Streams: `Calls` for who asks, `Claims` for who works.

The record of a call is the truth and its stream entry the signal; both change in one Lua act
(`publish.lua`, `settle.lua`, `withdraw.lua`), within the queue's hash tag. The asker's reply
stream lies under another tag and is written afterwards: losing that costs time, because the
records of unanswered calls are read again. See docs/redis.md.
"""

import logging
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import anyio

from orchestrator.dispatch import keys
from orchestrator.dispatch.call import Call, Outcome, Progress, Settler
from orchestrator.dispatch.news import News
from orchestrator.dispatch.progress import heard
from orchestrator.errors import QueueUnavailable, ServiceError
from orchestrator.interfaces import Claimed, Settlement
from orchestrator.link import Backoff, Link, RedisRefused, Script

__all__ = ["OpenCalls", "StreamCalls", "StreamClaims"]

logger = logging.getLogger(__name__)

PUBLISH = Script.load("orchestrator.dispatch", "publish.lua")
SETTLE = Script.load("orchestrator.dispatch", "settle.lua")
WITHDRAW = Script.load("orchestrator.dispatch", "withdraw.lua")

HOUR, DAY = 3600, 86400
REPLIES = 10_000
"""About how many replies a process may leave unread before the oldest go."""

Answer = tuple[str, Outcome]


class StreamCalls:
    """`Calls` of one process. `relook` is how often unanswered records are read, in seconds.

    `process` names the reply stream and must be new for every start of a process.
    """

    def __init__(self, link: Link, process: str, *, relook: float = 5.0) -> None:
        self._link = link
        self._process = process
        self._relook = relook
        self._unanswered: dict[str, Call] = {}
        self._news = News()
        self._reader = link.line()
        self._last: str = "0"
        self._due = 0.0  # when records are read next, on the monotonic clock
        self._backoff = Backoff()

    @property
    def reply_to(self) -> str:
        return self._process

    async def publish(self, call: Call) -> None:
        self._unanswered[call.id] = call
        try:
            outcome = await self._link.act(PUBLISH, *_publishing(call))
        except ServiceError:
            self._unanswered.pop(call.id, None)
            raise
        if outcome is not None:
            await _signal(self._link, self._process, call, outcome)

    async def withdraw(self, call: Call, by: Settler) -> Outcome:
        outcome = await self._link.act(WITHDRAW, *_withdrawing(call, Outcome.withdrawn(by)))
        self._unanswered.pop(call.id, None)
        return _outcome(outcome, call.id) or Outcome.withdrawn(by)

    async def settled(self) -> AsyncIterator[Answer]:
        while True:
            for call_id, outcome in await self._answers():
                if self._unanswered.pop(call_id, None) is not None:
                    yield call_id, outcome

    async def progressed(self) -> AsyncIterator[tuple[str, Progress]]:
        while True:
            for report in await self._news.take():
                yield report

    async def _answers(self) -> Sequence[Answer]:
        """What came next; nothing if an outage or a quiet while came first."""
        try:
            if time.monotonic() >= self._due:
                answers = await self._read_records()
                self._due = time.monotonic() + self._relook
            else:
                answers = await self._read_replies(self._due - time.monotonic())
        except QueueUnavailable:
            self._due = 0.0
            await anyio.sleep(self._backoff.next())
            return ()
        except RedisRefused as refusal:
            # A key of another type, say. What is withdrawn at its deadline is still answered.
            logger.error("process %s: its replies cannot be read: %s", self._process, refusal)
            self._due = 0.0
            await anyio.sleep(self._relook)
            return ()
        self._backoff.reset()
        return answers

    async def _read_records(self) -> Sequence[Answer]:
        calls = list(self._unanswered.values())
        outcomes = await self._link.ask(
            *(("HGET", keys.call_record(call.queue, call.id), "outcome") for call in calls)
        )
        found = zip(calls, outcomes, strict=True)
        return _answers((call.id, text) for call, text in found if text is not None)

    async def _read_replies(self, wait: float) -> Sequence[Answer]:
        stream = keys.replies(self._process)
        block = ("BLOCK", max(1, round(wait * 1000)))
        reply = await self._reader.ask(("XREAD", *block, "STREAMS", stream, self._last), wait)
        entries: Sequence[tuple[str, Sequence[str]]] = reply[stream] if reply else []
        for entry, _ in entries:
            self._last = entry
        fields = [_pairs(flat) for _, flat in entries]
        for call_id, progress in filter(None, map(heard, fields)):
            if call_id in self._unanswered:
                self._news.put(call_id, progress)
        told = [each for each in fields if "progress" not in each]
        return _answers((each.get("call", ""), each.get("outcome", "")) for each in told)


def _answers(told: Iterable[tuple[str, str]]) -> Sequence[Answer]:
    """What can be read of (call id, outcome): anybody can write to Redis."""
    answers = ((call_id, _outcome(text, call_id)) for call_id, text in told)
    return [(call_id, outcome) for call_id, outcome in answers if outcome is not None]


def _outcome(text: str, call_id: str) -> Outcome | None:
    try:
        return Outcome.from_json(text)
    except ValueError as error:
        logger.error("call %s: what it came to cannot be read: %s", call_id, error)
        return None


@dataclass(frozen=True, slots=True)
class _Lease:
    call: Call
    started: float


class StreamClaims:
    """`Claims` of one consumer on one queue."""

    def __init__(self, link: Link, queue: str, consumer: str) -> None:
        self._link = link
        self._queue = queue
        self._consumer = consumer
        self._work = keys.work(queue)
        self._reader = link.line()
        self._leased: dict[str, _Lease] = {}
        # Something may be pending for us that we do not hold: from before this start, or
        # from a read whose reply never reached us.
        self._unsure = True
        self._backoff = Backoff()

    async def claim(self, slots: int, wait: float) -> Sequence[Claimed]:
        try:
            claimed = await self._take(slots, wait)
        except QueueUnavailable:
            await anyio.sleep(min(wait, self._backoff.next()))
            return ()
        self._backoff.reset()
        now = time.time()
        self._leased.update({each.entry: _Lease(each.call, now) for each in claimed})
        return claimed

    async def settle(self, claimed: Claimed, outcome: Outcome) -> Settlement:
        call, text = claimed.call, outcome.to_json()
        lease = self._leased.get(claimed.entry)
        started = lease.started if lease else time.time()
        acted = _settling(claimed, outcome, text, self._consumer, started)
        settlement: Settlement = await self._link.act(SETTLE, *acted)
        self._leased.pop(claimed.entry, None)
        if settlement == "settled":
            await _signal(self._link, call.reply_to, call, text)
        return settlement

    async def withdrawn(self) -> AsyncIterator[str]:
        async for message in self._link.listen(keys.control(self._queue)):
            for call_id in [message] if message else await self._withdrawn_unheard():
                yield call_id

    async def _withdrawn_unheard(self) -> Sequence[str]:
        """Calls leased to us that were settled without our hearing of it."""
        backoff = Backoff()
        while True:
            try:
                return list(await self._settled([each.call.id for each in self._leased.values()]))
            except QueueUnavailable:
                await anyio.sleep(backoff.next())

    async def _take(self, slots: int, wait: float) -> Sequence[Claimed]:
        if self._unsure:
            await self._create_group()
            if claimed := await self._recover(slots):
                return claimed
        return await self._read(slots, wait)

    async def _create_group(self) -> None:
        try:
            await self._link.ask(("XGROUP", "CREATE", self._work, keys.GROUP, "0", "MKSTREAM"))
        except RedisRefused as refusal:
            if refusal.code != "BUSYGROUP":
                raise

    async def _read(self, slots: int, wait: float) -> Sequence[Claimed]:
        group = ("GROUP", keys.GROUP, self._consumer, "COUNT", slots)
        block = ("BLOCK", max(1, round(wait * 1000)))
        command = ("XREADGROUP", *group, *block, "STREAMS", self._work, ">")
        self._unsure = True
        try:
            reply = await self._reader.ask(command, wait)
        except RedisRefused as refusal:
            if refusal.code != "NOGROUP":  # somebody emptied this Redis: create it again
                raise
            return ()
        claimed = await self._opened(reply[self._work] if reply else [], {})
        self._unsure = False
        return claimed

    async def _recover(self, slots: int) -> Sequence[Claimed]:
        """Entries that Redis counts as ours and that we do not hold."""
        group = (self._work, keys.GROUP)
        limit = len(self._leased) + slots
        [pending] = await self._link.ask(("XPENDING", *group, "-", "+", limit, self._consumer))
        deliveries = {row[0]: row[3] + 1 for row in pending if row[0] not in self._leased}
        ids = list(deliveries)[:slots]
        if not ids:
            return ()
        # Claiming drops those from the list whose entry was deleted by a withdrawal.
        [entries] = await self._link.ask(("XCLAIM", *group, self._consumer, 0, *ids))
        claimed = await self._opened(entries, deliveries)
        settled = await self._settled([each.call.id for each in claimed])
        for each in claimed:
            if each.call.id in settled:
                await self._drop(each.entry)
        return [each for each in claimed if each.call.id not in settled]

    async def _opened(
        self, entries: Sequence[Any], deliveries: Mapping[str, int]
    ) -> Sequence[Claimed]:
        claimed: list[Claimed] = []
        for entry, flat in entries:
            fields = _pairs(flat)
            try:
                call = Call.from_json(fields["request"])
            except (KeyError, ValueError) as error:
                await self._bury(entry, fields, f"not a call: {error!r}")
            else:
                claimed.append(Claimed(call, entry, deliveries.get(entry, 1)))
        return claimed

    async def _bury(self, entry: str, fields: Mapping[str, str], reason: str) -> None:
        """Give up what nobody can run, and keep it for people to read."""
        logger.error("queue %s: entry %s is dead: %s", self._queue, entry, reason)
        call, request = fields.get("call", ""), fields.get("request", "")
        letter = ("call", call, "request", request, "reason", reason, "deliveries", 1)
        await self._link.ask(("XADD", keys.dead(self._queue), "*", *letter))
        await self._drop(entry)

    async def _drop(self, entry: str) -> None:
        await self._link.ask(("XACK", self._work, keys.GROUP, entry), ("XDEL", self._work, entry))

    async def _settled(self, ids: Sequence[str]) -> set[str]:
        records = (("HGET", keys.call_record(self._queue, each), "status") for each in ids)
        found = zip(ids, await self._link.ask(*records), strict=True)
        return {call_id for call_id, status in found if status == "settled"}


class OpenCalls:
    """The calls of a queue that nobody has settled, for people: approvals are such calls."""

    def __init__(self, link: Link, queue: str) -> None:
        self._link = link
        self._queue = queue

    async def list(self) -> Sequence[Call]:
        """The oldest first; those whose deadline has passed are left out."""
        [entries] = await self._link.ask(("XRANGE", keys.work(self._queue), "-", "+"))
        calls = [_readable(_pairs(fields)) for _, fields in entries]
        return [call for call in calls if call and call.deadline > time.time()]

    async def settle(self, call: Call, outcome: Outcome) -> Outcome:
        """Settle from outside, as if a worker had; the outcome that stands returns."""
        stood = await self._link.act(WITHDRAW, *_withdrawing(call, outcome))
        await _signal(self._link, call.reply_to, call, stood)
        return Outcome.from_json(stood)


def _readable(fields: Mapping[str, str]) -> Call | None:
    try:
        return Call.from_json(fields["request"])
    except (KeyError, ValueError) as error:
        logger.warning("an entry that is no call: %s", error)
        return None


async def _signal(link: Link, process: str, call: Call, outcome: str) -> None:
    """Tell the asker, as well as we can: if this is lost, the record still tells."""
    stream = keys.replies(process)
    fields = ("call", call.id, "queue", call.queue, "outcome", outcome)
    try:
        await link.ask(
            ("XADD", stream, "MAXLEN", "~", REPLIES, "*", *fields), ("EXPIRE", stream, HOUR)
        )
    except ServiceError as error:
        logger.warning("call %s: its asker was not told: %s", call.id, error)


Act = tuple[Sequence[str], Sequence[str | int | float]]
"""The keys and the arguments of a script, in the order that its file names them."""


def _publishing(call: Call) -> Act:
    record = keys.call_record(call.queue, call.id)
    key = keys.key_record(call.queue, call.tool, call.key)
    conflict = Outcome.conflict(call).to_json()
    keep_open = max(0, int(call.deadline - call.created)) + DAY
    return (record, key, keys.work(call.queue)), (
        *(call.id, call.to_json(), call.fingerprint(), conflict),
        *(keep_open, HOUR),
    )


def _settling(claimed: Claimed, outcome: Outcome, text: str, consumer: str, started: float) -> Act:
    call = claimed.call
    record = keys.call_record(call.queue, call.id)
    key = keys.key_record(call.queue, call.tool, call.key)
    return (record, key, keys.work(call.queue)), (
        *(keys.GROUP, consumer, claimed.entry, text),
        *(int(outcome.ok), call.fingerprint(), started, HOUR, DAY),
    )


def _withdrawing(call: Call, outcome: Outcome) -> Act:
    record = keys.call_record(call.queue, call.id)
    return (record, keys.work(call.queue)), (
        *(call.id, call.to_json(), outcome.to_json(), HOUR),
        keys.control(call.queue),
    )


def _pairs(flat: Sequence[str]) -> dict[str, str]:
    return dict(zip(flat[::2], flat[1::2], strict=True))
