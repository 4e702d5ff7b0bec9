"""What people and machines are shown of a session: events and commands as plain records. Pure.

A projection decides nothing and nothing reads it back. Personal data is masked here, for
everything that leaves the journal: a `pii` variable's value is hidden wherever it occurs.
"""

from collections.abc import Mapping, Sequence
from typing import TypeAlias, cast

from orchestrator.dispatch.call import Json
from orchestrator.flow.commands import Command, End, Report, Say, Speak, Transfer
from orchestrator.flow.definition import Flow
from orchestrator.flow.events import AgentSaid, CallerTyped, Event, SessionStarted
from orchestrator.flow.snapshot import Snapshot

__all__ = ["MASK", "Record", "record"]

MASK = "•••"
Record: TypeAlias = dict[str, Json]


def record(flow: Flow, snapshot: Snapshot, item: Event | Command) -> Record | None:
    """The record of one event or command (names: docs/events.md), or None if it has none."""
    named = _name(flow, item)
    if named is None:
        return None
    name, data = named
    if name.startswith("value.") and flow.variables[str(data["name"])].pii:
        data = {"name": data["name"], "value" if "value" in data else "reason": MASK}
    secrets = [str(snapshot.values.vars[key]) for key in _personal(flow, snapshot)]
    return {"event": name, "at": round(snapshot.run.at, 3), **_masked(data, secrets)}


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
        case Transfer(to=to, note=note):
            return "transfer", {"to": to, "note": note}
        case End(reason=reason):
            return "session.ended", {"reason": reason}
        case Report(name=name, data=data):
            return name, data
        case _:
            return None


def _personal(flow: Flow, snapshot: Snapshot) -> Sequence[str]:
    values = snapshot.values.vars
    return [name for name, v in flow.variables.items() if v.pii and values.get(name) is not None]


def _masked(value: Json, secrets: Sequence[str]) -> Json:
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, MASK) if secret else value
        return value
    if isinstance(value, Mapping):
        items = cast("Mapping[str, Json]", value).items()
        return {key: _masked(item, secrets) for key, item in items}
    if isinstance(value, list | tuple):
        return [_masked(item, secrets) for item in cast("Sequence[Json]", value)]
    return MASK if str(value) in secrets and not isinstance(value, bool | None) else value
