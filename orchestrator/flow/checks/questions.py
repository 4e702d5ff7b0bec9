"""G023, G024: a state for each question. Pure.

A state is a stage of the call. A model that may only ask for one thing at a time cannot take
the three answers that a caller gives at once.
"""

from orchestrator.flow.checks.walk import complete
from orchestrator.flow.document import Document, State
from orchestrator.flow.part import Report

__all__ = ["check_questions"]

MANY = 3


def check_questions(document: Document, report: Report) -> None:
    if not complete(report, "G001"):
        return
    found = [name for name, state in document.states.items() if _asks_one_thing(state, document)]
    hint = "collect several variables in one state: callers answer three questions at once"
    if len(found) >= MANY:
        message = f"{len(found)} states ask one question each"
        report.warn("G024", document.node.key("states"), message, hint)
        return
    for name in found:
        message = f"'{name}' only asks for one thing before the next state asks for more"
        report.warn("G023", document.node.at("states").key(name), message, hint)


def _asks_one_thing(state: State, document: Document) -> bool:
    """It collects one variable, does nothing else, and then leads to a state that talks."""
    if not state.collect or len(state.collect.vars) != 1 or state.do or state.tools:
        return False
    if len(state.next) != 1 or any(key in state.next[0].node.keys for key in ("if", "set", "do")):
        return False
    after = document.states.get(state.next[0].goto or "")
    return after is not None and after.collect is not None
