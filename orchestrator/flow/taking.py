"""What the model gives for variables: stored at once, or held until a tool agrees. Pure.

The model's call is answered when everything that came with it is decided. A value that is given
anew meanwhile takes the place of the one that is held; a state that is left takes its own along.
"""

from collections.abc import Iterator, Mapping

from orchestrator.dispatch.call import Json
from orchestrator.flow import asking, work
from orchestrator.flow.definition import Rejected
from orchestrator.flow.macrostep import Macrostep
from orchestrator.flow.offer import missing
from orchestrator.flow.operations import is_object
from orchestrator.flow.records import replace
from orchestrator.flow.snapshot import Asked, Held, OpenCall
from orchestrator.flow.talk import owe
from orchestrator.flow.telling import answer, note_result
from orchestrator.flow.variables import give

__all__ = ["decide", "drop", "keep_company", "take"]

ANEW = "was given anew meanwhile"
NOT_NOW = "could not be checked just now"
EXCUSED = (ANEW, NOT_NOW)
"""Nobody has found the value wrong."""


def take(m: Macrostep, asked: Asked, names: tuple[str, ...], path: str | None = None) -> None:
    """The model gives values for variables of these names, to collect or with a move (`path`)."""
    try:
        arguments = asking.parse_arguments(asked.arguments)
    except Rejected as problem:
        _close(m, Held(asked.call, asked.name, path, rejected={"arguments": str(problem)}))
        return
    unknown = {k: "nothing of that name can be set here" for k in arguments if k not in names}
    given = {k: value for k, value in arguments.items() if k in names and value is not None}
    _supersede(m, given)
    held, rejected = _to_be_checked(m, given)
    now = {k: value for k, value in given.items() if k not in held | rejected}
    before = m.values.vars
    rejected = {**unknown, **rejected, **give(m, now)}
    _changed(m, before, path)
    taken = Held(asked.call, asked.name, path, held, rejected=rejected)
    for name in held:
        taken = _asking_a_tool(m, taken, name)
    _close_if_decided(m, taken)


def _to_be_checked(
    m: Macrostep, given: Mapping[str, Json]
) -> tuple[dict[str, Json], dict[str, Json]]:
    """The values that a tool has to agree to, and why others cannot even be asked about."""
    held: dict[str, Json] = {}
    rejected: dict[str, Json] = {}
    for name, value in given.items():
        variable = m.flow.variables[name]
        if variable.checked_by is None:
            continue
        try:
            accepted = variable.accept(value, m.scope())
            if accepted != m.values.vars.get(name):
                held[name] = accepted
        except Rejected as problem:
            rejected[name] = str(problem)
            m.report("value.rejected", name=name, reason=str(problem), **m.here)
    return held, rejected


def _asking_a_tool(m: Macrostep, taken: Held, name: str) -> Held:
    """The call that decides about a value; one that cannot be asked about is refused."""
    tool = m.flow.tools[m.flow.variables[name].checked_by or ""]
    try:
        arguments = tool.accept({**work.bound(m, tool), "value": taken.values[name]})
    except Rejected:
        return _refused(m, taken, name, NOT_NOW)
    call = OpenCall(m.new_id("call"), tool.name, "check", m.place.epoch, arguments, "", m.at)
    work.start(m, call)
    return replace(taken, waiting={**taken.waiting, call.id: name})


def decide(m: Macrostep) -> None:
    """Tools have said something about values that are held."""
    for call, verdict in m.verdicts.items():
        held = next((held for held in m.work.held if call in held.waiting), None)
        if held:
            name, others = held.waiting[call], _without(held, call)
            anew = verdict is work.NO_VERDICT
            judged = _asking_a_tool(m, others, name) if anew else _judged(m, others, name, verdict)
            _close_if_decided(m, judged)


def _judged(m: Macrostep, held: Held, name: str, verdict: Json) -> Held:
    """`{ok, value?, message?}`; a check that failed says nothing of the value."""
    if not (is_object(verdict) and isinstance(verdict.get("ok"), bool)):
        return _refused(m, held, name, NOT_NOW)
    if not verdict["ok"]:
        reason = verdict.get("message") or m.flow.variables[name].message
        return _refused(m, held, name, str(reason or "is not possible here"))
    better = verdict.get("value")
    value = held.values[name] if better is None else better
    return replace(held, agreed={**held.agreed, name: value})


def _refused(m: Macrostep, held: Held, name: str, reason: str) -> Held:
    m.report("value.rejected", name=name, reason=reason, **m.here)
    return replace(held, rejected={**held.rejected, name: reason})


def _without(held: Held, call: str) -> Held:
    waiting = {other: name for other, name in held.waiting.items() if other != call}
    return replace(held, waiting=waiting)


def _close_if_decided(m: Macrostep, held: Held) -> None:
    others = tuple(other for other in m.work.held if other.asked != held.asked)
    waiting = (*others, held) if held.waiting else others
    if waiting != m.work.held:
        m.work = replace(m.work, held=waiting)
    if not held.waiting:
        _close(m, held)


def _close(m: Macrostep, held: Held) -> None:
    """Everything is decided: what tools agreed to is stored, and the model is told."""
    before = m.values.vars
    rejected = {**held.rejected, **give(m, held.agreed)}
    _changed(m, before, held.path)
    output: dict[str, Json] = {"rejected": rejected} if rejected else {"ok": True}
    if held.path is None:
        _count(m, rejected)
        output |= _collected(m, complete=not rejected)
    elif not rejected:
        output = _moved(m, held.path)
    if held.told:
        note_result(m, held.name, output)
        owe(m, "result")
    else:
        answer(m, held.asked, output)
        if held.values:  # it was answered later than the others of its answer
            owe(m, "answer")


def _count(m: Macrostep, rejected: Mapping[str, Json]) -> None:
    """Once a variable was refused as often as its state allows, that has failed."""
    collect = m.state.collect
    if collect is None or collect.attempts is None:
        return
    counts = {
        name: m.place.refused.get(name, 0) + 1
        for name in collect.variables
        if name in rejected and rejected[name] not in EXCUSED
    }
    m.place = replace(m.place, refused={**m.place.refused, **counts})
    over = [name for name, count in counts.items() if count == collect.attempts]
    if over:
        m.happen("collect.failed", fatal_in=m.place.epoch, name=over[0])


def _changed(m: Macrostep, before: Mapping[str, Json], path: str | None) -> None:
    if m.values.vars is not before:
        asking.void(m)
        work.correct(m, before, leaving=path is not None)


def _collected(m: Macrostep, *, complete: bool) -> dict[str, Json]:
    still = missing(m)
    if complete and not still:
        m.place = replace(m.place, collected=True)
    return {"missing": list(still)} if still else {}


def _moved(m: Macrostep, path: str) -> dict[str, Json]:
    if m.place.move:
        return {"ignored": "already moved"}
    m.place = replace(m.place, move=path)
    m.talk = replace(m.talk, moved=True)
    return {"ok": True}


def _supersede(m: Macrostep, given: Mapping[str, Json]) -> None:
    """What is given now takes the place of what is held."""
    for held in m.work.held:
        old = {call: name for call, name in held.waiting.items() if name in given}
        for call, name in old.items():
            _withdraw(m, call)
            held = _without(replace(held, rejected={**held.rejected, name: ANEW}), call)
        if old:
            _close_if_decided(m, held)


def drop(m: Macrostep) -> None:
    """The state is left: what was given there and is not decided counts for nothing."""
    dropped = m.work.held
    if dropped:
        m.work = replace(m.work, held=())
    for held in dropped:
        for call in held.waiting:
            _withdraw(m, call)
        if not (held.told or m.ended):
            answer(m, held.asked, {"ignored": "already moved"})


def _withdraw(m: Macrostep, call: str) -> None:
    if call in m.work.calls:
        work.cancel(m, m.work.calls[call])


def keep_company(m: Macrostep) -> None:
    """The caller speaks meanwhile: the model is told that the answer comes later."""
    if m.work.held:
        m.work = replace(m.work, held=tuple(_pending(m)))


def _pending(m: Macrostep) -> Iterator[Held]:
    for held in m.work.held:
        if not held.told:
            answer(m, held.asked, {"status": "pending"})
        yield replace(held, told=True)
