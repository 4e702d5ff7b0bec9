"""The prompt taken apart: sections of the instructions, tools, turns of the conversation.

See docs/prompt.md for the layout. A *turn* is what one user message brought about: the
message and all that follows it, up to the next one.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from orchestrator.dispatch.call import Json
from orchestrator.emulator.model import Prompt
from orchestrator.emulator.words.shapes import is_array, is_object
from orchestrator.emulator.words.text import tidy

__all__ = ["Asked", "Made", "Parameter", "Tool", "Turn", "View", "read"]

_TITLES = (
    "Role",
    "Date and zone",
    "Goal",
    "Known values",
    "Still needed",
    "Sample phrases",
    "Say exactly",
    "Offered now",
    "Task",
    "Classify",
    "Choose one of",
    "Summarise",
)
_HEADING = re.compile(rf"^# ({'|'.join(_TITLES)}) *$", re.MULTILINE)
_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d)?(?:Z|[+-]\d\d:\d\d)?")
_STALE = " (stale: ask again)"
_EXAMPLE = re.compile(r"[\"“]([^\"”]+)[\"”]")
_NEWS = re.compile(r"Tell the caller what the last system message brings\. (?:Then go on: )?")
_LATE = re.compile(r"(\S+) has come back: (.*)")
_AT_GOAL = "Call this as soon as the goal is reached"


@dataclass(frozen=True, slots=True)
class Asked:
    """A value that the prompt still needs."""

    name: str
    description: str


@dataclass(frozen=True, slots=True)
class Parameter:
    name: str
    schema: Mapping[str, Json]
    required: bool

    @property
    def description(self) -> str:
        return str(self.schema.get("description") or self.name.replace("_", " "))


@dataclass(frozen=True, slots=True)
class Tool:
    """A function tool. `examples` are the sample phrases of its description, `about` the rest."""

    name: str
    about: str
    examples: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    at_goal: bool

    @property
    def role(self) -> str:
        """`go`, `set`, `confirm`, `decline`, or empty for a tool of the flow."""
        prefix = self.name.split("_")[0]
        return prefix if prefix in ("go", "set", "confirm", "decline") else ""


@dataclass(frozen=True, slots=True)
class Made:
    """A call that was made, with its output (None: not answered yet). `late`: what an earlier call
    has come to, as a message of the system tells it."""

    name: str
    arguments: Mapping[str, Json]
    output: Json = None
    late: bool = False


@dataclass(slots=True)
class Turn:
    """`after` is the assistant's words before the caller's; `said` those since.

    `untold` is what has come back since the assistant last spoke, whenever it was asked for.
    """

    after: str = ""
    text: str = ""
    calls: list[Made] = field(default_factory=list[Made])
    untold: list[Made] = field(default_factory=list[Made])
    said: list[str] = field(default_factory=list[str])
    notes: list[str] = field(default_factory=list[str])

    @property
    def fresh(self) -> bool:
        """Whether the caller's words wait for their first answer."""
        return bool(self.text) and not self.calls and not self.said

    def called(self, name: str) -> bool:
        return any(call.name == name for call in self.calls)


@dataclass(frozen=True, slots=True)
class View:
    """What the model sees, ready to read. `news`: the goal says first that there are some."""

    exact: str
    role: str
    goal: str
    news: bool
    now: datetime | None
    known: Mapping[str, Json]
    stale: frozenset[str]
    needed: tuple[Asked, ...]
    tools: tuple[Tool, ...]
    turns: tuple[Turn, ...]
    classify: str = ""
    choices: tuple[str, ...] = ()
    summarise: bool = False

    @property
    def turn(self) -> Turn:
        return self.turns[-1]

    def awaits(self, *statuses: str) -> bool:
        """Whether a call that was answered so is still to come back, with a message of the system
        that begins with its name."""
        names = list[str]()
        for turn in self.turns:
            made = [call for call in turn.calls if _status(call) in statuses]
            names += [call.name.removeprefix("confirm_") for call in made]
            for name in (note.partition(" ")[0] for note in turn.notes):
                if name in names:
                    names.remove(name)
        return bool(names)

    @property
    def said(self) -> list[str]:
        """All that the assistant said so far."""
        return [text for turn in self.turns for text in turn.said]


def read(prompt: Prompt) -> View:
    sections = _sections(prompt.instructions) | _standing(prompt.items)
    offered = _lines(sections["Offered now"]) if "Offered now" in sections else None
    moment = _DATE.search(sections.get("Date and zone", ""))
    known, stale = _known(sections.get("Known values", ""))
    goal = tidy(sections.get("Goal", ""))
    return View(
        exact=sections.get("Say exactly", ""),
        role=tidy(sections.get("Role", "")),
        goal=_NEWS.sub("", goal),
        news=bool(_NEWS.match(goal)),
        now=datetime.fromisoformat(moment[0]) if moment else None,
        known=known,
        stale=stale,
        needed=tuple(
            Asked(name, description.strip() or name.replace("_", " "))
            for name, _, description in map(_part, _lines(sections.get("Still needed", "")))
        ),
        tools=tuple(
            _tool(tool)
            for tool in prompt.tools
            if tool.get("type") == "function" and (offered is None or tool["name"] in offered)
        ),
        turns=_turns(prompt.items),
        classify=tidy(sections.get("Classify", "")),
        choices=tuple(_lines(sections.get("Choose one of", ""))),
        summarise="Summarise" in sections,
    )


def _status(call: Made) -> Json:
    return _object(call.output).get("status")


def _sections(instructions: str) -> dict[str, str]:
    _, *parts = _HEADING.split(instructions)
    return {title: body.strip() for title, body in zip(parts[::2], parts[1::2], strict=True)}


def _standing(items: Sequence[Mapping[str, Json]]) -> dict[str, str]:
    """The sections of the last message of the system that is laid out like instructions."""
    laid_out = [text for item in items if (text := _layout(item))]
    return _sections(laid_out[-1]) if laid_out else {}


def _layout(item: Mapping[str, Json]) -> str:
    if item.get("role") != "system":
        return ""
    parts = item.get("content")
    text = (
        "".join(str(_object(part).get("text") or "") for part in parts) if is_array(parts) else ""
    )
    return text if _HEADING.match(text) else ""


def _lines(section: str) -> list[str]:
    return [line[2:].strip() for line in section.splitlines() if line.startswith("- ")]


def _part(line: str) -> tuple[str, str, str]:
    return line.partition(":")


def _known(section: str) -> tuple[dict[str, Json], frozenset[str]]:
    known, stale = dict[str, Json](), set[str]()
    for line in _lines(section):
        name, _, value = _part(line)
        if value.endswith(_STALE):
            stale.add(name)
        known[name] = _json(value.removesuffix(_STALE).strip())
    return known, frozenset(stale)


def _json(text: str) -> Json:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _object(value: Json) -> Mapping[str, Json]:
    return value if is_object(value) else {}


def _tool(tool: Mapping[str, Json]) -> Tool:
    description = tidy(str(tool.get("description") or ""))
    wanted, _, _ = description.partition("Not when:")
    about, _, samples = wanted.partition("For example:")
    schema = _object(tool.get("parameters"))
    required: Json = schema.get("required") or ()
    return Tool(
        name=str(tool["name"]),
        about=about.partition(_AT_GOAL)[0].strip(),
        examples=tuple(_EXAMPLE.findall(samples)),
        parameters=tuple(
            Parameter(name, _object(each), name in required)
            for name, each in _object(schema.get("properties")).items()
        ),
        at_goal=_AT_GOAL in description,
    )


def _turns(items: Sequence[Mapping[str, Json]]) -> tuple[Turn, ...]:
    turns = [Turn()]
    outputs = {
        item.get("call_id"): _json(str(item.get("output") or ""))
        for item in items
        if item.get("type") == "function_call_output"
    }
    made = dict[Json, Made]()
    for item in items:
        if not _layout(item):
            _add(turns, item, outputs, made)
    return tuple(turns)


def _add(
    turns: list[Turn],
    item: Mapping[str, Json],
    outputs: Mapping[Json, Json],
    made: dict[Json, Made],
) -> None:
    """A call is of the turn in which it was made, and news when its output comes."""
    turn = turns[-1]
    match item.get("type"), item.get("role"):
        case "message", "user" if _text(item):  # an image says nothing to us
            before = turn.said[-1] if turn.said else turn.after
            late = [each for each in turn.untold if each.late]
            turns.append(Turn(after=before, text=_text(item), untold=late))
        case "message", "assistant":
            turn.said.append(_text(item))
            turn.untold.clear()
        case "message", "system":
            turn.notes.append(_text(item))
            turn.untold += _late(_text(item))
        case "function_call", _:
            name, number = str(item.get("name")), item.get("call_id")
            made[number] = Made(name, _arguments(item), outputs.get(number))
            turn.calls.append(made[number])
        case "function_call_output", _ if item.get("call_id") in made:
            turn.untold.append(made[item.get("call_id")])
        case (("mcp_call" | "mcp_approval_request"), _):
            name = f"{item.get('server_label')}__{item.get('name')}"
            turn.calls.append(Made(name, _arguments(item), _native(item)))
            turn.untold.append(turn.calls[-1])
        case _:
            pass


def _arguments(item: Mapping[str, Json]) -> Mapping[str, Json]:
    return _object(_json(str(item.get("arguments") or "{}")))


def _late(note: str) -> list[Made]:
    match = _LATE.fullmatch(note)
    return [Made(match[1], {}, _json(match[2]), late=True)] if match else []


def _native(item: Mapping[str, Json]) -> Json:
    """The output of a call that the service made itself; its errors as a function's look."""
    if error := _object(item.get("error")):
        return {"error": str(error.get("type")), "message": str(error.get("message"))}
    return _json(str(item["output"])) if item.get("output") else None


def _text(item: Mapping[str, Json]) -> str:
    content = item.get("content")
    parts = [_object(part) for part in content] if is_array(content) else []
    return tidy(" ".join(str(part.get("text") or part.get("transcript") or "") for part in parts))
