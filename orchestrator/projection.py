"""What people and machines are shown of a session: events and commands as plain records. Pure.

A projection decides nothing and nothing reads it back. Personal data is masked here, for
everything that leaves the journal:

- the value of a `pii` variable, and what is in it, wherever it occurs;
- what looks like one: a phone number, an address, the variable's own pattern, because it is
  said before any variable holds it, and stays in calls after it was corrected;
- a field of arguments, results and data that has the name of such a variable.

Dates in ISO form and ids are kept, unless they are the value. Numbers that a caller spells
out in words, and former values that look like nothing in particular, are not recognised.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from typing import TypeAlias, cast

from orchestrator.dispatch.call import Json
from orchestrator.flow.commands import Command, Emit, End, Play, Report, Say, Speak, Transfer
from orchestrator.flow.definition import Flow, Variable
from orchestrator.flow.events import (
    AgentSaid,
    AnswerEnded,
    CallerTyped,
    Event,
    SessionStarted,
    TranscriptFinal,
)
from orchestrator.flow.snapshot import Snapshot

__all__ = [
    "KEPT",
    "MASK",
    "Record",
    "conceal",
    "known_values",
    "looks",
    "personal_variables",
    "record",
    "texts",
]

MASK = "•••"
PHONE = r"(?<!\w)\+?\d(?:[\s().-]*\d){5,}"
EMAIL = r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"
DATE = r"\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?(?:Z|[+-]\d\d:\d\d)?)?\b"
ID = r"\b[a-z]+_\w+|\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"
KEPT = f"(?P<kept>{DATE}|{ID})"
"""What looks like a number and is none: it stays."""
NAMES = frozenset(
    {"call", "tool", "queue", "state", "by", "how", "id", "name", "session", "flow", "version"}
) | {"purpose"}
"""Fields of records that hold names which the flow or the engine has given."""
Record: TypeAlias = dict[str, Json]


def record(
    flow: Flow, snapshot: Snapshot, item: Event | Command, *, masked: bool = True
) -> Record | None:
    """The record of one event or command (names: docs/events.md), or None if it has none.

    Without `masked` the words of both sides stand as they were said, and why a value was refused:
    for the terminal of the caller. Everything else is masked all the same.
    """
    named = _name(flow, item)
    if named is None or (isinstance(item, AgentSaid) and item.speak == snapshot.talk.stopped):
        return None
    name, data = named
    if name.startswith("value.") and _variable(flow, data).pii:
        hidden = ("value", "reason") if masked else ("value",)
        data = {key: MASK if key in hidden else value for key, value in data.items()}
    spoken = name in ("agent.said", "caller.said")
    if masked or not (spoken or name == "transfer"):
        data = conceal(flow, snapshot, data)
    return {"event": name, "at": round(snapshot.run.at, 3), **data}


def _variable(flow: Flow, data: Mapping[str, Json]) -> Variable:
    return flow.named(str(data.get("flow", ""))).variables[str(data["name"])]


def _name(flow: Flow, item: Event | Command) -> tuple[str, Mapping[str, Json]] | None:
    match item:
        case SessionStarted(session=session):
            about = {"session": session, "flow": flow.name, "version": flow.version}
            return "session.started", about
        case CallerTyped(text=text):
            return "caller.said", {"text": text}
        case AgentSaid(text=text):
            return "agent.said", {"text": text, "by": "model"}
        case Say(text=text):
            return "agent.said", {"text": text, "by": "flow"}
        case Play(text=text) if text:
            return "agent.said", {"text": text, "by": "flow"}
        case Speak(id=speak, purpose=purpose):
            return "answer.asked", {"id": speak, "purpose": purpose}
        case AnswerEnded(speak=speak, how=how):
            return "answer.ended", {"id": speak, "how": how}
        case TranscriptFinal(text=text):
            return "caller.said", {"text": text}
        case Emit(name=name, data=data):
            return "emitted", {"name": name, "data": data}
        case Transfer(to=to, note=note, summary=summary):
            return "transfer", {"to": to, "note": note, "summary": summary}
        case End(reason=reason):
            return "session.ended", {"reason": reason}
        case Report(name=name, data=data):
            return name, data
        case _:
            return None


def conceal(flow: Flow, snapshot: Snapshot, data: Mapping[str, Json]) -> Mapping[str, Json]:
    """The fields with everything personal, and what looks like it, behind a mask."""
    personal = personal_variables(flow)
    if not personal:
        return data
    known = [*known_values(snapshot), *(held.values for held in snapshot.work.held)]
    held = {text for name in personal for each in known for text in texts(each.get(name))}
    shapes = {look for variable in personal.values() for look in looks(variable.schema)}
    longest_first = sorted(held, key=lambda text: (-len(text), text))
    hidden = [*map(re.escape, longest_first), KEPT]
    hidden += sorted(look for look in shapes if look in (PHONE, EMAIL))
    pattern = re.compile("|".join(hidden), re.IGNORECASE)
    # Each of an author's own patterns by itself: it may hold flags, groups and anchors.
    own = [re.compile(look) for look in sorted(shapes - {PHONE, EMAIL})]

    def mask(value: Json) -> Json:
        if isinstance(value, str):
            text = pattern.sub(lambda found: found["kept"] or MASK, value)
            return reduce(_concealed, own, text)
        if isinstance(value, Mapping):
            items = cast("Mapping[str, Json]", value).items()
            return {k: MASK if k in personal and v is not None else mask(v) for k, v in items}
        if isinstance(value, list | tuple):
            return [mask(item) for item in cast("Sequence[Json]", value)]
        if isinstance(value, bool) or value is None:
            return value
        return MASK if str(value) in held else value

    return {key: value if key in NAMES else mask(value) for key, value in data.items()}


def personal_variables(flow: Flow) -> Mapping[str, Variable]:
    """Those that are marked `pii` in the flow, or in one that it may lead to."""
    return {name: v for each in flow.family for name, v in each.variables.items() if v.pii}


def known_values(snapshot: Snapshot) -> list[Mapping[str, Json]]:
    """The variables of the flow that the talk is in, and of those that wait for it."""
    waiting = (frame.values for frame in snapshot.frames.values())
    return [values.vars for values in (snapshot.values, *waiting)]


def _concealed(text: str, look: re.Pattern[str]) -> str:
    """The text without what looks like this, but for dates and ids that only happen to."""
    kept = [found.span("kept") for found in re.finditer(KEPT, text)]

    def hide(found: re.Match[str]) -> str:
        inside = any(start < found.end() and found.start() < end for start, end in kept)
        return found[0] if inside else MASK * bool(found[0])

    return look.sub(hide, text)


def texts(value: Json) -> Iterator[str]:
    """What stands in a value, piece by piece."""
    if isinstance(value, Mapping):
        value = list(cast("Mapping[str, Json]", value).values())
    if isinstance(value, list | tuple):
        for item in cast("Sequence[Json]", value):
            yield from texts(item)
    elif value not in (None, "") and not isinstance(value, bool):
        yield str(value)


def _anywhere(pattern: str) -> str:
    """A schema's pattern, which is for whole values, made to find them within a text."""
    return pattern.removeprefix("^").removesuffix("$")


def looks(schema: Mapping[str, Json]) -> Iterator[str]:
    """Patterns of what a value of this JSON Schema looks like, if that can be told."""
    known = {"phone": PHONE, "email": EMAIL}.get(str(schema.get("format")))
    if known:
        yield known
    elif pattern := schema.get("pattern"):
        yield _anywhere(str(pattern))
    for inner in (schema.get("items"), *schema.get("properties", {}).values()):
        if inner:
            yield from looks(inner)
