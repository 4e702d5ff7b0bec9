"""How variables get their values: one way for the model, the author and tools. Pure."""

from collections.abc import Mapping

from orchestrator.dispatch.call import Json
from orchestrator.flow.commands import Remember
from orchestrator.flow.definition import Rejected
from orchestrator.flow.macrostep import Macrostep
from orchestrator.flow.records import replace

__all__ = ["give", "has_number", "recall"]

WITHHELD = frozenset(
    {"", "anonymous", "private", "restricted", "unavailable", "unknown", "withheld"}
)
"""What stands for the number of a caller who does not show it (RFC 3323 says "anonymous")."""


def has_number(caller: str | None) -> bool:
    """Whether a caller can be told from all others: nothing is remembered of one who cannot be."""
    number = (caller or "").lower().removeprefix("sips:").removeprefix("sip:").removeprefix("tel:")
    return number.partition("@")[0].strip(" +") not in WITHHELD


def give(m: Macrostep, values: Mapping[str, Json]) -> dict[str, Json]:
    """Give variables new values; `{name: why}` of those that do not take theirs.

    None empties a variable. A value that changes resets what its variable `clears`, except
    for what is given along with it.
    """
    accepted: dict[str, Json] = {}
    rejected: dict[str, str] = {}
    for name, value in values.items():
        try:
            taken = m.flow.variables[name].accept(value, m.scope()) if value is not None else None
            accepted[name] = taken
        except Rejected as problem:
            rejected[name] = str(problem)
            m.report("value.rejected", name=name, reason=str(problem), **m.here)
    _store(m, _cleared(m, accepted) | accepted)
    if m.values.stale:
        m.values = replace(m.values, stale=m.values.stale - accepted.keys())
    return rejected


def recall(m: Macrostep, remembered: Mapping[str, Json]) -> None:
    """Values of an earlier session of this caller. They clear nothing: none of them is new."""
    for name, value in remembered.items():
        variable = m.flow.variables.get(name)
        try:
            if variable and variable.ttl is not None and value is not None:
                taken = variable.accept(value, m.scope())
                m.values = replace(m.values, vars={**m.values.vars, name: taken})
                m.report("value.set", name=name, value=taken, **m.here)
        except Rejected as problem:
            m.report("value.rejected", name=name, reason=str(problem), **m.here)


def _cleared(m: Macrostep, accepted: Mapping[str, Json]) -> dict[str, Json]:
    """What these values reset, and what is reset by that in turn."""
    old = m.values.vars
    cleared: dict[str, Json] = {}
    changing = [name for name, value in accepted.items() if value != old.get(name)]
    while changing:
        for other in m.flow.variables[changing.pop()].clears:
            default = m.flow.variables[other].default
            if other not in accepted and default != cleared.get(other, old.get(other)):
                cleared[other] = default
                changing.append(other)
    return cleared


def _store(m: Macrostep, values: Mapping[str, Json]) -> None:
    old = m.values.vars
    changed = {name: value for name, value in values.items() if value != old.get(name)}
    if not changed:
        return
    m.values = replace(m.values, vars={**old, **changed})
    for name, value in changed.items():
        m.report("value.set", name=name, value=value, **m.here)
    _remember(m, changed)


def _remember(m: Macrostep, changed: Mapping[str, Json]) -> None:
    """Of a caller who can be recognised."""
    kept = {name: m.flow.variables[name].ttl for name in changed}
    values = {name: (changed[name], ttl) for name, ttl in kept.items() if ttl is not None}
    if values and has_number(m.run.caller):
        m.emit(Remember(values))
        known = {**m.run.remembered, **{name: changed[name] for name in values}}
        m.run = replace(m.run, remembered={k: v for k, v in known.items() if v is not None})
