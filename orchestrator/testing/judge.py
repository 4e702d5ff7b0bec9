"""What a turn should have come to, and what it did come to. Pure."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from orchestrator.dispatch.call import Json
from orchestrator.flow.commands import Report, Say
from orchestrator.flow.definition import Flow, Mark
from orchestrator.flow.engine import offered
from orchestrator.flow.events import AgentSaid
from orchestrator.projection import record
from orchestrator.testing.document import Expect
from orchestrator.testing.places import known_by_name, where, where_entered
from orchestrator.testing.play import SOMETHING, Item, Played

__all__ = ["Failure", "judge"]


@dataclass(frozen=True, slots=True)
class Failure:
    """A place in the test file and why it does not hold: what was expected, what was found."""

    mark: Mark
    what: str
    expected: str = ""
    found: str = ""


def judge(flow: Flow, played: Played) -> tuple[Failure, ...]:
    """Everything that was expected of this turn and is not so."""
    expect = played.turn.expect
    if expect is None:
        return ()
    judged = _Judged(flow, played, expect)
    return tuple(
        failure
        for key in expect.node.keys
        if isinstance(key, str) and key in _JUDGES
        for failure in _JUDGES[key](judged)
    )


class _Judged:
    """What there is to say about a turn."""

    def __init__(self, flow: Flow, played: Played, expect: Expect) -> None:
        self.flow = flow
        self.played = played
        self.expect = expect

    def reports(self, name: str) -> list[Mapping[str, Json]]:
        return [
            item.what.data
            for item in self.played.items
            if isinstance(item.what, Report) and item.what.name == name
        ]

    def failure(self, key: str, expected: str, found: str, *at: str | int) -> Failure:
        """`at` is the part of the expectation that does not hold, if not all of it."""
        node = self.expect.node
        if not at:
            mark = node.key(key)
        elif isinstance(at[-1], str):
            mark = node.at(key, *at[:-1]).key(at[-1])
        else:
            mark = node.at(key, *at).mark
        return Failure(mark, key, expected, found)

    def path(self) -> Iterator[Failure]:
        if self.expect.path != self._path:
            yield self.failure("path", _way(self.expect.path), _way(self._path))

    @property
    def _path(self) -> list[str]:
        began = [self.played.began] if self.played.began else []
        return [*began, *(where_entered(data) for data in self.reports("state.entered"))]

    def visits(self) -> Iterator[Failure]:
        for index, state in enumerate(self.expect.visits):
            if state not in self._path:
                yield self.failure("visits", state, _way(self._path), index)

    def state(self) -> Iterator[Failure]:
        state = where(self.played.snapshot.place)
        if state != self.expect.state:
            yield self.failure("state", self.expect.state, state)

    def vars(self) -> Iterator[Failure]:
        known = known_by_name(self.played.snapshot)
        for name, value in self.expect.vars.items():
            if not _same(known.get(name), value):
                expected, found = _json(value), _json(known.get(name))
                yield self.failure("vars", f"{name} = {expected}", f"{name} = {found}", name)

    def offered(self) -> Iterator[Failure]:
        found = offered(self.flow, self.played.snapshot)
        expected = frozenset(self.expect.offered)
        if expected != found:
            missing = [f"not {name}" for name in sorted(expected - found)]
            more = [f"also {name}" for name in sorted(found - expected)]
            yield self.failure("offered", _words(sorted(expected)), _words([*missing, *more]))

    def tools(self) -> Iterator[Failure]:
        calls = [data for data in self.reports("call.dispatched") if data["attempt"] == 1]
        return self._asked_for("tools", self.expect.tools, calls)

    def _asked_for(
        self, key: str, expected: Iterable[Mapping[str, Json]], calls: list[Mapping[str, Json]]
    ) -> Iterator[Failure]:
        """Each of these calls, with at least these arguments; none at all if none is expected."""
        if calls and not expected:
            yield self.failure(key, "nothing", _words(_calls(calls)))
        for index, called in enumerate(expected):
            [(tool, arguments)] = called.items()
            fits = [c for c in calls if c["tool"] == tool and _holds(c["arguments"], arguments)]
            if fits:
                calls.remove(fits[0])
            else:
                found = _words(_calls(calls))
                yield self.failure(key, _call(tool, arguments), found, index)

    def not_called(self) -> Iterator[Failure]:
        calls = {data["tool"]: data["arguments"] for data in self.reports("call.dispatched")}
        for index, tool in enumerate(self.expect.not_called):
            if tool in calls:
                yield self.failure("not_called", f"no {tool}", _call(tool, calls[tool]), index)

    def approvals(self) -> Iterator[Failure]:
        return self._asked_for("approvals", self.expect.approvals, self.reports("call.review"))

    def attempts(self) -> Iterator[Failure]:
        found = Counter(data["tool"] for data in self.reports("call.dispatched"))
        for tool, times in self.expect.attempts.items():
            if found[tool] != times:
                yield self.failure("attempts", f"{tool}: {times}", f"{tool}: {found[tool]}", tool)

    def said(self) -> Iterator[Failure]:
        spoken = (item.what for item in self.played.items if not _is_stopped(item))
        texts = [what.text for what in spoken if isinstance(what, Say | AgentSaid)]
        heard = [text for text in texts if text != SOMETHING]
        if heard and not self.expect.said:
            yield self.failure("said", "nothing", _words(map(repr, heard)))
        text, place = "\n".join(heard), 0
        for index, words in enumerate(self.expect.said):
            found = text.find(words, place)
            if found < 0:
                yield self.failure("said", repr(words), _words(map(repr, heard)), index)
                return
            place = found + len(words)

    def events(self) -> Iterator[Failure]:
        names = [
            str(shown["event"])
            for item in self.played.items
            if (shown := record(self.flow, item.snapshot, item.what))
        ]
        rest = iter(names)
        for index, name in enumerate(self.expect.events):
            if name not in rest:
                yield self.failure("events", name, _words(names), index)
                return

    def kept(self) -> Iterator[Failure]:
        return self._same_names("kept", self.expect.kept, self.played.kept)

    def cancelled(self) -> Iterator[Failure]:
        found = [str(data["tool"]) for data in self.reports("call.cancelled")]
        return self._same_names("cancelled", self.expect.cancelled, found)

    def _same_names(
        self, key: str, expected: Iterable[str], found: Iterable[str]
    ) -> Iterator[Failure]:
        if sorted(expected) != sorted(found):
            yield self.failure(key, _words(sorted(expected)), _words(sorted(found)))

    def ended(self) -> Iterator[Failure]:
        ended = self.played.snapshot.run.ended
        if ended != self.expect.ended:
            still = "it goes on"
            yield self.failure("ended", self.expect.ended or still, ended or still)


_JUDGES: Mapping[str, Callable[[_Judged], Iterator[Failure]]] = {
    "path": _Judged.path,
    "visits": _Judged.visits,
    "state": _Judged.state,
    "vars": _Judged.vars,
    "offered": _Judged.offered,
    "tools": _Judged.tools,
    "not_called": _Judged.not_called,
    "approvals": _Judged.approvals,
    "attempts": _Judged.attempts,
    "said": _Judged.said,
    "events": _Judged.events,
    "kept": _Judged.kept,
    "cancelled": _Judged.cancelled,
    "ended": _Judged.ended,
}


def _is_stopped(item: Item) -> bool:
    """Words of an answer that a guard has cut off: nobody heard them."""
    return isinstance(item.what, AgentSaid) and item.what.speak == item.snapshot.talk.stopped


def _same(found: Json, expected: Json) -> bool:
    """Equal, and no number taken for a truth."""
    return bool(found == expected) and isinstance(found, bool) == isinstance(expected, bool)


def _holds(arguments: Mapping[str, Json], least: Mapping[str, Json]) -> bool:
    return all(_same(arguments.get(name), value) for name, value in least.items())


def _way(states: Iterable[str]) -> str:
    return " → ".join(states) or "nothing"


def _words(items: Iterable[str]) -> str:
    return ", ".join(items) or "nothing"


def _call(tool: str, arguments: Mapping[str, Json]) -> str:
    return f"{tool} {_json(arguments)}"


def _calls(reports: Iterable[Mapping[str, Json]]) -> Iterator[str]:
    return (_call(data["tool"], data["arguments"]) for data in reports)


def _json(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False)
