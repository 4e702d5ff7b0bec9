"""Whether the names in a flow's tests are names of the flow. Pure."""

from collections.abc import Iterable, Iterator

from orchestrator.flow.definition import Flow, Intent, Mark, Rejected
from orchestrator.flow.part import Report, did_you_mean
from orchestrator.flow.stable import questions
from orchestrator.testing.document import Act, Case, Expect, Setting, Start, Suite
from orchestrator.testing.places import states_of, variables_of
from orchestrator.testing.play import Around, around, start_scope

__all__ = ["EVENTS", "check_names", "offerable"]

EVENTS = (
    "session.started", "state.entered", "edge.taken", "interrupt.taken", "silence.passed",
    "caller.said",
    "agent.said", "answer.asked", "answer.ended", "answer.failed", "value.set", "value.rejected",
    "result.forgotten", "event.forgotten",
    "say.drift", "guard.hit", "guard.failed", "classify.failed", "context.dropped", "context.kept",
    "call.queued", "call.dispatched",
    "call.progress", "call.retrying",
    "call.review", "call.done", "call.failed", "call.cancelled",
    "call.denied",
    "call.undone", "call.late", "tool.refused", "tool.ignored", "signal.ignored",
    "say.unset", "step.skipped",
    "emitted", "error",
    "transfer", "run.started", "run.ended", "handed.over", "session.ended",
)  # fmt: skip
"""The events of docs/events.md."""


def check_names(suite: Suite, flow: Flow, report: Report) -> None:
    """Tell every name that the flow lacks (G001, G006, T001, V001), and what does not fit it."""
    names = _Names(flow, report)
    if suite.defaults:
        names.setting(suite.defaults)
    seen = set[str]()
    for case in suite.cases:
        names.setting(case)
        names.case(case, around(suite.defaults, case))
        if case.case and case.case in seen:
            report("S001", case.node.at("case").mark, "a second case of this name")
        seen.add(case.case)


def offerable(flow: Flow) -> Iterator[str]:
    """Every name that the model may ever be offered."""
    for state in flow.states.values():
        if state.collect:
            yield f"set_{state.name}"
        for edge in state.next:
            if isinstance(edge.trigger, Intent):
                yield f"go_{edge.trigger.id}"
    for interrupt in flow.interrupts:
        if isinstance(interrupt.trigger, Intent):
            yield f"go_{interrupt.id}"
    for tool in flow.tools.values():
        yield tool.alias
    for name in questions(flow):
        yield f"confirm_{name}"
        yield f"decline_{name}"


class _Names:
    def __init__(self, flow: Flow, report: Report) -> None:
        self.flow = flow
        self.report = report
        self.offers = frozenset(name for each in flow.family for name in offerable(each))

    def _known(
        self, code: str, kind: str, known: Iterable[str], given: Iterable[tuple[str, Mark]]
    ) -> None:
        known = frozenset(known)
        for name, mark in given:
            if name not in known:
                self.report(code, mark, f"no {kind} '{name}'", did_you_mean(name, known))

    def _tools(self, given: Iterable[tuple[str, Mark]]) -> None:
        tools = {tool.name for tool in self.flow.all_tools}
        self._known("T001", "tool", tools, given)

    def _states(self, given: Iterable[tuple[str, Mark]]) -> None:
        self._known("G001", "state", states_of(self.flow), given)

    def _variables(self, given: Iterable[tuple[str, Mark]]) -> None:
        self._known("V001", "variable", variables_of(self.flow), given)

    def setting(self, part: Setting) -> None:
        keys = part.node.at("tools").key
        self._tools((tool, keys(tool)) for tool in part.tools)
        keys = part.node.at("remembered").key
        names = ((name, keys(name)) for name in part.remembered)
        self._known("V001", "variable of a caller", self.flow.remembers, names)

    def case(self, case: Case, around: Around) -> None:
        if case.start:
            self.start(case.start, around)
        if case.expect:
            self.expect(case.expect)
        for turn in case.turns:
            if turn.approve is not None:
                self._tools([(turn.approve, turn.node.at("approve").mark)])
            if turn.deny:
                self._tools([(turn.deny.tool, turn.deny.mark)])
            for answer in turn.model:
                for act in answer:
                    self.act(act)
            if turn.expect:
                self.expect(turn.expect)
                if turn.expect.judge:
                    mark = turn.expect.node.key("judge")
                    self.report("S001", mark, "only a live case is judged")

    def start(self, start: Start, around: Around) -> None:
        if start.state is not None:
            given = [(start.state, start.node.at("state").mark)]
            self._known("G001", "state", self.flow.states, given)
        keys = start.node.at("vars").key
        named = ((name, keys(name)) for name in start.vars)
        self._known("V001", "variable", self.flow.variables, named)
        scope = start_scope(self.flow, around, start)
        for name, value in start.vars.items():
            variable = self.flow.variables.get(name)
            try:
                if variable and value is not None:
                    variable.accept(value, scope)
            except Rejected as problem:
                self.report("V002", start.node.at("vars", name).mark, f"'{name}' {problem}")

    def act(self, act: Act) -> None:
        if act.call is None:
            return
        self._known(
            "T001", "tool of the model", self.offers, [(act.call, act.node.at("call").mark)]
        )
        if act.call.startswith(("set_", "go_")) and act.call in self.offers:
            keys = act.node.at("args").key
            known = {name for flow in self.flow.family for name in flow.variables}
            self._known("V001", "variable", known, ((name, keys(name)) for name in act.args))

    def expect(self, expect: Expect) -> None:
        node = expect.node

        def listed(key: str, names: list[str]) -> Iterator[tuple[str, Mark]]:
            return ((name, node.at(key, index).mark) for index, name in enumerate(names))

        self._states(listed("path", expect.path))
        self._states(listed("visits", expect.visits))
        if expect.state:
            self._states([(expect.state, node.at("state").mark)])
        self._variables((name, node.at("vars").key(name)) for name in expect.vars)
        self._known("T001", "tool of the model", self.offers, listed("offered", expect.offered))
        for key in ("tools", "approvals"):
            for index, called in enumerate(getattr(expect, key)):
                here = node.at(key, index)
                self._tools((name, here.key(name)) for name in called)
        for key in ("not_called", "kept", "cancelled"):
            self._tools(listed(key, getattr(expect, key)))
        self._tools((name, node.at("attempts").key(name)) for name in expect.attempts)
        self._known("G006", "event", EVENTS, listed("events", expect.events))
