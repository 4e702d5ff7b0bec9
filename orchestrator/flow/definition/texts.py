"""Author's texts as they are compiled, and the values that they read. Pure."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from orchestrator.dispatch.call import Json
from orchestrator.flow.operations import as_text

__all__ = [
    "Accept",
    "Expression",
    "Extended",
    "Mark",
    "Rejected",
    "Scope",
    "Template",
    "Variable",
    "in_words",
]


Scope: TypeAlias = Mapping[str, Json]
"""What an expression sees: variables, step results, `call`, `event`, `now` (ISO 8601 text
with offset), `turns`, `visits`, `daypart`, and `result` and `args` where a tool's are."""


class Extended(Mapping[str, Json]):
    """A scope with more names, which go before its own."""

    def __init__(self, scope: Scope, more: Mapping[str, Json]) -> None:
        self._scope = scope
        self._more = more

    def __getitem__(self, name: str) -> Json:
        return self._more[name] if name in self._more else self._scope[name]

    def __iter__(self) -> Iterator[str]:
        return iter({**self._scope, **self._more})

    def __len__(self) -> int:
        return sum(1 for _ in self)


class Rejected(ValueError):
    """A value that its variable or parameter does not take; the text may be told to the model."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a file; counts from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Expression:
    """A checked expression. Never raises; what cannot be computed is None."""

    source: str
    mark: Mark
    evaluate: Callable[[Scope], Json] = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Template:
    """Author's text with `${…}` in it.

    `evaluate` keeps the type of a text that is exactly one `${…}`; `unset` names the first
    thing in it that has no value, or None.
    """

    source: str
    mark: Mark
    evaluate: Callable[[Scope], Json] = field(repr=False, compare=False)
    unset: Callable[[Scope], str | None] = field(repr=False, compare=False)

    def text(self, scope: Scope) -> str:
        """As text; what is unset reads `(unknown)`."""
        value = self.evaluate(scope)
        return value if isinstance(value, str) else as_text(value)


def in_words(arguments: Mapping[str, Json]) -> str:
    """Arguments of a call, for a caller who has to say yes to them."""
    said = ((key.replace("_", " "), value) for key, value in arguments.items())
    return ", ".join(f"{key} {as_text(value)}" for key, value in said if value is not None)


class Accept(Protocol):
    def __call__(self, value: Json, scope: Scope) -> Json:
        """The value in its normal form (JSON: dates and times as ISO text). Raises `Rejected`."""
        ...


@dataclass(frozen=True, slots=True)
class Variable:
    """A typed value of the session. `schema` is JSON Schema for the model, description included."""

    name: str
    describe: str
    schema: Mapping[str, Json]
    accept: Accept = field(repr=False, compare=False)
    default: Json = None
    source: Expression | None = None  # `from:`, evaluated when the session starts
    clears: tuple[str, ...] = ()
    pii: bool = False
    engine_only: bool = False
    checked_by: str | None = None  # the tool that has to agree to what the model gives
    message: str = ""  # the author's, for a value that is refused
    ttl: float | None = None  # seconds for which it is remembered of a caller, if it is
    input: bool = False  # `from: input`: given by who runs the flow
    choices: Mapping[str, Json] = field(default_factory=dict[str, Json])
    """Of an enum or a bool: the words that the model chooses from, and the values they mean."""
