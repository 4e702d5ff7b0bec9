"""What a session has cost so far, and when it is too much. Pure."""

from collections.abc import Mapping

from orchestrator.flow.macrostep import Macrostep
from orchestrator.flow.prices import cost
from orchestrator.flow.records import replace

__all__ = ["pay"]


def pay(m: Macrostep, usage: Mapping[str, int]) -> None:
    """Add up what answers cost; once, tell that it is more than the author allows."""
    if usage:
        m.run = replace(m.run, cost=round(m.run.cost + cost(m.run.model, usage), 9))
    most = m.session.limits.cost
    if most is not None and m.run.cost > most and "cost" not in m.run.passed:
        m.run = replace(m.run, passed=m.run.passed | {"cost"})
        m.happen("budget", cost=m.run.cost)
