"""A conversation, told: who says what, what the model asks for, what tools answer."""

import json
from collections.abc import Mapping

from orchestrator.dispatch.call import Json, Outcome
from orchestrator.flow.commands import (
    AddItem,
    AnswerCall,
    AskToStop,
    Dispatch,
    Emit,
    Report,
    Say,
    Speak,
    Withdraw,
)
from orchestrator.flow.events import (
    AgentSaid,
    AnswerEnded,
    CallerTyped,
    CallProgressed,
    CallSettled,
    TimerFired,
    ToolAsked,
)
from tests.flow.world import How, World


class Scene(World):
    """A `World` that is told what happens, and asked what came of it."""

    mark: int = 0

    def caller(self, text: str) -> None:
        self.apply(CallerTyped(self.at, text))

    def model(self, says: str = "", **calls: Mapping[str, Json]) -> list[str]:
        """The open answer says this and makes these calls, then ends; the calls' ids."""
        assert self.speaking, "no answer was asked for"
        answer, ids = self.speaking, list[str]()
        if says or not calls:
            self.apply(AgentSaid(self.at, answer, says or "Well."))
        for name, arguments in calls.items():
            ids.append(self.asks(name, arguments))
        self.apply(AnswerEnded(self.at, answer, "completed"))
        return ids

    def asks(self, name: str, arguments: Mapping[str, Json]) -> str:
        """One call of the open answer; its id."""
        assert self.speaking
        call = f"call_{self.calls}"
        self.calls += 1
        self.asked[call] = 0
        self.apply(ToolAsked(self.at, self.speaking, call, name, json.dumps(arguments)))
        return call

    def fail(self, error: str = "", how: How = "failed") -> None:
        """The open answer ends like this, without another word."""
        assert self.speaking
        self.apply(AnswerEnded(self.at, self.speaking, how, error))

    def settle(self, tool: str, outcome: Outcome) -> None:
        """The newest attempt of this tool's open call comes back."""
        call = next(c for c in self.snapshot.work.calls.values() if c.tool == tool)
        self.dispatched[call.id, call.attempt] = "settled"
        self.apply(CallSettled(self.at, call.id, call.attempt, outcome))

    def progress(self, tool: str, text: str, data: Json = None) -> None:
        """The handler of this tool's open call says how far it is."""
        call = next(c for c in self.snapshot.work.calls.values() if c.tool == tool)
        self.apply(CallProgressed(self.at, call.id, call.attempt, text, data))

    def wait(self, seconds: float) -> None:
        """Let time pass; timers fire when they are due."""
        until = self.at + seconds
        while due := [t for t in self.snapshot.timers.items() if t[1] <= until]:
            timer, when = min(due, key=lambda item: item[1])
            self.at = max(self.at, when)
            self.apply(TimerFired(self.at, timer))
            self.settle_overdue()
        self.at = until

    # What came of it.

    @property
    def state(self) -> str:
        return self.snapshot.place.state

    @property
    def vars(self) -> Mapping[str, Json]:
        return self.snapshot.values.vars

    @property
    def path(self) -> list[str]:
        return [str(r.data["state"]) for r in self.reports("state.entered")]

    def reports(self, name: str) -> list[Report]:
        return [c for c in self.commands if isinstance(c, Report) and c.name == name]

    @property
    def said(self) -> list[str]:
        return [c.text for c in self.commands if isinstance(c, Say)]

    @property
    def answers(self) -> list[Speak]:
        return [c for c in self.commands if isinstance(c, Speak)]

    @property
    def notes(self) -> list[str]:
        return [c.text for c in self.commands if isinstance(c, AddItem) and c.role == "system"]

    def dispatches(self, tool: str, handler: str = "") -> list[Dispatch]:
        """The calls of this tool's handler, or of the one that is named."""
        handler = handler or self.flow.tools[tool].handler
        return [c for c in self.commands if isinstance(c, Dispatch) and c.tool == handler]

    @property
    def emitted(self) -> list[tuple[str, Json]]:
        return [(c.name, c.data) for c in self.commands if isinstance(c, Emit)]

    @property
    def stops(self) -> list[AskToStop]:
        return [c for c in self.commands if isinstance(c, AskToStop)]

    @property
    def withdrawals(self) -> list[Withdraw]:
        return [c for c in self.commands if isinstance(c, Withdraw)]

    def output(self, call: str) -> Json:
        """What this call of the model was answered with."""
        [found] = [c for c in self.commands if isinstance(c, AnswerCall) and c.call == call]
        return json.loads(found.output)
