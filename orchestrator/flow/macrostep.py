"""The working state of one `step`: a snapshot taken apart, and the commands so far. Pure.

It lives only while one event is handled. Its parts stay frozen records and are replaced
whole, so that putting the snapshot together again costs nothing that did not change.
"""

from collections.abc import Generator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext

from orchestrator.dispatch.call import Json
from orchestrator.flow.commands import AddItem, AnswerCall, Command, Report, Say
from orchestrator.flow.definition import Extended, Flow, Mark, Scope, State, Template, Tool
from orchestrator.flow.events import Event
from orchestrator.flow.heeded import MOST_EVENTS, MOST_ITEMS, counts, may_come_again, shortens
from orchestrator.flow.records import replace
from orchestrator.flow.scope import Names
from orchestrator.flow.snapshot import (
    Cursor,
    Frame,
    Happened,
    Kept,
    OpenCall,
    Place,
    Snapshot,
    Values,
)

__all__ = ["Macrostep"]


PAST_THE_END = 1_000_000
NOWHERE = State("", Mark("", 0, 0))
"""The state before the first one."""
HERE = nullcontext()
"""Where the talk is already."""
RECENT = 100
"""Items of the conversation that the service may tell of again."""


class Macrostep:
    """`place` may be replaced by one in the same state; `go_to` leads to another."""

    place: Place
    flow: Flow  # that the talk is in
    state: State

    def __init__(self, flow: Flow, snapshot: Snapshot, event: Event) -> None:
        self.root = flow
        self.event = event
        self.at = event.at
        self.go_to(snapshot.place)
        self.values: Values = snapshot.values
        self.talk = snapshot.talk
        self.work = snapshot.work
        self.timers = snapshot.timers
        self.items = snapshot.items
        self.run = replace(snapshot.run, seq=snapshot.run.seq + 1, at=event.at)
        self.frames = snapshot.frames
        self.commands: list[Command] = []
        self.verdicts: dict[str, Json] = {}  # of tools about values that are held, by call
        self._ids = 0

    def snapshot(self) -> Snapshot:
        return Snapshot(
            self.place,
            self.values,
            self.talk,
            self.work,
            self.timers,
            self.run,
            self.items,
            self.frames,
        )

    def go_to(self, place: Place) -> None:
        self.place = place
        self.flow = self.root.named(place.flow)
        self.state = self.flow.states.get(place.state, NOWHERE)

    @property
    def session(self) -> Flow:
        """The flow whose persona and limits are the session's."""
        return self.root.named(self.run.flow)

    def tool(self, call: OpenCall) -> Tool:
        return self.root.named(call.flow).tools[call.tool]

    def within(self, frame: int, flow: str = "") -> AbstractContextManager[None]:
        """Be in this frame of the flow, which may wait meanwhile; nowhere, if it is over."""
        return HERE if frame == self.place.frame else self._elsewhere(frame, flow)

    @contextmanager
    def _elsewhere(self, frame: int, flow: str) -> Generator[None]:
        here, waiting = Frame(self.place, self.values), self.frames.get(frame)
        there = waiting or self._over(frame, flow)
        self.go_to(there.place)
        self.values = there.values
        yield
        if waiting:
            there = replace(waiting, place=self.place, values=self.values)
            self.frames = {**self.frames, frame: there}
        self.go_to(here.place)
        self.values = here.values

    def _over(self, frame: int, flow: str) -> Frame:
        unset = {name: v.default for name, v in self.root.named(flow).variables.items()}
        return Frame(Place(flow=flow, frame=frame, epoch=-1), Values(unset))

    def is_over(self, frame: int) -> bool:
        """Whether nobody is in this frame any more, nor waits in it."""
        return frame != self.place.frame and frame not in self.frames

    @property
    def ended(self) -> bool:
        return self.run.ended is not None

    def emit(self, command: Command) -> None:
        self.commands.append(command)
        if shortens(self.root):
            self._note(command)

    def _note(self, command: Command) -> None:
        match command:
            case AddItem(item=item, first=True):
                self.items = (Kept(item), *self.items)
            case AddItem(item=item) | Say(item=item):
                self._append(Kept(item))
            case AnswerCall(item=item, call=call):
                self._append(Kept(item, "output", call))
            case _:
                pass

    def keep(self, item: str, call: str = "") -> None:
        """From now on this stands in the conversation; what the service tells twice does once."""
        if item and shortens(self.root):
            kept = Kept(item, "call" if call else "message", call)
            if kept not in self.items[-RECENT:]:
                self._append(kept)

    def _append(self, kept: Kept) -> None:
        self.items = (*self.items, kept)[-MOST_ITEMS:]

    def report(self, what: str, /, **data: Json) -> None:
        self.emit(Report(what, data))

    @property
    def here(self) -> Mapping[str, Json]:
        """For reports: the flow that the talk is in, unless it is the session's own."""
        return {"flow": self.place.flow} if self.place.flow else {}

    def new_id(self, prefix: str) -> str:
        """An id that no other step of this session makes."""
        self._ids += 1
        return f"{prefix}_{self.run.seq}_{self._ids}"

    def scope(self, **extra: Json) -> Scope:
        """What expressions see now."""
        names = Names(self.run, self.place, self.values, self.talk.turns)
        return Extended(names, extra) if extra else names

    def text(self, template: Template) -> str:
        return template.text(self.scope())

    def set_timer(self, timer: str, seconds: float) -> None:
        self.timers = {**self.timers, timer: self.at + seconds}

    def drop_timers(self, *timers: str) -> None:
        if not self.timers.keys().isdisjoint(timers):
            self.timers = {key: due for key, due in self.timers.items() if key not in timers}

    def push(self, path: str, event: Mapping[str, Json] | None = None) -> None:
        """Begin a list of steps, inside of whatever is under way."""
        cursor = Cursor(path, event=event or {})
        self.place = replace(self.place, steps=(*self.place.steps, cursor))

    def hold(self, waiting: str) -> None:
        """The innermost steps go on when this answer or call is over."""
        *outer, top = self.place.steps
        self.place = replace(self.place, steps=(*outer, replace(top, waiting=waiting)))

    def let_go(self, waiting: str, *, now: str | None = None) -> None:
        """What these steps waited for is over; `now` names what they wait for instead."""
        steps = tuple(
            replace(cursor, waiting=now) if cursor.waiting == waiting else cursor
            for cursor in self.place.steps
        )
        if steps != self.place.steps:
            self.place = replace(self.place, steps=steps)

    def do_again(self, waiting: str) -> None:
        """What these steps waited for will not come: its step is done once more."""
        steps = tuple(
            replace(cursor, index=cursor.index - 1, waiting=None)
            if cursor.waiting == waiting
            else cursor
            for cursor in self.place.steps
        )
        self.place = replace(self.place, steps=steps)

    def cut_short(self, waiting: str) -> None:
        """What these steps waited for failed: the rest of them is not done."""
        for cursor in self.place.steps:
            if cursor.waiting == waiting:
                self.skip(cursor)

    def skip(self, cursor: Cursor) -> None:
        """Drop the rest of these steps. A state's entry is over then; an edge is not followed."""
        entry = replace(cursor, index=PAST_THE_END, waiting=None)
        rest = (entry,) if cursor.path.startswith("state:") else ()
        index = self.place.steps.index(cursor)
        steps = (*self.place.steps[:index], *rest, *self.place.steps[index + 1 :])
        self.place = replace(self.place, steps=steps)

    def happen(self, name: str, /, *, fatal_in: int | None = None, **data: Json) -> None:
        """Queue an event for the edges; while the epoch is `fatal_in`, one must take it."""
        if fatal_in is not None or counts(self.root, name):
            self.queue(Happened(name, data, fatal_in))

    def queue(self, happened: Happened) -> None:
        waiting = (*self.place.outcomes, happened)
        if len(waiting) > MOST_EVENTS:
            waiting = self._without_the_oldest(waiting)
        self.place = replace(self.place, outcomes=waiting)

    def _without_the_oldest(self, waiting: tuple[Happened, ...]) -> tuple[Happened, ...]:
        oldest = next(filter(may_come_again, waiting), None)
        if oldest is None:
            return waiting
        self.report("event.forgotten", name=oldest.name, **self.here)
        return tuple(each for each in waiting if each is not oldest)
