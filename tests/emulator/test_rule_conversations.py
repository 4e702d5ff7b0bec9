"""Whole conversations with a small stand-in of the engine.

It renders prompts as docs/prompt.md says and carries out what calls mean. The flows are
written as data here; the rule model sees prompts only.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

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


def bistro(at: str = "welcome", /, **values: Json) -> Talk:
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


# A help desk: a code with a pattern, a topic, tools that search, read and open tickets.

ID = {"type": "string", "description": "Of an article that was found", "required": True}
QUERY = {"type": "string", "description": "The problem in a few words", "required": True}
TITLE = {"type": "string", "description": "The problem in one line", "required": True}
WORDS = {"type": "string", "description": "Words of the title; empty for all", "required": True}
DESK_TOOLS = (
    tool("desk__find_tickets", "Find tickets by words of their title.", query=dict(WORDS)),
    tool(
        "desk__create_ticket",
        f"Open a ticket for the service desk. {AT_GOAL}",
        priority={"enum": ["low", "normal", "high"], "default": "normal"},
        title=dict(TITLE),
    ),
    tool("kb__search", "Search the knowledge base.", query=dict(QUERY)),
    tool("kb__fetch", "Read an article of the knowledge base.", id=dict(ID)),
)
SLOW = {
    "id": "slow",
    "title": "The laptop is slow",
    "steps": ["Close what is not needed.", "Restart the laptop.", "Leave it on power overnight."],
}
FOUND = {
    "results": [
        {"id": "slow", "title": "The laptop is slow"},
        {"id": "wifi", "title": "The laptop has no wireless network in the office"},
    ]
}


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
                "one step at a time. If it is not solved after two suggestions, open a ticket "
                "with desk.",
                collect=("topic",),
                tools=DESK_TOOLS,
                gos={
                    "not_fixed": ("The fix did not work.", "triage"),
                    "solved": ("The problem is solved.", "bye"),
                },
                confirms="bye",
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
        results={
            "kb__search": lambda _: {"result": "Restart the router."},
            "kb__fetch": lambda arguments: {"slow": SLOW}[arguments["id"]],
            "desk__find_tickets": lambda _: {"tickets": []},
            "desk__create_ticket": lambda _: {"id": "T12", "title": "x", "priority": "normal"},
        },
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


OPENINGS = [
    "I'd like to reserve a table for two tonight",
    "can I make a reservation please",
    "we want to come for dinner on Saturday",
    "table for 6 tomorrow at 8pm under Smith",
    "do you have anything free tonight for four?",
    "have you got a table for three on the 24th at noon?",
    "booking for 12 people this Friday please",
    "I'd like a table",
    "Is there any availability on 24 November for two people?",
    "I need to book something for my birthday next Saturday",
    "could you squeeze us in tonight, party of five?",
    "good evening, my name is Ana Lopez and I want to book for eight at eight on Thursday",
    "reservation, four people, Friday, quarter to nine",
    "hi there, we are six and would love to eat at yours tomorrow night",
    "two of us tonight half seven",
    "can we come on Friday, six of us, at 8:15pm",
    "Can you book me in for 2 at 19:30 on 2026-12-01?",
    "We'd like to have lunch with you on the 5th of December, there will be ten of us",
    "a table please, tomorrow",
    "hello, is it possible to get a table this evening?",
    "Do you have a table for two at eight?",
    "I want to reserve",
]


@pytest.mark.parametrize("words", OPENINGS)
def test_a_wish_to_book_is_understood_in_many_words(words: str) -> None:
    talk = bistro()
    talk.hear(words)
    assert talk.calls[0] == "go_book"


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("I want to cancel my booking", "go_change"),
        ("I need to move my reservation to Friday", "go_change"),
        ("can I change my table to 9?", "go_change"),
        ("are you open on Sundays?", "go_hours"),
        ("what are your opening times?", "go_hours"),
        ("when do you close", "go_hours"),
        ("where are you?", "go_hours"),
        ("I want to speak to the manager", "go_human"),
        ("give me a human", "go_human"),
        ("can I talk to somebody please", "go_human"),
        ("is there anything vegan?", "menu__search_dishes"),
        ("what is the soup of the day", "menu__search_dishes"),
        ("does the onion soup contain milk?", "menu__allergens"),
        ("I'm allergic to nuts, is the risotto ok?", "menu__allergens"),
    ],
)
def test_other_wishes_are_told_from_a_booking(words: str, name: str) -> None:
    talk = bistro()
    talk.hear(words)
    assert talk.calls[0] == name


def test_a_table_is_booked_in_one_breath() -> None:
    talk = bistro()
    said = talk.hear("Table for four tomorrow at half past seven, name of Martin.")
    assert talk.log == [
        ("go_book", {}),
        (
            "set_details",
            {"day": "2026-11-24", "at": "19:30", "party_size": 4, "guest": "Martin"},
        ),
        ("create_booking", {}),
    ]
    assert "Tuesday 24 November" in said and said.endswith("Is that right?")
    assert "Goodbye!" in talk.hear("Yes please.")
    assert talk.calls[-1] == "confirm_create_booking"


def test_details_are_taken_one_by_one() -> None:
    talk = bistro()
    assert "number of guests" in talk.hear("Hi, I'd like to book a table")
    assert "day of the booking" in talk.hear("two")
    talk.hear("tomorrow")
    talk.hear("eight")
    talk.hear("dupont")
    assert talk.values["party_size"] == 2
    assert (talk.values["day"], talk.values["at"]) == ("2026-11-24", "20:00")
    assert talk.values["guest"] == "Dupont"
    assert talk.calls[-1] == "create_booking"


@pytest.mark.parametrize(
    ("words", "values"),
    [
        ("four", {"party_size": 4}),
        ("we'll be five", {"party_size": 5}),
        ("I told you, four people!", {"party_size": 4}),
        ("at 8", {"at": "20:00"}),
        ("on the terrace if possible", {"seating": "terrace"}),
        ("could we sit outside?", {"seating": "terrace"}),
        ("my number is 06 12 34 56 78", {"phone": "0612345678"}),
        ("for the 3rd of December, 3 people, 3pm", {"party_size": 3, "at": "15:00"}),
        ("table for two under Van der Berg", {"party_size": 2, "guest": "Van der Berg"}),
        ("me and my husband at seven on Sunday", {"party_size": 2, "day": "2026-11-29"}),
    ],
)
def test_details_come_in_any_order(words: str, values: dict[str, Json]) -> None:
    talk = bistro("details")
    talk.hear(words)
    assert talk.calls == ["set_details"]
    assert values.items() <= talk.values.items()


@pytest.mark.parametrize(
    ("words", "at"),
    [
        ("half past six then", "18:30"),
        ("the later one", "21:30"),
        ("21:30", "21:30"),
        ("9:30 is fine", "21:30"),
        ("the first one please", "18:30"),
        ("ok half nine", "21:30"),
        ("either is fine", "18:30"),
        ("half past nine is too late, the earlier one", "18:30"),
        ("how about eight?", "20:00"),
    ],
)
def test_an_alternative_is_chosen(words: str, at: str) -> None:
    talk = bistro()
    talk.hear("Do you have a table for two tonight at quarter past eight?")
    offer = talk.hear("Martin")
    assert "Nothing is free at 20:15. I could offer 18:30 or 21:30." in offer
    talk.hear(words)
    assert talk.log[-2:] == [("set_alternatives", {"at": at}), ("create_booking", {})]


@pytest.mark.parametrize(
    "words", ["no thanks", "forget it", "none of those", "never mind, I'll try somewhere else"]
)
def test_a_caller_may_give_up(words: str) -> None:
    talk = bistro("alternatives", at="20:15", party_size=2, day="2026-11-24", guest="Ana")
    talk.hear(words)
    assert talk.calls == ["go_give_up"]


def booked() -> Talk:
    talk = bistro()
    talk.hear("Table for four tomorrow at half past seven, name of Martin.")
    talk.log.clear()
    return talk


@pytest.mark.parametrize(
    "words",
    ["yes", "that's correct", "yep go ahead", "sounds good", "perfect thank you", "do that"],
)
def test_a_yes_confirms(words: str) -> None:
    talk = booked()
    talk.hear(words)
    assert talk.calls == ["confirm_create_booking"]


@pytest.mark.parametrize("words", ["no", "no that's wrong", "I want to change something"])
def test_a_no_declines_and_we_ask_what_to_change(words: str) -> None:
    talk = booked()
    assert talk.hear(words) == "What should I change?"
    assert talk.calls == ["decline_create_booking"]


@pytest.mark.parametrize(
    ("words", "values"),
    [
        ("no, five people", {"party_size": 5}),
        ("wait, make it five", {"party_size": 5}),
        ("actually eight o'clock", {"at": "20:00"}),
        ("could you change the time to 8?", {"at": "20:00"}),
        ("it should be Friday", {"day": "2026-11-27"}),
        ("yes please but on the terrace", {"seating": "terrace"}),
        ("not Martin, Dupont", {"guest": "Dupont"}),
        ("make that half past eight for six", {"at": "20:30", "party_size": 6}),
    ],
)
def test_a_correction_is_read_back_again(words: str, values: dict[str, Json]) -> None:
    talk = booked()
    said = talk.hear(words)
    assert talk.log == [("go_correct", values), ("create_booking", {})]
    assert said.endswith("Is that right?")


@pytest.mark.parametrize(
    "words", ["no, can I talk to a person?", "wait, put me through to a human", "I want a human"]
)
def test_a_person_may_be_asked_for_instead_of_an_answer(words: str) -> None:
    talk = booked()
    talk.hear(words)
    assert talk.calls == ["go_human"]


def test_a_person_is_asked_for_beside_values() -> None:
    talk = bistro("details")
    talk.hear("we are four people, but just give me a human")
    assert talk.calls[-1] == "go_human"


def test_what_is_repeated_unchanged_corrects_nothing() -> None:
    talk = booked()
    talk.hear("yes, four people tomorrow")
    assert talk.calls == ["confirm_create_booking"]


def test_a_correction_after_a_no_is_taken() -> None:
    talk = booked()
    talk.hear("no")
    talk.hear("the day is wrong, it should be Saturday")
    talk.hear("yes that's right")
    assert talk.arguments("go_correct") == {"day": "2026-11-28"}
    assert talk.calls[-2:] == ["create_booking", "confirm_create_booking"]


def test_questions_about_the_menu_may_come_in_the_middle() -> None:
    talk = booked()
    said = talk.hear("is there anything vegetarian?")
    assert talk.log == [("menu__search_dishes", {"vegetarian": True, "query": ""})]
    assert said.startswith("I found Ratatouille and Poached pear.")
    assert said.endswith("Is that right?")
    said = talk.hear("hang on, are there nuts in the risotto?")
    assert talk.log[-1] == ("menu__allergens", {"dish": "risotto"})
    assert said.startswith("Mushroom risotto: allergens milk and sulphites.")
    talk.hear("ok, yes")
    assert talk.calls[-1] == "confirm_create_booking"


def test_a_name_that_is_known_already_is_no_question_about_the_menu() -> None:
    talk = bistro("details", guest="Smith")
    talk.hear("my name is Smith")
    assert talk.calls == []


def test_opening_hours_are_a_detour() -> None:
    talk = bistro("details")
    assert "noon to eleven" in talk.hear("Are you open until eleven on Friday?")
    talk.hear("then for two")
    assert talk.log == [("go_hours", {}), ("set_details", {"party_size": 2})]


def test_words_that_mean_nothing_here_are_asked_for_again_in_varied_words() -> None:
    talk = bistro("details")
    heard = [talk.hear("blah blah") for _ in range(4)]
    assert heard[0].startswith("Sorry, I did not catch that. Could you tell me")
    assert heard[0] == heard[1] != heard[2]


def test_an_employee_number_is_taken_however_it_is_said() -> None:
    for words in ("it's E12345", "e 1 2 3 4 5", "E one two three four five"):
        talk = helpdesk()
        talk.hear(words)
        assert talk.log == [("set_identify", {"employee_id": "E12345"})]


def test_a_problem_is_looked_up_as_the_goal_says_and_followed() -> None:
    talk = helpdesk("triage")
    said = talk.hear("my laptop won't start")
    assert talk.values["topic"] == "laptop"
    assert talk.arguments("kb__search") == {"query": "laptop start"}
    assert said.startswith("Restart the router.")
    talk.hear("it still doesn't work")
    assert talk.calls[-1] == "go_not_fixed"
    talk.hear("great, it works now")
    assert talk.calls[-1] == "go_solved"


def slow_laptop() -> Talk:
    """A caller whose problem is in the knowledge base; the first step has been told."""
    talk = helpdesk("triage")
    talk.results["kb__search"] = lambda _: FOUND
    talk.hear("My laptop is slow.")
    return talk


def test_what_was_found_is_read_and_its_steps_are_told_one_at_a_time() -> None:
    talk = slow_laptop()
    assert talk.log == [
        ("set_triage", {"topic": "laptop"}),
        ("kb__search", {"query": "laptop slow"}),
        ("kb__fetch", {"id": "slow"}),
    ]
    assert talk.said[-1] == "The laptop is slow. Close what is not needed. Does it work now?"
    assert talk.hear("That did not help.") == "Restart the laptop. Does it work now?"
    assert talk.calls[3:] == ["go_not_fixed"]


def test_after_two_suggestions_a_ticket_is_offered_as_the_goal_says() -> None:
    talk = slow_laptop()
    talk.hear("That did not help.")
    assert talk.hear("It still does not work.") == "Shall I open a ticket?"
    talk.hear("Please open a ticket.")
    assert talk.log[-1] == ("desk__create_ticket", {"title": "laptop slow"})
    talk.hear("Yes.")
    assert talk.calls[-1] == "confirm_desk__create_ticket"


def test_yes_to_an_offer_is_the_wish_for_it() -> None:
    talk = slow_laptop()
    talk.hear("No.")
    talk.hear("No, it is still slow.")
    assert talk.said[-1] == "Shall I open a ticket?"
    talk.hear("Yes.")
    assert talk.log[-1] == ("desk__create_ticket", {"title": "laptop slow"})


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("Yes.", "go_solved"),
        ("Yes, thank you.", "go_solved"),
        ("It works again.", "go_solved"),
        ("No.", "go_not_fixed"),
        ("Nope, same problem.", "go_not_fixed"),
        ("Nor did that work.", "go_not_fixed"),
        ("No, put me through to a person.", "go_human"),
    ],
)
def test_whether_a_step_helped_is_understood(words: str, name: str) -> None:
    talk = slow_laptop()
    talk.hear(words)
    assert talk.calls[3:] == [name]


def test_words_not_understood_bring_no_new_step() -> None:
    said = slow_laptop().hear("Bananas.")
    assert said == "Sorry, I did not catch that. Does it work now?"


def test_nothing_is_read_by_an_id_that_nobody_found() -> None:
    talk = helpdesk("triage")
    talk.results["kb__search"] = lambda _: {"results": []}
    said = talk.hear("My laptop is slow.")
    assert talk.calls == ["set_triage", "kb__search"]
    assert said == "I found nothing for that. Shall I open a ticket?"


def test_a_trouble_is_looked_up_though_no_goal_says_so() -> None:
    desk = helpdesk("triage", topic="laptop")
    desk.states["triage"].goal = "Help the caller."
    desk.states["triage"].tools = DESK_TOOLS[2:]
    desk.hear("My screen is broken.")
    assert desk.log == [("kb__search", {"query": "screen broken"})]


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("yes", "go_is_patient"),
        ("speaking", "go_is_patient"),
        ("that's me", "go_is_patient"),
        ("no, wrong number", "go_not_patient"),
        ("she's not here", "go_not_patient"),
        ("no, I'm her husband", "go_not_patient"),
    ],
)
def test_the_patient_is_told_from_others(words: str, name: str) -> None:
    talk = reminder()
    talk.hear(words)
    assert talk.calls == [name]


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("yes I can", "go_confirms"),
        ("I'll be there", "go_confirms"),
        ("absolutely", "go_confirms"),
        ("no I can't come", "go_cancels"),
        ("sorry, I can't make it", "go_cancels"),
        ("could we move it to another day?", "go_moves"),
        ("can I reschedule?", "go_moves"),
        ("I need a different time", "go_moves"),
    ],
)
def test_an_appointment_is_confirmed_cancelled_or_moved(words: str, name: str) -> None:
    talk = reminder()
    assert "Tuesday 24 November at 10:00. Can you come?" in talk.hear("yes")
    talk.hear(words)
    assert talk.calls[-1] == name


@pytest.mark.parametrize(
    ("turns", "slot"),
    [
        (["Thursday at ten"], "2026-11-26T10:00:00+01:00"),
        (["Thursday", "at ten"], "2026-11-26T10:00:00+01:00"),
        (["the 3rd of December at 2pm"], "2026-12-03T14:00:00+01:00"),
        (["how about Friday", "half past three"], "2026-11-27T15:30:00+01:00"),
    ],
)
def test_a_day_and_its_time_are_one_value(turns: list[str], slot: str) -> None:
    talk = reminder("move")
    for words in turns:
        talk.hear(words)
    assert talk.log == [("set_move", {"new_slot": slot})]


def test_ten_lines_are_a_conversation() -> None:
    talk = hello()
    assert talk.hear("hello") == "Hello! How can I help?"
    assert talk.hear("when are you open?").startswith("Our opening hours: noon to eleven.")
    assert talk.hear("that's all, thank you") == "Goodbye."
