"""How tests name what is in a flow that the flow under test runs or hands over to: `FLOW.NAME`.
Pure.
"""

from collections.abc import Iterator, Mapping

from orchestrator.dispatch.call import Json
from orchestrator.flow.definition import Flow
from orchestrator.flow.snapshot import Place, Snapshot

__all__ = ["known_by_name", "states_of", "variables_of", "where", "where_entered"]


def where(place: Place) -> str:
    """The state; empty before the first."""
    return f"{place.flow}.{place.state}" if place.flow else place.state


def where_entered(report: Mapping[str, Json]) -> str:
    """The state that a report `state.entered` is about."""
    return f"{report['flow']}.{report['state']}" if "flow" in report else str(report["state"])


def known_by_name(snapshot: Snapshot) -> Mapping[str, Json]:
    """The variables of the flow that the talk is in, and of those that wait for it."""
    frames = [(snapshot.place, snapshot.values)]
    frames += [(frame.place, frame.values) for _, frame in sorted(snapshot.frames.items())]
    return {
        f"{place.flow}.{name}" if place.flow else name: value
        for place, values in frames
        for name, value in values.vars.items()
    }


def states_of(flow: Flow) -> Iterator[str]:
    """All states that a session of this flow may be in."""
    yield from flow.states
    for name, other in flow.flows.items():
        yield from (f"{name}.{state}" for state in other.states)


def variables_of(flow: Flow) -> Iterator[str]:
    yield from flow.variables
    for name, other in flow.flows.items():
        yield from (f"{name}.{variable}" for variable in other.variables)
