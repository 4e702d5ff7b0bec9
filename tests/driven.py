"""A driven session, with the twins of what it borrows and a service of few words."""

import time
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, TypeVar

import anyio

from orchestrator.dispatch.call import Json, Outcome
from orchestrator.errors import ServiceError
from orchestrator.flow.commands import Command, Report, Speak
from orchestrator.flow.compile import compile_flow
from orchestrator.flow.events import AgentSaid, AnswerEnded, Event, ProviderLost
from orchestrator.flow.snapshot import Snapshot
from orchestrator.interfaces import Journal
from orchestrator.memory import MemoryBroker, MemoryCalls, MemoryJournal
from orchestrator.session import Arrival, Frame, Observe, Session, Stores

Seen = TypeVar("Seen")

HEAD = 'dsl: 1\nflow: f\nversion: "1"\ntitle: T\nsession: {mode: text}\n'
WORK = """
tools:
  work:
    queue: q
    describe: Work.
    POLICY
start: a
states:
  a:
    do: [{tool: work}]
    next: [{event: tool.work.failed, goto: bye}, {goto: bye}]
  bye:
    do: [{say: Bye.}]
    end: {reason: completed}
"""
TALK = """
start: a
states:
  a:
    do: [{say: Hello.}]
    goal: Talk.
    next: [{intent: The caller is done., id: done, goto: bye}]
  bye:
    do: [{say: Bye.}]
    end: {reason: completed}
"""
TRANSFER = """
start: a
states:
  a:
    do: [{say: One moment.}]
    transfer: {to: "sip:a@b.example", on_failed: sorry}
  sorry:
    do: [{say: Sorry.}]
    end: {reason: sorry}
"""


EMIT = """
start: a
states:
  a:
    do: [{say: Hello.}, {emit: greeted}]
    end: {reason: completed}
"""


def work(policy: str = "timeout: 5s") -> str:
    return WORK.replace("POLICY", policy.replace("\n", "\n    "))


class Line:
    """A connection to a service whose every answer is one word."""

    closed = "1000"

    def __init__(self) -> None:
        self._frames: list[Frame] = []
        self._bell = anyio.Event()
        self._problem: ServiceError | None = None

    def give(self, *frames: Frame, problem: ServiceError | None = None) -> None:
        self._frames += frames
        self._problem = problem
        self._bell.set()

    async def send(self, event: Frame) -> None:
        self.give(event)

    async def aclose(self) -> None:
        return

    async def __aiter__(self) -> AsyncIterator[Frame]:
        while True:
            await self._bell.wait()
            self._bell = anyio.Event()
            while self._frames:
                yield self._frames.pop(0)
            if self._problem:
                raise self._problem


class OneWord:
    """The adapter for it."""

    def perform(self, command: Command) -> tuple[Frame, ...]:
        return ({"answer": command.id},) if isinstance(command, Speak) else ()

    def receive(self, event: Frame, at: float) -> tuple[tuple[Event, ...], tuple[Frame, ...]]:
        speak = event["answer"]
        return (AgentSaid(at, speak, "Well."), AnswerEnded(at, speak, "completed")), ()

    def complaint(self, event: Frame) -> str | None:
        return None

    def lost(self, reason: str, at: float) -> tuple[tuple[Event, ...], tuple[Frame, ...]]:
        return (ProviderLost(at, reason),), ()


class Talk:
    """A session and everything around it; `seen` are its events and commands, in order."""

    def __init__(
        self,
        text: str,
        calls: type[MemoryCalls] = MemoryCalls,
        *,
        journal: Journal | None = None,
        caller: str | None = None,
        observe: Observe | None = None,
        clock: Callable[[], float] = time.time,
        **stores: Any,
    ) -> None:
        flow, _ = compile_flow(HEAD + text, "f.flow.yaml")
        self.broker = MemoryBroker()
        self.line = Line()
        self.calls = calls(self.broker, "p")
        self.seen: list[Event | Command] = []
        self._bell = anyio.Event()
        self.session = Session(
            flow,
            self.line,
            OneWord(),
            Stores(self.calls, journal or MemoryJournal(self.broker, "s"), **stores),
            session="s",
            arrival=Arrival(caller),
            observe=observe or self.observe,
            clock=clock,
        )

    def observe(self, item: Event | Command, _: Snapshot) -> None:
        self.seen.append(item)
        self._bell.set()
        self._bell = anyio.Event()

    def all(self, kind: type[Seen]) -> list[Seen]:
        return [item for item in self.seen if isinstance(item, kind)]

    async def until(self, kind: type[Seen]) -> Seen:
        while not self.all(kind):
            await self._bell.wait()
        return self.all(kind)[-1]

    def reported(self, name: str) -> list[Mapping[str, Json]]:
        return [report.data for report in self.all(Report) if report.name == name]

    def outcome(self, call: str) -> Outcome | None:
        """What the record says."""
        return self.broker.queue("q").outcome(f"s.{call}")

    async def run(self) -> str:
        with anyio.fail_after(30):
            return await self.session.run()

    async def run_with(self, act: Callable[[], Any]) -> str:
        """Run to the end, with something going on beside."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(act)
            await self.run()
        return self.session.snapshot.run.ended or ""
