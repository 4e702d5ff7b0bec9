"""The life of a call from its start: reviewed, dispatched, retried, closed. Pure.

`asking` is how it comes about.

Every call of the model is answered exactly once; every dispatch ends once. Outcomes become
events of the language (`tool.NAME.done`, `.failed`, `.denied`), which the engine's edges see.
"""

import json
import zlib
from collections.abc import Mapping
from dataclasses import replace
from typing import cast

from orchestrator.dispatch.call import APPROVALS, Json, Outcome
from orchestrator.flow.commands import AddItem, AnswerCall, Dispatch, Withdraw
from orchestrator.flow.definition import Filler, Rejected, Review, Tool
from orchestrator.flow.events import CallProgressed, CallSettled
from orchestrator.flow.macrostep import Macrostep
from orchestrator.flow.offer import gate_is_open
from orchestrator.flow.snapshot import Confirmation, OpenCall
from orchestrator.flow.talk import busy, owe, say, say_text
from orchestrator.flow.variables import give

__all__ = [
    "abandon",
    "answer",
    "bound",
    "close_all",
    "correct",
    "filler_due",
    "happen_failed",
    "keep_company",
    "needs_review",
    "progressed",
    "retry_due",
    "settled",
    "start",
    "still_so",
    "timed_out",
]


def answer(m: Macrostep, call: str, output: Json) -> None:
    """Give a call of the model its output."""
    text = output if isinstance(output, str) else json.dumps(output, ensure_ascii=False)
    m.emit(AnswerCall(m.new_id("item"), call, text))


def needs_review(m: Macrostep, tool: Tool, arguments: Mapping[str, Json]) -> bool:
    """In doubt, yes: a condition on an argument that is not there cannot let a call pass."""
    review = tool.review
    if review is None or review.condition is None:
        return review is not None
    if any(arguments.get(name) is None for name in review.reads):
        return True
    return review.condition.evaluate(m.scope(args=arguments)) is not False


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


def start(m: Macrostep, call: OpenCall) -> None:
    tool = m.flow.tools[call.tool]
    m.run = replace(m.run, tool_calls=m.run.tool_calls + 1)
    _supersede(m, call)
    review = tool.review if needs_review(m, tool, call.arguments) else None
    put(m, replace(call, key=_key(m, call, tool), attempt=0 if review else 1))
    if review:
        _ask_a_person(m, m.work.calls[call.id], tool, review)
    else:
        _dispatch(m, m.work.calls[call.id], tool)
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
    m.report("call.review", **_about(call, queue=APPROVALS, arguments=shown, reason=reason))


def _decision(result: Json) -> Mapping[str, Json]:
    """What a person settled a review with; whatever has no such shape is a no."""
    return cast("dict[str, Json]", result) if isinstance(result, dict) else {}


def _reviewed(m: Macrostep, call: OpenCall, outcome: Outcome) -> None:
    """The person has decided, or nobody has in time. What has changed since is not approved."""
    decision = _decision(outcome.result)
    tool = m.flow.tools[call.tool]
    if outcome.error:
        if outcome.error.code == "timeout":
            _denied(m, call, "timeout", "nobody approved it in time")
        else:
            _failed(m, call, outcome.error.code, outcome.error.message)
    elif decision.get("approved") is not True:
        _denied(m, call, str(decision.get("by", "")), str(decision.get("note", "")))
    elif gate_is_open(m, tool) and (call.origin != "model" or still_so(m, call)):
        approved = replace(call, attempt=1, since=m.at)
        put(m, approved)
        _dispatch(m, approved, tool)
    else:
        _failed(m, call, "cancelled", "things have changed since it was asked for")


def _denied(m: Macrostep, call: OpenCall, by: str, note: str) -> None:
    m.cut_short(call.id)
    _close(m, call)
    m.report("call.denied", **_about(call, by=by, note=note))
    fatal_in = call.epoch if call.origin == "step" else None
    m.happen(f"tool.{call.tool}.denied", fatal_in=fatal_in, by=by, note=note)
    _tell(m, call, {"error": "denied", "message": note or "it was not approved"})


def _key(m: Macrostep, call: OpenCall, tool: Tool) -> str:
    """The author's idempotency key if everything in it has a value; else the call's own."""
    scope = m.scope(args=call.arguments)
    if tool.key and tool.key.unset(scope) is None:
        return tool.key.text(scope)
    return f"{m.run.session}.{call.id}"


def _supersede(m: Macrostep, call: OpenCall) -> None:
    """The same tool with other arguments: what the earlier call does is no longer wanted."""
    if m.flow.tools[call.tool].undo:
        for other in tuple(m.work.calls.values()):
            if other.tool == call.tool and other.arguments != call.arguments:
                _mark_corrected(m, other)


def put(m: Macrostep, call: OpenCall) -> None:
    m.work = replace(m.work, calls={**m.work.calls, call.id: call})


def _dispatch(m: Macrostep, call: OpenCall, tool: Tool) -> None:
    m.emit(
        Dispatch(
            call.id,
            call.attempt,
            tool.queue,
            tool.handler,
            call.arguments,
            call.key,
            tool.timeout,
            tool.rerun,
        )
    )
    m.set_timer(f"timeout:{call.id}", tool.timeout)
    m.report("call.dispatched", **_about(call, queue=tool.queue, arguments=call.arguments))


def _about(call: OpenCall, **more: Json) -> dict[str, Json]:
    return {"call": call.id, "tool": call.tool, "attempt": call.attempt, **more}


def settled(m: Macrostep, event: CallSettled) -> None:
    """An outcome arrived. One that nobody waits for any more is told to people only."""
    call = m.work.calls.get(event.call)
    expected = call and call.attempt == event.attempt and not call.pausing
    if call is None or not expected:
        m.report("call.late", call=event.call, attempt=event.attempt, ok=event.outcome.ok)
    elif call.attempt == 0:
        _reviewed(m, call, event.outcome)
    elif event.outcome.ok and _is_fine(m, call, event.outcome.result):
        _done(m, call, event.outcome.result)
    elif event.outcome.ok:
        _failed(m, call, "not_ok", "the result says that it did not work")
    else:
        _attempt_failed(m, call, event.outcome)


def _is_fine(m: Macrostep, call: OpenCall, result: Json) -> bool:
    fine = m.flow.tools[call.tool].ok_if
    return fine is None or fine.evaluate(m.scope(result=result, args=call.arguments)) is True


def timed_out(m: Macrostep, call_id: str) -> None:
    """An attempt took too long: settle it from our side. The outcome that stands comes back, and
    it is the worker's if that was first after all."""
    call = m.work.calls.get(call_id)
    if call:
        m.emit(Withdraw(call.id, call.attempt, "deadline"))


def _attempt_failed(m: Macrostep, call: OpenCall, outcome: Outcome) -> None:
    assert outcome.error
    tool = m.flow.tools[call.tool]
    pause = max(_pause(tool, call), outcome.error.after or 0.0)
    total = m.at + pause + tool.timeout - call.since
    again = (
        outcome.error.code in tool.retry.on
        and call.attempt <= tool.retry.max
        and not call.corrected
        and (tool.deadline is None or total <= tool.deadline)
    )
    if not again:
        _failed(m, call, outcome.error.code, outcome.error.message)
        return
    m.drop_timers(f"timeout:{call.id}")
    put(m, replace(call, pausing=True))
    m.set_timer(f"retry:{call.id}", pause)
    m.report("call.retrying", **_about(call, code=outcome.error.code, pause=round(pause, 3)))


def _pause(tool: Tool, call: OpenCall) -> float:
    """Backoff before the next attempt; the jitter comes from the ids, so that replay agrees."""
    base = tool.retry.backoff * tool.retry.factor ** (call.attempt - 1)
    share = zlib.crc32(f"{call.key}.{call.attempt}".encode()) / 0xFFFFFFFF
    return float(base * (1 + tool.retry.jitter * share))


def retry_due(m: Macrostep, call_id: str) -> None:
    call = m.work.calls.get(call_id)
    if call and call.pausing:
        again = replace(call, attempt=call.attempt + 1, pausing=False)
        put(m, again)
        _dispatch(m, again, m.flow.tools[call.tool])


def filler_due(m: Macrostep, call_id: str) -> None:
    """The caller has waited for a while: say so, unless somebody is speaking anyway."""
    call = m.work.calls.get(call_id)
    filler = m.flow.tools[call.tool].filler if call else None
    if not call or not filler or m.ended:
        return
    if not busy(m):
        _say_filler(m, call, filler)
    if filler.every:
        m.set_timer(f"filler:{call_id}", filler.every)


def _say_filler(m: Macrostep, call: OpenCall, filler: Filler) -> None:
    if filler.progress and call.news:
        say_text(m, call.news)
        put(m, replace(call, news=""))
    else:
        say(m, filler.lines[call.fillers % len(filler.lines)])
        put(m, replace(call, fillers=call.fillers + 1))


def progressed(m: Macrostep, event: CallProgressed) -> None:
    """A handler says how far it is; the next filler may tell it. Late news is none."""
    call = m.work.calls.get(event.call)
    if call is None or call.attempt != event.attempt or call.pausing:
        return
    put(m, replace(call, news=event.text or call.news))
    m.report("call.progress", **_about(call, text=event.text, data=event.data))


def _done(m: Macrostep, call: OpenCall, result: Json) -> None:
    tool = m.flow.tools[call.tool]
    _close(m, call)
    m.report("call.done", **_about(call, seconds=round(m.at - call.since, 3), result=result))
    if call.corrected:
        _undo(m, call, tool, result)
        return
    if call.origin != "undo" and tool.mode != "detached":
        _assign(m, call, tool, result)
        if call.result_name and call.epoch == m.place.epoch:
            m.values = replace(m.values, results={**m.values.results, call.result_name: result})
        m.happen(f"tool.{call.tool}.done", result=result)
    _tell(m, call, result)


def _assign(m: Macrostep, call: OpenCall, tool: Tool, result: Json) -> None:
    scope = m.scope(result=result, args=call.arguments)
    give(m, {name: template.evaluate(scope) for name, template in tool.assign.items()})


def _undo(m: Macrostep, call: OpenCall, tool: Tool, result: Json) -> None:
    """The work was done for a past that the caller has corrected: take it back if we can."""
    if tool.undo is None:
        _tell(m, call, result)
        return
    if call.answers:
        answer(m, call.answers, {"status": "undone"})
    else:
        _note(m, f"{tool.alias} had finished for the earlier details; it is being undone.")
    undo = m.flow.tools[tool.undo]
    try:
        frozen = undo.accept(bound(m, undo, result=result, args=call.arguments))
    except Rejected as problem:
        m.report("call.failed", **_about(call, code="undo", message=str(problem)))
        return
    start(m, OpenCall(m.new_id("call"), undo.name, "undo", call.epoch, frozen, "", m.at))
    m.report("call.undone", **_about(call, by=undo.name))


def _failed(m: Macrostep, call: OpenCall, code: str, message: str) -> None:
    tool = m.flow.tools[call.tool]
    m.cut_short(call.id)
    _close(m, call)
    m.report("call.failed", **_about(call, code=code, message=message))
    if not call.corrected:
        fatal_in = call.epoch if call.origin == "step" else None
        happen_failed(m, tool, call.origin, code, message, fatal_in)
    _tell(m, call, {"error": code, "message": message or "it failed"})


def happen_failed(
    m: Macrostep, tool: Tool, origin: str, code: str, message: str, fatal_in: int | None
) -> None:
    """A failure that the author's own step met must be taken by an edge; the model is told of its
    own. Nobody is told of a failed undo, or of a failure after the end, but people."""
    if origin in ("model", "step") and tool.mode != "detached":
        m.happen(f"tool.{tool.name}.failed", fatal_in=fatal_in, code=code, message=message)


def _tell(m: Macrostep, call: OpenCall, output: Json) -> None:
    if call.answers:
        answer(m, call.answers, output)
        owe(m, "answer")
    elif call.told:
        alias = m.flow.tools[call.tool].alias
        _note(m, f"{alias} has come back: {json.dumps(output, ensure_ascii=False)}")
        owe(m, "result")


def _note(m: Macrostep, text: str) -> None:
    if not m.ended:
        m.emit(AddItem(m.new_id("item"), "system", text))


def _close(m: Macrostep, call: OpenCall) -> None:
    m.work = replace(
        m.work, calls={key: other for key, other in m.work.calls.items() if key != call.id}
    )
    m.drop_timers(f"timeout:{call.id}", f"retry:{call.id}", f"filler:{call.id}")
    m.let_go(call.id)


def keep_company(m: Macrostep) -> None:
    """The caller speaks while calls are open: the model is told that results come later."""
    for call in tuple(m.work.calls.values()):
        if call.answers:
            answer(m, call.answers, {"status": "pending"})
            put(m, replace(call, answers=None, told=True))


def correct(m: Macrostep, *, leaving: bool) -> None:
    """The caller changed something: calls of this state that were made with it are outdated.

    What a step of the state was made with is not known; if the caller is `leaving` over the
    change, it is taken to be outdated, too.
    """
    for call in tuple(m.work.calls.values()):
        here = call.epoch == m.place.epoch
        by_step, by_model = call.origin == "step", call.origin == "model"
        if here and ((by_step and leaving) or (by_model and not still_so(m, call))):
            _mark_corrected(m, call)


def _mark_corrected(m: Macrostep, call: OpenCall) -> None:
    """What is running may still take effect, and is undone then; what pauses never starts again."""
    corrected = replace(call, corrected=True)
    put(m, corrected)
    if call.pausing or call.attempt == 0:
        if call.attempt == 0:
            m.emit(Withdraw(call.id, 0, "cancel"))
        _failed(m, corrected, "cancelled", "no longer wanted")


def abandon(m: Macrostep) -> None:
    """The state is left: what only it waited for is withdrawn where that does no harm."""
    waiting = {cursor.waiting for cursor in m.place.steps}
    for call in tuple(m.work.calls.values()):
        harmless = m.flow.tools[call.tool].safe or call.attempt == 0
        if call.id in waiting and harmless:
            _cancel(m, call)
    m.work = replace(m.work, confirming=None)


def close_all(m: Macrostep) -> None:
    """The session is over: cancel what is cancelled on hang-up, keep the rest open."""
    for call in tuple(m.work.calls.values()):
        if (call.corrected and call.pausing) or m.flow.tools[call.tool].on_hangup == "cancel":
            _cancel(m, call)
        else:
            put(m, replace(call, answers=None, told=False))
    m.work = replace(m.work, asked=(), confirming=None)


def _cancel(m: Macrostep, call: OpenCall) -> None:
    _close(m, call)
    if not call.pausing:
        m.emit(Withdraw(call.id, call.attempt, "cancel"))
    m.report("call.cancelled", **_about(call))
