"""Dispatch over Redis Streams: `Calls` for who asks. `claims` is for who works.

The record of a call is the truth and its stream entry the signal; both change in one atomic act
(`acts`), within the queue's hash tag. Who settles a call tells its asker in that act, over a
channel: what is lost there costs time, because the records of unanswered calls are read again.
See docs/redis.md.
"""

import logging
import math
import time
from collections.abc import AsyncIterator, Mapping, Sequence

import anyio

from orchestrator.backoff import Backoff
from orchestrator.dispatch import acts, keys
from orchestrator.dispatch.call import Call, Message, Outcome, Progress, Settler
from orchestrator.dispatch.news import News
from orchestrator.errors import QueueUnavailable, ServiceError
from orchestrator.link import Link, RedisRefused

__all__ = ["OpenCalls", "StreamCalls", "pairs", "readable"]

logger = logging.getLogger(__name__)

Answer = tuple[str, Outcome]


class StreamCalls:
    """`Calls` of one process. `relook` is how often unanswered records are read, in seconds.

    `process` names the channel and must be new for every start of a process.
    """

    def __init__(self, link: Link, process: str, *, relook: float = 5.0) -> None:
        self._link = link
        self._process = process
        self._relook = relook
        self._unanswered: dict[str, Call] = {}
        self._published: set[str] = set()  # those of them that Redis has acknowledged
        self._news = News()
        self._ear = link.line()
        self._quiet = True  # nothing was heard since the records were read
        self._due = math.inf  # when they are read next, on the monotonic clock
        self._backoff = Backoff()

    @property
    def reply_to(self) -> str:
        return self._process

    async def publish(self, call: Call) -> None:
        act = acts.publish(call)
        known = call.id in self._unanswered  # somebody waits for it already
        self._unanswered[call.id] = call
        try:
            await self._link.act(*act)
        except ServiceError:
            if not known:
                self._answered(call.id)
            raise
        if call.id in self._unanswered:
            self._published.add(call.id)

    async def withdraw(self, call: Call, by: Settler) -> Outcome:
        self._answered(call.id)  # what it came to is told by this alone
        outcome = await self._link.act(*acts.withdraw(call, Outcome.withdrawn(by)))
        return _outcome(outcome, call.id) or Outcome.withdrawn(by)

    async def ask_to_stop(self, call: Call) -> Outcome | None:
        ours = Outcome.withdrawn("cancel")
        outcome = await self._link.act(*acts.withdraw(call, ours, asking=True))
        if outcome is None:
            return None
        self._answered(call.id)
        return _outcome(outcome, call.id) or ours

    async def settled(self) -> AsyncIterator[Answer]:
        while True:
            for call_id, outcome in await self._answers():
                if self._answered(call_id):
                    yield call_id, outcome

    async def progressed(self) -> AsyncIterator[tuple[str, Progress]]:
        while True:
            for report in await self._news.take():
                yield report

    async def _answers(self) -> Sequence[Answer]:
        """What came next; nothing if an outage or a quiet while came first."""
        try:
            if time.monotonic() >= self._due:
                answers = await self._look()
                self._due = time.monotonic() + self._relook
            else:
                answers = await self._hear(self._due - time.monotonic())
        except QueueUnavailable:
            self._due = 0.0
            await anyio.sleep(self._backoff.next())
            return ()
        except RedisRefused as refusal:
            # A key of another type, say. What is withdrawn at its deadline is still answered.
            logger.error("process %s: its answers cannot be heard: %s", self._process, refusal)
            self._due = 0.0
            await anyio.sleep(self._relook)
            return ()
        self._backoff.reset()
        return answers

    def _answered(self, call_id: str) -> bool:
        """Whether this was still to be answered."""
        self._published.discard(call_id)
        return self._unanswered.pop(call_id, None) is not None

    async def _look(self) -> Sequence[Answer]:
        answers = await self._read_records()
        if answers and self._quiet:  # we listen where nothing is said: at a node that was cut off
            await self._ear.close()
        self._quiet = True
        return answers

    async def _read_records(self) -> Sequence[Answer]:
        calls, published = list(self._unanswered.values()), set(self._published)
        records = [keys.call_record(call.queue, call.id) for call in calls]
        rows = await self._link.ask_each(
            *(("HMGET", each, "status", "outcome") for each in records)
        )
        told: list[Answer] = []
        for call, row in zip(calls, rows, strict=True):
            if isinstance(row, ServiceError):
                logger.warning("call %s: its record cannot be read: %s", call.id, row)
                continue
            status, outcome = row
            if status is None and call.id in published and call.id in self._unanswered:
                outcome = await self._lost(call)
            if outcome is not None and (read := _outcome(outcome, call.id)):
                told.append((call.id, read))
        return told

    async def _lost(self, call: Call) -> str | None:
        """Redis has forgotten what it had acknowledged: a replica took over that lagged behind.

        What may run twice is asked for again. The rest may have run: its outcome is unknown.
        """
        logger.error("call %s: Redis has lost it", call.id)
        unknown = Outcome.withdrawn("dead")
        act = acts.publish(call) if call.rerun else acts.withdraw(call, unknown)
        outcome: str | None = await self._link.act(*act)
        return outcome

    async def _hear(self, wait: float) -> Sequence[Answer]:
        told = await self._ear.hear(keys.replies(self._process), wait)
        if told is None:  # what was said before is lost
            self._quiet, self._due = False, 0.0
            return ()
        self._quiet = self._quiet and not told
        heard = [each for text in told if (each := _message(text))]
        for each in heard:
            if each.progress and each.call in self._unanswered:
                self._news.put(each.call, each.progress)
        return [(each.call, each.outcome) for each in heard if each.outcome]


def _message(text: str) -> Message | None:
    """Anybody can write to Redis."""
    try:
        return Message.from_json(text)
    except ValueError as error:
        logger.error("a message to this process cannot be read: %s", error)
        return None


def _outcome(text: str, call_id: str) -> Outcome | None:
    try:
        return Outcome.from_json(text)
    except ValueError as error:
        logger.error("call %s: what it came to cannot be read: %s", call_id, error)
        return None


class OpenCalls:
    """The calls of a queue that nobody has settled, for people: approvals are such calls."""

    def __init__(self, link: Link, queue: str) -> None:
        self._link = link
        self._queue = queue

    async def list(self) -> Sequence[Call]:
        """The oldest first; those whose deadline has passed are left out."""
        return [call for call in await self._all() if call.deadline > time.time()]

    async def settle_overdue(self) -> Sequence[Call]:
        """Settle by `deadline` those that are past it, and say which: their askers have died."""
        overdue = [call for call in await self._all() if call.deadline <= time.time()]
        for call in overdue:
            await self.settle(call, Outcome.withdrawn("deadline"))
        return overdue

    async def settle(self, call: Call, outcome: Outcome) -> Outcome:
        """Settle from outside, as if a worker had; the outcome that stands returns."""
        return Outcome.from_json(await self._link.act(*acts.withdraw(call, outcome)))

    async def _all(self) -> Sequence[Call]:
        streams = (keys.work(self._queue), keys.jobs(self._queue))
        lanes = await self._link.ask(*(("XRANGE", stream, "-", "+") for stream in streams))
        found = (readable(pairs(fields)) for entries in lanes for _, fields in entries)
        return [call for call in found if call]


def readable(fields: Mapping[str, str]) -> Call | None:
    """The call of an entry or a record; None, and a word in the log, if that is none."""
    try:
        return Call.from_json(fields["request"])
    except (KeyError, ValueError) as error:
        logger.warning("an entry that is no call: %s", error)
        return None


def pairs(flat: Sequence[str]) -> dict[str, str]:
    """The fields of a stream entry."""
    return dict(zip(flat[::2], flat[1::2], strict=True))
