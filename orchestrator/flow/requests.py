"""What the model asks for within an answer, and how it is judged. Pure.

A request that is offered is granted as it comes. Any other waits: for the answer's end, the
move made there and the entry of the new state; then it is judged once more. At most one move
counts, the first. One that was meant for another state is never a move of this one.
"""

from orchestrator.flow import asking
from orchestrator.flow.events import ToolAsked
from orchestrator.flow.macrostep import Macrostep
from orchestrator.flow.menu import Decide, Go, Offer, SetValues, Use
from orchestrator.flow.offer import offered
from orchestrator.flow.records import replace
from orchestrator.flow.snapshot import Asked
from orchestrator.flow.taking import take
from orchestrator.flow.talk import patience
from orchestrator.flow.telling import answer

__all__ = ["judge_again", "refuse", "tool_asked"]


def tool_asked(m: Macrostep, event: ToolAsked) -> None:
    if event.speak != m.talk.speaking or event.call in m.talk.calls:
        m.report("tool.ignored", call=event.call, name=event.name)
        return
    patience(m)
    asked = Asked(event.call, event.name, event.arguments, m.talk.epoch)
    offer = offered(m, event.name) if asked.epoch == m.place.epoch else None
    silent = isinstance(offer, Use) and offer.tool.silent
    m.talk = replace(m.talk, calls=(*m.talk.calls, event.call), due=m.talk.due or not silent)
    if offer is None or (m.place.move and not isinstance(offer, Go)):
        m.work = replace(m.work, asked=(*m.work.asked, asked))
    else:
        _grant(m, asked, offer)


def judge_again(m: Macrostep) -> None:
    """The first of those that wait: what was not offered before may be so now."""
    asked, *later = m.work.asked
    offer = offered(m, asked.name)
    if isinstance(offer, Go) and asked.epoch != m.place.epoch:
        m.work = replace(m.work, asked=tuple(later))
        answer(m, asked.call, {"ignored": "already moved"})
    elif offer is None:
        refuse(m)
    else:
        m.work = replace(m.work, asked=tuple(later))
        _grant(m, asked, offer)


def refuse(m: Macrostep) -> None:
    """The first of those that wait cannot be had."""
    asked, *later = m.work.asked
    m.work = replace(m.work, asked=tuple(later))
    hint = "Use only the tools that are offered now."
    answer(m, asked.call, {"error": "not_available", "message": hint})
    m.report("tool.refused", call=asked.call, name=asked.name)


def _grant(m: Macrostep, asked: Asked, offer: Offer) -> None:
    match offer:
        case Go():
            _go(m, asked, offer)
        case SetValues(variables=variables):
            take(m, asked, variables)
        case Decide(yes=True):
            asking.confirm(m, asked.call)
        case Decide():
            asking.decline(m, asked.call)
        case Use(tool=tool):
            asking.use(m, asked.call, tool, asked.arguments)


def _go(m: Macrostep, asked: Asked, offer: Go) -> None:
    if m.talk.moved:
        answer(m, asked.call, {"ignored": "already moved"})
        return
    if offer.intent.fill:
        take(m, asked, offer.intent.fill, offer.path)
        return
    m.place = replace(m.place, move=offer.path)
    m.talk = replace(m.talk, moved=True)
    answer(m, asked.call, {"ok": True})
