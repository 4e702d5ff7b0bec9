"""The flow engine: `step(flow, snapshot, event) -> (snapshot, commands)`.

Rule 1: what an event is taken in as stands in this file; `settling` decides where the conversation
goes then, and `moves` is what going there means. `work` decides what becomes of a call, `requests`
what the model may have, `answers` what an answer came to, `talk` who speaks next, `offer` what the
model is told, `doing` what the author's steps do.

Rule 2: nothing here does I/O, reads a clock or makes a random number. Two calls with equal
arguments return equal results, so a journal of events replays exactly.

One event is one macrostep: the event is taken in, then things *settle* (`settling`). When
nothing is left to decide, at most one answer is asked for.

| event          | taken in as                                                             |
|----------------|-------------------------------------------------------------------------|
| SessionStarted | variables get their values, the start state is entered                  |
| CallerTyped    | a turn: open calls are answered `pending`, an answer is due             |
| CallerBegan    | `hearing`: whoever speaks is cut off, and nobody begins                 |
| CallerStopped  | for a moment it is waited for a turn                                    |
| TurnCommitted  | a turn, as one that was typed                                           |
| TranscriptFinal| an event for the edges                                                  |
| DigitPressed   | an event for the edges                                                  |
| AgentSaid      | the open answer has words; guards look at them                          |
| AgentSaying    | guards look at them                                                     |
| AgentFinished  | `hearing`: what waited until it was heard goes on                       |
| AgentCutOff    | the answer is over; a read-back is made again                           |
| ToolAsked      | judged at once if it is offered, else again when the answer has ended   |
| Answered       | what was asked beside the conversation is over                          |
| AnswerEnded    | what waited for it goes on; an empty one is asked for again             |
| CallSettled    | `work`: retried, or closed and told to the edges and the model          |
| CallProgressed | `work`: shown, and kept for the next filler                             |
| NativeAsked    | a call that the service would make itself: put to whoever must agree    |
| NativeSettled  | its outcome, for the edges                                              |
| TimerFired     | time is up: for an attempt, an answer, a pause, a silence, a limit …    |
| TransferEnded  | the end, or the way out that the author gave                            |
| Signalled      | an event for the edges, once                                            |
| CallerLeft     | the end; kept calls drain                                               |
| LineFound      | an event for the edges; else to the state that `outbound` names         |
| ProviderLost   | the end; kept calls drain                                               |
"""

import math
from collections.abc import Iterable
from typing import TypeAlias, assert_never

from orchestrator.flow import (
    aside,
    attempts,
    context,
    fillers,
    frames,
    guards,
    hearing,
    native,
    silence,
    taking,
    work,
)
from orchestrator.flow.answers import MAX_ROUNDS, agent_said, answer_ended, ask_again, overdue
from orchestrator.flow.budget import pay
from orchestrator.flow.commands import AddItem, Command
from orchestrator.flow.definition import Flow
from orchestrator.flow.events import (
    AgentCutOff,
    AgentFinished,
    AgentSaid,
    AgentSaying,
    Answered,
    AnswerEnded,
    CallerBegan,
    CallerLeft,
    CallerStopped,
    CallerTyped,
    CallProgressed,
    CallSettled,
    DigitPressed,
    Event,
    LineFound,
    NativeAsked,
    NativeSettled,
    ProviderLost,
    SessionStarted,
    Signalled,
    TimerFired,
    ToolAsked,
    TranscriptFinal,
    TransferEnded,
    TurnCommitted,
)
from orchestrator.flow.macrostep import Macrostep
from orchestrator.flow.moves import (
    TRANSFER,
    end,
    fail_all,
    fail_for,
    hand_over,
    start,
    transfer_ended,
)
from orchestrator.flow.offer import offers
from orchestrator.flow.records import replace
from orchestrator.flow.requests import tool_asked
from orchestrator.flow.settling import settle
from orchestrator.flow.snapshot import Happened, OpenAsk, Snapshot
from orchestrator.flow.talk import rest

__all__ = ["MAX_ROUNDS", "SEMANTICS", "offered", "replay", "step"]

Result: TypeAlias = tuple[Snapshot, tuple[Command, ...]]

SEMANTICS = 1
"""Stands in every journal's header; raised when the same events may decide otherwise."""


def step(flow: Flow, snapshot: Snapshot, event: Event) -> Result:
    """Apply one event. After the end only calls that were kept are still followed."""
    m = Macrostep(flow, snapshot, event)
    if m.ended:
        _drain(m, event)
    else:
        _take_in(m, event)
        taking.decide(m)
        _heed_limits(m)
        settle(m)
        rest(m)
        silence.watch(m)
    return m.snapshot(), tuple(m.commands)


def replay(flow: Flow, events: Iterable[Event], snapshot: Snapshot | None = None) -> Snapshot:
    """Rebuild a session's snapshot from its journal. Commands are not performed again."""
    current = snapshot or Snapshot()
    for event in events:
        current, _ = step(flow, current, event)
    return current


def offered(flow: Flow, snapshot: Snapshot) -> frozenset[str]:
    """The names that the model may call if it is asked now."""
    if snapshot.run.ended is not None or not snapshot.place.state:
        return frozenset()
    event = TimerFired(snapshot.run.at, "")
    return frozenset(offers(Macrostep(flow, snapshot, event)))


def _take_in(m: Macrostep, event: Event) -> None:
    match event:
        case SessionStarted():
            start(m, event)
        case CallerTyped():
            m.emit(AddItem(m.new_id("item"), "user", event.text))
            hearing.turn(m)
            m.happen("text", text=event.text)
            guards.heard(m, event.text)
        case CallerBegan():
            hearing.caller_began(m)
        case CallerStopped():
            hearing.caller_stopped(m)
        case TurnCommitted(item=item):
            m.keep(item)
            hearing.committed(m)
        case TranscriptFinal(text=text, item=item):
            hearing.line(m)
            m.happen("transcript.final", text=text, item_id=item)
            guards.heard(m, text)
        case DigitPressed(digit=digit):
            silence.broken(m)
            m.happen(f"dtmf:{digit}")
        case AgentSaid(item=item):
            m.keep(item)
            agent_said(m, event)
            guards.said(m, event.speak, event.text)
        case AgentSaying(speak=speak, text=text):
            guards.saying(m, speak, text)
        case AgentFinished(speak=speak):
            hearing.finished(m, speak)
        case AgentCutOff(speak=speak):
            hearing.cut_off(m, speak)
        case ToolAsked(item=item, call=call):
            m.keep(item, call)
            tool_asked(m, event)
        case AnswerEnded():
            pay(m, event.usage)
            fail_for(m, answer_ended(m, event))
        case Answered(ask=ask, ok=ok, text=text):
            pay(m, event.usage)
            _answered(m, ask, aside.close(m, ask), text if ok else None)
        case CallSettled():
            _call_settled(m, event)
        case CallProgressed():
            fillers.progressed(m, event)
        case NativeAsked():
            native.asked(m, event)
        case NativeSettled():
            native.settled(m, event)
        case TimerFired():
            _timer_fired(m, event.timer)
        case TransferEnded():
            transfer_ended(m, event)
        case Signalled():
            _signalled(m, event)
        case CallerLeft(how=how):
            end(m, how, how)
        case LineFound(what=what):
            m.happen(f"call.{what}")
        case ProviderLost():
            end(m, "provider_lost", "provider_lost")
        case _:
            assert_never(event)


def _drain(m: Macrostep, event: Event) -> None:
    match event:
        case CallSettled():
            work.settled(m, event)
        case TimerFired():
            _timer_fired(m, event.timer)
        case _:
            pass
    m.place = replace(m.place, outcomes=())


def _call_settled(m: Macrostep, event: CallSettled) -> None:
    call = m.work.calls.get(event.call)
    work.settled(m, event)
    if call and call.origin == "guard" and call.id not in m.work.calls:
        guards.settled(m, call, event.outcome)


def _signalled(m: Macrostep, event: Signalled) -> None:
    """Once: signals come in the order of their entries, and again after a failure."""
    if event.entry and _entry(event.entry) <= _entry(m.run.signal):
        return
    m.run = replace(m.run, signal=event.entry or m.run.signal)
    m.queue(Happened(f"signal.{event.name}", event.data))


def _entry(text: str) -> tuple[int, ...]:
    """A stream's id, milliseconds and a number, as what it is ordered by."""
    return tuple(int(part) for part in text.split("-") if part.isdecimal())


def _answered(m: Macrostep, name: str, asked: OpenAsk | None, text: str | None) -> None:
    """What was asked beside the conversation is over; no `text` if no answer came of it."""
    if asked is None:
        return
    match asked.purpose:
        case "classify":
            with m.within(asked.frame, asked.flow):
                aside.classified(m, name, asked, text)
        case "summary" if asked.subject == TRANSFER:
            hand_over(m, text)
        case "summary":
            context.summarised(m, asked, text)
        case "guard":
            guards.answered(m, asked, text)


def _heed_limits(m: Macrostep) -> None:
    limits = m.session.limits
    _heed_limit(m, "turns", limits.turns, m.talk.turns)
    _heed_limit(m, "tool_calls", limits.tool_calls, m.run.tool_calls)


def _heed_limit(m: Macrostep, name: str, most: int | None, used: int) -> None:
    if most is not None and used > most and not m.ended and name not in m.run.passed:
        m.run = replace(m.run, passed=m.run.passed | {name})
        fail_all(m, f"limit.{name}")


def _timer_fired(m: Macrostep, timer: str) -> None:
    if m.timers.get(timer, math.inf) > m.at:
        return
    m.drop_timers(timer)
    kind, _, name = timer.partition(":")
    match kind:
        case "timeout":
            work.timed_out(m, name)
        case "retry":
            attempts.retry_due(m, name)
        case "filler":
            fillers.filler_due(m, name)
        case "after" | "over":
            frames.time_is_up(m, timer)
        case "silence":
            silence.passed(m)
        case "caller" | "heard":
            hearing.unheard_of(m, timer)
        case "wait":
            frames.let_go(m, timer)
        case "answer":
            fail_for(m, overdue(m))
        case "ask":
            _answered(m, name, aside.give_up(m, name), None)
        case "again":
            ask_again(m)
        case "limit":
            fail_all(m, f"limit.{name}")
        case _:
            raise AssertionError(timer)
