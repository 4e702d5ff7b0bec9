"""What of a session's past its flows can still ask for; nothing else need be remembered. Pure."""

from collections.abc import Iterator

from orchestrator.flow.definition import Digit, Flow, Handoff, On
from orchestrator.flow.remembered import remembered
from orchestrator.flow.snapshot import Happened

__all__ = ["MOST_EVENTS", "MOST_ITEMS", "counts", "may_come_again", "shortens"]

MOST_EVENTS = 100
"""Events that wait for steps to be over; of more, the oldest are forgotten that may come again."""
MOST_ITEMS = 4_000
"""Items of the conversation that a state's `context` can drop. Older ones are left to the service,
which has truncated a conversation of that length."""

_NAMED_BY_THE_ENGINE = ("after:", "silence:", "signal.", "budget")
_FROM_OUTSIDE = (
    "signal.", "dtmf:", "guard.", "text", "transcript.final", "say.drift", "response.cancelled",
)  # fmt: skip


def counts(root: Flow, event: str) -> bool:
    """Whether anything may come of this event, now or when steps are over."""
    return event in _named(root) or event.startswith(_NAMED_BY_THE_ENGINE)


def may_come_again(happened: Happened) -> bool:
    """Whether somebody outside can raise it as often as they like; the others tell of something
    that is over, once."""
    return happened.fatal_in is None and happened.name.startswith(_FROM_OUTSIDE)


@remembered
def _named(root: Flow) -> frozenset[str]:
    """The events that an edge or an interrupt waits for somewhere, by the names that they are
    queued with."""
    return frozenset(name for flow in root.family for name in _names(flow))


def _names(flow: Flow) -> Iterator[str]:
    yield from flow.unanswered
    for trigger in flow.triggers:
        match trigger:
            case On(event=event):
                yield event
            case Digit(digit=digit):
                yield f"dtmf:{digit}"
            case _:
                pass


@remembered
def shortens(root: Flow) -> bool:
    """Whether something of the conversation is ever dropped."""
    states = (state for flow in root.family for state in flow.states.values())
    return any(s.context or (isinstance(s.final, Handoff) and s.final.context) for s in states)
