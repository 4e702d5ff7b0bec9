"""Replay: what a flow decides about the events of a journal, and where another decides otherwise.

Pure. Ids are made by counting, so that a flow which says one thing more gives other ids to all
that follows. Two flows are therefore compared without them: an answer, a call or a wait of the
one is *paired* with that of the other which was asked for at the same event, and the events
that follow are told to each under its own ids.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from difflib import SequenceMatcher
from typing import TypeAlias

from orchestrator.dispatch.call import Json
from orchestrator.errors import JournalMismatch, UsageError
from orchestrator.flow import events
from orchestrator.flow.commands import Ask, Command, Dispatch, Play, Report, Speak
from orchestrator.flow.definition import Flow, Mark, State
from orchestrator.flow.engine import SEMANTICS, step
from orchestrator.flow.events import (
    AgentSaid,
    AgentSaying,
    Answered,
    AnswerEnded,
    CallProgressed,
    CallSettled,
    Event,
    SessionStarted,
    TimerFired,
    ToolAsked,
)
from orchestrator.flow.snapshot import Snapshot

__all__ = [
    "Decision",
    "Difference",
    "Recording",
    "concerned",
    "decide",
    "differences",
    "header",
    "must_match",
    "read",
]

Plain: TypeAlias = Mapping[str, Json]
"""A command as JSON, with its type under `command` and without ids and epochs."""

NOBODY = "nobody"
"""Stands for an answer or a call that the other flow did not ask for."""


@dataclass(frozen=True, slots=True)
class Recording:
    """A journal that was read: its header as it stands, and its events."""

    header: Mapping[str, Json]
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class Decision:
    """What a flow made of one event; `before` and `snapshot` are as things stood around it."""

    event: Event
    commands: tuple[Command, ...]
    before: Snapshot
    snapshot: Snapshot


@dataclass(frozen=True, slots=True)
class Difference:
    """An event about which two flows decide otherwise; `number` counts from 1.

    `gone` are the old flow's commands that the new one does not give, `come` the new one's.
    """

    number: int
    old: Decision
    new: Decision
    gone: tuple[Plain, ...]
    come: tuple[Plain, ...]


def header(flow: Flow, session: str) -> dict[str, Json]:
    """A journal's first entry."""
    return {
        "type": "journal",
        "version": events.VERSION,
        "session": session,
        "flow": flow.name,
        "flow_version": flow.version,
        "sha256": flow.sha256,
        "dsl": 1,
        "semantics": SEMANTICS,
    }


def read(entries: Sequence[Mapping[str, Json]]) -> Recording:
    """A journal from its entries. Raises `UsageError` with every entry that is wrong."""
    if not entries or entries[0].get("type") != "journal":
        raise UsageError("not a journal: its first entry is no header (docs/events.md)")
    head, *rest = entries
    if head.get("version") != events.VERSION:
        raise UsageError(f"a journal of format {head.get('version')}, not of {events.VERSION}")
    happened: list[Event] = []
    problems: list[str] = []
    for number, entry in enumerate(rest, start=2):
        try:
            happened.append(events.from_json({**entry, "at": float(entry["at"])}))
        except (KeyError, TypeError, ValueError) as problem:
            problems.append(f"entry {number}: not an event that is known here: {problem!r}")
    if problems:
        raise UsageError("\n".join(problems))
    return Recording(head, tuple(happened))


def must_match(flow: Flow, recording: Recording) -> None:
    """Raises `JournalMismatch` unless the journal is of this flow, and of this engine."""
    head = recording.header
    if head.get("sha256") != flow.sha256:
        was = f"{head.get('flow')} {head.get('flow_version')} ({str(head.get('sha256'))[:12]})"
        raise JournalMismatch(
            f"recorded with {was}, not with {flow.name} {flow.version} ({flow.sha256[:12]})"
        )
    if head.get("semantics") != SEMANTICS:
        raise JournalMismatch(
            f"recorded with engine semantics {head.get('semantics')}, these are {SEMANTICS}"
        )


def decide(flow: Flow, happened: Iterable[Event]) -> Iterator[Decision]:
    """What the flow makes of each event. The journal may be another flow's (`must_match`)."""
    snapshot = Snapshot()
    for event in happened:
        decision = _decide(flow, snapshot, event)
        yield decision
        snapshot = decision.snapshot


def differences(old: Flow, new: Flow, happened: Iterable[Event]) -> Iterator[Difference]:
    """The events about which `new` decides otherwise than `old`, whose journal it is.

    Each flow follows its own decisions. Once they have parted, what comes answers what the
    old flow asked for, and says little about the new one.
    """
    was, now = Snapshot(), Snapshot()
    ids: dict[str, str] = {}
    for number, event in enumerate(happened, start=1):
        first = _decide(old, was, event)
        second = _decide(new, now, _under(ids, event))
        ids |= _paired(first, second)
        gone, come = _unlike(first.commands, second.commands, ids)
        if gone or come:
            yield Difference(number, first, second, gone, come)
        was, now = first.snapshot, second.snapshot


def concerned(flow: Flow, difference: Difference, decision: Decision) -> Mark:
    """The element of the flow that a difference is about, where this flow's `decision` was made.

    Where both went the same way that is the state they are in now; else the edge that was
    taken, or the state in which it was decided.
    """
    if _entered(difference.old) == _entered(difference.new):
        return _state(flow, decision.snapshot).mark
    for command in decision.commands:
        if isinstance(command, Report) and command.name == "edge.taken":
            own = flow.named(str(command.data.get("flow", "")))
            state = own.states[str(command.data["state"])]
            return state.next[int(command.data["index"])].mark
    return _state(flow, decision.before).mark


def _state(flow: Flow, snapshot: Snapshot) -> State:
    own = flow.named(snapshot.place.flow)
    return own.states[snapshot.place.state or own.start]


def _entered(decision: Decision) -> list[Json]:
    reports = (c for c in decision.commands if isinstance(c, Report))
    return [report.data["state"] for report in reports if report.name == "state.entered"]


def _decide(flow: Flow, snapshot: Snapshot, event: Event) -> Decision:
    if isinstance(event, SessionStarted):  # another flow may lack some of the variables
        known = {name: value for name, value in event.values.items() if name in flow.variables}
        event = replace(event, values=known)
    after, commands = step(flow, snapshot, event)
    return Decision(event, commands, snapshot, after)


# Pairing


def _under(ids: Mapping[str, str], event: Event) -> Event:
    """The event as the new flow has to hear it: what it answers goes by the new flow's ids."""
    match event:
        case (
            AgentSaid(speak=speak)
            | AgentSaying(speak=speak)
            | ToolAsked(speak=speak)
            | AnswerEnded(speak=speak)
        ):
            return replace(event, speak=ids.get(speak, speak))
        case Answered(ask=ask):
            return replace(event, ask=ids.get(ask, ask))
        case CallSettled(call=call) | CallProgressed(call=call):
            return replace(event, call=ids.get(call, call))
        case TimerFired(timer=timer):
            kind, colon, name = timer.partition(":")
            other = ids.get(timer) or f"{kind}{colon}{ids.get(name, name)}"
            return replace(event, timer=other)
        case _:
            return event


def _paired(old: Decision, new: Decision) -> dict[str, str]:
    """What the new flow calls that which both asked for now; in order, calls tool by tool."""
    asked, counterpart = _made(old), _made(new)
    pairs: dict[str, str] = {}
    for kind, names in asked.items():
        others = [*counterpart.get(kind, ()), *[NOBODY] * len(names)]
        pairs |= dict(zip(names, others, strict=False))
    return pairs


def _made(decision: Decision) -> dict[str, list[str]]:
    """The ids that this event brought forth, by what they stand for."""
    made: dict[str, list[str]] = {}
    for command in decision.commands:
        match command:
            case Speak(id=name) | Play(id=name):
                made.setdefault("speak", []).append(name)
            case Ask(id=name):
                made.setdefault("ask", []).append(name)
            case Dispatch(call=name, tool=tool, attempt=0 | 1):  # 0 asks a person first
                made.setdefault(f"call {tool}", []).append(name)
            case _:
                pass
    waits = decision.snapshot.timers.keys() - decision.before.timers.keys()
    made["wait"] = sorted(timer for timer in waits if timer.startswith("wait:"))
    return made


# Comparing


def _bare(command: Command, ids: Mapping[str, str]) -> Plain:
    """The command without what only counts, and with the ids of its counterpart."""
    if isinstance(command, Report):
        data = {key: value for key, value in command.data.items() if key not in ("epoch", "place")}
        about = {"command": "Report", "report": command.name, **data}
    else:
        data = asdict(command)
        kept = {
            key: value for key, value in data.items() if key not in ("id", "item", "items", "epoch")
        }
        about = {"command": type(command).__name__, **kept}
    call = about.get("call")
    if isinstance(call, str) and call in ids:
        about["call"] = ids[call]
        if isinstance(command, Dispatch):
            about["key"] = command.key.replace(call, ids[call])
    if "speak" in about:
        about["speak"] = ids.get(about["speak"], about["speak"])
    return about


def _unlike(
    old: Iterable[Command], new: Iterable[Command], ids: Mapping[str, str]
) -> tuple[tuple[Plain, ...], tuple[Plain, ...]]:
    """What only the one asks for, and what only the other; `ids` are the old one's in the new."""
    gone, come = _told(old), _told(new)
    one, two = [_text(command, ids) for command in gone], [_text(command, {}) for command in come]
    changes = [
        change
        for change in SequenceMatcher(None, one, two, autojunk=False).get_opcodes()
        if change[0] != "equal"
    ]
    return (
        tuple(_bare(command, {}) for _, i, j, _, _ in changes for command in gone[i:j]),
        tuple(_bare(command, {}) for _, _, _, i, j in changes for command in come[i:j]),
    )


def _told(commands: Iterable[Command]) -> list[Command]:
    """All that is a decision of its own: two reports only say where, or what stands beside."""
    return [c for c in commands if not (isinstance(c, Report) and c.name in _REPEATING)]


_REPEATING = ("edge.taken", "call.dispatched")


def _text(command: Command, ids: Mapping[str, str]) -> str:
    return json.dumps(_bare(command, ids), sort_keys=True, default=list)
