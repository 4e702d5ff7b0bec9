"""The driver of a conversation, with the twins of what it borrows and a service of few words."""

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from typing import Any, ClassVar, TypeVar

import anyio
import pytest

from orchestrator.dispatch.call import Call, Json, Outcome, Progress, Rate, Settler
from orchestrator.errors import ProviderRefused, QueueUnavailable, ServiceError
from orchestrator.flow.commands import Command, Dispatch, Report, Say, Speak, Withdraw
from orchestrator.flow.compile import compile_flow
from orchestrator.flow.events import (
    AgentSaid,
    AnswerEnded,
    CallerTyped,
    CallProgressed,
    Event,
    ProviderLost,
    Signalled,
    TimerFired,
    TranscriptFinal,
)
from orchestrator.flow.snapshot import Snapshot
from orchestrator.memory import (
    MemoryBroker,
    MemoryCallers,
    MemoryCalls,
    MemoryClaims,
    MemoryJournal,
    MemorySignals,
)
from orchestrator.session import Frame, Session

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

    def __init__(self, text: str, calls: type[MemoryCalls] = MemoryCalls, **parts: Any) -> None:
        flow, _ = compile_flow(HEAD + text, "f.flow.yaml")
        self.broker = MemoryBroker()
        self.line = Line()
        self.calls = calls(self.broker, "p")
        self.seen: list[Event | Command] = []
        self._bell = anyio.Event()
        given: dict[str, Any] = {
            "journal": MemoryJournal(self.broker, "s"),
            "observe": self.observe,
        } | parts
        self.session = Session(flow, self.line, OneWord(), self.calls, session="s", **given)

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


class SlowCalls(MemoryCalls):
    """Every withdrawal takes a while."""

    async def withdraw(self, call: Call, by: Settler) -> Outcome:
        await anyio.wait_all_tasks_blocked()
        return await super().withdraw(call, by)


async def test_a_hang_up_withdraws_what_is_not_kept_before_the_session_is_over() -> None:
    talk = Talk(work("safe: true"), SlowCalls)

    async def hang_up() -> None:
        await talk.until(Dispatch)
        await talk.session.caller_leaves()

    assert await talk.run_with(hang_up) == "hangup"
    [withdrawn] = talk.all(Withdraw)
    assert talk.outcome(f"{withdrawn.call}.1") == Outcome.withdrawn("cancel")


async def test_what_a_handler_reports_becomes_an_event_of_its_session() -> None:
    talk = Talk(work())
    done = Outcome("worker")

    async def serve() -> None:
        claims = MemoryClaims(talk.broker, "q", "w")
        await talk.until(Dispatch)
        [claimed] = await claims.claim(1, 5)
        talk.broker.tell(claimed.call, Progress("Half of it.", {"done": 1}))
        told = await talk.until(CallProgressed)
        assert (told.attempt, told.text, told.data) == (1, "Half of it.", {"done": 1})
        await claims.settle(claimed, done)

    assert await talk.run_with(serve) == "completed"
    [shown] = talk.reported("call.progress")
    assert shown["text"] == "Half of it."


class NoEntry(MemoryCalls):
    """A queue that this program has no permission for."""

    async def publish(self, call: Call) -> None:
        raise ServiceError("NOPERM at redis.example:6379")

    async def withdraw(self, call: Call, by: Settler) -> Outcome:
        raise ServiceError("NOPERM at redis.example:6379")


async def test_what_redis_refuses_for_one_call_does_not_end_the_conversation() -> None:
    talk = Talk(work(), NoEntry)
    assert await talk.run() == "completed"
    [failed] = talk.reported("call.failed")
    assert failed["code"] == "unavailable"
    assert "redis.example" not in str(talk.seen)


class CutOff(MemoryCalls):
    """The first publish is carried out, but its answer is lost."""

    async def publish(self, call: Call) -> None:
        await super().publish(call)
        if call.attempt == 1:
            raise QueueUnavailable("cut off")


class CutOffForLonger(CutOff):
    """So is the first withdrawal, before anything came of it."""

    refusals = 1

    async def withdraw(self, call: Call, by: Settler) -> Outcome:
        if self.refusals:
            self.refusals -= 1
            raise QueueUnavailable("cut off")
        return await super().withdraw(call, by)


@pytest.mark.parametrize("calls", [CutOff, CutOffForLonger])
async def test_an_attempt_that_may_run_is_withdrawn_before_the_next(
    calls: type[MemoryCalls],
) -> None:
    talk = Talk(work("retry: {max: 1, backoff: 10ms}\nidempotency: k"), calls)

    async def serve() -> None:
        while len(talk.all(Dispatch)) < 2:
            await talk.until(Dispatch)
            await anyio.lowlevel.checkpoint()
        claims = MemoryClaims(talk.broker, "q", "w")
        [claimed] = await claims.claim(10, 5)
        assert claimed.call.attempt == 2
        await claims.settle(claimed, Outcome("worker", "done"))

    assert await talk.run_with(serve) == "completed"
    [retrying] = talk.reported("call.retrying")
    assert retrying["code"] == "unavailable"
    assert talk.outcome(f"{retrying['call']}.1") == Outcome.withdrawn("cancel")
    assert len(talk.reported("call.done")) == 1


class Deaf(MemoryCalls):
    """Workers answer, and nobody hears of it."""

    async def settled(self) -> AsyncIterator[tuple[str, Outcome]]:
        await anyio.sleep_forever()
        yield "", Outcome("worker")


async def test_a_worker_who_answered_before_the_deadline_is_believed() -> None:
    talk = Talk(work("timeout: 10ms"), Deaf)

    async def serve() -> None:
        claims = MemoryClaims(talk.broker, "q", "w")
        [claimed] = await claims.claim(1, 5)
        await claims.settle(claimed, Outcome("worker", "done"))

    assert await talk.run_with(serve) == "completed"
    assert [done["result"] for done in talk.reported("call.done")] == ["done"]
    assert not talk.reported("call.late")


class Away(MemoryCalls):
    """Redis takes a call and is not seen again."""

    async def withdraw(self, call: Call, by: Settler) -> Outcome:
        raise QueueUnavailable("away")


class Cut(MemoryCalls):
    """The way to Redis is half open: nothing comes back."""

    async def withdraw(self, call: Call, by: Settler) -> Outcome:
        await anyio.sleep_forever()
        raise AssertionError


@pytest.mark.parametrize("calls", [MemoryCalls, Away, Cut])
async def test_a_call_that_nobody_answers_has_timed_out_with_redis_and_without(
    calls: type[MemoryCalls],
) -> None:
    talk = Talk(work("timeout: 10ms"), calls)
    assert await talk.run() == "completed"
    assert [failed["code"] for failed in talk.reported("call.failed")] == ["timeout"]
    assert len(talk.all(Withdraw)) == 1


class Refusing:
    """An outbox whose stream is of another type."""

    async def emit(self, name: str, data: Mapping[str, Json]) -> None:
        raise ServiceError("WRONGTYPE")


async def test_an_event_that_cannot_be_emitted_does_not_end_the_conversation() -> None:
    talk = Talk(EMIT, outbox=Refusing())
    assert await talk.run() == "completed"


class Journal(MemoryJournal):
    """Does something before it takes the entries of a type."""

    def __init__(self) -> None:
        super().__init__(MemoryBroker(), "s")
        self.before: dict[Json, Callable[[], Any]] = {}

    async def append(self, entries: Sequence[Mapping[str, Json]]) -> None:
        if act := self.before.get(entries[0]["type"]):
            await act()
        await super().append(entries)


async def test_a_transfer_ends_although_the_inbox_is_full() -> None:
    journal = Journal()
    talk = Talk(TRANSFER, journal=journal)

    async def fill() -> None:
        for _ in range(256):
            await talk.session.caller_says("Hello?")

    journal.before["session.started"] = fill
    assert await talk.run() == "transferred"


async def test_a_timer_is_posted_once_although_other_events_are_ahead_of_it() -> None:
    now, journal = [1000.0], Journal()
    policy = "timeout: 50s\nsafe: true\nfiller: {after: 10s, say: One moment.}"
    talk = Talk(work(policy), journal=journal, clock=lambda: now[0])

    async def speak() -> None:
        for _ in range(4):
            await talk.session.caller_says("Hello?")

    async def take_long() -> None:
        now[0] = 1020.0
        await anyio.wait_all_tasks_blocked()

    journal.before |= {
        "session.started": speak,
        "caller.typed": take_long,
        "timer.fired": talk.session.caller_leaves,
    }
    assert await talk.run() == "hangup"
    assert len(talk.all(CallerTyped)) == 4
    assert [fired.timer.partition(":")[0] for fired in talk.all(TimerFired)] == ["filler"]


async def test_a_provider_who_refuses_us_in_a_conversation_is_an_error() -> None:
    talk = Talk(TALK)
    talk.line.give(problem=ProviderRefused("insufficient_quota", "no credit"))
    with pytest.raises(ProviderRefused, match="no credit"):
        await talk.run()
    assert talk.session.snapshot.run.how == "provider_lost"


async def test_a_provider_who_leaves_while_a_kept_call_is_open_changes_nothing() -> None:
    talk = Talk(work())

    async def leave() -> None:
        await talk.until(Dispatch)
        await talk.session.caller_leaves()
        talk.line.give(problem=ProviderRefused("session_expired", "over"))
        await anyio.wait_all_tasks_blocked()
        claims = MemoryClaims(talk.broker, "q", "w")
        [claimed] = await claims.claim(1, 5)
        await claims.settle(claimed, Outcome("worker", "done"))

    assert await talk.run_with(leave) == "hangup"
    assert len(talk.reported("call.done")) == 1


async def test_what_is_said_after_the_end_is_neither_shown_nor_journalled() -> None:
    talk = Talk(work())

    async def speak() -> None:
        await talk.until(Dispatch)
        await talk.session.caller_leaves()
        await talk.session.caller_says("Hello?")
        await anyio.wait_all_tasks_blocked()
        claims = MemoryClaims(talk.broker, "q", "w")
        [claimed] = await claims.claim(1, 5)
        await claims.settle(claimed, Outcome("worker", "done"))

    assert await talk.run_with(speak) == "hangup"
    assert not talk.all(CallerTyped)
    journal = await MemoryJournal(talk.broker, "s").read()
    assert [entry["type"] for entry in journal] == [
        "journal", "session.started", "caller.left", "call.settled",
    ]  # fmt: skip


async def test_who_watches_cannot_break_the_conversation(caplog: pytest.LogCaptureFixture) -> None:
    def stumble(item: Event | Command, snapshot: Snapshot) -> None:
        raise UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed")

    assert await Talk(TRANSFER, observe=stumble).run() == "transferred"
    assert "cannot show" in caplog.text


async def test_a_caller_is_answered_and_then_it_is_quiet() -> None:
    talk = Talk(TALK)

    async def speak() -> None:
        await talk.session.quiet()
        await talk.session.caller_says("Hello?")
        await talk.session.quiet()
        assert len(talk.all(AgentSaid)) == 1
        await talk.session.caller_leaves(interrupted=True)

    assert await talk.run_with(speak) == "interrupted"


MINUTES = """
start: a
states:
  a: {next: [{event: transcript.final, goto: bye}]}
  bye: {end: {reason: completed}}
"""


async def test_a_typed_line_has_an_id_that_no_other_session_gives() -> None:
    flow, _ = compile_flow(HEAD.replace("text}", "transcribe}") + MINUTES, "f.flow.yaml")
    seen = list[Event | Command]()
    for name in ("s1", "s2"):
        broker = MemoryBroker()
        session = Session(
            flow,
            Line(),
            OneWord(),
            MemoryCalls(broker, "p"),
            MemoryJournal(broker, name),
            session=name,
            observe=lambda item, _: seen.append(item),
        )
        await session.caller_says("The meeting is open.")
        with anyio.fail_after(30):
            await session.run()
    ids = [item.item for item in seen if isinstance(item, TranscriptFinal)]
    assert len(set(ids)) == 2


REMEMBER = """
vars: {count: {type: int, default: 0, scope: caller}}
start: a
states:
  a:
    do: [{set: {count: "${count + 1}"}}, {say: "Visit ${count}."}, {set: {count: "${count + 1}"}}]
    end: {reason: completed}
"""
CALLER = "+33612345678"


async def test_what_a_caller_left_is_there_when_they_come_again() -> None:
    callers = MemoryCallers(MemoryBroker())
    for visit in (1, 3):
        talk = Talk(REMEMBER, callers=callers, caller=CALLER)
        await talk.run()
        assert [item.text for item in talk.all(Say)] == [f"Visit {visit}."]
    assert await callers.recall(CALLER, ["count"]) == {"count": 4}


async def test_callers_who_withhold_their_number_have_no_memory_in_common() -> None:
    callers = MemoryCallers(MemoryBroker())
    await callers.remember("anonymous", {"count": (7, 60.0)})
    talk = Talk(REMEMBER, callers=callers, caller="anonymous")
    await talk.run()
    assert [item.text for item in talk.all(Say)] == ["Visit 1."]
    assert await callers.recall("anonymous", ["count"]) == {"count": 7}


class Forgetful(MemoryCallers):
    async def recall(self, caller: str, names: Collection[str]) -> Mapping[str, Json]:
        raise QueueUnavailable("away")

    async def remember(self, caller: str, values: Mapping[str, tuple[Json, float]]) -> None:
        raise QueueUnavailable("away")


async def test_a_session_is_held_although_nothing_can_be_remembered(
    caplog: pytest.LogCaptureFixture,
) -> None:
    talk = Talk(REMEMBER, callers=Forgetful(MemoryBroker()), caller=CALLER)
    assert await talk.run() == "completed"
    assert "the caller is not recalled: away" in caplog.text
    assert "['count'] not remembered: away" in caplog.text


class Published(MemoryCalls):
    """Keeps what is published."""

    published: ClassVar[list[Call]] = []

    async def publish(self, call: Call) -> None:
        self.published.append(call)
        await super().publish(call)


async def test_how_urgent_a_call_is_and_its_rate_go_with_it() -> None:
    talk = Talk(work("priority: job\nrate: 10/m\nsafe: true"), Published)

    async def leave() -> None:
        await talk.until(Dispatch)
        await talk.session.caller_leaves()

    await talk.run_with(leave)
    [call] = Published.published
    assert (call.priority, call.rate) == ("job", Rate(10, 60.0))


SIGNALLED = """
start: a
states:
  a:
    goal: Talk.
    next:
      - {event: signal.closing, if: event.minutes < 10, goto: bye}
      - {intent: The caller is done., id: done, goto: bye}
  bye: {end: {reason: closed}}
"""


async def test_what_a_session_is_told_from_outside_is_an_event_of_its_flow() -> None:
    signals = MemorySignals(MemoryBroker())
    await signals.send("s", "closing", {"minutes": 50})
    talk = Talk(SIGNALLED, signals=signals)

    async def close() -> None:
        assert (await talk.until(Signalled)).entry == "1-0"
        await signals.send("other", "closing", {"minutes": 1})
        await signals.send("s", "closing", {"minutes": 5})

    assert await talk.run_with(close) == "closed"
    assert [(each.name, each.entry) for each in talk.all(Signalled)] == [
        ("closing", "1-0"),
        ("closing", "2-0"),
    ]
    assert talk.session.snapshot.run.signal == "2-0"
