"""Every way from one state to another, and out: entered, followed, failed, ended. Pure.

`settling` decides that an edge is taken; here is what taking it means. A state is entered and a
session ended nowhere else; `frames` puts a whole place aside for a sub-flow, and takes it back.
"""

from collections.abc import Mapping

from orchestrator.dispatch.call import Json
from orchestrator.flow import frames, silence, taking, work
from orchestrator.flow.aside import ask
from orchestrator.flow.commands import End as EndSession
from orchestrator.flow.commands import Say, Transfer
from orchestrator.flow.context import SUMMARISE, shorten
from orchestrator.flow.definition import (
    MAX_DEPTH,
    After,
    Digit,
    End,
    Flow,
    Handoff,
    Intent,
    Interrupt,
    On,
    Silent,
    SubFlow,
    Template,
    Trigger,
)
from orchestrator.flow.definition import Transfer as TransferTo
from orchestrator.flow.doing import assign, edge_at, interrupt_at, take_leave
from orchestrator.flow.events import SessionStarted, TransferEnded
from orchestrator.flow.macrostep import Macrostep
from orchestrator.flow.offer import missing
from orchestrator.flow.records import replace
from orchestrator.flow.snapshot import AGAIN, Cursor, OpenAsk
from orchestrator.flow.talk import owe
from orchestrator.flow.variables import give, recall

__all__ = [
    "SORRY",
    "TRANSFER",
    "end",
    "enter",
    "event_of",
    "fail",
    "fail_all",
    "fail_for",
    "finish",
    "follow",
    "give_up",
    "hand_over",
    "run",
    "start",
    "steps_done",
    "take_silence",
    "transfer_ended",
]

TRANSFER = "transfer"
"""What a summary for whoever takes over is asked for."""

OF_AN_ENTRY = ("collect.failed", "limits")
"""Events that concern nothing but the entry of a state in which they happened."""

SORRY = "I'm sorry, something went wrong at our end. Goodbye."


def start(m: Macrostep, event: SessionStarted) -> None:
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
        model=event.model,
        remembered=event.remembered,
    )
    m.values = replace(m.values, vars={name: v.default for name, v in m.flow.variables.items()})
    _give_first_values(m, event.headers, event.values)
    _begin(m, by="start")


def _begin(m: Macrostep, by: str) -> None:
    """A flow begins in its frame: its first state is entered."""
    if m.place.parent is None and m.flow.limits.duration:
        m.set_timer("limit:duration", m.flow.limits.duration)
    enter(m, m.flow.start, by=by)
    if m.flow.on_start:
        m.push("start")


def _give_first_values(m: Macrostep, headers: Mapping[str, str], given: Mapping[str, Json]) -> None:
    """What is known from before goes before where a value comes from otherwise; last and above all
    is what whoever began the flow gives."""
    remembered = m.run.remembered
    scope = m.scope(headers=headers, remembered=remembered)
    first = {
        name: variable.source.evaluate(scope)
        for name, variable in m.flow.variables.items()
        if variable.source and not (variable.ttl is not None and name in remembered)
    }
    give(m, {name: value for name, value in first.items() if value is not None})
    recall(m, remembered)
    give(m, given)


def follow(m: Macrostep, path: str, event: Mapping[str, Json] | None = None) -> None:
    """Carry out an edge or an interrupt: its values, its steps, then where it leads.

    `event` is the data of the event that the edge waited for.
    """
    m.place = replace(m.place, move=None)
    if path.startswith("outer:"):
        path = _out_to(m, path)
    if path.startswith("interrupt:"):
        _follow_interrupt(m, path, event)
        return
    edge = edge_at(m.flow, path)
    index = int(path.rpartition(":")[2])
    m.report("edge.taken", state=m.place.state, index=index, **m.here)
    assign(m, edge.set, event=event)
    if edge.do:
        m.push(path, event)
    else:
        _followed(m, path, spoke=False)


def _followed(m: Macrostep, path: str, spoke: bool) -> None:
    """An edge's steps are done. The model's move is taken up with words, wherever it leads."""
    edge = edge_at(m.flow, path)
    if edge.goto:
        enter(m, edge.goto, by=path)
    elif isinstance(edge.trigger, Intent) and not spoke:
        owe(m, "answer")


def _out_to(m: Macrostep, path: str) -> str:
    """To the flow around this one whose interrupt is followed; the interrupt's path there."""
    _, frame, name = path.split(":")
    with m.within(int(frame)):
        leaves = interrupt_at(m.flow, f"interrupt:{name}").goto is not None
    if leaves:
        frames.unwind(m, int(frame))
    else:
        frames.detour(m, int(frame))
    return f"interrupt:{name}"


def _follow_interrupt(m: Macrostep, path: str, event: Mapping[str, Json] | None) -> None:
    interrupt = interrupt_at(m.flow, path)
    moves = interrupt.cool_down + bool(interrupt.goto)
    cooling = {**m.place.cooling, interrupt.id: m.run.entered + moves}
    m.place = replace(m.place, cooling=cooling)
    m.report("interrupt.taken", id=interrupt.id, **m.here)
    if interrupt.do:
        m.push(path, event)
    else:
        _leave_interrupt(m, interrupt, spoke=False)


def _leave_interrupt(m: Macrostep, interrupt: Interrupt, spoke: bool) -> None:
    """Away, or back to what was under way: in words if the model, or the detour, had some."""
    if interrupt.goto:
        enter(m, interrupt.goto, by=f"interrupt:{interrupt.id}")
    elif interrupt.run:
        run(m, interrupt.run, by=f"interrupt:{interrupt.id}")
    elif isinstance(interrupt.trigger, Intent) or (spoke and _talks(m)):
        owe(m, "resume")


def take_silence(m: Macrostep, name: str) -> None:
    """The caller has been silent up to a mark that no edge waits for: what the flow says of it."""
    for index, item in enumerate(m.state.silence):
        if name == silence.mark(m.place.epoch, item.after):
            m.report("silence.passed", place=f"{item.mark}:{item.mark.column}", seconds=item.after)
            if item.goto:
                enter(m, item.goto, by="silence")
            else:
                m.push(f"silence:{m.place.state}:{index}")
            return


def run(m: Macrostep, todo: SubFlow, by: str) -> None:
    """Begin a sub-flow: it has its own variables, and gets of ours what it is given."""
    m.place = replace(m.place, ran=True)
    if frames.depth(m) >= MAX_DEPTH:
        fail(m, "run.depth")
        return
    given, parent = _values(m, todo.given), m.place.frame
    frames.put_aside(m)
    frames.begin(m, m.root.named(todo.flow), parent, by)
    m.report("run.started", flow=todo.flow)
    _give_first_values(m, {}, given)  # the call's headers are the session's own flow's
    _begin(m, by="run")


def _values(m: Macrostep, given: Mapping[str, Template]) -> dict[str, Json]:
    scope = m.scope()
    values = {name: template.evaluate(scope) for name, template in given.items()}
    return {name: value for name, value in values.items() if value is not None}


def _return(m: Macrostep, reason: str, outcome: Mapping[str, Json], *, failed: bool) -> None:
    """A sub-flow is over: whoever began it goes on with what came of it."""
    if m.place.resumes is not None:
        frames.unwind(m, m.place.frame)
    name, by, parent = m.flow.name, m.place.by, m.place.parent
    assert parent is not None
    frames.drop(m, reason)
    frames.back(m, parent)
    how = "failed" if failed else "done"
    todo = m.state.run
    if by.startswith("interrupt:"):
        _interrupted(m, f"run.{name}.{how}", failed)
        return
    if todo and todo.result_name:
        result = {**outcome, "reason": reason}
        m.values = replace(m.values, results={**m.values.results, todo.result_name: result})
    fatal_in = m.place.epoch if failed else None
    m.happen(f"run.{name}.{how}", fatal_in=fatal_in, reason=reason, outcome=dict(outcome))


def _interrupted(m: Macrostep, what: str, failed: bool) -> None:
    """The sub-flow of an interrupt is over: go on as if it had not been, unless it failed."""
    if failed:
        fail(m, what)
    else:
        owe(m, "resume")


def hand_on(m: Macrostep, final: Handoff) -> None:
    """Another flow has the session from now on; this one, and all that are around it, are over."""
    given = _values(m, final.given)
    frames.leave_all(m)
    frames.drop(m)
    flow = m.root.named(final.flow)
    frames.begin(m, flow, None, "")
    m.run = replace(m.run, flow=m.place.flow, passed=frozenset())
    m.drop_timers("limit:duration")  # was the old one's
    m.report("handed.over", flow=flow.name)
    if final.context:
        shorten(m, final.context)
    _give_first_values(m, {}, given)
    _begin(m, by="handoff")


def enter(m: Macrostep, name: str, by: str) -> None:
    """Enter a state, which may be the one we are in. Whatever was under way there is over."""
    if m.place.resumes is not None:
        frames.unwind(m, m.place.frame)
    work.abandon(m)
    taking.drop(m)
    state = m.flow.states[name]
    outcomes = tuple(each for each in m.place.outcomes if each.name not in OF_AN_ENTRY)
    visits = {**m.place.visits, name: m.place.visits.get(name, 0) + 1}
    m.run = replace(m.run, entered=m.run.entered + 1)
    place = replace(
        m.place,
        state=name,
        epoch=m.run.entered,
        steps=(Cursor(f"state:{name}"),),
        move=None,
        outcomes=outcomes,
        collected=False,
        transferring=False,
        ran=False,
        visits=visits,
        turns=m.talk.turns,
        refused={},
    )
    m.go_to(place)
    stale = m.values.stale | state.collect.fresh if state.collect else m.values.stale
    m.values = replace(m.values, results={}, sources={}, stale=stale)
    m.talk = replace(m.talk, owed=None)
    silence.broken(m)
    m.report("state.entered", state=name, epoch=m.place.epoch, by=_cause(m.flow, by), **m.here)
    if visits[name] > m.flow.limits.visits:
        fail(m, "limit.visits")
    else:
        if state.context:
            shorten(m, state.context)
        _arm(m)
        if state.collect and not missing(m) and not _wants_to_change(m.flow, by):
            m.place = replace(m.place, collected=True)


def _arm(m: Macrostep) -> None:
    """Time runs for the edges of the state that was entered, and no more for those before it."""
    frames.stop_time(m)
    if m.state.limits and m.state.limits.time is not None:
        m.set_timer(f"over:{m.place.epoch}", m.state.limits.time)
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
    match edge.trigger:
        case After():
            return "after"
        case Silent():
            return "silence"
        case other:
            return event_of(other) or ("if" if edge.condition else "otherwise")


def _wants_to_change(flow: Flow, by: str) -> bool:
    """Entered by an intent that brought no values: the caller wants to change one of those set."""
    if by.startswith("interrupt:"):
        return True
    trigger = edge_at(flow, by).trigger if by.startswith("edge:") else None
    return isinstance(trigger, Intent) and not trigger.fill


def _entered(m: Macrostep, done: Cursor) -> None:
    """The entry steps are done: speak for the goal, unless the last of them spoke to the caller."""
    if _talks(m) and not done.spoke:
        owe(m, "goal")


def _talks(m: Macrostep) -> bool:
    """Whether the model has something to talk about in this state."""
    intents = any(isinstance(edge.trigger, Intent) for edge in m.state.next)
    return bool(m.state.goal or m.state.collect or intents)


def steps_done(m: Macrostep, done: Cursor) -> None:
    match done.path.partition(":")[0]:
        case "state":
            _entered(m, done)
        case "interrupt":
            _leave_interrupt(m, interrupt_at(m.flow, done.path), done.spoke)
        case "edge":
            _followed(m, done.path, done.spoke)
        case _:
            pass


def event_of(trigger: Trigger | None, epoch: int = 0, index: int = 0) -> str | None:
    """The event that an edge or an interrupt waits for, by the name that it is queued with.

    `epoch` and `index` say which edge of which entry it is: time ran for no other one.
    """
    match trigger:
        case None | Intent():
            return None
        case On(event=event):
            return event
        case Digit(digit=digit):
            return f"dtmf:{digit}"
        case After():
            return f"after:{epoch}.{index}"
        case Silent(seconds=seconds):
            return silence.mark(epoch, seconds)


def finish(m: Macrostep, final: End | TransferTo | Handoff) -> None:
    match final:
        case End(reason=reason, outcome=outcome):
            _finish(m, m.text(reason), _values(m, outcome))
        case Handoff():
            hand_on(m, final)
        case TransferTo():
            m.place = replace(m.place, transferring=True)
            if final.summary:
                ask(m, OpenAsk("summary", TRANSFER), SUMMARISE)
            else:
                hand_over(m)


def hand_over(m: Macrostep, summary: str | None = None) -> None:
    """The transfer is carried out, with the summary that was waited for, if one came."""
    final = m.state.final
    if m.place.transferring and isinstance(final, TransferTo):
        note = m.text(final.note) if final.note else ""
        headers = {name: m.text(text) for name, text in final.headers.items()}
        m.emit(Transfer(m.text(final.to), note, (summary or "").strip(), headers))


def _finish(m: Macrostep, reason: str, outcome: Mapping[str, Json]) -> None:
    if m.place.parent is None:
        end(m, reason, "completed")
    else:
        _return(m, reason, outcome, failed=reason == "error")


def fail_all(m: Macrostep, reason: str) -> None:
    """An error of the session: no sub-flow can handle it."""
    frames.leave_all(m)
    fail(m, reason)


def fail(m: Macrostep, reason: str) -> None:
    """An error that nothing in the flow handles: to the flow's error state, once."""
    m.report("error", reason=reason)
    target, inner = m.flow.on_error, m.place.parent is not None
    if target is None or (m.place.erred if inner else m.run.erred):
        give_up(m, reason)
        return
    if not inner:
        m.run = replace(m.run, erred=reason)
    m.place = replace(m.place, outcomes=(), erred=True)
    m.talk = replace(m.talk, rounds=0)
    m.drop_timers(AGAIN)
    enter(m, target, by=f"error:{reason}")


def fail_for(m: Macrostep, reason: str | None) -> None:
    if reason:
        fail(m, reason)


def give_up(m: Macrostep, reason: str) -> None:
    """The flow cannot go on. Of a sub-flow, whoever began it is told."""
    if m.place.parent is not None:
        _return(m, "error", {}, failed=True)
        return
    m.run = replace(m.run, erred=m.run.erred or reason)
    m.emit(Say(m.new_id("item"), SORRY))
    end(m, "error", "error")


def end(m: Macrostep, reason: str, how: str) -> None:
    frames.leave_all(m)
    work.close_all(m)
    take_leave(m)
    m.run = replace(m.run, ended=reason, how=how)
    m.place = replace(
        m.place, steps=(), move=None, outcomes=(), collected=False, transferring=False
    )
    m.talk = replace(m.talk, speaking=None, owed=None, unheard=False, caller=False, hearing=None)
    m.work = replace(m.work, asks={})
    calls = m.work.calls
    kept = {timer: due for timer, due in m.timers.items() if timer.partition(":")[2] in calls}
    m.timers = kept
    m.emit(EndSession(reason))


def transfer_ended(m: Macrostep, event: TransferEnded) -> None:
    final = m.state.final
    if not m.place.transferring or not isinstance(final, TransferTo):
        return
    if event.ok:
        end(m, "transferred", "completed")
    elif final.on_failed:
        enter(m, final.on_failed, by="transfer.failed")
    else:
        fail(m, "transfer.failed")
