"""Named places at which a process can be made to die, for drills. Off in production.

With `ORCHESTRATOR_CRASH_AT=NAME` in its environment a process that reaches the point NAME
kills itself as `kill -9` would, and with `NAME:3` when it reaches it for the third time.
Without the variable a point is a call of an empty function.
"""

import os
import signal
from collections.abc import Callable, Mapping
from types import MappingProxyType

__all__ = ["POINTS", "crashpoint"]

POINTS: Mapping[str, str] = MappingProxyType(
    {
        "asker.before_publish": "the engine wants the call, nothing is in Redis",
        "asker.published": "the call lies in Redis, its asker has not gone on",
        "asker.withdrawn": "the call is settled from the asking side, which has not gone on",
        "worker.claimed": "the call is leased, nothing has run",
        "worker.after_effect": "the handler has returned, nothing is settled",
        "worker.settled": "the call is settled and its asker told, the worker has not gone on",
        "sweep.found": "a lapsed lease was seen, nothing is judged",
        "sweep.judged": "lapsed calls are judged, and their askers told, the sweep has not gone on",
        "drain.handed_back": "an unfinished call was handed back by a worker that stops",
    }
)


def _inert(name: str) -> None:
    """Not the process to die."""


def _armed(wanted: str) -> Callable[[str], None]:
    """Raises `ValueError` for a point that there is not, as a drill would test nothing."""
    point, _, count = wanted.partition(":")
    if point not in POINTS:
        raise ValueError(f"ORCHESTRATOR_CRASH_AT: no point {point}; there are {', '.join(POINTS)}")
    left = int(count or 1)

    def crash(name: str) -> None:
        nonlocal left
        left -= name == point
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    return crash


_wanted = os.environ.get("ORCHESTRATOR_CRASH_AT")
crashpoint: Callable[[str], None] = _armed(_wanted) if _wanted else _inert
"""Die here if this is the point that the environment names."""
