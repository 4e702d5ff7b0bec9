"""The driver of one conversation: events in, `step`, commands out. It awaits and never decides.

| resource          | acquired by                | released by                                  |
|-------------------|----------------------------|----------------------------------------------|
| connection        | the caller of `Session`    | the caller, after `run` returned             |
| inbox and tasks   | `run`                      | `run`: one task group, nothing outlives it   |
| published calls   | a `Dispatch`               | `work.calls` of the engine: settled or kept  |
| journal           | the caller of `Session`    | the caller                                   |

Journal, then act: an event is appended before the commands that follow from it are performed.
"""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, TypeAlias, assert_never

import anyio
from anyio.abc import TaskGroup

from orchestrator.dispatch.call import Call, Json, Outcome
from orchestrator.errors import (
    OrchestratorError,
    ProtocolError,
    ProviderRefused,
    QueueUnavailable,
    ServiceError,
)
from orchestrator.flow import events
from orchestrator.flow.commands import (
    AddItem,
    AnswerCall,
    Command,
    Dispatch,
    Emit,
    End,
    Hush,
    Report,
    Say,
    Speak,
    Transfer,
    Withdraw,
)
from orchestrator.flow.definition import Flow
from orchestrator.flow.engine import step
from orchestrator.flow.events import (
    CallerLeft,
    CallerTyped,
    CallSettled,
    Event,
    SessionStarted,
    TimerFired,
    TranscriptFinal,
    TransferEnded,
)
from orchestrator.flow.replaying import header
from orchestrator.flow.snapshot import Snapshot, drained, quiescent
from orchestrator.interfaces import Calls, Connection, Journal, Outbox

__all__ = ["Adapter", "Session"]

Frame: TypeAlias = Mapping[str, Json]
Observe: TypeAlias = Callable[[Event | Command, Snapshot], None]


class Adapter(Protocol):
    """What knows the speech API: commands to its frames, its frames to events."""

    def perform(self, command: Command) -> tuple[Frame, ...]: ...

    def receive(self, event: Frame, at: float) -> tuple[tuple[Event, ...], tuple[Frame, ...]]: ...

    def complaint(self, event: Frame) -> str | None:
        """What people should know of an error that changes nothing."""
        ...

    def lost(self, reason: str, at: float) -> tuple[tuple[Event, ...], tuple[Frame, ...]]: ...


@dataclass(frozen=True, slots=True)
class _Received:
    frame: Frame


@dataclass(frozen=True, slots=True)
class _Lost:
    """The connection is over; `problem` says so if the provider refused for good."""

    reason: str
    problem: OrchestratorError | None = None


log = logging.getLogger(__name__)

_Item: TypeAlias = Event | _Received | _Lost


def _ignore(item: Event | Command, snapshot: Snapshot) -> None:
    """Nobody watches."""


class Session:
    """One conversation: owns its snapshot and its inbox, borrows everything else.

    `clock` gives seconds since the epoch; `observe` sees every event and command, in order,
    with the snapshot after it, and must not block.
    """

    def __init__(
        self,
        flow: Flow,
        connection: Connection,
        adapter: Adapter,
        calls: Calls,
        journal: Journal,
        outbox: Outbox | None = None,
        *,
        session: str,
        caller: str | None = None,
        values: Mapping[str, Json] | None = None,
        observe: Observe = _ignore,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.flow = flow
        self.id = session
        self.snapshot = Snapshot()
        self._caller = caller
        self._values = values or {}
        self._connection = connection
        self._adapter = adapter
        self._calls = calls
        self._journal = journal
        self._outbox = outbox
        self._observe = observe
        self._clock = clock
        self._published: dict[str, Call] = {}
        self._send, self._inbox = anyio.create_memory_object_stream[_Item](256)
        self._changed = anyio.Event()
        self._waiting_turns = 0
        self._lines = 0
        self._problem: OrchestratorError | None = None

    async def run(self) -> str:
        """Talk until the flow ends or the caller leaves, and kept calls are closed.

        Returns the reason of the end. What the edges raise (`ServiceError`) comes through.
        """
        with self._send, self._inbox:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._read_connection)
                tasks.start_soon(self._read_outcomes)
                tasks.start_soon(self._fire_timers)
                await self._journal.append([header(self.flow, self.id)])
                await self._take(self._started(), tasks)
                while not drained(self.snapshot):
                    await self._take(await self._inbox.receive(), tasks)
                tasks.cancel_scope.cancel()
        self._notify()
        if self._problem:
            raise self._problem
        return self.snapshot.run.ended or ""

    async def caller_says(self, text: str) -> None:
        """A whole turn of the caller, in text; where a flow only transcribes, a line of it."""
        self._waiting_turns += 1
        now = self._clock()
        if self.flow.session.mode == "transcribe":
            self._lines += 1
            await self._post(TranscriptFinal(now, f"line_{self._lines}", text))
        else:
            await self._post(CallerTyped(now, text))

    async def caller_leaves(self, *, interrupted: bool = False) -> None:
        await self._post(CallerLeft(self._clock(), "interrupted" if interrupted else "hangup"))

    async def quiet(self) -> None:
        """Wait until only a word of the caller makes anything happen, or the session has ended."""
        while not self._is_quiet():
            await self._changed.wait()

    def _is_quiet(self) -> bool:
        idle = not self._waiting_turns and quiescent(self.snapshot)
        return idle or self.snapshot.run.ended is not None

    def _notify(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()

    def _started(self) -> SessionStarted:
        at = self._clock()
        zone, offset = _zone(self.flow.session.zone, at)
        return SessionStarted(at, self.id, zone, offset, caller=self._caller, values=self._values)

    async def _post(self, event: Event) -> None:
        """Put an event into the inbox; after the end there is nobody to read it."""
        try:
            await self._send.send(event)
        except (anyio.ClosedResourceError, anyio.BrokenResourceError):
            return

    async def _read_connection(self) -> None:
        try:
            async for frame in self._connection:
                await self._send.send(_Received(frame))
            await self._send.send(_Lost(self._connection.closed))
        except ProviderRefused as problem:
            await self._send.send(_Lost(problem.code, problem))
        except (ServiceError, ProtocolError) as problem:
            await self._send.send(_Lost("lost", problem))

    async def _read_outcomes(self) -> None:
        async for call_id, outcome in self._calls.settled():
            await self._settled(call_id, outcome)

    async def _settled(self, call_id: str, outcome: Outcome) -> None:
        call = self._published.pop(call_id, None)
        if call:
            name = call_id.removeprefix(f"{self.id}.").removesuffix(f".{call.attempt}")
            await self._send.send(CallSettled(self._clock(), name, call.attempt, outcome))

    async def _fire_timers(self) -> None:
        """Sleep until the next due time of the snapshot; it says which, this only watches."""
        while True:
            changed = self._changed
            timers = self.snapshot.timers.items()
            timer, due = min(timers, key=lambda item: item[1], default=("", float("inf")))
            with anyio.move_on_after(max(0.0, due - self._clock())):
                await changed.wait()
                continue
            await self._send.send(TimerFired(self._clock(), timer))
            await changed.wait()

    async def _take(self, item: _Item, tasks: TaskGroup) -> None:
        happened, frames = self._translate(item)
        await self._transmit(frames)
        for event in happened:
            await self._handle(event, tasks)
        if happened:
            self._notify()

    def _translate(self, item: _Item) -> tuple[tuple[Event, ...], tuple[Frame, ...]]:
        match item:
            case _Received(frame=frame):
                return self._received(frame)
            case _Lost(reason=reason, problem=problem):
                self._problem = problem
                return self._adapter.lost(reason, self._clock())
            case _:
                return (item,), ()

    def _received(self, frame: Frame) -> tuple[tuple[Event, ...], tuple[Frame, ...]]:
        """A frame that breaks the protocol is told to people; the conversation goes on."""
        try:
            if complaint := self._adapter.complaint(frame):
                log.warning("session %s: the Realtime service complains: %s", self.id, complaint)
            return self._adapter.receive(frame, self._clock())
        except ProtocolError as problem:
            log.warning("session %s: %s", self.id, problem)
            return (), ()

    async def _handle(self, event: Event, tasks: TaskGroup) -> None:
        await self._journal.append([events.to_json(event)])
        self.snapshot, commands = step(self.flow, self.snapshot, event)
        if isinstance(event, CallerTyped | TranscriptFinal):
            self._waiting_turns -= 1
        self._observe(event, self.snapshot)
        for command in commands:
            self._observe(command, self.snapshot)
            await self._perform(command, tasks)

    async def _perform(self, command: Command, tasks: TaskGroup) -> None:
        match command:
            case Dispatch():
                tasks.start_soon(self._publish, command)
            case Withdraw():
                tasks.start_soon(self._withdraw, command)
            case Emit():
                tasks.start_soon(self._emit, command)
            case Transfer():
                await self._post(TransferEnded(self._clock(), ok=True))
            case Speak() | Hush() | Say() | AddItem() | AnswerCall():
                await self._transmit(self._adapter.perform(command))
            case End() | Report():
                pass
            case _:
                assert_never(command)

    async def _transmit(self, frames: tuple[Frame, ...]) -> None:
        for frame in frames:
            await self._connection.send(frame)

    async def _publish(self, command: Dispatch) -> None:
        call = self._call(command)
        self._published[call.id] = call
        try:
            await self._calls.publish(call)
        except QueueUnavailable as problem:
            refused = Outcome.failed("refused", "unavailable", str(problem))
            await self._settled(call.id, refused)

    def _call(self, command: Dispatch) -> Call:
        now = self._clock()
        return Call(
            id=f"{self.id}.{command.call}.{command.attempt}",
            queue=command.queue,
            tool=command.tool,
            arguments=command.arguments,
            key=command.key,
            attempt=command.attempt,
            timeout=command.timeout,
            deadline=now + command.timeout,
            session=self.id,
            reply_to=self._calls.reply_to,
            created=now,
            rerun=command.rerun,
        )

    async def _emit(self, command: Emit) -> None:
        if self._outbox is None:
            return
        try:
            await self._outbox.emit(command.name, command.data)
        except QueueUnavailable as problem:
            log.warning("session %s: %s was not emitted: %s", self.id, command.name, problem)

    async def _withdraw(self, command: Withdraw) -> None:
        call = self._published.get(f"{self.id}.{command.call}.{command.attempt}")
        if call is None:
            return
        try:
            outcome = await self._calls.withdraw(call, command.by)
        except QueueUnavailable:
            return  # the record's own deadline holds; nobody here waits for it any more
        await self._settled(call.id, outcome)


def _zone(name: str | None, at: float) -> tuple[str, int]:
    """The name and the offset (seconds from UTC) of a zone, of this machine's if none is named."""
    from zoneinfo import ZoneInfo

    moment = datetime.fromtimestamp(at).astimezone(ZoneInfo(name) if name else None)
    offset = moment.utcoffset() or timedelta()
    return name or moment.tzname() or "UTC", int(offset.total_seconds())
