"""What stands in for the language model: one interface, two models behind it.

A model sees what the provider's model would see: whole instructions, the offered
tools and the items of the conversation. It knows no flow.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

from orchestrator.dispatch.call import Json

__all__ = ["CallTool", "Fail", "Model", "Output", "Prompt", "Speech"]


@dataclass(frozen=True, slots=True)
class Prompt:
    """All that one response is made from.

    `tools` are function tools and `items` conversation items, both in the Realtime shape.
    `tool_choice` is `auto`, `none`, `required` or `{"type": "function", "name": …}`.
    """

    instructions: str
    tools: Sequence[Mapping[str, Json]]
    tool_choice: Json
    items: Sequence[Mapping[str, Json]]


@dataclass(frozen=True, slots=True)
class Speech:
    """The model says this."""

    text: str


@dataclass(frozen=True, slots=True)
class CallTool:
    """The model asks for this tool. `arguments` is JSON text, as the wire has it."""

    name: str
    arguments: str = "{}"


@dataclass(frozen=True, slots=True)
class Fail:
    """The response ends without output: `failed` with an error, or `incomplete`."""

    code: str = "server_error"
    status: Literal["failed", "incomplete"] = "failed"


Output: TypeAlias = Speech | CallTool | Fail


class Model(Protocol):
    def respond(self, prompt: Prompt) -> Sequence[Output]:
        """The output items of one response, in order; empty is legal."""
        ...
