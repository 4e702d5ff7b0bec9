"""From a recorded session to a case of a flow's tests. Pure.

The case has the caller's turns, the model's answers and the tools' outcomes of the session, and
expects the ways that it took, the calls that were made, and how it ended. In a case the model
answers at once; time is played only where it mattered: where a timer fired, or an outcome came
after the caller had spoken again.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import TypeAlias, cast

from orchestrator.dispatch.call import Json, Outcome
from orchestrator.errors import UsageError
from orchestrator.flow.commands import AskPurpose, Command, Hush, Report, Speak
from orchestrator.flow.definition import Flow
from orchestrator.flow.events import (
    AgentSaid,
    Answered,
    AnswerEnded,
    CallerLeft,
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
)
from orchestrator.flow.replaying import Decision
from orchestrator.flow.snapshot import Snapshot
from orchestrator.testing.places import known_by_name, where, where_entered

__all__ = ["case_of"]

Data: TypeAlias = dict[str, Json]

NEVER: Data = {"error": "timeout"}
"""What a tool answers from which nothing comes."""


def case_of(flow: Flow, decisions: Sequence[Decision]) -> Data:
    """A case (docs/testing-flows.md), from what the flow decided about a recorded session.

    Raises `UsageError` with all that cannot be scripted.
    """
    if not decisions or not isinstance(decisions[0].event, SessionStarted):
        raise UsageError("nothing was recorded: no session began")
    if problems := [text for decision in decisions for text in _unplayable(flow, decision)]:
        raise UsageError("\n".join(dict.fromkeys(problems)))
    session = _Session(decisions)
    started = decisions[0].event
    transfers = [d.event.ok for d in decisions if isinstance(d.event, TransferEnded)]
    zone = timezone(timedelta(seconds=started.offset))
    case: Data = {
        "case": f"recorded {started.session}",
        "now": datetime.fromtimestamp(started.at, zone).isoformat(timespec="seconds"),
        "call": _given(
            id=started.session,
            caller=started.caller,
            to=started.to,
            headers=dict(started.headers),
        ),
        "remembered": dict(started.remembered),
        "start": _given(vars=dict(started.values)),
        "tools": session.tools(),
        "classify": [text for decision in decisions for text in _told_aside(decision, "classify")],
        "guards": _guarded(decisions),
        "summary": next(
            (text for each in decisions for text in _told_aside(each, "summary")), None
        ),
        "transfer": ("failed", "done")[transfers[0]] if transfers else None,
        "turns": session.script(),
    }
    return _given(**case)


def _given(**fields: Json) -> Data:
    return {key: value for key, value in fields.items() if value not in (None, {}, [])}


def _unplayable(flow: Flow, decision: Decision) -> Iterator[str]:
    """What no test can play: failures of the service, speech."""
    event = decision.event
    mine = decision.before.talk.speaking
    match event:
        case SessionStarted(channel=channel) if channel != "text":
            yield f"the session was held by {channel}: only text can be scripted"
        case AnswerEnded(speak=speak, how=how) if speak == mine and how != "completed":
            yield f"an answer of the model was not completed ({how})"
        case Answered(ask=ask, ok=False) if ask in decision.before.work.asks:
            yield "the model did not answer what it was asked beside the conversation"
        case ToolAsked(name=name, arguments=arguments) if _arguments(arguments) is None:
            yield f"the model called {name} with arguments that are no JSON object"
        case NativeAsked(tool=tool) | NativeSettled(tool=tool):
            yield f"the Realtime service called {tool} itself"
        case CallSettled(outcome=outcome) if _fields(outcome.result).keys() & {"after", "error"}:
            yield "a tool's result has a field 'after' or 'error', which mean something in tests"
        case TimerFired(timer=timer) if _told_news(flow, decision.before, timer):
            yield "the caller was told what a handler reported, which no test can"
        case TranscriptFinal() if flow.session.mode != "transcribe":
            yield "the caller was heard, not read: only text can be scripted"
        case _:
            pass
    yield from _failed(decision)


def _failed(decision: Decision) -> Iterator[str]:
    """What became of it that no test can bring about."""
    for command in decision.commands:
        yield from _unplayable_command(decision, command)


def _unplayable_command(decision: Decision, command: Command) -> Iterator[str]:
    match command:
        case Hush(speak=answer) if answer == decision.snapshot.talk.stopped:
            if not isinstance(decision.event, AgentSaid):
                yield "a guard stopped the model while it was speaking"
        case Hush():
            yield "the model did not answer in time"
        case Report("answer.failed"):
            yield "an answer of the model failed"
        case _:
            pass


def _told_news(flow: Flow, before: Snapshot, timer: str) -> bool:
    kind, _, name = timer.partition(":")
    call = before.work.calls.get(name)
    filler = flow.named(call.flow).tools[call.tool].filler if call else None
    return bool(kind == "filler" and call and call.news and filler and filler.progress)


def _told_aside(decision: Decision, purpose: AskPurpose) -> Iterator[str]:
    """What was answered beside the conversation at this event."""
    event = decision.event
    if isinstance(event, Answered):
        asked = decision.before.work.asks.get(event.ask)
        if asked and asked.purpose == purpose:
            yield event.text


def _guarded(decisions: Sequence[Decision]) -> dict[str, list[str]]:
    """What guards asked the model, and were answered."""
    answers: dict[str, list[str]] = {}
    for decision in decisions:
        event = decision.event
        asks = decision.before.work.asks
        asked = asks.get(event.ask) if isinstance(event, Answered) else None
        if asked and asked.purpose == "guard" and isinstance(event, Answered):
            answers.setdefault(asked.subject, []).append(event.text)
    return answers


def _arguments(text: str) -> Data | None:
    try:
        given: Json = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return None
    return given if isinstance(given, dict) else None  # pyright: ignore[reportUnknownVariableType]


@dataclass(slots=True)
class _Turn:
    """What the caller does, and all that comes before the next thing that they do."""

    event: Event
    act: Data
    began: str
    decisions: list[Decision] = field(default_factory=list[Decision])
    answers: list[str] = field(default_factory=list[str])

    @property
    def idle(self) -> bool:
        timers = any(isinstance(decision.event, TimerFired) for decision in self.decisions)
        return not (self.answers or timers or self.reports("call.dispatched"))

    def reports(self, name: str) -> list[Mapping[str, Json]]:
        commands = (c for decision in self.decisions for c in decision.commands)
        return [c.data for c in commands if isinstance(c, Report) and c.name == name]


@dataclass(slots=True)
class _Attempt:
    tool: str
    at: float
    turn: int
    canned: Json = field(default_factory=lambda: dict(NEVER))


class _Session:
    """A recorded session, taken apart by turns, answers and attempts."""

    def __init__(self, decisions: Iterable[Decision]) -> None:
        self._turns: list[_Turn] = []
        self._acts: dict[str, list[Data]] = {}
        self._attempts: dict[tuple[str, int], _Attempt] = {}
        self._timed = False
        self._settled: list[tuple[_Attempt, float, Outcome]] = []
        for decision in decisions:
            self._take(decision)
        for attempt, at, outcome in self._settled:
            attempt.canned = _canned(outcome, at - attempt.at if self._timed else 0.0)

    def _take(self, decision: Decision) -> None:
        event = decision.event
        act = _act(decision)
        if isinstance(event, SessionStarted) or act:
            self._turns.append(_Turn(event, act, where(decision.before.place)))
        self._turns[-1].decisions.append(decision)
        self._hear(decision)
        for command in decision.commands:
            match command:
                case Speak(id=answer):
                    self._turns[-1].answers.append(answer)
                    self._acts[answer] = []
                case Report("call.dispatched", data):
                    attempt = _Attempt(str(data["tool"]), event.at, len(self._turns))
                    self._attempts[str(data["call"]), int(data["attempt"])] = attempt
                case _:
                    pass

    def _hear(self, decision: Decision) -> None:
        match decision.event:
            case AgentSaid(speak=speak, text=text) if speak in self._acts:
                self._acts[speak].append({"say": text})
            case ToolAsked(speak=speak, name=name, arguments=text) if speak in self._acts:
                self._acts[speak].append(_given(call=name, args=_arguments(text)))
            case TimerFired(timer=timer) if timer in decision.before.timers:
                self._timed = True
            case CallSettled(call=call, attempt=number, outcome=outcome, at=at):
                attempt = self._attempts.get((call, number))
                if attempt:
                    self._settled.append((attempt, at, outcome))
                    self._timed |= attempt.turn != len(self._turns)
            case _:
                pass

    def tools(self) -> dict[str, list[Json]]:
        """What each tool answered, an entry for each attempt, in their order."""
        answers: dict[str, list[Json]] = {}
        for attempt in self._attempts.values():
            answers.setdefault(attempt.tool, []).append(attempt.canned)
        return answers

    def script(self) -> list[Data]:
        """The turns. One in which nobody did anything before the caller's first is left out."""
        ends = [turn.event.at for turn in self._turns[1:]]
        ends.append(self._turns[-1].decisions[-1].event.at)
        turns = [self._turn(turn, end) for turn, end in zip(self._turns, ends, strict=True)]
        turns[-1].setdefault("expect", {}).update(self._end())
        return turns[1:] if len(turns) > 1 and self._turns[0].idle else turns

    def _turn(self, turn: _Turn, end: float) -> Data:
        acts = [self._acts[answer] for answer in turn.answers]
        seconds = end - turn.event.at if self._timed else 0.0
        return _given(
            **turn.act,
            model=[each[0] if len(each) == 1 else each for each in acts],
            wait=_duration(seconds),
            expect=_expected(turn),
        )

    def _end(self) -> Data:
        last = self._turns[-1].decisions[-1].snapshot
        known = {name: value for name, value in known_by_name(last).items() if value is not None}
        return {"vars": known, "ended": last.run.ended}


def _act(decision: Decision) -> Data:
    """What a person does at this event, as a turn says it; nothing if it is no person's doing."""
    event = decision.event
    match event:
        case CallerTyped(text=text) | TranscriptFinal(text=text):
            return {"caller": text}
        case DigitPressed(digit=digit):
            return {"digit": digit}
        case LineFound(what=what):
            return {"line": what}
        case Signalled(name=name, data=data) if _counts(decision, event):
            return {"signal": _given(name=name, data=dict(data))}
        case CallerLeft(how=how):
            return {"then": how}
        case ProviderLost():
            return {"then": "lost"}
        case CallSettled(attempt=0, outcome=outcome) if not outcome.error:
            call = decision.before.work.calls.get(event.call)
            return _decided(call.tool, _fields(outcome.result)) if call else {}
        case _:
            return {}


def _counts(decision: Decision, signal: Signalled) -> bool:
    """Whether the signal came for the first time: one without an entry cannot come again."""
    return not signal.entry or decision.snapshot.run.signal != decision.before.run.signal


def _decided(tool: str, decision: Data) -> Data:
    """What a person said about a call of this tool."""
    if decision.get("approved") is True:
        return {"approve": tool}
    return {"deny": _given(tool=tool, note=str(decision.get("note", "")) or None)}


def _expected(turn: _Turn) -> Data:
    entered = [where_entered(data) for data in turn.reports("state.entered")]
    tried = turn.reports("call.dispatched")
    again = {str(data["tool"]) for data in tried if data["attempt"] > 1}
    return _given(
        path=[turn.began, *entered] if entered and turn.began else entered,
        tools=[{data["tool"]: data["arguments"]} for data in tried if data["attempt"] == 1],
        attempts={tool: sum(data["tool"] == tool for data in tried) for tool in sorted(again)},
    )


def _canned(outcome: Outcome, after: float) -> Json:
    """What a tool answers, as a test has it; what we settled ourselves never came."""
    if outcome.by in ("deadline", "cancel"):
        return dict(NEVER)
    if outcome.error:
        failure = _given(error=outcome.error.code, message=outcome.error.message)
        return _given(after=_duration(after)) | failure
    fields = _fields(outcome.result)
    return _given(after=_duration(after)) | fields if fields else outcome.result


def _fields(result: Json) -> Data:
    return dict(cast("Mapping[str, Json]", result)) if isinstance(result, dict) else {}


def _duration(seconds: float) -> str | None:
    milliseconds = round(seconds * 1000)
    return f"{milliseconds}ms" if milliseconds > 0 else None
