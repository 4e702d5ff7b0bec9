"""What the engine asks for: imperatives. Pure.

The driver performs them in order. Each belongs to one of three classes, which say what a
new owner of a session does with the commands of a journalled event whose effects it
cannot know (docs/events.md): *repeatable* ones carry ids that we chose, so the other side
recognises them; *once* ones are repeated only if no event tells of their result; *never*
ones are not repeated. `Report` is for people and is performed by nobody.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from orchestrator.dispatch.call import Json, Priority, Rate, Settler

__all__ = [
    "AddItem",
    "AnswerCall",
    "AnswerNative",
    "Ask",
    "AskPurpose",
    "AskToStop",
    "Command",
    "Dispatch",
    "DropItems",
    "Emit",
    "End",
    "Hush",
    "Play",
    "Purpose",
    "Remember",
    "Report",
    "Say",
    "SendDigits",
    "Speak",
    "ToolChoice",
    "Transfer",
    "Withdraw",
]

Purpose: TypeAlias = Literal["goal", "answer", "prompt", "say", "readback", "resume", "result"]
"""Why the model is asked to speak: a state's goal; the caller's turn or the outputs of its own
calls; an author's `prompt`; an author's `say` where there is a voice; the details of a call that
needs the caller's yes; going on after an interrupt; a result that came late."""

ToolChoice: TypeAlias = Literal["auto", "none"]

AskPurpose: TypeAlias = Literal["classify", "summary", "guard"]
"""Why the model is asked beside the conversation: a step of the author's; what was said so far,
before items are dropped; a guard that watches."""


@dataclass(frozen=True, slots=True)
class Speak:
    """Ask the model for one answer (once). Exactly one `AnswerEnded` follows, with the same id.

    `instructions` are whole: they replace the session's. `tools` are in the Realtime
    shape: functions (`type`, `name`, `description`, `parameters`), and of the servers that the
    service itself asks (`type: mcp`, `server_label`) the `allowed_tools`. Unless `whole`, there
    are none of both: those that the session was opened with hold (`prompting: stable`).
    """

    id: str
    purpose: Purpose
    epoch: int
    instructions: str
    tools: tuple[Mapping[str, Json], ...] = ()
    choice: ToolChoice = "auto"
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask the model beside the conversation (once); nobody hears it. One `Answered` follows.

    It sees the conversation so far, or only the text `about`, and nothing of it enters the
    conversation. It may be under way beside an answer, and beside others of its kind.
    """

    id: str
    purpose: AskPurpose
    instructions: str
    about: str = ""


@dataclass(frozen=True, slots=True)
class Hush:
    """Stop this answer, or what was asked; nobody waits for its end any more (repeatable)."""

    speak: str


@dataclass(frozen=True, slots=True)
class Say:
    """Say this to the caller, word for word, without the model (repeatable; text sessions).

    It is shown and stands in the conversation as an assistant item with id `item`.
    """

    item: str
    text: str


@dataclass(frozen=True, slots=True)
class Play:
    """Let the caller hear a recorded file (never; where we own the media).

    As for a `Speak`, exactly one `AnswerEnded` follows. `text` is what it says, if that is known.
    """

    id: str
    file: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class SendDigits:
    """Press keys on the caller's line (never; where a carrier can)."""

    digits: str


@dataclass(frozen=True, slots=True)
class AddItem:
    """Add a message to the conversation (repeatable): at its end, or before all else (`first`).
    Where there is an `image` (a data URI), that is the message.
    """

    item: str
    role: Literal["user", "system"]
    text: str
    first: bool = False
    image: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class DropItems:
    """Take these out of the conversation (repeatable). Some may be gone already."""

    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AnswerCall:
    """Give a call of the model its output, exactly once per call (repeatable)."""

    item: str
    call: str
    output: str


@dataclass(frozen=True, slots=True)
class AnswerNative:
    """Tell the service whether it may make the call that it asked about (repeatable).

    `NativeSettled` with the same call follows if it may.
    """

    item: str
    request: str
    approve: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Dispatch:
    """Publish one attempt of a call (repeatable: by call and attempt).

    `priority` says whether somebody waits for it; `rate` how many calls of its tool may begin in
    a time, over all sessions.
    """

    call: str
    attempt: int
    queue: str
    tool: str
    arguments: Mapping[str, Json]
    key: str
    timeout: float
    rerun: bool
    priority: Priority = "live"
    rate: Rate | None = None


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Settle an attempt from our side, unless its outcome was first (repeatable)."""

    call: str
    attempt: int
    by: Settler


@dataclass(frozen=True, slots=True)
class AskToStop:
    """Ask whoever runs this attempt to stop (repeatable). Only its outcome closes the call."""

    call: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Emit:
    """Tell the world (never): an event of the author's own, for other programs."""

    name: str
    data: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Remember:
    """Keep these values for the caller's next session (repeatable).

    Each with the seconds for which it is kept; None is forgotten.
    """

    values: Mapping[str, tuple[Json, float]]


@dataclass(frozen=True, slots=True)
class Transfer:
    """Hand the caller to a person or another line (never). `TransferEnded` follows."""

    to: str
    note: str = ""
    summary: str = ""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class End:
    """The conversation is over (never). Open calls that are kept may still settle."""

    reason: str


@dataclass(frozen=True, slots=True)
class Report:
    """Something that people and tests want to know. Names and fields: docs/events.md."""

    name: str
    data: Mapping[str, Json] = field(default_factory=dict[str, Json])


Command: TypeAlias = (
    Speak
    | Ask
    | Hush
    | Say
    | Play
    | SendDigits
    | AddItem
    | DropItems
    | AnswerCall
    | AnswerNative
    | Dispatch
    | Withdraw
    | AskToStop
    | Emit
    | Remember
    | Transfer
    | End
    | Report
)
