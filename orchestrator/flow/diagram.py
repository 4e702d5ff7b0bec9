"""A flow's states as a Mermaid flowchart. Pure.

It shows what the author wrote, in the author's order: the same document gives the same text.
Solid arrows are edges; dotted ones leave from wherever the conversation is.
"""

import re
from collections.abc import Iterator

from orchestrator.flow.document import Document, Edge, Interrupt, State

__all__ = ["mermaid"]

LENGTH = 60  # characters of an author's text in a label
MEANT = re.compile(r'["#&<>%`\\;$*]')  # what means something to Mermaid, or to HTML


def mermaid(document: Document) -> str:
    """The diagram of a document without problems, without a fence around it."""
    return "\n".join(["flowchart TD", *(f"  {line}" for line in _lines(document))]) + "\n"


def _lines(document: Document) -> Iterator[str]:
    yield "start(( ))"
    for name, state in document.states.items():
        yield _shape(name, state)
    yield from _beginning(document)
    for name, state in document.states.items():
        yield from _ways(name, state)
    if anywhere := [*_anywhere(document)]:
        yield 'anywhere(["anywhere"])'
        yield from anywhere


def _shape(name: str, state: State) -> str:
    if state.end:
        return f'{_node(name)}(["{name}<br>ends: {_text(state.end.reason)}"])'
    if state.transfer:
        return f'{_node(name)}[["{name}<br>transfers to {_text(state.transfer.to)}"]]'
    if state.handoff:
        return f'{_node(name)}[["{name}<br>hands over to {state.handoff.flow}"]]'
    if state.run is not None:
        return f'{_node(name)}[["{name}<br>runs {state.run}"]]'
    return f'{_node(name)}["{name}"]'


def _beginning(document: Document) -> Iterator[str]:
    yield _arrow("start", _node(document.start))
    for cause in ("voicemail", "busy", "no_answer"):
        if goto := getattr(document.outbound, cause, None):
            yield _arrow("start", _node(goto), cause)


def _ways(name: str, state: State) -> Iterator[str]:
    for edge in state.next:
        otherwise = "otherwise" if len(state.next) > 1 else ""
        yield _arrow(_node(name), _node(edge.goto or name), _cause(edge) or otherwise)
    for silence in state.silence or ():
        if silence.goto:
            yield _arrow(_node(name), _node(silence.goto), f"{silence.after:g} s of silence")
    if state.transfer and state.transfer.on_failed:
        yield _arrow(_node(name), _node(state.transfer.on_failed), "if it fails")


def _anywhere(document: Document) -> Iterator[str]:
    """What can happen in any state."""
    for interrupt in document.interrupts.values():
        goto = _node(interrupt.goto) if interrupt.goto else "anywhere"
        yield _arrow("anywhere", goto, _why(interrupt), "-.->")
    for guard in document.guards.output if document.guards else ():
        if guard.then and guard.then.goto:
            yield _arrow("anywhere", _node(guard.then.goto), f"guard {guard.id}", "-.->")
    for silence in document.silence:
        if silence.goto:
            label = f"{silence.after:g} s of silence"
            yield _arrow("anywhere", _node(silence.goto), label, "-.->")
    if document.on_error:
        yield _arrow("anywhere", _node(document.on_error), "on_error", "-.->")


def _why(interrupt: Interrupt) -> str:
    unless = f", not in {', '.join(interrupt.except_in)}" if interrupt.except_in else ""
    runs = f", runs {interrupt.run}" if interrupt.run is not None else ""
    back = ", and back" if interrupt.returns else ""
    return _occasion(interrupt) + unless + runs + back


def _occasion(interrupt: Interrupt) -> str:
    trigger = _said(interrupt.intent) if interrupt.intent is not None else ""
    trigger = trigger or _text(interrupt.event or "")
    if interrupt.dtmf is not None:
        trigger = f"key {_text(interrupt.dtmf)}"
    if interrupt.signal is not None:
        trigger = f"signal {_text(interrupt.signal)}"
    return _under(trigger, interrupt.when)


def _cause(edge: Edge) -> str:
    """Why an edge is taken: its trigger, with its condition in brackets. Empty if always."""
    return _under(_trigger(edge), edge.when)


def _under(trigger: str, when: str | None) -> str:
    if when is None:
        return trigger
    return f"{trigger} [{_text(when)}]" if trigger else f"if {_text(when)}"


def _trigger(edge: Edge) -> str:
    if edge.intent is not None:
        return _said(edge.intent)
    if edge.dtmf is not None:
        return f"key {_text(edge.dtmf)}"
    if edge.after is not None:
        return f"after {edge.after:g} s"
    if edge.silence is not None:
        return f"{edge.silence:g} s of silence"
    return _text(edge.event or "")


def _node(state: str) -> str:
    """A state may have the name of a word of Mermaid's, such as `end`; its node has not."""
    return f"s_{state}"


def _arrow(source: str, target: str, label: str = "", line: str = "-->") -> str:
    return f'{source} {line}|"{label}"| {target}' if label else f"{source} {line} {target}"


def _said(intent: str) -> str:
    return f"“{_text(intent)}”"


def _text(text: str) -> str:
    """One line, not too long, with nothing in it that Mermaid could take for its own."""
    line = " ".join(text.split())
    if len(line) > LENGTH:
        start = line[: LENGTH - 1]
        line = (start.rpartition(" ")[0] or start).rstrip(" .,;:") + "…"
    return MEANT.sub(lambda found: f"#{ord(found[0])};", line)
