"""Tools that the Realtime service calls itself (`via: openai`): what we hear of them. Pure.

The service asks before calls that need somebody's yes. The question is then the call: read back
to the caller, or put to a person, as any other; where a call of ours would be dispatched, the
service is told that it may. Of other calls only the outcome is heard. Either way the outcome is
the event `tool.NAME.done` or `.failed`, as that of our own calls.
"""

import json

from orchestrator.dispatch.call import Json
from orchestrator.flow import asking, work
from orchestrator.flow.commands import AddItem, AnswerNative
from orchestrator.flow.definition import Rejected, Tool
from orchestrator.flow.events import CallSettled, NativeAsked, NativeSettled
from orchestrator.flow.macrostep import Macrostep
from orchestrator.flow.offer import offers
from orchestrator.flow.records import replace
from orchestrator.flow.snapshot import OpenCall
from orchestrator.flow.talk import patience

__all__ = ["asked", "settled"]


def asked(m: Macrostep, event: NativeAsked) -> None:
    """Asked twice is asked once; what is not offered now is refused."""
    asked_about = m.work.confirming and m.work.confirming.call == event.call
    if event.call in m.work.calls or event.call in m.talk.calls or asked_about:
        return
    if m.talk.speaking:
        m.talk = replace(m.talk, calls=(*m.talk.calls, event.call), due=True)
        patience(m)
    tool = _tool(m, event)
    try:
        arguments = asking.parse_arguments(event.arguments)
    except Rejected as problem:
        _refuse(m, event, str(problem))
        return
    if tool is None or tool.alias not in offers(m):
        _refuse(m, event, "it is not available now")
    elif tool.read_back and work.asks(m, tool.read_back, arguments):
        _ask_the_caller(m, event, tool, arguments)
    else:
        _begin(m, event, tool, arguments)


def _ask_the_caller(
    m: Macrostep, event: NativeAsked, tool: Tool, arguments: dict[str, Json]
) -> None:
    if m.work.confirming:
        _refuse(m, event, f"first the caller has to answer about {asking.open_question(m)}")
    else:
        asking.read_back(m, event.call, tool, arguments)


def _begin(m: Macrostep, event: NativeAsked, tool: Tool, arguments: dict[str, Json]) -> None:
    """Put to a person, if one has to agree; allowed otherwise."""
    if work.asks(m, tool.review, arguments):
        text = f"{tool.alias} is pending: a person has to approve it first."
        m.emit(AddItem(m.new_id("item"), "system", text))
    call = OpenCall(event.call, tool.name, "model", m.place.epoch, arguments, "", m.at, told=True)
    work.start(m, call)


def _refuse(m: Macrostep, event: NativeAsked, why: str) -> None:
    m.emit(AnswerNative(m.new_id("item"), event.call, False, why))
    m.report("tool.refused", call=event.call, name=f"{event.server}.{event.tool}")


def settled(m: Macrostep, event: NativeSettled) -> None:
    call = m.work.calls.get(event.call)
    if call:
        work.settled(m, CallSettled(event.at, call.id, call.attempt, event.outcome))
    elif event.call in m.work.overdue:
        m.report("call.late", call=event.call, attempt=1, ok=event.outcome.ok)
    elif tool := _tool(m, event):
        _observed(m, event, tool)
    else:
        m.report("tool.ignored", call=event.call, name=f"{event.server}.{event.tool}")


def _observed(m: Macrostep, event: NativeSettled, tool: Tool) -> None:
    """The model knows the outcome already; the edges do not. How long it took, nobody does."""
    m.run = replace(m.run, tool_calls=m.run.tool_calls + 1)
    if m.talk.speaking:
        m.talk = replace(m.talk, spoke=True, observed=True)
        patience(m)
    call = {"call": event.call, "tool": tool.name, "attempt": 1}
    m.report("call.dispatched", **call, queue="", arguments=_readable(event.arguments))
    error = event.outcome.error
    if error:
        m.report("call.failed", **call, code=error.code, message=error.message)
        m.happen(f"tool.{tool.name}.failed", code=error.code, message=error.message)
    else:
        m.report("call.done", **call, seconds=None, result=event.outcome.result)
        m.happen(f"tool.{tool.name}.done", result=event.outcome.result)


def _readable(arguments: str) -> Json:
    try:
        return json.loads(arguments or "{}")
    except (ValueError, RecursionError):
        return arguments


def _tool(m: Macrostep, event: NativeAsked | NativeSettled) -> Tool | None:
    tool = m.flow.tools.get(f"{event.server}.{event.tool}")
    return tool if tool and tool.native else None
