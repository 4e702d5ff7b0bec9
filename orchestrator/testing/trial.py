"""One case, played and judged. Pure."""

from dataclasses import dataclass
from itertools import chain
from typing import Literal

from orchestrator.flow.definition import Flow
from orchestrator.flow.events import ToolAsked
from orchestrator.projection import Record, record
from orchestrator.testing.document import Case, Suite
from orchestrator.testing.judge import Failure, judge
from orchestrator.testing.play import Item, Stuck, play

__all__ = ["Trial", "story", "try_case"]


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of a case. It ends with the first turn that has failures."""

    case: Case
    items: tuple[Item, ...] = ()
    failures: tuple[Failure, ...] = ()
    ran: bool = True

    @property
    def outcome(self) -> Literal["passed", "failed", "not_run"]:
        if not self.ran:
            return "not_run"
        return "failed" if self.failures else "passed"


def try_case(flow: Flow, suite: Suite, case: Case) -> Trial:
    """Play a case until it ends, or does not come to what is expected; a live one is not run."""
    if case.live:
        return Trial(case, ran=False)
    played: list[tuple[Item, ...]] = []
    failures: tuple[Failure, ...] = ()
    try:
        for turn in play(flow, suite.defaults, case):
            played.append(turn.items)
            failures = judge(flow, turn)
            if failures:
                break
    except Stuck as problem:
        played.append(problem.items)
        failures = (Failure(problem.mark, str(problem)),)
    return Trial(case, tuple(chain.from_iterable(played)), failures)


def story(flow: Flow, trial: Trial) -> list[Record]:
    """What happened, as `orchestrator run --json` tells it, and what the model called."""
    told: list[Record] = []
    for item in trial.items:
        what = item.what
        if isinstance(what, ToolAsked):
            told.append({"event": "model.called", "name": what.name, "arguments": what.arguments})
        elif shown := record(flow, item.snapshot, what, masked=False):
            told.append(shown)
    return told
