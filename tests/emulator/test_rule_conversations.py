"""Whole conversations with a small stand-in of the engine.

It renders prompts as docs/prompt.md says and carries out what calls mean. The flows are
written as data here; the rule model sees prompts only.
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


# A bistro's bookings.

BOOKING_SCHEMAS = {
    "party_size": {
        "type": "integer",
        "minimum": 1,
        "maximum": 20,
        "description": "Number of guests",
    },
    "day": {"type": "string", "format": "date", "description": "Day of the booking"},
    "at": {"type": "string", "format": "time", "description": "Arrival time"},
    "guest": {"type": "string", "description": "Name for the booking"},
    "phone": {"type": "string", "format": "phone", "description": "phone"},
    "seating": {"enum": ["indoor", "terrace", "any"], "description": "seating"},
}
DISHES = tool(
    "menu__search_dishes",
    "Find dishes on the menu by name, ingredient or course.",
    query={
        "type": "string",
        "description": "Words such as an ingredient or a course; empty for all",
        "required": True,
    },
    vegetarian={"type": "boolean", "description": "Only dishes without meat or fish"},
)
ALLERGENS = tool(
    "menu__allergens",
    "Name the allergens of a dish.",
    dish={"type": "string", "description": "The name of a dish on the menu", "required": True},
)


def after_details(talk: Talk) -> str:
    if talk.values["party_size"] > 12:
        return "transfer"
    free = talk.at == "alternatives" or talk.values["at"] != "20:15"
    return "confirm" if free else "alternatives"


def bistro(at: str = "welcome", **values: Json) -> Talk:
    return Talk(
        states={
            "welcome": State(
                say="Chez Ana, hello. How can I help?",
                goal="Find out what the caller wants. Do not collect details yet.",
                gos={
                    "book": (
                        (
                            "The caller wants to book a table. For example: "
                            '"a table for two tonight"; "can I book for Friday?".'
                        ),
                        "details",
                    ),
                    "change": ("The caller wants to change or cancel a booking.", "transfer"),
                },
            ),
            "details": State(
                goal="Take the booking details. Accept several at once; ask only for what is "
                "missing. Parties above twelve are handled by a person.",
                collect=("party_size", "day", "at", "guest", "phone", "seating"),
                optional=("seating",),
            ),
            "alternatives": State(
                goal="Nothing is free at {at}. Offer at most two of: 18:30, 21:30.",
                collect=("day", "at"),
                fresh=("at",),
                gos={"give_up": ("The caller gives up.", "goodbye")},
            ),
            "confirm": State(
                goal="Book {party_size} people, {day} at {at}, for {guest}.",
                tools=(tool("create_booking", f"Create the booking. {AT_GOAL}"),),
                gos={"correct": ("The caller corrects a detail.", "confirm")},
                fills={"correct": ("party_size", "day", "at", "guest", "seating")},
                confirms="goodbye",
            ),
            "goodbye": State(
                goal="Thank the caller and say goodbye in one short sentence.", end=True
            ),
            "transfer": State(say="I'll put you through to a colleague.", end=True),
        },
        schemas=BOOKING_SCHEMAS,
        at=at,
        interrupts={
            "human": ("The caller asks for a person.", "transfer"),
            "hours": (
                "The caller asks about opening hours or the address.",
                "say:We are open Tuesday to Sunday, noon to eleven, at 12 Mill Lane.",
            ),
        },
        everywhere=(DISHES, ALLERGENS),
        results={
            "create_booking": lambda _: {"ref": "AB12"},
            "menu__search_dishes": lambda _: {
                "dishes": [{"name": "Ratatouille", "price": 16.0}, {"name": "Poached pear"}]
            },
            "menu__allergens": lambda arguments: {
                "dish": "Mushroom risotto",
                "allergens": ["milk", "sulphites"],
            },
        },
        collected=after_details,
        values={"phone": "+33612345678", "seating": "any", **values},
    )


# A help desk: a code with a pattern, a topic, tools that search.


def helpdesk(at: str = "identify", **values: Json) -> Talk:
    return Talk(
        states={
            "identify": State(
                say="IT service desk. What is your employee number?",
                goal="Get the employee number, then start verification.",
                collect=("employee_id",),
            ),
            "triage": State(
                goal="Understand the problem. Use kb to find a fix and walk the caller through "
                "one step at a time.",
                collect=("topic",),
                tools=(
                    tool(
                        "kb__search",
                        "Search the knowledge base.",
                        query={"type": "string", "description": "Words", "required": True},
                    ),
                ),
                gos={
                    "not_fixed": ("The fix did not work.", "triage"),
                    "solved": ("The problem is solved.", "bye"),
                },
            ),
            "human": State(say="I'm connecting you with an engineer.", end=True),
            "bye": State(goal="Say goodbye in one sentence.", end=True),
        },
        schemas={
            "employee_id": {
                "type": "string",
                "pattern": "E[0-9]{5}",
                "description": "Employee number, E and five digits",
            },
            "topic": {
                "enum": ["password", "laptop", "network", "other"],
                "description": "topic",
            },
        },
        at=at,
        interrupts={
            "human": (
                "The caller asks for a person or mentions an outage for many users.",
                "human",
            )
        },
        results={"kb__search": lambda _: {"result": "Restart the router."}},
        collected=lambda talk: "triage",
        values=dict(values),
    )


# A call about an appointment: yes and no, a day and time in one value.


def reminder(at: str = "who") -> Talk:
    return Talk(
        states={
            "who": State(
                say="Hello, this is the Duval practice. Am I speaking with Ana Lopez?",
                gos={
                    "is_patient": ("Yes, it is the patient.", "ask"),
                    "not_patient": ("Wrong person, or the patient is not there.", "bye"),
                },
            ),
            "ask": State(
                goal="The appointment is Tuesday 24 November at 10:00. Ask whether they can come. "
                "They may also press 1 to confirm or 2 to cancel.",
                gos={
                    "confirms": ("They confirm.", "bye"),
                    "cancels": ("They cannot come.", "bye"),
                    "moves": ("They want another time.", "move"),
                },
            ),
            "move": State(
                goal="Ask for the new day and time. Do not promise it; the practice will confirm "
                "by text.",
                collect=("new_slot",),
            ),
            "bye": State(goal="Thank them and say goodbye.", end=True),
        },
        schemas={
            "new_slot": {
                "type": "string",
                "format": "date-time",
                "description": "New appointment time",
            }
        },
        at=at,
        collected=lambda talk: "bye",
    )


def hello() -> Talk:
    return Talk(
        states={
            "talk": State(
                goal="Greet the caller, answer questions about our opening hours (noon to eleven).",
                gos={"done": ("The caller is done.", "bye")},
            ),
            "bye": State(say="Goodbye.", end=True),
        },
        schemas={},
        at="talk",
    )
