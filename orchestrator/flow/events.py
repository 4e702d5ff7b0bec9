"""What can happen in a session: facts, in the past tense. Pure.

This union, with `commands`, is the table that the journal's format is made of; see
docs/events.md. It is neutral: it names no speech API, and nothing here needs an API
that has turns. `at` is seconds since the epoch and the only clock that the engine has.
Audio and deltas are never events; a transcript enters once, when it is final.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Literal, TypeAlias

from orchestrator.dispatch.call import Json, Outcome

__all__ = [
    "VERSION",
    "AgentCutOff",
    "AgentFinished",
    "AgentSaid",
    "AgentSaying",
    "AnswerEnded",
    "Answered",
    "CallProgressed",
    "CallSettled",
    "CallerBegan",
    "CallerLeft",
    "CallerStopped",
    "CallerTyped",
    "DigitPressed",
    "Event",
    "LineFound",
    "NativeAsked",
    "NativeSettled",
    "ProviderLost",
    "SessionStarted",
    "Signalled",
    "TimerFired",
    "ToolAsked",
    "TranscriptFinal",
    "TransferEnded",
    "TurnCommitted",
    "from_json",
    "to_json",
]

VERSION = 1
"""Of the journal's format. Fields may be added with defaults; anything else is version 2."""


@dataclass(frozen=True, slots=True)
class SessionStarted:
    """The provider accepted the session. `offset` is the zone's distance from UTC in seconds.

    `values` are variables that whoever began the session gives: a trigger, a test, `--set`;
    `remembered` what is known of the caller from before; `headers` the call's own, by their
    names in small letters.
    """

    at: float
    session: str
    zone: str
    offset: int
    channel: Literal["text", "websocket", "webrtc", "sip"] = "text"
    caller: str | None = None
    to: str | None = None
    direction: Literal["inbound", "outbound"] = "inbound"
    values: Mapping[str, Json] = field(default_factory=dict[str, Json])
    remembered: Mapping[str, Json] = field(default_factory=dict[str, Json])
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    model: str = ""


@dataclass(frozen=True, slots=True)
class CallerTyped:
    """A whole turn of the caller, in text."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class CallerBegan:
    """The caller began to speak. `CallerStopped` follows, and `TurnCommitted` if it was a turn."""

    at: float


@dataclass(frozen=True, slots=True)
class CallerStopped:
    """The caller stopped speaking."""

    at: float


@dataclass(frozen=True, slots=True)
class TurnCommitted:
    """A whole turn of the caller, spoken: it stands in the conversation as `item`.

    Its words, if they are asked for, come later (`TranscriptFinal`), and nothing waits for them.
    """

    at: float
    item: str


@dataclass(frozen=True, slots=True)
class TranscriptFinal:
    """What the caller said, as text, once and final. `item` is the service's id of the turn."""

    at: float
    item: str
    text: str


@dataclass(frozen=True, slots=True)
class DigitPressed:
    """One key of the caller's telephone: `0` to `9`, `*` or `#`."""

    at: float
    digit: str


@dataclass(frozen=True, slots=True)
class AgentSaid:
    """Final words of the agent (text, or the transcript of speech), within answer `speak`.

    `item` is the service's id of them in the conversation.
    """

    at: float
    speak: str
    text: str
    item: str = ""


@dataclass(frozen=True, slots=True)
class AgentSaying:
    """All that the agent has said so far within answer `speak`, while it goes on. Now and then,
    and only where the flow watches for it; the words come again, final, as `AgentSaid`."""

    at: float
    speak: str
    text: str


@dataclass(frozen=True, slots=True)
class AgentFinished:
    """Answer `speak` was heard to its end. Only where there is sound: text is read at once."""

    at: float
    speak: str


@dataclass(frozen=True, slots=True)
class AgentCutOff:
    """Answer `speak` was not heard to its end: after `heard_ms` milliseconds it was stopped."""

    at: float
    speak: str
    heard_ms: int


@dataclass(frozen=True, slots=True)
class ToolAsked:
    """The model asked for work within answer `speak`. `arguments` is the model's own JSON text.

    `item` is the service's id of the call in the conversation.
    """

    at: float
    speak: str
    call: str
    name: str
    arguments: str
    item: str = ""


@dataclass(frozen=True, slots=True)
class AnswerEnded:
    """What a `Speak` asked for is over. Comes exactly once for each `Speak`.

    `usage` are tokens by kind, as `prices` has them; those from the cache are not in `…_in`.
    """

    at: float
    speak: str
    how: Literal["completed", "cancelled", "failed", "incomplete"]
    error: str = ""
    usage: Mapping[str, int] = field(default_factory=dict[str, int])


@dataclass(frozen=True, slots=True)
class Answered:
    """What became of an `Ask`, once for each. `text` is the answer, or why there is none."""

    at: float
    ask: str
    ok: bool
    text: str = ""
    usage: Mapping[str, int] = field(default_factory=dict[str, int])


@dataclass(frozen=True, slots=True)
class CallSettled:
    """The outcome of one attempt of a dispatched call."""

    at: float
    call: str
    attempt: int
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class CallProgressed:
    """What a handler says while it works: `text` in words for the caller, `data` for programs.

    Best effort: some are lost, and of several in quick succession only the newest comes.
    """

    at: float
    call: str
    attempt: int
    text: str = ""
    data: Json = None


@dataclass(frozen=True, slots=True)
class NativeAsked:
    """The service asks whether it may call a tool of a server itself; `AnswerNative` tells it.

    `call` is its id of the request, `server` our label for the server, `arguments` JSON text.
    """

    at: float
    call: str
    server: str
    tool: str
    arguments: str


@dataclass(frozen=True, slots=True)
class NativeSettled:
    """The service has called a tool of a server itself. `call` is the id of the request where
    we had been asked, else the call's own."""

    at: float
    call: str
    server: str
    tool: str
    arguments: str
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class TimerFired:
    """A due time of `snapshot.timers` has passed. Late and unknown ones are no-ops."""

    at: float
    timer: str


@dataclass(frozen=True, slots=True)
class TransferEnded:
    """The transfer that was asked for succeeded or failed."""

    at: float
    ok: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Signalled:
    """Somebody outside sent the session a signal. `entry` is its id in the session's inbox.

    One whose id is not above the last one's is a duplicate.
    """

    at: float
    name: str
    data: Mapping[str, Json] = field(default_factory=dict[str, Json])
    entry: str = ""


@dataclass(frozen=True, slots=True)
class CallerLeft:
    """The caller is gone: hung up, typed end-of-file, or the operator interrupted the program."""

    at: float
    how: Literal["hangup", "interrupted"] = "hangup"


@dataclass(frozen=True, slots=True)
class LineFound:
    """A call that we made was not taken by a caller."""

    at: float
    what: Literal["voicemail", "busy", "no_answer"]


@dataclass(frozen=True, slots=True)
class ProviderLost:
    """The provider's session is gone for good (`reason` is its own code or a close code)."""

    at: float
    reason: str


Event: TypeAlias = (
    SessionStarted
    | CallerTyped
    | CallerBegan
    | CallerStopped
    | TurnCommitted
    | TranscriptFinal
    | DigitPressed
    | AgentSaid
    | AgentSaying
    | AgentFinished
    | AgentCutOff
    | ToolAsked
    | AnswerEnded
    | Answered
    | CallProgressed
    | CallSettled
    | NativeAsked
    | NativeSettled
    | TimerFired
    | TransferEnded
    | Signalled
    | CallerLeft
    | LineFound
    | ProviderLost
)

_TYPES: Mapping[str, type[Event]] = {
    "session.started": SessionStarted,
    "caller.typed": CallerTyped,
    "caller.began": CallerBegan,
    "caller.stopped": CallerStopped,
    "turn.committed": TurnCommitted,
    "transcript.final": TranscriptFinal,
    "digit.pressed": DigitPressed,
    "agent.said": AgentSaid,
    "agent.saying": AgentSaying,
    "agent.finished": AgentFinished,
    "agent.cut_off": AgentCutOff,
    "tool.asked": ToolAsked,
    "answer.ended": AnswerEnded,
    "ask.answered": Answered,
    "call.progressed": CallProgressed,
    "call.settled": CallSettled,
    "native.asked": NativeAsked,
    "native.settled": NativeSettled,
    "timer.fired": TimerFired,
    "transfer.ended": TransferEnded,
    "signalled": Signalled,
    "caller.left": CallerLeft,
    "line.found": LineFound,
    "provider.lost": ProviderLost,
}
_NAMES = {cls: name for name, cls in _TYPES.items()}


def to_json(event: Event) -> dict[str, Json]:
    """The event as it stands in the journal: its name under `type`, then its fields."""
    data: dict[str, Json] = {"type": _NAMES[type(event)]}
    for item in fields(event):
        data[item.name] = getattr(event, item.name)
    if isinstance(event, CallSettled | NativeSettled):
        error = event.outcome.error
        data["outcome"] = {
            "by": event.outcome.by,
            "result": event.outcome.result,
            "error": {"code": error.code, "message": error.message, "after": error.after}
            if error
            else None,
        }
    return data


def from_json(data: Mapping[str, Json]) -> Event:
    """The inverse of `to_json`, but for fields that a later version has added: left out.

    Raises `KeyError` for a type that this version lacks.
    """
    kind = _TYPES[data["type"]]
    values = {item.name: data[item.name] for item in fields(kind) if item.name in data}
    if kind in (CallSettled, NativeSettled):
        values["outcome"] = Outcome.from_data(values["outcome"])
    return kind(**values)
