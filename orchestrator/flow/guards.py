"""What watches the words of both sides. Pure.

An input guard looks at each turn of the caller, beside the answer to it: it sets a variable or
raises an event. An output guard looks at the model's words as they come; where it finds
something the agent is stopped, and says or goes what the author wants.

A pattern is tried here and now. A question to the model and a tool take their time, and are not
asked again before they have answered.
"""

from collections.abc import Iterator, Mapping

from orchestrator.dispatch.call import Json, Outcome
from orchestrator.flow import frames
from orchestrator.flow.aside import ask, chosen, question
from orchestrator.flow.asking import forbid
from orchestrator.flow.commands import Hush
from orchestrator.flow.definition import Flow, Guard, Rejected, Side, Then
from orchestrator.flow.hearing import cut_off
from orchestrator.flow.macrostep import Macrostep
from orchestrator.flow.moves import enter
from orchestrator.flow.operations import is_object
from orchestrator.flow.records import replace
from orchestrator.flow.remembered import remembered
from orchestrator.flow.snapshot import OpenAsk, OpenCall
from orchestrator.flow.talk import busy, patience, say
from orchestrator.flow.variables import give
from orchestrator.flow.work import bound, start

__all__ = ["answered", "heard", "said", "saying", "settled"]


def heard(m: Macrostep, text: str) -> None:
    """The caller has said this."""
    for frame in _watching(m):
        with m.within(frame):
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
    for frame in _watching(m):
        with m.within(frame):
            due = [guard for guard in _due(m, "output") if whole or guard.match]
        for guard in due:
            if speak != m.talk.speaking or m.talk.purpose == "say":  # stopped, or our own words
                return
            with m.within(frame):
                hit = _look(m, guard, text)
            if hit:
                _act(m, guard, frame)


def _watching(m: Macrostep) -> tuple[int, ...]:
    """The frames whose guards watch: that of the talk and those around it."""
    return (m.place.frame, *frames.parents(m)) if _has_guards(m.root) else ()


@remembered
def _has_guards(root: Flow) -> bool:
    return any(flow.guards for flow in root.family)


def _due(m: Macrostep, side: Side) -> Iterator[Guard]:
    for guard in m.flow.guards:
        now = guard.side == side and m.talk.turns % guard.every == 0
        if now and (guard.when is None or guard.when.evaluate(m.scope()) is True):
            yield guard


def _look(m: Macrostep, guard: Guard, text: str) -> bool:
    """Whether it found something at once."""
    if guard.match:
        return _judged(m, guard, guard.match(text))
    if guard.classify and not _is_asking(m, guard):
        choices = _choices(m, guard)
        about = text if guard.side == "output" else ""
        ask(m, OpenAsk("guard", guard.id), question(m.text(guard.classify), choices), about)
    elif guard.tool and not _is_asking(m, guard):
        _call(m, guard, guard.tool, text)
    return False


def _is_asking(m: Macrostep, guard: Guard) -> bool:
    """Another flow's guard may have the same id."""
    calls = ((c.result_name, c.frame) for c in m.work.calls.values() if c.origin == "guard")
    asks = ((a.subject, a.frame) for a in m.work.asks.values() if a.purpose == "guard")
    return (guard.id, m.place.frame) in (*calls, *asks)


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


def answered(m: Macrostep, asked: OpenAsk, text: str | None) -> None:
    """The model has answered a guard's question, or did not."""
    with m.within(asked.frame, asked.flow):
        guard = _named(m, asked.subject)
        choices = _choices(m, guard)
        word = chosen(text, choices) if text is not None else None
        hit = word is not None and _judged(m, guard, choices[word])
        if word is None:
            m.report("guard.failed", id=guard.id, reason=text or "no answer")
    if hit:
        _act(m, guard, asked.frame)


def settled(m: Macrostep, call: OpenCall, outcome: Outcome) -> None:
    """A guard's tool has come back, and is not tried again."""
    result = outcome.result
    found = result.get("hit") if is_object(result) else None
    if not (outcome.ok and isinstance(found, bool)):
        reason = outcome.error.code if outcome.error else "the result has no `hit`"
        m.report("guard.failed", id=call.result_name, reason=reason)
        return
    with m.within(call.frame, call.flow):
        guard = _named(m, call.result_name or "")
        hit = _judged(m, guard, found)
    if hit:
        _act(m, guard, call.frame)


def _named(m: Macrostep, name: str) -> Guard:
    return next(guard for guard in m.flow.guards if guard.id == name)


def _judged(m: Macrostep, guard: Guard, value: Json) -> bool:
    """`value` is whether it found something, or what its variable gets. Whether there is
    something to do about it."""
    if guard.into:
        give(m, {guard.into: value})
    if value is False:
        return False
    m.report("guard.hit", id=guard.id)
    m.happen(f"guard.{guard.id}", value=value)
    return guard.then is not None


def _act(m: Macrostep, guard: Guard, frame: int) -> None:
    """Of a flow that is over nothing is done any more."""
    if guard.then and not m.is_over(frame) and not m.place.transferring:
        _stop(m)
        _then(m, guard, guard.then, frame)


def _stop(m: Macrostep) -> None:
    """Nobody hears the rest of what the model is saying, and no debt is paid with it."""
    answer, asked = m.talk.speaking, m.work.confirming
    read_back = asked and asked.spoken and asked.spoken == (answer or m.talk.hearing)
    if answer:
        m.emit(Hush(answer))
        m.talk = replace(m.talk, speaking=None, calls=(), stopped=answer)
        m.drop_timers("answer:")
        m.let_go(answer)
    if heard := m.talk.hearing:
        m.emit(Hush(heard))
        cut_off(m, heard)
    if read_back:
        forbid(m)


def _then(m: Macrostep, guard: Guard, then: Then, frame: int) -> None:
    if then.say and not busy(m):
        with m.within(frame):
            say(m, then.say)
    if then.goto:
        if frame != m.place.frame:
            frames.unwind(m, frame)
        enter(m, then.goto, by=f"guard:{guard.id}")
