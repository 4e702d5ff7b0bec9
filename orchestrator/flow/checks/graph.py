"""Checks of each state's edges: their events, their order, whether one is taken at all. Pure."""

import re
from collections.abc import Iterator

from orchestrator.flow.checks.walk import called, guarding
from orchestrator.flow.document import Document, Edge, Interrupt, State, Step
from orchestrator.flow.guard_parts import OutputGuard
from orchestrator.flow.part import Report, did_you_mean
from orchestrator.flow.symbols import Symbols

__all__ = ["check_graph", "waits"]

TOOL_EVENT = re.compile(r"tool\.(.+)\.([a-z_]+)\Z")
RUN_EVENT = re.compile(r"run\.([a-z0-9_]+)\.(done|failed)\Z")
LATER_EVENTS = re.compile(r"(transcript\.partial|image)\Z")
SIGNAL = re.compile(r"signal\.[a-z][a-z0-9_]*(\.[a-z0-9_]+)*\Z")
NEVER = (
    (
        re.compile(r"call\.hangup\Z"),
        "nothing can follow a hang-up but the end",
        "on_end is done then, too",
    ),
    (
        re.compile(r"mcp\..*"),
        "a server's tools have the events of other tools",
        "tool.SERVER.TOOL.done",
    ),
    (
        re.compile(r"tool\..+\.late\Z"),
        "what comes late changes nothing: only people are told (call.late)",
        "",
    ),
)
"""Events that an author may look for and that the language has not, on purpose."""
CALL_EVENTS = ("call.voicemail", "call.busy", "call.no_answer")
EVENTS = ("transcript.final", "text", "response.cancelled", "say.drift", *CALL_EVENTS)
OUTCOMES = ("started", "done", "failed", "denied", "cancelled")


def check_graph(document: Document, symbols: Symbols, report: Report) -> None:
    for name, state in document.states.items():
        _check_events(document, state, symbols, report)
        if state.whole and all(edge.whole for edge in state.next):
            _check_exits(name, document, state, report)
    for name, interrupt in document.interrupts.items():
        _check_interrupting(interrupt, document, symbols, report)
        if interrupt.whole and interrupt.goto is None and not interrupt.returns:
            mark = document.node.at("interrupts").key(name)
            report("G009", mark, f"interrupt '{name}' has neither goto nor return: true")


def _check_interrupting(
    interrupt: Interrupt, document: Document, symbols: Symbols, report: Report
) -> None:
    if interrupt.event is None:
        return
    mark = interrupt.node.at("event").mark
    if interrupt.event in ("collected", "collect.failed", "limits"):
        report("G006", mark, f"'{interrupt.event}' belongs to one state: use its next")
    elif problem := _unknown(interrupt.event, document, symbols):
        code, message, hint = problem
        report(code, mark, message, hint)


def _check_events(document: Document, state: State, symbols: Symbols, report: Report) -> None:
    for edge in state.next:
        if edge.event is not None:
            problem = _event_problem(edge.event, document, state, symbols)
            if problem:
                code, message, hint = problem
                report(code, edge.node.at("event").mark, message, hint)


def _event_problem(
    event: str, document: Document, state: State, symbols: Symbols
) -> tuple[str, str, str] | None:
    if event == "collected":
        collects = "collect" in state.node.keys  # if it could not be read, that has been told
        return None if collects else ("G006", "nothing is collected in this state", "")
    if event == "collect.failed":
        limited = state.collect and state.collect.attempts is not None
        return None if limited else ("G006", "nothing limits attempts: add collect.attempts", "")
    if event == "limits":
        return None if state.limits else ("G006", "this state has no limits", "")
    if event.startswith("run."):
        return _run_problem(event, state)
    if problem := _unknown(event, document, symbols):
        return problem
    return _unused(event, document, state, symbols)


def _unknown(event: str, document: Document, symbols: Symbols) -> tuple[str, str, str] | None:
    """The problem of an event that cannot happen anywhere: code, message, hint."""
    if event in EVENTS or SIGNAL.match(event):
        return None
    if event == "budget":
        limited = document.limits and document.limits.cost
        return None if limited else ("G006", "nothing limits the cost: add limits.cost", "")
    for pattern, message, hint in NEVER:
        if pattern.match(event):
            return "G006", message, hint
    if event.startswith("guard."):
        return _guard_problem(event, document)
    if LATER_EVENTS.match(event):
        return "X001", f"event '{event}' is not supported yet", ""
    if event.startswith("run."):
        return "G006", "it comes only in the state that runs the flow", ""
    match = TOOL_EVENT.match(event)
    if match is None:
        hint = did_you_mean(
            event, ["collected", *EVENTS, *(f"tool.{name}.done" for name in symbols.tools)]
        )
        return "G006", f"there is no event '{event}'", hint
    name, outcome = match[1], match[2]
    if name not in symbols.tools:
        return "T001", f"no tool '{name}'", did_you_mean(name, symbols.tools)
    if outcome not in OUTCOMES:
        message = f"a tool has no event '{outcome}'; there are {', '.join(OUTCOMES)}"
        return "G006", message, did_you_mean(outcome, OUTCOMES)
    return None


def _unused(
    event: str, document: Document, state: State, symbols: Symbols
) -> tuple[str, str, str] | None:
    """The problem of an event that cannot happen in this state."""
    match = TOOL_EVENT.match(event)
    if match is None:
        return None
    name, outcome = match[1], match[2]
    if name not in {*state.tools, *document.tools_everywhere, *called(_all_steps(state))}:
        return "G006", f"'{name}' is not used in this state", ""
    tool = symbols.tools[name]
    asked = any(step.tool == name and step.approval for step in _all_steps(state))
    if outcome == "denied" and tool and tool.source.whole and tool.approval == "none" and not asked:
        return "G006", f"'{name}' needs nobody's approval", ""
    return None


def _guard_problem(event: str, document: Document) -> tuple[str, str, str] | None:
    """A guard's event is raised where its `then` goes nowhere."""
    guards = {f"guard.{guard.id}": guard for guard in guarding(document)}
    guard = guards.get(event)
    if guard is None:
        return "G006", f"there is no event '{event}'", did_you_mean(event, guards)
    if isinstance(guard, OutputGuard) and guard.then and guard.then.goto:
        return "G006", f"guard '{guard.id}' goes to '{guard.then.goto}': it raises no event", ""
    return None


def _run_problem(event: str, state: State) -> tuple[str, str, str] | None:
    match = RUN_EVENT.match(event)
    known = [f"run.{state.run}.{outcome}" for outcome in ("done", "failed")] if state.run else []
    if match and match[1] == state.run:
        return None
    return "G006", f"'{event}' does not come in this state", did_you_mean(event, known)


def _all_steps(state: State) -> Iterator[Step]:
    yield from state.do
    for edge in state.next:
        yield from edge.do


def _check_exits(name: str, document: Document, state: State, report: Report) -> None:
    mark = document.node.at("states").key(name)
    if not state.next:
        if not state.ends:
            report("G003", mark, f"dead end: '{name}' has no next, end or transfer")
        return
    for edge, after in zip(state.next, state.next[1:], strict=False):
        if _unconditional(edge):
            report("G004", after.mark, "never reached: the edge before it is always taken")
            break
    _check_collect(state, report)
    if not waits(state):
        _check_passing(name, state, report)


def _unconditional(edge: Edge) -> bool:
    return edge.when is None and not any(key in edge.node.keys for key in Edge.TRIGGERS)


def _check_collect(state: State, report: Report) -> None:
    if state.collect is None or not state.collect.whole:
        return
    words = {word for edge in state.next for word in re.findall(r"\w+", edge.when or "")}
    leaves = any(edge.event == "collected" or _unconditional(edge) for edge in state.next)
    if not leaves and words.isdisjoint(state.collect.vars):
        hint = "add {event: collected, goto: …}"
        report("G005", state.node.key("collect"), "what is collected leads nowhere", hint)


def waits(state: State) -> bool:
    """Whether a caller, or the model, has something to do in this state."""
    talks = state.goal is not None or state.collect or state.tools
    heard = any(
        edge.intent is not None
        or edge.dtmf is not None
        or edge.event in EVENTS
        or SIGNAL.match(edge.event or "")
        for edge in state.next
    )
    timed = any(edge.after is not None or edge.silence is not None for edge in state.next)
    return bool(talks) or heard or timed or any(item.goto for item in state.silence or ())


def _check_passing(name: str, state: State, report: Report) -> None:
    """In a state where nobody talks, something must happen by itself."""
    if any(_unconditional(edge) for edge in state.next):
        return
    mark = state.node.key("next")
    events = {edge.event for edge in state.next if edge.event is not None}
    if not events:
        hint = "add a last {goto: …}"
        report("G008", mark, f"if no condition is true, '{name}' is stuck", hint)
        return
    if state.run is not None and f"run.{state.run}.done" in events:
        return
    tools = called(state.do)
    if any(LATER_EVENTS.match(event) for event in events):
        return
    if not any(edge.when for edge in state.next) and not any(
        f"tool.{tool}.done" in events for tool in tools
    ):
        ends = [f"tool.{tool}.done" for tool in sorted(tools)]
        ends += [f"run.{state.run}.done"] if state.run else []
        done = ", ".join(ends) or "no such event"
        report("G007", mark, f"'{name}' may wait for ever", f"nothing here follows {done}")
