"""Flows that wait for others: sub-flows, and interrupts of the flows around them. Pure.

The talk is in one frame, `place` and `values`. The frames that wait lie in `frames`; whoever
began one is its `parent`, so that the parents of the talk's own form a stack. An interrupt of a
parent is followed in the parent's frame; if it returns, the talk goes on where it was (`resumes`).

A frame is numbered by the states that had been entered when it began: whatever a frame began
has higher numbers than its own.
"""

from collections.abc import Iterator

from orchestrator.flow import taking, work
from orchestrator.flow.definition import Flow
from orchestrator.flow.doing import take_leave
from orchestrator.flow.macrostep import Macrostep
from orchestrator.flow.records import replace
from orchestrator.flow.snapshot import Frame, Place, Values

__all__ = [
    "back",
    "begin",
    "bottom",
    "depth",
    "detour",
    "drop",
    "goes_on",
    "leave_all",
    "let_go",
    "parents",
    "put_aside",
    "stop_time",
    "time_is_up",
    "unwind",
]


def depth(m: Macrostep) -> int:
    """How many flows are around that of the talk."""
    return sum(1 for _ in parents(m))


def bottom(m: Macrostep) -> int:
    """The frame of the session's own flow."""
    return next((parent for parent in reversed([*parents(m)])), m.place.frame)


def parents(m: Macrostep) -> Iterator[int]:
    """The frames around that of the talk, from the innermost."""
    parent = m.place.parent
    while parent is not None:
        yield parent
        parent = m.frames[parent].place.parent


def begin(m: Macrostep, flow: Flow, parent: int | None, by: str) -> None:
    """A new frame of a flow. Its variables have their defaults, and no state is entered yet."""
    name = "" if flow is m.root else flow.name
    m.go_to(Place(flow=name, frame=m.run.entered + 1, parent=parent, by=by))
    m.values = Values({name: v.default for name, v in flow.variables.items()})


def put_aside(m: Macrostep) -> None:
    """The frame of the talk waits. What the model gave there and is not decided counts for
    nothing."""
    taking.drop(m)
    asked = m.work.confirming
    frame = Frame(m.place, m.values, replace(asked, spoken=None, heard=None) if asked else None)
    m.frames = {**m.frames, m.place.frame: frame}
    m.work = replace(m.work, confirming=None)


def back(m: Macrostep, frame: int) -> None:
    """The talk goes on in a frame that waited."""
    there = m.frames[frame]
    m.frames = {number: each for number, each in m.frames.items() if number != frame}
    m.go_to(there.place)
    m.values = there.values
    m.work = replace(m.work, confirming=there.confirming)


def detour(m: Macrostep, frame: int) -> None:
    """Follow an interrupt of the flow in this frame, and then go on here."""
    here = m.place.frame
    put_aside(m)
    back(m, frame)
    m.place = replace(m.place, resumes=here)


def goes_on(m: Macrostep) -> None:
    """The interrupt is over: go on where the talk was when it came."""
    here = m.place.resumes
    assert here is not None
    m.place = replace(m.place, resumes=None)
    put_aside(m)
    back(m, here)


def unwind(m: Macrostep, frame: int) -> None:
    """Be in this frame. Whatever it began, and they in turn, is over."""
    put_aside(m)
    for number in sorted(m.frames, reverse=True):
        if number > frame:
            back(m, number)
            drop(m)
    back(m, frame)
    m.place = replace(m.place, resumes=None)


def leave_all(m: Macrostep) -> None:
    """Be in the session's own flow: whatever it began is over."""
    if m.frames:
        unwind(m, bottom(m))


def drop(m: Macrostep, reason: str = "left") -> None:
    """The flow of the talk is over."""
    if m.place.parent is not None:
        m.report("run.ended", flow=m.flow.name, reason=reason)
    work.abandon(m)
    take_leave(m)
    m.talk = replace(m.talk, owed=None)
    stop_time(m)


def stop_time(m: Macrostep) -> None:
    """Nobody in the frame of the talk waits for its time any more; those that wait still do."""
    waiting = {cursor.waiting for frame in m.frames.values() for cursor in frame.place.steps}
    epochs = {frame.place.epoch for frame in m.frames.values()}
    over = [
        timer
        for timer in m.timers
        if (timer.startswith("wait:") and timer not in waiting)
        or (timer.startswith(("after:", "over:")) and _entry(timer) not in epochs)
    ]
    m.drop_timers(*over)


def time_is_up(m: Macrostep, timer: str) -> None:
    """Of an edge or a limit of the state that was entered then, in whatever frame."""
    entry = _entry(timer)
    frame = next((n for n, each in m.frames.items() if each.place.epoch == entry), m.place.frame)
    with m.within(frame):
        if timer.startswith("over:"):
            m.happen("limits", fatal_in=entry, limit="time")
        else:
            m.happen(timer)


def _entry(timer: str) -> int:
    return int(timer.partition(":")[2].partition(".")[0])


def let_go(m: Macrostep, waiting: str) -> None:
    """Steps that waited go on, at once or when their frame does."""
    for frame in (m.place.frame, *m.frames):
        with m.within(frame):
            m.let_go(waiting)
