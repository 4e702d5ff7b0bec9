"""`prompting: stable`: what the model is told once. Pure.

The persona and every tool of the flow are fixed when the session is opened, so that what comes
before the conversation never changes, and the service's cache of it holds. What is to be done
now is said by messages as the talk goes on (`talk`).
"""

from collections.abc import Iterator

from orchestrator.dispatch.call import Json
from orchestrator.flow.definition import Flow, ReadBack, State, UseTool
from orchestrator.flow.menu import Schema, Use, function, menu

__all__ = ["every_tool", "fixed", "questions", "state_tools"]


def fixed(flow: Flow) -> tuple[str, tuple[Schema, ...]]:
    """The instructions and the functions that a session is opened with."""
    if flow.session.prompting != "stable":
        return flow.session.persona, ()
    return f"# Role\n{flow.session.persona}" if flow.session.persona else "", every_tool(flow)


def every_tool(flow: Flow) -> tuple[Schema, ...]:
    """All that the model may ask us for in any state. What has one name in several states is one
    tool, with all that is said about it."""
    found: dict[str, list[Schema]] = {}
    for state in flow.states.values():
        for schema in state_tools(flow, state):
            found.setdefault(schema["name"], []).append(schema)
    joined = (_joined(name, schemas) for name, schemas in found.items())
    return (*joined, *(each for name in questions(flow) for each in _answers(name)))


def _answers(name: str) -> Iterator[Schema]:
    for kind, said in (("confirm", "clearly said yes"), ("decline", "did not say yes")):
        prose = f"The caller {said} to what was just read back about {name}."
        yield function(f"{kind}_{name}", prose)


def questions(flow: Flow) -> tuple[str, ...]:
    """What the caller may have to say yes to, by the names that `confirm_` and `decline_` have."""
    collecting = (s.name for s in flow.states.values() if s.collect and s.collect.confirm)
    return (*(flow.tools[name].alias for name in sorted(_asked_about(flow))), *collecting)


def _asked_about(flow: Flow) -> set[str]:
    """The tools to which the caller may have to say yes."""
    states = flow.states.values()
    lists = [
        *(state.do for state in states),
        *(edge.do for state in states for edge in state.next),
        *(interrupt.do for interrupt in flow.interrupts),
        flow.on_start,
    ]
    by_steps = {
        step.tool
        for steps in lists
        for step in steps
        if isinstance(step, UseTool) and isinstance(step.approval, ReadBack)
    }
    return by_steps | {name for name, tool in flow.tools.items() if tool.read_back}


def state_tools(flow: Flow, state: State) -> Iterator[Schema]:
    """All that the model may ask us for in this state, whatever the gates say."""
    for offer in menu(flow, state).offers:
        if not (isinstance(offer, Use) and offer.tool.native):
            yield offer.schema


def _joined(name: str, schemas: list[Schema]) -> Schema:
    if len(schemas) == 1 or all(schema == schemas[0] for schema in schemas):
        return schemas[0]
    prose = " Or: ".join(dict.fromkeys(str(schema["description"]) for schema in schemas))
    fields: dict[str, Json] = {}
    for schema in schemas:
        fields |= schema["parameters"].get("properties", {})
    return function(name, prose, {"type": "object", "properties": fields})
