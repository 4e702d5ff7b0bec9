"""The caller's silence: how long it lasts, and what the flow does about it. Pure.

It counts while nobody speaks and nothing is under way: from the moment the agent was heard to its
end, never while a call or a person's approval is waited for. The caller's speech, digits and text
break it, and so do a new state and words of the agent's own accord; what is said *because* of the
silence only holds the count, so that the marks of one silence follow each other.
"""

from orchestrator.flow.definition import Flow, Silence, Silent, State
from orchestrator.flow.macrostep import Macrostep
from orchestrator.flow.records import replace
from orchestrator.flow.remembered import remembered
from orchestrator.flow.snapshot import AGAIN, NO_SILENCE, wait_for_the_caller

__all__ = ["TIMER", "broken", "item_at", "led_to", "mark", "passed", "watch"]

TIMER = "silence:"
"""The only timer of silence; which mark it is for is found in the snapshot."""


def broken(m: Macrostep) -> None:
    """Somebody did something: the next silence begins at nought."""
    if m.talk.quiet is not NO_SILENCE:
        m.talk = replace(m.talk, quiet=NO_SILENCE)


def mark(epoch: int, seconds: float) -> str:
    """The name of the event that a silence has lasted so long in this entry of a state."""
    return f"silence:{epoch}.{seconds}"


def item_at(flow: Flow, path: str) -> Silence:
    """`path` is `silence:STATE:INDEX`, counted in what holds for that state."""
    _, state, index = path.split(":")
    return flow.states[state].silence[int(index)]


def led_to(flow: Flow, path: str) -> bool:
    """Whether steps with this path are done because of the caller's silence."""
    kind, _, rest = path.partition(":")
    if kind != "edge":
        return kind == "silence"
    state, _, index = rest.partition(":")
    return isinstance(flow.states[state].next[int(index)].trigger, Silent)


@remembered
def _marks(state: State) -> tuple[float, ...]:
    edges = {edge.trigger.seconds for edge in state.next if isinstance(edge.trigger, Silent)}
    return tuple(sorted(edges.union(item.after for item in state.silence)))


def watch(m: Macrostep) -> None:
    """After each step: count while it is quiet, and have the next mark for a timer."""
    marks = () if m.ended else _marks(m.state)
    quiet = m.talk.quiet
    counts = bool(marks) and _is_quiet(m)
    if counts and quiet.since is None:
        quiet = replace(quiet, since=m.at)
    elif not counts and quiet.since is not None:
        quiet = replace(quiet, spent=quiet.spent + m.at - quiet.since, since=None)
    if quiet is not m.talk.quiet:
        m.talk = replace(m.talk, quiet=quiet)
    _arm(m, [seconds for seconds in marks if seconds > quiet.passed])


def _arm(m: Macrostep, left: list[float]) -> None:
    quiet = m.talk.quiet
    if quiet.since is None or not left:
        m.drop_timers(TIMER)
    elif m.timers.get(TIMER) != (due := quiet.since + left[0] - quiet.spent):
        m.set_timer(TIMER, due - m.at)


def _is_quiet(m: Macrostep) -> bool:
    """Nobody speaks, and nothing is under way that would."""
    talk, place = m.talk, m.place
    if m.run.channel == "text" and m.session.session.mode != "text":
        return False  # nobody can hear it
    speaks = talk.speaking or talk.hearing or talk.caller or talk.owed or AGAIN in m.timers
    waits = any(call.answers or call.attempt == 0 for call in m.work.calls.values())
    steps = place.steps and not wait_for_the_caller(place, m.work)
    return not (speaks or waits or steps)


def passed(m: Macrostep) -> None:
    """The timer has fired: the silence has reached its next mark."""
    quiet = m.talk.quiet
    assert quiet.since is not None, "time runs only while it is quiet, and there is a mark to come"
    seconds = next(each for each in _marks(m.state) if each > quiet.passed)
    quiet = replace(quiet, spent=quiet.spent + m.at - quiet.since, since=m.at, passed=seconds)
    m.talk = replace(m.talk, quiet=quiet)
    m.happen(mark(m.place.epoch, seconds))
