"""Steps, as their author wrote them. Pure."""

from collections.abc import Iterator
from typing import ClassVar

from pydantic import Field

from orchestrator.flow.document.tools import Approval
from orchestrator.flow.part import Part
from orchestrator.flow.shapes import (
    EventName,
    Id,
    Seconds,
    Values,
)

__all__ = ["Show", "Step"]


class Show(Part):
    """Something that the model sees as if the caller had shown it: exactly one of the two."""

    text: str | None = Field(None, description="These words")
    image: str | None = Field(
        None,
        description=(
            "The path of a PNG or JPEG from the file that this stands in; of the project, at most "
            "1 MB. `session.inputs` has to name `image`"
        ),
    )

    def rules(self) -> Iterator[tuple[str, str]]:
        if (self.text is None) == (self.image is None):
            yield "image", "one thing is shown: a `text` or an `image`"


class Step(Part):
    """One thing to do, of `KINDS`."""

    KINDS: ClassVar[tuple[str, ...]] = (
        "say", "prompt", "note", "set", "tool", "emit", "wait", "classify", "dtmf", "play",
        "show",
    )  # fmt: skip
    when: str | None = Field(None, alias="if", description="Condition for doing it")
    say: str | None = Field(
        None, description="These words; not said at all if something in them is unset"
    )
    prompt: str | None = Field(
        None, description="One utterance of the model by this instruction, without tools"
    )
    note: str | None = Field(None, description="A message for the model that nobody hears")
    set: Values | None = Field(None, description="Variables and their new values")
    tool: str | None = Field(None, description="A call; steps wait for a tool of mode `wait`")
    emit: EventName | None = Field(
        None, description="An event for other programs: words joined by dots"
    )
    wait: Seconds | None = Field(None, description="A pause")
    classify: str | None = Field(
        None, description="A question that the model answers unheard, with a value of `into`"
    )
    into: str | None = Field(
        None, description="The variable that `classify` sets: an enum, or a bool (yes or no)"
    )
    dtmf: str | None = Field(
        None,
        description=(
            "Keys to press on the caller's line; the Realtime service has no channel that can"
        ),
    )
    play: str | None = Field(None, description="A recorded file; the steps go on when it is over")
    show: Show | None = Field(None, description="What the model sees as if the caller had shown it")
    exact: bool = Field(
        False, description="The words of `say` are played from `audio`, where that can be"
    )
    audio: str | None = Field(None, description="The recorded file of an exact `say`")
    arguments: Values = Field(
        {}, alias="with", description="Arguments of a `tool`, fields of an `emit`"
    )
    name: Id | None = Field(
        None,
        alias="as",
        description="A name for the tool's result, until the state is left or the caller changes "
        "a variable that the call was made with",
    )
    approval: Approval | None = Field(
        None,
        description=(
            "Of a `tool`: as a tool's, and never less than the tool wants; by default the tool's, "
            "if by a person"
        ),
    )

    def rules(self) -> Iterator[tuple[str, str]]:
        kinds = [kind for kind in self.KINDS if kind in self.node.keys]
        if not kinds:
            yield "", f"a step is one of {', '.join(self.KINDS)}"
        for kind in kinds[1:]:
            yield kind, f"a step does one thing; this one has '{kinds[0]}' already"
        if ("classify" in kinds) != ("into" in self.node.keys):
            yield "classify", "`classify` and `into` go together"
        if self.exact != (self.audio is not None) or (self.exact and "say" not in kinds):
            yield "exact" if self.exact else "audio", "an exact `say` has both `exact` and `audio`"
        if "as" in self.node.keys and "tool" not in kinds:
            yield "as", "only a tool has 'as'"
        if self.approval and "tool" not in kinds:
            yield "approval", "only a tool has 'approval'"
        if "with" in self.node.keys and not {"tool", "emit"} & set(kinds):
            yield "with", "only a tool and an emit have 'with'"
