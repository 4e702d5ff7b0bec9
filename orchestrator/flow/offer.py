"""What the model is told and offered: whole instructions, and the tools of one answer. Pure.

The layout of the instructions and the names of the tools are a contract: docs/prompt.md.
"""

from collections.abc import Iterable, Iterator
from functools import lru_cache

from orchestrator.dispatch.call import Json
from orchestrator.flow.commands import Purpose
from orchestrator.flow.definition import Intent, Interrupt, State, Tool
from orchestrator.flow.macrostep import Macrostep
from orchestrator.flow.menu import EMPTY, Decide, Go, Menu, Offer, Schema, Use, function, go, menu
from orchestrator.flow.operations import as_json
from orchestrator.flow.remembered import remembered
from orchestrator.flow.scope import local_time
from orchestrator.flow.snapshot import Confirmation, Place

__all__ = [
    "around",
    "gate_is_open",
    "instructions",
    "may_interrupt",
    "missing",
    "offered",
    "offers",
    "schemas",
]

MAX_DEPTH = 4
"""Interrupts that return, one within another."""

NO_GOAL = "Hear what the caller wants."
COMPANY = "Keep the caller company until the work under way is done. Promise nothing."
READ_BACK = "Read this back to the caller and ask whether it is right, a yes or a no: "
NEWS = "Tell the caller what the last system message brings. Then go on: "


def offers(m: Macrostep) -> dict[str, Offer]:
    """Everything that the model may ask for now, by the name that it asks with: what is around
    the flow of the talk comes last."""
    return _offers(m, menu(m.flow, m.state))


def offered(m: Macrostep, name: str) -> Offer | None:
    """What the model asks *us* for by this name; the rest it has from the Realtime service."""
    offer = _offers(m, menu(m.flow, m.state).called.get(name, EMPTY)).get(name)
    return None if isinstance(offer, Use) and offer.tool.native else offer


def _offers(m: Macrostep, may: Menu) -> dict[str, Offer]:
    found: dict[str, Offer] = {offer.schema["name"]: offer for offer in _own(m, may)}
    for path, interrupt in around(m):
        if isinstance(interrupt.trigger, Intent):
            found.setdefault(f"go_{interrupt.id}", go(m.flow, path, interrupt.trigger))
    return found


def around(m: Macrostep, **event: Json) -> Iterator[tuple[str, Interrupt]]:
    """Interrupts of the flows around this one, by their paths, the innermost first. One that
    returns waits for another one's end."""
    by, frame = m.place.by, m.place.parent
    while frame is not None:
        with m.within(frame):
            under_way = by.startswith("interrupt:") or m.place.resumes is not None
            possible = [
                interrupt
                for interrupt in m.flow.interrupts
                if (interrupt.goto or not under_way) and may_interrupt(m, interrupt, **event)
            ]
            by, outer = m.place.by, m.place.parent
        yield from ((f"outer:{frame}:{interrupt.id}", interrupt) for interrupt in possible)
        frame = outer


def _own(m: Macrostep, may: Menu) -> Iterator[Offer]:
    confirming = m.work.confirming
    yield from _first_that_fit(m, may)
    for interrupt, move in may.interrupts:
        if may_interrupt(m, interrupt):
            yield move
    if may.store:
        yield may.store
    if confirming and confirming.heard is not None and not confirming.agreed:
        yield from _answers(m, confirming)
    for use in may.tools:
        if not (confirming and confirming.tool == use.tool.name) and gate_is_open(m, use.tool):
            yield use


def _first_that_fit(m: Macrostep, may: Menu) -> Iterator[Go]:
    """Of the edges of one name, one."""
    taken: set[str] = set()
    for edge, move in may.moves:
        fits = edge.condition is None or edge.condition.evaluate(m.scope())
        if fits and move.intent.id not in taken:
            taken.add(move.intent.id)
            yield move


def _answers(m: Macrostep, asked: Confirmation) -> Iterator[Decide]:
    about = m.flow.tools[asked.tool].alias if asked.tool else m.state.name
    for kind, said, yes in (
        ("confirm", "clearly said yes", True),
        ("decline", "did not say yes", False),
    ):
        prose = f"The caller {said} to: {asked.read_back}"
        yield Decide(function(f"{kind}_{about}", prose), yes)


def gate_is_open(m: Macrostep, tool: Tool) -> bool:
    return tool.requires is None or tool.requires.evaluate(m.scope()) is True


def may_interrupt(m: Macrostep, interrupt: Interrupt, **event: Json) -> bool:
    """Not where it leads to, not while it is cooling, and not an ending; detours do not go deep."""
    place = m.place
    if place.cooling.get(interrupt.id, 0) > m.run.entered or m.state.final:
        return False
    if interrupt.goto == place.state or place.state in interrupt.except_in:
        return False
    if place.steps and _too_deep(place, interrupt):
        return False
    return interrupt.condition is None or interrupt.condition.evaluate(m.scope(**event)) is True


def _too_deep(place: Place, interrupt: Interrupt) -> bool:
    under_way = [step.path for step in place.steps if step.path.startswith("interrupt:")]
    return len(under_way) >= MAX_DEPTH or f"interrupt:{interrupt.id}" in under_way


def schemas(m: Macrostep) -> tuple[Schema, ...]:
    """The offers as tools in the Realtime shape: functions, and narrowed MCP servers."""
    functions: list[Schema] = []
    servers: dict[str, list[str]] = {}
    for offer in offers(m).values():
        if isinstance(offer, Use) and offer.tool.native:
            servers.setdefault(offer.tool.native.label, []).append(offer.tool.handler)
        else:
            functions.append(offer.schema)
    narrowed = (
        {"type": "mcp", "server_label": label, "allowed_tools": tools}
        for label, tools in servers.items()
    )
    return (*functions, *narrowed)


def missing(m: Macrostep) -> tuple[str, ...]:
    """The variables that this state's `collect` still needs, in the order to ask for them."""
    collect = m.state.collect
    if collect is None:
        return ()
    return tuple(
        name
        for name in collect.variables
        if name not in collect.optional
        and (m.values.vars.get(name) is None or name in m.values.stale)
    )


def instructions(m: Macrostep, purpose: Purpose, text: str = "", *, role: bool = True) -> str:
    """Whole instructions for one answer, or all but the `role`, which never changes. `text` is
    the author's, where the purpose has some."""
    persona = m.session.session.persona if role else ""
    head = _head(persona, m.run.started, m.run.offset, m.run.zone)
    if purpose == "say":
        return head + _section("Say exactly", text)
    return (
        head
        + _section("Goal", _goal(m, purpose, text))
        + _section("Known values", _lines(_known(m)))
        + _section("Still needed", _lines(_needed(m)) if purpose != "prompt" else "")
        + _section("Sample phrases", _lines(m.state.examples))
    )


@lru_cache(maxsize=1_000)  # sessions
def _head(persona: str, started: float, offset: int, zone: str) -> str:
    """What is the same in all answers of a session."""
    now = local_time(started, offset)
    today = f"{now:%A} {now.day} {now:%B %Y, %H:%M} ({now.isoformat('T', 'minutes')}, {zone})"
    head = _section("Role", persona) + _section("Date and zone", today)
    return head.removeprefix("\n\n")


def _section(title: str, body: str) -> str:
    return f"\n\n# {title}\n{body}" if body else ""


def _goal(m: Macrostep, purpose: Purpose, text: str) -> str:
    match purpose:
        case "prompt" | "say":
            return text
        case "readback":
            return READ_BACK + text
        case "goal" | "answer" | "resume" | "result":
            goal = m.text(m.state.goal).strip() if m.state.goal else _no_goal(m)
            return NEWS + goal if purpose == "result" else goal


def _no_goal(m: Macrostep) -> str:
    return COMPANY if m.work.calls else NO_GOAL


def _known(m: Macrostep) -> Iterator[str]:
    for name in _concerned(m.state):
        value = m.values.vars.get(name)
        if value is not None:
            stale = " (stale: ask again)" if name in m.values.stale else ""
            yield f"{name}: {as_json(value)}{stale}"


@remembered
def _concerned(state: State) -> tuple[str, ...]:
    """The variables that the model can set here, in the order in which it sees them."""
    seen = dict.fromkeys(state.collect.variables if state.collect else ())
    for edge in state.next:
        if isinstance(edge.trigger, Intent):
            seen.update(dict.fromkeys(edge.trigger.fill))
    return tuple(seen)


def _needed(m: Macrostep) -> Iterator[str]:
    for name in missing(m):
        yield f"{name}: {m.flow.variables[name].describe or name.replace('_', ' ')}"


def _lines(items: Iterable[str]) -> str:
    return "\n".join([f"- {item}" for item in items])
