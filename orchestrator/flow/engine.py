"""The flow engine: `step(flow, snapshot, event) -> (snapshot, commands)`.

Rule 1: what decides where a conversation goes lives in this file; `work` decides what becomes
of a call, `requests` what the model may have, `answers` what an answer came to, `talk` who
speaks next, `offer` what the model is told, `doing` what the author's steps do.

Rule 2: nothing here does I/O, reads a clock or makes a random number. Two calls with equal
arguments return equal results, so a journal of events replays exactly.

One event is one macrostep: the event is taken in, then things *settle* in microsteps, in
this order, until none applies: the move that was asked for; steps that are under way; calls
of the model that wait; outcomes, for the edges that name them; the state's edges without a
trigger; `collected`. While an answer is open or a step waits, nothing settles. When nothing
is left to decide, at most one answer is asked for.

| event          | taken in as                                                             |
|----------------|-------------------------------------------------------------------------|
| SessionStarted | variables get their values, the start state is entered                  |
| CallerTyped    | a turn: open calls are answered `pending`, an answer is due             |
| TranscriptFinal| an event for the edges                                                  |
| DigitPressed   | an event for the edges                                                  |
| AgentSaid      | the open answer has words                                               |
| ToolAsked      | judged at once if it is offered, else again when the answer has ended   |
| AnswerEnded    | what waited for it goes on; an empty one is asked for again             |
| CallSettled    | `work`: retried, or closed and told to the edges and the model          |
| TimerFired     | a deadline, a retry, a filler, a limit                                  |
| TransferEnded  | the end, or the way out that the author gave                            |
| CallerLeft     | the end; kept calls drain                                               |
| ProviderLost   | the end; kept calls drain                                               |
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TypeAlias, assert_never

from orchestrator.dispatch.call import Json
from orchestrator.flow import work
from orchestrator.flow.answers import MAX_ROUNDS, agent_said, answer_ended, ask_again, overdue
from orchestrator.flow.commands import AddItem, Command, Say, Transfer
from orchestrator.flow.commands import End as EndSession
from orchestrator.flow.definition import (
    After,
    Digit,
    Edge,
    End,
    Flow,
    Intent,
    Interrupt,
    On,
)
from orchestrator.flow.definition import Transfer as TransferTo
from orchestrator.flow.doing import (
    assign,
    do,
    edge_at,
    interrupt_at,
    speaks,
    steps_of,
    take_leave,
)
from orchestrator.flow.events import (
    AgentSaid,
    AnswerEnded,
    CallerLeft,
    CallerTyped,
    CallSettled,
    DigitPressed,
    Event,
    ProviderLost,
    SessionStarted,
    TimerFired,
    ToolAsked,
    TranscriptFinal,
    TransferEnded,
)
from orchestrator.flow.macrostep import Macrostep
from orchestrator.flow.offer import missing, offers
from orchestrator.flow.requests import judge_again, refuse, tool_asked
from orchestrator.flow.snapshot import AGAIN, Cursor, Happened, Snapshot
from orchestrator.flow.talk import owe, rest
from orchestrator.flow.variables import give

__all__ = ["MAX_MICROSTEPS", "MAX_ROUNDS", "SEMANTICS", "SORRY", "offered", "replay", "step"]

Result: TypeAlias = tuple[Snapshot, tuple[Command, ...]]

SEMANTICS = 1
"""Stands in every journal's header; raised when the same events may decide otherwise."""

MAX_MICROSTEPS = 50
SORRY = "I'm sorry, something went wrong at our end. Goodbye."


def step(flow: Flow, snapshot: Snapshot, event: Event) -> Result:
    """Apply one event. After the end only calls that were kept are still followed."""
    m = Macrostep(flow, snapshot, event)
    if m.ended:
        _drain(m, event)
    else:
        _take_in(m, event)
        _heed_limits(m)
        _settle(m)
        rest(m)
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
            _start(m, event)
        case CallerTyped():
            _caller_typed(m, event)
        case TranscriptFinal(text=text, item=item):
            m.happen("transcript.final", text=text, item_id=item)
        case DigitPressed(digit=digit):
            m.happen(f"dtmf:{digit}")
        case AgentSaid():
            agent_said(m, event)
        case ToolAsked():
            tool_asked(m, event)
        case AnswerEnded():
            _fail_for(m, answer_ended(m, event))
        case CallSettled():
            work.settled(m, event)
        case TimerFired():
            _timer_fired(m, event.timer)
        case TransferEnded():
            _transfer_ended(m, event)
        case CallerLeft(how=how):
            _end(m, how, how)
        case ProviderLost():
            _end(m, "provider_lost", "provider_lost")
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


def _start(m: Macrostep, event: SessionStarted) -> None:
    m.run = replace(
        m.run,
        session=event.session,
        started=event.at,
        zone=event.zone,
        offset=event.offset,
        channel=event.channel,
        caller=event.caller,
        to=event.to,
        direction=event.direction,
    )
    m.values = replace(m.values, vars={name: v.default for name, v in m.flow.variables.items()})
    sources = {name: v.source for name, v in m.flow.variables.items() if v.source}
    first = {name: source.evaluate(m.scope()) for name, source in sources.items()}
    give(m, {name: value for name, value in first.items() if value is not None})
    give(m, event.values)
    if m.flow.limits.duration:
        m.set_timer("limit:duration", m.flow.limits.duration)
    _enter(m, m.flow.start, by="start")
    if m.flow.on_start:
        m.push("start")


def _caller_typed(m: Macrostep, event: CallerTyped) -> None:
    m.emit(AddItem(m.new_id("item"), "user", event.text))
    turns = m.talk.turns + 1
    m.talk = replace(m.talk, turns=turns, unheard=True, rounds=0)
    m.happen("text", text=event.text)
    if not any(cursor.waiting == AGAIN for cursor in m.place.steps):
        m.drop_timers(AGAIN)
    work.keep_company(m)


def _heed_limits(m: Macrostep) -> None:
    limits = m.flow.limits
    for name, most, used in (
        ("turns", limits.turns, m.talk.turns),
        ("tool_calls", limits.tool_calls, m.run.tool_calls),
    ):
        if most is not None and used > most and not m.ended and m.run.erred != f"limit.{name}":
            _fail(m, f"limit.{name}")


def _timer_fired(m: Macrostep, timer: str) -> None:
    if m.timers.get(timer, math.inf) > m.at:
        return
    m.drop_timers(timer)
    kind, _, name = timer.partition(":")
    match kind:
        case "timeout":
            work.timed_out(m, name)
        case "retry":
            work.retry_due(m, name)
        case "filler":
            work.filler_due(m, name)
        case "after":
            m.happen(timer)
        case "wait":
            m.let_go(timer)
        case "answer":
            _fail_for(m, overdue(m))
        case "again":
            ask_again(m)
        case "limit":
            if not m.ended:
                _fail(m, f"limit.{name}")
        case _:
            raise AssertionError(timer)


def _transfer_ended(m: Macrostep, event: TransferEnded) -> None:
    final = m.state.final
    if not m.place.transferring or not isinstance(final, TransferTo):
        return
    m.place = replace(m.place, transferring=False)
    if event.ok:
        _end(m, "transferred", "completed")
    elif final.on_failed:
        _enter(m, final.on_failed, by="transfer.failed")
    else:
        _fail(m, "transfer.failed")


# Settling


def _settle(m: Macrostep) -> None:
    """After a loop the error state gets as many microsteps; one that loops too is the end."""
    if not _settles(m):
        _fail(m, "loop")
        if not _settles(m):
            _give_up(m, "loop")


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
        _follow(m, place.move)
    elif place.steps and place.steps[-1].waiting:
        return _refuse_left_over(m)
    elif place.steps:
        _next_step(m)
    elif m.work.asked:
        judge_again(m)
    elif place.outcomes:
        _take_outcome(m)
    elif m.state.final:
        _finish(m, m.state.final)
    elif index := _bare_edge(m):
        _follow(m, f"edge:{place.state}:{index - 1}")
    elif place.collected:
        m.place = replace(place, collected=False)
        _try_edges(m, Happened("collected"))
    else:
        return False
    return True


def _refuse_left_over(m: Macrostep) -> bool:
    """Calls of an answer that is over cannot wait for another one, or for work: refuse them."""
    if not m.work.asked or m.work.asked[0].call in m.talk.calls:
        return False
    refuse(m)
    return True


def _next_step(m: Macrostep) -> None:
    *outer, top = m.place.steps
    steps = steps_of(m.flow, top.path)
    if top.index >= len(steps):
        m.place = replace(m.place, steps=tuple(outer))
        _steps_done(m, top)
        return
    todo = steps[top.index]
    wanted = todo.when is None or bool(todo.when.evaluate(m.scope()))
    spoke = speaks(m, todo) if wanted else top.spoke
    m.place = replace(m.place, steps=(*outer, replace(top, index=top.index + 1, spoke=spoke)))
    if wanted:
        do(m, todo)


def _steps_done(m: Macrostep, done: Cursor) -> None:
    match done.path.partition(":")[0]:
        case "state":
            _entered(m, done)
        case "interrupt":
            _leave_interrupt(m, interrupt_at(m.flow, done.path))
        case "edge":
            _followed(m, done.path, done.spoke)
        case _:
            pass


def _take_outcome(m: Macrostep) -> None:
    outcome, *later = m.place.outcomes
    m.place = replace(m.place, outcomes=tuple(later))
    if not _try_edges(m, outcome) and outcome.fatal_in == m.place.epoch:
        _fail(m, outcome.name)


def _try_edges(m: Macrostep, happened: Happened) -> bool:
    """Follow the first edge of this state that names the event and whose guard holds."""
    scope = m.scope(event=happened.data)
    for index, edge in enumerate(m.state.next):
        named = _names(edge, f"{m.place.epoch}.{index}") == happened.name
        if named and (edge.condition is None or edge.condition.evaluate(scope)):
            _follow(m, f"edge:{m.place.state}:{index}", happened.data)
            return True
    return False


def _names(edge: Edge, where: str) -> str | None:
    """The event that an edge waits for, by the name that it is queued with.

    `where` says which edge of which entry it is: time ran for no other one.
    """
    match edge.trigger:
        case On(event=event):
            return event
        case Digit(digit=digit):
            return f"dtmf:{digit}"
        case After():
            return f"after:{where}"
        case Intent() | None:
            return None


def _bare_edge(m: Macrostep) -> int:
    """The first edge without a trigger whose guard holds, counted from 1; 0 if there is none."""
    for index, edge in enumerate(m.state.next):
        free = edge.trigger is None
        if free and (edge.condition is None or edge.condition.evaluate(m.scope())):
            return index + 1
    return 0


# Moving


def _follow(m: Macrostep, path: str, event: Mapping[str, Json] | None = None) -> None:
    """Carry out an edge or an interrupt: its values, its steps, then where it leads.

    `event` is the data of the event that the edge waited for.
    """
    m.place = replace(m.place, move=None)
    if path.startswith("interrupt:"):
        _follow_interrupt(m, path)
        return
    edge = edge_at(m.flow, path)
    m.report("edge.taken", state=m.place.state, index=int(path.rpartition(":")[2]))
    assign(m, edge.set, event=event)
    if edge.do:
        m.push(path, event)
    else:
        _followed(m, path, spoke=False)


def _followed(m: Macrostep, path: str, spoke: bool) -> None:
    """An edge's steps are done. The model's move is taken up with words, wherever it leads."""
    edge = edge_at(m.flow, path)
    if edge.goto:
        _enter(m, edge.goto, by=path)
    elif isinstance(edge.trigger, Intent) and not spoke:
        owe(m, "answer")


def _follow_interrupt(m: Macrostep, path: str) -> None:
    interrupt = interrupt_at(m.flow, path)
    moves = interrupt.cool_down + bool(interrupt.goto)
    cooling = {**m.place.cooling, interrupt.id: m.place.epoch + moves}
    if interrupt.cool_down:
        m.place = replace(m.place, cooling=cooling)
    m.report("interrupt.taken", id=interrupt.id)
    if interrupt.do:
        m.push(path)
    else:
        _leave_interrupt(m, interrupt)


def _leave_interrupt(m: Macrostep, interrupt: Interrupt) -> None:
    if interrupt.goto:
        _enter(m, interrupt.goto, by=f"interrupt:{interrupt.id}")
    else:
        owe(m, "resume")


def _enter(m: Macrostep, name: str, by: str) -> None:
    """Enter a state, which may be the one we are in. Whatever was under way there is over."""
    work.abandon(m)
    state = m.flow.states[name]
    visits = {**m.place.visits, name: m.place.visits.get(name, 0) + 1}
    m.place = replace(
        m.place,
        state=name,
        epoch=m.place.epoch + 1,
        steps=(),
        move=None,
        collected=False,
        transferring=False,
        visits=visits,
    )
    stale = m.values.stale | state.collect.fresh if state.collect else m.values.stale
    m.values = replace(m.values, results={}, stale=stale)
    m.talk = replace(m.talk, owed=None)
    m.report("state.entered", state=name, epoch=m.place.epoch, by=_cause(m.flow, by))
    if visits[name] > m.flow.limits.visits:
        _fail(m, "limit.visits")
    else:
        m.push(f"state:{name}")
        _arm(m)
        if state.collect and not missing(m) and not _wants_to_change(m.flow, by):
            m.place = replace(m.place, collected=True)


def _arm(m: Macrostep) -> None:
    """Time runs for the edges of the state that was entered, and no more for those before it."""
    m.drop_timers(*[timer for timer in m.timers if timer.startswith(("after:", "wait:"))])
    for index, edge in enumerate(m.state.next):
        if isinstance(edge.trigger, After):
            m.set_timer(f"after:{m.place.epoch}.{index}", edge.trigger.seconds)


def _cause(flow: Flow, by: str) -> str:
    """Why a state was entered, in the author's words."""
    if not by.startswith("edge:"):
        return by
    edge = edge_at(flow, by)
    if isinstance(edge.trigger, Intent):
        return f"intent:{edge.trigger.id}"
    return (_names(edge, "") or "if").removesuffix(":")


def _wants_to_change(flow: Flow, by: str) -> bool:
    """Entered by an intent that brought no values: the caller wants to change one of those set."""
    if by.startswith("interrupt:"):
        return True
    trigger = edge_at(flow, by).trigger if by.startswith("edge:") else None
    return isinstance(trigger, Intent) and not trigger.fill


def _entered(m: Macrostep, done: Cursor) -> None:
    """The entry steps are done: speak for the goal, unless the last of them spoke to the caller."""
    talks = any(isinstance(edge.trigger, Intent) for edge in m.state.next)
    if (m.state.goal or m.state.collect or talks) and not done.spoke:
        owe(m, "goal")


# Ending


def _finish(m: Macrostep, final: End | TransferTo) -> None:
    match final:
        case End(reason=reason):
            _end(m, m.text(reason), "completed")
        case TransferTo(to=to, note=note):
            m.place = replace(m.place, transferring=True)
            m.emit(Transfer(m.text(to), m.text(note) if note else ""))


def _fail(m: Macrostep, reason: str) -> None:
    """An error that nothing in the flow handles: to the flow's error state, once."""
    m.report("error", reason=reason)
    target = m.flow.on_error
    if target is None or m.run.erred:
        _give_up(m, reason)
        return
    m.run = replace(m.run, erred=reason)
    m.place = replace(m.place, outcomes=())
    m.talk = replace(m.talk, rounds=0)
    m.drop_timers(AGAIN)
    _enter(m, target, by=f"error:{reason}")


def _fail_for(m: Macrostep, reason: str | None) -> None:
    if reason:
        _fail(m, reason)


def _give_up(m: Macrostep, reason: str) -> None:
    m.run = replace(m.run, erred=m.run.erred or reason)
    m.emit(Say(m.new_id("item"), SORRY))
    _end(m, "error", "error")


def _end(m: Macrostep, reason: str, how: str) -> None:
    work.close_all(m)
    take_leave(m)
    m.run = replace(m.run, ended=reason, how=how)
    m.place = replace(
        m.place, steps=(), move=None, outcomes=(), collected=False, transferring=False
    )
    m.talk = replace(m.talk, speaking=None, owed=None, unheard=False)
    calls = m.work.calls
    kept = {timer: due for timer, due in m.timers.items() if timer.partition(":")[2] in calls}
    m.timers = kept
    m.emit(EndSession(reason))
