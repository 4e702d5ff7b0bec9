"""The `guards` of a flow's document: keys and their types. Pure."""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, TypeAlias

from pydantic import BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from orchestrator.dispatch.call import Json
from orchestrator.flow.part import Part
from orchestrator.flow.shapes import Id

__all__ = ["Guard", "Guards", "InputGuard", "OutputGuard", "Then"]

TURNS = re.compile(r"([1-9][0-9]{0,3}) turns?\Z")


def _turns(value: Json) -> int:
    found = TURNS.match(value) if isinstance(value, str) else None
    if found is None:
        raise PydanticCustomError("turns", 'should be a number of turns, as "3 turns"')
    return int(found[1])


Turns: TypeAlias = Annotated[
    int,
    BeforeValidator(_turns),
    WithJsonSchema({"type": "string", "pattern": "^[1-9][0-9]* turns?$"}),
]


class Guard(Part):
    """What watches the words of one side: exactly one of match, classify, tool."""

    KINDS: ClassVar[tuple[str, ...]] = ("match", "classify", "tool")
    fallback: ClassVar[Mapping[str, Json]] = {"id": "unnamed"}

    id: Id = Field(description="Its name")
    match: str | None = Field(
        None,
        description=(
            "Regular expression, searched in the last 2000 characters, piece by piece: a match of "
            "more than 100 may be missed, and `^` and `$` stand for a piece's ends"
        ),
    )
    classify: str | None = Field(
        None, description="A question that the model answers unheard: yes, or no"
    )
    tool: str | None = Field(
        None,
        description=(
            "A tool that is called with the parameter `text` and whose result has `hit: true` or "
            "`false`; it needs nobody's approval"
        ),
    )
    every: Turns = Field(
        1, description="Looks only at every so many turns of the caller, as `3 turns`"
    )
    condition: str | None = Field(
        None, alias="when", description="Looks only while this condition holds"
    )

    def rules(self) -> Iterator[tuple[str, str]]:
        kinds = [kind for kind in self.KINDS if kind in self.node.keys]
        if not kinds:
            yield "id", f"a guard has one of {', '.join(self.KINDS)}"
        for kind in kinds[1:]:
            yield kind, f"a guard looks in one way; this one has '{kinds[0]}' already"


class InputGuard(Guard):
    """Watches the caller's words. It never delays the answer."""

    into: str | None = Field(
        None,
        description=(
            "The variable that its answer is kept in, whatever it is: a bool, or with `classify` "
            "an enum, whose values are the answers then"
        ),
    )


class Then(Part):
    """What an output guard does when it finds something."""

    cancel: bool = Field(True, description="The agent is stopped; `say` and `goto` need that")
    say: str | None = Field(None, description="These words, without `${…}`")
    goto: str | None = Field(None, description="The state to go to; there is no event then")

    def rules(self) -> Iterator[tuple[str, str]]:
        silent = self.say is None and self.goto is None
        if self.cancel and silent:
            yield "cancel", "an agent that is stopped needs a `say` or a `goto`: nobody would speak"
        if not self.cancel and not silent:
            yield "cancel", "`say` and `goto` are for an agent that is stopped"


class OutputGuard(Guard):
    """Watches the model's words."""

    then: Then | None = Field(None, description="What to do, besides the event `guard.ID`")


class Guards(Part):
    """What watches over the words of both sides."""

    input: list[InputGuard] = Field([], description="What watches the caller's words")
    output: list[OutputGuard] = Field(
        [], description="What watches the model's words, not the author's"
    )
