"""What the model may ask for in a state, if everything allows it: worked out once a state. Pure.

What of it is offered at a moment is `offer`'s. The names of the tools and their prose are a
contract: docs/prompt.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from orchestrator.dispatch.call import Json
from orchestrator.flow.definition import Edge, Flow, Intent, Interrupt, State, Tool
from orchestrator.flow.remembered import remembered

__all__ = [
    "EMPTY",
    "Decide",
    "Go",
    "Menu",
    "Offer",
    "Schema",
    "SetValues",
    "Use",
    "function",
    "go",
    "menu",
]

CONFIRMED = (
    "Call this as soon as the goal is reached: "
    "the caller is asked to confirm before anything happens."
)
STORE = "Store what the caller said about these, as soon as it is said or corrected."
NO_PARAMETERS: Mapping[str, Json] = {"type": "object", "properties": {}}

Schema: TypeAlias = Mapping[str, Json]
"""A function as the Realtime service is told of it; its `name` is what the model calls."""


@dataclass(frozen=True, slots=True)
class Go:
    """A move: `path` is that of an edge or an interrupt."""

    schema: Schema
    path: str
    intent: Intent


@dataclass(frozen=True, slots=True)
class SetValues:
    schema: Schema
    variables: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Decide:
    """The caller's word on what was read back."""

    schema: Schema
    yes: bool


@dataclass(frozen=True, slots=True)
class Use:
    schema: Schema
    tool: Tool


Offer: TypeAlias = Go | SetValues | Decide | Use


@dataclass(frozen=True, slots=True)
class Menu:
    """By what it is that decides whether they are offered; `store` is for what is collected.

    `called` has for each name a menu of all that bears it: of an intent, there may be several
    edges and an interrupt. The menus in it have no `called` of their own.
    """

    moves: tuple[tuple[Edge, Go], ...]
    interrupts: tuple[tuple[Interrupt, Go], ...]
    store: SetValues | None
    tools: tuple[Use, ...]
    called: Mapping[str, "Menu"] = field(default_factory=dict[str, "Menu"])

    @property
    def offers(self) -> tuple[Offer, ...]:
        moves = (*(go for _, go in self.moves), *(go for _, go in self.interrupts))
        return (*moves, *((self.store,) if self.store else ()), *self.tools)


EMPTY = Menu((), (), None, ())


def menu(flow: Flow, state: State) -> Menu:
    """Of a state of this flow."""
    menus = _menus(flow)
    if state.name not in menus:
        whole = _menu(flow, state)
        names = [offer.schema["name"] for offer in whole.offers]
        menus[state.name] = replace(whole, called={name: _called(whole, name) for name in names})
    return menus[state.name]


@remembered
def _menus(flow: Flow) -> dict[str, Menu]:
    """Of the states that somebody was in."""
    return {}


def _menu(flow: Flow, state: State) -> Menu:
    return Menu(
        tuple(
            (edge, go(flow, f"edge:{state.name}:{index}", edge.trigger))
            for index, edge in enumerate(state.next)
            if isinstance(edge.trigger, Intent)
        ),
        tuple(
            (interrupt, go(flow, f"interrupt:{interrupt.id}", interrupt.trigger))
            for interrupt in flow.interrupts
            if isinstance(interrupt.trigger, Intent)
        ),
        _store(flow, state),
        tuple(_use(flow.tools[name]) for name in state.tools),
    )


def _called(whole: Menu, name: str) -> Menu:
    return Menu(
        tuple((edge, go) for edge, go in whole.moves if go.schema["name"] == name),
        tuple((interrupt, go) for interrupt, go in whole.interrupts if go.schema["name"] == name),
        whole.store if whole.store and whole.store.schema["name"] == name else None,
        tuple(use for use in whole.tools if use.schema["name"] == name),
    )


def go(flow: Flow, path: str, intent: Intent) -> Go:
    schema = function(f"go_{intent.id}", _prose(intent), _properties(flow, intent.fill))
    return Go(schema, path, intent)


def _store(flow: Flow, state: State) -> SetValues | None:
    if state.collect is None:
        return None
    variables = state.collect.variables
    return SetValues(function(f"set_{state.name}", STORE, _properties(flow, variables)), variables)


def _use(tool: Tool) -> Use:
    prose = f"{tool.describe} {CONFIRMED}" if tool.read_back else tool.describe
    return Use(function(tool.alias, prose.strip(), tool.schema), tool)


def function(name: str, prose: str, parameters: Mapping[str, Json] = NO_PARAMETERS) -> Schema:
    return {"type": "function", "name": name, "description": prose, "parameters": parameters}


def _prose(intent: Intent) -> str:
    prose = intent.description
    if intent.examples:
        prose += " For example: " + " ".join(f'"{example}";' for example in intent.examples)
        prose = prose[:-1] + "."
    return f"{prose} Not when: {intent.unless}" if intent.unless else prose


def _properties(flow: Flow, names: tuple[str, ...]) -> Mapping[str, Json]:
    return {"type": "object", "properties": {name: flow.variables[name].schema for name in names}}
