"""What is decided when an event has been taken in, one thing after the other. Pure.

In microsteps, in this order, until none applies: the move that was asked for; events that an
interrupt waits for; steps that are under way; the flow that waits for the end of an interrupt;
calls of the model that wait; interrupts whose condition has become true; events, for the edges
that name them; the end or the sub-flow of the state; its edges without a trigger; `collected`, if
the caller agrees where that is wanted. While an answer is open or a step waits, nothing settles;
but where the step waits for the caller's yes, their silence does.
"""

from orchestrator.flow import asking, frames
from orchestrator.flow.doing import do, speaks, steps_of
from orchestrator.flow.macrostep import Macrostep
from orchestrator.flow.moves import (
    enter,
    event_of,
    fail,
    fail_all,
    finish,
    follow,
    give_up,
    run,
    steps_done,
    take_silence,
)
from orchestrator.flow.offer import around, may_interrupt, missing
from orchestrator.flow.records import replace
from orchestrator.flow.requests import judge_again, refuse
from orchestrator.flow.snapshot import AGAIN, Happened, wait_for_the_caller

__all__ = ["MAX_MICROSTEPS", "settle"]

MAX_MICROSTEPS = 50


def settle(m: Macrostep) -> None:
    """After a loop the error state gets as many microsteps; one that loops too is the end."""
    if not _settles(m):
        fail(m, "loop")
        if not _settles(m):
            frames.leave_all(m)
            give_up(m, "loop")


def _settles(m: Macrostep) -> bool:
    """Each event that has waited, for steps to be over, may lead to as much as one alone."""
    left = MAX_MICROSTEPS * max(1, len(m.place.outcomes))
    while left and _microstep(m):
        left -= 1
    return left > 0


def _microstep(m: Macrostep) -> bool:
    """Decide one thing; False when there is nothing to decide now."""
    place = m.place
    if m.ended or place.transferring:
        return False
    if m.talk.speaking:
        return _refuse_left_over(m)
    if place.move:
        follow(m, place.move)
    elif place.outcomes and AGAIN not in m.timers and (_interrupted(m) or _silent(m)):
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


def _silent(m: Macrostep) -> bool:
    """Whether the caller has been silent, of whom steps want a yes: that is seen to meanwhile."""
    if not wait_for_the_caller(m.place, m.work):
        return False
    for index, happened in enumerate(m.place.outcomes):
        if happened.name.startswith("silence:"):
            others = (*m.place.outcomes[:index], *m.place.outcomes[index + 1 :])
            m.place = replace(m.place, outcomes=(happened, *others))
            _take_outcome(m)
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
    elif outcome.name.startswith("signal."):
        m.report("signal.ignored", name=outcome.name.removeprefix("signal."))


def _uncollected(m: Macrostep, outcome: Happened) -> str | None:
    """Where this state goes when what it collects was refused too often."""
    failed = outcome.name == "collect.failed"
    return m.state.collect.on_failed if failed and m.state.collect else None


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
