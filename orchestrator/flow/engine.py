"""The flow engine: `step(flow, snapshot, event) -> (snapshot, commands)`.

Rule 1: what decides where a conversation goes lives in this file; `work` decides what
becomes of a call, `requests` what the model may have, `talk` who speaks next, `offer` what
the model is told.

Rule 2: nothing here does I/O, reads a clock or makes a random number. Two calls with equal
arguments return equal results, so a journal of events replays exactly.

One event is one macrostep: the event is taken in, then things *settle* in microsteps, in
this order, until none applies: steps that are under way; outcomes of calls, for the edges
that name them; the state's edges without a trigger; `collected`. While an answer is open
or a step waits, nothing settles. When nothing is left to decide, at most one answer is
asked for.

| event          | taken in as                                                             |
|----------------|-------------------------------------------------------------------------|
| SessionStarted | variables get their values, the start state is entered                  |
| CallerTyped    | a turn: open calls are answered `pending`, an answer is due             |
| ToolAsked      | judged at once if it is offered, else again when the answer has ended   |
| AnswerEnded    | the move asked for in it is carried out, what waited for it goes on     |
| CallSettled    | `work`: retried, or closed and told to the edges and the model          |
| TimerFired     | a deadline, a retry, a filler, a limit                                  |
| TransferEnded  | the end, or the way out that the author gave                            |
| CallerLeft     | the end; kept calls drain                                               |
| ProviderLost   | the end; kept calls drain                                               |
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TypeAlias, assert_never

from orchestrator.flow import work
from orchestrator.flow.commands import AddItem, Command, Say, Transfer
from orchestrator.flow.commands import End as EndSession
from orchestrator.flow.definition import (
    Edge,
    End,
    Flow,
    Intent,
    Interrupt,
    Note,
    On,
    Prompt,
    Set,
    Step,
    Template,
    UseTool,
)
from orchestrator.flow.definition import Say as SayStep
from orchestrator.flow.definition import Transfer as TransferTo
from orchestrator.flow.events import (
    AgentSaid,
    AnswerEnded,
    CallerLeft,
    CallerTyped,
    CallSettled,
    Event,
    ProviderLost,
    SessionStarted,
    TimerFired,
    ToolAsked,
    TransferEnded,
)
from orchestrator.flow.macrostep import Macrostep
from orchestrator.flow.offer import missing, offers
from orchestrator.flow.requests import collected, give, judge_again, tool_asked
from orchestrator.flow.snapshot import Happened, Snapshot
from orchestrator.flow.talk import owe, rest, say, speak

__all__ = ["MAX_MICROSTEPS", "MAX_ROUNDS", "SEMANTICS", "SORRY", "offered", "replay", "step"]

Result: TypeAlias = tuple[Snapshot, tuple[Command, ...]]

SEMANTICS = 1
"""Stands in every journal's header; raised when the same events may decide otherwise."""

MAX_MICROSTEPS = 50
MAX_ROUNDS = 12
"""Answers without a word of the caller in between: a model that only calls tools is stopped."""
MAX_FAILURES = 2

SORRY = "I'm sorry, something went wrong at our end. Goodbye."


def step(flow: Flow, snapshot: Snapshot, event: Event) -> Result:
    """Apply one event. After the end only calls that were kept are still followed."""
    m = Macrostep(flow, snapshot, event)
    if m.ended:
        _drain(m, event)
    else:
        _take_in(m, event)
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
    event = TimerFired(snapshot.run.started, "")
    return frozenset(offers(Macrostep(flow, snapshot, event)))


def _take_in(m: Macrostep, event: Event) -> None:
    match event:
        case SessionStarted():
            _start(m, event)
        case CallerTyped():
            _caller_typed(m, event)
        case AgentSaid():
            m.talk = replace(m.talk, said=False, failures=0)
            _read_back(m, event.speak)
        case ToolAsked():
            tool_asked(m, event)
        case AnswerEnded():
            _answer_ended(m, event)
        case CallSettled():
            work.settled(m, event)
        case TimerFired():
            _timer_fired(m, event.timer)
        case TransferEnded():
            _transfer_ended(m, event)
        case CallerLeft():
            _end(m, event.how)
        case ProviderLost():
            _end(m, "provider_lost")
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
    for name, variable in m.flow.variables.items():
        if variable.source:
            give(m, name, variable.source.evaluate(m.scope()))
    if m.flow.limits.duration:
        m.set_timer("limit:duration", m.flow.limits.duration)
    _enter(m, m.flow.start, by="start")


def _caller_typed(m: Macrostep, event: CallerTyped) -> None:
    m.emit(AddItem(m.new_id("item"), "user", event.text))
    turns = m.talk.turns + 1
    m.talk = replace(m.talk, turns=turns, unheard=True, said=False, rounds=0)
    work.keep_company(m)


def _timer_fired(m: Macrostep, timer: str) -> None:
    if timer not in m.timers:
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
        case "limit":
            if not m.ended:
                _fail(m, f"limit.{name}")
        case _:
            raise AssertionError(timer)


def _transfer_ended(m: Macrostep, event: TransferEnded) -> None:
    final = m.state.final
    if not m.run.transferring or not isinstance(final, TransferTo):
        return
    m.run = replace(m.run, transferring=False)
    if event.ok:
        _end(m, "transferred")
    elif final.on_failed:
        _enter(m, final.on_failed, by="transfer.failed")
    else:
        _fail(m, "transfer.failed")


def _answer_ended(m: Macrostep, event: AnswerEnded) -> None:
    if event.speak != m.talk.speaking:
        return
    had_calls = bool(m.talk.calls)
    failed = event.how == "failed" and not had_calls
    if not failed:
        _read_back(m, event.speak)
    m.talk = replace(m.talk, speaking=None, calls=())
    if failed:
        _answer_failed(m, event)
        return
    m.let_go(event.speak)
    epoch = m.place.epoch
    if m.place.move:
        _follow(m, m.place.move)
    judge_again(m)
    if m.talk.rounds > MAX_ROUNDS:
        _fail(m, "model.loop")
    elif had_calls and m.place.epoch == epoch and not m.ended:
        owe(m, "answer")


def _read_back(m: Macrostep, speak: str) -> None:
    """The caller has the details, once they are said: what is said from now on answers them."""
    confirming = m.work.confirming
    reading = speak == m.talk.speaking and m.talk.purpose == "readback"
    if reading and confirming and confirming.heard is None:
        m.work = replace(m.work, confirming=replace(confirming, heard=m.talk.turns))


def _answer_failed(m: Macrostep, event: AnswerEnded) -> None:
    """Ask again, a few times; then it is an error like any other."""
    failures = m.talk.failures + 1
    m.talk = replace(m.talk, failures=failures)
    m.report("answer.failed", error=event.error, failures=failures)
    if failures > MAX_FAILURES:
        m.let_go(event.speak)
        _fail(m, event.error or "answer.failed")
    else:
        m.let_go(event.speak, now=speak(m, m.talk.purpose, m.talk.text))


# Settling


def _settle(m: Macrostep) -> None:
    for _ in range(MAX_MICROSTEPS):
        if m.ended or m.run.transferring or not _microstep(m):
            return
    _fail(m, "loop")
    if not m.ended:
        _settle_once_more(m)


def _settle_once_more(m: Macrostep) -> None:
    """After a loop the error state gets as many microsteps; one that loops too is the end."""
    for _ in range(MAX_MICROSTEPS):
        if m.ended or m.run.transferring or not _microstep(m):
            return
    _give_up(m, "loop")


def _microstep(m: Macrostep) -> bool:
    """Decide one thing; False when there is nothing to decide now."""
    place = m.place
    if m.talk.speaking or (place.steps and place.steps[-1].waiting):
        return False
    if place.steps:
        _next_step(m)
    elif place.move:
        _follow(m, place.move)
    elif place.outcomes:
        _take_outcome(m)
    elif m.state.final:
        _finish(m, m.state.final)
    elif index := _bare_edge(m):
        _follow(m, f"edge:{place.state}:{index - 1}")
    elif place.collected:
        m.place = replace(place, collected=None)
        _try_edges(m, place.collected)
    else:
        return False
    return True


def _next_step(m: Macrostep) -> None:
    *outer, top = m.place.steps
    steps = _steps(m.flow, top.path)
    if top.index >= len(steps):
        m.place = replace(m.place, steps=tuple(outer))
        _steps_done(m, top.path)
        return
    m.place = replace(m.place, steps=(*outer, replace(top, index=top.index + 1)))
    todo = steps[top.index]
    if todo.when is None or todo.when.evaluate(m.scope()):
        _do(m, todo)


def _do(m: Macrostep, todo: Step) -> None:
    match todo:
        case SayStep(text=text):
            spoken = say(m, text)
            if spoken:
                m.hold(spoken)
        case Prompt(text=text):
            m.hold(speak(m, "prompt", m.text(text)))
        case Note(text=text):
            m.emit(AddItem(m.new_id("item"), "system", m.text(text)))
        case Set(values=values):
            _set(m, values)
        case UseTool(tool=tool, arguments=arguments, result_name=result_name):
            call = work.use_by_author(m, tool, arguments, result_name)
            if call:
                m.hold(call)
            else:
                m.skip(m.place.steps[-1])


def _set(m: Macrostep, values: Mapping[str, Template]) -> None:
    scope = m.scope()
    for name, value in [(name, template.evaluate(scope)) for name, template in values.items()]:
        give(m, name, value)


def _steps(flow: Flow, path: str) -> tuple[Step, ...]:
    kind, _, name = path.partition(":")
    if kind == "state":
        return flow.states[name].do
    if kind == "interrupt":
        return _interrupt(flow, path).do
    return _edge(flow, path).do


def _edge(flow: Flow, path: str) -> Edge:
    _, state, index = path.split(":")
    return flow.states[state].next[int(index)]


def _interrupt(flow: Flow, path: str) -> Interrupt:
    name = path.partition(":")[2]
    return next(item for item in flow.interrupts if item.id == name)


def _steps_done(m: Macrostep, path: str) -> None:
    if path.startswith("state:"):
        _entered(m)
    elif path.startswith("interrupt:"):
        _leave_interrupt(m, _interrupt(m.flow, path))
    else:
        goto = _edge(m.flow, path).goto
        if goto:
            _enter(m, goto, by=path)


def _take_outcome(m: Macrostep) -> None:
    outcome, *later = m.place.outcomes
    m.place = replace(m.place, outcomes=tuple(later))
    if not _try_edges(m, outcome) and outcome.fatal:
        _fail(m, outcome.name)


def _try_edges(m: Macrostep, happened: Happened) -> bool:
    """Follow the first edge of this state that names the event and whose guard holds."""
    scope = m.scope(event=happened.data)
    for index, edge in enumerate(m.state.next):
        named = isinstance(edge.trigger, On) and edge.trigger.event == happened.name
        if named and (edge.condition is None or edge.condition.evaluate(scope)):
            _follow(m, f"edge:{m.place.state}:{index}")
            return True
    return False


def _bare_edge(m: Macrostep) -> int:
    """The first edge without a trigger whose guard holds, counted from 1; 0 if there is none."""
    for index, edge in enumerate(m.state.next):
        free = edge.trigger is None
        if free and (edge.condition is None or edge.condition.evaluate(m.scope())):
            return index + 1
    return 0


# Moving


def _follow(m: Macrostep, path: str) -> None:
    """Carry out an edge or an interrupt: its values, its steps, then where it leads."""
    m.place = replace(m.place, move=None)
    if path.startswith("interrupt:"):
        _follow_interrupt(m, path)
        return
    edge = _edge(m.flow, path)
    if isinstance(edge.trigger, Intent) and edge.trigger.fill:
        work.correct(m)
    _set(m, edge.set)
    if edge.do:
        m.push(path)
    elif edge.goto:
        _enter(m, edge.goto, by=path)


def _follow_interrupt(m: Macrostep, path: str) -> None:
    interrupt = _interrupt(m.flow, path)
    cooling = {**m.place.cooling, interrupt.id: m.place.epoch + interrupt.cool_down + 1}
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
        collected=None,
        visits=visits,
    )
    stale = m.values.stale | state.collect.fresh if state.collect else m.values.stale
    m.values = replace(m.values, results={}, stale=stale)
    m.talk = replace(m.talk, owed=None, said=False)
    m.report("state.entered", state=name, epoch=m.place.epoch, by=_cause(m.flow, by))
    if visits[name] > m.flow.limits.visits:
        _fail(m, "limit.visits")
    else:
        m.push(f"state:{name}")
        if state.collect and not missing(m) and not _wants_to_change(m.flow, by):
            collected(m)


def _cause(flow: Flow, by: str) -> str:
    """Why a state was entered, in the author's words."""
    if not by.startswith("edge:"):
        return by
    match _edge(flow, by).trigger:
        case Intent(id=name):
            return f"intent:{name}"
        case On(event=name):
            return name
        case None:
            return "if"


def _wants_to_change(flow: Flow, by: str) -> bool:
    """Entered by an intent that brought no values: the caller wants to change one of those set."""
    if by.startswith("interrupt:"):
        return True
    trigger = _edge(flow, by).trigger if by.startswith("edge:") else None
    return isinstance(trigger, Intent) and not trigger.fill


def _entered(m: Macrostep) -> None:
    """The entry steps are done: speak for the goal, unless they have spoken to the caller."""
    if (m.state.goal or m.state.collect) and not m.talk.said:
        owe(m, "goal")


# Ending


def _finish(m: Macrostep, final: End | TransferTo) -> None:
    match final:
        case End(reason=reason):
            _end(m, m.text(reason))
        case TransferTo(to=to, note=note):
            m.run = replace(m.run, transferring=True)
            m.emit(Transfer(m.text(to), m.text(note) if note else ""))


def _fail(m: Macrostep, reason: str) -> None:
    """An error that nothing in the flow handles: to the flow's error state, once."""
    m.report("error", reason=reason)
    target = m.flow.on_error
    if target is None or m.run.erred:
        _give_up(m, reason)
        return
    m.run = replace(m.run, erred=reason)
    m.place = replace(m.place, steps=(), outcomes=(), collected=None)
    m.talk = replace(m.talk, rounds=0)
    _enter(m, target, by=f"error:{reason}")


def _give_up(m: Macrostep, reason: str) -> None:
    m.run = replace(m.run, erred=m.run.erred or reason)
    m.emit(Say(m.new_id("item"), SORRY))
    _end(m, "error")


def _end(m: Macrostep, reason: str) -> None:
    work.close_all(m)
    m.run = replace(m.run, ended=reason, transferring=False)
    m.place = replace(m.place, steps=(), move=None, outcomes=(), collected=None)
    m.talk = replace(m.talk, speaking=None, owed=None, unheard=False)
    calls = m.work.calls
    kept = {timer: due for timer, due in m.timers.items() if timer.partition(":")[2] in calls}
    m.timers = kept
    m.emit(EndSession(reason))
