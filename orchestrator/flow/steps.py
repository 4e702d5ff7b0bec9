"""Compiles what is done and where it leads: steps, edges, interrupts, states. Pure."""

from collections.abc import Mapping, Sequence

from orchestrator.flow import definition as made
from orchestrator.flow import document as doc
from orchestrator.flow.approvals import agreement, read_back_of_values
from orchestrator.flow.images import path_of
from orchestrator.flow.loader import Node
from orchestrator.flow.part import Report, did_you_mean
from orchestrator.flow.symbols import Symbols, ToolSymbol
from orchestrator.flow.texts import Texts
from orchestrator.flow.types import ANY, OBJECT, Type, choices, join

__all__ = ["Steps"]


STRICTNESS = {"none": 0, "caller": 1, "human": 2}


class Steps:
    """Compiles with the symbols of one document; problems go to `report`."""

    def __init__(
        self,
        symbols: Symbols,
        everywhere: Sequence[str],
        silence: Sequence[doc.Silence],
        report: Report,
        images: Mapping[str, str],
    ) -> None:
        self.symbols = symbols
        self.everywhere = everywhere
        self.report = report
        self.images = images
        self.texts = Texts(report, symbols.names, symbols.missing, symbols.results)
        self.whole_silence = self.silence(silence)
        self.outcomes: dict[str, Type] = {}  # of the flow's ends, all of them together

    def state(self, name: str, state: doc.State, mark: made.Mark) -> made.State:
        results = self._results(state.do, *(edge.do for edge in state.next))
        texts = self.texts.seeing(**results, **self._returned(state))
        final = self._final(state, texts)
        node = state.node
        silence = self.whole_silence if state.silence is None else self.silence(state.silence)
        return made.State(
            name,
            mark,
            do=self._steps(state.do, texts),
            goal=texts.template(node.at("goal")) if state.goal is not None else None,
            collect=self._collect(state.collect, texts) if state.collect else None,
            tools=() if final else self._tools(state),
            next=tuple(self._edge(edge, texts) for edge in state.next),
            examples=tuple(state.examples),
            final=final,
            run=self._run(state, texts),
            context=_context(state.context),
            silence=() if final else silence,
            voice=made.Voice(state.voice.eagerness, state.voice.interrupt) if state.voice else None,
            limits=made.StateLimits(state.limits.turns, state.limits.time)
            if state.limits
            else None,
        )

    def interrupt(self, name: str, interrupt: doc.Interrupt, mark: made.Mark) -> made.Interrupt:
        node = interrupt.node
        self.symbols.check_state(interrupt.goto, node.at("goto").mark, self.report)
        for index, state in enumerate(interrupt.except_in):
            self.symbols.check_state(state, node.at("except", index).mark, self.report)
        named = interrupt.event is not None or interrupt.signal is not None
        results = self._results(interrupt.do)
        texts = self.texts.seeing(event=ANY, **results) if named else self.texts.seeing(**results)
        return made.Interrupt(
            name,
            mark,
            self._interrupting(name, interrupt),
            texts.condition(node.at("if")) if interrupt.when is not None else None,
            goto=interrupt.goto,
            do=self._steps(interrupt.do, texts),
            returns=interrupt.returns,
            except_in=tuple(interrupt.except_in),
            cool_down=interrupt.cool_down,
            run=self._run(interrupt, self.texts),
        )

    def _interrupting(
        self, name: str, interrupt: doc.Interrupt
    ) -> made.Intent | made.On | made.Digit | None:
        if interrupt.intent is not None:
            examples = tuple(interrupt.examples)
            return made.Intent(name, interrupt.intent, examples, interrupt.unless)
        if interrupt.dtmf is not None:
            return made.Digit(interrupt.dtmf)
        if interrupt.signal is not None:
            return made.On(f"signal.{interrupt.signal}")
        return made.On(interrupt.event) if interrupt.event is not None else None

    def silence(self, items: Sequence[doc.Silence]) -> tuple[made.Silence, ...]:
        return tuple(self._silence(item) for item in items)

    def _silence(self, item: doc.Silence) -> made.Silence:
        node = item.node
        self.symbols.check_state(item.goto, node.at("goto").mark, self.report)
        do: tuple[made.Step, ...] = ()
        if item.say is not None:
            do = (made.Say(self.texts.template(node.at("say"))),)
        elif item.prompt is not None:
            do = (made.Prompt(self.texts.template(node.at("prompt"))),)
        return made.Silence(node.mark, item.after, do, item.goto)

    def _returned(self, state: doc.State) -> Mapping[str, Type]:
        """What the edges of a state see of the sub-flow that has run there."""
        if state.run is None or state.name is None:
            return {}
        self._check_name(state.name, state.node.at("as"))
        flow = self.symbols.flows.get(state.run)
        return {state.name: flow.outcome if flow else ANY}

    def _run(self, part: doc.State | doc.Interrupt, texts: Texts) -> made.SubFlow | None:
        if part.run is None:
            return None
        name = part.name if isinstance(part, doc.State) else None
        return made.SubFlow(part.run, self._given(part, part.run, "run", texts), name)

    def _given(
        self, part: doc.State | doc.Interrupt | doc.Handoff, flow: str, key: str, texts: Texts
    ) -> Mapping[str, made.Template]:
        """What a flow is given for its variables."""
        callee = self.symbols.flows.get(flow)
        node = part.node.at("with")
        given: dict[str, made.Template] = {}
        for name in part.arguments:
            taken = callee.inputs.get(name) if callee else None
            if callee and not taken:
                hint = did_you_mean(name, callee.inputs) or f"give {flow} a variable from: input"
                self.report("F003", node.key(name), f"{flow} takes no '{name}'", hint)
            given[name] = texts.value(node.at(name), taken.type if taken else ANY, "V002", name)
        needed = [name for name, p in callee.inputs.items() if p.required] if callee else []
        missing = [name for name in needed if name not in given]
        if missing and part.whole:
            message = f"{flow} needs {', '.join(missing)}"
            self.report("F003", part.node.at(key).mark, message, "add it to `with`")
        return given

    def _outcome(self, end: doc.End, texts: Texts) -> Mapping[str, made.Template]:
        node, given = end.node.at("outcome"), dict[str, made.Template]()
        for name in end.outcome:
            if name == "reason":
                self.report("S001", node.key(name), "'reason' is always in an outcome")
            type_ = texts.type_of(node.at(name))
            self.outcomes[name] = join(self.outcomes.get(name, type_), type_)
            given[name] = texts.template(node.at(name))
        return given

    def _results(self, *lists: Sequence[doc.Step]) -> Mapping[str, Type]:
        """The types of tool results that these steps name."""
        results: dict[str, Type] = {}
        for step in (step for steps in lists for step in steps):
            if step.name and step.tool is not None:
                self._check_name(step.name, step.node.at("as"))
                tool = self.symbols.tools.get(step.tool)
                returns = tool.returns if tool else ANY
                results[step.name] = join(results.get(step.name, returns), returns)
        return results

    def _check_name(self, name: str, node: Node) -> None:
        if name in self.symbols.names or name in ("event", "result", "args"):
            self.report("S001", node.mark, f"'{name}' has a meaning already")

    def _steps(self, steps: Sequence[doc.Step], texts: Texts) -> tuple[made.Step, ...]:
        return tuple(made for step in steps if (made := self._step(step, texts)))

    def _step(self, step: doc.Step, texts: Texts) -> made.Step | None:
        node = step.node
        when = texts.condition(node.at("if")) if step.when is not None else None
        if step.say is not None:
            return made.Say(texts.template(node.at("say")), when, step.audio)
        if step.prompt is not None:
            return made.Prompt(texts.template(node.at("prompt")), when)
        if step.note is not None:
            return made.Note(texts.template(node.at("note")), when)
        if step.set is not None:
            return made.Set(self.values(step.set, node.at("set"), texts), when)
        if step.wait is not None:
            return made.Wait(step.wait, when)
        if step.dtmf is not None:
            return made.SendDigits(texts.exact(node.at("dtmf")), when)
        if step.show is not None:
            text = texts.template(step.show.node.at("text")) if step.show.text is not None else None
            image = self.images.get(path_of(step), "") if step.show.image is not None else ""
            return made.Show(text, image, when)
        if step.play is not None:
            return made.Play(step.play, when)
        if step.classify is not None:
            variable = self._chosen(step.into or "", node.at("into"))
            return made.Classify(texts.template(node.at("classify")), variable, when)
        if step.emit is not None:
            return made.Emit(step.emit, self._fields(step, texts), when)
        if step.tool is not None:
            tool = self.symbols.tool(step.tool, node.at("tool").mark, self.report)
            if tool and tool.native:
                message = f"only the model can use {tool.name}: the Realtime service calls it"
                self.report("T020", node.at("tool").mark, message, "say `via: host`")
            given = self._arguments(step, tool, texts) if tool else dict[str, made.Template]()
            return made.UseTool(
                step.tool, given, step.name, when, self._approval(step, tool, texts)
            )
        return None

    def _chosen(self, name: str, node: Node) -> str:
        """The variable that a choice of the model goes into."""
        type_ = self.symbols.variables.get(name, ANY)
        if self.symbols.check_variable(name, node.mark, self.report) and not choices(type_):
            self.report("V002", node.mark, f"an answer goes into an enum or a bool, not {type_}")
        return name

    def _approval(
        self, step: doc.Step, tool: ToolSymbol | None, texts: Texts
    ) -> made.ReadBack | made.Review | None:
        """Who has to agree to this step: never fewer than the tool wants."""
        if step.approval and tool and STRICTNESS[step.approval.by] < STRICTNESS[tool.approval]:
            message = f"{tool.name} wants an approval by {tool.approval}; a step can only want more"
            self.report("T013", step.node.at("approval").mark, message)
        return agreement(step.approval, texts.seeing(args=tool.args if tool else OBJECT))

    def _fields(self, step: doc.Step, texts: Texts) -> Mapping[str, made.Template]:
        return {
            name: texts.value(step.node.at("with", name), ANY, "V002", name)
            for name in step.arguments
        }

    def _arguments(
        self, step: doc.Step, tool: ToolSymbol, texts: Texts
    ) -> Mapping[str, made.Template]:
        given = step.node.at("with") if step.arguments else None
        for name in step.arguments:
            if name in tool.bound and given:
                self.report("T002", given.key(name), f"'{name}' is bound by {tool.name}'s args")
        templates = arguments(step.arguments, given, tool, texts, self.report)
        missing = [
            name
            for name, parameter in (tool.parameters or {}).items()
            if parameter.required and name not in step.arguments and name not in tool.bound
        ]
        if missing and step.whole:
            mark = step.node.key("tool")
            self.report("T003", mark, f"{tool.name} needs {', '.join(missing)}", "add it to `with`")
        return templates

    def values(
        self, values: Mapping[str, object], node: Node, texts: Texts
    ) -> Mapping[str, made.Template]:
        """Values for variables (`set`, `assign`)."""
        templates: dict[str, made.Template] = {}
        for name in values:
            self.symbols.check_variable(name, node.key(name), self.report)
            expected = self.symbols.variables.get(name, ANY)
            templates[name] = texts.value(node.at(name), expected, "V002", name)
        return templates

    def _edge(self, edge: doc.Edge, texts: Texts) -> made.Edge:
        node = edge.node
        self.symbols.check_state(edge.goto, node.at("goto").mark, self.report)
        seen = texts.seeing(event=ANY) if edge.event is not None else texts
        return made.Edge(
            node.mark,
            trigger=self._trigger(edge),
            condition=seen.condition(node.at("if")) if edge.when is not None else None,
            set=self.values(edge.set, node.at("set"), seen),
            do=self._steps(edge.do, seen),
            goto=edge.goto,
        )

    def whole(self, steps: doc.Steps | None) -> tuple[made.Step, ...]:
        """The steps of `on_start` or `on_end`."""
        if steps is None:
            return ()
        return self._steps(steps.do, self.texts.seeing(**self._results(steps.do)))

    def _trigger(self, edge: doc.Edge) -> made.Trigger | None:
        if edge.event is not None:
            return made.On(edge.event)
        if edge.dtmf is not None:
            return made.Digit(edge.dtmf)
        if edge.after is not None:
            return made.After(edge.after)
        if edge.silence is not None:
            return made.Silent(edge.silence)
        if edge.intent is None:
            return None
        self._check_asked(edge.fill, edge.node.at("fill"))
        return made.Intent(
            edge.id or "", edge.intent, tuple(edge.examples), edge.unless, tuple(edge.fill)
        )

    def _check_asked(self, names: Sequence[str], node: Node) -> None:
        for index, name in enumerate(names):
            self.symbols.check_variable(name, node.at(index).mark, self.report)

    def _collect(self, collect: doc.Collect, texts: Texts) -> made.Collect:
        node = collect.node
        self._check_asked(collect.vars, node.at("vars"))
        for key, names in (("optional", collect.optional), ("fresh", collect.fresh)):
            for index, name in enumerate(names):
                if name not in collect.vars:
                    mark = node.at(key, index).mark
                    self.report("V001", mark, f"'{name}' is not among the collect's `vars`")
        self.symbols.check_state(collect.on_failed, node.at("on_failed").mark, self.report)
        return made.Collect(
            tuple(collect.vars),
            frozenset(collect.optional),
            frozenset(collect.fresh),
            collect.attempts,
            collect.on_failed,
            read_back_of_values(collect.confirm, node.at("confirm"), texts),
        )

    def _tools(self, state: doc.State) -> tuple[str, ...]:
        for index, name in enumerate(state.tools):
            self.symbols.tool(name, state.node.at("tools", index).mark, self.report)
        return tuple(dict.fromkeys([*state.tools, *self.everywhere]))

    def _final(
        self, state: doc.State, texts: Texts
    ) -> made.End | made.Transfer | made.Handoff | None:
        if state.end:
            reason = texts.exact(state.end.node.at("reason"))
            return made.End(reason, self._outcome(state.end, texts))
        if state.handoff:
            other = state.handoff
            given = self._given(other, other.flow, "flow", texts)
            return made.Handoff(other.flow, given, _context(other.context))
        if state.transfer is None:
            return None
        node = state.transfer.node
        failed = state.transfer.on_failed
        self.symbols.check_state(failed, node.at("on_failed").mark, self.report)
        note = texts.template(node.at("note")) if state.transfer.note is not None else None
        headers = {name: texts.exact(node.at("headers", name)) for name in state.transfer.headers}
        to, summary = texts.exact(node.at("to")), state.transfer.summary
        return made.Transfer(to, note, failed, summary, headers)


def _context(context: doc.Context | None) -> made.Context | None:
    return made.Context(context.keep_last, context.summary) if context else None


def arguments(
    values: Mapping[str, object],
    node: Node | None,
    tool: ToolSymbol,
    texts: Texts,
    report: Report,
) -> Mapping[str, made.Template]:
    """Arguments that the author gives to a tool (`with`, `args`)."""
    templates: dict[str, made.Template] = {}
    for name in values if node else ():
        assert node
        parameter = (tool.parameters or {}).get(name)
        if parameter is None and tool.parameters is not None:
            report("T002", node.key(name), f"{tool.name} has no parameter '{name}'")
        expected = parameter.type if parameter else ANY
        templates[name] = texts.value(node.at(name), expected, "T004", name)
    return templates
