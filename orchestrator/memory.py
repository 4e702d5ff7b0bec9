"""The in-memory twin of each seam: the reference of its contract.

A `MemoryBroker` holds what Redis would hold; the atomic acts on a queue are in `memory_queue`.
`MemoryCalls`, `MemoryClaims`, `MemoryDeadLetters` and `MemoryJournal` add waiting and telling
and nothing else. Calls and outcomes pass through their wire format, so that both twins refuse
and keep the same things.
"""

import json
import time
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence

import anyio
import anyio.lowlevel

from orchestrator.dispatch.call import Call, Json, Outcome, Progress, Settler
from orchestrator.dispatch.news import News
from orchestrator.dispatch.redrive import redriven
from orchestrator.interfaces import Claimed, DeadLetter, Settlement, Signal
from orchestrator.memory_queue import MemoryQueue

__all__ = [
    "MemoryBroker",
    "MemoryCallers",
    "MemoryCalls",
    "MemoryClaims",
    "MemoryDeadLetters",
    "MemoryJournal",
    "MemorySignals",
]


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


class MemoryBroker:
    """What all twins of one test or one process share; stands where Redis would."""

    def __init__(self) -> None:
        self._queues: dict[str, MemoryQueue] = {}
        self._replies: defaultdict[str, _Mailbox] = defaultdict(_Mailbox)
        self._news: defaultdict[str, News] = defaultdict(News)
        self._journals: defaultdict[str, list[str]] = defaultdict(list)
        self._bells: defaultdict[str, _Bell] = defaultdict(_Bell)
        self._listeners: defaultdict[str, list[_Mailbox]] = defaultdict(list)
        self.signals: defaultdict[str, list[Signal]] = defaultdict(list)
        self.remembered: dict[tuple[str, str], tuple[str, float]] = {}  # value, until when

    def queue(self, name: str) -> MemoryQueue:
        if name not in self._queues:
            self._queues[name] = MemoryQueue(name, self.bell(name).ring)
        return self._queues[name]

    def bell(self, queue: str) -> _Bell:
        """Rings when there is something to take."""
        return self._bells[queue]

    def listeners(self, queue: str) -> list[_Mailbox]:
        """Who hears of withdrawals."""
        return self._listeners[queue]

    def replies(self, process: str) -> _Mailbox:
        return self._replies[process]

    def news(self, process: str) -> News:
        return self._news[process]

    def journal(self, session: str) -> list[str]:
        return self._journals[session]

    def tell(self, call: Call, progress: Progress) -> None:
        """What a handler reports."""
        self.news(call.reply_to).put(call.id, Progress.from_json(progress.to_json()))


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
        outcome = self._broker.queue(call.queue).publish(call)
        self._unanswered[call.id] = call
        if outcome is not None:
            self._broker.replies(self._process).put(call.id, outcome)

    async def withdraw(self, call: Call, by: Settler) -> Outcome:
        first, outcome = self._broker.queue(call.queue).withdraw(call, by)
        if first:
            for listener in self._broker.listeners(call.queue):
                listener.put(call.id, outcome)
        self._unanswered.pop(call.id, None)
        return outcome

    async def ask_to_stop(self, call: Call) -> Outcome | None:
        queue = self._broker.queue(call.queue)
        if not queue.taken(call.id):
            return await self.withdraw(call, "cancel")
        for listener in self._broker.listeners(call.queue):
            listener.put(call.id, Outcome.withdrawn("cancel"))
        return None

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
        calls = self._unanswered.values()
        outcomes = [(each.id, self._broker.queue(each.queue).outcome(each.id)) for each in calls]
        return [(call_id, outcome) for call_id, outcome in outcomes if outcome is not None]


class MemoryClaims:
    """`Claims` of one consumer on one queue. The options are those of `StreamClaims`."""

    def __init__(
        self,
        broker: MemoryBroker,
        queue: str,
        consumer: str,
        *,
        lease: float = 5.0,
        tries: int = 3,
        limit: int | None = None,
    ) -> None:
        self._broker = broker
        self._name = queue
        self._queue = broker.queue(queue)
        self._consumer = consumer
        self._lease = lease
        self._tries = tries
        self._limit = limit
        self._leased: dict[str, Claimed] = {}

    @property
    def lease(self) -> float:
        return self._lease

    async def claim(self, slots: int, wait: float) -> Sequence[Claimed]:
        await anyio.lowlevel.checkpoint()  # before, as nothing may be lost after the first take
        claimed = self._take(slots)
        with anyio.move_on_after(wait):
            while not claimed:
                with anyio.move_on_after(self._queue.next_due()):
                    await self._broker.bell(self._name).wait()
                claimed = self._take(slots)
        return claimed

    def _take(self, slots: int) -> Sequence[Claimed]:
        self._queue.wake()
        claimed, refused = self._queue.deliver(self._consumer, slots, self._limit)
        self._tell(refused)
        self._leased.update({each.entry: each for each in claimed})
        return claimed

    async def settle(self, claimed: Claimed, outcome: Outcome) -> Settlement:
        [settlement] = await self.settle_all([(claimed, outcome)])
        return settlement

    async def settle_all(self, ended: Sequence[tuple[Claimed, Outcome]]) -> Sequence[Settlement]:
        return [self._settled(claimed, outcome) for claimed, outcome in ended]

    def _settled(self, claimed: Claimed, outcome: Outcome) -> Settlement:
        outcome = Outcome.from_json(outcome.to_json())
        settlement = self._queue.settle(claimed, self._consumer, outcome)
        self._leased.pop(claimed.entry, None)
        if settlement == "settled":
            self._tell([(claimed.call, outcome)])
        return settlement

    async def withdrawn(self) -> AsyncIterator[str]:
        listeners = self._broker.listeners(self._name)
        mailbox = _Mailbox()
        listeners.append(mailbox)
        try:
            for claimed in tuple(self._leased.values()):
                if self._queue.outcome(claimed.call.id) is not None:
                    yield claimed.call.id
            while True:
                for call_id, _ in await mailbox.take(60.0):
                    yield call_id
        finally:
            listeners.remove(mailbox)

    async def renew(self) -> bool:
        self._queue.renew(self._consumer, self._leased)
        return True

    async def sweep(self) -> None:
        self._queue.wake()
        self._tell(self._queue.sweep(self._lease, self._tries))

    async def hand_back(self, claimed: Claimed) -> None:
        self._queue.hand_back(claimed, self._consumer)
        self._leased.pop(claimed.entry, None)

    async def leave(self) -> None:
        return  # what was taken was returned

    def _tell(self, settled: Iterable[tuple[Call, Outcome]]) -> None:
        for call, outcome in settled:
            self._broker.replies(call.reply_to).put(call.id, outcome)


class MemoryDeadLetters:
    """`DeadLetters` of one queue."""

    def __init__(self, broker: MemoryBroker, queue: str) -> None:
        self._name = queue
        self._queue = broker.queue(queue)

    async def list(self) -> Sequence[DeadLetter]:
        return list(self._queue.dead.values())

    async def show(self, letter: str) -> DeadLetter | None:
        return self._queue.dead.get(letter)

    async def redrive(self, letter: str) -> tuple[Call, Outcome | None]:
        call = redriven(self._name, letter, self._queue.dead.get(letter))
        outcome = self._queue.publish(call)
        del self._queue.dead[letter]
        return call, outcome

    async def drop(self, letter: str) -> bool:
        return self._queue.dead.pop(letter, None) is not None


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


class MemorySignals:
    """`Signals`."""

    def __init__(self, broker: MemoryBroker) -> None:
        self._inboxes = broker.signals
        self._bell = _Bell()

    async def send(self, session: str, name: str, data: Mapping[str, Json]) -> str:
        inbox = self._inboxes[session]
        inbox.append(Signal(f"{len(inbox) + 1}-0", name, json.loads(json.dumps(data))))
        self._bell.ring()
        return inbox[-1].entry

    async def received(self, session: str, after: str = "0-0") -> AsyncIterator[Signal]:
        read = int(after.partition("-")[0])
        while True:
            for signal in self._inboxes[session][read:]:
                read += 1
                yield signal
            if read == len(self._inboxes[session]):
                await self._bell.wait()


class MemoryJournal:
    """`Journal` of one session."""

    def __init__(self, broker: MemoryBroker, session: str) -> None:
        self._entries = broker.journal(session)

    async def append(self, entries: Sequence[Mapping[str, Json]]) -> None:
        self._entries.extend([json.dumps(entry) for entry in entries])

    async def read(self) -> Sequence[Mapping[str, Json]]:
        return [json.loads(entry) for entry in self._entries]
