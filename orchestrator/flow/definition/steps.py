"""What a flow does by itself, one thing at a time. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from orchestrator.flow.definition.texts import Expression, Template
from orchestrator.flow.definition.tools import ReadBack, Review

__all__ = [
    "Classify",
    "Emit",
    "Note",
    "Play",
    "Prompt",
    "Say",
    "SendDigits",
    "Set",
    "Show",
    "Step",
    "UseTool",
    "Wait",
]


@dataclass(frozen=True, slots=True)
class Say:
    """`audio` is a file that says it, where the channel can play one."""

    text: Template
    when: Expression | None = None
    audio: str | None = None


@dataclass(frozen=True, slots=True)
class Prompt:
    """One utterance of the model, by instruction."""

    text: Template
    when: Expression | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """A system item; nobody speaks."""

    text: Template
    when: Expression | None = None


@dataclass(frozen=True, slots=True)
class Set:
    values: Mapping[str, Template]
    when: Expression | None = None


@dataclass(frozen=True, slots=True)
class UseTool:
    """A call that the author makes. Its result is visible as `result_name`, if that is set."""

    tool: str
    arguments: Mapping[str, Template]
    result_name: str | None = None
    when: Expression | None = None
    approval: "ReadBack | Review | None" = None  # stricter than the tool's own


@dataclass(frozen=True, slots=True)
class Emit:
    """Tell other programs: an event `name` with these fields."""

    name: str
    data: Mapping[str, Template]
    when: Expression | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """Do nothing for so many seconds."""

    seconds: float
    when: Expression | None = None


@dataclass(frozen=True, slots=True)
class Classify:
    """The model decides, beside the conversation, which of its `choices` the variable gets."""

    text: Template
    variable: str
    when: Expression | None = None


@dataclass(frozen=True, slots=True)
class SendDigits:
    """Press keys on the caller's line."""

    digits: Template
    when: Expression | None = None


@dataclass(frozen=True, slots=True)
class Play:
    """Let the caller hear a recorded file."""

    file: str
    when: Expression | None = None


@dataclass(frozen=True, slots=True)
class Show:
    """The model sees this as if the caller had shown it: a text, or an image's data URI."""

    text: Template | None = None
    image: str = field(default="", repr=False)
    when: Expression | None = None


Step: TypeAlias = (
    Say | Prompt | Note | Set | UseTool | Emit | Wait | Classify | SendDigits | Play | Show
)
