"""How a call comes about: the model or a step asks for it, and where people have to agree, they do.

What becomes of it then is `work`'s.
"""

import json
from collections.abc import Mapping
from dataclasses import replace

from orchestrator.dispatch.call import Json
from orchestrator.flow.definition import Rejected, Template, Tool
from orchestrator.flow.macrostep import Macrostep
from orchestrator.flow.offer import gate_is_open
from orchestrator.flow.snapshot import Confirmation, OpenCall
from orchestrator.flow.work import answer, bound, happen_failed, needs_review, start, still_so

__all__ = ["confirm", "decline", "parse_arguments", "use", "use_at_the_end", "use_by_author"]


def parse_arguments(text: str) -> dict[str, Json]:
    """The model's arguments. Raises `Rejected` unless they are a JSON object."""
    try:
        arguments: Json = json.loads(text or "{}")
    except (ValueError, RecursionError):
        raise Rejected("the arguments are not JSON") from None
    if not isinstance(arguments, dict):
        raise Rejected("the arguments are not a JSON object")
    return dict(arguments)  # pyright: ignore[reportUnknownArgumentType]


def use(m: Macrostep, call: str, tool: Tool, arguments: str) -> None:
    """The model asks for a tool whose gate is open. What the author bound is not its to give."""
    try:
        given = parse_arguments(arguments)
        own = {name: value for name, value in given.items() if name not in tool.bound}
        frozen = tool.accept({**own, **bound(m, tool)})
    except Rejected as problem:
        answer(m, call, {"error": "invalid", "message": str(problem)})
        return
    if tool.approval == "caller":
        _ask_the_caller(m, call, tool, frozen)
    else:
        _begin(m, OpenCall(call, tool.name, "model", m.place.epoch, frozen, "", m.at), call)


def _begin(m: Macrostep, call: OpenCall, asked: str) -> None:
    """The model's call is made. What it asked with waits for the result, or is answered now."""
    tool = m.flow.tools[call.tool]
    if needs_review(m, tool, call.arguments):
        answer(m, asked, {"status": "pending", "message": "A person has to approve it first."})
        if not _under_review(m, call):
            start(m, replace(call, told=True))
    elif tool.mode == "wait":
        start(m, replace(call, answers=asked))
    else:
        answer(m, asked, {"status": "started"})
        start(m, replace(call, told=tool.mode == "background"))


def _under_review(m: Macrostep, call: OpenCall) -> bool:
    """Whether a person is being asked about the same thing already."""
    return any(
        other.attempt == 0 and (other.tool, other.arguments) == (call.tool, call.arguments)
        for other in m.work.calls.values()
    )


def _ask_the_caller(m: Macrostep, call: str, tool: Tool, arguments: Mapping[str, Json]) -> None:
    if m.work.confirming:
        message = f"First the caller has to answer about {m.work.confirming.tool}."
        answer(m, call, {"error": "not_available", "message": message})
        return
    read_back = tool.read_back(arguments)
    m.work = replace(m.work, confirming=Confirmation(call, tool.name, arguments, read_back))
    answer(m, call, {"status": "needs_confirmation", "read_back": read_back})


def confirm(m: Macrostep, call: str) -> None:
    """The caller said yes, and has said something since the read-back was heard."""
    asked = m.work.confirming
    if asked is None or asked.heard is None or asked.heard >= m.talk.turns:
        message = "The caller has not answered the read-back yet."
        answer(m, call, {"error": "not_confirmed", "message": message})
        return
    m.work = replace(m.work, confirming=None)
    if not (gate_is_open(m, m.flow.tools[asked.tool]) and still_so(m, asked)):
        answer(m, call, {"error": "not_available", "message": "Things have changed since."})
        return
    made = OpenCall(asked.call, asked.tool, "model", m.place.epoch, asked.arguments, "", m.at)
    _begin(m, made, call)


def decline(m: Macrostep, call: str) -> None:
    asked = m.work.confirming
    m.work = replace(m.work, confirming=None)
    answer(m, call, {"ok": True})
    if asked:
        m.happen(f"tool.{asked.tool}.denied", by="caller")


def use_by_author(
    m: Macrostep, name: str, given: Mapping[str, Template], result_name: str | None
) -> str | None:
    """A step of the flow calls a tool; the id of the call, or None if it could not be made."""
    call = _made_by_author(m, name, given)
    if call is None:
        return None
    start(m, replace(call, result_name=result_name))
    return call.id


def _made_by_author(m: Macrostep, name: str, given: Mapping[str, Template]) -> OpenCall | None:
    tool = m.flow.tools[name]
    scope = m.scope()
    arguments = {key: template.evaluate(scope) for key, template in given.items()}
    arguments = {key: value for key, value in arguments.items() if value is not None}
    try:
        frozen = tool.accept({**arguments, **bound(m, tool)})
    except Rejected as problem:
        happen_failed(m, tool, "step", "invalid", str(problem), m.place.epoch)
        return None
    return OpenCall(m.new_id("call"), name, "step", m.place.epoch, frozen, "", m.at)


def use_at_the_end(m: Macrostep, name: str, given: Mapping[str, Template]) -> None:
    """A step of `on_end` calls a tool: nobody waits for it, and it is kept in any case."""
    call = _made_by_author(m, name, given)
    if call:
        start(m, replace(call, origin="end"))
