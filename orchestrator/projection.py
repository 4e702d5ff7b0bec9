"""What people and machines are shown of a session: events and commands as plain records. Pure.

A projection decides nothing and nothing reads it back. Personal data is masked here, for
everything that leaves the journal: a `pii` variable's value is hidden wherever it occurs,
and so is what looks like one: digits for a phone, an address, the variable's own pattern.
Numbers that a caller spells out in words are not recognised.
"""

import re
from collections.abc import Mapping, Sequence
from typing import TypeAlias, cast

from orchestrator.dispatch.call import Json
from orchestrator.flow.commands import Command, Emit, End, Report, Say, Speak, Transfer
from orchestrator.flow.definition import Flow
from orchestrator.flow.events import AgentSaid, CallerTyped, Event, SessionStarted, TranscriptFinal
from orchestrator.flow.snapshot import Snapshot

__all__ = ["MASK", "Record", "looks", "mask", "record"]

MASK = "•••"
PHONE = r"\+?\d(?:[\s().-]*\d){5,}"
EMAIL = r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"
Record: TypeAlias = dict[str, Json]


def record(
    flow: Flow, snapshot: Snapshot, item: Event | Command, *, masked: bool = True
) -> Record | None:
    """The record of one event or command (names: docs/events.md), or None if it has none.

    Without `masked` the words of both sides stand as they were said: for the terminal of
    the caller. Everything else is masked all the same.
    """
    named = _name(flow, item)
    if named is None:
        return None
    name, data = named
    if name.startswith("value.") and flow.variables[str(data["name"])].pii:
        data = {"name": data["name"], "value" if "value" in data else "reason": MASK}
    spoken = name in ("agent.said", "caller.said")
    if masked or not (spoken or name == "transfer"):
        data = _masked(data, _personal(flow, snapshot, spoken))
    return {"event": name, "at": round(snapshot.run.at, 3), **data}


def mask(flow: Flow, snapshot: Snapshot, value: Json, *, spoken: bool = False) -> Json:
    """The value without personal values; if it was `spoken`, without what looks like one."""
    return _masked(value, _personal(flow, snapshot, spoken))


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
        case Speak(id=speak, purpose=purpose):
            return "answer.asked", {"id": speak, "purpose": purpose}
        case TranscriptFinal(text=text):
            return "caller.said", {"text": text}
        case Emit(name=name, data=data):
            return "emitted", {"name": name, "data": data}
        case Transfer(to=to, note=note):
            return "transfer", {"to": to, "note": note}
        case End(reason=reason):
            return "session.ended", {"reason": reason}
        case Report(name=name, data=data):
            return name, data
        case _:
            return None


def _personal(flow: Flow, snapshot: Snapshot, spoken: bool) -> re.Pattern[str] | None:
    """What to hide: the values of personal variables; in speech, also what looks like one.

    A caller says a number before any variable holds it, so its look has to be enough.
    Elsewhere it would hide dates.
    """
    hidden: list[str] = []
    for name, variable in flow.variables.items():
        if variable.pii:
            value = snapshot.values.vars.get(name)
            hidden += [re.escape(str(value))] if value not in (None, "") else []
            hidden += looks(variable.schema) if spoken else []
    return re.compile("|".join(hidden), re.IGNORECASE) if hidden else None


def looks(schema: Mapping[str, Json]) -> list[str]:
    """Regular expressions (one or none) for what in somebody's words may be such a value."""
    known = {"phone": PHONE, "email": EMAIL}.get(str(schema.get("format")))
    pattern = schema.get("pattern")
    return [known] if known else [f"(?:{str(pattern).strip('^$')})"] if pattern else []


def _masked(value: Json, personal: re.Pattern[str] | None) -> Json:
    if personal is None:
        return value
    if isinstance(value, str):
        return personal.sub(MASK, value)
    if isinstance(value, Mapping):
        items = cast("Mapping[str, Json]", value).items()
        return {key: _masked(item, personal) for key, item in items}
    if isinstance(value, list | tuple):
        return [_masked(item, personal) for item in cast("Sequence[Json]", value)]
    if isinstance(value, bool) or value is None:
        return value
    return MASK if personal.fullmatch(str(value)) else value
