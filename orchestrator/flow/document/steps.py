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

    text: str | None = None
    image: str | None = Field(None, description="A PNG or JPEG of the project")

    def rules(self) -> Iterator[tuple[str, str]]:
        if (self.text is None) == (self.image is None):
            yield "image", "one thing is shown: a `text` or an `image`"


class Step(Part):
    """One thing to do, of `KINDS`."""

    KINDS: ClassVar[tuple[str, ...]] = (
        "say", "prompt", "note", "set", "tool", "emit", "wait", "classify", "dtmf", "play",
        "show",
    )  # fmt: skip
    when: str | None = Field(None, alias="if")
    say: str | None = None
    prompt: str | None = None
    note: str | None = None
    set: Values | None = None
    tool: str | None = None
    emit: EventName | None = Field(None, description="Tell other programs")
    wait: Seconds | None = None
    classify: str | None = Field(
        None, description="A question that the model answers unheard, with a value of `into`"
    )
    into: str | None = Field(None, description="The enum or bool that `classify` sets")
    dtmf: str | None = Field(None, description="Keys to press on the caller's line")
    play: str | None = Field(None, description="A recorded file")
    show: Show | None = Field(None, description="A text or an image, into the conversation")
    exact: bool = Field(False, description="The words of `say` are played, from `audio`")
    audio: str | None = Field(None, description="The recorded file of an exact `say`")
    arguments: Values = Field({}, alias="with")
    name: Id | None = Field(None, alias="as", description="Name of the tool's result")
    approval: Approval | None = Field(None, description="Stricter than the tool's own")

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
