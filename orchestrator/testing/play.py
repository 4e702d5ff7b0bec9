"""Plays a scripted case: the engine on virtual time, with a model and tools by the book. Pure.

What is at work is the engine that runs in a session; only what stands around it is scripted.
The model answers at once: each answer that the engine asks for takes the next one of the
script, or is some words that do not matter. Tools answer when they are said to, timers fire
when they are due, and between two of these things no time passes.
"""

import json
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal

from orchestrator.dispatch.call import Json, Outcome, Settler
from orchestrator.flow.commands import Ask, AskToStop, Command, Play, Report, Speak, Withdraw
from orchestrator.flow.definition import Flow, Mark, Scope, Tool
from orchestrator.flow.engine import step
from orchestrator.flow.events import (
    AgentFinished,
    AgentSaid,
    Answered,
    AnswerEnded,
    CallerBegan,
    CallerLeft,
    CallerStopped,
    CallerTyped,
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
from orchestrator.flow.snapshot import Snapshot
from orchestrator.flow.variables import has_number
from orchestrator.testing.document import Act, Answer, Canned, Case, Phone, Setting, Start, Turn
from orchestrator.testing.places import where

__all__ = ["NOW", "SOMETHING", "Around", "Item", "Played", "Stuck", "around", "play", "start_scope"]

NOW = "2026-01-05T10:00:00+00:00"
"""When a case starts that does not say when: a Monday morning."""

SOMETHING = "…"
"""What the model says where nothing is scripted. An empty answer would be a failed one."""

TOO_LATE = Outcome.failed("worker", "timeout", "no answer in time")
PERSON = "test"
"""Who decides about approvals."""

FOR_EVER = float("inf")
MAX_EVENTS = 10_000  # of one turn: a flow may repeat something without a pause


@dataclass(frozen=True, slots=True)
class Item:
    """An event or a command, and the snapshot after it."""

    snapshot: Snapshot
    what: Event | Command


@dataclass(frozen=True, slots=True)
class Played:
    """What came of one turn. `began` is the state that it began in, empty at the start.

    `kept` are the tools whose calls were open when the session ended in this turn.
    """

    turn: Turn
    began: str
    items: tuple[Item, ...]
    snapshot: Snapshot
    kept: tuple[str, ...]


class Stuck(Exception):
    """The script does not fit what happened; `items` are all that did happen in this turn."""

    def __init__(self, mark: Mark, message: str, items: tuple[Item, ...]) -> None:
        self.mark = mark
        self.items = items
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Around:
    """What surrounds the conversation of one case."""

    now: datetime
    call: Phone
    tools: Mapping[str, Sequence[Canned]]
    transfers: bool
    remembered: Mapping[str, Json] = field(default_factory=dict[str, Json])
    classify: Sequence[str] = ()
    summary: str = SOMETHING
    guards: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])


def around(defaults: Setting | None, case: Case) -> Around:
    """What the case says itself, else what the defaults say."""
    general = defaults or Setting.model_construct()
    return Around(
        datetime.fromisoformat(case.now or general.now or NOW),
        case.call or general.call or Phone(),
        {**general.tools, **case.tools},
        (case.transfer or general.transfer) != "failed",
        {**general.remembered, **case.remembered},
        case.classify or general.classify,
        case.summary or general.summary or SOMETHING,
        {**general.guards, **case.guards},
    )


def play(flow: Flow, defaults: Setting | None, case: Case) -> Iterator[Played]:
    """Play the case turn by turn. Raises `Stuck` where its script cannot be followed.

    Where the caller has the first word of the script, the session starts in a turn before it.
    """
    stage = _Stage(flow, around(defaults, case), case.start)
    turns = [(turn, turn.mark) for turn in case.turns]
    if case.turns[0].caller is not None or case.turns[0].digit is not None:
        turns.insert(0, (Turn.model_construct(), case.mark))
    cut = [turn.interrupts for turn, _ in turns[1:]]
    for (turn, mark), cut_off in zip(turns, [*cut, False], strict=True):
        yield stage.turn(turn, mark, cut_off=cut_off)


def start_scope(flow: Flow, around: Around, start: Start) -> Scope:
    """What the checks of a variable see while the values of `start` are given to it."""
    unset = {name: variable.default for name, variable in flow.variables.items()}
    return {**unset, **start.vars, "now": around.now.isoformat()}


def _in_order(flow: Flow, values: Mapping[str, Json]) -> dict[str, Json]:
    """The same values; what another one of them clears when it is given comes last."""
    cleared = {other for name in values for other in flow.variables[name].clears}
    return {name: values[name] for name in sorted(values, key=lambda name: name in cleared)}


@dataclass(frozen=True, slots=True)
class _Due:
    """An outcome on its way."""

    at: float
    call: str
    attempt: int
    outcome: Outcome


class _Stage:
    """The session of one case, and everything around it."""

    def __init__(self, flow: Flow, around: Around, start: Start | None) -> None:
        self._flow = replace(flow, start=start.state) if start and start.state else flow
        self._values = _in_order(flow, start.vars) if start else {}
        self._around = around
        self._snapshot = Snapshot()
        self._at = around.now.timestamp()
        self._native = {tool.alias: tool for tool in flow.all_tools if tool.native}
        self._canned = {tool: deque(answers) for tool, answers in around.tools.items()}
        self._chosen = deque(around.classify)
        self._guards = {name: deque(answers) for name, answers in around.guards.items()}
        self._asks: deque[Ask] = deque()
        self._due: list[_Due] = []
        self._calls = 0
        self._lines = 0
        self._asked: Speak | None = None
        self._playing = ""
        self._voice = around.call.channel != "text"
        self._cut_off = False
        self._place: Mark
        self._script: deque[Answer]
        self._items: list[Item]
        self._kept: tuple[str, ...]

    def turn(self, turn: Turn, place: Mark, *, cut_off: bool = False) -> Played:
        """`cut_off`: the caller will speak into the last words of this turn."""
        self._cut_off = cut_off
        began = where(self._snapshot.place)
        self._place, self._script = place, deque(turn.model)
        self._items, self._kept = [], ()
        if not began:
            self._begin()
        self._expect_somebody(turn)
        self._hear(turn)
        self._go_on(self._at, behind=turn.then is not None and not turn.wait)
        if turn.wait:
            self._go_on(self._at + turn.wait)
        if turn.then and not self._ended:
            self._apply(self._end_of(turn.then))
        self._go_on(self._at if not self._ended else FOR_EVER)
        self._expect_nothing_left(turn)
        return Played(turn, began, tuple(self._items), self._snapshot, self._kept)

    def _end_of(self, then: Literal["hangup", "interrupted", "lost"]) -> Event:
        return ProviderLost(self._at, then) if then == "lost" else CallerLeft(self._at, then)

    @property
    def _ended(self) -> bool:
        return self._snapshot.run.ended is not None

    def _stuck(self, mark: Mark, message: str) -> Stuck:
        return Stuck(mark, message, tuple(self._items))

    def _begin(self) -> None:
        now, call = self._around.now, self._around.call
        zone = self._flow.session.zone or now.tzname() or "UTC"
        offset = int((now.utcoffset() or timedelta()).total_seconds())
        started = SessionStarted(
            self._at, call.id, zone, offset, channel=call.channel, values=self._values
        )
        headers = {name.lower(): value for name, value in call.headers.items()}
        started = replace(started, caller=call.caller, to=call.to, direction=call.direction)
        if has_number(call.caller):
            started = replace(started, remembered=self._around.remembered)
        model = self._flow.session.model or ""
        self._apply(replace(started, headers=headers, model=model))

    def _hear(self, turn: Turn) -> None:
        if turn.approve is not None:
            self._decide(turn.approve, turn.node.at("approve").mark, approved=True)
        if turn.deny is not None:
            self._decide(turn.deny.tool, turn.deny.mark, approved=False, note=turn.deny.note)
        if turn.line is not None:
            self._apply(LineFound(self._at, turn.line))
        if turn.signal is not None:
            self._apply(Signalled(self._at, turn.signal.name, turn.signal.data))
        if turn.digit is not None:
            self._apply(DigitPressed(self._at, turn.digit))
        elif turn.caller is not None and self._flow.session.mode == "transcribe":
            self._lines += 1
            self._apply(TranscriptFinal(self._at, f"line_{self._lines}", turn.caller))
        elif turn.caller is not None and self._voice:
            self._speak_up(turn.caller)
        elif turn.caller is not None:
            self._apply(CallerTyped(self._at, turn.caller))

    def _speak_up(self, text: str) -> None:
        """A spoken turn, whose words are known as soon as it is over."""
        self._lines += 1
        item = f"line_{self._lines}"
        self._apply(CallerBegan(self._at))
        self._apply(CallerStopped(self._at))
        self._apply(TurnCommitted(self._at, item))
        self._apply(TranscriptFinal(self._at, item, text))

    def _decide(self, tool: str, mark: Mark, *, approved: bool, note: str = "") -> None:
        """A person says yes or no to the call of this tool that has waited longest."""
        calls = self._snapshot.work.calls.values()
        asked = next((c for c in calls if c.tool == tool and c.attempt == 0), None)
        if asked is None:
            raise self._stuck(mark, f"no call of {tool} waits for a person")
        decision = Outcome("worker", {"approved": approved, "by": PERSON, "note": note})
        self._apply(CallSettled(self._at, asked.id, 0, decision))

    def _expect_somebody(self, turn: Turn) -> None:
        for key in ("caller", "digit", "line", "signal", "then") if self._ended else ():
            if getattr(turn, key) is not None:
                message = f"the session has ended before ({self._snapshot.run.ended})"
                raise self._stuck(turn.node.key(key), message)

    def _expect_nothing_left(self, turn: Turn) -> None:
        if self._script:
            asked = len(turn.model) - len(self._script)
            message = f"nothing asks for this answer: the turn brought {asked} before it"
            raise self._stuck(turn.node.at("model", asked).mark, message)

    # Time, and what it brings

    def _go_on(self, until: float, *, behind: bool = False) -> None:
        """Let everything happen that is due by then.

        `behind`: something is to happen as soon as the script has been said; what tools
        answer at once comes behind it.
        """
        for _ in range(MAX_EVENTS):
            if self._asks:
                self._answer_aside(self._asks.popleft())
            elif self._snapshot.talk.speaking:
                self._answer(self._snapshot.talk.speaking)
            elif behind and not self._script:
                return
            elif self._heard_out():
                pass
            elif self._snapshot.place.transferring:
                self._apply(TransferEnded(self._at, self._around.transfers))
            elif not self._next(until):
                break
        else:
            raise self._stuck(self._place, "this turn does not come to an end")
        if not self._ended:
            self._at = max(self._at, until)

    def _heard_out(self) -> bool:
        """What is being heard is heard to its end at once, unless the caller is to cut it off."""
        answer = self._snapshot.talk.hearing
        if answer and not self._cut_off:
            self._apply(AgentFinished(self._at, answer))
        return bool(answer and not self._cut_off)

    def _next(self, until: float) -> bool:
        """The next outcome or timer, if one is due by then; an outcome is first of equals."""
        outcome = min(self._due, key=lambda due: due.at, default=None)
        timers = self._snapshot.timers
        timer = min(timers, key=lambda name: (timers[name], name), default=None)
        if outcome and outcome.at <= until and (not timer or outcome.at <= timers[timer]):
            self._due.remove(outcome)
            self._at = max(self._at, outcome.at)
            self._apply(CallSettled(self._at, outcome.call, outcome.attempt, outcome.outcome))
        elif timer and timers[timer] <= until:
            self._at = max(self._at, timers[timer])
            self._apply(TimerFired(self._at, timer))
        else:
            return False
        return True

    def _answer(self, speak: str) -> None:
        """The model's next answer: what is scripted, or some words that do not matter. What is
        played is nothing that the model says."""
        if speak == self._playing:
            self._apply(AnswerEnded(self._at, speak, "completed"))
            return
        acts = self._script.popleft() if self._script else []
        for act in acts:
            if act.say is not None:
                self._apply(AgentSaid(self._at, speak, act.say))
            elif act.call is not None:
                self._call(speak, act, act.call)
        if not acts:
            self._apply(AgentSaid(self._at, speak, SOMETHING))
        self._apply(AnswerEnded(self._at, speak, "completed"))

    def _answer_aside(self, ask: Ask) -> None:
        """What the model is asked beside the conversation is answered at once."""
        if ask.id not in self._snapshot.work.asks:
            return
        if ask.purpose == "summary":
            self._apply(Answered(self._at, ask.id, True, self._around.summary))
            return
        if ask.purpose == "guard":
            answers = self._guards.get(self._snapshot.work.asks[ask.id].subject)
            self._apply(
                Answered(self._at, ask.id, bool(answers), answers.popleft() if answers else "")
            )
            return
        if not self._chosen:
            message = "the model has to choose, but nothing is left: add a value under `classify`"
            raise self._stuck(self._place, message)
        self._apply(Answered(self._at, ask.id, True, self._chosen.popleft()))

    def _call(self, speak: str, act: Act, name: str) -> None:
        if self._asked and self._asked.choice == "none":
            message = f"no tools in this answer, a {self._asked.purpose}: put [] or a say before"
            raise self._stuck(act.mark, message)
        self._calls += 1
        call, arguments = f"call_{self._calls}", json.dumps(act.args)
        tool = self._native.get(name)
        if tool is None:
            self._apply(ToolAsked(self._at, speak, call, name, arguments))
        elif tool.read_back or tool.review:
            self._apply(NativeAsked(self._at, call, *_where(tool), arguments))
        else:
            outcome = self._answer_of(tool.name, 1).outcome or TOO_LATE
            self._apply(NativeSettled(self._at, call, *_where(tool), arguments, outcome))

    # The engine

    def _apply(self, event: Event) -> None:
        ended = self._ended
        self._snapshot, commands = step(self._flow, self._snapshot, event)
        self._items += [Item(self._snapshot, what) for what in (event, *commands)]
        if self._ended and not ended:
            open_calls = self._snapshot.work.calls.values()
            self._kept = tuple(call.tool for call in open_calls if call.origin != "end")
        for command in commands:
            match command:
                case Report("call.dispatched", data):
                    self._dispatched(data)
                case Speak():
                    self._asked = command
                case Play(id=playing):
                    self._playing = playing
                case Ask():
                    self._asks.append(command)
                case Withdraw(call=call, attempt=attempt, by=by):
                    self._withdraw(call, attempt, by)
                case AskToStop(call=call, attempt=attempt):
                    self._withdraw(call, attempt, "cancel")
                case _:
                    pass

    def _withdraw(self, call: str, attempt: int, by: Settler) -> None:
        """Settled from our side, or stopped: that outcome comes now, and the tool's own never."""
        self._due = [due for due in self._due if (due.call, due.attempt) != (call, attempt)]
        self._due.append(_Due(self._at, call, attempt, Outcome.withdrawn(by)))

    def _dispatched(self, about: Mapping[str, Json]) -> None:
        call, attempt = about["call"], about["attempt"]
        if call not in self._snapshot.work.calls:
            return  # the service's own call, whose outcome came with it
        answer = self._answer_of(about["tool"], attempt)
        if answer.outcome:
            self._due.append(_Due(self._at + answer.after, call, attempt, answer.outcome))

    def _answer_of(self, tool: str, attempt: int) -> Canned:
        """The next canned answer of this tool."""
        canned = self._canned.get(tool)
        if not canned:
            message = f"{tool} is called (attempt {attempt}), but no answer of it is left"
            raise self._stuck(self._place, f"{message}: add one under `tools`")
        return canned.popleft()


def _where(tool: Tool) -> tuple[str, str]:
    """A tool that the Realtime service calls itself, as that names it."""
    assert tool.native
    return tool.native.label, tool.handler
