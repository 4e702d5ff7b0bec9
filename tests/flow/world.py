"""Everything around the engine: a model, tools, a caller, a clock.

`World` performs nothing. It keeps what the commands leave open and checks after each step
what must hold in any conversation:

- at most one answer is open, and none after the end
- a call of the model is answered once, and never left when all is at rest
- an attempt is dispatched once; a call ends once: done, failed, denied or cancelled
- what the service asks, whether it may make a call itself, is answered once
- a tool runs only where it is offered, with its gate open, with what its author bound
- one that needs the caller's yes runs once, as it was read back, after a turn of the caller
  that came when the read-back had been heard
- one answer moves the talk at most once
- every turn of the caller is followed by words
- nobody begins to speak while the caller does; no ending before the agent was heard to its end
- the caller's silence does not count while somebody speaks, or while a call is waited for
- time runs only for the state that the talk is in
- a sub-flow that has begun is over once, and as many flows wait as have begun others
- the error state is entered once; `on_end` is done once; after the end nothing but kept calls
- while it has not ended there is something that can still happen
- the snapshot is plain JSON, and the session's end is told once
"""

import json
import math
import pickle
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Literal, TypeAlias, cast

from orchestrator.dispatch.call import Json, Outcome
from orchestrator.flow.commands import (
    AddItem,
    AnswerCall,
    AnswerNative,
    Ask,
    AskToStop,
    Command,
    Dispatch,
    DropItems,
    Emit,
    End,
    Hush,
    Play,
    Remember,
    Report,
    Say,
    SendDigits,
    Speak,
    Transfer,
    Withdraw,
)
from orchestrator.flow.definition import Flow, Tool
from orchestrator.flow.engine import step
from orchestrator.flow.events import (
    AgentCutOff,
    AgentFinished,
    AgentSaid,
    Answered,
    AnswerEnded,
    CallerBegan,
    CallerTyped,
    CallSettled,
    Event,
    NativeAsked,
    SessionStarted,
    TimerFired,
    TurnCommitted,
)
from orchestrator.flow.heeded import shortens
from orchestrator.flow.snapshot import Snapshot, quiescent

How: TypeAlias = Literal["completed", "cancelled", "failed", "incomplete"]
"""How an answer of the model ends."""
START = 1795338000.0  # 2026-11-22, in the morning


@dataclass
class World:
    flow: Flow
    values: Sequence[Json] = ()
    snapshot: Snapshot = field(default_factory=Snapshot)
    events: list[Event] = field(default_factory=list[Event])
    commands: list[Command] = field(default_factory=list[Command])
    at: float = START
    speaking: str | None = None
    asked: dict[str, int] = field(default_factory=dict[str, int])
    dispatched: dict[tuple[str, int], str] = field(default_factory=dict[tuple[str, int], str])
    overdue: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])
    transferring: bool = False
    spoken: bool = True  # whether the caller's last turn was followed by words
    ended: bool = False
    items: dict[str, str] = field(default_factory=dict[str, str])  # and the call of each
    asides: dict[str, Ask] = field(default_factory=dict[str, Ask])
    calls: int = 0
    names: dict[str, str] = field(default_factory=dict[str, str])
    asked_in: dict[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])
    closed: list[str] = field(default_factory=list[str])
    queued: set[str] = field(default_factory=set[str])
    alone: list[str] = field(default_factory=list[str])  # calls that the service made unasked
    moves: int = 0  # of the latest answer
    turns: int = 0
    reading: str | None = None  # the call that the open answer reads back
    worded: bool = False  # whether the open answer has had words
    erred: bool = False
    inner: int = 0  # how many sub-flows are under way
    heard: dict[str, int] = field(default_factory=dict[str, int])
    questions: dict[str, NativeAsked] = field(default_factory=dict[str, NativeAsked])
    told: dict[str, bool] = field(default_factory=dict[str, bool])  # the service, that it may
    voice: bool = False
    listening: bool = False  # whether the caller is speaking
    playing: str | None = None  # the answer that has ended and is still being heard
    early: str | None = None  # one that was heard to its end before that
    read: dict[str, str] = field(default_factory=dict[str, str])  # answer -> the call it read back

    def __post_init__(self) -> None:
        self.values_now = {name: v.default for name, v in self.flow.variables.items()}

    def start(self, **fields: Json) -> None:
        self.apply(SessionStarted(self.at, "s1", "Europe/Paris", 3600, **fields))

    def apply(self, event: Event) -> tuple[Command, ...]:
        before = self.snapshot
        self._take_in(event)
        as_it_was = pickle.dumps(before)
        self.snapshot, commands = step(self.flow, before, event)
        assert pickle.dumps(before) == as_it_was, "a snapshot was changed"
        self.events.append(event)
        self.commands += commands
        for command in commands:
            if before.run.ended is not None:
                assert isinstance(command, Dispatch | Withdraw | Remember | Report), command
            self._note(command, before)
        self._check()
        return commands

    def _take_in(self, event: Event) -> None:
        open_answer = self.speaking is not None and self.speaking == getattr(event, "speak", None)
        match event:
            case AgentSaid() if open_answer:
                self.spoken = True
                self.worded = True
            case AnswerEnded(how=how) if open_answer:
                self._ended(event.speak, how)
                self.speaking = None
                self.spoken |= how == "cancelled"  # whoever cut it off will speak
            case Answered(ask=ask):
                self.asides.pop(ask, None)
            case CallerTyped() if not self.ended:
                self.spoken = False
                self.turns += 1
            case NativeAsked(call=request):
                self.questions.setdefault(request, event)
            case SessionStarted(channel=channel):
                self.voice = channel != "text"
            case CallerBegan():
                self.listening = True
            case TurnCommitted(item=item) if not self.ended:
                self.items[item] = ""
                self.listening = False
                if self.flow.session.mode != "transcribe":
                    self.spoken = False
                    self.turns += 1
            case AgentFinished(speak=speak):
                self.early = speak if speak == self.speaking else self.early
                self._heard_out(speak)
            case AgentCutOff(speak=speak):
                self.read.pop(speak, None)
                self.playing = None if speak == self.playing else self.playing
                self.spoken |= open_answer
            case TimerFired(timer="caller:") if self._due("caller:"):
                self.listening = False
            case TimerFired(timer="heard:") if self.playing and self._due("heard:"):
                self._heard_out(self.playing)
            case _:
                pass

    def _due(self, timer: str) -> bool:
        return self.snapshot.timers.get(timer, math.inf) <= self.at

    def _ended(self, answer: str, how: str) -> None:
        if self.worded and how in ("completed", "incomplete"):
            if self.reading and how == "completed":
                self.read[answer] = self.reading
            self.playing = answer
            if not self.voice or self.early == answer:
                self._heard_out(answer)

    def _heard_out(self, answer: str) -> None:
        if call := self.read.pop(answer, None):
            self.heard[call] = self.turns
        self.playing = None if answer == self.playing else self.playing

    def _note(self, command: Command, before: Snapshot) -> None:  # noqa: C901 (a case for each)
        match command:
            case Speak():
                self._speak(command)
            case AnswerCall():
                self._answer(command)
            case Play(id=answer):
                assert self.speaking is None, "two answers open at once"
                self.speaking, self.worded = answer, True
            case AnswerNative(request=request, approve=approve):
                assert request not in self.told, "the service was answered twice"
                self.told[request] = approve
            case Dispatch():
                self._dispatch(command, before)
            case AskToStop(call=call, attempt=attempt):
                assert self.dispatched[call, attempt] == "open", "nobody runs it"
            case Withdraw():
                self._withdraw(command)
            case Ask():
                assert not self.ended and command.id not in self.asides
                self.asides[command.id] = command
            case Hush(speak=ask) if ask in self.asides:
                assert ask not in self.snapshot.work.asks, "nobody waits for it, but something does"
                del self.asides[ask]
            case Hush():
                assert command.speak in (self.speaking, self.playing, before.talk.hearing)
                self.read.pop(command.speak, None)
                stopped = self.listening or command.speak == before.talk.hearing
                self.playing = None if stopped else self.playing
                if command.speak == self.speaking:
                    self.speaking, self.spoken = None, self.spoken or self.listening
            case Transfer():
                assert not self.playing, "transferred before it was heard"
                self.transferring = True
            case End():
                assert not self.ended, "ended twice"
                how = self.snapshot.run.how
                assert how != "completed" or not self.speaking, "ended before it was said"
                assert how != "completed" or not self.playing, "ended before it was heard"
                self.ended = True
                self.speaking = None
                self.asides.clear()  # abandoned
            case Say():
                self.spoken = True
                self.items[command.item] = ""
            case Report():
                self._hear_of(command)
            case SendDigits():
                pass
            case AddItem(item=item):
                self.items[item] = ""
            case DropItems():
                self._drop(command)
            case Emit() | Remember():
                pass

    def _speak(self, command: Speak) -> None:
        assert self.speaking is None, "two answers open at once"
        assert not self.ended
        assert not self.listening, "somebody speaks into the caller's words"
        self.speaking, self.worded, self.moves = command.id, False, 0
        confirming = self.snapshot.work.confirming
        if command.purpose == "readback":
            assert confirming
            assert command.choice == "none", "a read-back is not the time to call tools"
        self.reading = confirming.call if confirming and command.purpose == "readback" else None

    def _answer(self, command: AnswerCall) -> None:
        self.asked[command.call] += 1
        self.items[command.item] = command.call
        assert self.asked[command.call] == 1, "a call was answered twice"
        moves = self.names.get(command.call, "").startswith("go_")
        if moves and command.output == '{"ok": true}':
            self.moves += 1
            assert self.moves == 1, "one answer moved twice"

    def _drop(self, command: DropItems) -> None:
        """Never one that is not there, and a call only with its output."""
        dropped = [self.items.pop(item) for item in command.items]
        for call in filter(None, dropped):
            assert dropped.count(call) == 2, "a call was parted from its output"

    def _dispatch(self, command: Dispatch, before: Snapshot) -> None:
        key = (command.call, command.attempt)
        assert key not in self.dispatched, "an attempt was dispatched twice"
        assert command.call not in self.closed, "a call that is closed was made again"
        self.dispatched[key] = "open"
        assert "POISON" not in str(command.arguments), "the model gave what its author binds"
        if command.queue == "approvals":
            assert command.attempt == 0, "a person is asked before the first attempt"
            return
        frozen = before.work.confirming
        if frozen and frozen.call == command.call:
            assert command.call in self.heard, "nobody heard what was read back"
            assert self.turns > self.heard.pop(command.call), "the caller has not answered"
            assert frozen.arguments == command.arguments, "something else was read back"
        call = self.snapshot.work.calls[command.call]
        tool = self.flow.named(call.flow).tools[call.tool]
        if command.attempt == 1 and command.call in self.names:
            self._by_the_model(command, tool, before)

    def _by_the_model(self, command: Dispatch, tool: Tool, before: Snapshot) -> None:
        # One that had to wait for others of its kind may be made when its state was left.
        places = {place_of(before), place_of(self.snapshot), self.asked_in[command.call]}
        states = [self.flow.named(flow).states[state] for flow, state in places]
        assert any(tool.name in state.tools for state in states)
        now = self.values_now if not self.flow.flows else self.snapshot.values.vars
        assert tool.requires is None or tool.requires.evaluate(now) is True, "the gate is shut"
        for name, template in tool.bound.items():
            assert command.arguments.get(name) == template.evaluate(now), "the author bound another"
        if tool.read_back:
            frozen = before.work.confirming
            assert frozen and frozen.call == command.call, "this was not read back"

    def _withdraw(self, command: Withdraw) -> None:
        key = (command.call, command.attempt)
        assert self.dispatched[key] != "withdrawn"
        if command.by == "deadline":
            self.overdue.append(key)
        elif self.dispatched[key] == "open":
            self.dispatched[key] = "withdrawn"

    def _hear_of(self, report: Report) -> None:
        match report.name:
            case "call.done" | "call.failed" | "call.denied" | "call.cancelled":
                assert report.data["call"] not in self.closed, "a call ended twice"
                self.closed.append(report.data["call"])
            case "call.queued":
                self.queued.add(report.data["call"])
            case "value.set":
                self.values_now[report.data["name"]] = report.data["value"]
            case "state.entered" if report.data["by"].startswith("error:"):
                flow = report.data.get("flow")
                assert flow or not self.erred, "the error state was entered twice"
                self.erred = self.erred or not flow
            case "run.started":
                self.inner += 1
            case "run.ended":
                self.inner -= 1
            case "handed.over":
                self.erred = False
            case _:
                pass

    def _check(self) -> None:
        json.dumps(_plain(asdict(self.snapshot)))
        place, talk = self.snapshot.place, self.snapshot.talk
        there = {kept.item for kept in self.snapshot.items}
        assert there == (self.items.keys() if shortens(self.flow) else set())
        assert (self.snapshot.run.ended is not None) == self.ended
        if self.ended:
            calls, timers = self.snapshot.work.calls, self.snapshot.timers
            assert all(timer.partition(":")[2] in calls for timer in timers), "time runs on"
            assert not self._left_behind(), "something is under way after the end"
        if self.ended or not self.snapshot.run.seq:
            return
        assert talk.speaking == self.speaking
        assert self.snapshot.work.asks.keys() == self.asides.keys(), "a question was forgotten"
        after = [timer for timer in self.snapshot.timers if timer.startswith("after:")]
        assert len(self.snapshot.frames) == self.inner, "a flow waits for nothing"
        waiting = {frame.place.epoch for frame in self.snapshot.frames.values()}
        assert {int(timer[6:].partition(".")[0]) for timer in after} <= {place.epoch, *waiting}
        if "silence:" in self.snapshot.timers:
            waited = any(call.answers for call in self.snapshot.work.calls.values())
            assert not (self.speaking or self.playing or self.listening or waited), "not silent"
        if quiescent(self.snapshot):
            assert not talk.unheard and talk.owed is None, "somebody waits for words in vain"
            assert all(self.asked.values()), "a call was left without an answer"
            assert not place.move and not self.snapshot.work.asked
            assert not place.outcomes or place.steps, "what happened was told to no edge"
            assert self.spoken or "again" in self.snapshot.timers, "the caller got no word"
            assert self.told.keys() >= self._put_to_nobody(), "the service waits for a word"
        else:
            assert self._is_under_way(), "nothing will ever happen again"

    def _left_behind(self) -> list[object]:
        """What only a session that goes on can have under way."""
        place, talk, work = self.snapshot.place, self.snapshot.talk, self.snapshot.work
        steps = (place.steps, place.move, place.outcomes, place.transferring, self.snapshot.frames)
        words = (talk.speaking, talk.hearing, talk.owed, talk.caller, talk.unheard)
        calls = (work.asked, work.confirming, work.held, work.asks)
        return [each for each in (*steps, *words, *calls) if each]

    def _put_to_nobody(self) -> set[str]:
        """What the service has asked, but for what the caller has not answered yet."""
        waiting = [self.snapshot.work.confirming]
        waiting += [frame.confirming for frame in self.snapshot.frames.values()]
        return self.questions.keys() - {asked.call for asked in waiting if asked}

    def _is_under_way(self) -> bool:
        """Whether someone has still to tell of something, or a time comes."""
        open_calls = "open" in self.dispatched.values() or self.overdue or self.allowed
        talk = self.speaking or self.playing or self.listening or self.transferring
        return bool(talk or self.asides or open_calls or self.snapshot.timers)

    def says(self, text: str = "Well.") -> None:
        """The model speaks in the open answer."""
        assert self.speaking
        item = f"item_said_{len(self.events)}"
        self.items[item] = ""
        self.apply(AgentSaid(self.at, self.speaking, text, item))

    def settle_overdue(self) -> None:
        """The driver tells what stands of the calls that were withdrawn for their deadline."""
        while self.overdue:
            call, attempt = self.overdue.pop(0)
            first = self.dispatched[call, attempt] == "open"
            self.dispatched[call, attempt] = "withdrawn"
            outcome = Outcome.withdrawn("deadline") if first else Outcome("worker", {"ref": "LATE"})
            self.apply(CallSettled(self.at, call, attempt, outcome))

    @property
    def allowed(self) -> list[NativeAsked]:
        """The calls that the service is making with our word."""
        return [self.questions[call] for call in self.snapshot.work.calls if self.told.get(call)]

    @property
    def begun(self) -> set[str]:
        """Every call that has to come to an end: ours, those of a person, the service's own."""
        granted = {call for call, approved in self.told.items() if approved}
        return {call for call, _ in self.dispatched} | self.queued | granted | {*self.alone}


def place_of(snapshot: Snapshot) -> tuple[str, str]:
    return snapshot.place.flow, snapshot.place.state


def _plain(value: Json) -> Json:
    """Sets become lists, as they would in a JSON form of the snapshot."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in cast("dict[str, Json]", value).items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in cast("Sequence[Json]", value)]
    return value
