"""How a call comes about: the model or a step asks for it, and where people have to agree, they do.

What becomes of it then is `work`'s. The caller may have to agree to what was collected, too.
"""

import json
import math
from collections.abc import Mapping

from orchestrator.dispatch.call import Json, is_deep
from orchestrator.flow.definition import (
    ReadBack,
    Rejected,
    Review,
    Template,
    Tool,
    UseTool,
    in_words,
)
from orchestrator.flow.macrostep import Macrostep
from orchestrator.flow.offer import gate_is_open
from orchestrator.flow.records import replace
from orchestrator.flow.snapshot import Confirmation, OpenCall
from orchestrator.flow.talk import owe
from orchestrator.flow.telling import answer, note
from orchestrator.flow.work import (
    asks,
    bound,
    drop_read_back,
    happen_failed,
    made_with,
    start,
    still_so,
)

__all__ = [
    "asks_about_a_call",
    "confirm",
    "decline",
    "forbid",
    "has_agreed",
    "open_question",
    "parse_arguments",
    "read_back",
    "use",
    "use_at_the_end",
    "use_by_author",
    "void",
]


DEPTH = 100
"""How deeply the model may nest what it gives to a tool."""


def _number(text: str) -> float:
    """Python's reader takes `NaN`, `Infinity` and 1e999, which are no numbers of JSON's."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


_parsed = json.JSONDecoder(parse_float=_number, parse_constant=_number).decode


def parse_arguments(text: str) -> dict[str, Json]:
    """The model's arguments. Raises `Rejected` unless they are a JSON object."""
    try:
        arguments: Json = _parsed(text or "{}")
    except (ValueError, RecursionError):
        raise Rejected("the arguments are not JSON") from None
    if is_deep(arguments, DEPTH):
        raise Rejected("the arguments are nested too deeply")
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
        if tool.silent:
            owe(m, "answer")
        return
    if tool.read_back and asks(m, tool.read_back, frozen):
        _ask_the_caller(m, call, tool, frozen)
    else:
        _begin(m, OpenCall(call, tool.name, "model", m.place.epoch, frozen, "", m.at), call)


def _begin(m: Macrostep, call: OpenCall, asked: str) -> None:
    """The call is made. What the model asked with waits for the result, or is answered now."""
    tool = m.flow.tools[call.tool]
    if asks(m, tool.review, call.arguments):
        answer(m, asked, {"status": "pending", "message": "A person has to approve it first."})
        if call.origin == "step" or not _under_review(m, call):
            start(m, replace(call, told=True))
    elif tool.mode == "wait":
        start(m, replace(call, answers=asked))
    else:
        answer(m, asked, {"status": "started"})
        start(m, replace(call, told=tool.mode == "background"))


def _under_review(m: Macrostep, call: OpenCall) -> bool:
    """Whether a person is being asked about the same thing already."""
    return any(
        other.attempt == 0
        and (other.tool, other.flow, other.arguments) == (call.tool, m.place.flow, call.arguments)
        for other in m.work.calls.values()
    )


def _ask_the_caller(m: Macrostep, call: str, tool: Tool, arguments: Mapping[str, Json]) -> None:
    if m.work.confirming:
        message = f"First the caller has to answer about {open_question(m)}."
        answer(m, call, {"error": "not_available", "message": message})
        return
    words = read_back(m, call, tool, arguments)
    answer(m, call, {"status": "needs_confirmation", "read_back": words})


def read_back(m: Macrostep, call: str, tool: Tool, arguments: Mapping[str, Json]) -> str:
    """Freeze the arguments and have them read back; the words for it."""
    words = _words(m, tool.read_back, arguments)
    m.work = replace(m.work, confirming=Confirmation(call, tool.name, arguments, words))
    return words


def _words(m: Macrostep, who: ReadBack | None, arguments: Mapping[str, Json]) -> str:
    """The author's words for these arguments; our own if something in them is unset."""
    scope = m.scope(args=arguments)
    if who and who.words and who.words.unset(scope) is None:
        return who.words.text(scope)
    return in_words(arguments)


def confirm(m: Macrostep, call: str) -> None:
    """The caller said yes, and has said something since the read-back was heard."""
    asked = m.work.confirming
    assert asked and asked.heard is not None, "what was not heard is not offered to be confirmed"
    if asked.heard >= m.talk.turns:
        message = "The caller has not answered the read-back yet."
        answer(m, call, {"error": "not_confirmed", "message": message})
        return
    if asked.origin == "values":
        _agree(m, call, asked)
        return
    tool = m.flow.tools[asked.tool]
    if not still_so(m, asked) or (asked.origin == "model" and not gate_is_open(m, tool)):
        answer(m, call, {"error": "not_available", "message": "Things have changed since."})
        void(m)
        return
    m.work = replace(m.work, confirming=None)
    made = OpenCall(asked.call, asked.tool, asked.origin, m.place.epoch, asked.arguments, "", m.at)
    _begin(m, replace(made, result_name=asked.result_name, sources=asked.sources), call)
    if tool.mode != "wait":
        m.let_go(asked.call)


def open_question(m: Macrostep) -> str:
    """What the caller has not said yes or no to yet, by a name for the model."""
    assert m.work.confirming
    return m.work.confirming.tool or "what was collected"


def asks_about_a_call(m: Macrostep) -> bool:
    return m.work.confirming is not None and m.work.confirming.origin != "values"


def has_agreed(m: Macrostep) -> bool:
    """Whether the caller agrees to what was collected here. They are asked if that is wanted."""
    collect, asked = m.state.collect, m.work.confirming
    if collect is None or collect.confirm is None:
        return True
    if asked is None:
        values = _collected(m)
        words = _words(m, collect.confirm, values)
        question = Confirmation(m.new_id("values"), "", values, words, origin="values")
        m.work = replace(m.work, confirming=question)
        return False
    if asked.agreed:
        m.work = replace(m.work, confirming=None)
    return asked.agreed


def _collected(m: Macrostep) -> dict[str, Json]:
    names = m.state.collect.variables if m.state.collect else ()
    return {name: m.values.vars.get(name) for name in names}


def _agree(m: Macrostep, call: str, asked: Confirmation) -> None:
    """`collected` happens when the model's answer is over. What steps changed is read back anew."""
    m.place = replace(m.place, collected=True)
    if asked.arguments == _collected(m):
        m.work = replace(m.work, confirming=replace(asked, agreed=True))
        answer(m, call, {"ok": True})
    else:
        m.work = replace(m.work, confirming=None)
        answer(m, call, {"error": "not_available", "message": "Things have changed since."})


def void(m: Macrostep) -> None:
    """What was read back is no longer so: the model may ask again, and a step does."""
    asked = drop_read_back(m, "things have changed since")
    if asked and asked.origin == "step":
        m.do_again(asked.call)


def decline(m: Macrostep, call: str) -> None:
    """The caller did not say yes. Of values, they stay as they are until they are corrected."""
    asked = drop_read_back(m, "the caller said no")
    if asked and asked.origin == "values":
        message = f"Ask what is wrong, and store it with set_{m.place.state}."
        answer(m, call, {"ok": True, "message": message})
        return
    answer(m, call, {"ok": True})
    if asked:
        _denied(m, asked, "caller")


def forbid(m: Macrostep) -> None:
    """A guard has stopped the read-back. Its words would be the same again, so that no yes can
    come to them. Of values, they may be others after the caller's next turn."""
    asked = m.work.confirming
    if asked and asked.origin == "values":
        asked = replace(asked, spoken=None, cut_off=m.talk.turns)
        m.work = replace(m.work, confirming=asked)
    elif asked := drop_read_back(m, "a guard stopped the read-back"):
        note(m, f"{m.flow.tools[asked.tool].alias} was not called: it may not be read back.")
        _denied(m, asked, "guard")


def _denied(m: Macrostep, asked: Confirmation, by: str) -> None:
    """There is no yes to a call. A step that waited for it is the author's to go on from."""
    if asked.origin == "step":
        m.cut_short(asked.call)
    fatal_in = m.place.epoch if asked.origin == "step" else None
    m.happen(f"tool.{asked.tool}.denied", fatal_in=fatal_in, by=by)


def use_by_author(m: Macrostep, todo: UseTool) -> None:
    """A step of the flow calls a tool, and waits for the caller's yes to it, or for its end.

    If the call cannot be made the rest of its list is not done.
    """
    call = _made_by_author(m, todo.tool, todo.arguments)
    if call is None:
        m.skip(m.place.steps[-1])
        return
    call, approval = replace(call, result_name=todo.result_name), todo.approval
    if isinstance(approval, ReadBack) and asks(m, approval, call.arguments):
        _ask_for_the_step(m, call, approval)
        m.hold(call.id)
        return
    start(m, call, approval if isinstance(approval, Review) else None)
    if m.flow.tools[todo.tool].mode == "wait":
        m.hold(call.id)


def _ask_for_the_step(m: Macrostep, call: OpenCall, who: ReadBack) -> None:
    """What the model was asking for has to wait: the flow goes on with this."""
    words = _words(m, who, call.arguments)
    asked = Confirmation(call.id, call.tool, call.arguments, words)
    step = replace(asked, origin="step", result_name=call.result_name, sources=call.sources)
    if m.work.confirming and m.work.confirming.origin == "values":
        m.place = replace(m.place, collected=True)  # to be read back again afterwards
    m.work = replace(m.work, confirming=step)


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
    call = OpenCall(m.new_id("call"), name, "step", m.place.epoch, frozen, "", m.at)
    return replace(call, sources=made_with(m, given))


def use_at_the_end(m: Macrostep, name: str, given: Mapping[str, Template]) -> None:
    """A step of `on_end` calls a tool: nobody waits for it, and it is kept in any case."""
    call = _made_by_author(m, name, given)
    if call:
        start(m, replace(call, origin="end"))
