"""A conversation with the rule model by a small stand-in of the engine.

It renders prompts as docs/prompt.md says and carries out what calls mean. Flows are written
as data; the rule model sees prompts only.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from orchestrator.emulator.model import CallTool, Prompt, Speech
from orchestrator.emulator.rule import RuleModel

TODAY = "Monday 23 November 2026, 10:00 (2026-11-23T10:00+01:00, Europe/Paris)"
AT_GOAL = (
    "Call this as soon as the goal is reached: the caller is asked to confirm before anything "
    "happens."
)
SET = "Store what the caller said about these, as soon as it is said or corrected."
READ_BACK = "Read this back to the caller and ask whether it is right, a yes or a no: "
MOST_ANSWERS = 8

Json = Any


def tool(name: str, description: str, **properties: Json) -> dict[str, Json]:
    required = [key for key, schema in properties.items() if schema.pop("required", False)]
    parameters = {"type": "object", "properties": properties, "required": required}
    return {
        "type": "function",
        "name": name,
        "description": description,
        "parameters": parameters,
    }


@dataclass
class State:
    goal: str = ""
    collect: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    fresh: tuple[str, ...] = ()
    tools: tuple[dict[str, Json], ...] = ()
    gos: Mapping[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])
    fills: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    say: str = ""
    end: bool = False
    confirms: str = ""


@dataclass
class Talk:
    """One conversation. `at` is the state; `log` holds the calls, `said` our sentences."""

    states: Mapping[str, State]
    schemas: Mapping[str, dict[str, Json]]
    at: str
    persona: str = "You answer the telephone."
    interrupts: Mapping[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])
    everywhere: tuple[dict[str, Json], ...] = ()
    results: dict[str, Callable[[dict[str, Json]], Json]] = field(
        default_factory=dict[str, Callable[[dict[str, Json]], Json]]
    )
    collected: Callable[["Talk"], str] = lambda talk: talk.at
    values: dict[str, Json] = field(default_factory=dict[str, Json])
    stale: set[str] = field(default_factory=set[str])
    items: list[dict[str, Json]] = field(default_factory=list[dict[str, Json]])
    log: list[tuple[str, dict[str, Json]]] = field(
        default_factory=list[tuple[str, dict[str, Json]]]
    )
    said: list[str] = field(default_factory=list[str])
    pending: str = ""
    answered: bool = False
    readback: str = ""
    goal: str = ""

    def __post_init__(self) -> None:
        self._enter(self.at)

    @property
    def state(self) -> State:
        return self.states[self.at]

    @property
    def calls(self) -> list[str]:
        return [name for name, _ in self.log]

    def arguments(self, name: str) -> dict[str, Json]:
        return next(arguments for called, arguments in reversed(self.log) if called == name)

    def hear(self, text: str) -> str:
        """The caller says this; what we said to it returns."""
        before = len(self.said)
        self.items.append(message("user", text))
        self.answered = bool(self.pending)
        for _ in range(MOST_ANSWERS):
            if self._answer():
                return " ".join(self.said[before:])
        raise AssertionError(f"no end of calls: {self.log}")

    def _answer(self) -> bool:
        """One response. True if it spoke, or if nothing is left to say."""
        prompt = Prompt(self._instructions(), self._tools(), self._choice(), self.items)
        (output,) = RuleModel().respond(prompt)
        if isinstance(output, Speech):
            self._speak(output.text)
            self.readback = ""
            return True
        assert isinstance(output, CallTool)
        return self._call(output.name, json.loads(output.arguments))

    def _call(self, name: str, arguments: dict[str, Json]) -> bool:
        assert name in [each["name"] for each in self._tools()], name
        self.log.append((name, arguments))
        call_id = f"call_{len(self.log)}"
        self.items.append(
            {
                "type": "function_call",
                "name": name,
                "arguments": json.dumps(arguments),
                "call_id": call_id,
            }
        )
        output, then = self._carry_out(name, arguments)
        self.items.append(
            {"type": "function_call_output", "call_id": call_id, "output": json.dumps(output)}
        )
        return self._enter(then) if then else False

    def _carry_out(self, name: str, arguments: dict[str, Json]) -> tuple[Json, str]:
        kind, _, rest = name.partition("_")
        if kind == "set":
            return self._store(arguments)
        if kind == "go":
            self._keep(arguments)
            return {"ok": True}, {**self.interrupts, **self.state.gos}[rest][1]
        if kind == "decline":
            self.pending = ""
            return {"ok": True}, ""
        if kind == "confirm":
            self.pending = ""
            return self.results[rest](arguments), self.state.confirms
        if name == self._gated():
            self.pending = name
            details = ", ".join(f"{key} {value}" for key, value in self.values.items())
            self.readback = details
            return {"status": "needs_confirmation", "read_back": details}, ""
        return self.results[name](arguments), ""

    def _store(self, arguments: dict[str, Json]) -> tuple[Json, str]:
        self._keep(arguments)
        missing = self._needed()
        return ({"ok": True, "missing": missing}, "") if missing else ({"ok": True}, "collected")

    def _keep(self, arguments: dict[str, Json]) -> None:
        self.values |= arguments
        self.stale -= set(arguments)
        if arguments:
            self.pending = ""

    def _enter(self, name: str) -> bool:
        """Carry out a move; True if nobody has to speak after it."""
        if name == "collected":
            name = self.collected(self)
        if name.startswith("say:"):
            self._speak(name[4:])
            return True
        self.at = name
        self.stale |= {each for each in self.state.fresh if each in self.values}
        if self.state.say:
            self._speak(self.state.say)
        return bool(self.state.say and self.items[-1].get("role") == "assistant")

    def _speak(self, text: str) -> None:
        self.said.append(text)
        self.items.append(message("assistant", text))

    def _needed(self) -> list[str]:
        state = self.state
        return [
            name
            for name in state.collect
            if name not in state.optional and (name not in self.values or name in self.stale)
        ]

    def _gated(self) -> str:
        return next((t["name"] for t in self.state.tools if AT_GOAL in t["description"]), "")

    def _choice(self) -> str:
        return "none" if self.readback or self.state.end else "auto"

    def _tools(self) -> list[dict[str, Json]]:
        if self._choice() == "none":
            return []
        state = self.state
        offered = [
            tool(f"go_{name}", text, **self._properties(state.fills.get(name, ())))
            for name, (text, _) in {**state.gos, **self.interrupts}.items()
        ]
        if state.collect:
            offered.append(tool(f"set_{self.at}", SET, **self._properties(state.collect)))
        if self.pending and self.answered:
            offered.append(tool(f"confirm_{self.pending}", "The caller clearly said yes to: it"))
            offered.append(tool(f"decline_{self.pending}", "The caller did not say yes to: it"))
        mine = [each for each in state.tools if each["name"] != self.pending]
        return [*offered, *mine, *self.everywhere]

    def _properties(self, names: Sequence[str]) -> dict[str, Json]:
        return {name: dict(self.schemas[name]) for name in names}

    def _instructions(self) -> str:
        state = self.state
        goal = READ_BACK + self.readback if self.readback else state.goal.format(**self.values)
        fills = [name for names in state.fills.values() for name in names]
        known = [
            f"- {name}: {json.dumps(self.values[name])}"
            + (" (stale: ask again)" if name in self.stale else "")
            for name in dict.fromkeys([*state.collect, *fills])
            if name in self.values
        ]
        needed = [f"- {name}: {self.schemas[name]['description']}" for name in self._needed()]
        sections = {
            "Role": self.persona,
            "Date and zone": TODAY,
            "Goal": goal,
            "Known values": "\n".join(known),
            "Still needed": "\n".join(needed),
        }
        return "\n\n".join(f"# {title}\n{body}" for title, body in sections.items() if body)


def message(role: str, text: str) -> dict[str, Json]:
    kind = "output_text" if role == "assistant" else "input_text"
    return {"type": "message", "role": role, "content": [{"type": kind, "text": text}]}
