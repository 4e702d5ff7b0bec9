"""When an attempt of a call begins: at once, after a pause, or in its turn. Pure.

A tool's `concurrency` is for one session: so many of its calls are under way at a time, retries
and their pauses included. More wait in the order in which they were asked for, at most until no
attempt could end within the deadline.
"""

import zlib

from orchestrator.dispatch.call import Json
from orchestrator.flow.commands import AnswerNative, Dispatch
from orchestrator.flow.definition import Tool
from orchestrator.flow.macrostep import Macrostep
from orchestrator.flow.records import replace
from orchestrator.flow.snapshot import OpenCall

__all__ = ["about", "begin", "pause_after", "put", "retry_due", "take_turns"]


def put(m: Macrostep, call: OpenCall) -> None:
    m.work = replace(m.work, calls={**m.work.calls, call.id: call})


def about(call: OpenCall, **more: Json) -> dict[str, Json]:
    return {"call": call.id, "tool": call.tool, "attempt": call.attempt, **more}


def begin(m: Macrostep, call: OpenCall) -> None:
    """The first attempt, unless so many calls of the tool are under way that it has to wait."""
    tool = m.tool(call)
    if tool.concurrency is None or len(_under_way(m, call)) < tool.concurrency:
        put(m, call)
        _dispatch(m, call)
        return
    put(m, replace(call, queued=True))
    m.report("call.queued", **about(call))
    m.drop_timers(f"timeout:{call.id}")
    if tool.deadline is not None:
        left = call.since + tool.deadline - tool.timeout - m.at
        m.set_timer(f"timeout:{call.id}", max(0.0, left))


def _under_way(m: Macrostep, call: OpenCall) -> list[OpenCall]:
    """The other calls of this tool that have begun."""
    return [
        other
        for other in m.work.calls.values()
        if (other.tool, other.flow) == (call.tool, call.flow)
        and other.id != call.id
        and other.attempt > 0
        and not other.queued
    ]


def take_turns(m: Macrostep, tool: Tool) -> None:
    """A call of this tool is over: the next one that waits begins."""
    waiting = [c for c in m.work.calls.values() if c.queued and m.tool(c) is tool]
    if waiting and len(_under_way(m, waiting[0])) < (tool.concurrency or 0):
        begun = replace(waiting[0], queued=False)
        put(m, begun)
        _dispatch(m, begun)


def _dispatch(m: Macrostep, call: OpenCall) -> None:
    tool = m.tool(call)
    if tool.native:
        m.emit(AnswerNative(m.new_id("item"), call.id, True))
    else:
        m.emit(_attempt(call, tool))
    m.set_timer(f"timeout:{call.id}", tool.timeout)
    m.report("call.dispatched", **about(call, queue=tool.queue, arguments=call.arguments))
    if call.attempt == 1 and call.origin in ("model", "step") and tool.mode != "detached":
        m.happen(f"tool.{call.tool}.started")


def _attempt(call: OpenCall, tool: Tool) -> Dispatch:
    return Dispatch(
        call.id,
        call.attempt,
        tool.queue,
        tool.handler,
        call.arguments,
        call.key,
        tool.timeout,
        tool.rerun,
        priority=tool.priority,
        rate=tool.rate,
    )


def pause_after(tool: Tool, call: OpenCall) -> float:
    """Backoff before the next attempt; the jitter comes from the ids, so that replay agrees."""
    base = tool.retry.backoff * tool.retry.factor ** (call.attempt - 1)
    share = zlib.crc32(f"{call.key}.{call.attempt}".encode()) / 0xFFFFFFFF
    return float(base * (1 + tool.retry.jitter * share))


def retry_due(m: Macrostep, call_id: str) -> None:
    call = m.work.calls.get(call_id)
    if call and call.pausing:
        again = replace(call, attempt=call.attempt + 1, pausing=False)
        put(m, again)
        _dispatch(m, again)
