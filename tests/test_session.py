"""The driver of a conversation: who leaves, what is journalled, remembered, told from outside."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import anyio
import pytest

from orchestrator.dispatch.call import Json, Outcome
from orchestrator.errors import ProviderRefused, QueueUnavailable, ServiceError
from orchestrator.flow.commands import Command, Dispatch, Say
from orchestrator.flow.compile import compile_flow
from orchestrator.flow.events import (
    AgentSaid,
    CallerTyped,
    Event,
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
from orchestrator.session import Session, Stores
from tests.driven import EMIT, HEAD, TALK, TRANSFER, Line, OneWord, Talk, work


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
            Stores(MemoryCalls(broker, "p"), MemoryJournal(broker, name)),
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
