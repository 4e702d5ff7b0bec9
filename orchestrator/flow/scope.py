"""What expressions see at a moment of the talk. Pure."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta, timezone
from functools import cache
from itertools import chain

from orchestrator.dispatch.call import Json
from orchestrator.flow.snapshot import Place, Run, Values

__all__ = ["Names", "local_time"]


class Names(Mapping[str, Json]):
    """A value is looked up, or worked out, when it is asked for: most expressions read one or two.
    No two have the same name."""

    def __init__(self, run: Run, place: Place, values: Values, turns: int) -> None:
        self.run = run
        self.place = place
        self.turns = turns
        self._given = (values.vars, values.results)

    def __getitem__(self, name: str) -> Json:
        for values in self._given:
            if name in values:
                return values[name]
        return WORKED_OUT[name](self)

    def __iter__(self) -> Iterator[str]:
        return chain(*self._given, WORKED_OUT)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def local_time(at: float, offset: int) -> datetime:
    """The moment `at` (epoch seconds) on the session's clock, `offset` seconds from UTC."""
    return datetime.fromtimestamp(at, _zone(offset))


@cache
def _zone(offset: int) -> timezone:
    return timezone(timedelta(seconds=offset))


def _call(names: Names) -> Json:
    run = names.run
    return {
        "id": run.session,
        "caller": run.caller,
        "to": run.to,
        "direction": run.direction,
        "seconds": int(run.at - run.started),
    }


def _event(names: Names) -> Json:
    """The data of the event for which the steps that are under way are done."""
    steps = names.place.steps
    return steps[-1].event if steps else None


def _now(names: Names) -> datetime:
    return local_time(names.run.at, names.run.offset)


def _daypart(hour: int) -> str:
    if hour < 5 or hour >= 22:
        return "night"
    if hour < 12:
        return "morning"
    return "afternoon" if hour < 18 else "evening"


WORKED_OUT: Mapping[str, Callable[[Names], Json]] = {
    "call": _call,
    "daypart": lambda names: _daypart(_now(names).hour),
    "event": _event,
    "now": lambda names: _now(names).isoformat(),
    "turns": lambda names: names.turns,
    "visits": lambda names: names.place.visits.get(names.place.state, 0),
}
