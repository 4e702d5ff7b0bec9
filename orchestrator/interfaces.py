"""The seams between the drivers and the edges: Protocols, nothing else.

Each has an in-memory twin in `orchestrator.memory`, and one contract suite runs
against both.
"""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from orchestrator.dispatch.call import Call, Json, Outcome, Priority, Progress, Settler

__all__ = [
    "Callers",
    "Calls",
    "Claimed",
    "Claims",
    "Connection",
    "DeadLetter",
    "DeadLetters",
    "Journal",
    "Outbox",
    "Settlement",
    "Signal",
    "Signals",
]

Settlement = Literal["settled", "late", "fenced", "gone", "refused"]
"""What became of a worker's outcome: it counts; another was first (ours is kept as
`late`); the call is leased to another worker by now; there is no such record."""


class Calls(Protocol):
    """The asking side of dispatch. One object serves every session of a process."""

    @property
    def reply_to(self) -> str:
        """The name of this process, for `Call.reply_to`."""
        ...

    async def publish(self, call: Call) -> None:
        """Write record and signal in one atomic act; a second publish of an id only asks again.

        A recorded outcome of the same idempotency key and arguments settles the call at
        once; the same key with other arguments settles it as `conflict`, and a backlog that
        is full as `busy`. Raises `QueueUnavailable`.
        """
        ...

    async def withdraw(self, call: Call, by: Settler) -> Outcome:
        """Settle from the asking side (`deadline`, `cancel`); the outcome that stands returns.

        A call that no worker has taken is never run, not even by a publish that arrives
        later. Every published call ends here or in `settled`. Raises `QueueUnavailable`.
        """
        ...

    async def ask_to_stop(self, call: Call) -> Outcome | None:
        """Ask whoever runs this to stop; what it came to is told by `settled`, as ever.

        A call that nobody has taken is withdrawn, and the outcome that stands returns. Best
        effort: a worker that does not hear of it runs on. Raises `QueueUnavailable`.
        """
        ...

    def settled(self) -> AsyncIterator[tuple[str, Outcome]]:
        """(call id, outcome) of the calls published here and not withdrawn, at least once.

        A lost signal costs time, not an answer: records of unanswered calls are read
        again after reconnects and on a slow timer. Never ends by itself and rides out an
        outage of Redis. One reader at a time.
        """
        ...

    def progressed(self) -> AsyncIterator[tuple[str, Progress]]:
        """(call id, the newest report of its handler), best effort, while `settled` is read.

        Never ends by itself. One reader at a time.
        """
        ...


@dataclass(frozen=True, slots=True)
class Claimed:
    """A call leased to this consumer. `entry` is its entry in the stream of the `lane`.

    `deliveries` counts from 1, over all consumers that were given the call.
    """

    call: Call
    entry: str
    deliveries: int = 1
    lane: Priority = "live"


class Claims(Protocol):
    """The working side of dispatch, for one named consumer and one queue.

    What is claimed is leased. A lease that is not renewed in time may be taken over by any
    consumer that sweeps; what its former holder then says is fenced. A name must be new for
    every start of a consumer.

    A worker of several queues runs one claim loop for each: on a cluster every queue is a
    connection of its own, and a loop asks for no more than the slots that are free.
    """

    @property
    def lease(self) -> float:
        """For how long a call is ours without a renewal, in seconds."""
        ...

    async def claim(self, slots: int, wait: float) -> Sequence[Claimed]:
        """At most `slots` calls, live ones first; blocks up to `wait` seconds for the first one.

        Entries whose record is settled already are acknowledged and never returned, calls
        that a `limit` or a `rate` holds back are parked and come when they may run.
        While Redis is away the answer is empty, after a pause. Stop a loop between two
        claims, by a flag: what a cancelled claim was given waits for the next claim of this
        consumer.
        """
        ...

    async def renew(self) -> bool:
        """Renew the leases of all that is claimed here. False while Redis is away."""
        ...

    async def sweep(self) -> None:
        """Judge the calls of this queue whose lease has lapsed.

        What may run twice (`rerun`) goes round again, up to a number of deliveries: then it
        is a dead letter. What may not is settled by `dead`, as `crashed`: its outcome is
        unknown. Does nothing while Redis is away.
        """
        ...

    async def hand_back(self, claimed: Claimed) -> None:
        """Let others have a call that was claimed here and has no effect yet, or may run twice.

        Raises `QueueUnavailable`.
        """
        ...

    async def leave(self) -> None:
        """The end: give back what is leased here and was never returned by `claim`.

        Best effort: what stays behind is swept by others.
        """
        ...

    async def settle(self, claimed: Claimed, outcome: Outcome) -> Settlement:
        """Record the outcome, remember it under the call's key if ok, acknowledge, tell who asked.

        Saying the same again has the same answer, so that a settle that raised
        `QueueUnavailable` is simply repeated.
        """
        ...

    async def settle_all(self, ended: Sequence[tuple[Claimed, Outcome]]) -> Sequence[Settlement]:
        """`settle` for some calls at once, which costs less.

        The answers are in their order: `refused` for one whose record cannot be written,
        whatever becomes of the others.
        """
        ...

    def withdrawn(self) -> AsyncIterator[str]:
        """Ids of calls of this queue that were withdrawn, so that their handlers can stop.

        Other consumers' calls are among them. Never ends by itself; calls leased to this
        consumer that were withdrawn while nobody listened come first.
        """
        ...


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A call that was given up, or an entry that is no call.

    `request` is as it lay in the stream, a `Call` as JSON unless the reason is that it is
    none. `at` is in seconds since the epoch, `worker` the consumer that had it last.
    """

    id: str
    call: str
    request: str
    reason: str
    deliveries: int
    worker: str
    at: float


class DeadLetters(Protocol):
    """The dead letters of one queue, for people. Every method raises `QueueUnavailable`."""

    async def list(self) -> Sequence[DeadLetter]:
        """The oldest first."""
        ...

    async def show(self, letter: str) -> DeadLetter | None:
        """The one of this id, if there is one."""
        ...

    async def redrive(self, letter: str) -> tuple[Call, Outcome | None]:
        """Publish the call again, as a new one under the same key, and remove the letter.

        It is a job that nobody waits for: `call:LETTER` is its id, its time that of the call
        that died. The outcome is there if the key has one on record: then nothing runs.
        Repeating it publishes nothing twice. Raises `UsageError` without such a letter and
        for one whose request is no call.
        """
        ...

    async def drop(self, letter: str) -> bool:
        """Remove a letter. False if there is none."""
        ...


class Journal(Protocol):
    """The durable truth of one session: its header and its events, in order."""

    async def append(self, entries: Sequence[Mapping[str, Json]]) -> None:
        """Add entries. While the store is away they are held (bounded) and written later."""
        ...

    async def read(self) -> Sequence[Mapping[str, Json]]: ...


class Outbox(Protocol):
    """Events of an author's own (`emit`), for other programs. Best effort, at most once."""

    async def emit(self, name: str, data: Mapping[str, Json]) -> None:
        """Raises `QueueUnavailable`."""
        ...


class Callers(Protocol):
    """What is remembered of callers, by name. Their numbers are nowhere kept in clear."""

    async def recall(self, caller: str, names: Collection[str]) -> Mapping[str, Json]:
        """What is known under these names and has not expired. Raises `QueueUnavailable`."""
        ...

    async def remember(self, caller: str, values: Mapping[str, tuple[Json, float]]) -> None:
        """Keep values, each for so many seconds from now; None is forgotten.

        Raises `QueueUnavailable`.
        """
        ...


@dataclass(frozen=True, slots=True)
class Signal:
    """Something that a session is told from outside. `entry` says how signals are ordered."""

    entry: str
    name: str
    data: Mapping[str, Json]


class Signals(Protocol):
    """What is sent to sessions from outside."""

    async def send(self, session: str, name: str, data: Mapping[str, Json]) -> str:
        """Its entry. It waits for the session to read it. Raises `QueueUnavailable`."""
        ...

    def received(self, session: str, after: str = "0-0") -> AsyncIterator[Signal]:
        """What was sent to a session after that entry, in order, what lay there before among it.

        Never ends by itself and rides out an outage. What cannot be read is passed over.
        """
        ...


class Connection(Protocol):
    """A Realtime session as a stream of JSON events in both directions.

    Iteration ends when the session is over; `closed` then says how (code and reason).
    """

    @property
    def closed(self) -> str: ...

    async def send(self, event: Mapping[str, Json]) -> None: ...

    def __aiter__(self) -> AsyncIterator[Mapping[str, Json]]: ...

    async def aclose(self) -> None: ...
