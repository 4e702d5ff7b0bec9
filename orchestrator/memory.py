"""The in-memory twin of each seam: the reference of its contract.

A `MemoryBroker` holds what Redis would hold, and its methods are the atomic acts:
plain functions, so that nothing happens between their lines. `MemoryCalls`,
`MemoryClaims` and `MemoryJournal` add waiting and nothing else. Calls and outcomes
pass through their wire format, so that both twins refuse and keep the same things.
"""

import itertools
import json
import time
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import anyio
import anyio.lowlevel

from orchestrator.dispatch.call import Call, Json, Outcome, Progress, Settler
from orchestrator.dispatch.news import News
from orchestrator.interfaces import Claimed, Settlement

__all__ = ["MemoryBroker", "MemoryCallers", "MemoryCalls", "MemoryClaims", "MemoryJournal"]


class _Bell:
    """Wakes everybody who waits for it now."""

    def __init__(self) -> None:
        self._event = anyio.Event()

    def ring(self) -> None:
        self._event.set()
        self._event = anyio.Event()

    async def wait(self) -> None:
        await self._event.wait()


class _Mailbox:
    """Items for one reader, in order."""

    def __init__(self) -> None:
        self._items: deque[tuple[str, Outcome]] = deque()
        self._bell = _Bell()

    def put(self, call_id: str, outcome: Outcome) -> None:
        self._items.append((call_id, outcome))
        self._bell.ring()

    async def take(self, wait: float) -> Sequence[tuple[str, Outcome]]:
        if not self._items:
            with anyio.move_on_after(wait):
                await self._bell.wait()
        items = tuple(self._items)
        self._items.clear()
        return items


@dataclass
class _Record:
    call: Call
    entry: str = ""
    outcome: Outcome | None = None
    worker: str = ""
    late: Outcome | None = None


@dataclass
class _Queue:
    """The keys under one queue's hash tag. `entries` is the stream, in order."""

    entries: dict[str, str] = field(default_factory=dict[str, str])  # entry -> call id
    pending: dict[str, Claimed] = field(default_factory=dict[str, Claimed])
    holder: dict[str, str] = field(default_factory=dict[str, str])  # entry -> consumer
    records: dict[str, _Record] = field(default_factory=dict[str, _Record])
    keys: dict[tuple[str, str], tuple[str, Outcome]] = field(
        default_factory=dict[tuple[str, str], tuple[str, Outcome]]
    )
    listeners: list[_Mailbox] = field(default_factory=list[_Mailbox])
    bell: _Bell = field(default_factory=_Bell)


class MemoryBroker:
    """What all twins of one test or one process share; stands where Redis would."""

    def __init__(self) -> None:
        self._queues: defaultdict[str, _Queue] = defaultdict(_Queue)
        self._replies: defaultdict[str, _Mailbox] = defaultdict(_Mailbox)
        self._news: defaultdict[str, News] = defaultdict(News)
        self._journals: defaultdict[str, list[str]] = defaultdict(list)
        self._numbers = itertools.count(1)
        self.remembered: dict[tuple[str, str], tuple[str, float]] = {}  # value, until when

    def queue(self, name: str) -> _Queue:
        return self._queues[name]

    def replies(self, process: str) -> _Mailbox:
        return self._replies[process]

    def news(self, process: str) -> News:
        return self._news[process]

    def journal(self, session: str) -> list[str]:
        return self._journals[session]

    def publish(self, call: Call) -> Outcome | None:
        """The outcome, if there is one already."""
        queue = self.queue(call.queue)
        if (known := queue.records.get(call.id)) is not None:
            return known.outcome
        record = queue.records[call.id] = _Record(Call.from_json(call.to_json()))
        if (told := queue.keys.get((call.tool, call.key))) is not None:
            fingerprint, outcome = told
            same = fingerprint == call.fingerprint()
            record.outcome = outcome if same else Outcome.conflict(call)
            return record.outcome
        record.entry = f"{next(self._numbers)}-0"
        queue.entries[record.entry] = call.id
        queue.bell.ring()
        return None

    def withdraw(self, call: Call, by: Settler) -> Outcome:
        queue = self.queue(call.queue)
        record = queue.records.setdefault(call.id, _Record(call))
        if record.outcome is None:
            record.outcome = Outcome.withdrawn(by)
            queue.entries.pop(record.entry, None)
            for listener in queue.listeners:
                listener.put(call.id, record.outcome)
        return record.outcome

    def deliver(self, name: str, consumer: str, slots: int) -> list[Claimed]:
        """Entries that no consumer was given yet."""
        queue = self.queue(name)
        fresh = [entry for entry in queue.entries if entry not in queue.pending][:slots]
        for entry in fresh:
            call = queue.records[queue.entries[entry]].call
            queue.pending[entry] = Claimed(Call.from_json(call.to_json()), entry)
            queue.holder[entry] = consumer
        return [queue.pending[entry] for entry in fresh]

    def redeliver(self, name: str, entries: Sequence[str]) -> list[Claimed]:
        """The given pending entries once more; those that were withdrawn are acknowledged."""
        queue = self.queue(name)
        for entry in entries:
            if entry not in queue.entries:
                del queue.pending[entry], queue.holder[entry]
        again = [entry for entry in entries if entry in queue.pending]
        for entry in again:
            seen = queue.pending[entry]
            queue.pending[entry] = replace(seen, deliveries=seen.deliveries + 1)
        return [queue.pending[entry] for entry in again]

    def settle(self, claimed: Claimed, consumer: str, outcome: Outcome) -> Settlement:
        call = claimed.call
        queue = self.queue(call.queue)
        record = queue.records.get(call.id)
        if record is None:
            return "gone"
        if record.worker == consumer and outcome in (record.outcome, record.late):
            return "settled" if outcome == record.outcome else "late"
        if queue.holder.get(claimed.entry) != consumer:
            return "fenced"
        self._acknowledge(queue, claimed.entry)
        record.worker = consumer
        if outcome.ok:
            queue.keys.setdefault((call.tool, call.key), (call.fingerprint(), outcome))
        if record.outcome is None:
            record.outcome = outcome
            return "settled"
        record.late = outcome
        return "late"

    def tell(self, call: Call, progress: Progress) -> None:
        """What a handler reports."""
        self.news(call.reply_to).put(call.id, Progress.from_json(progress.to_json()))

    def _acknowledge(self, queue: _Queue, entry: str) -> None:
        del queue.pending[entry], queue.holder[entry]
        queue.entries.pop(entry, None)


class MemoryCalls:
    """`Calls` of one process. `relook` is how often unanswered records are read, in seconds."""

    def __init__(self, broker: MemoryBroker, process: str, *, relook: float = 5.0) -> None:
        self._broker = broker
        self._process = process
        self._relook = relook
        self._unanswered: dict[str, Call] = {}

    @property
    def reply_to(self) -> str:
        return self._process

    async def publish(self, call: Call) -> None:
        outcome = self._broker.publish(call)
        self._unanswered[call.id] = call
        if outcome is not None:
            self._broker.replies(self._process).put(call.id, outcome)

    async def withdraw(self, call: Call, by: Settler) -> Outcome:
        outcome = self._broker.withdraw(call, by)
        self._unanswered.pop(call.id, None)
        return outcome

    async def settled(self) -> AsyncIterator[tuple[str, Outcome]]:
        mailbox = self._broker.replies(self._process)
        while True:
            answers = await mailbox.take(self._relook) or self._look_again()
            for call_id, outcome in answers:
                if self._unanswered.pop(call_id, None) is not None:
                    yield call_id, outcome

    async def progressed(self) -> AsyncIterator[tuple[str, Progress]]:
        while True:
            for call_id, progress in await self._broker.news(self._process).take():
                if call_id in self._unanswered:
                    yield call_id, progress

    def _look_again(self) -> Sequence[tuple[str, Outcome]]:
        records = [self._broker.queue(c.queue).records[c.id] for c in self._unanswered.values()]
        return [(r.call.id, r.outcome) for r in records if r.outcome is not None]


class MemoryClaims:
    """`Claims` of one consumer on one queue."""

    def __init__(self, broker: MemoryBroker, queue: str, consumer: str) -> None:
        self._broker = broker
        self._queue = queue
        self._consumer = consumer
        self._leased: dict[str, Claimed] = {}

    async def claim(self, slots: int, wait: float) -> Sequence[Claimed]:
        await anyio.lowlevel.checkpoint()  # before, as nothing may be lost after the first take
        claimed = self._take(slots)
        with anyio.move_on_after(wait):
            while not claimed:
                await self._broker.queue(self._queue).bell.wait()
                claimed = self._take(slots)
        return claimed

    def _take(self, slots: int) -> Sequence[Claimed]:
        holder = self._broker.queue(self._queue).holder
        mine = [e for e, who in holder.items() if who == self._consumer and e not in self._leased]
        again = self._broker.redeliver(self._queue, mine[:slots])
        claimed = again or self._broker.deliver(self._queue, self._consumer, slots)
        self._leased.update({each.entry: each for each in claimed})
        return claimed

    async def settle(self, claimed: Claimed, outcome: Outcome) -> Settlement:
        outcome = Outcome.from_json(outcome.to_json())
        settlement = self._broker.settle(claimed, self._consumer, outcome)
        self._leased.pop(claimed.entry, None)
        if settlement == "settled":
            self._broker.replies(claimed.call.reply_to).put(claimed.call.id, outcome)
        return settlement

    async def withdrawn(self) -> AsyncIterator[str]:
        queue = self._broker.queue(self._queue)
        mailbox = _Mailbox()
        queue.listeners.append(mailbox)
        try:
            for claimed in tuple(self._leased.values()):
                if queue.records[claimed.call.id].outcome is not None:
                    yield claimed.call.id
            while True:
                for call_id, _ in await mailbox.take(60.0):
                    yield call_id
        finally:
            queue.listeners.remove(mailbox)


class MemoryCallers:
    """`Callers`. `clock` gives seconds."""

    def __init__(self, broker: MemoryBroker, clock: Callable[[], float] = time.monotonic) -> None:
        self._values = broker.remembered
        self._clock = clock

    async def recall(self, caller: str, names: Collection[str]) -> Mapping[str, Json]:
        now = self._clock()
        known = ((name, self._values.get((caller, name))) for name in names)
        return {name: json.loads(kept[0]) for name, kept in known if kept and now < kept[1]}

    async def remember(self, caller: str, values: Mapping[str, tuple[Json, float]]) -> None:
        for name, (value, seconds) in values.items():
            self._values.pop((caller, name), None)
            if value is not None:
                until = self._clock() + seconds
                self._values[caller, name] = (json.dumps(value), until)


class MemoryJournal:
    """`Journal` of one session."""

    def __init__(self, broker: MemoryBroker, session: str) -> None:
        self._entries = broker.journal(session)

    async def append(self, entries: Sequence[Mapping[str, Json]]) -> None:
        self._entries.extend([json.dumps(entry) for entry in entries])

    async def read(self) -> Sequence[Mapping[str, Json]]:
        return [json.loads(entry) for entry in self._entries]
