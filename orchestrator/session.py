"""The driver of one conversation: events in, `step`, commands out. It awaits and never decides.

| resource          | acquired by                | released by                                  |
|-------------------|----------------------------|----------------------------------------------|
| connection        | the caller of `Session`    | the caller, after `run` returned             |
| inbox and tasks   | `run`                      | `run`: one task group, nothing outlives it   |
| published calls   | a `Dispatch`               | `CallDesk`: settled or withdrawn             |
| journal           | the caller of `Session`    | the caller                                   |

Journal, then act: an event is appended before the commands that follow from it are performed.
"""

import logging
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias, assert_never

import anyio
from anyio.abc import TaskGroup

from orchestrator.desk import CallDesk
from orchestrator.dispatch.call import Json
from orchestrator.errors import OrchestratorError, ProtocolError, ProviderRefused, ServiceError
from orchestrator.flow import events
from orchestrator.flow.commands import (
    AddItem,
    AnswerCall,
    AnswerNative,
    Ask,
    AskToStop,
    Command,
    Dispatch,
    DropItems,
    Emit,
    End,
    Hush,
    Play,
    Remember,
    Report,
    Say,
    SendDigits,
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
    Signalled,
    TimerFired,
    TranscriptFinal,
    TransferEnded,
)
from orchestrator.flow.replaying import header
from orchestrator.flow.snapshot import Snapshot, drained, quiescent
from orchestrator.interfaces import Callers, Calls, Connection, Journal, Outbox, Signals
from orchestrator.recollection import Recollection
from orchestrator.zone import zone

__all__ = ["Adapter", "Arrival", "Session", "Stores"]

Frame: TypeAlias = Mapping[str, Json]
_Step: TypeAlias = tuple[tuple[Event, ...], tuple[Frame, ...]]
Observe: TypeAlias = Callable[[Event | Command, Snapshot], None]


class Adapter(Protocol):
    """What knows the speech API: commands to its frames, its frames to events."""

    def perform(self, command: Command) -> tuple[Frame, ...]: ...

    def receive(self, event: Frame, at: float) -> _Step: ...

    def complaint(self, event: Frame) -> str | None:
        """What people should know of an error that changes nothing."""
        ...

    def lost(self, reason: str, at: float) -> _Step: ...


log = logging.getLogger(__name__)

PATIENCE = 3.0
"""Seconds that the last publishes, withdrawals and emits may take after the end."""


@dataclass(frozen=True, slots=True)
class Stores:
    """Where calls and their outcomes go, and what outlasts a session; None is done without."""

    calls: Calls
    journal: Journal
    outbox: Outbox | None = None
    callers: Callers | None = None
    signals: Signals | None = None


@dataclass(frozen=True, slots=True)
class Arrival:
    """Who calls, with which headers, and which first values the flow's variables are given.

    `model` is the one that answers, for what it costs.
    """

    caller: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    values: Mapping[str, Json] = field(default_factory=dict[str, Json])
    model: str = ""


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
        stores: Stores,
        *,
        session: str,
        arrival: Arrival | None = None,
        observe: Observe = _ignore,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.flow = flow
        self.id = session
        self.snapshot = Snapshot()
        self._connection = connection
        self._adapter = adapter
        self._stores = stores
        self._arrival = arrival or Arrival()
        self._observe = observe
        self._clock = clock
        self._desk = CallDesk(stores.calls, session, self._post, clock)
        self._recollection = Recollection(session, self._arrival.caller, stores.callers)
        self._send, self._inbox = anyio.create_memory_object_stream[Event](256)
        self._changed = anyio.Event()
        self._waiting_turns = 0
        self._lines = 0
        self._problem: OrchestratorError | None = None

    async def run(self) -> str:
        """Talk until the flow ends or the caller leaves, and kept calls are closed.

        Returns the reason of the end. What the edges raise (`ServiceError`) comes through.
        """
        with self._send, self._inbox:
            async with anyio.create_task_group() as listeners:
                listeners.start_soon(self._read_connection)
                listeners.start_soon(self._desk.listen)
                listeners.start_soon(self._desk.listen_meanwhile)
                listeners.start_soon(self._fire_timers)
                listeners.start_soon(self._heed_signals)
                async with anyio.create_task_group() as errands:
                    await self._converse(errands)
                    errands.cancel_scope.shield = True
                    errands.cancel_scope.deadline = anyio.current_time() + PATIENCE
                listeners.cancel_scope.cancel()
        self._notify()
        if self._problem and self.snapshot.run.how == "provider_lost":
            raise self._problem
        return self.snapshot.run.ended or ""

    async def _converse(self, errands: TaskGroup) -> None:
        await self._stores.journal.append([header(self.flow, self.id)])
        await self._handle(await self._started(), errands)
        while not drained(self.snapshot):
            await self._handle(await self._inbox.receive(), errands)

    async def caller_says(self, text: str) -> None:
        """A whole turn of the caller, in text; where a flow only transcribes, a line of it."""
        self._waiting_turns += 1
        now = self._clock()
        if self.flow.session.mode == "transcribe":
            self._lines += 1
            await self._post(TranscriptFinal(now, f"{self.id}.line_{self._lines}", text))
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

    async def _started(self) -> SessionStarted:
        remembered = await self._recollection.recall(self.flow.remembers)
        at, arrival = self._clock(), self._arrival
        name, offset = zone(self.flow.session.zone, at)
        return SessionStarted(
            at,
            self.id,
            name,
            offset,
            caller=arrival.caller,
            values=arrival.values,
            model=arrival.model,
            remembered=remembered,
            headers=arrival.headers,
        )

    async def _post(self, event: Event) -> None:
        """Put an event into the inbox; after the end there is nobody to read it."""
        try:
            await self._send.send(event)
        except (anyio.ClosedResourceError, anyio.BrokenResourceError):
            return

    async def _read_connection(self) -> None:
        """Frames to events, which are few: most frames are deltas, and mean nothing here."""
        try:
            async for frame in self._connection:
                await self._take(self._received(frame))
            reason = self._connection.closed
        except ProviderRefused as problem:
            reason, self._problem = problem.code, problem
        except (ServiceError, ProtocolError) as problem:
            reason, self._problem = "lost", problem
        await self._take(self._adapter.lost(reason, self._clock()))

    async def _take(self, received: _Step) -> None:
        happened, frames = received
        await self._transmit(frames)
        for event in happened:
            await self._post(event)

    def _received(self, frame: Frame) -> _Step:
        """A frame that breaks the protocol is told to people; the conversation goes on."""
        try:
            if complaint := self._adapter.complaint(frame):
                log.warning("session %s: the Realtime service complains: %s", self.id, complaint)
            return self._adapter.receive(frame, self._clock())
        except ProtocolError as problem:
            log.warning("session %s: %s", self.id, problem)
            return (), ()

    async def _heed_signals(self) -> None:
        """What is sent from outside, as long as the session lives; if the flow wants any."""
        signals = self._stores.signals
        if signals and self.flow.hears_signals:
            async for signal in signals.received(self.id, self.snapshot.run.signal or "0-0"):
                now = self._clock()
                await self._post(Signalled(now, signal.name, signal.data, signal.entry))

    async def _fire_timers(self) -> None:
        """Sleep until the next due time of the snapshot; it says which, this only watches.

        Each is posted once, though it stands in the snapshot until its turn has come.
        """
        posted: dict[str, float] = {}
        while True:
            changed, timers = self._changed, self.snapshot.timers
            posted = {timer: due for timer, due in posted.items() if timers.get(timer) == due}
            waiting = [(due, timer) for timer, due in timers.items() if posted.get(timer) != due]
            due, timer = min(waiting, default=(math.inf, ""))
            with anyio.move_on_after(max(0.0, due - self._clock())):
                await changed.wait()
                continue
            posted[timer] = due
            # The two clocks disagree a little, and before its time a timer is ignored.
            await self._post(TimerFired(max(due, self._clock()), timer))

    async def _handle(self, event: Event, errands: TaskGroup) -> None:
        if self.snapshot.run.ended is not None and not isinstance(event, CallSettled | TimerFired):
            return  # there is no conversation any more, only calls that are kept
        await self._stores.journal.append([events.to_json(event)])
        self.snapshot, commands = step(self.flow, self.snapshot, event)
        if isinstance(event, CallerTyped | TranscriptFinal):
            self._waiting_turns -= 1
        self._show(event)
        for command in commands:
            self._show(command)
            await self._perform(command, errands)
        self._notify()

    def _show(self, item: Event | Command) -> None:
        """People watch, whatever they see: a fault in the showing is no fault of the talk."""
        try:
            self._observe(item, self.snapshot)
        except OSError:
            raise  # nobody is there to see anything
        except Exception:
            log.exception("session %s: cannot show a %s", self.id, type(item).__name__)

    async def _perform(self, command: Command, errands: TaskGroup) -> None:
        match command:
            case Dispatch():
                errands.start_soon(self._desk.publish, command)
            case Withdraw():
                errands.start_soon(self._desk.withdraw, command)
            case AskToStop():
                errands.start_soon(self._desk.ask_to_stop, command)
            case Emit():
                errands.start_soon(self._emit, command)
            case Remember():
                self._recollection.take(command.values)
                errands.start_soon(self._recollection.save)
            case Transfer():
                # Not awaited: this is who empties the inbox.
                errands.start_soon(self._post, TransferEnded(self._clock(), ok=True))
            case Play() | SendDigits():
                pass  # the engine asks for neither where there is only text
            case Speak() | Ask() | Hush() | Say() | AddItem() | DropItems():
                await self._transmit(self._adapter.perform(command))
            case AnswerCall() | AnswerNative():
                await self._transmit(self._adapter.perform(command))
            case End() | Report():
                pass
            case _:
                assert_never(command)

    async def _transmit(self, frames: tuple[Frame, ...]) -> None:
        for frame in frames:
            await self._connection.send(frame)

    async def _emit(self, command: Emit) -> None:
        if self._stores.outbox is None:
            return
        try:
            await self._stores.outbox.emit(command.name, command.data)
        except ServiceError as problem:
            log.warning("session %s: %s was not emitted: %s", self.id, command.name, problem)
