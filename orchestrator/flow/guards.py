"""What watches the words of both sides. Pure.

An input guard looks at each turn of the caller, beside the answer to it: it sets a variable or
raises an event. An output guard looks at the model's words as they come; where it finds
something the agent is stopped, and says or goes what the author wants.

A pattern is tried here and now. A question to the model and a tool take their time, and are not
asked again before they have answered.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from orchestrator.dispatch.call import Json, Outcome
from orchestrator.flow.aside import ask, chosen, question
from orchestrator.flow.commands import Hush
from orchestrator.flow.definition import Guard, Rejected, Side, Then
from orchestrator.flow.hearing import cut_off
from orchestrator.flow.macrostep import Macrostep
from orchestrator.flow.moves import enter
from orchestrator.flow.operations import is_object
from orchestrator.flow.snapshot import OpenAsk, OpenCall
from orchestrator.flow.talk import busy, patience, say
from orchestrator.flow.variables import give
from orchestrator.flow.work import bound, start

__all__ = ["answered", "heard", "said", "saying", "settled"]


def heard(m: Macrostep, text: str) -> None:
    """The caller has said this."""
    for guard in _due(m, "input"):
        _look(m, guard, text)


def saying(m: Macrostep, speak: str, text: str) -> None:
    """The model is saying this, and has not finished: patterns need not wait for the rest."""
    if speak == m.talk.speaking:
        patience(m)
        _watch(m, speak, text, whole=False)


def said(m: Macrostep, speak: str, text: str) -> None:
    _watch(m, speak, text, whole=True)


def _watch(m: Macrostep, speak: str, text: str, *, whole: bool) -> None:
    for guard in _due(m, "output"):
        if speak != m.talk.speaking or m.talk.purpose == "say":  # stopped, or the author's words
            return
        if whole or guard.match:
            _look(m, guard, text)


def _due(m: Macrostep, side: Side) -> Iterator[Guard]:
    for guard in m.flow.guards:
        now = guard.side == side and m.talk.turns % guard.every == 0
        if now and (guard.when is None or guard.when.evaluate(m.scope()) is True):
            yield guard


def _look(m: Macrostep, guard: Guard, text: str) -> None:
    if guard.match:
        _judged(m, guard, guard.match(text))
    elif guard.classify and not _is_asking(m, guard):
        choices = _choices(m, guard)
        about = text if guard.side == "output" else ""
        ask(m, OpenAsk("guard", guard.id), question(m.text(guard.classify), choices), about)
    elif guard.tool and not _is_asking(m, guard):
        _call(m, guard, guard.tool, text)


def _is_asking(m: Macrostep, guard: Guard) -> bool:
    calls = (c.result_name for c in m.work.calls.values() if c.origin == "guard")
    return guard.id in (*calls, *(a.subject for a in m.work.asks.values() if a.purpose == "guard"))


def _choices(m: Macrostep, guard: Guard) -> Mapping[str, Json]:
    return m.flow.variables[guard.into].choices if guard.into else {"yes": True, "no": False}


def _call(m: Macrostep, guard: Guard, name: str, text: str) -> None:
    tool = m.flow.tools[name]
    try:
        frozen = tool.accept({"text": text, **bound(m, tool)})
    except Rejected as problem:
        m.report("guard.failed", id=guard.id, reason=str(problem))
        return
    call = OpenCall(m.new_id("call"), name, "guard", m.place.epoch, frozen, "", m.at)
    start(m, replace(call, result_name=guard.id))


def answered(m: Macrostep, name: str, text: str | None) -> None:
    """The model has answered a guard's question, or did not."""
    guard = _named(m, name)
    choices = _choices(m, guard)
    word = chosen(text, choices) if text is not None else None
    if word is None:
        m.report("guard.failed", id=name, reason=text or "no answer")
    else:
        _judged(m, guard, choices[word])


def settled(m: Macrostep, call: OpenCall, outcome: Outcome) -> None:
    """A guard's tool has come back, and is not tried again."""
    result = outcome.result
    hit = result.get("hit") if is_object(result) else None
    if outcome.ok and isinstance(hit, bool):
        _judged(m, _named(m, call.result_name or ""), hit)
    else:
        reason = outcome.error.code if outcome.error else "the result has no `hit`"
        m.report("guard.failed", id=call.result_name, reason=reason)


def _named(m: Macrostep, name: str) -> Guard:
    return next(guard for guard in m.flow.guards if guard.id == name)


def _judged(m: Macrostep, guard: Guard, value: Json) -> None:
    """`value` is whether it found something, or what its variable gets."""
    if guard.into:
        give(m, {guard.into: value})
    if value is False:
        return
    m.report("guard.hit", id=guard.id)
    if guard.then and not m.place.transferring:
        _stop(m)
        _then(m, guard, guard.then)
    if not (guard.then and guard.then.goto):
        m.happen(f"guard.{guard.id}", value=value)


def _stop(m: Macrostep) -> None:
    """Nobody hears the rest of what the model is saying, and no debt is paid with it."""
    answer = m.talk.speaking
    if answer:
        m.emit(Hush(answer))
        m.talk = replace(m.talk, speaking=None, calls=(), stopped=answer)
        m.drop_timers("answer:")
        m.let_go(answer)
    if heard := m.talk.hearing:
        m.emit(Hush(heard))
        cut_off(m, heard)


def _then(m: Macrostep, guard: Guard, then: Then) -> None:
    if then.say and not busy(m):
        say(m, then.say)
    if then.goto:
        enter(m, then.goto, by=f"guard:{guard.id}")
