"""E004: a variable may be unset where it is said. Pure.

Words with something unset in them are not said at all, so this is worth knowing before a
caller meets silence. It is found by following the flow: which variables surely have a value
when a state is entered is what all ways into it have in common; steps, outcomes and
conditions add to that, `clears` takes away. Goals and notes are for the model, which can live
with `(unknown)`.
"""

import re
from collections.abc import Iterable, Iterator, Mapping

from orchestrator.flow.checks.reading import Facts, Hole, holds, parsed, read, unset
from orchestrator.flow.checks.values import given
from orchestrator.flow.checks.walk import complete, expressions_hold
from orchestrator.flow.checks.ways import anywhere, targets
from orchestrator.flow.document import Document, Edge, Silence, State, Step, Tool
from orchestrator.flow.loader import Node, Table
from orchestrator.flow.part import Report

__all__ = ["check_spoken"]

OUTCOME = re.compile(r"tool\.(.+)\.(done|failed|denied)\Z")


def check_spoken(document: Document, report: Report) -> None:
    if complete(report, "G001", "T001", "V001") and expressions_hold(report):
        _Spoken(document, report).check()


class _Spoken:
    def __init__(self, document: Document, report: Report) -> None:
        self.document = document
        self.report = report
        first = {name for name, v in document.vars.items() if v.default is not None or v.source}
        # What nothing gives a value has been told (V010); what a trigger gives is there.
        tracked = given(document) - {name for t in document.triggers for name, _ in t.sets_at()}
        worded = {name for name, v in document.vars.items() if v.missing is not None}
        self.tracked = frozenset(tracked & document.vars.keys() - first - worded)
        self.start = frozenset(first)

    def check(self) -> None:
        document = self.document
        start = document.on_start.do if document.on_start else []
        self._look(start, self.start)
        entered = self._entered(self._after(start, self.start))
        for name, facts in entered.items():
            state = document.states[name]
            self._look(state.do, facts)
            for edge, reached in self._edges(state, facts):
                self._look(edge.do, reached)
            self._look_at_silence(state.silence or (), self._inside(state, facts))
        self._look_anywhere(entered)

    def _look_anywhere(self, entered: Mapping[str, Facts]) -> None:
        """What may be said in several states."""
        for interrupt in self.document.interrupts.values():
            self._look(interrupt.do, self._common(entered, interrupt.except_in))
        self._look_at_silence(self.document.silence, self._common(entered))
        for guard in self.document.guards.output if self.document.guards else ():
            if guard.then and guard.then.say is not None:
                self._words(guard.then.node.at("say"), self._common(entered))
        for name, tool in self.document.tools.items():
            if tool.filler:
                users = {n: facts for n, facts in entered.items() if self._uses(n, name)}
                self._words(tool.filler.node.at("say"), self._common(users))

    def _look_at_silence(self, silences: Iterable[Silence], facts: Facts) -> None:
        for silence in silences:
            for key in ("say", "prompt"):
                if key in silence.node.keys:
                    self._words(silence.node.at(key), facts)

    def _uses(self, state: str, tool: str) -> bool:
        return tool in self._tools(self.document.states[state])

    def _common(self, entered: Mapping[str, Facts], but: Iterable[str] = ()) -> Facts:
        every = [
            self._inside(self.document.states[name], facts)
            for name, facts in entered.items()
            if name not in but
        ]
        return every[0].intersection(*every[1:]) if every else self.tracked

    def _entered(self, first: Facts) -> Mapping[str, Facts]:
        """The facts on entry of every state that is reached."""
        entered = {self.document.start: first}
        if self.document.outbound:
            outbound = self.document.outbound
            for name in (outbound.voicemail, outbound.busy, outbound.no_answer):
                entered |= {name: first} if name else {}
        todo = list(entered)
        while todo:
            name = todo.pop()
            for goto, facts in self._ways(name, entered[name]):
                known = entered.get(goto)
                if known is None or not known <= facts:
                    entered[goto] = facts if known is None else known & facts
                    todo.append(goto)
        return entered

    def _ways(self, name: str, entry: Facts) -> Iterator[tuple[str, Facts]]:
        state, document = self.document.states[name], self.document
        followed = list(self._edges(state, entry))
        for edge, facts in followed:
            if edge.goto:
                yield edge.goto, self._after(edge.do, facts)
        inside = self._inside(state, entry)
        for goto in {*targets(state)} - {edge.goto for edge, _ in followed}:
            yield goto, inside
        for interrupt in document.interrupts.values():
            if interrupt.goto and name not in interrupt.except_in:
                yield interrupt.goto, self._after(interrupt.do, inside)
        for other in anywhere(document):
            yield other, inside

    def _edges(self, state: State, entry: Facts) -> Iterator[tuple[Edge, Facts]]:
        """The edges that can be taken, and the facts when their own steps begin."""
        settled = self._after(state.do, entry) - self._lost(state)
        inside = self._inside(state, entry)
        for edge in state.next:
            bare = not any(key in edge.node.keys for key in edge.TRIGGERS)
            facts = self._happened(state, edge, settled, inside)
            if edge.when is not None:
                test = parsed(edge.when)
                facts = holds(test, True, facts)
                if bare and edge.goto:  # those after it are only looked at if it was false
                    settled = holds(test, False, settled)
            yield edge, self._set(edge.set, edge.node.at("set"), facts)

    def _happened(self, state: State, edge: Edge, settled: Facts, inside: Facts) -> Facts:
        if edge.event == "collected" and state.collect:
            return settled | set(state.collect.vars) - set(state.collect.optional)
        outcome = OUTCOME.match(edge.event or "")
        if outcome is None:
            return settled
        return settled | self._assigned(outcome[1]) if outcome[2] == "done" else inside

    def _inside(self, state: State, entry: Facts) -> Facts:
        """What is sure at any time between entering a state and leaving it."""
        return entry - self._lost(state)

    def _lost(self, state: State) -> Facts:
        """Variables that may become unset while a state lasts."""
        changed = set(state.collect.vars) if state.collect else set[str]()
        emptied = set[str]()
        for edge in state.next:
            changed |= {*edge.fill, *(edge.set if not edge.goto else ())}
            if not edge.goto:
                emptied |= {name for name, value in edge.set.items() if value is None}
        for tool in self._tools(state):
            changed |= self._assigned(tool)
        return self._cleared(changed) | emptied

    def _tools(self, state: State) -> set[str]:
        steps = [*state.do, *(step for edge in state.next for step in edge.do)]
        called = {step.tool for step in steps if step.tool is not None}
        return called | {*state.tools, *self.document.tools_everywhere}

    def _assigned(self, tool: str) -> Facts:
        server, _, name = tool.partition(".")
        if tool in self.document.tools:
            return frozenset(self.document.tools[tool].assign)
        return frozenset(self.document.mcp[server].assign.get(name, {}))

    def _cleared(self, changed: Iterable[str]) -> Facts:
        """What is reset, and unset by that, when these variables change."""
        todo, cleared = list(changed), set[str]()
        while todo:
            variable = self.document.vars.get(todo.pop())
            more = set(variable.clears if variable else ()) - cleared
            cleared |= more
            todo.extend(more)
        return frozenset(cleared) - self.start

    def _after(self, steps: Iterable[Step], facts: Facts) -> Facts:
        for step in steps:
            after = facts
            if step.set is not None:
                after = self._set(step.set, step.node.at("set"), facts)
            elif step.tool is not None and self._waited_for(step.tool):
                assigned = self._assigned(step.tool)
                after = facts - self._cleared(assigned) | assigned
            elif step.into is not None:
                after = facts - self._cleared([step.into]) | {step.into}
            facts = after if step.when is None else facts & after
        return facts

    def _waited_for(self, name: str) -> bool:
        tool: Tool | None = self.document.tools.get(name)
        return tool is None or tool.mode == "wait"

    def _set(self, values: Mapping[str, object], node: Node, facts: Facts) -> Facts:
        empty = {
            name
            for name, value in values.items()
            if value is None or any(self._unset(hole, facts) for hole in self._sole(node.at(name)))
        }
        return facts - self._cleared(values) - empty | (values.keys() - empty)

    def _sole(self, node: Node) -> Iterator[Hole]:
        """The hole of a text that is nothing else, and so keeps its null."""
        holes = [] if isinstance(node.value, Table) else list(read(node))
        text = str(node.value).strip()
        if len(holes) == 1 and text.startswith("${") and text.endswith("}"):
            yield holes[0]

    def _unset(self, hole: Hole, facts: Facts) -> list[str]:
        names = [name.id for name in unset(hole.expression, facts)]
        return [name for name in names if name in self.tracked]

    def _look(self, steps: Iterable[Step], facts: Facts) -> None:
        for step in steps:
            true = facts if step.when is None else holds(parsed(step.when), True, facts)
            for key in ("say", "prompt"):
                if key in step.node.keys:
                    self._words(step.node.at(key), true)
            facts = self._after([step], facts)

    def _words(self, node: Node, facts: Facts) -> None:
        for hole in read(node):
            for name in unset(hole.expression, facts):
                if name.id in self.tracked:
                    hint = f"set a default, or say this only `if: set({name.id})`"
                    message = f"'{name.id}' may be unset when this is said"
                    self.report.warn("E004", hole.place(name), message, hint)
