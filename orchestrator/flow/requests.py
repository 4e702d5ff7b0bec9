"""What the model asks for within an answer, and how it is judged. Pure.

A request that is offered is granted as it comes; any other waits for the answer's end and
the move made there, and is judged once more. At most one move counts, the first.
"""

from dataclasses import replace

from orchestrator.dispatch.call import Json
from orchestrator.flow import work
from orchestrator.flow.definition import Rejected
from orchestrator.flow.events import ToolAsked
from orchestrator.flow.macrostep import Macrostep
from orchestrator.flow.offer import Decide, Go, Offer, SetValues, Use, missing, offers
from orchestrator.flow.snapshot import Asked, Happened

__all__ = ["collected", "give", "judge_again", "tool_asked"]


def tool_asked(m: Macrostep, event: ToolAsked) -> None:
    if event.speak != m.talk.speaking or event.call in m.talk.calls:
        m.report("tool.ignored", call=event.call, name=event.name)
        return
    m.talk = replace(m.talk, calls=(*m.talk.calls, event.call))
    asked = Asked(event.call, event.name, event.arguments)
    offer = offers(m).get(event.name)
    if offer is None or (m.place.move and not isinstance(offer, Go)):
        m.work = replace(m.work, asked=(*m.work.asked, asked))
    else:
        _grant(m, asked, offer)


def judge_again(m: Macrostep) -> None:
    """The answer has ended and its move is made: what was not offered may be so now."""
    while m.work.asked and not m.ended:
        asked, *later = m.work.asked
        m.work = replace(m.work, asked=tuple(later))
        offer = offers(m).get(asked.name)
        if offer is None or (isinstance(offer, Go) and m.place.move):
            hint = "Use only the tools that are offered now."
            work.answer(m, asked.call, {"error": "not_available", "message": hint})
            m.report("tool.refused", call=asked.call, name=asked.name)
        else:
            _grant(m, asked, offer)


def _grant(m: Macrostep, asked: Asked, offer: Offer) -> None:
    match offer:
        case Go():
            _go(m, asked, offer)
        case SetValues(variables=variables):
            _collect(m, asked, variables)
        case Decide(yes=True):
            work.confirm(m, asked.call)
        case Decide():
            work.decline(m, asked.call)
        case Use(tool=tool):
            work.use(m, asked.call, tool, asked.arguments)


def _go(m: Macrostep, asked: Asked, offer: Go) -> None:
    if m.place.move:
        work.answer(m, asked.call, {"ignored": "already moved"})
        return
    output = _store(m, asked.arguments, offer.intent.fill) if offer.intent.fill else {"ok": True}
    if "rejected" not in output:
        m.place = replace(m.place, move=offer.path)
    work.answer(m, asked.call, output)


def _collect(m: Macrostep, asked: Asked, variables: tuple[str, ...]) -> None:
    output = _store(m, asked.arguments, variables)
    still = missing(m)
    if still:
        output["missing"] = list(still)
    elif "rejected" not in output:
        collected(m)
    work.answer(m, asked.call, output)


def collected(m: Macrostep) -> None:
    m.place = replace(m.place, collected=Happened("collected", m.place.epoch))


def _store(m: Macrostep, text: str, names: tuple[str, ...]) -> dict[str, Json]:
    """Store what the model gives for these variables; the good ones count, bad ones are told."""
    try:
        arguments = work.parse_arguments(text)
    except Rejected as problem:
        return {"rejected": {"arguments": str(problem)}}
    rejected: dict[str, Json] = {}
    before = m.values.vars
    for name, value in arguments.items():
        if name not in names:
            rejected[name] = "nothing of that name can be set here"
        elif value is not None:
            rejected |= give(m, name, value)
    if m.values.vars != before:
        m.work = replace(m.work, confirming=None)
    return {"rejected": rejected} if rejected else {"ok": True}


def give(m: Macrostep, name: str, value: Json) -> dict[str, Json]:
    """Give one variable a value; `{name: why}` if it does not take it."""
    variable = m.flow.variables[name]
    try:
        accepted = variable.accept(value, m.scope()) if value is not None else None
    except Rejected as problem:
        m.report("value.rejected", name=name, reason=str(problem))
        return {name: str(problem)}
    old = m.values.vars.get(name)
    values = {**m.values.vars, name: accepted}
    if accepted != old:
        values |= {other: m.flow.variables[other].default for other in variable.clears}
        m.report("value.set", name=name, value=accepted)
    m.values = replace(m.values, vars=values, stale=m.values.stale - {name})
    return {}
