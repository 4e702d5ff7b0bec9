"""The engine's data between two events: small frozen records, plain JSON inside. Pure.

A snapshot is never saved: it is rebuilt by replaying the journal.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from orchestrator.dispatch.call import Json
from orchestrator.flow.commands import AskPurpose, Purpose

__all__ = [
    "AGAIN",
    "NO_SILENCE",
    "Asked",
    "Confirmation",
    "Cursor",
    "Frame",
    "Happened",
    "Held",
    "Kept",
    "OpenAsk",
    "OpenCall",
    "Place",
    "Quiet",
    "Run",
    "Snapshot",
    "Talk",
    "Values",
    "Work",
    "drained",
    "quiescent",
    "wait_for_the_caller",
]


AGAIN = "again"
"""The timer, and what steps wait for, between an answer that failed and the next try."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """Steps under way. `path` names their list, `waiting` what holds them up: an answer, a call,
    a timer, or `again` for an answer that failed and will be asked for again.

    Paths: `state:NAME`, `edge:STATE:INDEX`, `interrupt:ID`, `silence:STATE:INDEX`, `start`.
    `event` is the
    data of the event that an edge was followed for; `spoke` says that the last step spoke to
    the caller.
    """

    path: str
    index: int = 0
    waiting: str | None = None
    event: Mapping[str, Json] = field(default_factory=dict[str, Json])
    spoke: bool = False


@dataclass(frozen=True, slots=True)
class Happened:
    """An event of the language (`collected`, `tool.x.done`) that no edge has seen yet."""

    name: str
    data: Mapping[str, Json] = field(default_factory=dict[str, Json])
    fatal_in: int | None = None  # if no edge of this epoch takes it, the flow's on_error does


@dataclass(frozen=True, slots=True)
class Place:
    """Where the talk is. `epoch` is how many states had been entered when this one was; the
    innermost cursor is last.

    `flow` is the sub-flow that this is in, empty for the session's own; `frame` tells how many
    states had been entered when that began, so that no two have the same. `parent` is the frame
    that began it, for the state or the interrupt `by`. `resumes` is the frame to go on with when
    the interrupt that is followed here is over.
    """

    state: str = ""
    flow: str = ""
    frame: int = 0
    parent: int | None = None
    by: str = ""
    resumes: int | None = None
    ran: bool = False  # whether the sub-flow of this state has begun
    erred: bool = False  # whether the error state of this sub-flow has been entered
    epoch: int = 0
    steps: tuple[Cursor, ...] = ()
    move: str | None = None  # path of the edge or interrupt to follow when the answer ends
    outcomes: tuple[Happened, ...] = ()
    collected: bool = False
    transferring: bool = False
    visits: Mapping[str, int] = field(default_factory=dict[str, int])
    cooling: Mapping[str, int] = field(default_factory=dict[str, int])  # interrupt -> epoch
    turns: int = 0  # of the caller, when the state was entered
    refused: Mapping[str, int] = field(default_factory=dict[str, int])  # by what is collected here
    risen: frozenset[str] = frozenset()  # interrupts whose condition has been true since they came


@dataclass(frozen=True, slots=True)
class Values:
    """`stale` variables can be read but need a new value before their collect is done.
    `sources` are the variables that the calls of named results were made with."""

    vars: Mapping[str, Json] = field(default_factory=dict[str, Json])
    results: Mapping[str, Json] = field(default_factory=dict[str, Json])
    stale: frozenset[str] = frozenset()
    sources: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])


@dataclass(frozen=True, slots=True)
class Quiet:
    """The caller's silence: seconds `spent`, and counting `since` then unless that is None.
    `passed` is the latest of the flow's marks that it has reached."""

    spent: float = 0.0
    since: float | None = None
    passed: float = 0.0


NO_SILENCE = Quiet()


@dataclass(frozen=True, slots=True)
class Talk:
    """Who speaks. At most one answer is open; what should follow it is `owed`.

    `unheard`: the caller has said something that no answer has taken up yet. `epoch` and
    `purpose` are those of the latest answer, `spoke` says that words of it have come.
    """

    turns: int = 0
    speaking: str | None = None
    epoch: int = 0
    spoke: bool = False
    purpose: Purpose = "goal"
    text: str = ""  # the author's words, for an answer that is a prompt, a say or a read-back
    calls: tuple[str, ...] = ()  # what the model asked for within the open answer
    due: bool = False  # whether something that it asked for wants an answer
    observed: bool = False  # the service called a tool in it, and no words have come since
    said: str = ""  # what came of the author's words, for an answer that is a say
    told: str = ""  # with `prompting: stable`, the last message that said what to do
    stopped: str = ""  # the answer that a guard cut off: nobody is to hear it
    moved: bool = False  # whether it asked for a move within the latest answer
    owed: Purpose | None = None
    unheard: bool = False
    failures: int = 0  # answers that failed, one after another
    rounds: int = 0  # answers to outputs and goals since the caller's last turn
    caller: bool = False  # whether the caller is speaking
    hearing: str | None = None  # the answer that has ended and is not yet heard to its end
    heard: str | None = None  # an answer that was heard to its end before it was told to have ended
    quiet: Quiet = NO_SILENCE


@dataclass(frozen=True, slots=True)
class OpenCall:
    """A request to a tool that is not closed. Its idempotency key stays the same over attempts.
    Attempt 0 is a person's decision whether there will be any.

    `answers` is the model's call that still waits for the output; `told` says that it was
    answered `pending`, so that the result has to come as a system item. A `corrected` call
    belongs to a past that the caller has changed: its outcome counts for nothing. One that is
    `outdated` was made with what the caller has changed since, which something may be waiting
    for: it fails, whatever it has found out. `sources` are the variables that a step made it
    with. One that is `stopping` was asked to, and is not tried again. A `queued` one waits until
    fewer calls of its tool are under way.
    """

    id: str
    tool: str
    origin: Literal["model", "step", "undo", "end", "guard", "check"]
    epoch: int
    arguments: Mapping[str, Json]
    key: str
    since: float
    attempt: int = 1
    pausing: bool = False
    queued: bool = False
    answers: str | None = None
    told: bool = False
    result_name: str | None = None  # of a guard's call: the guard
    corrected: bool = False
    outdated: bool = False
    sources: tuple[str, ...] = ()
    stopping: bool = False
    fillers: int = 0
    flow: str = ""  # the sub-flow that it was made in, and which of its frames
    frame: int = 0
    news: str = ""  # what its handler said last, until a filler has told it


@dataclass(frozen=True, slots=True)
class Asked:
    """A call of the model that waits to be judged again: for its answer's end, and for the entry
    of the state that it moves to. `epoch` is that of its answer."""

    call: str
    name: str
    arguments: str
    epoch: int


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What needs the caller's yes: a call of the model, or of a step, which waits for it; or the
    `values` that a state has collected (then they are its `arguments`, and there is no tool).

    `spoken` is the answer that reads it back until that was heard, `heard` the turn count
    when it was heard to its end, `cut_off` that when somebody spoke into it: it is read back
    again after their turn. `agreed`: they said yes to values, and the answer that tells so is not
    over yet.
    """

    call: str
    tool: str
    arguments: Mapping[str, Json]
    read_back: str
    spoken: str | None = None
    heard: int | None = None
    cut_off: int | None = None
    origin: Literal["model", "step", "values"] = "model"
    result_name: str | None = None
    sources: tuple[str, ...] = ()  # of a step's call
    agreed: bool = False


@dataclass(frozen=True, slots=True)
class Frame:
    """A flow that waits, while a sub-flow of it or an interrupt of its parent is under way. What
    was to be confirmed is read back again afterwards."""

    place: Place
    values: Values
    confirming: Confirmation | None = None


@dataclass(frozen=True, slots=True)
class OpenAsk:
    """What the model was asked beside the conversation. `subject` is what the answer is for:
    the variable of a step, or a guard. `items` are those that a summary will stand for."""

    purpose: AskPurpose
    subject: str = ""
    items: tuple[str, ...] = ()
    flow: str = ""
    frame: int = 0


@dataclass(frozen=True, slots=True)
class Kept:
    """An item of the conversation, by the id that we or the service gave it. `call` is the
    model's call that it is or answers."""

    item: str
    kind: Literal["message", "call", "output"] = "message"
    call: str = ""


@dataclass(frozen=True, slots=True)
class Held:
    """What the model gave with one call, while tools decide about some of it.

    `asked` is its call, `name` what it called; `path` the move that it asked for. `values` are
    those to be decided, `waiting` the calls that are open about them, `agreed` and `rejected` what
    is known. `told`: it was answered `pending`.
    """

    asked: str
    name: str
    path: str | None
    values: Mapping[str, Json] = field(default_factory=dict[str, Json])
    waiting: Mapping[str, str] = field(default_factory=dict[str, str])
    agreed: Mapping[str, Json] = field(default_factory=dict[str, Json])
    rejected: Mapping[str, Json] = field(default_factory=dict[str, Json])
    told: bool = False


@dataclass(frozen=True, slots=True)
class Work:
    calls: Mapping[str, OpenCall] = field(default_factory=dict[str, OpenCall])
    asked: tuple[Asked, ...] = ()
    confirming: Confirmation | None = None
    held: tuple[Held, ...] = ()
    overdue: tuple[str, ...] = ()  # calls of the service's own that we gave up, and it may not
    asks: Mapping[str, OpenAsk] = field(default_factory=dict[str, OpenAsk])


@dataclass(frozen=True, slots=True)
class Run:
    """The session as a whole. `ended` holds the author's reason once there is one, `how` ours:
    `completed`, `hangup`, `interrupted`, `provider_lost` or `error`."""

    session: str = ""
    seq: int = 0
    at: float = 0.0
    started: float = 0.0
    zone: str = ""
    offset: int = 0
    channel: str = "text"
    caller: str | None = None
    to: str | None = None
    direction: str = "inbound"
    erred: str | None = None
    flow: str = ""  # that the session was handed to; empty for the one that it began with
    entered: int = 0  # states
    tool_calls: int = 0
    model: str = ""
    cost: float = 0.0  # dollars, as far as answers have told
    passed: frozenset[str] = frozenset()  # limits of its flow that it has passed, and was told of
    signal: str = ""  # id of the last signal
    remembered: Mapping[str, Json] = field(default_factory=dict[str, Json])  # of the caller
    ended: str | None = None
    how: str | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that `step` remembers. `timers` are absolute due times by id."""

    place: Place = Place()
    values: Values = Values()
    talk: Talk = Talk()
    work: Work = Work()
    timers: Mapping[str, float] = field(default_factory=dict[str, float])
    run: Run = Run()
    items: tuple[Kept, ...] = ()  # the conversation, in order
    frames: Mapping[int, Frame] = field(default_factory=dict[int, Frame])  # by `place.frame`


def quiescent(snapshot: Snapshot) -> bool:
    """Whether nothing happens any more until the caller (or a timer of the flow) speaks up."""
    if snapshot.run.ended is not None:
        return drained(snapshot)
    place, talk = snapshot.place, snapshot.talk
    stepping = place.steps and not wait_for_the_caller(place, snapshot.work)
    working = snapshot.work.calls or snapshot.work.asks or stepping
    speaking = talk.speaking or talk.hearing or talk.caller or talk.owed
    busy = speaking or working or place.transferring
    return bool(snapshot.run.seq) and not busy and AGAIN not in snapshot.timers


def wait_for_the_caller(place: Place, work: Work) -> bool:
    """Whether the steps that are under way need the caller's yes to go on."""
    confirming = work.confirming
    return bool(confirming and place.steps and place.steps[-1].waiting == confirming.call)


def drained(snapshot: Snapshot) -> bool:
    """Whether the session has ended and no kept call is open."""
    return snapshot.run.ended is not None and not snapshot.work.calls
