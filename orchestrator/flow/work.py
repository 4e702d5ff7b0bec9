"""The life of a call from its start: reviewed, dispatched, retried, closed. Pure.

`asking` is how it comes about.

Every call of the model is answered exactly once; every dispatch ends once. Outcomes become
events of the language (`tool.NAME.done`, `.failed`, `.denied`), which the engine's edges see.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import cast

from orchestrator.dispatch.call import APPROVALS, Error, Json, Outcome
from orchestrator.flow.attempts import about, begin, pause_after, put, take_turns
from orchestrator.flow.commands import AnswerNative, AskToStop, Dispatch, Withdraw
from orchestrator.flow.definition import Extended, ReadBack, Rejected, Review, Template, Tool
from orchestrator.flow.events import CallSettled
from orchestrator.flow.macrostep import Macrostep
from orchestrator.flow.offer import gate_is_open
from orchestrator.flow.records import replace
from orchestrator.flow.snapshot import Confirmation, OpenCall
from orchestrator.flow.telling import answer, failure, note, tell
from orchestrator.flow.variables import give
from orchestrator.flow.watched import Watched

__all__ = [
    "NO_VERDICT",
    "abandon",
    "asks",
    "bound",
    "cancel",
    "close_all",
    "correct",
    "drop_read_back",
    "happen_failed",
    "interrupted",
    "keep_company",
    "made_with",
    "name_result",
    "settled",
    "start",
    "still_so",
    "timed_out",
]

OUTDATED = Error("outdated", "what it was made with has changed since")
OVERDUE = 20
"""Calls of the service's own that took too long, of which an outcome may still come."""
NO_VERDICT: Json = {"outdated": True}
"""Of a check of a value, whose other arguments have changed since: to be made anew."""


def asks(m: Macrostep, who: ReadBack | Review | None, arguments: Mapping[str, Json]) -> bool:
    """Whether somebody has to agree to this call.

    In doubt, yes: a condition over what is not there, or of the wrong kind, lets no call pass.
    """
    if who is None or who.condition is None:
        return who is not None
    if any(arguments.get(name) is None for name in who.reads):
        return True
    return who.condition.evaluate(m.scope(args=arguments)) is not False


def bound(m: Macrostep, tool: Tool, **extra: Json) -> dict[str, Json]:
    """The parameters that the author bound to expressions, as far as they have a value."""
    scope = m.scope(**extra)
    values = {name: template.evaluate(scope) for name, template in tool.bound.items()}
    return {name: value for name, value in values.items() if value is not None}


def still_so(m: Macrostep, asked: Confirmation | OpenCall) -> bool:
    """Whether the bound arguments would be the same if the call were made now."""
    tool = m.flow.tools[asked.tool]
    own = {name: value for name, value in asked.arguments.items() if name not in tool.bound}
    try:
        return tool.accept({**own, **bound(m, tool)}) == asked.arguments
    except Rejected:
        return False


def start(m: Macrostep, call: OpenCall, stricter: Review | None = None) -> None:
    """The call is made, or a person is asked first; `stricter` is the review of the step's own."""
    call = replace(call, flow=m.place.flow, frame=m.place.frame)
    tool = m.tool(call)
    m.run = replace(m.run, tool_calls=m.run.tool_calls + 1)
    _supersede(m, call)
    reviews = (who for who in (stricter, tool.review) if asks(m, who, call.arguments))
    review = next(reviews, None)
    keyed = replace(call, key=_key(m, call, tool), attempt=0 if review else 1)
    if review:
        put(m, keyed)
        _ask_a_person(m, keyed, tool, review)
    else:
        begin(m, keyed)
    if tool.filler:
        m.set_timer(f"filler:{call.id}", tool.filler.after)


def _ask_a_person(m: Macrostep, call: OpenCall, tool: Tool, review: Review) -> None:
    """An approval is a call like any other, whose worker is a person."""
    shown = {
        name: value
        for name, value in call.arguments.items()
        if review.show is None or name in review.show
    }
    reason = review.reason.text(m.scope(args=call.arguments)) if review.reason else ""
    asked = {"tool": tool.name, "arguments": shown, "reason": reason, "channel": review.channel}
    m.emit(Dispatch(call.id, 0, APPROVALS, "review", asked, f"{call.key}.0", review.timeout, True))
    m.set_timer(f"timeout:{call.id}", review.timeout)
    m.report("call.review", **about(call, queue=APPROVALS, arguments=shown, reason=reason))


def _decision(result: Json) -> Mapping[str, Json]:
    """What a person settled a review with; whatever has no such shape is a no."""
    return cast("dict[str, Json]", result) if isinstance(result, dict) else {}


def _reviewed(m: Macrostep, call: OpenCall, outcome: Outcome) -> None:
    """The person has decided, or nobody has in time. What has changed since is not approved."""
    decision = _decision(outcome.result)
    tool = m.tool(call)
    if outcome.error:
        if outcome.error.code == "timeout":
            _denied(m, call, "timeout", "nobody approved it in time")
        else:
            _failed(m, call, outcome.error)
    elif decision.get("approved") is not True:
        _denied(m, call, str(decision.get("by", "")), str(decision.get("note", "")))
    elif call.outdated:
        _failed(m, call, OUTDATED)
    elif gate_is_open(m, tool) and (call.origin != "model" or still_so(m, call)):
        begin(m, replace(call, attempt=1, since=m.at))
    else:
        _failed(m, call, Error("cancelled", "things have changed since it was asked for"))


def _denied(m: Macrostep, call: OpenCall, by: str, note: str) -> None:
    m.cut_short(call.id)
    _close(m, call)
    _refuse_native(m, call, note or "it was not approved")
    m.report("call.denied", **about(call, by=by, note=note))
    fatal_in = call.epoch if call.origin == "step" else None
    m.happen(f"tool.{call.tool}.denied", fatal_in=fatal_in, by=by, note=note)
    tell(m, call, {"error": "denied", "message": note or "it was not approved"})


def _key(m: Macrostep, call: OpenCall, tool: Tool) -> str:
    """The author's idempotency key if everything in it has a value; else the call's own."""
    scope = m.scope(args=call.arguments)
    if tool.key and tool.key.unset(scope) is None:
        return tool.key.text(scope)
    return f"{m.run.session}.{call.id}"


def _supersede(m: Macrostep, call: OpenCall) -> None:
    """The same tool with other arguments: what the earlier call does is no longer wanted."""
    undo = m.tool(call).undo
    for other in _open_calls(m):
        same = (other.tool, other.frame) == (call.tool, call.frame)
        if same and other.arguments != call.arguments and (undo or other.outdated):
            _mark_corrected(m, other)


def settled(m: Macrostep, event: CallSettled) -> None:
    """An outcome arrived. One that nobody waits for any more is told to people only."""
    call = m.work.calls.get(event.call)
    idle = call and (call.pausing or call.queued)
    if call is None or call.attempt != event.attempt or idle:
        m.report("call.late", call=event.call, attempt=event.attempt, ok=event.outcome.ok)
    else:
        with m.within(call.frame, call.flow):
            _settled(m, call, event.outcome)


def _settled(m: Macrostep, call: OpenCall, outcome: Outcome) -> None:
    if call.attempt == 0:
        _reviewed(m, call, outcome)
    elif call.stopping and outcome.by == "cancel" and not call.corrected:
        _stopped(m, call)
    elif outcome.error:
        _attempt_failed(m, call, outcome.error)
    else:
        _returned(m, call, outcome.result)


def _stopped(m: Macrostep, call: OpenCall) -> None:
    """It has stopped because we asked; how much of it took effect, only its handler can know."""
    m.cut_short(call.id)
    _cancelled(m, call)
    tell(m, call, {"error": "cancelled", "message": "it was stopped on the way"})


def _returned(m: Macrostep, call: OpenCall, result: Json) -> None:
    """A result that breaks the promise of `returns` is a failure, unless it tells of one itself.
    What a corrected call has done is undone with it as it is."""
    if not _is_fine(m, call, result):
        _failed(m, call, Error("not_ok", "the result says that it did not work"))
        return
    try:
        if not call.corrected:
            result = m.tool(call).returned(result, m.scope())
    except Rejected as problem:
        _attempt_failed(m, call, Error("bad_result", str(problem)))
    else:
        _done(m, call, result)


def _is_fine(m: Macrostep, call: OpenCall, result: Json) -> bool:
    fine = m.tool(call).ok_if
    return fine is None or fine.evaluate(m.scope(result=result, args=call.arguments)) is True


def timed_out(m: Macrostep, call_id: str) -> None:
    """An attempt took too long: settle it from our side. The outcome that stands comes back, and
    it is the worker's if that was first after all."""
    call = m.work.calls.get(call_id)
    why = _why_not(m, call) if call else None
    if call and why:
        if m.tool(call).native:
            m.work = replace(m.work, overdue=(*m.work.overdue, call.id)[-OVERDUE:])
        with m.within(call.frame, call.flow):
            _failed(m, call, Error("timeout", why))
    elif call:
        m.emit(Withdraw(call.id, call.attempt, "deadline"))


def _why_not(m: Macrostep, call: OpenCall) -> str | None:
    """What kept a call of which nobody has an outcome."""
    if call.queued:
        return "its turn did not come in time"
    if call.attempt and m.tool(call).native:
        return "the Realtime service did not make the call in time"
    return None


def _attempt_failed(m: Macrostep, call: OpenCall, error: Error) -> None:
    tool = m.tool(call)
    pause = max(pause_after(tool, call), error.after or 0.0)
    total = m.at + pause + tool.timeout - call.since
    again = (
        error.code in tool.retry.on
        and call.attempt <= tool.retry.max
        and not (call.corrected or call.stopping)
        and (tool.deadline is None or total <= tool.deadline)
    )
    if not again:
        _failed(m, call, error)
        return
    m.drop_timers(f"timeout:{call.id}")
    put(m, replace(call, pausing=True))
    m.set_timer(f"retry:{call.id}", pause)
    m.report("call.retrying", **about(call, code=error.code, pause=round(pause, 3)))


def _done(m: Macrostep, call: OpenCall, result: Json) -> None:
    tool = m.tool(call)
    late = call.outdated and not call.corrected and call.origin != "check"
    if late and tool.mode != "detached":
        _failed(m, call, OUTDATED)
        if tool.undo:
            _undo(m, replace(call, answers=None), tool, result)
        return
    _close(m, call)
    m.report("call.done", **about(call, seconds=round(m.at - call.since, 3), result=result))
    if call.corrected:
        _undo(m, call, tool, result)
        return
    if call.origin == "check":
        m.verdicts[call.id] = NO_VERDICT if call.outdated else result
        return
    if call.origin not in ("undo", "guard") and tool.mode != "detached":
        _assign(m, call, tool, result)
        if call.result_name and call.epoch == m.place.epoch:
            made_of = {*call.sources, *made_with(m, tool.bound)}
            name_result(m, call.result_name, result, made_of)
        m.happen(f"tool.{call.tool}.done", result=result)
    tell(m, call, result, aloud=not tool.silent)


def _assign(m: Macrostep, call: OpenCall, tool: Tool, result: Json) -> None:
    scope = m.scope(result=result, args=call.arguments)
    give(m, {name: template.evaluate(scope) for name, template in tool.assign.items()})


def _undo(m: Macrostep, call: OpenCall, tool: Tool, result: Json) -> None:
    """The work was done for a past that the caller has corrected: take it back if we can."""
    if tool.undo is None:
        tell(m, call, result)
        return
    if call.answers:
        answer(m, call.answers, {"status": "undone"})
    else:
        note(m, f"{tool.alias} had finished for the earlier details; it is being undone.")
    undo = m.flow.tools[tool.undo]
    try:
        frozen = undo.accept(bound(m, undo, result=result, args=call.arguments))
    except Rejected as problem:
        m.report("call.failed", **about(call, code="undo", message=str(problem)))
        return
    start(m, OpenCall(m.new_id("call"), undo.name, "undo", call.epoch, frozen, "", m.at))
    m.report("call.undone", **about(call, by=undo.name))


def _failed(m: Macrostep, call: OpenCall, error: Error) -> None:
    tool = m.tool(call)
    m.cut_short(call.id)
    _close(m, call)
    _refuse_native(m, call, error.message)
    m.report("call.failed", **about(call, code=error.code, message=error.message))
    if call.origin == "check":
        m.verdicts[call.id] = None
    if not call.corrected:
        fatal_in = call.epoch if call.origin == "step" else None
        happen_failed(m, tool, call.origin, error.code, error.message, fatal_in)
    tell(m, call, failure(tool, error), aloud=not (tool.silent and tool.errors == "hide"))


def _refuse_native(m: Macrostep, call: OpenCall, why: str) -> None:
    """The service waits for our word on a call of its own, unless it has it already."""
    if m.tool(call).native and call.attempt == 0:
        m.emit(AnswerNative(m.new_id("item"), call.id, False, why))


def drop_read_back(m: Macrostep, why: str) -> Confirmation | None:
    """There will be no yes to what was read back; what that was."""
    asked = m.work.confirming
    if asked:
        m.work = replace(m.work, confirming=None)
    if asked and asked.tool and m.flow.tools[asked.tool].native:
        m.emit(AnswerNative(m.new_id("item"), asked.call, False, why))
    return asked


def happen_failed(
    m: Macrostep, tool: Tool, origin: str, code: str, message: str, fatal_in: int | None
) -> None:
    """A failure that the author's own step met must be taken by an edge; the model is told of its
    own. Nobody is told of a failed undo, or of a failure after the end, but people."""
    if origin in ("model", "step") and tool.mode != "detached":
        m.happen(f"tool.{tool.name}.failed", fatal_in=fatal_in, code=code, message=message)


def _close(m: Macrostep, call: OpenCall) -> None:
    m.work = replace(
        m.work, calls={key: other for key, other in m.work.calls.items() if key != call.id}
    )
    m.drop_timers(f"timeout:{call.id}", f"retry:{call.id}", f"filler:{call.id}")
    m.let_go(call.id)
    take_turns(m, m.tool(call))


def _open_calls(m: Macrostep) -> Iterator[OpenCall]:
    """Each as it is when its turn comes; those that wait for another's end are first."""
    calls = m.work.calls
    for name in sorted(calls, key=lambda name: not calls[name].queued):
        if call := m.work.calls.get(name):
            yield call


def keep_company(m: Macrostep) -> None:
    """The caller speaks while calls are open: the model is told that results come later."""
    for call in tuple(m.work.calls.values()):
        if call.answers:
            answer(m, call.answers, {"status": "pending"})
            put(m, replace(call, answers=None, told=True))


def interrupted(m: Macrostep) -> None:
    """The caller cuts in: tools that are to be cancelled then are, where that does no harm. What
    may take effect is asked to stop, and only its outcome says what became of it."""
    for call in _open_calls(m):
        tool = m.tool(call)
        wanted = tool.on_interrupt == "keep" or call.origin not in ("model", "step")
        if wanted:
            continue
        if tool.safe or call.pausing or call.queued or not call.attempt:
            m.cut_short(call.id)
            cancel(m, call)
            tell(m, call, {"error": "cancelled", "message": "the caller cut in"})
        elif not call.stopping:
            put(m, replace(call, stopping=True))
            m.emit(AskToStop(call.id, call.attempt))


def made_with(m: Macrostep, given: Mapping[str, Template], **extra: Json) -> tuple[str, ...]:
    """The variables that these values are made from, by themselves or in an earlier result."""
    scope = Watched(m.scope(**extra))
    for template in given.values():
        template.evaluate(scope)
    behind = {name for result in scope.read for name in m.values.sources.get(result, ())}
    return tuple(sorted((scope.read & m.flow.variables.keys()) | behind))


def name_result(m: Macrostep, name: str, result: Json, made_of: Iterable[str]) -> None:
    """From now on expressions see the result by this name."""
    results = {**m.values.results, name: result}
    sources = {**m.values.sources, name: tuple(sorted(made_of))}
    m.values = replace(m.values, results=results, sources=sources)


def correct(m: Macrostep, before: Mapping[str, Json], *, leaving: bool) -> None:
    """The caller changed something that was as in `before`: what becomes of what was made with it?

    A result that has a name is forgotten, so that nothing rests on what is no longer said.
    A call of the model counts for nothing. One of a step, which the state may be waiting for,
    fails when it is over: what it has found out is of something else. If the caller is `leaving`
    over the change, nobody waits, and it counts for nothing, too.
    """
    for call in _open_calls(m):
        if call.frame != m.place.frame:
            continue
        here = call.epoch == m.place.epoch
        touched = _is_made_of(m, call, before)
        if here and ((call.origin == "step" and leaving) or (call.origin == "model" and touched)):
            _mark_corrected(m, call)
        elif touched and call.origin in ("step", "model", "check"):
            put(m, replace(call, outdated=True))
    _forget(m, before)


def _forget(m: Macrostep, before: Mapping[str, Json]) -> None:
    """Results that were made with a variable which was another one before."""
    results, sources = dict(m.values.results), dict(m.values.sources)
    for name, made_of in m.values.sources.items():
        if any(before.get(each) != m.values.vars.get(each) for each in made_of):
            del results[name], sources[name]
            m.report("result.forgotten", name=name, **m.here)
    if len(results) < len(m.values.results):
        m.values = replace(m.values, results=results, sources=sources)


def _is_made_of(m: Macrostep, call: OpenCall, before: Mapping[str, Json]) -> bool:
    """Whether something that the author gave to this call was another one before: a variable that
    its step read, or an argument that is bound."""
    scope = m.scope()
    old = Extended(scope, before)
    bound = m.tool(call).bound.values()
    return any(old.get(name) != scope.get(name) for name in call.sources) or any(
        each.evaluate(old) != each.evaluate(scope) for each in bound
    )


def _mark_corrected(m: Macrostep, call: OpenCall) -> None:
    """What is running may still take effect, and is undone then; what waits never starts."""
    corrected = replace(call, corrected=True)
    put(m, corrected)
    if call.pausing or call.queued or call.attempt == 0:
        if call.attempt == 0:
            m.emit(Withdraw(call.id, 0, "cancel"))
        _failed(m, corrected, Error("cancelled", "no longer wanted"))


def abandon(m: Macrostep) -> None:
    """The state is left: what only it waited for is withdrawn where that does no harm."""
    waiting = {cursor.waiting for cursor in m.place.steps}
    for call in _open_calls(m):
        harmless = m.tool(call).safe or call.attempt == 0
        if call.id in waiting and harmless:
            cancel(m, call)
    drop_read_back(m, "the conversation went on")


def close_all(m: Macrostep) -> None:
    """The session is over: cancel what is cancelled on hang-up, keep the rest open."""
    for call in _open_calls(m):
        if call.origin == "end":
            continue
        if call.origin == "check" or m.tool(call).on_hangup == "cancel":
            cancel(m, call)
        else:
            put(m, replace(call, answers=None, told=False))
    m.work = replace(m.work, asked=(), confirming=None, held=())


def cancel(m: Macrostep, call: OpenCall) -> None:
    ours = call.attempt == 0 or not m.tool(call).native
    if ours and not (call.pausing or call.queued):
        m.emit(Withdraw(call.id, call.attempt, "cancel"))
    _cancelled(m, call)


def _cancelled(m: Macrostep, call: OpenCall) -> None:
    _close(m, call)
    _refuse_native(m, call, "no longer wanted")
    m.report("call.cancelled", **about(call))
    if call.origin in ("model", "step") and m.tool(call).mode != "detached":
        m.happen(f"tool.{call.tool}.cancelled")
