"""The flow engine: `step(flow, snapshot, event) -> (snapshot, commands)`.

Rule 1: what decides where a conversation goes lives in this file, and `moves` is what going
there means; `work` decides what becomes of a call, `requests` what the model may have, `answers`
what an answer came to, `talk` who speaks next, `offer` what the model is told, `doing` what the
author's steps do.

Rule 2: nothing here does I/O, reads a clock or makes a random number. Two calls with equal
arguments return equal results, so a journal of events replays exactly.

One event is one macrostep: the event is taken in, then things *settle* in microsteps, in
this order, until none applies: the move that was asked for; steps that are under way; calls
of the model that wait; outcomes, for the edges that name them; the state's edges without a
trigger; `collected`, if the caller agrees where that is wanted. While an answer is open or a
step waits, nothing settles. When nothing is left to decide, at most one answer is asked for.

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
| TimerFired     | a deadline, a retry, a filler, a limit                                  |
| TransferEnded  | the end, or the way out that the author gave                            |
| Signalled      | an event for the edges, once                                            |
| CallerLeft     | the end; kept calls drain                                               |
| LineFound      | an event for the edges; else to the state that `outbound` names           |
| ProviderLost   | the end; kept calls drain                                               |
"""

import math
from collections.abc import Iterable
from typing import TypeAlias, assert_never

from orchestrator.flow import (
    aside,
    asking,
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
from orchestrator.flow.definition import (
    Flow,
)
from orchestrator.flow.doing import (
    do,
    speaks,
    steps_of,
)
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
    enter,
    event_of,
    fail,
    fail_all,
    fail_for,
    finish,
    follow,
    give_up,
    hand_over,
    run,
    start,
    steps_done,
    take_silence,
    transfer_ended,
)
from orchestrator.flow.offer import around, may_interrupt, missing, offers
from orchestrator.flow.records import replace
from orchestrator.flow.requests import judge_again, refuse, tool_asked
from orchestrator.flow.snapshot import AGAIN, Happened, Kept, OpenAsk, Snapshot
from orchestrator.flow.talk import rest

__all__ = ["MAX_MICROSTEPS", "MAX_ROUNDS", "SEMANTICS", "offered", "replay", "step"]

Result: TypeAlias = tuple[Snapshot, tuple[Command, ...]]

SEMANTICS = 1
"""Stands in every journal's header; raised when the same events may decide otherwise."""

MAX_MICROSTEPS = 50


def step(flow: Flow, snapshot: Snapshot, event: Event) -> Result:
    """Apply one event. After the end only calls that were kept are still followed."""
    m = Macrostep(flow, snapshot, event)
    if m.ended:
        _drain(m, event)
    else:
        _take_in(m, event)
        taking.decide(m)
        _heed_limits(m)
        _settle(m)
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
            m.keep(Kept(item))
            hearing.committed(m)
        case TranscriptFinal(text=text, item=item):
            silence.broken(m)
            m.happen("transcript.final", text=text, item_id=item)
            guards.heard(m, text)
        case DigitPressed(digit=digit):
            silence.broken(m)
            m.happen(f"dtmf:{digit}")
        case AgentSaid(item=item):
            m.keep(Kept(item))
            agent_said(m, event)
            guards.said(m, event.speak, event.text)
        case AgentSaying(speak=speak, text=text):
            guards.saying(m, speak, text)
        case AgentFinished(speak=speak):
            hearing.finished(m, speak)
        case AgentCutOff(speak=speak):
            hearing.cut_off(m, speak)
        case ToolAsked(item=item, call=call):
            m.keep(Kept(item, "call", call))
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
    for name, most, used in (
        ("turns", limits.turns, m.talk.turns),
        ("tool_calls", limits.tool_calls, m.run.tool_calls),
    ):
        if most is not None and used > most and not m.ended and m.run.erred != f"limit.{name}":
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
            m.drop_timers(timer)
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
            if not m.ended:
                fail_all(m, f"limit.{name}")
        case _:
            raise AssertionError(timer)


def _settle(m: Macrostep) -> None:
    """After a loop the error state gets as many microsteps; one that loops too is the end."""
    if not _settles(m):
        fail(m, "loop")
        if not _settles(m):
            frames.leave_all(m)
            give_up(m, "loop")


def _settles(m: Macrostep) -> bool:
    return any(not _microstep(m) for _ in range(MAX_MICROSTEPS))


def _microstep(m: Macrostep) -> bool:
    """Decide one thing; False when there is nothing to decide now."""
    place = m.place
    if m.ended or place.transferring:
        return False
    if m.talk.speaking:
        return _refuse_left_over(m)
    if place.move:
        follow(m, place.move)
    elif place.outcomes and AGAIN not in m.timers and _interrupted(m):
        pass
    elif place.steps and (place.steps[-1].waiting or _must_listen(m)):
        return _refuse_left_over(m)
    elif place.steps:
        _next_step(m)
    elif place.resumes is not None and not _is_fatal(m):
        frames.goes_on(m)
    elif m.work.asked:
        judge_again(m)
    elif (path := _risen(m)) is not None:
        follow(m, path)
    elif place.outcomes:
        _take_outcome(m)
    elif m.state.final:
        if m.talk.hearing:
            return False
        finish(m, m.state.final)
    elif m.state.run and not place.ran:
        run(m, m.state.run, by=f"state:{place.state}")
    elif index := _bare_edge(m):
        follow(m, f"edge:{place.state}:{index - 1}")
    elif place.collected and not asking.asks_about_a_call(m):
        m.place = replace(place, collected=False)
        # Steps may have emptied what was there on entry.
        if not missing(m) and asking.has_agreed(m):
            _try_edges(m, Happened("collected"))
    else:
        return False
    return True


def _is_fatal(m: Macrostep) -> bool:
    """Whether a failure waits for an edge of this state, or for the error state."""
    return any(outcome.fatal_in == m.place.epoch for outcome in m.place.outcomes)


def _refuse_left_over(m: Macrostep) -> bool:
    """Calls of an answer that is over cannot wait for another one, or for work: refuse them."""
    if not m.work.asked or m.work.asked[0].call in m.talk.calls:
        return False
    refuse(m)
    return True


def _interrupted(m: Macrostep) -> bool:
    """Whether an interrupt takes one of the events: it is first, even where steps wait."""
    for index, happened in enumerate(m.place.outcomes):
        path = _interrupt_for(m, happened)
        if path is not None:
            others = (*m.place.outcomes[:index], *m.place.outcomes[index + 1 :])
            m.place = replace(m.place, outcomes=others)
            follow(m, path, happened.data)
            return True
    return False


def _interrupt_for(m: Macrostep, happened: Happened) -> str | None:
    """The path of the first interrupt that waits for this: those around the flow come last."""
    for interrupt in m.flow.interrupts:
        named = event_of(interrupt.trigger) == happened.name
        if named and may_interrupt(m, interrupt, event=happened.data):
            return f"interrupt:{interrupt.id}"
    for path, interrupt in around(m, event=happened.data):
        if event_of(interrupt.trigger) == happened.name:
            return path
    return None


def _risen(m: Macrostep) -> str | None:
    """The first interrupt whose condition has become true, as a path. It is taken once, until the
    condition has been false again."""
    for interrupt in m.flow.interrupts:
        if interrupt.trigger is None and interrupt.condition is not None:
            holds = interrupt.condition.evaluate(m.scope()) is True
            if holds and interrupt.id not in m.place.risen and may_interrupt(m, interrupt):
                m.place = replace(m.place, risen=m.place.risen | {interrupt.id})
                return f"interrupt:{interrupt.id}"
            if not holds and interrupt.id in m.place.risen:
                m.place = replace(m.place, risen=m.place.risen - {interrupt.id})
    return None


def _must_listen(m: Macrostep) -> bool:
    """The caller is speaking: words of the author's wait for the end of that."""
    top = m.place.steps[-1]
    steps = steps_of(m.flow, top.path)
    return m.talk.caller and top.index < len(steps) and speaks(m, steps[top.index])


def _next_step(m: Macrostep) -> None:
    *outer, top = m.place.steps
    steps = steps_of(m.flow, top.path)
    if top.index >= len(steps):
        m.place = replace(m.place, steps=tuple(outer))
        steps_done(m, top)
        return
    todo = steps[top.index]
    wanted = todo.when is None or bool(todo.when.evaluate(m.scope()))
    spoke = speaks(m, todo) if wanted else top.spoke
    m.place = replace(m.place, steps=(*outer, replace(top, index=top.index + 1, spoke=spoke)))
    if wanted:
        do(m, todo)


def _take_outcome(m: Macrostep) -> None:
    outcome, *later = m.place.outcomes
    m.place = replace(m.place, outcomes=tuple(later))
    if _try_edges(m, outcome):
        return
    if outcome.name.startswith("silence:"):
        take_silence(m, outcome.name)
    elif (failed := _uncollected(m, outcome)) is not None:
        enter(m, failed, by=outcome.name)
    elif outcome.name == "budget":
        fail_all(m, "limit.cost")
    elif outcome.fatal_in == m.place.epoch:
        fail(m, outcome.name)
    elif target := m.flow.unanswered.get(outcome.name):
        enter(m, target, by=outcome.name)


def _uncollected(m: Macrostep, outcome: Happened) -> str | None:
    """Where this state goes when what it collects was refused too often."""
    mine = outcome.name == "collect.failed" and outcome.fatal_in == m.place.epoch
    return m.state.collect.on_failed if mine and m.state.collect else None


def _try_edges(m: Macrostep, happened: Happened) -> bool:
    """Follow the first edge of this state that names the event and whose guard holds."""
    scope = m.scope(event=happened.data)
    for index, edge in enumerate(m.state.next):
        named = event_of(edge.trigger, m.place.epoch, index) == happened.name
        if named and (edge.condition is None or edge.condition.evaluate(scope)):
            follow(m, f"edge:{m.place.state}:{index}", happened.data)
            return True
    return False


def _bare_edge(m: Macrostep) -> int:
    """The first edge without a trigger whose guard holds, counted from 1; 0 if there is none."""
    for index, edge in enumerate(m.state.next):
        free = edge.trigger is None
        if free and (edge.condition is None or edge.condition.evaluate(m.scope())):
            return index + 1
    return 0
