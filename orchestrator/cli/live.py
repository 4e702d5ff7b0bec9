"""Live cases: a flow's session with a real model, a caller whom a model plays, and a judge.

The caller and the judge are text sessions of the same service, beside the agent's. Tools answer
what the case says; the session's clock starts at its `now`.
"""

import math
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import cast

import anyio

from orchestrator.cli.opening import open_session
from orchestrator.dispatch.call import APPROVALS, Call, Outcome, Progress, Settler
from orchestrator.errors import OrchestratorError, ServiceError
from orchestrator.flow.commands import AddItem, Command, Say, Speak
from orchestrator.flow.definition import Flow
from orchestrator.flow.definition import Session as Speaker
from orchestrator.flow.events import AgentSaid, AnswerEnded, Event
from orchestrator.flow.snapshot import Snapshot
from orchestrator.flow.variables import has_number
from orchestrator.interfaces import Connection
from orchestrator.memory import MemoryBroker, MemoryCallers, MemoryJournal
from orchestrator.realtime.connection import connect
from orchestrator.realtime.settings import session_object
from orchestrator.realtime.translate import Realtime
from orchestrator.session import Arrival, Session, Stores
from orchestrator.testing.document import Canned, Case, Suite, Turn
from orchestrator.testing.judge import Failure, judge
from orchestrator.testing.play import Around, Item, Played, around
from orchestrator.testing.trial import Trial

__all__ = ["Service", "try_live"]

HANG_UP = "[hangs up]"
LONGEST = 300.0
"""Seconds that a live conversation may take."""
REMEMBERED = 3600.0
CALLER = """You play a person on the telephone, to test an assistant. You are the caller, never the
assistant. Say only what the caller says next, in one or two short sentences. When you have what
you wanted, or cannot get it, say goodbye and add {hang_up}.

Who you are and what you want: {persona}"""
JUDGE = """You judge a telephone conversation. You are given its transcript and a statement about
the agent. Answer "yes" if the statement is true, else "no", and then why in one sentence."""


@dataclass(frozen=True, slots=True)
class Service:
    """Where sessions are held, and by which model."""

    url: str
    key: str
    model: str


async def try_live(flow: Flow, suite: Suite, case: Case, service: Service) -> Trial:
    """Hold the conversation of a live case and judge it."""
    talk = _Talk(flow, case, around(suite.defaults, case))
    try:
        with anyio.fail_after(LONGEST):
            await talk.hold(service)
            verdicts = await _judged(talk, service)
    except TimeoutError:
        late = Failure(case.mark, f"the conversation took longer than {LONGEST:g} s")
        return Trial(case, tuple(talk.items), (late,))
    except (OrchestratorError, BaseExceptionGroup) as problem:
        told = Failure(case.mark, _in_words(problem))
        return Trial(case, tuple(talk.items), (told,))
    return Trial(case, tuple(talk.items), (*judge(flow, talk.played()), *verdicts))


def _in_words(problem: BaseException) -> str:
    """What went wrong at a service; any other fault is ours and goes its way."""
    while isinstance(problem, BaseExceptionGroup):
        problem = cast("BaseExceptionGroup[BaseException]", problem).exceptions[0]
    if not isinstance(problem, OrchestratorError):
        raise problem
    return str(problem)


class _Talk:
    """The agent's session, and what is seen of it."""

    def __init__(self, flow: Flow, case: Case, around: Around) -> None:
        start = case.start
        self.flow = replace(flow, start=start.state) if start and start.state else flow
        self.items: list[Item] = []
        self.lines: list[str] = []
        self._case = case
        self._around = around
        self._new: list[str] = []
        self._kept: tuple[str, ...] = ()

    async def hold(self, service: Service) -> None:
        async with AsyncExitStack() as stack:
            instructions = CALLER.format(hang_up=HANG_UP, persona=self._case.persona)
            caller = await stack.enter_async_context(_partner(service, instructions))
            session = await self._session(service, stack)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._call, session, caller)
                await session.run()
                tasks.cancel_scope.cancel()

    async def _session(self, service: Service, stack: AsyncExitStack) -> Session:
        connection = await stack.enter_async_context(
            connect(service.url, service.key, model=service.model)
        )
        adapter = await open_session(self.flow, connection, service.model)
        memory, call, case = MemoryBroker(), self._around.call, self._case
        callers = MemoryCallers(memory)
        if call.caller and has_number(call.caller):
            known = self._around.remembered.items()
            await callers.remember(call.caller, {k: (value, REMEMBERED) for k, value in known})
        calls = _CannedCalls(self.flow, self._around.tools)
        headers = {name.lower(): value for name, value in call.headers.items()}
        return Session(
            self.flow,
            connection,
            adapter,
            Stores(calls, MemoryJournal(memory, call.id), callers=callers),
            session=call.id,
            arrival=Arrival(call.caller, headers, case.start.vars if case.start else {}),
            observe=self._observe,
            clock=_clock(self._around.now.timestamp()),
        )

    def _observe(self, item: Event | Command, snapshot: Snapshot) -> None:
        self.items.append(Item(snapshot, item))
        if isinstance(item, Say | AgentSaid):
            self._new.append(item.text)
            self.lines.append(f"Agent: {item.text}")
        if snapshot.run.ended is not None and not self._kept:
            self._kept = tuple(c.tool for c in snapshot.work.calls.values() if c.origin != "end")

    async def _call(self, session: Session, caller: "_Partner") -> None:
        """The caller's side, until they hang up or have said enough."""
        for _ in range(self._case.max_turns):
            await session.quiet()
            if session.snapshot.run.ended is not None:
                return
            heard, self._new = " ".join(self._new) or "(silence)", []
            said = await caller.ask(heard)
            words = said.replace(HANG_UP, "").strip()
            if words:
                self.lines.append(f"Caller: {words}")
                await session.caller_says(words)
            if HANG_UP in said:
                break
        await session.quiet()
        await session.caller_leaves()

    def played(self) -> Played:
        """The whole conversation as one turn, for what a case expects of it."""
        turn = Turn.model_construct(expect=self._case.expect)
        return Played(turn, "", tuple(self.items), self.items[-1].snapshot, self._kept)


async def _judged(talk: _Talk, service: Service) -> Sequence[Failure]:
    """The statements about the agent that a judge does not find true."""
    expect = talk.played().turn.expect
    if expect is None or not expect.judge:
        return ()
    transcript, failures = "\n".join(talk.lines), list[Failure]()
    async with _partner(service, JUDGE) as person:
        for index, statement in enumerate(expect.judge):
            verdict = await person.ask(f"Transcript:\n{transcript}\n\nStatement: {statement}")
            if not verdict.strip().lower().startswith("yes"):
                mark = expect.node.at("judge", index).mark
                failures.append(Failure(mark, "judge", statement, verdict.strip()))
    return failures


class _Partner:
    """A model that answers one text after another."""

    def __init__(self, connection: Connection, instructions: str) -> None:
        self.adapter = Realtime()
        self.instructions = instructions
        self._connection = connection
        self._frames = aiter(connection)
        self._asked = 0

    async def ask(self, text: str) -> str:
        """Its answer. Raises `ServiceError` if there is none."""
        self._asked += 1
        speak = f"say_{self._asked}"
        commands = (
            AddItem(f"item_{self._asked}", "user", text),
            Speak(speak, "answer", 0, self.instructions, choice="none"),
        )
        for command in commands:
            for frame in self.adapter.perform(command):
                await self._connection.send(frame)
        return await self._answer(speak)

    async def _answer(self, speak: str) -> str:
        said: list[str] = []
        async for frame in self._frames:
            events, frames = self.adapter.receive(frame, 0.0)
            for answer in frames:
                await self._connection.send(answer)
            for event in events:
                match event:
                    case AgentSaid(text=text):
                        said.append(text)
                    case AnswerEnded(speak=ended, how=how, error=error) if ended == speak:
                        if how != "completed" or not said:
                            raise ServiceError(f"no answer ({how} {error})".replace(" )", ")"))
                        return " ".join(said)
                    case _:
                        pass
        raise ServiceError(f"the session ended: {self._connection.closed}")


@asynccontextmanager
async def _partner(service: Service, instructions: str) -> AsyncGenerator[_Partner]:
    async with connect(service.url, service.key, model=service.model) as connection:
        partner = _Partner(connection, instructions)
        opening = session_object(Speaker(persona=instructions), "text", model=service.model)
        for frame in partner.adapter.start(opening):
            await connection.send(frame)
        yield partner


class _CannedCalls:
    """`Calls` that are answered by the book: what a tool says stands in the case."""

    reply_to = "test"

    def __init__(self, flow: Flow, tools: Mapping[str, Sequence[Canned]]) -> None:
        self._names = {(tool.queue, tool.handler): tool.name for tool in flow.all_tools}
        self._canned = {name: deque(answers) for name, answers in tools.items()}
        self._due: dict[str, tuple[float, Outcome]] = {}
        self._changed = anyio.Event()

    async def publish(self, call: Call) -> None:
        answer = self._answer(call)
        if answer.outcome:
            self._due[call.id] = (anyio.current_time() + answer.after, answer.outcome)
            self._changed.set()

    def _answer(self, call: Call) -> Canned:
        """A person agrees to everything; a tool without an answer that is left fails."""
        if call.queue == APPROVALS:
            return Canned(Outcome("worker", {"approved": True, "by": "test", "note": ""}))
        canned = self._canned.get(self._names[call.queue, call.tool])
        none = Outcome.failed("worker", "error", "no answer of it is left in the test")
        return canned.popleft() if canned else Canned(none)

    async def withdraw(self, call: Call, by: Settler) -> Outcome:
        self._due.pop(call.id, None)
        return Outcome.withdrawn(by)

    async def ask_to_stop(self, call: Call) -> Outcome:
        return await self.withdraw(call, "cancel")

    async def settled(self) -> AsyncIterator[tuple[str, Outcome]]:
        while True:
            call, (due, _) = min(
                self._due.items(), key=lambda item: item[1][0], default=("", (math.inf, None))
            )
            with anyio.move_on_after(due - anyio.current_time()):
                self._changed = anyio.Event()
                await self._changed.wait()
                continue
            if call in self._due:
                yield call, self._due.pop(call)[1]

    async def progressed(self) -> AsyncIterator[tuple[str, Progress]]:
        await anyio.sleep_forever()
        yield "", Progress()


def _clock(start: float) -> Callable[[], float]:
    """Seconds since the epoch, as if the case had begun at its own moment."""
    began = time.monotonic()
    return lambda: start + time.monotonic() - began
